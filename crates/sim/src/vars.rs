//! Values for a script's variables, from YAML or JSON.
//!
//! A value takes the type that the script declares: `1m` is a duration where the script has one. What Kapacitor's vars
//! files hold, `{"type": "duration", "value": "1m"}`, is read as well.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_flow::script::closest;
use capstan_flow::{Mode, TaskKind, Value, Var, Vars};
use capstan_gocompat::Regexp;

use crate::moment::parse_duration;
use crate::tree::{Node, Problem};

/// The variables a script declares; none when it has mistakes, which its definition will tell.
pub fn declared(script: &str, kind: TaskKind) -> BTreeMap<String, Var> {
    capstan_flow::define(script, kind, &Vars::new(), Mode::Template)
        .map(|definition| definition.vars)
        .unwrap_or_default()
}

/// Reads values; names that the script does not declare are given back.
pub fn read(node: &Node, declared: &BTreeMap<String, Var>) -> Result<(Vars, Vec<Problem>), Problem> {
    let mut vars = Vars::new();
    let mut others = Vec::new();
    if node.is_null() {
        return Ok((vars, others));
    }
    for (key, value) in node.map()? {
        if let Some(var) = declared.get(&key.text) {
            vars.insert(key.text.clone(), of_type(value, var.kind.name())?);
            continue;
        }
        let problem = Problem::new(key.at, format!("the script has no variable {}", key.text));
        let known = || declared.keys().map(String::as_str);
        others.push(match closest(&key.text, known()) {
            Some(meant) => problem.hint(format!("did you mean {meant}?")),
            None if declared.is_empty() => problem.hint("it declares none"),
            None => {
                let known = known().collect::<Vec<_>>().join(", ");
                problem.hint(format!("it has {known}"))
            }
        });
    }
    Ok((vars, others))
}

/// A value of a declared type, or of the type that it says itself.
fn of_type(node: &Node, declared: &str) -> Result<Value, Problem> {
    let Some(kind) = node.get("type") else {
        return plain(node, declared);
    };
    node.only("a variable", &["type", "value", "description"])?;
    let word = kind.text()?;
    if word != declared {
        return Err(Problem::new(
            kind.at,
            format!("the script declares type {declared}, not {word}"),
        ));
    }
    match (node.get("value"), word) {
        (_, "star") => Ok(Value::Star),
        // In Kapacitor's files a number is nanoseconds.
        (Some(value), "duration") => value
            .int()
            .map(Value::Duration)
            .or_else(|_| plain(value, "duration")),
        (Some(value), _) => plain(value, word),
        (None, _) => Err(Problem::new(node.at, "the variable has no value")),
    }
}

fn plain(node: &Node, kind: &str) -> Result<Value, Problem> {
    let text = || node.text().map(Arc::<str>::from);
    Ok(match kind {
        "int" => Value::Int(node.int()?),
        "float" => Value::Float(node.number()?),
        "bool" => Value::Bool(node.bool()?),
        "string" => Value::String(text()?),
        "duration" => {
            let nanos = parse_duration(node.text()?);
            Value::Duration(nanos.ok_or_else(|| node.expected("a duration such as 90s or 1m"))?)
        }
        "regex" => {
            let pattern = text()?;
            Regexp::new(&pattern).map_err(|error| Problem::new(node.at, error.to_string()))?;
            Value::Regex(pattern)
        }
        "lambda" => {
            let body = capstan_tick::parse_lambda(node.text()?)
                .map_err(|error| Problem::new(node.at, error.to_string()))?;
            Value::Lambda(Arc::new(body))
        }
        "list" => Value::List(node.list().iter().map(item).collect::<Result<_, _>>()?),
        _ => Value::Star,
    })
}

/// An item of a list: lists of variables hold texts, or `*`.
fn item(node: &Node) -> Result<Value, Problem> {
    if let Some(kind) = node.get("type") {
        let word = kind.text()?.to_owned();
        return of_type(node, &word);
    }
    Ok(match node.text()? {
        "*" => Value::Star,
        text => Value::String(text.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse;

    const SCRIPT: &str = "var n = 1 var f = 1.0 var d = 1s var s = 'x' var b = TRUE var r = /a/ var l = lambda: \"v\" > 1 \
                          var g = ['a', *] stream|from()|log()";

    #[test]
    fn values_take_the_types_of_the_script() {
        let declared = declared(SCRIPT, TaskKind::Auto);
        let node =
            parse("{n: 2, f: 2, d: 1m, s: y, b: false, r: '^b', l: '\"v\" > 2', g: ['h', '*'], other: 1}")
                .unwrap();
        let (vars, others) = read(&node, &declared).unwrap();
        assert_eq!(vars["n"], Value::Int(2));
        assert_eq!(vars["f"], Value::Float(2.0));
        assert_eq!(vars["d"], Value::Duration(60_000_000_000));
        assert_eq!(
            vars["g"],
            Value::List(vec![Value::String("h".into()), Value::Star])
        );
        assert!(matches!(vars["l"], Value::Lambda(_)));
        assert_eq!(others.len(), 1);
        let node = parse("{\"d\": {\"type\": \"duration\", \"value\": 5}}").unwrap();
        assert_eq!(read(&node, &declared).unwrap().0["d"], Value::Duration(5));
        for wrong in [
            "n: 1.5",
            "d: soon",
            "r: '('",
            "n: {type: float, value: 1}",
            "b: 1",
        ] {
            assert!(read(&parse(wrong).unwrap(), &declared).is_err(), "{wrong}");
        }
    }
}

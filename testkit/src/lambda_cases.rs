//! Runs the cases of `conformance/lambda`: an expression, then steps that share one function state.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use capstan_base::clock::SystemClock;
use capstan_expr::{ColumnRef, Compiled, Environment, Scope, ScopeValue, Value};
use capstan_gocompat::{Regexp, time_layout};
use capstan_model::{StrValues, Values};
use capstan_tick::ast::{Kind, Node};
use serde_json::{Map, Value as Json};

use crate::report::{CaseResult, Status};
use crate::shared::{self, CaseFile};

/// Runs every case of every file in a folder, by file name.
pub fn run_folder(folder: &Path) -> anyhow::Result<Vec<CaseResult>> {
    shared::each_file(folder, run_file)
}

/// Runs every case of a file. A case's id is `<file>#<id>`.
pub fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let CaseFile { stem, content } = CaseFile::read(file)?;
    let tolerance = content
        .get("float_tolerance")
        .and_then(Json::as_f64)
        .unwrap_or(0.0);
    let cases = content
        .get("cases")
        .and_then(Json::as_array)
        .cloned()
        .unwrap_or_default();
    let environment = Arc::new(Environment::with_zone(
        SystemClock::shared(),
        jiff::tz::TimeZone::UTC,
    ));
    Ok(cases
        .iter()
        .map(|case| {
            let id = format!(
                "{stem}#{}",
                case.get("id").and_then(Json::as_str).unwrap_or_default()
            );
            let (status, detail) = match run_case(case, tolerance, &environment) {
                Ok(()) => (Status::Pass, String::new()),
                Err(error) => (
                    Status::Fail,
                    format!("{}: {error:#}", case.get("expr").unwrap_or(&Json::Null)),
                ),
            };
            CaseResult {
                id,
                kind: "lambda".to_owned(),
                status,
                nodes: Vec::new(),
                detail,
            }
        })
        .collect())
}

fn run_case(case: &Json, tolerance: f64, environment: &Arc<Environment>) -> anyhow::Result<()> {
    let steps = case.get("steps").and_then(Json::as_array).context("no steps")?;
    let compiled = match compile(case, environment) {
        Ok(compiled) => compiled,
        Err(failure) => {
            let expected = steps.first().and_then(|step| step.pointer("/expect/error"));
            return failure.check(expected);
        }
    };
    let mut state = compiled.state();
    for (number, step) in steps.iter().enumerate() {
        if step.get("op").and_then(Json::as_str) == Some("reset") {
            state.reset();
            continue;
        }
        run_step(&compiled, &mut state, step, tolerance).with_context(|| format!("step {number}"))?;
    }
    Ok(())
}

/// An error as cases describe it.
struct Failure {
    phase: &'static str,
    kind: String,
    text: String,
}

impl Failure {
    fn check(&self, expected: Option<&Json>) -> anyhow::Result<()> {
        let expected = expected
            .ok_or_else(|| anyhow!("unexpected {} error {}: {}", self.phase, self.kind, self.text))?;
        let field = |name| expected.get(name).and_then(Json::as_str).unwrap_or_default();
        if field("phase") != self.phase || field("kind") != self.kind {
            bail!(
                "error {}/{} ({}) where {expected} is expected",
                self.phase,
                self.kind,
                self.text
            );
        }
        Ok(())
    }
}

fn compile(case: &Json, environment: &Arc<Environment>) -> Result<Compiled, Failure> {
    let mut node = parse(case.get("expr").and_then(Json::as_str).unwrap_or_default())?;
    let mut lambdas = Vec::new();
    for (name, text) in lambda_variables(case.get("lambdas")) {
        let mut body = parse(text.trim().trim_start_matches("lambda:"))?;
        // As in a script, a lambda variable can use those before it.
        splice(&mut body, &lambdas);
        lambdas.push((name.to_owned(), body));
    }
    splice(&mut node, &lambdas);
    Compiled::with_environment(&node, Arc::clone(environment)).map_err(|error| Failure {
        phase: "compile",
        kind: error.kind().to_owned(),
        text: error.to_string(),
    })
}

/// Names and texts, from `{name: text}`, `{name: {expr: text}}` or `[{name, expr}]`.
fn lambda_variables(given: Option<&Json>) -> Vec<(&str, &str)> {
    match given {
        Some(Json::Object(map)) => map
            .iter()
            .filter_map(|(name, body)| {
                Some((
                    name.as_str(),
                    body.as_str().or_else(|| body.get("expr")?.as_str())?,
                ))
            })
            .collect(),
        Some(Json::Array(list)) => list
            .iter()
            .filter_map(|entry| Some((entry.get("name")?.as_str()?, entry.get("expr")?.as_str()?)))
            .collect(),
        _ => Vec::new(),
    }
}

fn parse(text: &str) -> Result<Node, Failure> {
    capstan_tick::parse_lambda(text).map_err(|error| Failure {
        phase: "compile",
        kind: "syntax".to_owned(),
        text: error.to_string(),
    })
}

/// Puts lambda variables in the place of their names, as binding a script does (T-46).
fn splice(node: &mut Node, lambdas: &[(String, Node)]) {
    match &mut node.kind {
        Kind::Identifier(name) => {
            if let Some((_, body)) = lambdas.iter().find(|(known, _)| known == name) {
                node.kind = Kind::Lambda(Box::new(body.clone()));
            }
        }
        Kind::Unary { operand, .. } => splice(operand, lambdas),
        Kind::Binary(binary) => {
            splice(&mut binary.left, lambdas);
            splice(&mut binary.right, lambdas);
        }
        Kind::Call(call) => call.args.iter_mut().for_each(|arg| splice(arg, lambdas)),
        Kind::Lambda(body) => splice(body, lambdas),
        _ => {}
    }
}

struct CaseScope {
    by_slot: Vec<Option<Value>>,
    names: Vec<String>,
}

impl Scope for CaseScope {
    fn get(&self, slot: usize) -> ScopeValue<'_> {
        self.by_slot
            .get(slot)
            .and_then(Option::as_ref)
            .map_or(ScopeValue::Undefined, Value::as_scope_value)
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.names.clone())
    }
}

fn run_step(
    compiled: &Compiled,
    state: &mut capstan_expr::State,
    step: &Json,
    tolerance: f64,
) -> anyhow::Result<()> {
    let empty = Map::new();
    let given = step.get("scope").and_then(Json::as_object).unwrap_or(&empty);
    let by_slot: Vec<Option<Value>> = compiled
        .references()
        .iter()
        .map(|name| given.get(&**name).map(value).transpose())
        .collect::<anyhow::Result<_>>()?;
    let scope = CaseScope {
        by_slot,
        names: given.keys().cloned().collect(),
    };
    let eval = step.get("eval").and_then(Json::as_str).unwrap_or("any");
    let result = match eval {
        "bool" => compiled.eval_bool(state, &scope).map(Value::Bool),
        "int" => compiled.eval_int(state, &scope).map(Value::Int),
        "float" => compiled.eval_float(state, &scope).map(Value::Float),
        "string" => compiled.eval_string(state, &scope).map(Value::String),
        "duration" => compiled.eval_duration(state, &scope).map(Value::Duration),
        _ => compiled.eval(state, &scope),
    };
    let expected = step.get("expect").context("no expect")?;
    match &result {
        Ok(found) => {
            if expected.get("error").is_some() {
                bail!("{found:?} where {expected} is expected");
            }
            let wanted = value(expected)?;
            if !equal(&wanted, found, tolerance) {
                bail!("{found:?} where {wanted:?} is expected");
            }
        }
        Err(error) => {
            let failure = Failure {
                phase: "eval",
                kind: error.kind().to_owned(),
                text: error.to_string(),
            };
            failure.check(expected.get("error"))?;
        }
    }
    // The columnar form either declines or says the same.
    if eval == "any"
        && let Some(values) = by_column(compiled, &scope)
    {
        let row = result.map_err(|error| anyhow!("columns give {values:?}, rows {error}"))?;
        for at in 0..ROWS {
            if !in_column(&values, at).is_some_and(|column| equal(&row, &column, 0.0)) {
                bail!("columns give {values:?}, rows {row:?}");
            }
        }
    }
    Ok(())
}

const ROWS: usize = 3;

/// The same expression over a block of equal rows.
fn by_column(compiled: &Compiled, scope: &CaseScope) -> Option<Values> {
    let stored: Vec<Values> = scope
        .by_slot
        .iter()
        .map(|value| {
            Some(match value.as_ref()? {
                Value::Float(v) => Values::Float(vec![*v; ROWS]),
                Value::Int(v) | Value::Time(v) => Values::Int(vec![*v; ROWS]),
                Value::Bool(v) => Values::Bool(vec![*v; ROWS]),
                Value::Duration(v) => Values::Duration(vec![*v; ROWS]),
                Value::String(v) => {
                    let mut texts = StrValues::default();
                    (0..ROWS).for_each(|_| texts.push(v));
                    Values::Str(texts)
                }
                Value::Regex(_) | Value::Missing | Value::Null => return None,
            })
        })
        .collect::<Option<_>>()?;
    let columns: Vec<ColumnRef<'_>> = stored
        .iter()
        .zip(&scope.by_slot)
        .map(|(values, value)| {
            Some(match (values, value) {
                (Values::Int(v), Some(Value::Time(_))) => ColumnRef::Time(v),
                (Values::Float(v), _) => ColumnRef::Float(v),
                (Values::Int(v), _) => ColumnRef::Int(v),
                (Values::Bool(v), _) => ColumnRef::Bool(v),
                (Values::Duration(v), _) => ColumnRef::Duration(v),
                (Values::Str(v), _) => ColumnRef::Text(v),
                (Values::Mixed(_), _) => return None,
            })
        })
        .collect::<Option<_>>()?;
    compiled.eval_columns(ROWS, &columns)
}

fn in_column(values: &Values, row: usize) -> Option<Value> {
    Some(match values {
        Values::Float(v) => Value::Float(*v.get(row)?),
        Values::Int(v) => Value::Int(*v.get(row)?),
        Values::Bool(v) => Value::Bool(*v.get(row)?),
        Values::Duration(v) => Value::Duration(*v.get(row)?),
        Values::Str(v) => Value::String(v.get(row).into()),
        Values::Mixed(_) => return None,
    })
}

/// A typed value of a case.
fn value(json: &Json) -> anyhow::Result<Value> {
    let inner = json.get("value").unwrap_or(&Json::Null);
    let text = inner.as_str();
    let int = || match text {
        Some(text) => text.parse::<i64>().with_context(|| text.to_owned()),
        None => inner
            .as_i64()
            .or_else(|| inner.as_f64().map(|v| v as i64))
            .context("not an integer"),
    };
    Ok(
        match json
            .get("type")
            .and_then(Json::as_str)
            .context("a value without a type")?
        {
            "float" => Value::Float(match text {
                Some("NaN") => f64::NAN,
                Some("+Inf" | "Inf") => f64::INFINITY,
                Some("-Inf") => f64::NEG_INFINITY,
                Some(text) => text.parse()?,
                None => inner.as_f64().context("not a number")?,
            }),
            "int" => Value::Int(int()?),
            "duration" => Value::Duration(int()?),
            "bool" => Value::Bool(inner.as_bool().context("not a boolean")?),
            "string" => Value::String(text.context("not a text")?.into()),
            "regex" => Value::Regex(Arc::new(Regexp::new(text.context("not a text")?)?)),
            "time" => {
                Value::Time(time_layout::parse_rfc3339(text.context("not a text")?).context("not a time")?)
            }
            "null" => Value::Null,
            "missing" => Value::Missing,
            other => bail!("unknown type {other}"),
        },
    )
}

fn equal(wanted: &Value, found: &Value, tolerance: f64) -> bool {
    match (wanted, found) {
        (Value::Float(a), Value::Float(b)) => {
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * a.abs().max(b.abs())
        }
        _ => wanted == found,
    }
}

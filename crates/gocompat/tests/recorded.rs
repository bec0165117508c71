//! Every row of the tables recorded from real Go (`testdata/*.json`) compared with this crate.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use capstan_gocompat::fmt::{format_float, sprint, sprintf, sprintln};
use capstan_gocompat::template::{self, Functions, MissingKey};
use capstan_gocompat::value::{ContentKind, Function, Named, Parameter, Struct};
use capstan_gocompat::{Regexp, Value, duration, json, strconv, time_layout};
use serde_json::Value as Json;

/// Reads a table; `CAPSTAN_RECORDED` names another folder of them, such as one recorded just now.
fn table(name: &str) -> Vec<Json> {
    let folder = std::env::var("CAPSTAN_RECORDED");
    let folder = folder.unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/testdata").to_owned());
    let path = Path::new(&folder).join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn text<'a>(row: &'a Json, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_else(|| panic!("{key} of {row}"))
}

fn number(json: &Json) -> i64 {
    json.as_str().unwrap().parse().unwrap()
}

/// Builds the value that the recorder wrote with its type.
fn value(json: &Json) -> Value {
    let (kind, inner) = match json {
        Json::Null => return Value::Nil,
        Json::Bool(flag) => return Value::Bool(*flag),
        Json::String(text) => return Value::from(text.as_str()),
        Json::Object(object) => object.iter().next().unwrap(),
        other => panic!("no value: {other}"),
    };
    let content = |kind| Value::Content(kind, inner.as_str().unwrap().into());
    match kind.as_str() {
        "int" => Value::NativeInt(number(inner)),
        "int64" => Value::Int(number(inner)),
        "uint8" => Value::Byte(number(inner) as u8),
        "float64" => Value::Float(strconv::parse_float(inner.as_str().unwrap()).unwrap()),
        "duration" => Value::Duration(number(inner)),
        "time" => Value::Time(number(inner)),
        "month" => Value::Named(Named {
            type_name: "time.Month",
            value: number(inner),
            text: "March".into(),
        }),
        "HTML" => content(ContentKind::Html),
        "JS" => content(ContentKind::Js),
        "JSStr" => content(ContentKind::JsStr),
        "URL" => content(ContentKind::Url),
        "CSS" => content(ContentKind::Css),
        "HTMLAttr" => content(ContentKind::HtmlAttr),
        "Srcset" => content(ContentKind::Srcset),
        "bytes" => {
            let bytes: Vec<u8> = inner
                .as_array()
                .unwrap()
                .iter()
                .map(|byte| byte.as_u64().unwrap() as u8)
                .collect();
            Value::Bytes(bytes.into())
        }
        "list" => Value::list(inner.as_array().unwrap().iter().map(value)),
        "strings" => Value::string_list(
            inner
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item.as_str().unwrap()),
        ),
        "tags" => Value::string_map(
            inner
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, item)| (key.as_str(), item.as_str().unwrap())),
        ),
        "map" => Value::map(
            inner
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, item)| (key.as_str(), value(item))),
        ),
        "event" => event(inner),
        other => panic!("no kind {other}"),
    }
}

/// The struct of the recorder with its methods.
fn event(fields: &Json) -> Value {
    let mut data = Struct::new("main.event");
    let names = ["ID", "Level", "Time", "Duration", "Tags", "Fields", "Empty"];
    for (field, name) in fields.as_array().unwrap().iter().zip(names) {
        assert_eq!(field[0], name);
        data = data.field(name, value(&field[1]));
    }
    let hello = Function::new(&[Parameter::String, Parameter::NativeInt], |args| {
        Ok(Value::from(format!("hello {}", sprint_joined(args))))
    });
    data = data
        .method("Hello", hello)
        .method("Host", Function::new(&[], |_| Ok(Value::from("a"))))
        .method("Fail", Function::new(&[], |_| Err("no luck".to_owned())));
    data.into()
}

fn sprint_joined(args: &[Value]) -> String {
    args.iter()
        .map(|arg| sprint(std::slice::from_ref(arg)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn functions() -> Functions {
    let string = |args: &[Value], index: usize| sprint(&args[index..=index]);
    Functions::new()
        .with(
            "json",
            Function::new(&[Parameter::Any], |args| {
                // An encoder that fails has written nothing.
                let text = json::marshal(&args[0]).map_or(String::new(), |text| text + "\n");
                Ok(Value::Content(ContentKind::Js, text.into()))
            }),
        )
        .with(
            "upper",
            Function::new(&[Parameter::String], move |args| {
                Ok(Value::from(string(args, 0).to_uppercase()))
            }),
        )
        .with(
            "repeat",
            Function::new(&[Parameter::NativeInt, Parameter::String], move |args| {
                let Value::NativeInt(count) = args[0] else {
                    panic!()
                };
                Ok(Value::from(string(args, 1).repeat(count as usize)))
            }),
        )
        .with(
            "join",
            Function::new(&[Parameter::String], move |args| {
                let rest: Vec<String> = (1..args.len()).map(|index| string(args, index)).collect();
                Ok(Value::from(rest.join(&string(args, 0))))
            })
            .variadic(Parameter::String),
        )
        .with(
            "later",
            Function::new(
                &[
                    Parameter::Duration,
                    Parameter::Float,
                    Parameter::Bool,
                    Parameter::Int,
                ],
                move |args| Ok(Value::from(string(args, 0))),
            ),
        )
        .with(
            "many",
            Function::new(&[], |args| Ok(Value::NativeInt(args.len() as i64))).variadic(Parameter::Any),
        )
}

/// Fails with all rows that differ.
fn report(name: &str, rows: usize, differences: &[String]) {
    assert!(rows > 0, "{name} is empty");
    assert!(
        differences.is_empty(),
        "{name}: {} of {rows} differ\n{}",
        differences.len(),
        differences.join("\n")
    );
}

fn compare(differences: &mut Vec<String>, what: impl std::fmt::Display, got: &str, want: &str) {
    if got != want {
        differences.push(format!("{what}\n   got {got:?}\n  want {want:?}"));
    }
}

/// What this crate refuses on purpose where Go does not.
fn is_refused_on_purpose(body: &str) -> bool {
    body.contains("1+2i")
}

#[test]
fn templates_print_and_fail_as_in_go() {
    let rows = table("templates");
    let datasets = &rows[0]["datasets"];
    let functions = functions();
    let mut differences = Vec::new();
    for row in &rows[1..] {
        let (kind, name, body) = (text(row, "kind"), text(row, "name"), text(row, "text"));
        if is_refused_on_purpose(body) {
            continue;
        }
        let data = value(&datasets[text(row, "data")]);
        let missing = match row["missingkey"].as_str() {
            Some("zero") => MissingKey::Zero,
            Some("error") => MissingKey::Error,
            _ => MissingKey::Default,
        };
        let result = if kind == "html" {
            template::html::Template::parse(name, body, &functions)
                .and_then(|template| template.missing_key(missing).execute(&data))
        } else {
            template::Template::parse(name, body, &functions)
                .and_then(|template| template.missing_key(missing).execute(&data))
        };
        let got = match result {
            Ok(out) => format!("ok: {out}"),
            Err(error) => format!("error: {error}"),
        };
        let want = match row["err"].as_str() {
            Some(error) => format!("error: {error}"),
            None => format!("ok: {}", text(row, "out")),
        };
        compare(&mut differences, format!("{kind} {body:?}"), &got, &want);
    }
    report("templates", rows.len(), &differences);
}

#[test]
fn verbs_print_as_in_go() {
    let rows = table("verbs");
    let mut differences = Vec::new();
    for row in &rows {
        let args: Vec<Value> = row["args"].as_array().unwrap().iter().map(value).collect();
        let format = text(row, "format");
        compare(
            &mut differences,
            format!("{format:?} {}", row["args"]),
            &sprintf(format, &args),
            text(row, "out"),
        );
    }
    report("verbs", rows.len(), &differences);
}

#[test]
fn prints_print_as_in_go() {
    let rows = table("prints");
    let mut differences = Vec::new();
    for row in &rows {
        let args: Vec<Value> = row["args"].as_array().unwrap().iter().map(value).collect();
        compare(&mut differences, &row["args"], &sprint(&args), text(row, "print"));
        compare(
            &mut differences,
            &row["args"],
            &sprintln(&args),
            text(row, "println"),
        );
    }
    report("prints", rows.len(), &differences);
}

#[test]
fn floats_print_as_in_go() {
    let rows = table("floats");
    let mut differences = Vec::new();
    for row in &rows {
        let float = f64::from_bits(u64::from_str_radix(text(row, "bits"), 16).unwrap());
        for (key, want) in row.as_object().unwrap() {
            let want = want.as_str().unwrap();
            let got = match key.as_str() {
                "bits" => continue,
                "json" => strconv::format_float_json(float).unwrap(),
                key => {
                    let precision: i32 = key[1..].parse().unwrap();
                    format_float(
                        float,
                        key.chars().next().unwrap(),
                        usize::try_from(precision).ok(),
                    )
                }
            };
            compare(&mut differences, format!("{float:e} {key}"), &got, want);
        }
    }
    report("floats", rows.len(), &differences);
}

#[test]
fn durations_are_read_and_printed_as_in_go() {
    let rows = table("durations");
    let mut differences = Vec::new();
    for row in &rows {
        let source = text(row, "text");
        let (got, want) = match duration::parse_go(source) {
            Ok(nanos) => (
                format!("{nanos} {}", duration::format_go(nanos)),
                format!(
                    "{} {}",
                    row["nanos"].as_str().unwrap_or("?"),
                    row["out"].as_str().unwrap_or("?")
                ),
            ),
            Err(error) => (error.to_string(), row["err"].as_str().unwrap_or("ok").to_owned()),
        };
        compare(&mut differences, format!("{source:?}"), &got, &want);
    }
    report("durations", rows.len(), &differences);
}

#[test]
fn times_print_as_in_go() {
    let rows = table("times");
    let mut differences = Vec::new();
    for row in &rows {
        let nanos = number(&row["nanos"]);
        let layout = text(row, "layout");
        let got = match layout {
            "String" => time_layout::format_string(nanos),
            layout => time_layout::format(nanos, layout),
        };
        compare(
            &mut differences,
            format!("{nanos} {layout:?}"),
            &got,
            text(row, "out"),
        );
    }
    report("times", rows.len(), &differences);
}

#[test]
fn regexps_match_as_in_go() {
    let rows = table("regexps");
    let mut differences = Vec::new();
    for row in &rows {
        let pattern = text(row, "pattern");
        // Newer versions of Go than the recorded one take this form of named groups, as this crate does.
        if pattern.starts_with("(?<n>") {
            continue;
        }
        let regexp = match Regexp::new(pattern) {
            Ok(regexp) => regexp,
            Err(error) => {
                let want = row["err"].as_str().unwrap_or("ok");
                compare(&mut differences, format!("{pattern:?}"), &error.to_string(), want);
                continue;
            }
        };
        if let Some(error) = row["err"].as_str() {
            compare(&mut differences, format!("{pattern:?}"), "ok", error);
            continue;
        }
        let inputs = row["inputs"].as_array().unwrap();
        for (index, input) in inputs.iter().enumerate() {
            let input = input.as_str().unwrap();
            let what = || format!("{pattern:?} on {input:?}");
            let matches = regexp.is_match(input).to_string();
            compare(
                &mut differences,
                what(),
                &matches,
                &row["matches"][index].to_string(),
            );
            let replaced = regexp
                .replace_all(input, "<$1|${name}|$$>", 1 << 20)
                .unwrap_or_default();
            compare(
                &mut differences,
                what(),
                &replaced,
                row["replaced"][index].as_str().unwrap(),
            );
        }
    }
    report("regexps", rows.len(), &differences);
}

#[test]
fn equal_templates_may_run_on_many_threads() {
    fn assert_shared<T: Send + Sync + Clone>() {}
    assert_shared::<template::Template>();
    assert_shared::<template::html::Template>();
    assert_shared::<Arc<Value>>();
}

//! Replays Kapacitor's recorded conversations (`conformance/http`) that need only what is built.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use regex::Regex;
use serde_json::Value;

use crate::fixture::Server;

fn folder() -> Option<PathBuf> {
    let shared = std::env::var("CAPSTAN_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let folder = PathBuf::from(shared).join("conformance/http");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no recorded conversations at {}", folder.display());
    None
}

/// Whether every request of a file is about something that is built.
fn in_scope(file: &Value) -> bool {
    const PATHS: [&str; 5] = [
        "/kapacitor/v1/tasks",
        "/kapacitor/v1/ping",
        "/kapacitor/v1/write",
        "/kapacitor/v1/loglevel",
        "/kapacitor/v1/debug/vars",
    ];
    let supported = |exchange: &Value| {
        let uri = exchange["request"]["uri"].as_str().unwrap_or_default();
        let body = &exchange["request"]["body"]["json"];
        PATHS.iter().any(|path| uri.starts_with(path))
            && body.get("template-id").is_none()
            // Batch tasks and sideload come later.
            && !["batch", "sideload"].iter().any(|word| body["script"].as_str().unwrap_or_default().contains(word))
    };
    file["default_config"] == true && exchanges(file).all(supported)
}

fn exchanges(file: &Value) -> impl Iterator<Item = &Value> {
    file["sessions"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(session)
}

fn session(session: &Value) -> impl Iterator<Item = &Value> {
    session["exchanges"]
        .as_array()
        .or(session.as_array())
        .into_iter()
        .flatten()
}

#[tokio::test]
async fn recorded_conversations_are_answered_as_recorded() {
    let Some(folder) = folder() else { return };
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let (mut passed, mut out_of_scope, mut failures) = (0, 0, Vec::new());
    for path in names {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        if !in_scope(&file) {
            out_of_scope += 1;
            continue;
        }
        match replay(&file).await {
            Ok(()) => passed += 1,
            Err(reason) => failures.push(format!("{}: {reason}", path.file_stem().unwrap().display())),
        }
    }
    println!(
        "recorded conversations: {passed} passed, {} failed, {out_of_scope} need what is not built",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

async fn replay(file: &Value) -> Result<(), String> {
    for exchanges in file["sessions"].as_array().into_iter().flatten() {
        let server = Server::new();
        let mut seen = BTreeMap::new();
        for exchange in session(exchanges) {
            let mut outcome = Ok(());
            // What happens on a task's thread takes a moment.
            for _ in 0..300 {
                outcome = exchange_once(&server, exchange, &mut seen).await;
                if outcome.is_ok() || exchange["request"]["method"] != "GET" {
                    break;
                }
                capstan_runtime::sleep(Duration::from_millis(10)).await;
            }
            outcome.map_err(|reason| {
                format!(
                    "{} {}: {reason}",
                    exchange["request"]["method"], exchange["request"]["uri"]
                )
            })?;
        }
    }
    Ok(())
}

async fn exchange_once(
    server: &Server,
    exchange: &Value,
    seen: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    let request = &exchange["request"];
    let mut uri = request["uri"].as_str().unwrap().to_owned();
    for (mask, text) in &*seen {
        uri = uri.replace(&format!("${{{mask}}}"), text);
    }
    let mut sent = Request::builder()
        .method(request["method"].as_str().unwrap())
        .uri(uri);
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        sent = sent.header(name, value.as_str().unwrap());
    }
    let body = match (&request["body"]["json"], &request["body"]["text"]) {
        (Value::Null, Value::String(text)) => Body::from(text.clone()),
        (Value::Null, _) => Body::empty(),
        (json, _) => Body::from(json.to_string()),
    };
    let answer = server.send(sent.body(body).unwrap()).await;
    let expected = &exchange["response"];
    if expected["status"] != answer.status {
        return Err(format!(
            "status {} instead of {}: {}",
            answer.status,
            expected["status"],
            answer.text()
        ));
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        if answer.header(name) != value.as_str().unwrap() {
            return Err(format!("header {name} is {:?}", answer.header(name)));
        }
    }
    match &expected["body"] {
        Value::Null => Ok(()),
        body if body["any"] == true => Ok(()),
        body if body.get("text").is_some() => same(&body["text"], &Value::from(answer.text()), "body", seen),
        body => same(&body["json"], &answer.json(), "body", seen),
    }
}

/// Compares what was recorded with what came, with masks.
fn same(expected: &Value, got: &Value, at: &str, seen: &mut BTreeMap<String, String>) -> Result<(), String> {
    let different = || Err(format!("{at} is {got}, not {expected}"));
    match (expected, got) {
        (Value::String(mask), _) if mask == "${ANY}" => Ok(()),
        (Value::String(pattern), Value::String(text)) if pattern.contains("${") => {
            if matches(pattern, text, seen) {
                Ok(())
            } else {
                different()
            }
        }
        (Value::Object(expected), Value::Object(got)) => {
            if expected.keys().ne(got.keys()) {
                let keys = |object: &serde_json::Map<String, Value>| {
                    let mut keys: Vec<String> = object.keys().cloned().collect();
                    keys.sort();
                    keys.join(" ")
                };
                if keys(expected) != keys(got) {
                    return Err(format!("{at} has {}, not {}", keys(got), keys(expected)));
                }
            }
            expected
                .iter()
                .try_for_each(|(key, value)| same(value, &got[key], &format!("{at}.{key}"), seen))
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => expected
            .iter()
            .zip(got)
            .try_for_each(|(expected, got)| same(expected, got, at, seen)),
        (Value::Number(expected), Value::Number(got)) if expected.as_f64() == got.as_f64() => Ok(()),
        (expected, got) if expected == got => Ok(()),
        _ => different(),
    }
}

fn matches(pattern: &str, text: &str, seen: &mut BTreeMap<String, String>) -> bool {
    let masks = Regex::new(r"\$\{([A-Z]+[0-9]*)\}").unwrap();
    let mut regex = String::from("(?s)^");
    let mut names = Vec::new();
    let mut last = 0;
    for found in masks.captures_iter(pattern) {
        let whole = found.get(0).unwrap();
        regex.push_str(&regex::escape(&pattern[last..whole.start()]));
        last = whole.end();
        match seen.get(&found[1]) {
            Some(known) => regex.push_str(&regex::escape(known)),
            None => regex.push_str("(.*?)"),
        }
        names.push(found[1].to_owned());
    }
    regex.push_str(&regex::escape(&pattern[last..]));
    regex.push('$');
    let Some(found) = Regex::new(&regex).unwrap().captures(text) else {
        return false;
    };
    let unknown: Vec<String> = names
        .into_iter()
        .filter(|name| !seen.contains_key(name))
        .collect();
    for (at, name) in unknown.into_iter().enumerate() {
        if name.starts_with("UUID") || name.starts_with("ADDR") {
            seen.insert(name, found[at + 1].to_owned());
        }
    }
    true
}

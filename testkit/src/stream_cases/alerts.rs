//! What alert handlers sent against what they should have.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value as Json;

use super::compare;
use crate::outside::{Mail, Outside, Ran, Request};

/// Compares what one kind of handler sent.
pub(super) fn check(expect: &Json, outside: &Outside) -> Result<(), String> {
    match expect["type"].as_str().unwrap_or_default() {
        "alerts" => alerts(expect, outside),
        "exec" => commands(expect, &outside.commands.ran()),
        "smtp" => mails(expect, &outside.mail.mails()),
        _ => Ok(()),
    }
}

fn alerts(expect: &Json, outside: &Outside) -> Result<(), String> {
    let bodies = match expect["via"].as_str().unwrap_or("post") {
        "tcp" => outside.tcp.received(),
        "log" => logged(expect)?,
        _ => {
            let requests = outside.http.requests();
            headers(expect, &requests)?;
            requests.into_iter().map(|request| request.body).collect()
        }
    };
    let wanted = expect["events"].as_array();
    let count = expect["count"]
        .as_u64()
        .or(wanted.map(|wanted| wanted.len() as u64));
    if count.is_some_and(|count| count != bodies.len() as u64) {
        return Err(format!(
            "expected {count:?} alerts, got {}: {bodies:#?}",
            bodies.len()
        ));
    }
    let Some(wanted) = wanted else { return Ok(()) };
    let ignore_data = expect["ignore_data"] == Json::Bool(true);
    let event = |body: &String| {
        let mut event: Json =
            serde_json::from_str(body).map_err(|error| format!("{body:?} is no event: {error}"))?;
        if ignore_data && let Some(event) = event.as_object_mut() {
            event.remove("data");
        }
        Ok::<_, String>(event)
    };
    let got: Vec<Json> = bodies.iter().map(event).collect::<Result<_, _>>()?;
    pairs(expect, wanted, &got, |wanted, got| {
        let mut wanted = wanted.clone();
        if ignore_data && let Some(wanted) = wanted.as_object_mut() {
            wanted.remove("data");
        }
        compare::equal(&wanted, got)
    })
}

/// In order, or each wanted one somewhere among those that came.
fn pairs<T: std::fmt::Debug>(
    expect: &Json,
    wanted: &[Json],
    got: &[T],
    same: impl Fn(&Json, &T) -> bool,
) -> Result<(), String> {
    if wanted.len() != got.len() {
        return Err(format!("expected {}, got {}: {got:#?}", wanted.len(), got.len()));
    }
    for (at, wanted) in wanted.iter().enumerate() {
        let found = if expect["ordered"] == Json::Bool(false) {
            got.iter().any(|got| same(wanted, got))
        } else {
            same(wanted, &got[at])
        };
        if !found {
            return Err(format!("number {at}: expected {wanted:#}, got {got:#?}"));
        }
    }
    Ok(())
}

fn headers(expect: &Json, requests: &[Request]) -> Result<(), String> {
    for (name, value) in expect["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        for request in requests {
            let got = request.header(name).unwrap_or_default();
            if got != value {
                return Err(format!("header {name}: expected {value:?}, got {got:?}"));
            }
        }
    }
    Ok(())
}

/// The lines of a log file, whose mode is compared too.
fn logged(expect: &Json) -> Result<Vec<String>, String> {
    let file = expect["file"].as_str().unwrap_or_default();
    let failed = |error: std::io::Error| format!("{file}: {error}");
    let mode = std::fs::metadata(file).map_err(failed)?.permissions().mode() & 0o777;
    let octal = format!("{mode:o}");
    let fits = match &expect["mode"] {
        Json::Null => true,
        Json::String(text) => text.trim_start_matches("0o").trim_start_matches('0') == octal,
        number => number
            .as_u64()
            .is_some_and(|number| number == u64::from(mode) || format!("{number}") == octal),
    };
    if !fits {
        return Err(format!("{file}: expected mode {}, got {octal}", expect["mode"]));
    }
    let text = std::fs::read_to_string(file).map_err(failed)?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn commands(expect: &Json, got: &[Ran]) -> Result<(), String> {
    let wanted = expect["commands"].as_array().cloned().unwrap_or_default();
    pairs(expect, &wanted, got, |wanted, got| {
        let arguments = wanted["args"].as_array().into_iter().flatten();
        let arguments: Vec<&str> = arguments.filter_map(Json::as_str).collect();
        let input: Json = serde_json::from_str(&got.input).unwrap_or_default();
        wanted["prog"].as_str() == Some(&got.program)
            && arguments == got.arguments
            && (wanted["stdin_alert"].is_null() || compare::equal(&wanted["stdin_alert"], &input))
            && wanted["stdin_trailing_newline"]
                .as_bool()
                .is_none_or(|wanted| wanted == got.input.ends_with('\n'))
    })
}

fn mails(expect: &Json, got: &[Mail]) -> Result<(), String> {
    let wanted = expect["messages"].as_array().cloned().unwrap_or_default();
    pairs(expect, &wanted, got, |wanted, got| {
        let value = |name: &str| {
            got.headers
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
        };
        // A header's values are a list, as Go's library has them, or one text.
        let text = |wanted: &Json| match wanted {
            Json::Array(values) => values.first().and_then(Json::as_str).map(str::to_owned),
            other => other.as_str().map(str::to_owned),
        };
        let mut headers = wanted["headers"].as_object().into_iter().flatten();
        let body = wanted["body"].as_str().unwrap_or_default();
        headers.all(|(name, wanted)| text(wanted).as_deref() == value(name))
            && body.trim_end_matches('\n') == got.body.trim_end_matches('\n')
    })
}

//! What servers were sent against what they should have been.

use std::sync::Arc;

use capstan_flow::ports::{PostRequest, WriteRequest};
use capstan_gocompat::time_layout::parse_rfc3339;
use capstan_model::{ParseOptions, Precision, SeriesIndex, Tags, ValueRef, line_protocol};
use serde_json::{Map, Value as Json};

use super::compare;
use super::world::SERVER_URL;

/// Compares the requests of `httpPost` nodes.
pub(super) fn posts(expect: &Json, got: &[PostRequest]) -> Result<(), String> {
    let wanted = expect["requests"].as_array();
    let count = expect["count"]
        .as_u64()
        .or(wanted.map(|wanted| wanted.len() as u64));
    if count.is_some_and(|count| count != got.len() as u64) {
        return Err(format!("expected {count:?} requests, got {}: {got:?}", got.len()));
    }
    for (at, wanted) in wanted.into_iter().flatten().enumerate() {
        if expect["ordered"] == Json::Bool(false) {
            if !got.iter().any(|got| post(wanted, got).is_ok()) {
                return Err(format!("no request like {wanted} in {got:?}"));
            }
        } else {
            let got = got.get(at).ok_or_else(|| format!("request {at} is missing"))?;
            post(wanted, got).map_err(|error| format!("request {at}: {error}"))?;
        }
    }
    Ok(())
}

fn post(wanted: &Json, got: &PostRequest) -> Result<(), String> {
    if wanted["result"].is_object() {
        compare::series(&wanted["result"], &got.body, "")?;
    }
    if let Some(body) = wanted["body_text"].as_str()
        && body != got.body
    {
        return Err(format!("expected body {body:?}, got {:?}", got.body));
    }
    if let Some(path) = wanted["path"].as_str() {
        let own = got.url.strip_prefix(SERVER_URL).unwrap_or(&got.url);
        // A URL without a path asks for the root.
        let own = if own.is_empty() { "/" } else { own };
        if path != own && unescaped(own) != path {
            return Err(format!("expected path {path:?}, got {own:?}"));
        }
    }
    for (name, value) in wanted["headers"].as_object().into_iter().flatten() {
        let sent = got
            .headers
            .iter()
            .rev()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        let sent = match sent {
            Some((_, value)) => value.clone(),
            None if name.eq_ignore_ascii_case("authorization") => authorization(got),
            None => String::new(),
        };
        let wanted = value.as_str().unwrap_or_default();
        if sent != wanted {
            return Err(format!("header {name}: expected {wanted:?}, got {sent:?}"));
        }
    }
    Ok(())
}

/// The path without percent signs.
fn unescaped(path: &str) -> String {
    let mut out = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%');
        let hex = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(hex.unwrap_or(byte));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What basic authentication puts into a request.
fn authorization(request: &PostRequest) -> String {
    let Some((user, password)) = &request.basic_auth else {
        return String::new();
    };
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from(word[0]) << 16 | u32::from(word[1]) << 8 | u32::from(word[2]);
        for at in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// Compares the writes of `influxDBOut` nodes.
pub(super) fn writes(expect: &Json, got: &[Arc<WriteRequest>]) -> Result<(), String> {
    let wanted: Vec<&Json> = expect["writes"].as_array().into_iter().flatten().collect();
    if wanted.len() != got.len() {
        return Err(format!("expected {} writes, got {got:?}", wanted.len()));
    }
    for (wanted, got) in wanted.into_iter().zip(got) {
        let query = [
            ("db", &got.database),
            ("rp", &got.retention_policy),
            ("precision", &got.precision),
            ("consistency", &got.consistency),
        ];
        for (name, value) in wanted["query"].as_object().into_iter().flatten() {
            let sent = query
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| &***value);
            if sent.unwrap_or_default() != value.as_str().unwrap_or_default() {
                return Err(format!("{name}: expected {value}, got {sent:?}"));
            }
        }
        points(&wanted["points"], got)?;
    }
    Ok(())
}

fn points(wanted: &Json, got: &WriteRequest) -> Result<(), String> {
    let options = ParseOptions {
        precision: Precision::parse(&got.precision).ok_or("an unknown precision")?,
        ..ParseOptions::default()
    };
    let mut index = SeriesIndex::new(&*got.database, &*got.retention_policy);
    let parsed = line_protocol::parse(&mut index, got.body.as_bytes(), &options);
    let mut rows = Vec::new();
    for batch in &parsed.batches {
        for run in batch.runs() {
            let block = &batch.blocks[run.block as usize];
            rows.extend((run.start..run.start + run.len).map(|row| (block, row as usize)));
        }
    }
    let wanted: Vec<&Json> = wanted.as_array().into_iter().flatten().collect();
    if wanted.len() != rows.len() {
        return Err(format!("expected {} points, got {}", wanted.len(), got.body));
    }
    for (wanted, (block, row)) in wanted.into_iter().zip(rows) {
        let tags = wanted["tags"].as_object().cloned().unwrap_or_default();
        let tags = tags
            .iter()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
        let fields: Map<String, Json> = block
            .fields(row)
            .map(|(name, value)| (name.to_owned(), typed(value)))
            .collect();
        let time = wanted["time"].as_str().and_then(parse_rfc3339);
        let same = wanted["name"].as_str() == Some(&*block.name)
            && block.tags(row) == Tags::from_pairs(tags)
            && time == Some(block.time[row])
            && same_fields(&wanted["fields"], &fields);
        if !same {
            return Err(format!("expected {wanted}, got {}", got.body));
        }
    }
    Ok(())
}

/// Types are compared as words, numbers as numbers.
fn same_fields(wanted: &Json, got: &Map<String, Json>) -> bool {
    let Some(wanted) = wanted.as_object() else {
        return got.is_empty();
    };
    let same = |(name, wanted): (&String, &Json)| {
        got.get(name).is_some_and(|got| {
            let (a, b) = (&wanted["value"], &got["value"]);
            wanted["type"] == got["type"] && (a == b || a.as_f64().is_some_and(|a| b.as_f64() == Some(a)))
        })
    };
    wanted.len() == got.len() && wanted.iter().all(same)
}

/// A value as the cases write it.
fn typed(value: ValueRef<'_>) -> Json {
    let (kind, value) = match value {
        ValueRef::Float(v) => ("float", Json::from(v)),
        ValueRef::Int(v) => ("int", Json::from(v)),
        ValueRef::Bool(v) => ("bool", Json::from(v)),
        ValueRef::Str(v) => ("string", Json::from(v)),
        ValueRef::Duration(v) => ("duration", Json::from(v)),
        ValueRef::Null => ("null", Json::Null),
    };
    serde_json::json!({"type": kind, "value": value})
}

/// Compares the first statement that was sent.
pub(super) fn query(expect: &Json, got: &[String]) -> Result<(), String> {
    let wanted = expect["q"].as_str().unwrap_or_default();
    match got.first() {
        Some(got) if got == wanted => Ok(()),
        got => Err(format!("expected the statement {wanted:?}, got {got:?}")),
    }
}

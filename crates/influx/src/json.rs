//! Answers to InfluxQL: JSON, in which integers and floats cannot be told apart (N-118).

use std::collections::BTreeMap;

use capstan_gocompat::time_layout::parse_rfc3339;
use capstan_model::{Tags, Value};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::Error;
use crate::series::Series;

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    results: Vec<Statement>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(default)]
    series: Vec<Row>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    values: Vec<Vec<Json>>,
}

/// The series of all statements. An error of any is one of the whole, as in Kapacitor's client.
pub fn series(body: &[u8]) -> Result<Vec<Series>, Error> {
    let response: Response = serde_json::from_slice(body)
        .map_err(|error| Error::Answer(format!("failed to decode JSON: {error}")))?;
    let errors = std::iter::once(&response.error).chain(response.results.iter().map(|result| &result.error));
    if let Some(error) = errors.flatten().next() {
        return Err(Error::Query(error.clone()));
    }
    response
        .results
        .into_iter()
        .flat_map(|result| result.series)
        .map(one)
        .collect()
}

fn one(row: Row) -> Result<Series, Error> {
    let time = row.columns.iter().position(|column| column == "time");
    let values = |values: Vec<Json>| {
        let mut at = None;
        let mut cells = Vec::with_capacity(values.len());
        for (column, value) in values.into_iter().enumerate() {
            if Some(column) == time {
                at = Some(instant(&value)?);
            } else {
                cells.push(cell(value));
            }
        }
        Ok((at, cells))
    };
    Ok(Series {
        name: row.name,
        tags: Tags::from_pairs(row.tags),
        rows: row.values.into_iter().map(values).collect::<Result<_, Error>>()?,
        columns: row
            .columns
            .into_iter()
            .filter(|column| column != "time")
            .collect(),
    })
}

fn instant(value: &Json) -> Result<i64, Error> {
    match value {
        Json::String(text) => {
            parse_rfc3339(text).ok_or_else(|| Error::Answer(format!("unexpected time format: {text:?}")))
        }
        other => Err(Error::Answer(format!("unexpected time value: {other}"))),
    }
}

fn cell(value: Json) -> Option<Value> {
    match value {
        Json::Null | Json::Array(_) | Json::Object(_) => None,
        Json::Bool(value) => Some(Value::Bool(value)),
        Json::Number(value) => value.as_f64().map(Value::Float),
        Json::String(value) => Some(Value::Str(value.into())),
    }
}

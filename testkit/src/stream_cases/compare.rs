//! Expected against received, by the rules of the conformance README.

use std::collections::BTreeMap;

use capstan_flow::TaskStats;
use capstan_gocompat::time_layout::parse_rfc3339;
use serde_json::{Map, Value as Json};

/// Compares the body of an endpoint with the series expected.
pub(super) fn series(expect: &Json, body: &str, script: &str) -> Result<(), String> {
    let body: Json =
        serde_json::from_str(body).map_err(|error| format!("the endpoint gives no JSON: {error}"))?;
    if !expect["error"].is_null() {
        return same(&expect["error"], &body["error"], 0.0)
            .then_some(())
            .ok_or_else(|| format!("got {body}"));
    }
    let list = |value: &Json| value.as_array().cloned().unwrap_or_default();
    let (wanted, got) = (list(&expect["series"]), list(&body["series"]));
    if wanted.len() != got.len() {
        return Err(format!(
            "expected {} series, got {}: {body}",
            wanted.len(),
            got.len()
        ));
    }
    // The forecast's search is compared loosely, sums and spreads up to rounding.
    let tolerance = if script.contains("holtWinters") {
        1e-6
    } else {
        1e-12
    };
    for (at, wanted) in wanted.iter().enumerate() {
        let candidate = if expect["ignore_order"] == Json::Bool(true) {
            got.iter()
                .find(|row| row["name"] == wanted["name"] && tags(row) == tags(wanted))
        } else {
            got.get(at)
        };
        let row = candidate.ok_or_else(|| format!("no series like {wanted} in {body}"))?;
        let fits = row["name"].as_str().unwrap_or_default() == wanted["name"].as_str().unwrap_or_default()
            && tags(row) == tags(wanted)
            && list(&row["columns"]) == list(&wanted["columns"])
            && same(
                &Json::Array(list(&wanted["values"])),
                &Json::Array(list(&row["values"])),
                tolerance,
            );
        if !fits {
            return Err(format!("series {at}: expected {wanted}, got {row}"));
        }
    }
    Ok(())
}

fn tags(row: &Json) -> Map<String, Json> {
    let mut tags: Vec<_> = row["tags"]
        .as_object()
        .cloned()
        .unwrap_or_default()
        .into_iter()
        .collect();
    tags.sort_by(|a, b| a.0.cmp(&b.0));
    tags.into_iter().collect()
}

/// Whether two values say the same: numbers as numbers, times as instants, tags that are none as no tags.
pub(super) fn equal(wanted: &Json, got: &Json) -> bool {
    same(wanted, got, 1e-12)
}

/// Numbers as numbers, times as instants.
fn same(wanted: &Json, got: &Json, tolerance: f64) -> bool {
    match (wanted, got) {
        (Json::Number(a), Json::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a == b || (a - b).abs() <= tolerance * a.abs().max(b.abs()),
            _ => a == b,
        },
        (Json::String(a), Json::String(b)) => {
            a == b
                || parse_rfc3339(a)
                    .zip(parse_rfc3339(b))
                    .is_some_and(|(a, b)| a == b)
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, tolerance))
        }
        // `{"$min": a, "$below": b}`: a number within these bounds.
        (Json::Object(bounds), Json::Number(got)) => {
            let bound = |key: &str| bounds.get(key).and_then(Json::as_f64);
            let got = got.as_f64().unwrap_or(f64::NAN);
            bound("$min").is_none_or(|min| got >= min) && bound("$below").is_none_or(|below| got < below)
        }
        (Json::Object(a), Json::Object(b)) => {
            let none = |value: &Json| match value {
                Json::Null => true,
                Json::Array(items) => items.is_empty(),
                Json::Object(members) => members.is_empty(),
                _ => false,
            };
            let member = |key: &str| {
                let (a, b) = (
                    a.get(key).unwrap_or(&Json::Null),
                    b.get(key).unwrap_or(&Json::Null),
                );
                (none(a) && none(b)) || same(a, b, tolerance)
            };
            a.keys().chain(b.keys()).all(|key| member(key))
        }
        (a, b) => a == b,
    }
}

/// Compares the statistics of all nodes: the same nodes, the same keys; times are not compared.
pub(super) fn node_stats(expect: &Json, stats: &TaskStats) -> Result<(), String> {
    let got: BTreeMap<String, BTreeMap<&str, i64>> = stats
        .nodes
        .iter()
        .map(|node| (node.name.clone(), node.entries().into_iter().collect()))
        .collect();
    let wanted: BTreeMap<String, BTreeMap<&str, i64>> = expect["nodes"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(node, stats)| {
            let stats = stats.as_object().into_iter().flatten();
            (
                node.clone(),
                stats
                    .map(|(key, value)| (key.as_str(), value.as_i64().unwrap_or_default()))
                    .collect(),
            )
        })
        .collect();
    let timeless = |nodes: BTreeMap<String, BTreeMap<&str, i64>>| -> Vec<String> {
        let line = |(node, mut stats): (String, BTreeMap<&str, i64>)| {
            stats.remove("avg_exec_time_ns");
            format!("{node} {stats:?}")
        };
        nodes.into_iter().map(line).collect()
    };
    let (wanted, got) = (timeless(wanted), timeless(got));
    if wanted == got {
        Ok(())
    } else {
        Err(format!("statistics: expected {wanted:#?}, got {got:#?}"))
    }
}

/// Compares the replica counts written, per resource and in order.
pub(super) fn updates(expect: &Json, got: &BTreeMap<String, Vec<i64>>) -> Result<(), String> {
    let wanted: BTreeMap<String, Vec<i64>> = expect["updates"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, counts)| {
            (
                name.clone(),
                counts
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_i64)
                    .collect(),
            )
        })
        .collect();
    if wanted == *got {
        Ok(())
    } else {
        Err(format!("replicas written: expected {wanted:?}, got {got:?}"))
    }
}

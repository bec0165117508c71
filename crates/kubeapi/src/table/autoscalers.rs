//! Rows of autoscalers, from objects of version v2.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{created, items, name, number, text};

/// Metrics shown before the rest is only counted.
const SHOWN: usize = 2;
const UNKNOWN: &str = "<unknown>";

pub(super) fn cells(object: &Value, now: Timestamp) -> Vec<Value> {
    let reference = format!(
        "{}/{}",
        text(object, "/spec/scaleTargetRef/kind"),
        text(object, "/spec/scaleTargetRef/name")
    );
    let min = object
        .pointer("/spec/minReplicas")
        .and_then(Value::as_i64)
        .map_or_else(|| "<unset>".to_owned(), |min| min.to_string());
    vec![
        name(object),
        json!(reference),
        json!(targets(object)),
        json!(min),
        json!(number(object, "/spec/maxReplicas")),
        json!(number(object, "/status/currentReplicas")),
        created(object, now),
    ]
}

/// What every metric is and should be.
fn targets(object: &Value) -> String {
    let specs = items(object, "/spec/metrics");
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let statuses = items(object, "/status/currentMetrics");
    let all: Vec<String> = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| target(spec, statuses.get(index)))
        .collect();
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > SHOWN {
        format!("{shown} + {} more...", all.len() - SHOWN)
    } else {
        shown
    }
}

fn target(spec: &Value, status: Option<&Value>) -> String {
    let source = match text(spec, "/type") {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let wanted = |field: &str| text(spec, &format!("/{source}/target/{field}"));
    let current = |field: &str| match status.map_or("", |s| text(s, &format!("/{source}/current/{field}"))) {
        "" => UNKNOWN,
        value => value,
    };
    let average = wanted("averageValue");
    match source {
        "external" | "object" if !average.is_empty() => {
            format!("{}/{average} (avg)", current("averageValue"))
        }
        "external" | "object" => format!("{}/{}", current("value"), wanted("value")),
        "pods" => format!("{}/{average}", current("averageValue")),
        _ => {
            let resource = text(spec, &format!("/{source}/name"));
            if !average.is_empty() {
                return format!("{resource}: {}/{average}", current("averageValue"));
            }
            let percent = |value: Option<&Value>| {
                value
                    .and_then(Value::as_i64)
                    .map_or_else(|| UNKNOWN.to_owned(), |n| format!("{n}%"))
            };
            let now = status.and_then(|s| s.pointer(&format!("/{source}/current/averageUtilization")));
            let goal = spec
                .pointer(&format!("/{source}/target/averageUtilization"))
                .and_then(Value::as_i64)
                .map_or_else(|| "<auto>".to_owned(), |n| format!("{n}%"));
            format!("{resource}: {}/{goal}", percent(now))
        }
    }
}

//! Metrics between v2's nested form and the flat one of v1's annotations and of v2beta1.
//!
//! The flat form tells the type of a target by which value is there. Of an Object metric it always writes a value; a
//! zero beside an average means that there was none. (Servers before 1.33 kept that zero, and then refused it.)

use serde_json::{Map, Value, json};

fn put(map: &mut Map<String, Value>, field: &str, value: Option<&Value>) {
    if let Some(value) = value.filter(|v| !v.is_null()) {
        map.insert(field.to_owned(), value.clone());
    }
}

/// A map of the named values that are there.
fn fields(from: &Value, pairs: &[(&str, &str)]) -> Map<String, Value> {
    let mut out = Map::new();
    for (to, path) in pairs {
        put(&mut out, to, from.pointer(path));
    }
    out
}

/// Converts the source that a metric has, leaving its type.
fn each(metric: &Value, convert: impl Fn(&str, &Value) -> Map<String, Value>) -> Value {
    let Some(map) = metric.as_object() else {
        return metric.clone();
    };
    let converted = map
        .iter()
        .map(|(field, source)| {
            let value = if field == "type" || !source.is_object() {
                source.clone()
            } else {
                Value::Object(convert(field, source))
            };
            (field.clone(), value)
        })
        .collect();
    Value::Object(converted)
}

/// A metric of a spec in the flat form.
pub(super) fn spec_to_flat(metric: &Value) -> Value {
    each(metric, |source, value| {
        let pairs: &[(&str, &str)] = match source {
            "object" => &[
                ("target", "/describedObject"),
                ("metricName", "/metric/name"),
                ("targetValue", "/target/value"),
                ("selector", "/metric/selector"),
                ("averageValue", "/target/averageValue"),
            ],
            "pods" => &[
                ("metricName", "/metric/name"),
                ("targetAverageValue", "/target/averageValue"),
                ("selector", "/metric/selector"),
            ],
            "external" => &[
                ("metricName", "/metric/name"),
                ("metricSelector", "/metric/selector"),
                ("targetValue", "/target/value"),
                ("targetAverageValue", "/target/averageValue"),
            ],
            _ => &[
                ("name", "/name"),
                ("targetAverageUtilization", "/target/averageUtilization"),
                ("targetAverageValue", "/target/averageValue"),
                ("container", "/container"),
            ],
        };
        fields(value, pairs)
    })
}

/// A metric of a status in the flat form.
pub(super) fn status_to_flat(metric: &Value) -> Value {
    each(metric, |source, value| {
        let pairs: &[(&str, &str)] = match source {
            "object" => &[
                ("target", "/describedObject"),
                ("metricName", "/metric/name"),
                ("currentValue", "/current/value"),
                ("selector", "/metric/selector"),
                ("averageValue", "/current/averageValue"),
            ],
            "pods" => &[
                ("metricName", "/metric/name"),
                ("currentAverageValue", "/current/averageValue"),
                ("selector", "/metric/selector"),
            ],
            "external" => &[
                ("metricName", "/metric/name"),
                ("metricSelector", "/metric/selector"),
                ("currentValue", "/current/value"),
                ("currentAverageValue", "/current/averageValue"),
            ],
            _ => &[
                ("name", "/name"),
                ("currentAverageUtilization", "/current/averageUtilization"),
                ("currentAverageValue", "/current/averageValue"),
                ("container", "/container"),
            ],
        };
        fields(value, pairs)
    })
}

fn identifier(value: &Value, selector: &str) -> Value {
    Value::Object(fields(value, &[("name", "/metricName"), ("selector", selector)]))
}

/// A metric of a spec from the flat form.
pub(super) fn spec_from_flat(metric: &Value) -> Value {
    each(metric, |source, value| {
        let mut out = Map::new();
        let has = |field: &str| value.get(field).is_some_and(|v| !v.is_null());
        let target = |kind: &str, pairs: &[(&str, &str)]| {
            let mut target = Map::new();
            target.insert("type".to_owned(), json!(kind));
            target.extend(fields(value, pairs));
            Value::Object(target)
        };
        match source {
            "object" => {
                put(&mut out, "describedObject", value.get("target"));
                let (kind, nothing) = if has("averageValue") {
                    ("AverageValue", value.get("targetValue").is_some_and(|v| v == "0"))
                } else {
                    ("Value", false)
                };
                let pairs: &[(&str, &str)] = if nothing {
                    &[("averageValue", "/averageValue")]
                } else {
                    &[("value", "/targetValue"), ("averageValue", "/averageValue")]
                };
                out.insert("target".to_owned(), target(kind, pairs));
                out.insert("metric".to_owned(), identifier(value, "/selector"));
            }
            "pods" => {
                out.insert("metric".to_owned(), identifier(value, "/selector"));
                out.insert(
                    "target".to_owned(),
                    target("AverageValue", &[("averageValue", "/targetAverageValue")]),
                );
            }
            "external" => {
                let kind = if has("targetValue") {
                    "Value"
                } else {
                    "AverageValue"
                };
                out.insert("metric".to_owned(), identifier(value, "/metricSelector"));
                out.insert(
                    "target".to_owned(),
                    target(
                        kind,
                        &[("value", "/targetValue"), ("averageValue", "/targetAverageValue")],
                    ),
                );
            }
            _ => {
                let kind = if has("targetAverageUtilization") {
                    "Utilization"
                } else {
                    "AverageValue"
                };
                put(&mut out, "name", value.get("name"));
                out.insert(
                    "target".to_owned(),
                    target(
                        kind,
                        &[
                            ("averageValue", "/targetAverageValue"),
                            ("averageUtilization", "/targetAverageUtilization"),
                        ],
                    ),
                );
                put(&mut out, "container", value.get("container"));
            }
        }
        out
    })
}

/// A metric of a status from the flat form.
pub(super) fn status_from_flat(metric: &Value) -> Value {
    each(metric, |source, value| {
        let mut out = Map::new();
        let current: &[(&str, &str)] = match source {
            "object" => {
                put(&mut out, "describedObject", value.get("target"));
                out.insert("metric".to_owned(), identifier(value, "/selector"));
                &[("value", "/currentValue"), ("averageValue", "/averageValue")]
            }
            "pods" => {
                out.insert("metric".to_owned(), identifier(value, "/selector"));
                &[("averageValue", "/currentAverageValue")]
            }
            "external" => {
                out.insert("metric".to_owned(), identifier(value, "/metricSelector"));
                &[
                    ("value", "/currentValue"),
                    ("averageValue", "/currentAverageValue"),
                ]
            }
            _ => {
                put(&mut out, "name", value.get("name"));
                put(&mut out, "container", value.get("container"));
                &[
                    ("averageValue", "/currentAverageValue"),
                    ("averageUtilization", "/currentAverageUtilization"),
                ]
            }
        };
        out.insert("current".to_owned(), Value::Object(fields(value, current)));
        out
    })
}

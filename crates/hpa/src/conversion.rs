//! Every version of `HorizontalPodAutoscaler` to and from v2, which is what is stored (`pkg/apis/autoscaling/*/conversion.go`).
//!
//! v2 can say all that the internal type can, so it stands for it here. What an older version cannot say travels in
//! annotations; they are read and removed on the way in, written on the way out, and never stored.
//!
//! | version | in annotations |
//! |---|---|
//! | v1 | metrics but CPU utilization, current metrics, conditions (flat types), behavior (the internal type's JSON) |
//! | v2beta1 | behavior |
//! | v2beta2 | the tolerance of either direction |

use serde_json::{Map, Value, json};

use crate::defaults::CPU_UTILIZATION;
use crate::wire::{self, Kind, WireError};

mod annotations;
mod metrics;

pub use annotations::{
    BEHAVIOR, CONDITIONS, CURRENT_METRICS, METRICS, SCALE_DOWN_TOLERANCE, SCALE_UP_TOLERANCE,
};

/// The group.
pub const GROUP: &str = "autoscaling";

/// A version of the group in which the kind was ever served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// The stored one.
    V2,
    /// CPU only, the rest in annotations.
    V1,
    /// Gone since 1.25.
    V2Beta1,
    /// Gone since 1.26.
    V2Beta2,
}

impl Version {
    /// The version of this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "v2" => Some(Self::V2),
            "v1" => Some(Self::V1),
            "v2beta1" => Some(Self::V2Beta1),
            "v2beta2" => Some(Self::V2Beta2),
            _ => None,
        }
    }

    /// Its name, such as `v2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
            Self::V2Beta1 => "v2beta1",
            Self::V2Beta2 => "v2beta2",
        }
    }

    /// The shape of an object of it.
    pub fn kind(self) -> Kind {
        match self {
            Self::V2 => wire::V2,
            Self::V1 => wire::V1,
            Self::V2Beta1 => wire::V2BETA1,
            Self::V2Beta2 => wire::V2BETA2,
        }
    }
}

/// An object of `from` in version v2. Nothing is defaulted but the CPU target that v1 implies; broken annotations are
/// ignored, and all six are gone afterwards.
///
/// # Errors
/// When a field holds something of another type, or a tolerance in an annotation is no quantity.
pub fn to_v2(from: Version, object: &Value) -> Result<Value, WireError> {
    let object = wire::read(from.kind(), object)?;
    let mut out = match from {
        Version::V2 => object,
        Version::V1 => v1_to_v2(&object)?,
        Version::V2Beta1 => v2beta1_to_v2(&object)?,
        Version::V2Beta2 => v2beta2_to_v2(object)?,
    };
    annotations::drop_all(&mut out);
    retype(&mut out, Version::V2);
    wire::read(wire::V2, &out)
}

/// A v2 object in version `to`.
///
/// # Errors
/// When a field holds something of another type.
pub fn from_v2(to: Version, object: &Value) -> Result<Value, WireError> {
    let mut object = wire::read(wire::V2, object)?;
    annotations::drop_all(&mut object);
    let mut out = match to {
        Version::V2 => object,
        Version::V1 => v2_to_v1(&object),
        Version::V2Beta1 => v2_to_v2beta1(&object),
        Version::V2Beta2 => v2_to_v2beta2(object),
    };
    retype(&mut out, to);
    wire::read(to.kind(), &out)
}

fn retype(object: &mut Value, version: Version) {
    let Some(map) = object.as_object_mut() else { return };
    if map.contains_key("apiVersion") || map.contains_key("kind") {
        map.insert(
            "apiVersion".to_owned(),
            json!(format!("{GROUP}/{}", version.name())),
        );
    }
}

/// An object's parts that all versions write alike.
fn common(object: &Value) -> Map<String, Value> {
    let mut out = Map::new();
    for field in ["kind", "apiVersion", "metadata"] {
        if let Some(value) = object.get(field) {
            out.insert(field.to_owned(), value.clone());
        }
    }
    out
}

fn copy(from: &Value, fields: &[&str]) -> Map<String, Value> {
    fields
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), from.get(*field)?.clone())))
        .collect()
}

const SPEC: &[&str] = &["scaleTargetRef", "minReplicas", "maxReplicas"];
const STATUS: &[&str] = &[
    "observedGeneration",
    "lastScaleTime",
    "currentReplicas",
    "desiredReplicas",
];

fn is_cpu(metric: &Value) -> bool {
    metric.get("type").and_then(Value::as_str) == Some("Resource")
        && metric.pointer("/resource/name").and_then(Value::as_str) == Some("cpu")
}

/// The utilization that a CPU metric aims at (`target`), or has (`current`).
fn cpu_utilization<'a>(metric: &'a Value, of: &str) -> Option<&'a Value> {
    is_cpu(metric)
        .then(|| metric.pointer(&format!("/resource/{of}/averageUtilization")))
        .flatten()
}

fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object
        .pointer(path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The v1 spec of a v2 spec. `before` is a v1 spec whose CPU target stays if the v2 one has none.
pub fn spec_to_v1(spec: &Value, before: Option<&Value>) -> Value {
    let mut out = copy(spec, SPEC);
    let target = items(spec, "/metrics")
        .iter()
        .find_map(|metric| cpu_utilization(metric, "target"))
        .or_else(|| before?.get("targetCPUUtilizationPercentage"));
    if let Some(target) = target {
        out.insert("targetCPUUtilizationPercentage".to_owned(), target.clone());
    }
    if !out.contains_key("scaleTargetRef") {
        out.insert("scaleTargetRef".to_owned(), json!({"kind": "", "name": ""}));
    }
    Value::Object(out)
}

fn v2_to_v1(object: &Value) -> Value {
    let mut out = common(object);
    let none = json!({});
    out.insert(
        "spec".to_owned(),
        spec_to_v1(object.get("spec").unwrap_or(&none), None),
    );
    let current = items(object, "/status/currentMetrics");
    let mut status = copy(object.get("status").unwrap_or(&none), STATUS);
    // Several would overwrite each other: the last one counts.
    if let Some(cpu) = current
        .iter()
        .filter_map(|metric| cpu_utilization(metric, "current"))
        .next_back()
    {
        status.insert("currentCPUUtilizationPercentage".to_owned(), cpu.clone());
    }
    out.insert("status".to_owned(), Value::Object(status));
    let mut out = Value::Object(out);
    let others: Vec<Value> = items(object, "/spec/metrics")
        .iter()
        .filter(|metric| cpu_utilization(metric, "target").is_none())
        .map(metrics::spec_to_flat)
        .collect();
    if !others.is_empty() {
        annotations::put(&mut out, METRICS, wire::METRIC_SPECS_FLAT, &Value::Array(others));
    }
    if !current.is_empty() {
        let current = current.iter().map(metrics::status_to_flat).collect();
        annotations::put(&mut out, CURRENT_METRICS, wire::METRIC_STATUSES_FLAT, &current);
    }
    annotations::put_behavior(&mut out, object);
    let conditions = items(object, "/status/conditions");
    if !conditions.is_empty() {
        annotations::put(&mut out, CONDITIONS, wire::CONDITIONS, &json!(conditions));
    }
    out
}

fn cpu_metric(of: &str, value: Map<String, Value>) -> Value {
    let mut resource = Map::new();
    resource.insert("name".to_owned(), json!("cpu"));
    resource.insert(of.to_owned(), Value::Object(value));
    json!({"type": "Resource", "resource": resource})
}

fn cpu_target(utilization: &Value) -> Value {
    let mut target = Map::new();
    target.insert("type".to_owned(), json!("Utilization"));
    target.insert("averageUtilization".to_owned(), utilization.clone());
    cpu_metric("target", target)
}

fn v1_to_v2(object: &Value) -> Result<Value, WireError> {
    let mut out = common(object);
    let none = json!({});
    let spec = object.get("spec").unwrap_or(&none);
    let mut new_spec = copy(spec, SPEC);
    // What the annotation has comes first, then the field.
    let mut all = Vec::new();
    if let Some(Value::Array(list)) = annotations::get(object, METRICS, wire::METRIC_SPECS_FLAT) {
        all.extend(list.iter().map(metrics::spec_from_flat));
    }
    all.extend(spec.get("targetCPUUtilizationPercentage").map(cpu_target));
    if all.is_empty() {
        all.push(cpu_target(&json!(CPU_UTILIZATION)));
    }
    new_spec.insert("metrics".to_owned(), Value::Array(all));
    if let Some(behavior) = annotations::get_behavior(object)? {
        new_spec.insert("behavior".to_owned(), behavior);
    }
    out.insert("spec".to_owned(), Value::Object(new_spec));

    let status = object.get("status").unwrap_or(&none);
    let mut new_status = copy(status, STATUS);
    if let Some(utilization) = status.get("currentCPUUtilizationPercentage") {
        let mut current = Map::new();
        current.insert("averageUtilization".to_owned(), utilization.clone());
        new_status.insert(
            "currentMetrics".to_owned(),
            json!([cpu_metric("current", current)]),
        );
    }
    // The annotation knows more than the field.
    if let Some(Value::Array(list)) = annotations::get(object, CURRENT_METRICS, wire::METRIC_STATUSES_FLAT)
        && !list.is_empty()
    {
        let list = list.iter().map(metrics::status_from_flat).collect();
        new_status.insert("currentMetrics".to_owned(), list);
    }
    if let Some(list) = annotations::get(object, CONDITIONS, wire::CONDITIONS) {
        new_status.insert("conditions".to_owned(), list);
    }
    out.insert("status".to_owned(), Value::Object(new_status));
    Ok(Value::Object(out))
}

fn v2_to_v2beta1(object: &Value) -> Value {
    let mut out = object.clone();
    if let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut) {
        spec.shift_remove("behavior");
        let list: Vec<Value> = items(object, "/spec/metrics")
            .iter()
            .map(metrics::spec_to_flat)
            .collect();
        spec.insert("metrics".to_owned(), Value::Array(list));
    }
    if let Some(Value::Array(list)) = out.pointer_mut("/status/currentMetrics") {
        *list = list.iter().map(metrics::status_to_flat).collect();
    }
    annotations::put_behavior(&mut out, object);
    out
}

fn v2beta1_to_v2(object: &Value) -> Result<Value, WireError> {
    let mut out = object.clone();
    if let Some(Value::Array(list)) = out.pointer_mut("/spec/metrics") {
        *list = list.iter().map(metrics::spec_from_flat).collect();
    }
    if let Some(Value::Array(list)) = out.pointer_mut("/status/currentMetrics") {
        *list = list.iter().map(metrics::status_from_flat).collect();
    }
    if let Some(behavior) = annotations::get_behavior(object)?
        && let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut)
    {
        spec.insert("behavior".to_owned(), behavior);
    }
    Ok(out)
}

const TOLERANCES: [(&str, &str); 2] = [
    ("scaleDown", SCALE_DOWN_TOLERANCE),
    ("scaleUp", SCALE_UP_TOLERANCE),
];

fn v2_to_v2beta2(mut object: Value) -> Value {
    for (direction, key) in TOLERANCES {
        let tolerance = object
            .pointer(&format!("/spec/behavior/{direction}/tolerance"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        if let Some(tolerance) = tolerance {
            annotations::set(&mut object, key, tolerance);
        }
    }
    object
}

fn v2beta2_to_v2(mut object: Value) -> Result<Value, WireError> {
    for (direction, key) in TOLERANCES {
        let Some(text) = annotations::text(&object, key).map(str::to_owned) else {
            continue;
        };
        let tolerance = wire::read(Kind::Quantity, &json!(text)).map_err(|error| WireError {
            field: "metadata.annotations".to_owned(),
            why: format!("failed to parse annotation \"{key}\": {}", error.why),
        })?;
        let rules = object
            .get_mut("spec")
            .and_then(|spec| capstan_kubeapi::meta::object_at(spec, "behavior"))
            .map(|behavior| behavior.entry(direction).or_insert_with(|| json!({})))
            .and_then(Value::as_object_mut);
        if let Some(rules) = rules {
            rules.insert("tolerance".to_owned(), tolerance);
        }
    }
    Ok(object)
}

//! A function of the user's as a case describes it, in the place of a program. What it does stands in words; those of
//! the form "answer every point … the single float field NAME=VALUE" are understood.

use std::sync::Arc;

use capstan_flow::EdgeType;
use capstan_flow::ports::udf::{
    Hold, UdfEvent, UdfInput, UdfOption, UdfPoint, UdfRun, UdfSession, UdfSink, UdfValue,
};
use capstan_flow::ports::{Udf, UdfCatalog, UdfInfo, UdfType};
use capstan_model::Value;
use parking_lot::Mutex;
use serde_json::Value as Json;

/// The function, and what started it.
#[derive(Debug)]
pub struct FakeUdf {
    name: String,
    info: UdfInfo,
    /// The one field of every answer.
    field: (Arc<str>, Value),
    runs: Mutex<Vec<UdfRun>>,
}

/// Why a described function cannot be stood in for; `None` when it can.
pub fn reason_to_skip(described: &Json) -> Option<String> {
    match FakeUdf::new(described) {
        Err(reason) if !described.is_null() => Some(reason),
        _ => None,
    }
}

impl FakeUdf {
    /// The function of `env.udf`.
    ///
    /// # Errors
    /// What it does is not understood.
    pub fn new(described: &Json) -> Result<Self, String> {
        let edge = |edge: &Json| match edge.as_str() {
            Some("BATCH") => EdgeType::Batch,
            _ => EdgeType::Stream,
        };
        let mut options = std::collections::BTreeMap::new();
        for (name, types) in described["options"].as_object().into_iter().flatten() {
            let types = types.as_array().into_iter().flatten().map(value_type);
            options.insert(
                name.clone(),
                types.collect::<Option<_>>().ok_or("an unknown type of option")?,
            );
        }
        let behaviour = described["behaviour"].as_str().unwrap_or_default();
        let field = field(behaviour)
            .ok_or_else(|| format!("the behaviour of the function is not understood: {behaviour}"))?;
        Ok(Self {
            name: described["name"].as_str().unwrap_or_default().to_owned(),
            info: UdfInfo {
                wants: edge(&described["wants"]),
                provides: edge(&described["provides"]),
                options,
            },
            field,
            runs: Mutex::default(),
        })
    }

    /// Checks that the function was made ready as a `udfInit` expectation says.
    pub fn check_init(&self, expect: &Json) -> Result<(), String> {
        let run = self
            .runs
            .lock()
            .first()
            .cloned()
            .ok_or("the function was not started")?;
        let options: Vec<Json> = run.options.iter().map(shown).collect();
        let got = serde_json::json!({
            "type": "udfInit", "task_id": &*run.task, "node_id": &*run.node, "options": options,
        });
        if same(&got, expect) {
            Ok(())
        } else {
            Err(format!("expected {expect}, got {got}"))
        }
    }
}

impl Udf for FakeUdf {
    fn catalog(&self) -> UdfCatalog {
        let mut catalog = UdfCatalog::default();
        catalog.insert(self.name.as_str(), Ok(self.info.clone()));
        catalog
    }

    fn refresh(&self, _names: &[String]) {}

    fn open(&self, run: UdfRun, sink: UdfSink) -> Result<Box<dyn UdfSession>, String> {
        if *run.function != self.name {
            return Err(format!("no such UDF {}", run.function));
        }
        self.runs.lock().push(run);
        let field = self.field.clone();
        Ok(Box::new(Session { field, sink }))
    }
}

/// Answers at once.
struct Session {
    field: (Arc<str>, Value),
    sink: UdfSink,
}

impl Session {
    /// Name, time, group and tags stay; dimensions do not, as the described functions leave them out.
    fn answer(&self, point: UdfPoint) -> UdfPoint {
        UdfPoint {
            database: Arc::from(""),
            retention_policy: Arc::from(""),
            dimensions: Arc::default(),
            fields: vec![self.field.clone()],
            ..point
        }
    }
}

impl UdfSession for Session {
    fn send(&self, input: UdfInput) {
        let event = match input {
            UdfInput::Points(points) => {
                let points = points.into_iter().map(|point| self.answer(point));
                UdfEvent::Points(points.collect(), Hold::default())
            }
            UdfInput::Batch(mut batch) => {
                batch.points = batch.points.into_iter().map(|point| self.answer(point)).collect();
                UdfEvent::Batch(batch, Hold::default())
            }
            UdfInput::Snapshot => UdfEvent::Snapshot(Vec::new()),
            UdfInput::End => UdfEvent::Ended,
            UdfInput::Restore(_) => return,
        };
        (self.sink)(event);
    }

    fn waiting(&self) -> usize {
        0
    }
}

fn value_type(word: &Json) -> Option<UdfType> {
    let all = [
        UdfType::Bool,
        UdfType::Int,
        UdfType::Double,
        UdfType::String,
        UdfType::Duration,
    ];
    all.into_iter()
        .find(|known| Some(known.as_str()) == word.as_str())
}

/// The field in "… the single float field NAME=VALUE".
fn field(behaviour: &str) -> Option<(Arc<str>, Value)> {
    let (_, rest) = behaviour
        .strip_prefix("answer every point ")?
        .split_once(" the single ")?;
    let (kind, rest) = rest.split_once(" field ")?;
    let (name, value) = rest.split_once('=')?;
    let value = match kind {
        "float" => Value::Float(value.parse().ok()?),
        "int" => Value::Int(value.parse().ok()?),
        "bool" => Value::Bool(value.parse().ok()?),
        "string" => Value::Str(value.into()),
        _ => return None,
    };
    Some((name.into(), value))
}

fn shown(option: &UdfOption) -> Json {
    let value = |value: &UdfValue| {
        let json = match value {
            UdfValue::Bool(value) => Json::from(*value),
            UdfValue::Int(value) | UdfValue::Duration(value) => Json::from(*value),
            UdfValue::Double(value) => Json::from(*value),
            UdfValue::String(value) => Json::from(&**value),
        };
        serde_json::json!({"type": value.type_of().as_str(), "value": json})
    };
    let values: Vec<Json> = option.values.iter().map(value).collect();
    serde_json::json!({"name": &*option.name, "values": values})
}

/// Whether two values are the same, where 1 is 1.0.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

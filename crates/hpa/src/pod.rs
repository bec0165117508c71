//! What the algorithm wants to know of a pod.

use std::collections::BTreeMap;

use capstan_kubeapi::{Quantity, time};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::go;

/// Quantities by resource name. There are one or two as a rule, which a tree would give room for eleven.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Quantity>", into = "BTreeMap<String, Quantity>")]
pub struct Requests(Box<[(String, Quantity)]>);

impl Requests {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is requested of a resource.
    pub fn get(&self, resource: &str) -> Option<&Quantity> {
        let found = self.0.iter().find(|(name, _)| name == resource);
        found.map(|(_, quantity)| quantity)
    }

    /// The resources' names, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl From<BTreeMap<String, Quantity>> for Requests {
    fn from(map: BTreeMap<String, Quantity>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl From<Requests> for BTreeMap<String, Quantity> {
    fn from(requests: Requests) -> Self {
        requests.0.into_iter().collect()
    }
}

impl FromIterator<(String, Quantity)> for Requests {
    fn from_iter<I: IntoIterator<Item = (String, Quantity)>>(pairs: I) -> Self {
        pairs.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

/// A pod, reduced to what decides.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// `metadata.name`.
    pub name: String,
    /// `status.phase`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// `status.startTime`; absent is not Go's zero time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// The condition `Ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// Whether `metadata.deletionTimestamp` is set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
    /// `spec.containers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// `spec.initContainers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<Container>,
    /// `spec.resources.requests`, the pod's own.
    #[serde(default, skip_serializing_if = "Requests::is_empty")]
    pub requests: Requests,
    /// `spec.overhead`.
    #[serde(default, skip_serializing_if = "Requests::is_empty")]
    pub overhead: Requests,
}

/// The condition `Ready` of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Since when; Go's zero time when absent.
    pub last_transition_time: Timestamp,
}

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it requests.
    #[serde(default, skip_serializing_if = "Requests::is_empty")]
    pub requests: Requests,
    /// For init containers: `restartPolicy` is `Always`, so that it runs beside the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restartable: bool,
}

impl Pod {
    /// From a core/v1 Pod. What is malformed reads as absent: the API server has checked it.
    pub fn of_object(object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let ready = list(object.pointer("/status/conditions"))
            .iter()
            .find(|condition| condition["type"] == "Ready")
            .map(|condition| Ready {
                status: condition["status"].as_str().unwrap_or("").to_owned(),
                last_transition_time: condition["lastTransitionTime"]
                    .as_str()
                    .and_then(time::parse)
                    .unwrap_or_else(go::zero_time),
            });
        Self {
            name: text("/metadata/name").unwrap_or("").to_owned(),
            phase: text("/status/phase").unwrap_or("").to_owned(),
            start_time: text("/status/startTime").and_then(time::parse),
            ready,
            deleting: text("/metadata/deletionTimestamp").is_some(),
            containers: containers(object.pointer("/spec/containers")),
            init_containers: containers(object.pointer("/spec/initContainers")),
            requests: requests(object.pointer("/spec/resources/requests")),
            overhead: requests(object.pointer("/spec/overhead")),
        }
    }

    /// Whether the condition `Ready` is `True`.
    pub fn is_ready(&self) -> bool {
        self.ready.as_ref().is_some_and(|ready| ready.status == "True")
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn containers(value: Option<&Value>) -> Vec<Container> {
    let container = |object: &Value| Container {
        name: object["name"].as_str().unwrap_or("").to_owned(),
        requests: requests(object.pointer("/resources/requests")),
        restartable: object["restartPolicy"] == "Always",
    };
    list(value).iter().map(container).collect()
}

/// A `ResourceList`; quantities that do not parse are left out.
pub fn requests(value: Option<&Value>) -> Requests {
    let quantity = |value: &Value| serde_json::from_value::<Quantity>(value.clone()).ok();
    value
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), quantity(value)?)))
        .collect()
}

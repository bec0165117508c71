//! Scales of the built-in kinds, from a watch of the objects themselves.

use std::collections::HashMap;
use std::pin::pin;

use capstan_kube::{Cluster, Followed, Seen};
use capstan_kubeapi::selector;
use futures::{Stream, StreamExt};
use parking_lot::RwLock;
use serde_json::{Map, Value, json};

/// The kinds whose scale follows from the object by a known rule.
pub(crate) const KINDS: [Followed; 4] = [
    apps("deployments", "Deployment"),
    apps("replicasets", "ReplicaSet"),
    apps("statefulsets", "StatefulSet"),
    Followed {
        group: "",
        version: "v1",
        plural: "replicationcontrollers",
        kind: "ReplicationController",
    },
];

const fn apps(plural: &'static str, kind: &'static str) -> Followed {
    Followed {
        group: "apps",
        version: "v1",
        plural,
        kind,
    }
}

/// Scales by the path that they are read at.
#[derive(Debug, Default)]
pub(crate) struct Scales {
    by_path: RwLock<HashMap<Box<str>, Scale>>,
}

/// What the scale of an object is made of.
#[derive(Debug, PartialEq, Eq)]
struct Scale {
    /// Name, namespace, uid, version, and when it was created, as far as they are there.
    metadata: [Option<Box<str>>; METADATA.len()],
    /// The version as a number, which is how versions are compared.
    version: Option<u64>,
    replicas: i64,
    observed: i64,
    selector: Box<str>,
}

/// What of an object's metadata is its scale's, too.
const METADATA: [&str; 5] = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"];

impl Scales {
    /// Follows the objects of a kind until it is dropped. While that is not possible, nothing is known of the kind.
    pub(crate) async fn follow(&self, cluster: &Cluster, kind: Followed) {
        self.apply(pin!(cluster.follow(kind)), kind).await;
    }

    async fn apply(
        &self,
        mut stream: impl Stream<Item = Result<Seen, capstan_kube::Error>> + Unpin,
        kind: Followed,
    ) {
        let part = format!("/{}/", kind.plural);
        let mut listed = HashMap::new();
        while let Some(seen) = stream.next().await {
            match seen {
                Ok(Seen::Begin) => listed.clear(),
                Ok(Seen::Listed(object)) => {
                    if !is_scaled_by_its_owner(&object) {
                        listed.insert(path(kind, &object), Scale::of(kind, &object));
                    }
                }
                Ok(Seen::Complete) => {
                    let mut by_path = self.by_path.write();
                    by_path.retain(|path, _| !path.contains(&part));
                    by_path.extend(std::mem::take(&mut listed));
                }
                Ok(Seen::Changed(object)) => {
                    if !is_scaled_by_its_owner(&object) {
                        let scale = Scale::of(kind, &object);
                        self.by_path.write().insert(path(kind, &object), scale);
                    }
                }
                Ok(Seen::Gone(object)) => {
                    self.by_path.write().remove(&path(kind, &object));
                }
                Err(error) => {
                    tracing::debug!(plural = kind.plural, %error, "scales are read one by one");
                    self.by_path.write().retain(|path, _| !path.contains(&part));
                }
            }
        }
    }

    /// The scale at a path, if it is known and not older than `least`, a resourceVersion.
    pub(crate) fn get(&self, path: &str, least: Option<u64>) -> Option<Value> {
        let by_path = self.by_path.read();
        let scale = by_path.get(path)?;
        (scale.version? >= least.unwrap_or(0)).then(|| scale.object())
    }
}

/// Whether an object has a controller that says how many replicas it has, as a Deployment does for its `ReplicaSet`s.
/// There may be many of them, and nobody scales them; who does gets their scale from the server.
fn is_scaled_by_its_owner(object: &Value) -> bool {
    let owners = object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    owners
        .into_iter()
        .flatten()
        .any(|owner| owner["controller"] == true)
}

/// The resourceVersion of an object as a number, which is how versions are compared (KEP-5504).
pub(crate) fn version(object: &Value) -> Option<u64> {
    object
        .pointer("/metadata/resourceVersion")?
        .as_str()?
        .parse()
        .ok()
}

fn path(kind: Followed, object: &Value) -> Box<str> {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or("");
    let root = if kind.group.is_empty() {
        format!("/api/{}", kind.version)
    } else {
        format!("/apis/{}/{}", kind.group, kind.version)
    };
    format!(
        "{root}/namespaces/{}/{}/{}/scale",
        text("namespace"),
        kind.plural,
        text("name")
    )
    .into()
}

impl Scale {
    fn of(kind: Followed, object: &Value) -> Self {
        let text = |field: &str| object["metadata"][field].as_str().map(Into::into);
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
        let selector = object.pointer("/spec/selector").cloned().unwrap_or_default();
        let selector = if kind.group.is_empty() {
            json!({ "matchLabels": selector })
        } else {
            selector
        };
        Self {
            metadata: METADATA.map(text),
            version: version(object),
            replicas: number("/spec/replicas").unwrap_or(1),
            observed: number("/status/replicas").unwrap_or(0),
            selector: selector::label_selector_string(&selector).into(),
        }
    }

    /// The `Scale` as the API server makes it.
    fn object(&self) -> Value {
        let fields = METADATA.iter().zip(&self.metadata);
        let metadata: Map<String, Value> = fields
            .filter_map(|(field, value)| Some(((*field).to_owned(), value.as_deref()?.into())))
            .collect();
        let mut spec = Map::new();
        // A scale does not write 0.
        if self.replicas != 0 {
            spec.insert("replicas".to_owned(), self.replicas.into());
        }
        json!({
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": metadata,
            "spec": spec,
            "status": {"replicas": self.observed, "selector": &*self.selector},
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn scales_are_what_the_api_server_would_give() {
        let scales = Scales::default();
        let object = |replicas: i64, version: &str| {
            json!({"metadata": {"namespace": "n", "name": "w", "uid": "u", "resourceVersion": version,
                "labels": {"a": "b"}}, "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "w"}}},
                "status": {"replicas": 2}})
        };
        let seen = [
            Seen::Begin,
            Seen::Listed(object(3, "9")),
            Seen::Complete,
            Seen::Changed(object(0, "10")),
        ];
        scales.apply(stream::iter(seen.map(Ok)), KINDS[0]).await;
        let path = "/apis/apps/v1/namespaces/n/deployments/w/scale";
        assert_eq!(
            scales.get(path, None),
            Some(json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
                "metadata": {"name": "w", "namespace": "n", "uid": "u", "resourceVersion": "10"},
                "spec": {}, "status": {"replicas": 2, "selector": "app=w"}}))
        );
        let mut owned = object(1, "11");
        owned["metadata"]["ownerReferences"] = json!([{"kind": "Other", "controller": true}]);
        scales
            .apply(stream::iter([Ok(Seen::Changed(owned))]), KINDS[1])
            .await;
        let set = path.replace("deployments", "replicasets");
        assert_eq!(scales.get(&set, None), None, "its owner scales it");
        assert!(scales.get(path, Some(10)).is_some());
        assert_eq!(scales.get(path, Some(11)), None, "older than what was written");
        scales
            .apply(stream::iter([Ok(Seen::Begin), Ok(Seen::Complete)]), KINDS[1])
            .await;
        assert!(
            scales.get(path, None).is_some(),
            "another kind's list says nothing of it"
        );
        scales
            .apply(stream::iter([Ok(Seen::Begin), Ok(Seen::Complete)]), KINDS[0])
            .await;
        assert_eq!(scales.get(path, None), None);
    }
}

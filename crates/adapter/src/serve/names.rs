//! Which objects have some labels: the API server is asked, and the answer kept for a moment, because the controller asks
//! for every metric of an HPA with the same selector.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_kube::{Cluster, Message};
use capstan_kubeapi::{Selector, Status};
use capstan_metrics::GroupResource;
use serde::Deserialize;

use super::cache::Cache;

/// For how long an answer is kept.
const TTL: Duration = Duration::from_secs(2);
/// Answers kept.
const MOST: usize = 4096;
/// An answer that takes longer is none.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Names and nothing else, where the server can.
const PARTIAL: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Names of objects by their labels.
#[derive(Debug)]
pub(super) struct NamesOf {
    cluster: Arc<Cluster>,
    clock: SharedClock,
    known: Cache<Arc<HashSet<String>>>,
}

#[derive(Deserialize)]
struct ObjectList {
    #[serde(default)]
    items: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

impl NamesOf {
    pub(super) fn new(cluster: Arc<Cluster>, clock: SharedClock) -> Self {
        Self {
            cluster,
            clock,
            known: Cache::new(MOST),
        }
    }

    /// The names of the objects that a selector selects in a namespace; an empty one means all, or none at all.
    ///
    /// # Errors
    /// 503 when the API server does not say.
    pub(super) async fn selected(
        &self,
        api_version: &str,
        namespace: &str,
        resource: &GroupResource,
        selector: &Selector,
    ) -> Result<Arc<HashSet<String>>, Status> {
        let root = if api_version.contains('/') { "apis" } else { "api" };
        let inside = if namespace.is_empty() {
            String::new()
        } else {
            format!("namespaces/{}/", escaped(namespace))
        };
        let path = format!(
            "/{root}/{api_version}/{inside}{}?labelSelector={}",
            escaped(&resource.resource),
            escaped(&selector.to_string())
        );
        let now = self.clock.monotonic();
        if let Some(known) = self.known.get(&path, now) {
            return Ok(known);
        }
        let names = Arc::new(self.ask(&path).await.map_err(|why| {
            Status::unavailable(format!(
                "cannot list {resource} with the labels {selector}: {why}"
            ))
        })?);
        self.known.put(path, Arc::clone(&names), now, TTL);
        Ok(names)
    }

    async fn ask(&self, path: &str) -> Result<HashSet<String>, String> {
        let message = Message {
            accept: PARTIAL,
            ..Message::get(path)
        };
        let reply = tokio::select! {
            reply = self.cluster.send(&message) => reply.map_err(|error| error.to_string())?,
            () = capstan_runtime::sleep(TIMEOUT) => {
                return Err(format!("the API server did not answer in {}s", TIMEOUT.as_secs()));
            }
        };
        if reply.code != 200 {
            let status: serde_json::Value = serde_json::from_str(&reply.body).unwrap_or_default();
            let message = status["message"].as_str().unwrap_or("no reason given");
            return Err(format!("{}: {message}", reply.code));
        }
        let list: ObjectList = serde_json::from_str(&reply.body).map_err(|error| error.to_string())?;
        Ok(list.items.into_iter().map(|item| item.metadata.name).collect())
    }
}

/// Percent-encoded where it could mean something in a path or query.
pub(crate) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

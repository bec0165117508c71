//! Changes of an object's replica count, as they happen (N-193 FIX: drift is seen).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use serde_json::Value;

use crate::connect::Cluster;
use crate::discovery::ScalableKind;
use crate::error::{Error, Reason};
use crate::follow::refusal;
use crate::scale::{Scale, controller};

/// How often the scale is read where there is no watch.
const POLL: Duration = Duration::from_secs(5);

/// What was seen of an object.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Its scale now, or why it cannot be known.
    pub scale: Result<Scale, Error>,
    /// Tells this object from an earlier one of the same name.
    pub uid: Option<String>,
    /// The controller that owns it, as `Kind/name`.
    pub owner: Option<String>,
    /// The field manager that changed the spec last.
    pub changed_by: Option<String>,
}

impl Cluster {
    /// Tells `see` of the scale of `name` now and after every change, until `see` returns false. Watches with bookmarks
    /// and comes back after 410, disconnects and refusals by itself; reads every few seconds where the API has no
    /// watch, or where we may not use it.
    pub async fn observe(
        self: &Arc<Self>,
        kind: &ScalableKind,
        namespace: &str,
        name: &str,
        mut see: impl FnMut(Observation) -> bool + Send,
    ) {
        if kind.watch && !self.watch(kind, namespace, name, &mut see).await {
            return;
        }
        loop {
            let scale = self.scale(kind, namespace, name).await;
            if !see(Observation {
                scale,
                uid: None,
                owner: None,
                changed_by: None,
            }) {
                return;
            }
            capstan_runtime::sleep(POLL).await;
        }
    }

    /// Whether to fall back to reading.
    async fn watch(
        self: &Arc<Self>,
        kind: &ScalableKind,
        namespace: &str,
        name: &str,
        see: &mut (impl FnMut(Observation) -> bool + Send),
    ) -> bool {
        let resource = ApiResource {
            group: kind.group.clone(),
            version: kind.version.clone(),
            api_version: kind.api_version(),
            kind: kind.kind.clone(),
            plural: kind.plural.clone(),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.client(), namespace, &resource);
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut stream = pin!(watcher::watcher(api, config).default_backoff());
        let mut seen_in_list = false;
        while let Some(event) = stream.next().await {
            let observation = match event {
                Ok(Event::Init) => {
                    seen_in_list = false;
                    continue;
                }
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    seen_in_list = true;
                    self.observed(kind, namespace, name, &object).await
                }
                Ok(Event::InitDone) if seen_in_list => continue,
                Ok(Event::InitDone | Event::Delete(_)) => missing(kind, namespace, name),
                Err(error) => {
                    if let Some((_, message)) = refusal(&error) {
                        let plural = &kind.plural;
                        tracing::warn!(
                            plural,
                            namespace,
                            name,
                            error = message,
                            "watch refused, reading instead"
                        );
                        return true;
                    }
                    // The watcher backs off and tries again.
                    tracing::debug!(kind = kind.plural, namespace, name, %error, "watch interrupted");
                    continue;
                }
            };
            if !see(observation) {
                return false;
            }
        }
        true
    }

    async fn observed(
        &self,
        kind: &ScalableKind,
        namespace: &str,
        name: &str,
        object: &DynamicObject,
    ) -> Observation {
        let meta = &object.metadata;
        let scale = match object.data["spec"]["replicas"].as_i64() {
            Some(replicas) => Ok(Scale {
                replicas,
                resource_version: meta.resource_version.clone().unwrap_or_default(),
            }),
            // A custom resource may keep its count elsewhere; only its scale knows.
            None => self.scale(kind, namespace, name).await,
        };
        let owner = serde_json::to_value(meta).ok().and_then(|meta| {
            controller(&Value::Object(
                [("metadata".to_owned(), meta)].into_iter().collect(),
            ))
        });
        let changed_by = meta.managed_fields.as_ref().and_then(|fields| {
            let spec = fields
                .iter()
                .filter(|entry| entry.subresource.as_deref() != Some("status"));
            spec.max_by(|a, b| a.time.cmp(&b.time))
                .and_then(|entry| entry.manager.clone())
        });
        Observation {
            scale,
            uid: meta.uid.clone(),
            owner,
            changed_by,
        }
    }
}

fn missing(kind: &ScalableKind, namespace: &str, name: &str) -> Observation {
    let resource = if kind.group.is_empty() {
        kind.plural.clone()
    } else {
        format!("{}.{}", kind.plural, kind.group)
    };
    let message = format!("{resource} {name:?} not found in namespace {namespace:?}");
    Observation {
        scale: Err(Error::new(Reason::NotFound, message)),
        uid: None,
        owner: None,
        changed_by: None,
    }
}

//! API groups that somebody else serves: `APIService` objects, whether what is behind them answers, and passing
//! requests on to it (upstream `kube-aggregator`).
//!
//! | module | what |
//! |---|---|
//! | [`target`] | from a service reference to an address |
//! | [`connection`] | TLS to it, with the front proxy's certificate |
//! | [`check`] | availability conditions, and what the backend says it serves |
//! | [`proxy`] | passing a request on, with who asks in its headers |
//! | [`documents`] | discovery documents with the groups of backends in them |
//! | [`local`] | the `APIService`s of the built-in groups; what backends need to know to trust us |

mod check;
mod connection;
pub(crate) mod documents;
mod local;
mod proxy;
mod target;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Router;
use capstan_kubeapi::builtin::{APISERVICES, ENDPOINTS, SERVICES};
use capstan_kubeapi::{Resource, Status, meta};
use capstan_runtime::{Shutdown, spawn};
use capstan_tls::Identity;
use parking_lot::RwLock;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::http::User;
use crate::objects::{EventKind, Objects};
use connection::Connection;
use target::ServiceReference;

pub(crate) use local::{AUTOMANAGED, publish as publish_local, publish_authentication};

/// `APIService`s with a backend that are looked after at a time; further ones stay without a condition.
const MAX_BACKENDS: usize = 256;

/// A part of this process that serves an API group's version, as if it were a server behind an `APIService`.
#[derive(Debug, Clone)]
pub struct LocalApi {
    /// API group, such as `metrics.k8s.io`.
    pub group: String,
    /// Version, such as `v1beta1`.
    pub version: String,
    /// The service in `kube-system` whose name the `APIService` carries. Whoever points the `APIService` to another
    /// service replaces this backend.
    pub service: String,
    /// `spec.groupPriorityMinimum`: groups with higher numbers come first.
    pub group_priority: i64,
    /// `spec.versionPriority`: versions with higher numbers come first.
    pub version_priority: i64,
    /// Answers requests with paths below `/apis/GROUP/VERSION`, and `/apis` with aggregated discovery if it can. Who
    /// asks is in the request's extensions as a [`User`], and in `X-Remote-*` headers.
    pub router: Router,
}

/// An `APIService` with a backend.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) group_priority: i64,
    pub(crate) version_priority: i64,
    service: ServiceReference,
    connection: Connection,
    state: RwLock<State>,
    /// Raised when the service or the object changed: look now.
    changed: Notify,
    /// Raised when the entry is replaced.
    stopped: Shutdown,
}

#[derive(Debug, Default, Clone)]
struct State {
    available: bool,
    /// `resources` of aggregated discovery; `None` until the backend said.
    resources: Option<Vec<Value>>,
}

impl Entry {
    fn is_available(&self) -> bool {
        self.state.read().available
    }
}

/// The groups of others. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Aggregator {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    objects: Objects,
    /// By `APIService` name.
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
    /// Backends in this process, by the name of their service in `kube-system`.
    in_process: RwLock<HashMap<String, Router>>,
    /// The front proxy's certificate.
    identity: Identity,
    /// Trusted where an `APIService` brings no authority of its own.
    authority: String,
    shutdown: Shutdown,
}

/// The namespace of backends in this process.
const SYSTEM: &str = "kube-system";

impl Aggregator {
    pub(crate) fn new(objects: Objects, identity: Identity, authority: String, shutdown: Shutdown) -> Self {
        Self {
            shared: Arc::new(Shared {
                objects,
                entries: RwLock::default(),
                in_process: RwLock::default(),
                identity,
                authority,
                shutdown,
            }),
        }
    }

    /// Publishes the built-in groups and follows `APIService`s and what they refer to until shutdown.
    pub(crate) fn start(&self) -> JoinHandle<()> {
        local::publish_builtin(&self.shared.objects);
        let aggregator = self.clone();
        spawn("aggregator", async move {
            let kinds = [APISERVICES, SERVICES, ENDPOINTS];
            let followers: Vec<JoinHandle<()>> = kinds
                .into_iter()
                .map(|resource| {
                    let aggregator = aggregator.clone();
                    spawn(
                        "aggregator watch",
                        async move { aggregator.follow(resource).await },
                    )
                })
                .collect();
            aggregator.shared.shutdown.raised().await;
            for follower in followers {
                follower.abort();
            }
            for entry in aggregator.shared.entries.read().values() {
                entry.stopped.raise();
            }
        })
    }

    async fn follow(&self, resource: Resource) {
        loop {
            let Ok(mut watch) = self.shared.objects.watch(resource, None, None) else {
                return;
            };
            while let Some(event) = watch.next().await {
                if event.kind == EventKind::Error {
                    break;
                }
                if resource == APISERVICES {
                    self.object(&event.object, event.kind == EventKind::Deleted);
                } else {
                    self.service_changed(meta::namespace(&event.object), meta::name(&event.object));
                }
            }
            // The watch fell behind: begin again with the present state.
            capstan_runtime::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    fn service_changed(&self, namespace: &str, name: &str) {
        for entry in self.shared.entries.read().values() {
            if entry.service.namespace == namespace && entry.service.name == name {
                entry.changed.notify_one();
            }
        }
    }

    /// Takes note of an `APIService` as it is now.
    fn object(&self, object: &Value, deleted: bool) {
        let name = meta::name(object);
        let spec = object.get("spec").cloned().unwrap_or_default();
        let service = ServiceReference::of(&spec);
        let mut entries = self.shared.entries.write();
        let (Some(service), false) = (service, deleted) else {
            if let Some(entry) = entries.remove(name) {
                entry.stopped.raise();
            }
            return;
        };
        let text = |field: &str| spec.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
        let number = |field: &str| spec.get(field).and_then(Value::as_i64).unwrap_or(0);
        let settings = connection::Settings::of(&spec, &service, &self.shared.authority);
        if let Some(entry) = entries.get(name) {
            let same = entry.service == service
                && entry.connection.settings() == &settings
                && entry.group_priority == number("groupPriorityMinimum")
                && entry.version_priority == number("versionPriority");
            if same {
                return;
            }
            entry.stopped.raise();
        } else if entries.len() >= MAX_BACKENDS {
            tracing::warn!(name, limit = MAX_BACKENDS, "too many APIServices with a service");
            return;
        }
        let objects = self.shared.objects.clone();
        let entry = Arc::new(Entry {
            name: name.to_owned(),
            group: text("group"),
            version: text("version"),
            group_priority: number("groupPriorityMinimum"),
            version_priority: number("versionPriority"),
            connection: Connection::new(objects, &service, settings, &self.shared.identity),
            service,
            state: RwLock::default(),
            changed: Notify::new(),
            stopped: self.shared.shutdown.child(),
        });
        entries.insert(name.to_owned(), Arc::clone(&entry));
        let aggregator = self.clone();
        spawn(
            "api service",
            async move { check::keep(&aggregator, &entry).await },
        );
    }

    /// The backend of a group's version.
    pub(crate) fn entry(&self, group: &str, version: &str) -> Option<Arc<Entry>> {
        let entries = self.shared.entries.read();
        entries
            .values()
            .find(|entry| entry.group == group && entry.version == version)
            .cloned()
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        self.shared.entries.read().values().cloned().collect()
    }

    fn in_process(&self, service: &ServiceReference) -> Option<Router> {
        if service.namespace != SYSTEM {
            return None;
        }
        self.shared.in_process.read().get(&service.name).cloned()
    }

    /// Serves an API from within this process, and publishes its `APIService`.
    pub(crate) fn serve(&self, api: LocalApi) -> Result<(), Status> {
        let name = format!("{}.{}", api.version, api.group);
        let object = json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": name},
            "spec": {
                "group": api.group,
                "version": api.version,
                "groupPriorityMinimum": api.group_priority,
                "versionPriority": api.version_priority,
                "service": {"namespace": SYSTEM, "name": api.service},
            },
        });
        self.shared.in_process.write().insert(api.service, api.router);
        match self.shared.objects.create(APISERVICES, None, object) {
            Err(status) if !status.is_already_exists() => Err(status),
            _ => Ok(()),
        }
    }

    /// Passes a request on to a backend.
    pub(crate) async fn proxy(
        &self,
        entry: &Entry,
        user: &User,
        request: axum::extract::Request,
    ) -> axum::response::Response {
        proxy::forward(self, entry, user, request).await
    }
}

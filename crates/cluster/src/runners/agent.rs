//! The node agent: binds pods to the one node, starts a worker for each, tells it when to end.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::PODS;
use capstan_kubeapi::meta;
use capstan_runtime::{sleep, spawn};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::addresses::Addresses;
use super::images::{ImageMap, Runner};
use super::logs::LogBook;
use super::meters::Meters;
use super::pod;
use super::process::Spawner;
use super::task::TaskApp;
use crate::controllers::Context;
use crate::controllers::driver::follow;
use crate::controllers::node::NODE;
use crate::controllers::pods;
use crate::objects::{DeleteOptions, Subresource};
use crate::services::Services;
use crate::storage::EventKind;
use crate::watch::Event;

/// What the kubelet calls itself in events.
pub(crate) const COMPONENT: &str = "kubelet";
/// When the whole cluster stops, pods get this long to end.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// How often pods that vanished unseen are looked for.
const SWEEP: Duration = Duration::from_secs(10);

/// Makes a token by which a pod's service account (namespace, name) is known to the API server.
pub(crate) type TokenSource = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;

/// How the agent runs pods.
pub(crate) struct Settings {
    pub(crate) addresses: Addresses,
    pub(crate) images: ImageMap,
    pub(crate) tasks: BTreeMap<String, Arc<dyn TaskApp>>,
    /// This program, for the tutorial's two images.
    pub(crate) own: Option<String>,
    /// Pods' directories, removed with them.
    pub(crate) pod_directory: PathBuf,
    /// What outlives pods.
    pub(crate) node_directory: PathBuf,
    pub(crate) hollow_delay: Duration,
    /// The second restart of a container comes after this long, the next after twice that.
    pub(crate) back_off: Duration,
    /// Where pods reach the API server.
    pub(crate) api: SocketAddr,
    pub(crate) certificate_authority: String,
    pub(crate) token: TokenSource,
}

/// The node agent.
pub(crate) struct Agent {
    pub(crate) context: Context,
    pub(crate) services: Services,
    pub(crate) logs: LogBook,
    pub(crate) spawner: Spawner,
    /// What runs, for whoever measures.
    pub(crate) meters: Meters,
    pub(crate) settings: Settings,
    task_names: BTreeSet<String>,
    workers: Mutex<HashMap<String, Worker>>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Agent")
            .field("pods", &self.workers.lock().len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Worker {
    ending: watch::Sender<Ending>,
    task: JoinHandle<()>,
}

/// Whether and how a pod is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is to run.
    No,
    /// It was deleted: it gets this long, then its object goes.
    Within(Duration),
    /// Its object is gone already.
    Gone,
    /// The cluster stops; the object is nobody's concern any more.
    Shutdown,
}

impl Ending {
    /// How long processes get after they were asked to end.
    pub(crate) fn grace(self) -> Duration {
        match self {
            Self::No => Duration::MAX,
            Self::Within(grace) => grace,
            Self::Gone => Duration::ZERO,
            Self::Shutdown => LAST_GRACE,
        }
    }
}

impl Agent {
    /// Must be called within a runtime.
    pub(crate) fn new(
        context: Context,
        services: Services,
        logs: LogBook,
        settings: Settings,
    ) -> std::io::Result<Arc<Self>> {
        let task_names = settings.tasks.keys().cloned().collect();
        let spawner = Spawner::start()?;
        Ok(Arc::new(Self {
            context,
            services,
            logs,
            spawner,
            meters: Meters::default(),
            settings,
            task_names,
            workers: Mutex::default(),
        }))
    }

    /// Follows all pods until shutdown.
    pub(crate) fn start(self: &Arc<Self>) -> JoinHandle<()> {
        let agent = Arc::clone(self);
        spawn("node agent", async move {
            let context = agent.context.clone();
            tokio::select! {
                () = follow(&context, PODS, |event| agent.observe(event)) => {}
                () = agent.sweep() => {}
            }
        })
    }

    /// Ends workers whose pod went while the watch was cut off. Never completes.
    async fn sweep(&self) {
        loop {
            sleep(SWEEP).await;
            // Seen before listing: a worker that starts in between has its pod in the list.
            let workers: Vec<String> = self.workers.lock().keys().cloned().collect();
            let pods = self.context.objects.list(PODS, None).items;
            let present: HashSet<&str> = pods.iter().map(|pod| meta::uid(pod)).collect();
            for uid in workers.iter().filter(|uid| !present.contains(uid.as_str())) {
                if let Some(worker) = self.workers.lock().get(uid) {
                    worker.ending.send_if_modified(|ending| {
                        let news = matches!(ending, Ending::No | Ending::Within(_));
                        if news {
                            *ending = Ending::Gone;
                        }
                        news
                    });
                }
            }
        }
    }

    /// Ends all pods and waits for them.
    pub(crate) async fn stop(&self) {
        let workers: Vec<Worker> = self.workers.lock().drain().map(|(_, worker)| worker).collect();
        for worker in &workers {
            worker.ending.send_replace(Ending::Shutdown);
        }
        for worker in workers {
            // A worker that panicked has been told by the runtime.
            let _ = worker.task.await;
        }
    }

    /// The runner of an image.
    pub(crate) fn runner(&self, image: &str) -> Option<Runner> {
        self.settings
            .images
            .find(image, self.settings.own.as_deref(), &self.task_names)
    }

    /// The node's own address.
    pub(crate) fn host() -> IpAddr {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    }

    fn observe(self: &Arc<Self>, event: &Event) {
        let pod = &event.object;
        let uid = meta::uid(pod);
        if event.kind == EventKind::Deleted {
            if let Some(worker) = self.workers.lock().get(uid) {
                worker.ending.send_replace(Ending::Gone);
            }
            return;
        }
        match pod
            .pointer("/spec/nodeName")
            .and_then(Value::as_str)
            .unwrap_or("")
        {
            "" => self.bind(pod),
            NODE => self.attend(pod, uid),
            // Somebody else's node, which does not exist here.
            _ => {}
        }
    }

    fn attend(self: &Arc<Self>, pod: &Arc<Value>, uid: &str) {
        let mut workers = self.workers.lock();
        if let Some(worker) = workers.get(uid) {
            if meta::is_deleting(pod) {
                let seconds = pods::int(pod, "/metadata/deletionGracePeriodSeconds", 30);
                let grace = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                worker.ending.send_if_modified(|ending| {
                    let next = Ending::Within(grace);
                    let news = *ending != next && matches!(*ending, Ending::No | Ending::Within(_));
                    if news {
                        *ending = next;
                    }
                    news
                });
            }
            return;
        }
        if meta::is_deleting(pod) {
            drop(workers);
            // Nothing of it runs.
            self.remove(pod);
            return;
        }
        if pods::is_finished(pod) || self.context.shutdown.is_raised() {
            return;
        }
        let (ending, end) = watch::channel(Ending::No);
        let (agent, pod) = (Arc::clone(self), Arc::clone(pod));
        let name = uid.to_owned();
        let task = spawn("pod", async move {
            pod::run(&agent, &pod, end).await;
            agent.workers.lock().remove(&name);
        });
        workers.insert(uid.to_owned(), Worker { ending, task });
    }

    /// The trivial scheduler: every pod fits.
    fn bind(&self, pod: &Value) {
        let scheduler = pod
            .pointer("/spec/schedulerName")
            .and_then(Value::as_str)
            .unwrap_or("default-scheduler");
        if scheduler != "default-scheduler" || meta::is_deleting(pod) {
            return;
        }
        let (namespace, name) = (meta::namespace(pod), meta::name(pod));
        let bound = self
            .context
            .objects
            .modify(PODS, Some(namespace), name, Subresource::None, |pod| {
                if pod
                    .pointer("/spec/nodeName")
                    .and_then(Value::as_str)
                    .unwrap_or("")
                    .is_empty()
                {
                    pod["spec"]["nodeName"] = NODE.into();
                }
            });
        match bound {
            Ok(_) => {
                let message = format!("Successfully assigned {namespace}/{name} to {NODE}");
                self.context
                    .objects
                    .record_event(pod, "Normal", "Scheduled", &message, "default-scheduler");
            }
            Err(status) if status.is_not_found() => {}
            Err(status) => tracing::warn!(%status, pod = name, "cannot bind pod"),
        }
    }

    /// Removes a pod's object for good.
    pub(crate) fn remove(&self, pod: &Value) {
        let options = DeleteOptions {
            grace_seconds: Some(0),
            uid: Some(meta::uid(pod).to_owned()),
            ..DeleteOptions::default()
        };
        match self
            .context
            .objects
            .delete(PODS, Some(meta::namespace(pod)), meta::name(pod), &options)
        {
            Err(status) if !status.is_not_found() && !status.is_conflict() => {
                tracing::warn!(%status, pod = meta::name(pod), "cannot remove pod");
            }
            _ => {}
        }
    }

    /// Writes a pod's status. `false` when the object is gone.
    pub(crate) fn write_status(&self, pod: &Value, view: &super::status::PodView) -> bool {
        let (namespace, uid) = (meta::namespace(pod), meta::uid(pod));
        let written = self.context.objects.modify(
            PODS,
            Some(namespace),
            meta::name(pod),
            Subresource::Status,
            |pod| {
                if meta::uid(pod) == uid {
                    let before = pod.get("status").cloned().unwrap_or(Value::Null);
                    pod["status"] = view.status(&before, self.context.clock.now());
                }
            },
        );
        match written {
            Ok(found) => meta::uid(&found) == uid,
            Err(status) => {
                if !status.is_not_found() {
                    tracing::warn!(%status, pod = meta::name(pod), "cannot write pod status");
                }
                !status.is_not_found()
            }
        }
    }

    /// Records an event about a pod.
    pub(crate) fn event(&self, pod: &Value, warning: bool, reason: &str, message: &str) {
        let kind = if warning { "Warning" } else { "Normal" };
        self.context
            .objects
            .record_event(pod, kind, reason, message, COMPONENT);
    }
}

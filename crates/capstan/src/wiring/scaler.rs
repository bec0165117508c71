//! The autoscaling nodes' port onto orchestrators: one worker per object, so that requests for one object run in order and
//! one at a time while other objects go on (N-217).

mod kube;
pub(crate) mod swarm;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use capstan_base::SharedClock;
use capstan_flow::ports::{
    ScaleAnswer, ScaleError, ScaleReason, ScaleRequest, ScaleSink, ScaleTarget, Scaler,
};
use capstan_hpa::record::Record;
use capstan_runtime::Shutdown;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Requests that may wait for one object; a node never has more than one write in flight.
const QUEUE: usize = 64;

/// How often a write is tried again when only the object's version moved, not its replicas.
const VERSION_RETRIES: usize = 5;

/// Keeps decision records.
pub(crate) type RecordSink = Arc<dyn Fn(&Record) + Send + Sync>;

/// One configured orchestrator.
pub(crate) trait Orchestrator: Debug + Send + Sync + 'static {
    /// Kapacitor's word for it.
    const WHAT: &'static str;

    /// What scripts name it by.
    fn id(&self) -> &str;

    /// Carries out the requests for one object, in order, as long as there may be more.
    fn work(
        self: Arc<Self>,
        target: ScaleTarget,
        context: Context,
        requests: Requests,
    ) -> impl Future<Output = ()> + Send;
}

/// Requests for one object.
pub(crate) type Requests = mpsc::Receiver<Work>;

/// A request and who is told its answer.
pub(crate) struct Work {
    request: ScaleRequest,
    sink: ScaleSink,
}

/// Scales objects of the configured orchestrators of one sort.
#[derive(Debug)]
pub(crate) struct Workers<C> {
    clusters: HashMap<String, Arc<C>>,
    by_object: Mutex<HashMap<ScaleTarget, mpsc::Sender<Work>>>,
    context: Context,
}

/// What workers need beside their orchestrator.
#[derive(Clone)]
pub(crate) struct Context {
    runtime: Handle,
    clock: SharedClock,
    shutdown: Shutdown,
    records: RecordSink,
}

impl Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl Context {
    /// Work runs on the current runtime until `shutdown` is raised.
    pub(crate) fn new(clock: SharedClock, shutdown: Shutdown, records: RecordSink) -> Self {
        Self {
            runtime: Handle::current(),
            clock,
            shutdown,
            records,
        }
    }
}

impl<C: Orchestrator> Workers<C> {
    /// A scaler for `clusters`; the first one also answers to the empty id.
    pub(crate) fn new(clusters: Vec<C>, context: Context) -> Self {
        let mut by_id = HashMap::new();
        for cluster in clusters {
            let cluster = Arc::new(cluster);
            by_id.entry(String::new()).or_insert_with(|| Arc::clone(&cluster));
            by_id.insert(cluster.id().to_owned(), cluster);
        }
        Self {
            clusters: by_id,
            by_object: Mutex::default(),
            context,
        }
    }

    fn worker(&self, target: &ScaleTarget, cluster: &Arc<C>) -> mpsc::Sender<Work> {
        let mut workers = self.by_object.lock();
        if let Some(worker) = workers.get(target)
            && !worker.is_closed()
        {
            return worker.clone();
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        let work = Arc::clone(cluster).work(target.clone(), self.context.clone(), receiver);
        let _guard = self.context.runtime.enter();
        let shutdown = self.context.shutdown.clone();
        capstan_runtime::spawn("scale worker", async move {
            tokio::select! {
                () = work => {}
                () = shutdown.raised() => {}
            }
        });
        workers.insert(target.clone(), sender.clone());
        sender
    }
}

impl<C: Orchestrator> Scaler for Workers<C> {
    fn check(&self, cluster: &str) -> Result<(), String> {
        if self.clusters.contains_key(cluster) {
            Ok(())
        } else if self.clusters.is_empty() {
            Err("service is not enabled".to_owned())
        } else {
            Err(format!(
                "unknown {} cluster {cluster:?}, cannot get client",
                C::WHAT
            ))
        }
    }

    fn send(&self, target: &ScaleTarget, request: ScaleRequest, sink: ScaleSink) {
        let failed = |request: &ScaleRequest, message: String| {
            let error = Err(ScaleError {
                reason: ScaleReason::Unavailable,
                message,
            });
            match request {
                ScaleRequest::Observe => ScaleAnswer::Observed(error),
                ScaleRequest::Write { .. } => ScaleAnswer::Written(error),
            }
        };
        let Some(cluster) = self.clusters.get(&*target.cluster) else {
            let message = self.check(&target.cluster).err().unwrap_or_default();
            sink(failed(&request, message));
            return;
        };
        let worker = self.worker(target, cluster);
        if let Err(error) = worker.try_send(Work { request, sink }) {
            let Work { request, sink } = error.into_inner();
            sink(failed(
                &request,
                format!("{QUEUE} requests already wait for {:?}", &*target.name),
            ));
        }
    }

    fn record(&self, record: &Record) {
        (self.context.records)(record);
    }
}

//! Kubernetes: reads and writes a scale by its subresource, watches the object, leaves Events on it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use capstan_flow::ports::{
    ScaleAnswer, ScaleError, ScaleReason, ScaleRequest, ScaleSink, ScaleState, ScaleTarget,
};
use capstan_hpa::record::Record;
use capstan_kube::{
    Cluster, Error, Event, EventType, FIELD_MANAGER, Observation, Reason, Rivals, ScalableKind, Scale,
};
use parking_lot::Mutex;

use super::{Context, Orchestrator, Requests, VERSION_RETRIES, Work};

/// How often a watch looks whether anybody still wants its news.
const SINK_CHECK: Duration = Duration::from_secs(5);

impl Orchestrator for Cluster {
    const WHAT: &'static str = "kubernetes";

    fn id(&self) -> &str {
        self.id()
    }

    async fn work(self: Arc<Self>, target: ScaleTarget, context: Context, requests: Requests) {
        let namespace = if target.namespace.is_empty() {
            self.default_namespace()
        } else {
            &target.namespace
        };
        let worker = Worker {
            word: target.kind.to_string(),
            namespace: namespace.to_owned(),
            name: target.name.to_string(),
            cluster: self,
            context,
            kind: None,
            rivals: Arc::default(),
            watching: Vec::new(),
            last_failure: None,
            uid: Arc::default(),
        };
        worker.run(requests).await;
    }
}

struct Worker {
    cluster: Arc<Cluster>,
    /// The script's word for the kind.
    word: String,
    namespace: String,
    name: String,
    context: Context,
    kind: Option<ScalableKind>,
    /// Who else writes this scale; looked up again after each write.
    rivals: Arc<Mutex<Rivals>>,
    /// Sinks that a watch reports to.
    watching: Vec<Weak<dyn Fn(ScaleAnswer) + Send + Sync>>,
    /// The failure that was last told by an Event, so that a persisting one is told once.
    last_failure: Option<String>,
    /// Of the object, as the watch saw it; Events name it.
    uid: Arc<Mutex<Option<String>>>,
}

impl Worker {
    async fn run(mut self, mut requests: Requests) {
        while let Some(Work { request, sink }) = requests.recv().await {
            match request {
                ScaleRequest::Observe => {
                    let answer = self.observe(&sink).await;
                    sink(ScaleAnswer::Observed(answer.map_err(into_port)));
                }
                ScaleRequest::Write {
                    replicas,
                    expected,
                    record,
                } => {
                    self.write(replicas, expected, &record, &sink).await;
                }
            }
        }
    }

    async fn kind(&mut self) -> Result<ScalableKind, Error> {
        if let Some(kind) = &self.kind {
            return Ok(kind.clone());
        }
        let kind = self.cluster.scalable_kind(&self.word).await?;
        Ok(self.kind.insert(kind).clone())
    }

    async fn observe(&mut self, sink: &ScaleSink) -> Result<ScaleState, Error> {
        let kind = self.kind().await?;
        let scale = self.cluster.scale(&kind, &self.namespace, &self.name).await?;
        self.look_for_rivals(&kind).await;
        let state = self.state(&kind, &scale);
        self.watching.retain(|known| known.strong_count() > 0);
        let weak = Arc::downgrade(sink);
        if !self.watching.iter().any(|known| known.ptr_eq(&weak)) {
            self.watching.push(Weak::clone(&weak));
            self.watch(kind, weak);
        }
        Ok(state)
    }

    /// Passes on what the watch sees until nobody holds the sink.
    fn watch(&self, kind: ScalableKind, sink: Weak<dyn Fn(ScaleAnswer) + Send + Sync>) {
        let (cluster, namespace, name) = (
            Arc::clone(&self.cluster),
            self.namespace.clone(),
            self.name.clone(),
        );
        let (rivals, shutdown, uid) = (
            Arc::clone(&self.rivals),
            self.context.shutdown.clone(),
            Arc::clone(&self.uid),
        );
        let unwanted = {
            let sink = Weak::clone(&sink);
            async move {
                while sink.strong_count() > 0 {
                    capstan_runtime::sleep(SINK_CHECK).await;
                }
            }
        };
        capstan_runtime::spawn("scale watch", async move {
            // Who gave the object the count it has; unknown until the count changes under the watch.
            let (mut count, mut changed_by) = (None, None);
            let see = |observation: Observation| {
                let Some(sink) = sink.upgrade() else { return false };
                uid.lock().clone_from(&observation.uid);
                let answer = observation.scale.map(|scale| {
                    let mut rivals = rivals.lock().clone();
                    rivals.owner = observation.owner.or(rivals.owner);
                    if count
                        .replace(scale.replicas)
                        .is_some_and(|before| before != scale.replicas)
                    {
                        // That we changed it is no news.
                        changed_by = observation.changed_by.filter(|manager| manager != FIELD_MANAGER);
                    }
                    state(&kind, &namespace, &scale, &rivals, changed_by.clone())
                });
                sink(ScaleAnswer::Observed(answer.map_err(into_port)));
                true
            };
            tokio::select! {
                () = cluster.observe(&kind, &namespace, &name, see) => {}
                () = unwanted => {}
                () = shutdown.raised() => {}
            }
        });
    }

    async fn write(&mut self, replicas: i64, expected: ScaleState, record: &Record, sink: &ScaleSink) {
        let kind = match self.kind().await {
            Ok(kind) => kind,
            Err(error) => {
                sink(ScaleAnswer::Written(Err(into_port(error))));
                return;
            }
        };
        let mut version = expected.resource_version.clone();
        for _ in 0..VERSION_RETRIES {
            let error = match self
                .cluster
                .set_scale(&kind, &self.namespace, &self.name, replicas, &version)
                .await
            {
                Ok(scale) => {
                    self.last_failure = None;
                    sink(ScaleAnswer::Written(Ok(self.state(&kind, &scale))));
                    self.tell(&kind, EventType::Normal, "SuccessfulRescale", record.summary());
                    self.look_for_rivals(&kind).await;
                    return;
                }
                Err(error) => error,
            };
            if error.reason != Reason::Conflict {
                self.failed(&kind, replicas, error, sink);
                return;
            }
            match self.cluster.scale(&kind, &self.namespace, &self.name).await {
                // Only the version moved (a status update): the decision still stands.
                Ok(now) if now.replicas == expected.replicas => version = now.resource_version,
                Ok(now) => {
                    sink(ScaleAnswer::Observed(Ok(self.state(&kind, &now))));
                    sink(ScaleAnswer::Written(Err(into_port(error))));
                    return;
                }
                Err(error) => {
                    self.failed(&kind, replicas, error, sink);
                    return;
                }
            }
        }
        let message = format!(
            "{:?} changed {VERSION_RETRIES} times while it was written",
            self.name
        );
        sink(ScaleAnswer::Written(Err(ScaleError {
            reason: ScaleReason::Conflict,
            message,
        })));
    }

    async fn look_for_rivals(&self, kind: &ScalableKind) {
        let found = self.cluster.rivals(kind, &self.namespace, &self.name).await;
        *self.rivals.lock() = found;
    }

    fn state(&self, kind: &ScalableKind, scale: &Scale) -> ScaleState {
        state(kind, &self.namespace, scale, &self.rivals.lock(), None)
    }

    fn failed(&mut self, kind: &ScalableKind, replicas: i64, error: Error, sink: &ScaleSink) {
        if self.last_failure.as_deref() != Some(&error.message) {
            self.last_failure = Some(error.message.clone());
            if !matches!(error.reason, Reason::Unavailable | Reason::NotFound) {
                let message = format!("New size: {replicas}; error: {}", error.message);
                self.tell(kind, EventType::Warning, "FailedRescale", message);
            }
        }
        sink(ScaleAnswer::Written(Err(into_port(error))));
    }

    /// Leaves an Event on the object, beside the next request and not before it.
    fn tell(&self, kind: &ScalableKind, event_type: EventType, reason: &'static str, message: String) {
        let (cluster, kind, clock) = (
            Arc::clone(&self.cluster),
            kind.clone(),
            Arc::clone(&self.context.clock),
        );
        let (namespace, name, uid) = (self.namespace.clone(), self.name.clone(), self.uid.lock().clone());
        capstan_runtime::spawn("scale event", async move {
            let event = Event {
                event_type,
                reason,
                message: &message,
            };
            if let Err(error) = cluster
                .event(&clock, &kind, &namespace, &name, uid.as_deref(), &event)
                .await
            {
                tracing::warn!(kind = kind.plural, namespace, name, %error, "event not recorded");
            }
        });
    }
}

fn state(
    kind: &ScalableKind,
    namespace: &str,
    scale: &Scale,
    rivals: &Rivals,
    changed_by: Option<String>,
) -> ScaleState {
    ScaleState {
        replicas: scale.replicas,
        resource_version: scale.resource_version.clone(),
        owner: rivals.owner.clone(),
        autoscaler: rivals.autoscaler.clone(),
        changed_by,
        api_version: kind.api_version(),
        kind: kind.kind.clone(),
        namespace: namespace.to_owned(),
    }
}

fn into_port(error: Error) -> ScaleError {
    let reason = match error.reason {
        Reason::NotFound => ScaleReason::NotFound,
        Reason::Forbidden => ScaleReason::Forbidden,
        Reason::Conflict => ScaleReason::Conflict,
        Reason::Unavailable => ScaleReason::Unavailable,
        Reason::Config | Reason::Other => ScaleReason::Other,
    };
    ScaleError {
        reason,
        message: error.message,
    }
}

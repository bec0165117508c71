//! Events about HPAs, as client-go's recorder sends them: repeats are counted on the event that is there, many similar
//! ones are folded into one, and one object cannot flood the API server.

mod correlate;

use std::sync::Arc;

use capstan_base::SharedClock;
use capstan_hpa::reconcile::{Event, EventType};
use capstan_kube::{Cluster, Message, Reason};
use capstan_kubeapi::time;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::limiter::Limiter;
use crate::subject::Subject;
use correlate::{Correlator, Observed};

/// Events that may wait to be sent; more are dropped, as upstream drops them (`maxQueuedEvents`).
const QUEUE: usize = 1000;

/// How often a server that does not answer is tried, and how long after (`maxTriesPerEvent`, `defaultSleepDuration`).
const TRIES: usize = 12;
const PAUSE: std::time::Duration = std::time::Duration::from_secs(10);

/// An event and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) kind: &'static str,
    pub(crate) api_version: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) component: &'static str,
    pub(crate) event: Event,
}

/// Where events are left. Leaving one never waits.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    sender: mpsc::Sender<Noted>,
}

impl Recorder {
    /// A recorder, and what sends its events until the recorder is gone.
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        limiter: Arc<Limiter>,
        clock: SharedClock,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, mut receiver) = mpsc::channel(QUEUE);
        let send = async move {
            let mut correlator = Correlator::default();
            while let Some(noted) = receiver.recv().await {
                if let Some(observed) = correlator.observe(noted, clock.now()) {
                    limiter.pass().await;
                    deliver(&cluster, &mut correlator, &observed).await;
                }
            }
        };
        (Self { sender }, send)
    }

    /// Leaves an event about an object.
    pub(crate) fn note(&self, subject: &Subject, event: Event) {
        let noted = Noted {
            kind: subject.key.kind.name(),
            api_version: subject.key.kind.api_version(),
            namespace: subject.key.namespace.to_string(),
            name: subject.key.name.to_string(),
            uid: subject.hpa.uid().to_owned(),
            resource_version: subject.hpa.resource_version().to_owned(),
            component: subject.key.kind.component(),
            event,
        };
        if let Err(error) = self.sender.try_send(noted) {
            tracing::debug!(%error, "an event was dropped");
        }
    }
}

async fn deliver(cluster: &Cluster, correlator: &mut Correlator, observed: &Observed) {
    let mut patch = observed.count > 1;
    let mut tries = 0;
    loop {
        let result = if patch {
            let path = format!("{}/{}", path(observed), observed.name);
            let body = json!({
                "count": observed.count,
                "lastTimestamp": time::rfc3339(observed.last),
                "message": observed.noted.event.message,
            });
            let message = Message {
                content_type: "application/strategic-merge-patch+json",
                ..Message::json("PATCH", &path, body.to_string().into_bytes())
            };
            cluster.send(&message).await
        } else {
            let path = path(observed);
            let body = object(observed).to_string().into_bytes();
            cluster.send(&Message::json("POST", &path, body)).await
        };
        match result {
            Ok(reply) if reply.code == 404 && patch => {
                // It was there when it was counted; events do not live long.
                patch = false;
            }
            Ok(reply) if reply.code < 300 => return,
            Ok(reply) => {
                tracing::debug!(code = reply.code, body = reply.body, "an event was refused");
                correlator.forget(observed);
                return;
            }
            Err(error) => {
                tries += 1;
                if tries >= TRIES || error.reason != Reason::Unavailable {
                    tracing::debug!(%error, "an event could not be sent");
                    correlator.forget(observed);
                    return;
                }
                capstan_runtime::sleep(PAUSE).await;
            }
        }
    }
}

fn path(observed: &Observed) -> String {
    format!("/api/v1/namespaces/{}/events", observed.noted.namespace)
}

fn object(observed: &Observed) -> Value {
    let noted = &observed.noted;
    json!({
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"name": observed.name, "namespace": noted.namespace},
        "involvedObject": {
            "kind": noted.kind,
            "namespace": noted.namespace,
            "name": noted.name,
            "uid": noted.uid,
            "apiVersion": noted.api_version,
            "resourceVersion": noted.resource_version,
        },
        "reason": noted.event.reason,
        "message": noted.event.message,
        "source": {"component": noted.component},
        "firstTimestamp": time::rfc3339(observed.first),
        "lastTimestamp": time::rfc3339(observed.last),
        "count": observed.count,
        "type": match noted.event.type_ { EventType::Normal => "Normal", EventType::Warning => "Warning" },
        "eventTime": null,
        "reportingComponent": noted.component,
        "reportingInstance": "",
    })
}

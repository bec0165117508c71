//! Warning events on HPAs whose configuration is ignored or wrong.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_kube::{Cluster, Event, EventType, ScalableKind};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::index::Key;

/// Events that may wait to be sent. What is dropped is in the log and in the status.
const QUEUE: usize = 1000;

/// Between two events, so that ten thousand HPAs with a mistake are no storm.
const PAUSE: Duration = Duration::from_millis(20);

/// Something to say about an HPA.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The event's reason.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

#[derive(Debug)]
struct Noted {
    key: Key,
    uid: String,
    finding: Finding,
}

/// Says everything once, until it is no longer so.
#[derive(Debug)]
pub(crate) struct Recorder {
    said: Mutex<HashMap<Key, BTreeSet<Finding>>>,
    sender: mpsc::Sender<Noted>,
}

impl Recorder {
    /// A recorder, and what sends its events until the recorder is gone.
    pub(crate) fn new(cluster: Arc<Cluster>, clock: SharedClock) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, mut receiver) = mpsc::channel::<Noted>(QUEUE);
        let send = async move {
            let kind = ScalableKind {
                group: "autoscaling".to_owned(),
                version: "v2".to_owned(),
                plural: "horizontalpodautoscalers".to_owned(),
                kind: "HorizontalPodAutoscaler".to_owned(),
                watch: true,
            };
            while let Some(Noted { key, uid, finding }) = receiver.recv().await {
                let event = Event {
                    event_type: EventType::Warning,
                    reason: finding.reason,
                    message: &finding.message,
                };
                let sent = cluster
                    .event(&clock, &kind, &key.namespace, &key.name, Some(&uid), &event)
                    .await;
                if let Err(error) = sent {
                    tracing::debug!(%error, "an event could not be sent");
                }
                capstan_runtime::sleep(PAUSE).await;
            }
        };
        let said = Mutex::default();
        (Self { said, sender }, send)
    }

    /// What there is to say about an HPA now. Only what was not said before becomes an event and a log line.
    pub(crate) fn findings(&self, key: &Key, uid: &str, now: BTreeSet<Finding>) {
        let mut said = self.said.lock();
        let before = said.remove(key).unwrap_or_default();
        for finding in now.difference(&before) {
            tracing::warn!(
                namespace = key.namespace,
                hpa = key.name,
                reason = finding.reason,
                "{}",
                finding.message
            );
            let noted = Noted {
                key: key.clone(),
                uid: uid.to_owned(),
                finding: finding.clone(),
            };
            if self.sender.try_send(noted).is_err() {
                tracing::debug!("too many events wait, one is dropped");
            }
        }
        if !now.is_empty() {
            said.insert(key.clone(), now);
        }
    }

    /// An HPA is gone.
    pub(crate) fn forget(&self, key: &Key) {
        self.said.lock().remove(key);
    }
}

//! Everything that a sync may ask for, from the API server or from what is followed of it.

use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_hpa::api_error::ApiError;
use capstan_hpa::autoscaling::HorizontalPodAutoscaler;
use capstan_hpa::reconcile::{Answer, Event, Request};
use capstan_kube::{Cluster, Message, Reply};
use capstan_kubeapi::Selector;
use serde_json::Value;

use crate::discovery::Discovery;
use crate::events::Recorder;
use crate::limiter::Limiter;
use crate::metrics::Metrics;
use crate::pods::{Pods, Selected};
use crate::scales::{self, Scales};
use crate::selectors::Selectors;
use crate::subject::{Kind, Subject};
use crate::targets::Targets;

/// The reason of the event about a new number of replicas.
const RESCALED: &str = "SuccessfulRescale";

/// See the module.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) clock: SharedClock,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) discovery: Discovery,
    pub(crate) pods: Pods,
    pub(crate) scales: Scales,
    pub(crate) selectors: Selectors,
    pub(crate) metrics: Metrics,
    pub(crate) recorder: Recorder,
    pub(crate) targets: Targets,
}

/// What one sync has done so far.
#[derive(Debug, Default)]
pub(crate) struct Visit {
    /// The least resourceVersion that a scale must have to be believed: that of our last write.
    pub(crate) least: Option<u64>,
    /// Nothing is to be written.
    pub(crate) withhold: bool,
    /// A write was tried: from now on scales are read from the server.
    pub(crate) live: bool,
    /// The object as the server has it after the status was written.
    pub(crate) written: Option<Value>,
    /// How long each metric took.
    pub(crate) metrics: Vec<Duration>,
    /// An event of an `Autoscaler` that is left once the decision can be told whole.
    pub(crate) rescaled: Option<Event>,
}

impl World {
    /// The answer to a request of the sync of `subject`.
    pub(crate) async fn answer(&self, subject: &Subject, request: Request, visit: &mut Visit) -> Answer {
        match request {
            Request::MapKind { group, kind } => self
                .discovery
                .map(&self.cluster, &group, &kind)
                .await
                .map_or_else(Answer::Failed, Answer::Mappings),
            Request::CustomMetricsVersion => self
                .discovery
                .custom_metrics(&self.cluster)
                .await
                .map_or_else(Answer::Failed, Answer::Version),
            Request::GetScale { path } => {
                if !visit.live
                    && let Some(scale) = self.scales.get(&path, visit.least)
                {
                    return Answer::Object(scale);
                }
                self.read(&path).await
            }
            Request::ListPods { namespace, selector } => {
                self.list_pods(subject, &namespace, &selector, visit).await
            }
            Request::GetMetric(query) => {
                let began = self.clock.monotonic();
                let answer = self
                    .metrics
                    .get(&self.cluster, &self.limiter, &query, subject.period)
                    .await;
                visit.metrics.push(self.clock.monotonic().saturating_sub(began));
                answer
            }
            Request::PutScale { .. } | Request::PutStatus { .. } if visit.withhold => Answer::Withheld,
            Request::PutScale { path, body } => {
                visit.live = true;
                match self.write("PUT", &path, body.to_string().into_bytes()).await {
                    Ok(reply) if is_success(&reply) => {
                        visit.least = serde_json::from_str(&reply.body)
                            .ok()
                            .as_ref()
                            .and_then(scales::version);
                        Answer::Done
                    }
                    other => answer(other),
                }
            }
            Request::PutStatus { path, body } => self.put_status(subject, &path, &body, visit).await,
            Request::Wait { nanos } => {
                // Up to a tenth more, so that those who collided do not meet again.
                let nanos = u64::try_from(nanos).unwrap_or(0);
                let more = self.clock.monotonic().subsec_nanos() % 1000;
                let nanos = nanos + nanos / 10 * u64::from(more) / 1000;
                capstan_runtime::sleep(Duration::from_nanos(nanos)).await;
                Answer::Done
            }
            Request::Event(_) if visit.withhold => Answer::Done,
            Request::Event(event) if subject.key.kind == Kind::Autoscaler && event.reason == RESCALED => {
                visit.rescaled = Some(event);
                Answer::Done
            }
            Request::Event(event) => {
                self.recorder.note(subject, event);
                Answer::Done
            }
        }
    }

    /// Writes the status of an object.
    pub(crate) async fn put_status(
        &self,
        subject: &Subject,
        path: &str,
        hpa: &HorizontalPodAutoscaler,
        visit: &mut Visit,
    ) -> Answer {
        let body = match subject.status_body(hpa) {
            Ok(body) => body,
            Err(error) => return Answer::Failed(ApiError::text(error.to_string())),
        };
        match self.write("PUT", &subject.status_path(path), body).await {
            Ok(reply) if is_success(&reply) => {
                visit.written = serde_json::from_str(&reply.body).ok();
                Answer::Done
            }
            other => answer(other),
        }
    }

    async fn list_pods(&self, subject: &Subject, namespace: &str, text: &str, visit: &Visit) -> Answer {
        let selector = match Selector::parse(text) {
            Ok(selector) => selector,
            Err(error) => return Answer::Failed(ApiError::text(error)),
        };
        let selected = match self.pods.select(namespace, text, &selector) {
            Some(selected) => selected,
            None => match self.read_pods(namespace, text).await {
                Ok(selected) => Arc::new(selected),
                Err(error) => return Answer::Failed(error),
            },
        };
        let rivals = if visit.withhold {
            // Who only watches is nobody's rival.
            self.selectors.remove(&subject.key);
            Vec::new()
        } else {
            let labels = selected.labels.iter().map(|labels| &**labels);
            self.selectors.register(&subject.key, text, &selector, labels)
        };
        Answer::Pods {
            pods: Arc::clone(&selected.pods),
            rivals,
        }
    }

    async fn read_pods(&self, namespace: &str, text: &str) -> Result<Selected, ApiError> {
        let selector = capstan_hpa::go::escape_query(text);
        let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}");
        let reply = self
            .send(&Message::get(&path))
            .await
            .map_err(|error| ApiError::text(error.message))?;
        if !is_success(&reply) {
            return Err(ApiError::of_response(reply.code, &reply.body, "list", "pods"));
        }
        let list: Value =
            serde_json::from_str(&reply.body).map_err(|error| ApiError::text(error.to_string()))?;
        let items = list["items"].as_array().map(Vec::as_slice);
        Ok(Selected::of_objects(items.unwrap_or_default()))
    }

    async fn send(&self, message: &Message<'_>) -> Result<Reply, capstan_kube::Error> {
        self.limiter.pass().await;
        self.cluster.send(message).await
    }

    async fn read(&self, path: &str) -> Answer {
        match self.send(&Message::get(path)).await {
            Ok(reply) if is_success(&reply) => serde_json::from_str(&reply.body).map_or_else(
                |error| Answer::Failed(ApiError::text(error.to_string())),
                Answer::Object,
            ),
            other => answer(other),
        }
    }

    async fn write(&self, method: &str, path: &str, body: Vec<u8>) -> Result<Reply, capstan_kube::Error> {
        self.send(&Message::json(method, path, body)).await
    }
}

fn is_success(reply: &Reply) -> bool {
    (200..300).contains(&reply.code)
}

fn answer(result: Result<Reply, capstan_kube::Error>) -> Answer {
    match result {
        Ok(Reply { code, body }) => Answer::Http { code, body },
        Err(error) => Answer::Failed(ApiError::text(error.message)),
    }
}

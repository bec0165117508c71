//! What a sync asks for and what it may be given.

use std::sync::Arc;

use capstan_kubeapi::Selector;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api_error::ApiError;
use crate::autoscaling::HorizontalPodAutoscaler;
use crate::metrics::{MetricAnswer, MetricData, MetricQuery};
use crate::pod::Pod;

/// What a sync asks for. Any request may be answered by [`Answer::Failed`].
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// The resources of a group and kind, as discovery has them; the preferred version first. Answer: `Mappings`.
    MapKind {
        /// Empty for the core group.
        group: String,
        /// Such as `Deployment`.
        kind: String,
    },
    /// The preferred version of `custom.metrics.k8s.io`. Answer: `Version`.
    CustomMetricsVersion,
    /// GET of a scale. Answer: `Object` or `Http`.
    GetScale {
        /// Path of the request.
        path: String,
    },
    /// The pods that the target's selector selects. The driver also notes the selector as the one of this HPA, and
    /// says which other HPAs select any of these pods ([`rivals`]). Answer: `Pods`.
    ListPods {
        /// Namespace.
        namespace: String,
        /// Query text.
        selector: String,
    },
    /// GET of a metric, at [`MetricQuery::path`]. Answer: `Data`, `Object` or `Http`.
    GetMetric(MetricQuery),
    /// PUT of a scale. Answer: `Done`, `Object` or `Http`; `Withheld` if it is not to be done (shadow mode).
    PutScale {
        /// Path of the request.
        path: String,
        /// The whole scale.
        body: Value,
    },
    /// Let so many nanoseconds pass, and up to a tenth more. Answer: `Done`.
    Wait {
        /// Nanoseconds.
        nanos: i64,
    },
    /// PUT of the HPA's status. Answer: `Done`, `Object` or `Http`.
    PutStatus {
        /// Path of the request.
        path: String,
        /// The whole HPA.
        body: Box<HorizontalPodAutoscaler>,
    },
    /// An event about the HPA. Answer: `Done`.
    Event(Event),
}

/// An event about the HPA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// How serious it is.
    #[serde(rename = "type")]
    pub type_: EventType,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// How serious an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// For information.
    Normal,
    /// Something did not work.
    Warning,
}

/// What a sync may be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// It is done, and there is nothing to tell.
    Done,
    /// It was left out on purpose, and is to be taken for done.
    Withheld,
    /// Of `MapKind`.
    Mappings(Vec<Mapping>),
    /// Of `CustomMetricsVersion`.
    Version(String),
    /// Of `ListPods`.
    Pods {
        /// The pods.
        pods: Arc<[Pod]>,
        /// `namespace/name` of each other HPA that selects any of them.
        rivals: Vec<String>,
    },
    /// Of `GetMetric`, from a source in the process.
    Data(MetricData),
    /// The body of a successful answer.
    Object(Value),
    /// An answer over HTTP as it is.
    Http {
        /// HTTP status.
        code: u16,
        /// The body.
        body: String,
    },
    /// It did not work.
    Failed(ApiError),
}

/// An answer and when it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// The answer.
    pub answer: Answer,
    /// The time then.
    pub time: Timestamp,
}

/// A resource of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Empty for the core group.
    pub group: String,
    /// The group's preferred version.
    pub version: String,
    /// In the plural, `deployments`.
    pub resource: String,
}

impl Mapping {
    /// `deployments.apps`, or `services` for the core group.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }
}

impl From<Answer> for MetricAnswer {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Data(data) => Self::Data(data),
            Answer::Object(body) => Self::Body(body),
            Answer::Http { code, body } => Self::Http { code, body },
            Answer::Failed(error) => Self::Failed(error),
            other => Self::Failed(other.misplaced()),
        }
    }
}

/// Which of the other HPAs' selectors select any pod with these labels, sorted.
pub fn rivals<'a, 'l>(
    others: impl IntoIterator<Item = (&'a str, &'a Selector)>,
    labels: impl IntoIterator<Item = Option<&'l Map<String, Value>>> + Clone,
) -> Vec<String> {
    let mut names: Vec<String> = others
        .into_iter()
        .filter(|(_, selector)| labels.clone().into_iter().any(|labels| selector.matches(labels)))
        .map(|(name, _)| name.to_owned())
        .collect();
    names.sort();
    names
}

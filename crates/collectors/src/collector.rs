//! What a collector is.

use std::fmt::Debug;

use capstan_hpa::autoscaling::{CrossVersionObjectReference, LabelSelector, MetricSpec};
use capstan_metrics::{Sample, Series};
use futures::future::BoxFuture;

use crate::annotations::{MetricConfig, MetricType};

/// One metric of an HPA that a collector is wanted for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The HPA's namespace.
    pub namespace: String,
    /// The HPA's name.
    pub hpa: String,
    /// What the HPA scales.
    pub target: CrossVersionObjectReference,
    /// The metric as the HPA has it; Pods, Object or External.
    pub metric: MetricSpec,
    /// What the annotations say about it; nothing, if they do not mention it.
    pub config: MetricConfig,
}

impl Wanted {
    /// Of which type the metric is; `None` for those that need no collector.
    pub fn metric_type(&self) -> Option<MetricType> {
        MetricType::of(&self.metric)
    }

    /// The metric's name.
    pub fn name(&self) -> &str {
        self.identifier().map_or("", |of| of.0)
    }

    /// The metric's selector.
    pub fn selector(&self) -> Option<&LabelSelector> {
        self.identifier().and_then(|of| of.1)
    }

    fn identifier(&self) -> Option<(&str, Option<&LabelSelector>)> {
        let metric = &self.metric;
        let found = match self.metric_type()? {
            MetricType::Pods => &metric.pods.as_ref()?.metric,
            MetricType::Object => &metric.object.as_ref()?.metric,
            MetricType::External => &metric.external.as_ref()?.metric,
        };
        Some((&found.name, found.selector.as_ref()))
    }
}

/// Something that asks the world for a metric's values.
pub trait Collector: Send + Sync + Debug {
    /// The question it asks. Collectors with the same question and interval are run at the same moment, so that what
    /// they share is asked once.
    fn question(&self) -> String;

    /// Asks now. Every collector has a timeout of its own.
    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>>;
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Collected {
    /// The values, each with the time it was true at.
    pub samples: Vec<(Series, Sample)>,
    /// What could not be had although some could: "2 of 5 pods did not answer: …".
    pub missing: Option<String>,
}

/// Why a collector has no value now. Trying again later may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CollectError {
    /// What happened, with the address and the query it happened to; never a secret.
    pub message: String,
    /// The server asks not to be asked again before this many seconds.
    pub retry_after: Option<u64>,
}

impl CollectError {
    /// An error without more to say.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry_after: None,
        }
    }
}

/// Why a metric cannot have a collector. Only a change of the HPA, or of our configuration, helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    /// An error with this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

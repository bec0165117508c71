//! What a value is a value of.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Labels of a series. In the form that selectors look at: every value is a string.
pub type Labels = Map<String, Value>;

/// A kind of object, as the metrics APIs name it: `pods`, `ingresses.networking.k8s.io`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupResource {
    /// Empty for the core group.
    pub group: String,
    /// In the plural.
    pub resource: String,
}

impl GroupResource {
    /// `GroupResource::new("", "pods")`.
    pub fn new(group: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            resource: resource.into(),
        }
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

/// One series of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Series {
    /// A metric of an object (`custom.metrics.k8s.io`).
    Object {
        /// Name of the metric.
        metric: String,
        /// What kind of object.
        resource: GroupResource,
        /// `v1`, `networking.k8s.io/v1`: how the object is named in answers.
        api_version: String,
        /// `Pod`, `Ingress`.
        kind: String,
        /// Empty for objects without one.
        namespace: String,
        /// Name of the object.
        name: String,
        /// Labels of the metric, not of the object.
        labels: Labels,
    },
    /// A metric of nothing in the cluster (`external.metrics.k8s.io`).
    External {
        /// Name of the metric.
        metric: String,
        /// The HPA's: external metrics are namespaced.
        namespace: String,
        /// Labels of the metric.
        labels: Labels,
    },
}

impl Series {
    /// Name of the metric.
    pub fn metric(&self) -> &str {
        match self {
            Self::Object { metric, .. } | Self::External { metric, .. } => metric,
        }
    }

    /// Its namespace; empty for objects without one.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Object { namespace, .. } | Self::External { namespace, .. } => namespace,
        }
    }

    /// Its labels.
    pub fn labels(&self) -> &Labels {
        match self {
            Self::Object { labels, .. } | Self::External { labels, .. } => labels,
        }
    }
}

/// As `metric{key=value,…}`.
pub(crate) fn shown(metric: &str, labels: &Labels) -> String {
    let mut text = metric.to_owned();
    for (index, (key, value)) in labels.iter().enumerate() {
        text.push(if index == 0 { '{' } else { ',' });
        text.push_str(key);
        text.push('=');
        text.push_str(value.as_str().unwrap_or(""));
    }
    if !labels.is_empty() {
        text.push('}');
    }
    text
}

/// `queue{tier=a}`, `qps of pods default/web-1`.
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.metric(), self.labels()))?;
        match self {
            Self::External { .. } => Ok(()),
            Self::Object {
                resource,
                namespace,
                name,
                ..
            } if namespace.is_empty() => write!(f, " of {resource} {name}"),
            Self::Object {
                resource,
                namespace,
                name,
                ..
            } => write!(f, " of {resource} {namespace}/{name}"),
        }
    }
}

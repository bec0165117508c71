//! What is scaled by the controller's rules: a `HorizontalPodAutoscaler`.

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use capstan_hpa::autoscaling::HorizontalPodAutoscaler;
use capstan_kube::Followed;
use serde_json::Value;

use crate::options::{Options, SHORTEST_PERIOD};

/// An HPA with this annotation set to `true` is computed and recorded, and nothing is written for it.
pub const SHADOW: &str = "capstan.dev/shadow";

/// Which kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `autoscaling/v2` `HorizontalPodAutoscaler`.
    Hpa,
}

impl Kind {
    /// As in a manifest.
    pub fn name(self) -> &'static str {
        self.followed().kind
    }

    /// As in a manifest.
    pub fn api_version(self) -> String {
        let followed = self.followed();
        format!("{}/{}", followed.group, followed.version)
    }

    /// What its events name as their source.
    pub(crate) fn component(self) -> &'static str {
        match self {
            Self::Hpa => "horizontal-pod-autoscaler",
        }
    }

    pub(crate) fn followed(self) -> Followed {
        match self {
            Self::Hpa => Followed {
                group: "autoscaling",
                version: "v2",
                plural: "horizontalpodautoscalers",
                kind: "HorizontalPodAutoscaler",
            },
        }
    }
}

/// Which object it is. Memory is kept by this, whatever the object's uid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl Key {
    /// The key of an object.
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    pub(crate) fn of_object(kind: Kind, object: &Value) -> Self {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or("");
        Self::new(kind, text("namespace"), text("name"))
    }

    /// Which of `count` workers has it.
    pub(crate) fn shard(&self, count: usize) -> usize {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        (hasher.finish() % count.max(1) as u64) as usize
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

/// An object as the controller goes by it.
#[derive(Debug)]
pub struct Subject {
    /// Which one.
    pub key: Key,
    /// The object, or what it amounts to as an HPA.
    pub hpa: Arc<HorizontalPodAutoscaler>,
    /// Nothing is written for it.
    pub shadow: bool,
    /// From look to look.
    pub period: Duration,
    /// The arithmetic's settings for it.
    pub arithmetic: Arc<capstan_hpa::options::Options>,
}

impl Subject {
    /// What an object of the API amounts to; `None` if it is not ours to look at.
    ///
    /// # Errors
    /// When it is no such object; the API server does not let that happen.
    pub fn read(kind: Kind, object: Value, options: &Options) -> Result<Option<Self>, serde_json::Error> {
        let key = Key::of_object(kind, &object);
        let mut hpa: HorizontalPodAutoscaler = serde_json::from_value(object)?;
        kind.name().clone_into(&mut hpa.kind);
        hpa.api_version = kind.api_version();
        let shadow = hpa.annotation(SHADOW) == Some("true");
        if !shadow && !options.own_hpas {
            return Ok(None);
        }
        Ok(Some(Self {
            key,
            hpa: Arc::new(hpa),
            shadow,
            period: options.sync_period.max(SHORTEST_PERIOD),
            arithmetic: Arc::clone(&options.arithmetic),
        }))
    }

    /// Where the status is written, given where an HPA's would be.
    pub(crate) fn status_path<'p>(&self, path: &'p str) -> Cow<'p, str> {
        match self.key.kind {
            Kind::Hpa => Cow::Borrowed(path),
        }
    }

    /// What is written there, given the HPA with its new status.
    pub(crate) fn status_body<'h>(
        &self,
        hpa: &'h HorizontalPodAutoscaler,
    ) -> Cow<'h, HorizontalPodAutoscaler> {
        match self.key.kind {
            Kind::Hpa => Cow::Borrowed(hpa),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hpas_are_ours_only_where_nobody_else_owns_them() {
        let object = |annotations: Value| {
            json!({"metadata": {"namespace": "a", "name": "b", "annotations": annotations},
                "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "w"}}})
        };
        let read = |annotations: Value, own_hpas: bool| {
            let options = Options {
                own_hpas,
                ..Options::default()
            };
            let subject = Subject::read(Kind::Hpa, object(annotations), &options).unwrap();
            subject.map(|subject| subject.shadow)
        };
        assert_eq!(read(json!({}), true), Some(false));
        assert_eq!(read(json!({}), false), None);
        assert_eq!(read(json!({SHADOW: "true"}), false), Some(true));
        assert_eq!(read(json!({SHADOW: "true"}), true), Some(true));
        assert_eq!(read(json!({SHADOW: "false"}), false), None);
    }
}

//! What is scaled by the controller's rules: a `HorizontalPodAutoscaler`, or an `Autoscaler`, which is one with more to it.

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use capstan_gocompat::duration;
use capstan_hpa::autoscaling::HorizontalPodAutoscaler;
use capstan_hpa::conversion::Version;
use capstan_hpa::defaults;
use capstan_kube::Followed;
use serde_json::{Map, Value};

use crate::options::{Options, SHORTEST_PERIOD};

/// An HPA with this annotation set to `true` is computed and recorded, and nothing is written for it.
pub const SHADOW: &str = "capstan.dev/shadow";

/// At least so many replicas once an HPA's metrics have been missing for some looks; `spec.fallbackReplicas` of an
/// `Autoscaler`.
pub const FALLBACK: &str = "capstan.dev/fallback-replicas";

/// Which kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `autoscaling/v2` `HorizontalPodAutoscaler`.
    Hpa,
    /// Our own `capstan.dev/v1alpha1` `Autoscaler`.
    Autoscaler,
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
            Self::Autoscaler => "capstan-autoscaler",
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
            Self::Autoscaler => Followed {
                group: "capstan.dev",
                version: "v1alpha1",
                plural: "autoscalers",
                kind: "Autoscaler",
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
    /// It is only computed and recorded.
    pub shadow: bool,
    /// Its spec as it stands on the object, for kinds that have more to it than an HPA.
    spec: Option<Value>,
    /// From look to look.
    pub period: Duration,
    /// The arithmetic's settings for it.
    pub arithmetic: Arc<capstan_hpa::options::Options>,
    /// The same with its fallback, for when metrics have been missing for a while.
    pub fallback: Option<Arc<capstan_hpa::options::Options>>,
}

/// Why an object is not one the controller can go by.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A field has another type.
    #[error("{0}")]
    Field(#[from] serde_json::Error),
    /// `spec.syncPeriod` is no duration.
    #[error("spec.syncPeriod: {0:?} is no duration such as 1s")]
    Period(String),
}

impl Subject {
    /// What an object of the API amounts to; `None` if it is not ours to look at.
    ///
    /// # Errors
    /// When it is no such object. The API server lets that happen only for kinds of our own.
    pub fn read(kind: Kind, mut object: Value, options: &Options) -> Result<Option<Self>, ReadError> {
        let key = Key::of_object(kind, &object);
        let mut period = options.sync_period;
        let mut fallback = None;
        let mut shadow = false;
        let mut spec = None;
        if kind == Kind::Autoscaler {
            let own = &object["spec"];
            shadow = own["mode"] == "Shadow";
            fallback = own["fallbackReplicas"].as_i64();
            if let Some(text) = own["syncPeriod"].as_str() {
                period = duration::parse_go(text)
                    .ok()
                    .and_then(|nanos| u64::try_from(nanos).ok())
                    .map(Duration::from_nanos)
                    .ok_or_else(|| ReadError::Period(text.to_owned()))?;
            }
            spec = Some(own.clone());
            // What an API server does for HPAs, nobody does for a custom resource.
            defaults::apply(Version::V2, &mut object);
        }
        let mut hpa: HorizontalPodAutoscaler = serde_json::from_value(object)?;
        hpa.metadata = fitted(hpa.metadata);
        kind.name().clone_into(&mut hpa.kind);
        hpa.api_version = kind.api_version();
        if kind == Kind::Hpa {
            shadow = hpa.annotation(SHADOW) == Some("true");
            fallback = hpa.annotation(FALLBACK).and_then(|text| text.parse().ok());
            if !shadow && !options.own_hpas {
                return Ok(None);
            }
        }
        let fallback = fallback.and_then(|replicas| i32::try_from(replicas).ok());
        Ok(Some(Self {
            key,
            hpa: Arc::new(hpa),
            shadow,
            spec,
            period: period.max(SHORTEST_PERIOD),
            arithmetic: Arc::clone(&options.arithmetic),
            fallback: fallback.map(|replicas| {
                Arc::new(capstan_hpa::options::Options {
                    fallback_replicas: Some(replicas),
                    ..(*options.arithmetic).clone()
                })
            }),
        }))
    }

    /// Whether it is an older state of the same object.
    pub(crate) fn is_older(&self, than: &Self) -> bool {
        let version = |subject: &Self| subject.hpa.resource_version().parse::<u64>().ok();
        self.hpa.uid() == than.hpa.uid() && version(self) < version(than)
    }

    /// Where the status is written, given where an HPA's would be.
    pub(crate) fn status_path<'p>(&self, path: &'p str) -> Cow<'p, str> {
        match self.key.kind {
            Kind::Hpa => Cow::Borrowed(path),
            kind @ Kind::Autoscaler => {
                let Followed { plural, .. } = kind.followed();
                let (namespace, name) = (&self.key.namespace, &self.key.name);
                Cow::Owned(format!(
                    "/apis/{}/namespaces/{namespace}/{plural}/{name}/status",
                    kind.api_version()
                ))
            }
        }
    }

    /// What is written there, given the HPA with its new status.
    ///
    /// # Errors
    /// Never in practice: it is plain data.
    pub(crate) fn status_body(&self, hpa: &HorizontalPodAutoscaler) -> Result<Vec<u8>, serde_json::Error> {
        let Some(spec) = &self.spec else {
            return serde_json::to_vec(hpa);
        };
        let mut object = serde_json::to_value(hpa)?;
        object["spec"] = spec.clone();
        serde_json::to_vec(&object)
    }
}

/// The same in as much memory as it needs: maps that were read have room for more, and this one is kept.
fn fitted(map: Map<String, Value>) -> Map<String, Value> {
    let fit = |(key, value): (String, Value)| match value {
        Value::Object(inner) => (key, Value::Object(fitted(inner))),
        other => (key, other),
    };
    map.into_iter().map(fit).collect()
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

    #[test]
    fn an_autoscaler_is_a_completed_hpa_with_a_period_a_fallback_and_a_mode() {
        let object = json!({"metadata": {"namespace": "a", "name": "b", "uid": "u"},
            "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "w"},
                "behavior": {}, "syncPeriod": "250ms", "fallbackReplicas": 2, "mode": "Shadow"}});
        let read = |object: &Value| Subject::read(Kind::Autoscaler, object.clone(), &Options::default());
        let subject = read(&object).unwrap().unwrap();
        assert!(subject.shadow);
        assert_eq!(subject.period, Duration::from_millis(250));
        assert_eq!(subject.fallback.as_ref().unwrap().fallback_replicas, Some(2));
        assert_eq!(subject.arithmetic.fallback_replicas, None);
        assert_eq!(subject.hpa.spec.min_replicas, Some(1));
        assert_eq!(subject.hpa.spec.metrics.len(), 1, "CPU at 80 %");
        assert!(subject.hpa.spec.behavior.as_ref().unwrap().scale_up.is_some());
        let written: Value = serde_json::from_slice(&subject.status_body(&subject.hpa).unwrap()).unwrap();
        assert_eq!(written["apiVersion"], "capstan.dev/v1alpha1");
        assert_eq!(
            written["spec"], object["spec"],
            "the spec stays as it was written"
        );
        assert_eq!(
            subject.status_path("ignored"),
            "/apis/capstan.dev/v1alpha1/namespaces/a/autoscalers/b/status"
        );
        let mut faster = object.clone();
        faster["spec"]["syncPeriod"] = "1ms".into();
        assert_eq!(read(&faster).unwrap().unwrap().period, SHORTEST_PERIOD);
        faster["spec"]["syncPeriod"] = "soon".into();
        assert!(read(&faster).is_err());
    }
}

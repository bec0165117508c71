//! What the script says.

use std::sync::Arc;

use capstan_hpa::cooldown::Limits;

use crate::pipeline::NodeConfig;
use crate::ports::ScaleTarget;

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) cluster: Arc<str>,
    /// Empty: the scaler knows.
    pub(super) namespace: Arc<str>,
    pub(super) kind: Arc<str>,
    pub(super) name: Name,
    pub(super) current_field: Option<Arc<str>>,
    pub(super) limits: Limits,
    /// Tags of events; an empty one is left out (N-189).
    pub(super) namespace_tag: Arc<str>,
    pub(super) kind_tag: Arc<str>,
    pub(super) resource_tag: Arc<str>,
    pub(super) scale_owner: bool,
}

/// Where the name of the resource stands (N-183).
#[derive(Debug, Clone)]
pub(super) enum Name {
    Fixed(Arc<str>),
    Tag(Arc<str>),
}

impl Settings {
    pub(super) fn new(config: &NodeConfig) -> Self {
        let text = |name: &str, default: &str| config.string(name).unwrap_or_else(|| Arc::from(default));
        let fixed = config.string("resourceName").filter(|name| !name.is_empty());
        Self {
            cluster: text("cluster", ""),
            namespace: text("namespace", ""),
            kind: text("kind", "deployments"),
            name: fixed.map_or_else(|| Name::Tag(text("resourceNameTag", "")), Name::Fixed),
            current_field: config.string("currentField").filter(|name| !name.is_empty()),
            limits: Limits {
                min: if config.flag("min") {
                    config.int("min")
                } else {
                    Limits::default().min
                },
                max: config.int("max"),
                increase_cooldown: config.duration("increaseCooldown"),
                decrease_cooldown: config.duration("decreaseCooldown"),
            },
            namespace_tag: text("namespaceTag", "namespace"),
            kind_tag: text("kindTag", "kind"),
            resource_tag: text("resourceTag", "resource"),
            scale_owner: config.flag("scaleOwner"),
        }
    }

    /// Those of `swarmAutoscale`, which knows neither namespaces nor kinds.
    pub(super) fn swarm(config: &NodeConfig) -> Self {
        let text = |name: &str| config.string(name).filter(|text| !text.is_empty());
        let tag = text("serviceNameTag").unwrap_or_default();
        Self {
            namespace: Arc::default(),
            kind: Arc::from("services"),
            name: text("serviceName").map_or_else(|| Name::Tag(Arc::clone(&tag)), Name::Fixed),
            namespace_tag: Arc::default(),
            kind_tag: Arc::default(),
            resource_tag: text("outputServiceNameTag").unwrap_or(tag),
            ..Self::new(config)
        }
    }

    pub(super) fn target(&self, kind: &str, name: &str) -> ScaleTarget {
        ScaleTarget {
            cluster: Arc::clone(&self.cluster),
            namespace: Arc::clone(&self.namespace),
            kind: if *self.kind == *kind {
                Arc::clone(&self.kind)
            } else {
                Arc::from(kind)
            },
            name: Arc::from(name),
        }
    }
}

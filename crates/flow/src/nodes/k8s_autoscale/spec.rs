use super::exec::K8sAutoscale;
use super::properties::{
    CURRENT_FIELD, DECREASE_COOLDOWN, INCREASE_COOLDOWN, MAX, MIN, REPLICAS, STATS, check_name,
    check_scaling, given,
};
use crate::pipeline::NodeConfig;
use crate::registry::{ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Shape, Wants, arg};

/// `|k8sAutoscale()` (N-180…N-208).
pub(crate) static K8S_AUTOSCALE: NodeSpec = NodeSpec {
    kind: "k8s_autoscale",
    method: "k8sAutoscale",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Stream,
    shape: Shape::Async,
    arguments: NONE,
    properties: &[
        Property::value(
            "cluster",
            &[arg("id", K::String)],
            "the first one configured",
            "The configured cluster to scale in, by its id.",
        ),
        Property::value(
            "namespace",
            &[arg("namespace", K::String)],
            "the configured one, the pod's own, else `default`",
            "The namespace of the resource.",
        ),
        Property::value(
            "kind",
            &[arg("kind", K::String)],
            "deployments",
            "The kind of the resource: any kind that has a scale subresource, as plural, singular or kind name; \
             `group/plural` where names clash.",
        ),
        Property::value(
            "resourceName",
            &[arg("name", K::String)],
            "none",
            "The name of the resource. Exactly one of resourceName and resourceNameTag must be given.",
        ),
        Property::value(
            "resourceNameTag",
            &[arg("tag", K::String)],
            "none",
            "The tag whose value is the name of the resource.",
        ),
        CURRENT_FIELD,
        MIN,
        MAX,
        REPLICAS,
        INCREASE_COOLDOWN,
        DECREASE_COOLDOWN,
        Property::value(
            "namespaceTag",
            &[arg("tag", K::String)],
            "namespace",
            "The tag of an event that names the namespace; empty: no tag.",
        ),
        Property::value(
            "kindTag",
            &[arg("tag", K::String)],
            "kind",
            "The tag of an event that names the kind; empty: no tag.",
        ),
        Property::value(
            "resourceTag",
            &[arg("tag", K::String)],
            "resource",
            "The tag of an event that names the resource; empty: no tag.",
        ),
        Property::flag(
            "scaleOwner",
            "Scales the controller that owns the resource instead, as the Deployment of a ReplicaSet. Without it a \
             resource that has such an owner is left alone, because the owner would set its replicas back.",
        ),
    ],
    stats: STATS,
    doc: "Scales a Kubernetes resource to the number of replicas an expression gives. Emits a point with the fields old \
          and new for every change that was made, and nothing else. Points of a resource wait in order while a change of \
          it is under way, at most 1000 of them; points_dropped counts those beyond, and errors does too.",
    check,
    build: |config, builder| Ok(Box::new(K8sAutoscale::new(config, builder)?)),
};

/// What must hold, in Kapacitor's order and words. Any kind is allowed (N-182).
fn check(config: &NodeConfig) -> Result<(), String> {
    check_name(config, ["resourceName", "resourceNameTag"])?;
    if config.flag("kind") && !given(config, "kind") {
        return Err(
            "invalid Kind, must be 'deployments' or another kind that has a scale, got an empty one"
                .to_owned(),
        );
    }
    check_scaling(config)
}

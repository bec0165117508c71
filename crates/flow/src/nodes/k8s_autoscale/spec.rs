use super::exec::K8sAutoscale;
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
        Property::value(
            "currentField",
            &[arg("field", K::String)],
            "none",
            "The name under which the replicas expression finds the current number of replicas, an int.",
        ),
        Property::value(
            "min",
            &[arg("replicas", K::Int)],
            "1",
            "The fewest replicas; 0 lets the resource scale to nothing.",
        ),
        Property::value(
            "max",
            &[arg("replicas", K::Int)],
            "0, unlimited",
            "The most replicas.",
        ),
        Property::value(
            "replicas",
            &[arg("expression", K::Lambda)],
            "none, must be given",
            "The wanted number of replicas, an int: wrap a quotient in int(ceil(…)).",
        ),
        Property::value(
            "increaseCooldown",
            &[arg("duration", K::Duration)],
            "0s",
            "After an increase, no further one for this long, by the time of the data.",
        ),
        Property::value(
            "decreaseCooldown",
            &[arg("duration", K::Duration)],
            "0s",
            "After a decrease, no further one for this long, by the time of the data.",
        ),
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
    // The last one is shown once there are any.
    stats: &[
        "cooldown_drops",
        "decrease_events",
        "increase_events",
        "points_dropped",
    ],
    doc: "Scales a Kubernetes resource to the number of replicas an expression gives. Emits a point with the fields old \
          and new for every change that was made, and nothing else. Points of a resource wait in order while a change of \
          it is under way, at most 1000 of them; points_dropped counts those beyond, and errors does too.",
    check,
    build: |config, builder| Ok(Box::new(K8sAutoscale::new(config, builder)?)),
};

/// What must hold, in Kapacitor's order and words. A minimum of 0 is allowed here (N-185), and so is any kind (N-182).
fn check(config: &NodeConfig) -> Result<(), String> {
    let given = |name: &str| config.string(name).is_some_and(|text| !text.is_empty());
    if given("resourceName") == given("resourceNameTag") {
        return Err("must specify exactly one of ResourceName or ResourceNameTag".to_owned());
    }
    if config.flag("kind") && !given("kind") {
        return Err(
            "invalid Kind, must be 'deployments' or another kind that has a scale, got an empty one"
                .to_owned(),
        );
    }
    if config.int("min") < 0 {
        return Err(format!("min must be >= 0, got {}", config.int("min")));
    }
    if config.lambda("replicas").is_none() {
        return Err("must provide a replicas lambda expression".to_owned());
    }
    Ok(())
}

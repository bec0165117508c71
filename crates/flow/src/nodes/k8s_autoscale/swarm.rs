//! `|swarmAutoscale()`: the same machine before another scaler (N-220, N-225).

use super::exec::K8sAutoscale;
use super::properties::{
    CURRENT_FIELD, DECREASE_COOLDOWN, INCREASE_COOLDOWN, MAX, MIN, REPLICAS, STATS, check_name, check_scaling,
};
use super::settings::Settings;
use crate::registry::{ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Shape, Wants, arg};

/// `|swarmAutoscale()`.
pub(crate) static SWARM_AUTOSCALE: NodeSpec = NodeSpec {
    kind: "swarm_autoscale",
    method: "swarmAutoscale",
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
            "The configured swarm to scale in, by its id.",
        ),
        Property::value(
            "serviceName",
            &[arg("name", K::String)],
            "none",
            "The name of the service. Exactly one of serviceName and serviceNameTag must be given.",
        ),
        Property::value(
            "serviceNameTag",
            &[arg("tag", K::String)],
            "none",
            "The tag whose value is the name of the service.",
        ),
        Property::value(
            "outputServiceNameTag",
            &[arg("tag", K::String)],
            "serviceNameTag",
            "The tag of an event that names the service.",
        ),
        CURRENT_FIELD,
        MIN,
        MAX,
        REPLICAS,
        INCREASE_COOLDOWN,
        DECREASE_COOLDOWN,
    ],
    stats: STATS,
    doc: "Scales a Docker Swarm service to the number of replicas an expression gives. Emits a point with the fields old \
          and new for every change that was made, and nothing else.",
    check: |config| {
        check_name(config, ["serviceName", "serviceNameTag"])?;
        check_scaling(config)
    },
    build: |config, builder| {
        let settings = Settings::swarm(config);
        let scaler = builder.ports.swarm.clone();
        let node = K8sAutoscale::with(settings, scaler, config, builder, |reason| {
            format!("cannot use the swarmAutoscale node, could not create swarm client: {reason}")
        });
        Ok(Box::new(node?))
    },
};

#[cfg(test)]
mod tests {
    use super::super::tests::refused;

    #[test]
    fn settings_are_refused_in_kapacitors_words() {
        let refused = |properties| refused(&format!("swarmAutoscale(){properties}"));
        let one = "must specify exactly one of ServiceName or ServiceNameTag";
        assert_eq!(refused(".replicas(lambda: 1)"), one);
        assert_eq!(
            refused(".serviceName('a').serviceNameTag('b').replicas(lambda: 1)"),
            one
        );
        assert_eq!(
            refused(".serviceName('a')"),
            "must provide a replicas lambda expression"
        );
        assert_eq!(
            refused(".serviceName('a').replicas(lambda: 1)"),
            "cannot use the swarmAutoscale node, could not create swarm client: service is not enabled"
        );
    }
}

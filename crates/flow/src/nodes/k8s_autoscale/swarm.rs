//! `|swarmAutoscale()`: the same machine before another scaler (N-220, N-225).

use super::exec::K8sAutoscale;
use super::settings::Settings;
use crate::pipeline::NodeConfig;
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
        Property::value(
            "currentField",
            &[arg("field", K::String)],
            "none",
            "The name under which the replicas expression finds the current number of replicas, an int.",
        ),
        Property::value("min", &[arg("replicas", K::Int)], "1", "The fewest replicas."),
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
    ],
    stats: super::spec::K8S_AUTOSCALE.stats,
    doc: "Scales a Docker Swarm service to the number of replicas an expression gives. Emits a point with the fields old \
          and new for every change that was made, and nothing else.",
    check,
    build: |config, builder| {
        let settings = Settings::swarm(config);
        let scaler = builder.ports.swarm.clone();
        let node = K8sAutoscale::with(settings, scaler, config, builder, |reason| {
            format!("cannot use the swarmAutoscale node, could not create swarm client: {reason}")
        });
        Ok(Box::new(node?))
    },
};

/// What must hold, in Kapacitor's order and words. Here, too, a minimum of 0 is allowed.
fn check(config: &NodeConfig) -> Result<(), String> {
    let given = |name: &str| config.string(name).is_some_and(|text| !text.is_empty());
    if given("serviceName") == given("serviceNameTag") {
        return Err("must specify exactly one of ServiceName or ServiceNameTag".to_owned());
    }
    if config.int("min") < 0 {
        return Err(format!("min must be >= 0, got {}", config.int("min")));
    }
    if config.lambda("replicas").is_none() {
        return Err("must provide a replicas lambda expression".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use capstan_base::VirtualClock;

    use crate::{Mode, Ports, Task, TaskKind, Vars, define};

    fn refused(properties: &str) -> String {
        let script = format!("stream|from()|swarmAutoscale(){properties}");
        let definition = match define(&script, TaskKind::Stream, &Vars::new(), Mode::Task) {
            Ok(definition) => definition,
            Err(error) => return error.to_string(),
        };
        let ports = Ports::offline(VirtualClock::at(0));
        Task::new("t", Arc::new(definition.pipeline), Vec::new(), ports)
            .map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn settings_are_refused_in_kapacitors_words() {
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

use super::exec::Timed;
use crate::pipeline::NodeConfig;
use crate::registry::{ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Shape, Wants, arg};

/// `|barrier()` (N-91…N-94).
pub(crate) static BARRIER: NodeSpec = NodeSpec {
    kind: "barrier",
    method: "barrier",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: NONE,
    properties: &[
        Property::value(
            "idle",
            &[arg("time", K::Duration)],
            "none",
            "Sends a barrier whenever a group had no data for this long.",
        ),
        Property::value(
            "period",
            &[arg("time", K::Duration)],
            "none",
            "Sends a barrier for each group this often, whether or not there is data.",
        ),
        Property::value(
            "delete",
            &[arg("delete", K::Bool)],
            "FALSE",
            "Makes nodes forget the group after each barrier.",
        ),
    ],
    stats: &["late_points_dropped"],
    doc: "Promises the nodes below, by the wall clock, that no older points of a group will come; drops those that do.",
    check,
    build: |config, _| Ok(Box::new(Timed::new(config))),
};

fn check(config: &NodeConfig) -> Result<(), String> {
    let (idle, period) = (config.duration("idle"), config.duration("period"));
    let problem = if idle != 0 && period != 0 {
        "cannot specify both idle and period"
    } else if period == 0 && idle <= 0 {
        "idle must be greater than zero"
    } else if period <= 0 && idle == 0 {
        "period must be greater than zero"
    } else {
        return Ok(());
    };
    Err(problem.to_owned())
}

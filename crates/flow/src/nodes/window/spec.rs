use super::exec::Window;
use crate::pipeline::NodeConfig;
use crate::registry::{ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Shape, Wants, arg};

/// `|window()`.
pub(crate) static WINDOW: NodeSpec = NodeSpec {
    kind: "window",
    method: "window",
    parents: Parents::Any,
    wants: Wants::Stream,
    provides: Provides::Batch,
    shape: Shape::Keyed,
    arguments: NONE,
    properties: &[
        Property::value(
            "period",
            &[arg("length", K::Duration)],
            "none",
            "How far back a batch reaches.",
        ),
        Property::value(
            "every",
            &[arg("interval", K::Duration)],
            "every point",
            "How often a batch is sent.",
        ),
        Property::flag("align", "Sends batches at multiples of `every`."),
        Property::flag(
            "fillPeriod",
            "Waits with the first batch until a whole period has passed.",
        ),
        Property::value(
            "periodCount",
            &[arg("points", K::Int)],
            "none",
            "How many points a batch holds.",
        ),
        Property::value(
            "everyCount",
            &[arg("points", K::Int)],
            "none",
            "After how many points a batch is sent.",
        ),
    ],
    stats: &[],
    doc: "Keeps points of each group for a time, or a number of them, and sends them as batches.",
    check,
    build: |config, _| {
        if config.duration("period") == 0 && config.int("periodCount") == 0 {
            return Err("window node must have either a non zero period or non zero period count".to_owned());
        }
        Ok(Box::new(Window::new(config)))
    },
};

fn check(config: &NodeConfig) -> Result<(), String> {
    let count = config.int("periodCount");
    if count == 0 {
        return Ok(());
    }
    let problem = if config.duration("period") != 0 {
        "cannot specify both period and periodCount"
    } else if config.flag("align") {
        "can only align windows based off time, not count"
    } else if config.int("everyCount") <= 0 {
        "everyCount must be greater than zero"
    } else if count < 0 {
        "periodCount must be greater than zero"
    } else {
        return Ok(());
    };
    Err(problem.to_owned())
}

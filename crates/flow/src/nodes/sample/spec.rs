use super::exec::Sample;
use crate::pipeline::NodeConfig;
use crate::registry::{ArgumentKind as K, NodeSpec, Parents, Provides, Shape, Wants, arg, exactly};
use crate::script::Value;

/// `|sample(rate)`.
pub(crate) static SAMPLE: NodeSpec = NodeSpec {
    kind: "sample",
    method: "sample",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: exactly(&[arg("rate", K::IntOrDuration)]),
    properties: &[],
    stats: &[],
    doc: "Passes on every n-th point of a group, or points whose time is a multiple of a duration.",
    check: |config| {
        if negative(config) {
            Err(RATE.to_owned())
        } else {
            Ok(())
        }
    },
    build: |config, _| {
        Sample::new(config)
            .map(|sample| Box::new(sample) as _)
            .ok_or_else(|| RATE.to_owned())
    },
};

const RATE: &str = "invalid sample rate: must be positive integer or duration";

fn negative(config: &NodeConfig) -> bool {
    matches!(
        config.arguments.first(),
        Some(Value::Int(..0) | Value::Duration(..0))
    )
}

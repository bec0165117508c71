use super::exec::Derivative;
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Property, Provides, Shape, Wants, arg, exactly, unchecked,
};

/// `|derivative('field')`.
pub(crate) static DERIVATIVE: NodeSpec = NodeSpec {
    kind: "derivative",
    method: "derivative",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Keyed,
    arguments: exactly(&[arg("field", K::String)]),
    properties: &[
        Property::value(
            "as",
            &[arg("name", K::String)],
            "the field",
            "Names the field of the result.",
        ),
        Property::value(
            "unit",
            &[arg("unit", K::Duration)],
            "1s",
            "The time the rate is for.",
        ),
        Property::flag(
            "nonNegative",
            "Drops results below zero, as after the reset of a counter.",
        ),
    ],
    stats: &[],
    doc: "Computes the rate of change of a field between consecutive points of a group.",
    check: unchecked,
    build: |config, _| Ok(Box::new(Derivative::new(config))),
};

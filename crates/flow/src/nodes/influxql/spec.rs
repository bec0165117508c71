//! The InfluxQL function nodes (N-130…N-158). What the functions take and give stands in `capstan_influxql`'s table; a
//! test holds the two together.

use capstan_influxql::FUNCTIONS;

use super::settings;
use crate::registry::{
    Argument, ArgumentKind as K, Arguments, NodeSpec, Parents, Property, Provides, Shape, Wants, any, arg,
    exactly,
};

const FIELD: Argument = arg("field", K::String);

/// What a function gives.
#[derive(Clone, Copy)]
enum Gives {
    /// One point, or one of the points.
    One,
    /// A batch.
    Batch,
    /// At most one point for each.
    Each,
}

static PROPERTIES: [Property; 2] = [
    Property::value(
        "as",
        &[arg("name", K::String)],
        "the function's name",
        "Names the field of the result.",
    ),
    Property::flag(
        "usePointTimes",
        "Keeps the time of the chosen point instead of the end of the batch.",
    ),
];

const fn function(
    at: usize,
    kind: &'static str,
    method: &'static str,
    arguments: Arguments,
    gives: Gives,
) -> NodeSpec {
    NodeSpec {
        kind,
        method,
        parents: Parents::Any,
        wants: Wants::Either,
        provides: match gives {
            Gives::One => Provides::Stream,
            Gives::Batch => Provides::Batch,
            Gives::Each => Provides::Same,
        },
        shape: Shape::Keyed,
        arguments,
        properties: &PROPERTIES,
        stats: &[],
        doc: FUNCTIONS[at].doc,
        check: settings::check,
        build: settings::build,
    }
}

const fn of_field(at: usize, method: &'static str, gives: Gives) -> NodeSpec {
    function(at, method, method, exactly(&[FIELD]), gives)
}

const RANK: Arguments = Arguments {
    required: &[arg("n", K::Int), FIELD],
    rest: any("fieldsAndTags", K::String).rest,
};
const FORECAST: Arguments = exactly(&[
    FIELD,
    arg("h", K::Int),
    arg("m", K::Int),
    arg("interval", K::Duration),
]);

/// One per function, in the order of `capstan_influxql`'s table.
pub(crate) static SPECS: [NodeSpec; 21] = [
    of_field(0, "count", Gives::One),
    of_field(1, "distinct", Gives::Batch),
    of_field(2, "mean", Gives::One),
    of_field(3, "median", Gives::One),
    of_field(4, "mode", Gives::One),
    of_field(5, "spread", Gives::One),
    of_field(6, "sum", Gives::One),
    of_field(7, "first", Gives::One),
    of_field(8, "last", Gives::One),
    of_field(9, "min", Gives::One),
    of_field(10, "max", Gives::One),
    function(
        11,
        "percentile",
        "percentile",
        exactly(&[FIELD, arg("percentile", K::Float)]),
        Gives::One,
    ),
    function(12, "top", "top", RANK, Gives::Batch),
    function(13, "bottom", "bottom", RANK, Gives::Batch),
    of_field(14, "stddev", Gives::One),
    function(
        15,
        "elapsed",
        "elapsed",
        exactly(&[FIELD, arg("unit", K::Duration)]),
        Gives::Each,
    ),
    of_field(16, "difference", Gives::Each),
    function(
        17,
        "movingAverage",
        "movingAverage",
        exactly(&[FIELD, arg("window", K::Int)]),
        Gives::Each,
    ),
    of_field(18, "cumulativeSum", Gives::Each),
    function(19, "holtWinters", "holtWinters", FORECAST, Gives::Batch),
    // The name without `WithFit` is Kapacitor's (N-158).
    function(20, "holtWinters", "holtWintersWithFit", FORECAST, Gives::Batch),
];

#[cfg(test)]
mod tests {
    use capstan_influxql::{ParameterKind, Shape as FunctionShape};

    use super::*;

    #[test]
    fn nodes_are_what_the_functions_are() {
        for (spec, function) in SPECS.iter().zip(FUNCTIONS) {
            assert_eq!((spec.method, spec.kind), (function.name, function.default_as));
            let kind = |kind| match kind {
                ParameterKind::Field => K::String,
                ParameterKind::Int => K::Int,
                ParameterKind::Float => K::Float,
                ParameterKind::Duration => K::Duration,
            };
            let wanted: Vec<K> = function.parameters.iter().map(|p| kind(p.kind)).collect();
            let taken: Vec<K> = spec
                .arguments
                .required
                .iter()
                .map(|argument| argument.kind)
                .collect();
            assert_eq!(taken, wanted, "{}", spec.method);
            assert_eq!(
                spec.arguments.rest.is_some(),
                function.rest.is_some(),
                "{}",
                spec.method
            );
            let provides = match function.shape {
                FunctionShape::Aggregate | FunctionShape::Selector => Provides::Stream,
                FunctionShape::MultiRow => Provides::Batch,
                FunctionShape::Transform => Provides::Same,
            };
            assert_eq!(spec.provides, provides, "{}", spec.method);
        }
    }
}

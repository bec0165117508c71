//! An aggregate of a stream takes together what has the very same time.

use capstan_influxql::Shape;

use crate::pipeline::EdgeType;

use super::Rule;
use super::facts::{Times, function};
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "aggregate-without-window",
    rows: &["N-132", "N-15", "X-21"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.nodes() {
        let Some(function) = function(config) else {
            continue;
        };
        let collects = function.shape != Shape::Transform && config.wants == EdgeType::Stream;
        // Times that were put on a grid are meant to be the same; so are those of batches.
        let Times::Of(origin) = subject.input(id).times else {
            continue;
        };
        let raw = subject.pipeline.node(origin).spec.kind == "from";
        if collects && raw {
            findings.warn(
                subject.place(id),
                format!(
                    "`{}` of a stream takes together points of exactly the same time only, and gives it when the next \
                     time begins",
                    config.spec.method
                ),
                "put a `|window()` before it, or bring times together with `.truncate()` of `from`",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "aggregate-without-window",
            1,
            "stream|from().measurement('m')|sum('x')|log()",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "aggregate-without-window",
            "stream|from().measurement('m').truncate(1s)|sum('x')|log()",
        );
        silent(
            "aggregate-without-window",
            "stream|from().measurement('m')|window().period(1m).every(1m).align()|sum('x')|max('sum')|log()",
        );
        silent(
            "aggregate-without-window",
            "stream|from().measurement('m')|movingAverage('x', 3)|log()",
        );
    }
}

//! A barrier does not flush aggregates of streams.

use capstan_influxql::Shape;

use crate::pipeline::EdgeType;

use super::Rule;
use super::facts::function;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "barrier-without-flush",
    rows: &["N-94"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.nodes() {
        let waits = match function(config) {
            Some(function) => function.shape != Shape::Transform && config.wants == EdgeType::Stream,
            None => config.spec.kind == "combine" && config.wants == EdgeType::Stream,
        };
        // Only what stands right behind it: further away the barrier has another purpose.
        let behind = config
            .parents
            .iter()
            .any(|parent| subject.pipeline.node(*parent).spec.kind == "barrier");
        if waits && behind {
            findings.warn(
                subject.place(id),
                format!(
                    "a barrier does not make `{}` give what it has gathered",
                    config.spec.method
                ),
                "put a `|window()` between them: a barrier ends windows",
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
            "barrier-without-flush",
            1,
            "stream|from().measurement('m').truncate(1s)|barrier().idle(10s)|sum('x')|log()",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "barrier-without-flush",
            "stream|from().measurement('m').truncate(1s)|barrier().idle(10s)|window().period(1m).every(1m).align()|sum('x')|log()",
        );
    }
}

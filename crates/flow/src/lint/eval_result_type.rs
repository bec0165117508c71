//! What `eval` cannot keep.

use std::collections::BTreeSet;

use capstan_expr::Type;
use capstan_tick::ast::Kind;

use crate::pipeline::NodeId;

use super::Rule;
use super::subject::{Findings, Subject};
use super::types::Inference;

pub(super) static RULE: Rule = Rule {
    name: "eval-result-type",
    rows: &["E-15", "E-16"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let inference = Inference::new(subject);
    let outs = subject.of_kind(&["influxdb_out"]);
    let stored: BTreeSet<NodeId> = subject.above(outs.map(|(id, _)| id)).into_iter().collect();
    for written in subject.written() {
        if written.config.spec.kind != "eval" || written.property.is_some() {
            continue;
        }
        for expression in written.args {
            // A field may be called so too, though hardly ever is.
            let is_time = matches!(&expression.kind, Kind::Lambda(body) if matches!(&body.kind, Kind::Reference(name) if name == "time"));
            let types = inference.of(expression, &mut Vec::new());
            if types.is_empty() {
                continue;
            }
            if is_time || types.within(&[Type::Time, Type::Regex]) {
                findings.warn(
                    written.span,
                    "a time or a regex cannot be the result of `eval`: it fails for every point",
                    "a time is a number as `unixNano(\"time\")`",
                );
            } else if types.within(&[Type::Duration]) && stored.contains(&written.id) {
                findings.warn(
                    written.span,
                    "a duration is not a type that InfluxDB has",
                    "divide it by a unit: `\"d\" / 1s` is an int",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "eval-result-type",
            1,
            r#"stream|from().measurement('m')|eval(lambda: "time").as('t')|log()"#,
        );
        warns(
            "eval-result-type",
            1,
            r#"stream|from().measurement('m')|eval(lambda: duration("x", 1s)).as('t')|influxDBOut()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "eval-result-type",
            r#"stream|from().measurement('m')|eval(lambda: duration("x", 1s), lambda: unixNano("time"), lambda: "y").as('t', 'u', 'y')|log()"#,
        );
        silent(
            "eval-result-type",
            r#"stream|from().measurement('m')|eval(lambda: duration("x", 1s) / 1m).as('t')|influxDBOut()"#,
        );
    }
}

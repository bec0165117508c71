//! The right side of `AND` and `OR` is evaluated only if the left side leaves it open.

use capstan_tick::ast::{BinaryOperator as B, Kind};
use capstan_tick::walk;

use super::Rule;
use super::subject::{Findings, Span, Subject, stateful};

pub(super) static RULE: Rule = Rule {
    name: "stateful-short-circuit",
    rows: &["E-09"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for body in subject.lambdas() {
        walk::walk(body, &mut |node| {
            let Kind::Binary(binary) = &node.kind else { return };
            let when = match binary.operator {
                B::And => "true",
                B::Or => "false",
                _ => return,
            };
            if let Some(name) = stateful(&binary.right).first() {
                findings.warn(
                    Span {
                        position: binary.operator_position,
                        end: binary.operator_position.byte + binary.operator.as_str().len(),
                    },
                    format!("`{name}` sees only the points for which the left side is {when}"),
                    "write it on the left, or compute it with `|eval()` first",
                );
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "stateful-short-circuit",
            1,
            r#"stream|from().measurement('m')|where(lambda: "up" AND sigma("x") > 3.0)|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "stateful-short-circuit",
            r#"stream|from().measurement('m')|where(lambda: sigma("x") > 3.0 AND "up" OR "down")|log()"#,
        );
    }
}

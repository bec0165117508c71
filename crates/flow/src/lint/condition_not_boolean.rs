//! A condition is a boolean.

use capstan_expr::Type;

use super::Rule;
use super::subject::{Findings, Subject, Written};
use super::types::Inference;

pub(super) static RULE: Rule = Rule {
    name: "condition-not-boolean",
    rows: &["E-12", "A-02"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let inference = Inference::new(subject);
    for written in subject.written() {
        for condition in conditions(&written) {
            let mut mismatches = Vec::new();
            let types = inference.of(condition, &mut mismatches);
            if !types.is_empty() && !types.has(Type::Bool) {
                findings.warn(
                    written.span,
                    format!("the condition gives {types}, never a boolean: it fails for every point"),
                    "compare it with something",
                );
            }
        }
    }
}

/// The arguments that are conditions.
fn conditions<'a>(written: &Written<'a>) -> &'a [capstan_tick::ast::Node] {
    match (written.config.spec.kind, written.property) {
        ("where" | "combine" | "state_count" | "state_duration", None)
        | ("from", Some("where"))
        | ("alert", Some("info" | "warn" | "crit" | "infoReset" | "warnReset" | "critReset")) => written.args,
        ("alert", None) if written.config.spec.method == "deadman" => written.args.get(2..).unwrap_or(&[]),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "condition-not-boolean",
            1,
            r#"stream|from().measurement('m')|where(lambda: "x" + 1)|log()"#,
        );
        warns(
            "condition-not-boolean",
            1,
            r#"stream|from().measurement('m')|alert().crit(lambda: ceil("x"))"#,
        );
        warns(
            "condition-not-boolean",
            1,
            r#"stream|from().measurement('m').where(lambda: string("x"))|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "condition-not-boolean",
            r#"var level lambda
stream|from().measurement('m').where(lambda: "x")|where(lambda: isPresent("x"))|alert().crit(level).warn(lambda: "x" > 1)"#,
        );
    }
}

//! The number of replicas is an int.

use capstan_expr::Type;

use super::Rule;
use super::subject::{Findings, Subject};
use super::types::Inference;

pub(super) static RULE: Rule = Rule {
    name: "autoscale-replicas-type",
    rows: &["N-187"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let inference = Inference::new(subject);
    for written in subject.written() {
        if written.property != Some("replicas") {
            continue;
        }
        for expression in written.args {
            let types = inference.of(expression, &mut Vec::new());
            if types.is_empty() || types.has(Type::Int) {
                continue;
            }
            findings.warn(
                written.span,
                format!(
                    "the number of replicas must be an int, and this gives {types}: it fails for every point"
                ),
                "round it up: `int(ceil(…))`",
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
            "autoscale-replicas-type",
            1,
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').replicas(lambda: ceil("x" / 100.0))"#,
        );
        warns(
            "autoscale-replicas-type",
            2,
            r#"var target = 2.0
stream|from().measurement('m')|k8sAutoscale().resourceName('a').replicas(lambda: "x" / target)"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "autoscale-replicas-type",
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').replicas(lambda: int(ceil("x" / 100.0)))"#,
        );
        silent(
            "autoscale-replicas-type",
            "var r lambda\nstream|from().measurement('m')|k8sAutoscale().resourceName('a').replicas(r)",
        );
        silent(
            "autoscale-replicas-type",
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').replicas(lambda: if("up", "x", 1))"#,
        );
    }
}

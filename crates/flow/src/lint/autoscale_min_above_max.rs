//! The maximum is applied first, then the minimum.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "autoscale-min-above-max",
    rows: &["N-195"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["k8s_autoscale", "swarm_autoscale"]) {
        let max = config.int("max");
        let min = if config.flag("min") { config.int("min") } else { 1 };
        if max > 0 && min > max && !subject.is_open_in(id, &["min", "max"]) {
            findings.warn(
                subject.property_place(id, "min"),
                format!(
                    "the minimum of {min} is above the maximum of {max}, and wins: there are always {min}"
                ),
                "swap them",
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
            "autoscale-min-above-max",
            1,
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').min(5).max(3).replicas(lambda: "x")"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "autoscale-min-above-max",
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').min(3).max(3).replicas(lambda: "x")"#,
        );
        silent(
            "autoscale-min-above-max",
            r#"var min int
stream|from().measurement('m')|k8sAutoscale().resourceName('a').min(5).max(min).replicas(lambda: "x")"#,
        );
        silent(
            "autoscale-min-above-max",
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').min(3).replicas(lambda: "x")"#,
        );
    }
}

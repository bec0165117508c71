//! A resource without replicas sends nothing that could bring it back.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "autoscale-to-zero",
    rows: &["N-185"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["k8s_autoscale", "swarm_autoscale"]) {
        if config.flag("min") && config.int("min") == 0 && !subject.is_open_in(id, &["min"]) {
            findings.warn(
                subject.property_place(id, "min"),
                "a minimum of 0 lets the resource scale to nothing: what has no replicas sends no data of its own that \
                 could bring it back; Kapacitor refuses it",
                "use `.min(1)`, unless the data comes from elsewhere, as from a queue or a load balancer",
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
            "autoscale-to-zero",
            1,
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').min(0).replicas(lambda: "x")"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "autoscale-to-zero",
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').replicas(lambda: "x")"#,
        );
        silent(
            "autoscale-to-zero",
            r#"var min int
stream|from().measurement('m')|k8sAutoscale().resourceName('a').min(min).replicas(lambda: "x")"#,
        );
    }
}

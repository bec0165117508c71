//! Without a cooldown every point can change the number of replicas.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "autoscale-without-cooldown",
    rows: &["N-188", "N-197"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["k8s_autoscale", "swarm_autoscale"]) {
        let cooldowns = ["increaseCooldown", "decreaseCooldown"];
        let none = cooldowns.iter().all(|property| config.duration(property) == 0);
        if none && !subject.is_open_in(id, &cooldowns) {
            findings.warn(
                subject.place(id),
                "without a cooldown every point can change the number of replicas, up and down",
                "hold after a change: `.increaseCooldown(1m).decreaseCooldown(5m)`",
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
            "autoscale-without-cooldown",
            1,
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').replicas(lambda: "x")"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "autoscale-without-cooldown",
            r#"stream|from().measurement('m')|k8sAutoscale().resourceName('a').decreaseCooldown(1m).replicas(lambda: "x")"#,
        );
        silent(
            "autoscale-without-cooldown",
            r#"var c duration
stream|from().measurement('m')|k8sAutoscale().resourceName('a').decreaseCooldown(c).replicas(lambda: "x")"#,
        );
    }
}

//! `alert` passes on only what made an event.

use super::Rule;
use super::facts::function;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "alert-not-pass-through",
    rows: &["A-21", "N-160", "X-27"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let behind = behind_alerts(subject);
    for (id, config) in subject.nodes() {
        let whole = function(config).is_some()
            || matches!(
                config.spec.kind,
                "derivative"
                    | "window"
                    | "alert"
                    | "k8s_autoscale"
                    | "swarm_autoscale"
                    | "state_duration"
                    | "state_count"
                    | "combine"
                    | "stats"
            );
        // The statistics of a deadman stand where the deadman stands.
        let above = config
            .watches
            .map_or_else(|| config.parents.clone(), |watched| vec![watched]);
        let made_by_deadman = config.spec.kind == "alert" && config.spec.method == "deadman";
        if whole && !made_by_deadman && above.iter().any(|parent| behind[parent.index()]) {
            findings.warn(
                subject.place(id),
                "an alert above passes on only the points that made an event, so this does not see the others",
                "name the node above the alert with `var`, and start both branches there",
            );
        }
    }
}

/// By node: whether it is an alert, or passes on what an alert gave.
fn behind_alerts(subject: &Subject<'_>) -> Vec<bool> {
    let mut behind = vec![false; subject.pipeline.nodes().len()];
    for id in subject.pipeline.order() {
        let config = subject.pipeline.node(id);
        behind[id.index()] = match config.spec.kind {
            "alert" => true,
            "where" | "log" | "noop" | "eval" | "groupby" | "http_out" | "http_post" | "default"
            | "delete" => config.parents.iter().any(|parent| behind[parent.index()]),
            _ => false,
        };
    }
    behind
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "alert-not-pass-through",
            2,
            r#"stream|from().measurement('m')|alert().crit(lambda: "x" > 3)
|window().period(1m).every(1m).align()|count('x')"#,
        );
        warns(
            "alert-not-pass-through",
            2,
            r#"stream|from().measurement('m')|alert().crit(lambda: "x" > 3)
|alert().crit(lambda: "y" > 3)"#,
        );
        warns(
            "alert-not-pass-through",
            2,
            r#"stream|from().measurement('m')|alert().crit(lambda: "x" > 3)
|deadman(0.0, 1m)"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "alert-not-pass-through",
            r#"stream|from().measurement('m')|alert().crit(lambda: "x" > 3)|httpOut('x')|eval(lambda: 1).as('n')|influxDBOut()"#,
        );
        silent(
            "alert-not-pass-through",
            r#"var d = stream|from().measurement('m')
d|alert().crit(lambda: "x" > 3)
d|window().period(1m).every(1m).align()|count('x')
d|deadman(0.0, 1m)"#,
        );
    }
}

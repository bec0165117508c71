//! A deadman whose interval is shorter than the time between batches fires in between.

use capstan_gocompat::duration::format_influx;

use crate::pipeline::NodeId;
use crate::script::Value;

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "deadman-too-short",
    rows: &["N-98", "N-99"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["alert"]) {
        if config.spec.method != "deadman" || subject.is_open(id) {
            continue;
        }
        let Some(Value::Duration(interval)) = config.arguments.get(1) else {
            continue;
        };
        // The deadman hangs on a rate, the rate on statistics, and these watch the node.
        let parent = |id: NodeId| subject.pipeline.node(id).parents.first().copied();
        let statistics = parent(id).and_then(parent);
        let watched = statistics.and_then(|id| subject.pipeline.node(id).watches);
        let Some((name, every)) = watched.and_then(|watched| pace(subject, watched)) else {
            continue;
        };
        if *interval < every {
            findings.warn(
                subject.place(id),
                format!(
                    "`{name}` gives data every {}, so intervals of {} without any are normal, and this deadman fires in them",
                    format_influx(every),
                    format_influx(*interval)
                ),
                format!(
                    "use an interval of at least {}, or watch the node above `{name}`",
                    format_influx(every)
                ),
            );
        }
    }
}

/// The nearest node above that gives data at intervals, and the interval.
fn pace(subject: &Subject<'_>, watched: NodeId) -> Option<(&'static str, i64)> {
    let mut at = watched;
    loop {
        let config = subject.pipeline.node(at);
        if matches!(config.spec.kind, "window" | "query") {
            let every = config.duration("every");
            let known = every > 0 && !subject.is_open_in(at, &["every"]);
            return known.then_some((config.spec.method, every));
        }
        // More than one parent has more than one pace.
        let [parent] = config.parents[..] else { return None };
        at = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "deadman-too-short",
            1,
            "stream|from().measurement('m')|window().period(5m).every(5m).align()|mean('x')|deadman(0.0, 1m)",
        );
        warns(
            "deadman-too-short",
            1,
            "batch|query('SELECT x FROM d.r.m').period(1m).every(1m)|deadman(0.0, 10s)",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "deadman-too-short",
            "stream|from().measurement('m')|window().period(5m).every(1m).align()|mean('x')|deadman(0.0, 5m)",
        );
        silent(
            "deadman-too-short",
            "stream|from().measurement('m')|deadman(0.0, 1s)",
        );
    }
}

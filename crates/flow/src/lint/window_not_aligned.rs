//! A window without `.align()` drifts.

use std::collections::BTreeSet;

use crate::pipeline::NodeId;

use super::Rule;
use super::facts::Times;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "window-not-aligned",
    rows: &["N-45", "X-33"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let keepers = subject.of_kind(&["influxdb_out", "kapacitor_loopback", "join"]);
    let kept: BTreeSet<NodeId> = subject.above(keepers.map(|(id, _)| id)).into_iter().collect();
    for (id, config) in subject.of_kind(&["window"]) {
        let every = config.duration("every");
        if every <= 0 || config.flag("align") || config.int("periodCount") != 0 {
            continue;
        }
        if subject.is_open_in(id, &["every", "periodCount"]) {
            continue;
        }
        // An alert does not mind; where the times of windows become data, they should be the same every time.
        if !kept.contains(&id) {
            continue;
        }
        // Points that stand on a grid hit the end of the window, as long as none is missing.
        if matches!(subject.input(id).times, Times::Grid(unit) if every % unit == 0) {
            continue;
        }
        findings.warn(
            subject.place(id),
            "the next window is counted from the point that ends this one: windows drift, and a gap shifts them",
            "`.align()` ends windows at multiples of `every`",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "window-not-aligned",
            1,
            "stream|from().measurement('m')|window().period(10s).every(10s)|count('x')|influxDBOut().database('d')",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "window-not-aligned",
            "stream|from().measurement('m')|window().period(10s).every(10s).align()|count('x')|influxDBOut().database('d')",
        );
        silent(
            "window-not-aligned",
            "stream|from().measurement('m').truncate(1s)|window().period(10s).every(10s)|count('x')|influxDBOut().database('d')",
        );
        silent(
            "window-not-aligned",
            "stream|from().measurement('m')|window().periodCount(10).everyCount(10)|count('x')|influxDBOut().database('d')",
        );
        silent(
            "window-not-aligned",
            "stream|from().measurement('m')|window().period(10s)|count('x')|influxDBOut().database('d')",
        );
        silent(
            "window-not-aligned",
            "stream|from().measurement('m')|window().period(10s).every(10s)|count('x')|alert().crit(lambda: \"count\" > 3)",
        );
    }
}

//! An alert without a condition is always OK.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "alert-without-level",
    rows: &["A-02"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["alert"]) {
        let has_level = ["info", "warn", "crit"].iter().any(|level| config.flag(level));
        if !has_level && config.spec.method != "deadman" {
            findings.warn(
                subject.place(id),
                "without a level this alert is always OK, and never makes an event",
                "say when: `.crit(lambda: \"value\" > 10)`",
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
            "alert-without-level",
            1,
            "stream|from().measurement('m')|alert().log('/tmp/x')",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "alert-without-level",
            "stream|from().measurement('m')|alert().info(lambda: TRUE)",
        );
        silent(
            "alert-without-level",
            "stream|from().measurement('m')|deadman(0.0, 1m).log('/tmp/x')",
        );
    }
}

//! A deadman fires at or below its threshold, and nothing counts below zero.

use crate::script::Value;

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "deadman-never-fires",
    rows: &["N-98"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["alert"]) {
        if config.spec.method != "deadman" || subject.is_open(id) {
            continue;
        }
        if let Some(Value::Float(threshold)) = config.arguments.first()
            && *threshold < 0.0
        {
            findings.warn(
                subject.place(id),
                "the number of points is never below zero, so this deadman never fires",
                "it fires when the number is at or below the threshold: 0.0 means no points at all",
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
            "deadman-never-fires",
            1,
            "stream|from().measurement('m')|deadman(-1.0, 1m)",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "deadman-never-fires",
            "stream|from().measurement('m')|deadman(0.0, 1m)",
        );
    }
}

//! A reset without its level is ignored.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "reset-without-level",
    rows: &["A-03"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["alert"]) {
        for (level, reset) in [
            ("info", "infoReset"),
            ("warn", "warnReset"),
            ("crit", "critReset"),
        ] {
            // A deadman is critical by itself.
            let has_level = config.flag(level) || (level == "crit" && config.spec.method == "deadman");
            if config.flag(reset) && !has_level {
                findings.warn(
                    subject.property_place(id, reset),
                    format!("`.{reset}()` does nothing without `.{level}()`"),
                    format!("add `.{level}()`, or remove it"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "reset-without-level",
            2,
            "stream|from().measurement('m')|alert().warn(lambda: TRUE)\n.critReset(lambda: FALSE)",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "reset-without-level",
            "stream|from().measurement('m')|alert().warn(lambda: TRUE).warnReset(lambda: FALSE)",
        );
        silent(
            "reset-without-level",
            "stream|from().measurement('m')|deadman(0.0, 1m).critReset(lambda: TRUE)",
        );
    }
}

//! The conditions of alert levels are evaluated a varying number of times.

use super::Rule;
use super::subject::{Findings, Subject, stateful};

pub(super) static RULE: Rule = Rule {
    name: "stateful-in-alert",
    rows: &["E-11", "E-11b", "A-06"],
    check,
};

const LEVELS: [&str; 6] = ["info", "warn", "crit", "infoReset", "warnReset", "critReset"];

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["alert"]) {
        for level in LEVELS {
            let Some(body) = config.lambda(level) else {
                continue;
            };
            if let Some(name) = stateful(&body).first() {
                findings.warn(
                    subject.property_place(id, level),
                    format!(
                        "`{name}` advances irregularly here: levels are tried a varying number of times per point, \
                         and all groups share the state"
                    ),
                    format!("compute it before: `|eval(lambda: {name}(…)).as('{name}').keep()`, and use the field"),
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
            "stateful-in-alert",
            1,
            r#"stream|from().measurement('m')|alert().crit(lambda: sigma("x") > 3.0)"#,
        );
        warns(
            "stateful-in-alert",
            2,
            "var c = lambda: count() > 3\nstream|from().measurement('m')|alert().warn(c)",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "stateful-in-alert",
            r#"stream|from().measurement('m')|eval(lambda: sigma("x")).as('sigma').keep()|alert().crit(lambda: "sigma" > 3.0)"#,
        );
    }
}

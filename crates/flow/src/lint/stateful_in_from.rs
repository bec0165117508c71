//! A condition of `from` has one state for all groups.

use super::Rule;
use super::subject::{Findings, Subject, stateful};

pub(super) static RULE: Rule = Rule {
    name: "stateful-in-from",
    rows: &["E-11"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["from"]) {
        let Some(body) = config.lambda("where") else {
            continue;
        };
        let grouped = config.property("groupBy").is_some_and(|tags| !tags.is_empty());
        if let Some(name) = stateful(&body).first().filter(|_| grouped) {
            findings.warn(
                subject.property_place(id, "where"),
                format!("`{name}` has one state for all groups here: `from` filters before it groups"),
                "use `|where()` behind `from`: it has a state per group",
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
            "stateful-in-from",
            1,
            r#"stream|from().measurement('m').where(lambda: sigma("x") > 3.0).groupBy('host')|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "stateful-in-from",
            r#"stream|from().measurement('m').groupBy('host')|where(lambda: sigma("x") > 3.0)|log()"#,
        );
        silent(
            "stateful-in-from",
            "stream|from().measurement('m').where(lambda: count() > 3)|log()",
        );
    }
}

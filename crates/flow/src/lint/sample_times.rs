//! `|sample(10s)` keeps exact multiples.

use crate::script::Value;

use super::Rule;
use super::facts::Times;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "sample-times",
    rows: &["N-54"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["sample"]) {
        let [Value::Duration(unit)] = config.arguments[..] else {
            continue;
        };
        if matches!(subject.input(id).times, Times::Of(_)) && !subject.is_open(id) {
            findings.warn(
                subject.place(id),
                format!(
                    "this keeps points whose time is an exact multiple of {}, not one per interval",
                    capstan_gocompat::duration::format_influx(unit)
                ),
                "bring the times there first with `.truncate()` or `.round()` of `from`, or count: `|sample(10)`",
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
            "sample-times",
            1,
            "stream|from().measurement('m')|sample(10s)|log()",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "sample-times",
            "stream|from().measurement('m').round(1s)|sample(10s)|log()",
        );
        silent("sample-times", "stream|from().measurement('m')|sample(10)|log()");
    }
}

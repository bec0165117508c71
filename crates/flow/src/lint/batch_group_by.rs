//! `|groupBy()` of batches gives a set only when the next one comes.

use crate::pipeline::EdgeType;

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "batch-group-by",
    rows: &["N-37"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["groupby"]) {
        if config.wants == EdgeType::Batch {
            findings.warn(
                subject.place(id),
                "batches are grouped when one of another time comes: the newest are always a period late, and the last are lost",
                "group before: `.groupBy()` of the query, or `|groupBy()` above the window",
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
            "batch-group-by",
            1,
            "stream|from().measurement('m')|window().period(1m).every(1m).align()|groupBy('a')|count('x')",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "batch-group-by",
            "stream|from().measurement('m')|groupBy('a')|window().period(1m).every(1m).align()|count('x')",
        );
        silent(
            "batch-group-by",
            "batch|query('SELECT x FROM d.r.m').period(1m).every(1m).groupBy('a')|count('x')",
        );
    }
}

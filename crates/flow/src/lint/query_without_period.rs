//! A query covers its period; without one it covers nothing.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "query-without-period",
    rows: &["N-111"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["query"]) {
        if config.duration("period") == 0 && !subject.is_open_in(id, &["period"]) {
            findings.warn(
                subject.place(id),
                "without a period the query asks for `time >= now AND time < now`, which nothing is",
                "say how much time each query covers: `.period(1m)`",
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
            "query-without-period",
            1,
            "batch|query('SELECT mean(x) FROM db.rp.m').every(1m)|log()",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "query-without-period",
            "var p duration\nbatch|query('SELECT mean(x) FROM db.rp.m').period(p).every(1m)|log()",
        );
    }
}

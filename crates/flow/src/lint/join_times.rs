//! A join without tolerance matches times that are equal to the nanosecond.

use super::Rule;
use super::facts::Times;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "join-times",
    rows: &["N-80", "N-81"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["join"]) {
        if config.duration("tolerance") != 0 || subject.is_open_in(id, &["tolerance"]) {
            continue;
        }
        let times: Vec<Times> = config
            .parents
            .iter()
            .map(|parent| subject.facts(*parent).times)
            .collect();
        if times.contains(&Times::Unknown) {
            continue;
        }
        let differ = times.iter().any(|one| *one != times[0]);
        let own = times.iter().any(|one| matches!(one, Times::Of(_)));
        if differ && own {
            findings.warn(
                subject.place(id),
                "the sides of this join have times of their own, and only times that are equal to the nanosecond match",
                "bring them together: `.tolerance(1s)`, `.truncate(1s)` of `from`, or `.align()` of windows",
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
            "join-times",
            3,
            "var a = stream|from().measurement('a')\nvar b = stream|from().measurement('b')\na|join(b).as('a', 'b')|log()",
        );
        warns(
            "join-times",
            3,
            "var a = stream|from().measurement('a')|window().period(1m).every(1m)|mean('x')\nvar b = stream|from().measurement('b')|window().period(1m).every(1m)|mean('x')\na|join(b).as('a', 'b')|log()",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "join-times",
            "var a = stream|from().measurement('a')\nvar b = stream|from().measurement('b')\na|join(b).as('a', 'b').tolerance(1s)|log()",
        );
        silent(
            "join-times",
            "var s = stream|from().measurement('a')\nvar b = s|where(lambda: TRUE)\ns|join(b).as('a', 'b')|log()",
        );
        silent(
            "join-times",
            "var a = stream|from().measurement('a').truncate(1s)\nvar b = stream|from().measurement('b').round(1s)\na|join(b).as('a', 'b')|log()",
        );
        silent(
            "join-times",
            "var a = stream|from().measurement('a')|window().period(1m).every(1m).align()|mean('x')\nvar b = stream|from().measurement('b')|window().period(1m).every(1m).align()|mean('x')\na|join(b).as('a', 'b')|log()",
        );
    }
}

//! Kapacitor gives points twice to a task that reads a measurement both by name and with everything.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "overlapping-from",
    rows: &["N-28a", "X-35"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let mut named = None;
    let mut unnamed = None;
    for (id, config) in subject.of_kind(&["from"]) {
        if subject.is_open_in(id, &["measurement"]) {
            return;
        }
        match config.string("measurement").filter(|name| !name.is_empty()) {
            Some(name) => named = named.or(Some(name)),
            None => unnamed = unnamed.or(Some(id)),
        }
    }
    if let (Some(name), Some(id)) = (named, unnamed) {
        findings.warn(
            subject.place(id),
            format!(
                "this `from` reads all measurements and another one reads `{name}`: Kapacitor gives its points twice, \
                 Capstan once"
            ),
            "name the measurement in every `from`, if the script must give the same in both",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "overlapping-from",
            2,
            "var a = stream|from().measurement('m')\nvar b = a|from()\nb|log()",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent("overlapping-from", "stream|from()|log()");
        silent(
            "overlapping-from",
            "stream|from().measurement('a')|log()\nstream|from().measurement('b')|log()",
        );
    }
}

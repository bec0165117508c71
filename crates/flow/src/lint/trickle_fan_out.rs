//! Kapacitor feeds only the first child of `trickle`.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "trickle-fan-out",
    rows: &["N-58"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["trickle"]) {
        if config.children.len() > 1 {
            findings.warn(
                subject.place(id),
                format!(
                    "all {} nodes below get the points here, but only the first one in Kapacitor",
                    config.children.len()
                ),
                "put a `|where(lambda: TRUE)` behind it and branch there, if the script must work in both",
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
            "trickle-fan-out",
            1,
            "var t = batch|query('SELECT x FROM d.r.m').period(1m).every(1m)|trickle()\nt|log()\nt|httpOut('x')",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "trickle-fan-out",
            "var t = batch|query('SELECT x FROM d.r.m').period(1m).every(1m)|trickle()|where(lambda: TRUE)\nt|log()\nt|httpOut('x')",
        );
    }
}

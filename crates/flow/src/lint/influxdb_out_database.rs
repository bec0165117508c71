//! Results of functions belong to no database.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "influxdb-out-database",
    rows: &["N-140", "N-166"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["influxdb_out"]) {
        let given = config.string("database").is_some_and(|name| !name.is_empty());
        if !given && !subject.is_open_in(id, &["database"]) && !subject.input(id).has_database {
            findings.warn(
                subject.place(id),
                "these points belong to no database: queries and functions give none",
                "say where to write: `.database('db')`",
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
            "influxdb-out-database",
            1,
            "stream|from().measurement('m').truncate(1s)|sum('x')|influxDBOut().measurement('s')",
        );
        warns(
            "influxdb-out-database",
            1,
            "batch|query('SELECT x FROM d.r.m').period(1m).every(1m)|influxDBOut()",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "influxdb-out-database",
            "stream|from().measurement('m').truncate(1s)|sum('x')|influxDBOut().database('d')",
        );
        silent(
            "influxdb-out-database",
            "stream|from().measurement('m')|eval(lambda: 1).as('x')|influxDBOut()",
        );
    }
}

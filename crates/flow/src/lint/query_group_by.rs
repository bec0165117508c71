//! A `GROUP BY` inside the text of a query is thrown away.

use capstan_influxql::query::Query;

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "query-group-by",
    rows: &["N-114", "X-34"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["query"]) {
        let text = config.string_argument(0);
        if Query::parse(&text).is_ok_and(|query| query.had_group_by()) {
            findings.warn(
                subject.place(id),
                "the GROUP BY in the text of the query is thrown away",
                "group with the property: `.groupBy(time(10s), 'host')`",
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
            "query-group-by",
            2,
            "batch\n|query('SELECT mean(x) FROM db.rp.m GROUP BY host').period(1m).every(1m)|log()",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "query-group-by",
            "batch|query('SELECT mean(x) FROM db.rp.m').period(1m).every(1m).groupBy('host')|log()",
        );
    }
}

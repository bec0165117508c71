use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

fn shown(text: &str) -> String {
    let select = parser::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    select.to_string()
}

fn refused(text: &str) -> String {
    Query::parse(text).expect_err(text).to_string()
}

#[test]
fn what_is_printed_is_what_influxql_prints() {
    for (text, printed) in [
        ("select mean(v) from db.rp.m", "SELECT mean(v) FROM db.rp.m"),
        (
            "SELECT mean(\"value\") FROM \"telegraf\".\"default\".cpu_usage_idle WHERE \"host\" = 'serverA' AND \"cpu\" != 'cpu-total'",
            "SELECT mean(value) FROM telegraf.\"default\".cpu_usage_idle WHERE host = 'serverA' AND cpu != 'cpu-total'",
        ),
        ("SELECT v FROM a.b./cpu_.*/", "SELECT v FROM a.b./cpu_.*/"),
        ("SELECT v FROM \"a\"..m", "SELECT v FROM a..m"),
        ("SELECT v FROM /x\\/y/", "SELECT v FROM /x\\/y/"),
        (
            "SELECT -v + 2 * (a - 1.50) AS \"my x\" FROM m",
            "SELECT -1 * v + 2 * (a - 1.5) AS \"my x\" FROM m",
        ),
        (
            "SELECT v::field, *::tag FROM m WHERE a =~ /^x/ OR t > now() - 1h30m",
            "SELECT v::field, *::tag FROM m WHERE a =~ /^x/ OR t > now() - 90m",
        ),
        (
            "SELECT top(v, 3) FROM m GROUP BY time(60s, 1s), * fill(0) ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 TZ('Europe/Paris')",
            "SELECT top(v, 3) FROM m GROUP BY time(1m, 1s), * fill(0) ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 TZ('Europe/Paris')",
        ),
        (
            "SELECT * INTO a.b.:MEASUREMENT FROM (SELECT usage FROM telegraf.autogen.cpu), n",
            "SELECT * INTO a.b.:MEASUREMENT FROM (SELECT usage FROM telegraf.autogen.cpu), n",
        ),
        (
            "SELECT DISTINCT v FROM m -- a comment",
            "SELECT DISTINCT v FROM m",
        ),
        ("SELECT 'it\\'s' FROM m", "SELECT 'it\\'s' FROM m"),
        ("SELECT 2.0, 3, true FROM m", "SELECT 2.0, 3, true FROM m"),
        ("SELECT a.b FROM m", "SELECT \"a.b\" FROM m"),
        ("SELECT x FROM m fill(1.5)", "SELECT x FROM m fill(1.5)"),
        ("SELECT x FROM m fill(previous)", "SELECT x FROM m fill(previous)"),
        ("SELECT a / -b - -c FROM m", "SELECT a / (-1 * b) - -1 * c FROM m"),
    ] {
        assert_eq!(shown(text), printed);
        assert_eq!(shown(printed), printed);
    }
}

#[test]
fn errors_are_those_of_influxql() {
    for (text, error) in [
        (
            "not sql",
            "failed to parse InfluxQL query: found not, expected SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL at line 1, char 1",
        ),
        ("", "query must be a single select statement, got 0 statements"),
        (
            "SELECT value FROM db.rp.m; DROP DATABASE _internal",
            "query must be a single select statement, got 2 statements",
        ),
        (
            "DROP DATABASE _internal",
            "query is not a select statement \"DROP DATABASE _internal\"",
        ),
        (
            "SELECT FROM m",
            "failed to parse InfluxQL query: found FROM, expected identifier, string, number, bool at line 1, char 8",
        ),
        (
            "SELECT v\n FROM",
            "failed to parse InfluxQL query: found EOF, expected identifier at line 2, char 6",
        ),
        (
            "SELECT v FROM m WHERE",
            "failed to parse InfluxQL query: found EOF, expected identifier, string, number, bool at line 1, char 22",
        ),
        (
            "SELECT v x FROM m",
            "failed to parse InfluxQL query: found x, expected FROM at line 1, char 10",
        ),
        (
            "SELECT v = 1 FROM m",
            "failed to parse InfluxQL query: invalid operator = in SELECT clause at line 1, char 8; operator is intended for WHERE clause",
        ),
        (
            "SELECT v FROM m ORDER BY x",
            "failed to parse InfluxQL query: only ORDER BY time supported at this time",
        ),
    ] {
        assert_eq!(refused(text), error, "{text}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let deep = format!("SELECT {}v{} FROM m", "(".repeat(100_000), ")".repeat(100_000));
    assert!(refused(&deep).contains("longer than"));
    let deep = format!("SELECT {}v{} FROM m", "(".repeat(10_000), ")".repeat(10_000));
    assert!(refused(&deep).contains("levels deep"));
    let long = format!("SELECT v FROM m WHERE a = 1{}", " OR a = 1".repeat(2_000));
    assert!(refused(&long).contains("operators"));
    for end in 0..60 {
        let text = "SELECT mean(\"v\") AS x FROM a.\"b\"./c/ WHERE d =~ /e/ GROUP BY 'f'";
        // No piece of a query panics.
        let _ = Query::parse(&text[..end]);
    }
}

#[test]
fn bounds_belong_to_the_whole_condition() {
    let query = Query::parse("SELECT v FROM a.b.m WHERE x = 1 OR y = 2").expect("a query");
    assert_eq!(
        query.text(-SECOND, 0),
        "SELECT v FROM a.b.m WHERE (x = 1 OR y = 2) AND time >= '1969-12-31T23:59:59Z' AND time < '1970-01-01T00:00:00Z'"
    );
}

#[test]
fn dimensions_replace_those_of_the_text() {
    let mut query = Query::parse("SELECT mean(v) FROM a.b.m GROUP BY x, time(1m) fill(0)").expect("a query");
    assert!(query.had_group_by());
    assert!(
        query
            .text(0, 1)
            .ends_with("time < '1970-01-01T00:00:00.000000001Z' fill(0)")
    );
    let time = |length, offset| Dimension::Time { length, offset };
    assert_eq!(
        query.group_by(vec![time(1, 0), time(2, 0)]),
        Err(QueryError::TwoTimes)
    );
    query
        .group_by(vec![time(60 * SECOND, SECOND), Dimension::Star])
        .expect("one time");
    assert!(query.is_grouped_by_time());
    query.fill(Fill::Linear);
    assert!(
        query
            .text(0, 1)
            .ends_with(" GROUP BY time(1m, 1s), * fill(linear)")
    );
    query.align_group();
    assert!(query.text(75 * SECOND, 1).contains("time(1m, 15s)"));
}

#[test]
fn sources_are_measurements() {
    let query = Query::parse("SELECT v FROM a.b.m, c.d./x/, e").expect("a query");
    assert_eq!(query.sources(), Ok(vec![("a", "b"), ("c", "d"), ("", "")]));
    let query = Query::parse("SELECT v FROM (SELECT v FROM a.b.m)").expect("a query");
    assert_eq!(query.sources(), Err(QueryError::Source));
}

/// Queries of every clause, with names and texts that need quotes.
fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => "[a-c_][a-c0-9]{0,3}",
        1 => Just("\"select\"".to_owned()),
        1 => Just("\"a \\\"b\\\\ .é\"".to_owned()),
        1 => Just("a.b".to_owned()),
    ];
    let leaf = prop_oneof![
        name.clone(),
        any::<u64>().prop_map(|v| v.to_string()),
        (0.0..1e20_f64).prop_map(|v| format!("{v:?}")),
        (0_i64..1 << 40).prop_map(duration_text),
        prop::sample::select(vec![
            "true",
            "'it\\'s\\n'",
            "'2020-01-01T00:00:00Z'",
            "now()",
            "*",
            "*::tag",
            "a::field",
            "b::float",
            "-c",
            "-(a)",
            "+1",
        ])
        .prop_map(str::to_owned),
    ];
    let operand = leaf.prop_recursive(4, 16, 3, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "%", "&", "|", "^"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("top({a}, {b})")),
        ]
    });
    let condition = (
        operand.clone(),
        prop::sample::select(vec!["=", "<>", "!=", "<", "<=", ">", ">="]),
        operand.clone(),
    );
    let condition = condition.prop_map(|(a, o, b)| format!("{a} {o} {b}"));
    let condition = prop_oneof![4 => condition, 1 => Just("a =~ /x\\/y[/]*/".to_owned()), 1 => Just("b !~ /^$/".to_owned())];
    let condition = (
        condition.clone(),
        prop::sample::select(vec![" AND ", " OR "]),
        condition,
    )
        .prop_map(|(a, o, b)| format!(" WHERE {a}{o}({b}) OR {b}{o}{a}"));
    let source = prop_oneof![
        4 => name.clone(),
        1 => Just("a..b".to_owned()),
        1 => Just("\"a b\".c./d\\//".to_owned()),
        1 => Just("(SELECT DISTINCT v FROM m LIMIT 3)".to_owned()),
    ];
    let tail = prop::sample::select(vec![
        "",
        " GROUP BY time(1m, -1s), *, a fill(-1.5)",
        " fill(7) ORDER BY time DESC LIMIT 1 OFFSET 2",
        " ORDER BY ASC SLIMIT 3 SOFFSET 4 TZ('Europe/Paris')",
    ]);
    let fields = prop::collection::vec((operand, prop::option::of(name)), 1..3).prop_map(|fields| {
        let field = |(field, alias): (String, Option<String>)| match alias {
            Some(alias) if !alias.contains('.') => format!("{field} AS {alias}"),
            _ => field,
        };
        fields.into_iter().map(field).collect::<Vec<_>>().join(", ")
    });
    (fields, source, prop::option::of(condition), tail).prop_map(|(fields, source, condition, tail)| {
        format!(
            "SELECT {fields} FROM {source}{}{tail}",
            condition.unwrap_or_default()
        )
    })
}

fn duration_text(nanos: i64) -> String {
    capstan_gocompat::duration::format_influx(nanos)
}

/// A tree without what printing adds: parentheses.
fn bare(select: &Select) -> String {
    fn strip(expr: &mut Expr) {
        if let Expr::Paren(inner) = expr {
            *expr = std::mem::replace(inner, Expr::Bool(false));
            return strip(expr);
        }
        match expr {
            Expr::Binary(binary) => {
                strip(&mut binary.left);
                strip(&mut binary.right);
            }
            Expr::Call { args, .. } => args.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut select = select.clone();
    select.fields.iter_mut().for_each(|field| strip(&mut field.expr));
    select.condition.iter_mut().for_each(strip);
    format!("{select:?}")
}

proptest! {
    #[test]
    fn what_is_printed_means_what_was_read(text in query()) {
        // Texts that InfluxQL refuses, such as one number too large, prove nothing.
        if let Ok(select) = parser::parse(&text) {
            let printed = select.to_string();
            let again = parser::parse(&printed).map_err(|error| TestCaseError::fail(format!("{error}: {printed}")))?;
            prop_assert_eq!(bare(&again), bare(&select), "{} of {}", &printed, text);
            prop_assert_eq!(again.to_string(), printed);
        }
    }

    #[test]
    fn no_text_panics(words in prop::collection::vec(prop::sample::select(vec![
        "SELECT", "FROM", "WHERE", "GROUP", "BY", "INTO", "AS", "DISTINCT", "fill(", "time(", "tz(", "LIMIT", "v", "m", "\"a\"", "'b'", "/c/",
        "1", "2.5", "3m", "9999999999999999999999", "(", ")", ",", ".", ":", "::", ";", "*", "-", "=~", "=", "AND", "OR", "--", "/*", "$p", "'", "\\", "é",
    ]), 0..24), text in "\\PC{0,30}") {
        let _ = Query::parse(&words.join(" "));
        let _ = Query::parse(&format!("SELECT {}", words.concat()));
        let _ = Query::parse(&format!("SELECT v FROM m {text}"));
    }
}

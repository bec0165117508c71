use super::*;
use crate::script::{Mode, TaskKind, Value, Vars, define};

fn lint_of(script: &str, mode: Mode) -> Vec<Warning> {
    let definition = define(script, TaskKind::Auto, &Vars::new(), mode);
    lint(
        script,
        &definition.unwrap_or_else(|error| panic!("{error}\n{script}")),
    )
}

/// Rules and lines of all warnings.
pub(crate) fn warned(script: &str) -> Vec<(&'static str, usize)> {
    let found = lint_of(script, Mode::Template);
    found
        .iter()
        .map(|w| (w.name(), w.diagnostic.position.line))
        .collect()
}

/// Asserts that a rule speaks about one line of a script, and only about that.
#[track_caller]
pub(crate) fn warns(rule: &str, line: usize, script: &str) {
    let lines: Vec<usize> = warned(script)
        .into_iter()
        .filter(|(name, _)| *name == rule)
        .map(|(_, line)| line)
        .collect();
    assert_eq!(lines, [line], "{rule} in\n{script}");
}

/// Asserts that a rule has nothing to say.
#[track_caller]
pub(crate) fn silent(rule: &str, script: &str) {
    let found: Vec<Warning> = lint_of(script, Mode::Template)
        .into_iter()
        .filter(|warning| warning.name() == rule)
        .collect();
    assert!(found.is_empty(), "{found:#?} in\n{script}");
}

#[test]
fn rules_are_sorted_and_named_once() {
    assert!(RULES.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn the_page_lists_exactly_the_rules() {
    let page = include_str!("../../../../docs/lint.md");
    let listed: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.strip_suffix('`')?;
            let rows = cells.nth(2)?;
            (cells.count() == 1).then_some((name, rows))
        })
        .collect();
    let rows: Vec<String> = RULES
        .iter()
        .map(|rule| match rule.rows {
            [] => "–".to_owned(),
            rows => rows.join(", "),
        })
        .collect();
    let rules: Vec<(&str, &str)> = RULES
        .iter()
        .zip(&rows)
        .map(|(rule, rows)| (rule.name, rows.as_str()))
        .collect();
    assert_eq!(listed, rules);
}

#[test]
fn the_demonstrations_are_clean() {
    for script in [
        include_str!("../../../../demo/autoscale.tick"),
        include_str!("../../../../demo/demo.tick"),
    ] {
        assert_eq!(warned(script), []);
    }
}

#[test]
fn warnings_name_the_place_and_the_way_out() {
    let script =
        "stream\n    |from().measurement('m')\n    |eval(lambda: 010 + \"x\").as('y')\n    |httpOut('o')";
    let [warning] = &lint_of(script, Mode::Task)[..] else {
        panic!("one warning expected");
    };
    assert_eq!(warning.rows, ["T-06"]);
    assert_eq!(
        warning.diagnostic.render(script, "a.tick"),
        "warning[octal-literal]: `010` is octal: it means 8\n --> a.tick:3:19\n  |\n3 |     |eval(lambda: 010 + \"x\").as('y')\n  |                   ^^^\n  = hint: write `8`, or `10`\n"
    );
}

#[test]
fn what_is_given_from_outside_has_the_place_where_it_is_used() {
    let script = "var level lambda\nstream|from().measurement('m')\n|alert().crit(level)";
    let vars = Vars::from([(
        "level".to_owned(),
        Value::lambda("count() > 3").expect("a lambda"),
    )]);
    let definition = define(script, TaskKind::Auto, &vars, Mode::Task).expect("a script");
    let found = lint(script, &definition);
    let places: Vec<_> = found
        .iter()
        .map(|w| (w.name(), w.diagnostic.position.line))
        .collect();
    assert_eq!(places, [("stateful-in-alert", 3)]);
}

#[test]
fn long_scripts_take_no_longer_than_their_length() {
    use std::fmt::Write;

    let mut script = "var n0 = stream|from().measurement('m')\n".to_owned();
    for i in 1..3_000 {
        let _ = writeln!(
            script,
            "var n{i} = n{}|eval(lambda: \"f{i}\" + 1, lambda: 'a').as('g{i}', 't{i}').tags('t{i}').keep()|where(lambda: \"g{i}\" > 1)",
            i - 1
        );
    }
    script.push_str("n2999|log()");
    // Two nodes a line, each with all names above it: known names are given up on before they take a square of room.
    assert_eq!(warned(&script), []);
}

use super::*;

fn errors(script: &str) -> Vec<String> {
    match define(script, TaskKind::Stream, &Vars::new(), Mode::Task) {
        Ok(_) => Vec::new(),
        Err(error) => error.lines().map(str::to_owned).collect(),
    }
}

fn dot(script: &str) -> String {
    match define(script, TaskKind::Auto, &Vars::new(), Mode::Task) {
        Ok(definition) => definition.pipeline.dot("TASK"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn chains_become_graphs() {
    assert_eq!(
        dot("var a = stream|from().measurement('m')\na|httpOut('x')\na|where(lambda: TRUE)|httpOut('y')"),
        "digraph TASK {\nstream0 -> from1;\nfrom1 -> http_out2;\nfrom1 -> where3;\nwhere3 -> http_out4;\n}"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let errors = errors("stream|from().measurment('x').truncate(10)|nope()\nvar y = z\nvar w = y");
    assert_eq!(
        errors,
        [
            "line 1 char 15: no method or property \"measurment\" on from",
            "name \"z\" is undefined. Names in scope: stream,time",
        ]
    );
}

#[test]
fn mistakes_in_properties_do_not_hide_later_ones() {
    let errors = errors("stream|from().measurement(\"m\").truncate(10)|where('x')");
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].contains("double quotes"), "{}", errors[0]);
    assert!(
        errors[1].ends_with("truncate: argument 1 (unit) must be a duration, got an int"),
        "{}",
        errors[1]
    );
}

#[test]
fn variables_are_spliced_into_lambdas() {
    let script = "var limit = -2.5\nvar up = lambda: \"x\" > limit\nstream|from().where(lambda: up AND \"y\" == 1)|httpOut('a')";
    let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    assert_eq!(definition.vars["up"].value.to_string(), "lambda: \"x\" > -2.5");
    assert_eq!(definition.vars["limit"].default, Some(Value::Float(-2.5)));
    assert_eq!(definition.script_type, ScriptType::Stream);
}

#[test]
fn given_values_must_have_the_declared_type() {
    let script =
        "// how long\nvar w = 10s\nvar n string\nstream|from().truncate(w).measurement(n)|httpOut('a')";
    let mut vars = Vars::from([
        ("w".to_owned(), Value::Duration(5)),
        ("n".to_owned(), Value::String("m".into())),
    ]);
    let definition = define(script, TaskKind::Auto, &vars, Mode::Task).expect("a valid script");
    assert_eq!(definition.vars["w"].value, Value::Duration(5));
    assert_eq!(
        definition.vars["w"].default,
        Some(Value::Duration(10_000_000_000))
    );
    assert_eq!(definition.vars["w"].description, "how long");
    vars.insert("w".to_owned(), Value::Int(5));
    let error = define(script, TaskKind::Auto, &vars, Mode::Task).expect_err("an int is no duration");
    assert_eq!(
        error.to_string(),
        "invalid type supplied for w, got int exp duration"
    );
    let template = define(script, TaskKind::Auto, &Vars::new(), Mode::Template).expect("a valid template");
    assert_eq!(template.vars["n"].default, None);
}

#[test]
fn both_sources_in_one_script_are_refused() {
    let error = define(
        "stream|from()\nbatch|query('x')",
        TaskKind::Auto,
        &Vars::new(),
        Mode::Task,
    );
    assert_eq!(
        error.expect_err("two types").to_string(),
        "invalid task type: invalid"
    );
}

#[test]
fn long_chains_are_fine_and_doubling_ones_are_refused() {
    let terms: Vec<String> = (0..900).map(|n| format!("\"a\" == {n}")).collect();
    let long = format!("stream|from().where(lambda: {})|httpOut('x')", terms.join(" OR "));
    assert_eq!(errors(&long), Vec::<String>::new());
    for (first, next) in [
        ("lambda: \"x\" > 1", "lambda: V AND V"),
        ("'abcdefgh'", "V + V"),
        ("['a', 'b']", "[V, V]"),
    ] {
        let line = |n: usize| format!("var v{n} = {}\n", next.replace('V', &format!("v{}", n - 1)));
        let script = (1..60).fold(format!("var v0 = {first}\n"), |script, n| script + &line(n));
        let errors = errors(&format!("{script}stream|from()|httpOut('x')"));
        assert!(
            errors[0].contains(" of more than ") || errors[0].contains(" has more than "),
            "{errors:?}"
        );
    }
    // Each line adds to the height of the one before.
    let line = |n: usize| format!("var v{n} = lambda: v{}{}\n", n - 1, " AND TRUE".repeat(400));
    let script = (1..50).fold("var v0 = lambda: TRUE\n".to_owned(), |script, n| {
        script + &line(n)
    });
    let errors = errors(&format!("{script}stream|from()|httpOut('x')"));
    assert!(errors[0].contains("levels"), "{errors:?}");
}

use std::sync::Arc;
use std::time::Duration;

use capstan_base::clock::VirtualClock;
use capstan_model::{Column, Mask, Values};
use jiff::tz::TimeZone;

use super::{compile, parse};
use crate::{
    CallError, ColumnRef, Compiled, ConstantError, EmptyScope, Environment, EvalError, Function, Scope,
    ScopeValue, Side, Signature, Type, Value, eval_constant, functions,
};

/// Evaluates with `values` by slot, in order of first appearance.
fn eval(text: &str, values: Vec<Value>) -> Result<Value, EvalError> {
    let compiled = compile(text);
    let mut state = compiled.state();
    compiled.eval(&mut state, &values)
}

fn float(text: &str) -> f64 {
    match eval(text, vec![]) {
        Ok(Value::Float(value)) => value,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn integers_and_floats_mix_only_in_comparisons() {
    assert_eq!(eval("\"a\" > 1", vec![Value::Float(1.5)]), Ok(Value::Bool(true)));
    let error = eval("\"a\" + 1", vec![Value::Float(1.5)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "mismatched type to binary operator. got float + int. see bool(), int(), float(), string(), duration()"
    );
    let error = Compiled::new(&parse("1 + 1.0")).unwrap_err();
    assert_eq!(error.kind(), "type_mismatch");
}

#[test]
fn nothing_a_point_can_hold_stops_the_process() {
    for text in ["\"a\" / \"b\"", "\"a\" % \"b\"", "\"a\" / 0", "1 + \"a\" % 0"] {
        let zeros = vec![Value::Int(i64::MIN), Value::Int(0)];
        assert_eq!(eval(text, zeros), Err(EvalError::DivisionByZero), "{text}");
    }
    assert_eq!(
        eval("\"d\" / \"e\"", vec![Value::Duration(5), Value::Duration(0)]),
        Err(EvalError::DivisionByZero)
    );
    let edges = vec![Value::Int(i64::MIN), Value::Int(-1)];
    assert_eq!(eval("\"a\" / \"b\"", edges.clone()), Ok(Value::Int(i64::MIN)));
    assert_eq!(eval("\"a\" % \"b\"", edges.clone()), Ok(Value::Int(0)));
    assert_eq!(eval("\"a\" * \"b\"", edges.clone()), Ok(Value::Int(i64::MIN)));
    assert_eq!(eval("-\"a\"", edges), Ok(Value::Int(i64::MIN)));
    assert!(eval("jn(9000000000, 1.0)", vec![]).is_err());
    assert!(eval("yn(-9000000000, 1.0)", vec![]).is_err());
    assert_eq!(eval("rand(0)", vec![]), Ok(Value::Int(0)));
}

#[test]
fn what_is_no_number_becomes_no_integer() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = eval("int(\"x\")", vec![Value::Float(value)]).unwrap_err();
        assert_eq!(error.kind(), "conversion");
    }
    assert_eq!(eval("int(\"x\")", vec![Value::Float(-2.9)]), Ok(Value::Int(-2)));
    assert_eq!(
        eval("int(ceil(\"avg\" / 100.0))", vec![Value::Float(201.0)]),
        Ok(Value::Int(3))
    );
}

#[test]
fn absent_is_an_error_everywhere_but_in_is_present() {
    let missing = || vec![Value::Missing];
    assert_eq!(eval("isPresent(\"x\")", missing()), Ok(Value::Bool(false)));
    assert_eq!(
        eval("\"x\" > 5", missing()),
        Err(EvalError::Missing {
            side: Side::Left,
            name: "x".into()
        })
    );
    assert_eq!(
        eval("5 > \"x\"", missing()).unwrap_err().to_string(),
        "right reference value \"x\" is missing value"
    );
    assert_eq!(
        eval("\"x\"", missing()).unwrap_err().to_string(),
        "reference \"x\" is missing value"
    );
    assert_eq!(
        eval("!\"x\"", missing()).unwrap_err().to_string(),
        "reference \"x\" is missing value"
    );
    assert_eq!(
        eval("max(\"y\", \"x\")", vec![Value::Float(1.0), Value::Missing])
            .unwrap_err()
            .to_string(),
        "Cannot call function \"max\" argument \"x\" is missing, values in scope are [\"y\"]"
    );
    assert_eq!(
        eval("max(\"x\", \"y\")", vec![Value::Missing, Value::Missing])
            .unwrap_err()
            .to_string(),
        "Cannot call function \"max\" arguments \"x\", \"y\" are missing, values in scope are []"
    );
    assert_eq!(
        eval("isPresent(\"x\") AND \"x\" > 5", missing()),
        Ok(Value::Bool(false))
    );
    assert_eq!(eval("\"x\"", vec![Value::Null]).unwrap_err().kind(), "nil_value");
}

#[test]
fn a_bare_operand_is_typed_before_the_other_decides() {
    let error = eval("FALSE AND \"b\"", vec![Value::Int(1)]).unwrap_err();
    assert_eq!(error.kind(), "type_mismatch");
    assert_eq!(
        eval("FALSE AND \"b\" > 1", vec![Value::String("x".into())]),
        Ok(Value::Bool(false))
    );
    // The later a bare operand stands, the earlier it is looked at.
    let error = eval(
        "\"a\" OR TRUE OR \"b\"",
        vec![Value::Int(1), Value::String("x".into())],
    )
    .unwrap_err();
    assert!(error.to_string().contains("boolean OR string"), "{error}");
}

#[test]
fn long_lists_and_deep_nesting_are_bounded() {
    let many: Vec<String> = (0..900).map(|n| format!("\"host\" == 'h{n}'")).collect();
    assert_eq!(
        eval(&many.join(" OR "), vec![Value::String("h899".into())]),
        Ok(Value::Bool(true))
    );
    let deep = format!("{}1{}", "abs(".repeat(150), ")".repeat(150));
    assert_eq!(eval(&deep, vec![]).unwrap_err().kind(), "no_matching_signature");
}

#[test]
fn stateful_functions_share_one_state_per_name_and_lambda() {
    let compiled = compile("count() + count()");
    let mut state = compiled.state();
    assert_eq!(compiled.eval(&mut state, &EmptyScope), Ok(Value::Int(3)));
    assert_eq!(compiled.eval(&mut state, &EmptyScope), Ok(Value::Int(7)));
    let copy = compiled.restore(state.cells()).unwrap();
    assert_eq!(copy, state);
    state.reset();
    assert_eq!(compiled.eval(&mut state, &EmptyScope), Ok(Value::Int(3)));
    assert!(compile("spread(1.0)").restore(copy.cells()).is_none());
    assert!(compiled.is_stateful());
    assert!(!compile("1 + \"x\"").is_stateful());
}

#[test]
fn a_refused_operand_does_not_advance_the_other() {
    let compiled = compile("count() + \"x\"");
    let mut state = compiled.state();
    assert!(compiled.eval(&mut state, &vec![Value::Float(1.0)]).is_err());
    assert_eq!(compiled.eval(&mut state, &vec![Value::Int(0)]), Ok(Value::Int(1)));
}

#[test]
fn random_numbers_stay_in_range_and_repeat_with_the_seed() {
    let environment = || Arc::new(Environment::new(VirtualClock::at(0)).seeded(7));
    let draw = |environment| {
        let compiled = Compiled::with_environment(&parse("rand(10)"), environment).unwrap();
        let mut state = compiled.state();
        (0..100)
            .map(|_| compiled.eval_int(&mut state, &EmptyScope).unwrap())
            .collect::<Vec<_>>()
    };
    let drawn = draw(environment());
    assert!(drawn.iter().all(|n| (0..10).contains(n)));
    assert!((0..10).all(|n| drawn.contains(&n)));
    assert_eq!(drawn, draw(environment()));
}

#[test]
fn times_are_read_in_the_zone_of_the_environment() {
    let clock = VirtualClock::at(0);
    clock.advance(Duration::from_mins(23 * 60 + 30));
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let environment = Arc::new(Environment::with_zone(clock, zone));
    let read = |text: &str| {
        let compiled = Compiled::with_environment(&parse(text), Arc::clone(&environment)).unwrap();
        let mut state = compiled.state();
        compiled.eval_int(&mut state, &EmptyScope).unwrap()
    };
    assert_eq!(read("hour(now())"), 1);
    assert_eq!(read("minute(now())"), 30);
    assert_eq!(read("day(now())"), 2);
    assert_eq!(read("weekday(now())"), 5);
    assert_eq!(read("month(now())"), 1);
    assert_eq!(read("year(now())"), 1970);
    assert_eq!(read("unixNano(now())"), 84_600_000_000_000);
    let times = vec![Value::Time(0), Value::Time(1)];
    assert_eq!(
        eval("\"time\" > \"other\"", times).unwrap_err().kind(),
        "invalid_operator"
    );
    assert_eq!(
        eval("now()", vec![]),
        Err(EvalError::UnexpectedType { found: "time" })
    );
}

#[test]
fn types_follow_from_signatures_alone() {
    let compiled = compile("if(\"x\" > 1, float(\"y\"), 2.0)");
    let known = |name: &str| match name {
        "x" => Type::Int,
        "y" => Type::String,
        _ => Type::Invalid,
    };
    assert_eq!(compiled.type_of(&known), Ok(Type::Float));
    assert_eq!(
        compiled.type_of(&|_| Type::Duration).unwrap_err().kind(),
        "no_matching_signature"
    );
    assert_eq!(
        compiled.type_of(&|_| Type::Invalid).unwrap_err().kind(),
        "undefined_name"
    );
    assert_eq!(
        compiled
            .references()
            .iter()
            .map(|name| &**name)
            .collect::<Vec<_>>(),
        ["x", "y"]
    );
}

#[test]
fn a_predicate_is_checked_before_it_runs() {
    let compiled = compile("\"x\" + 1");
    let mut state = compiled.state();
    let scope = vec![Value::Int(5)];
    assert_eq!(
        compiled.eval_bool(&mut state, &scope).unwrap_err().to_string(),
        "expression returned unexpected type int64"
    );
    assert_eq!(
        compiled.eval_float(&mut state, &scope).unwrap_err().to_string(),
        "TypeGuard: expression returned unexpected type int, expected float"
    );
    assert_eq!(compiled.eval_int(&mut state, &scope), Ok(6));
    assert_eq!(
        compile("!\"b\"").eval_predicate(&mut state, &vec![Value::Bool(false)]),
        Ok(true)
    );
}

#[test]
fn script_arithmetic_needs_no_scope() {
    assert_eq!(
        eval_constant(&parse("'x' + string(5m)")),
        Ok(Value::String("x5m".into()))
    );
    assert_eq!(
        eval_constant(&parse("2 * 3m - 1s")),
        Ok(Value::Duration(359_000_000_000))
    );
    assert!(matches!(
        eval_constant(&parse("\"x\" + 1")),
        Err(ConstantError::Eval(EvalError::UndefinedName { .. }))
    ));
}

#[test]
fn text_functions_work_on_bytes_as_go_does() {
    assert_eq!(
        eval("strSubstring('héllo', 0, 2)", vec![]),
        Ok(Value::String("h\u{fffd}".into()))
    );
    assert_eq!(
        eval("strSubstring('abc', 2, 1)", vec![]).unwrap_err().kind(),
        "range"
    );
    assert_eq!(
        eval("strSubstring('abc', 0, 3)", vec![]).unwrap_err().kind(),
        "range"
    );
    assert_eq!(
        eval("strToUpper('straße')", vec![]),
        Ok(Value::String("STRAßE".into()))
    );
    assert_eq!(eval("strToLower('ΑΣ')", vec![]), Ok(Value::String("ασ".into())));
    assert_eq!(eval("strCount('cheese', '')", vec![]), Ok(Value::Int(7)));
    assert_eq!(
        eval("strTrim('xxaxx', 'x')", vec![]),
        Ok(Value::String("a".into()))
    );
    assert_eq!(eval("strTrim('xxxx', 'x')", vec![]), Ok(Value::String("".into())));
    assert_eq!(eval("strTrimSpace('  ')", vec![]), Ok(Value::String("".into())));
    assert_eq!(
        eval("strReplace('aaa', 'a', 'b', -1)", vec![]),
        Ok(Value::String("bbb".into()))
    );
    assert_eq!(
        eval("strReplace('aaa', 'a', 'b', 0)", vec![]),
        Ok(Value::String("aaa".into()))
    );
    assert_eq!(
        eval("regexReplace(/a(x*)b/, '-ab-axxb-', '${1}W')", vec![]),
        Ok(Value::String("-W-xxW-".into()))
    );
    assert_eq!(
        eval("humanBytes(1500000)", vec![]),
        Ok(Value::String("1.5 MB".into()))
    );
    let big = Value::String("a".repeat(100_000).into());
    assert!(eval("strReplace(\"x\", 'a', \"x\", -1)", vec![big.clone()]).is_err());
    assert!(eval("regexReplace(/a/, \"x\", \"x\")", vec![big]).is_err());
}

#[test]
fn mathematics_has_go_edges() {
    assert_eq!(float("max(float('NaN'), float('Inf'))"), f64::INFINITY);
    assert!(float("min(float('NaN'), 1.0)").is_nan());
    assert!(float("gamma(-2.0)").is_nan());
    assert_eq!(float("gamma(0.0)"), f64::INFINITY);
    assert_eq!(float("logb(0.0)"), f64::NEG_INFINITY);
    assert_eq!(float("logb(10.0)"), 3.0);
    assert_eq!(float("pow10(-323)"), 1e-323);
    assert_eq!(float("pow10(309)"), f64::INFINITY);
    assert_eq!(float("yn(1, 0.0)"), f64::NEG_INFINITY);
    assert!(float("y0(-1.0)").is_nan());
}

#[test]
fn unknown_functions_are_named_with_a_hint() {
    let compiled = compile("flor(\"x\") + nope(1)");
    assert_eq!(
        compiled.undefined_functions(),
        [("flor", Some("floor")), ("nope", None)]
    );
    let mut state = compiled.state();
    let error = compiled.eval(&mut state, &vec![Value::Float(1.0)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "undefined function: \"flor\", did you mean \"floor\"?"
    );
}

#[test]
fn callers_add_functions_that_their_scopes_answer() {
    static LEVEL: Function = Function::scoped(
        "level",
        &[Signature::new(&[], Type::Int)],
        "The level of the event.",
    );
    #[derive(Debug)]
    struct Event(i64);
    impl Scope for Event {
        fn get(&self, _slot: usize) -> ScopeValue<'_> {
            ScopeValue::Undefined
        }
        fn call(&self, function: &str, _arguments: &[Value]) -> Result<Value, CallError> {
            assert_eq!(function, "level");
            Ok(Value::Int(self.0))
        }
    }
    let environment = Arc::new(Environment::new(VirtualClock::at(0)).with_functions(&[&LEVEL]));
    let compiled = Compiled::with_environment(&parse("level() >= 2"), environment).unwrap();
    let mut state = compiled.state();
    assert_eq!(compiled.eval_bool(&mut state, &Event(3)), Ok(true));
    assert_eq!(compiled.eval_bool(&mut state, &Event(1)), Ok(false));
}

#[test]
fn the_function_table_is_complete_and_in_order() {
    let all: Vec<&Function> = functions().collect();
    assert!(all.is_sorted_by(|a, b| a.name < b.name));
    for function in &all {
        assert!(
            function.doc.ends_with('.') && !function.signatures.is_empty(),
            "{}",
            function.name
        );
    }
    for name in [
        "sigma",
        "humanBytes",
        "isPresent",
        "strTrimSuffix",
        "yn",
        "now",
        "if",
        "duration",
    ] {
        assert!(all.iter().any(|function| function.name == name), "{name}");
    }
}

#[test]
fn columns_with_gaps_or_changing_types_are_left_to_rows() {
    let dense = Column::dense("x", Values::Int(vec![1, 2]));
    let gaps = Column {
        absent: Some(Arc::new(Mask::from_fn(2, |row| row == 1))),
        ..dense.clone()
    };
    let mixed = Column::dense(
        "x",
        Values::Mixed(vec![
            capstan_model::Value::Int(1),
            capstan_model::Value::Bool(true),
        ]),
    );
    assert!(ColumnRef::of(&gaps).is_none() && ColumnRef::of(&mixed).is_none());
    let compiled = compile("\"x\" * 2 > 3");
    let columns = [ColumnRef::of(&dense).unwrap()];
    assert_eq!(compiled.eval_bool_columns(2, &columns), Some(vec![false, true]));
    assert_eq!(compile("count() + \"x\"").eval_columns(2, &columns), None);
    assert_eq!(compile("10 / (\"x\" - 1)").eval_columns(2, &columns), None);
    assert_eq!(
        Value::String("a".into()).into_field(),
        Some(capstan_model::Value::Str("a".into()))
    );
    assert_eq!(Value::Time(1).into_field(), None);
}

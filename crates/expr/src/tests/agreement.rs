//! Columns give the answers of rows, for random expressions over random columns.

use std::sync::atomic::{AtomicUsize, Ordering};

use capstan_model::{StrValues, Values};
use capstan_tick::ast::{Binary, BinaryOperator as B, Call, CallKind, Kind, Node, Position, UnaryOperator};
use proptest::prelude::*;

use crate::{ColumnRef, ColumnRow, Compiled, Type, Value};

/// splitmix64: one number from proptest decides a whole expression.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize]
    }
}

fn node(kind: Kind) -> Node {
    Node::new(Position::default(), kind)
}

fn call(name: &str, args: Vec<Node>) -> Node {
    node(Kind::Call(Call {
        name: name.into(),
        args,
        kind: CallKind::Global,
        multi_line: false,
    }))
}

fn binary(operator: B, left: Node, right: Node) -> Node {
    let operator_position = Position::default();
    node(Kind::Binary(Box::new(Binary {
        operator,
        operator_position,
        left,
        right,
        parens: false,
        multi_line: false,
    })))
}

const COMPARE: [B; 6] = [
    B::Equal,
    B::NotEqual,
    B::Less,
    B::LessEqual,
    B::Greater,
    B::GreaterEqual,
];

/// An expression that has type `ty`, but for one roll in fifty.
fn expression(dice: &mut Dice, ty: Type, depth: u32) -> Node {
    let ty = if dice.roll(50) == 0 {
        dice.pick(&[Type::Float, Type::Int, Type::Bool, Type::String, Type::Duration])
    } else {
        ty
    };
    if depth == 0 || dice.roll(5) == 0 {
        return leaf(dice, ty);
    }
    let d = depth - 1;
    match ty {
        Type::Float => {
            let a = expression(dice, Type::Float, d);
            match dice.roll(8) {
                0..=2 => {
                    let operator = dice.pick(&[B::Add, B::Subtract, B::Multiply, B::Divide]);
                    binary(operator, a, expression(dice, Type::Float, d))
                }
                3 => node(Kind::Unary {
                    operator: UnaryOperator::Minus,
                    operand: Box::new(a),
                }),
                4 => call("floor", vec![a]),
                5 => call("max", vec![a, expression(dice, Type::Float, d)]),
                6 => call("sin", vec![a]),
                _ => call("float", vec![expression(dice, Type::Int, d)]),
            }
        }
        _ => other(dice, ty, d),
    }
}

fn other(dice: &mut Dice, ty: Type, d: u32) -> Node {
    match ty {
        Type::Int => match dice.roll(6) {
            0..=2 => {
                let operator = dice.pick(&[B::Add, B::Subtract, B::Multiply, B::Divide, B::Modulo]);
                let left = expression(dice, Type::Int, d);
                binary(operator, left, expression(dice, Type::Int, d))
            }
            3 => call("int", vec![expression(dice, Type::Float, d)]),
            4 => call("strLength", vec![expression(dice, Type::String, d)]),
            _ => {
                let left = expression(dice, Type::Duration, d);
                binary(B::Divide, left, expression(dice, Type::Duration, d))
            }
        },
        Type::Bool => match dice.roll(6) {
            0 | 1 => {
                let side = dice.pick(&[Type::Float, Type::Int]);
                let operator = dice.pick(&COMPARE);
                let left = expression(dice, side, d);
                let side = dice.pick(&[Type::Float, Type::Int]);
                binary(operator, left, expression(dice, side, d))
            }
            2 => {
                let operator = dice.pick(&[B::And, B::Or]);
                let left = expression(dice, Type::Bool, d);
                binary(operator, left, expression(dice, Type::Bool, d))
            }
            3 => {
                let operand = Box::new(expression(dice, Type::Bool, d));
                node(Kind::Unary {
                    operator: UnaryOperator::Not,
                    operand,
                })
            }
            4 => {
                let operator = dice.pick(&COMPARE);
                let left = expression(dice, Type::String, d);
                binary(operator, left, expression(dice, Type::String, d))
            }
            _ => {
                let operator = dice.pick(&[B::RegexMatch, B::RegexNoMatch]);
                let left = expression(dice, Type::String, d);
                binary(operator, left, node(Kind::Regex("a+".into())))
            }
        },
        Type::String => match dice.roll(5) {
            0 => {
                let left = expression(dice, Type::String, d);
                binary(B::Add, left, expression(dice, Type::String, d))
            }
            1 => call("string", vec![expression(dice, Type::Float, d)]),
            2 => call("strToUpper", vec![expression(dice, Type::String, d)]),
            3 => call(
                "strTrim",
                vec![
                    expression(dice, Type::String, d),
                    node(Kind::String {
                        value: "ab".into(),
                        triple: false,
                    }),
                ],
            ),
            _ => {
                let condition = expression(dice, Type::Bool, d);
                let yes = expression(dice, Type::String, d);
                call("if", vec![condition, yes, expression(dice, Type::String, d)])
            }
        },
        _ => match dice.roll(3) {
            0 => {
                let operator = dice.pick(&[B::Add, B::Subtract]);
                let left = expression(dice, Type::Duration, d);
                binary(operator, left, expression(dice, Type::Duration, d))
            }
            1 => {
                let operator = dice.pick(&[B::Multiply, B::Divide]);
                let side = dice.pick(&[Type::Float, Type::Int]);
                let left = expression(dice, Type::Duration, d);
                binary(operator, left, expression(dice, side, d))
            }
            _ => {
                let condition = expression(dice, Type::Bool, d);
                let yes = expression(dice, Type::Duration, d);
                call("if", vec![condition, yes, expression(dice, Type::Duration, d)])
            }
        },
    }
}

fn leaf(dice: &mut Dice, ty: Type) -> Node {
    let reference = |name: &str| node(Kind::Reference(name.into()));
    let literal = dice.roll(3) == 0;
    match ty {
        Type::Float if literal => node(Kind::Float(dice.pick(&[0.0, 1.5, 100.0]))),
        Type::Float => reference(dice.pick(&["f", "g"])),
        Type::Int if literal => node(Kind::Int {
            value: dice.pick(&[0, 1, 7]),
            octal: false,
        }),
        Type::Int => reference(dice.pick(&["i", "k"])),
        Type::Bool if literal => node(Kind::Bool(dice.roll(2) == 0)),
        Type::Bool => reference("b"),
        Type::String if literal => node(Kind::String {
            value: dice.pick(&["", "a", "aβ"]).into(),
            triple: false,
        }),
        Type::String => reference("s"),
        _ if literal => node(Kind::Duration {
            nanos: dice.pick(&[0, 1_000]),
            literal: String::new(),
        }),
        _ => reference("d"),
    }
}

fn same(columns: &Values, row: usize, value: &Value) -> bool {
    match (columns, value) {
        (Values::Float(v), Value::Float(w)) => {
            v[row].to_bits() == w.to_bits() || (v[row].is_nan() && w.is_nan())
        }
        (Values::Int(v), Value::Int(w)) | (Values::Duration(v), Value::Duration(w)) => v[row] == *w,
        (Values::Bool(v), Value::Bool(w)) => v[row] == *w,
        (Values::Str(v), Value::String(w)) => v.get(row) == w,
        _ => false,
    }
}

static BY_COLUMN: AtomicUsize = AtomicUsize::new(0);
static ALL: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug, Clone)]
struct Row(f64, f64, i64, i64, bool, String, i64);

fn a_float() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -1e3..1e3f64, 1 => Just(0.0), 1 => Just(-0.0), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(1e300)]
}

fn an_int() -> impl Strategy<Value = i64> {
    prop_oneof![6 => -100..100i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => Just(-1)]
}

#[allow(clippy::many_single_char_names)]
fn a_row() -> impl Strategy<Value = Row> {
    (
        a_float(),
        a_float(),
        an_int(),
        an_int(),
        any::<bool>(),
        "[aAbβ]{0,6}",
        an_int(),
    )
        .prop_map(|(f, g, i, k, b, s, d)| Row(f, g, i, k, b, s, d))
}

#[allow(clippy::many_single_char_names)] // the references are called so
fn check(seed: u64, rows: &[Row]) -> Result<(), TestCaseError> {
    let mut dice = Dice(seed);
    let ty = dice.pick(&[Type::Float, Type::Int, Type::Bool, Type::String, Type::Duration]);
    let tree = expression(&mut dice, ty, 4);
    let Ok(compiled) = Compiled::new(&tree) else {
        return Ok(());
    };
    let f: Vec<f64> = rows.iter().map(|row| row.0).collect();
    let g: Vec<f64> = rows.iter().map(|row| row.1).collect();
    let i: Vec<i64> = rows.iter().map(|row| row.2).collect();
    let k: Vec<i64> = rows.iter().map(|row| row.3).collect();
    let b: Vec<bool> = rows.iter().map(|row| row.4).collect();
    let mut s = StrValues::default();
    for row in rows {
        s.push(&row.5);
    }
    let d: Vec<i64> = rows.iter().map(|row| row.6).collect();
    let columns: Vec<ColumnRef<'_>> = compiled
        .references()
        .iter()
        .map(|name| match &**name {
            "f" => ColumnRef::Float(&f),
            "g" => ColumnRef::Float(&g),
            "i" => ColumnRef::Int(&i),
            "k" => ColumnRef::Int(&k),
            "b" => ColumnRef::Bool(&b),
            "s" => ColumnRef::Text(&s),
            _ => ColumnRef::Duration(&d),
        })
        .collect();
    ALL.fetch_add(1, Ordering::Relaxed);
    let by_column = compiled.eval_columns(rows.len(), &columns);
    let mut state = compiled.state();
    let by_row: Vec<_> = (0..rows.len())
        .map(|row| {
            compiled.eval(
                &mut state,
                &ColumnRow {
                    columns: &columns,
                    row,
                },
            )
        })
        .collect();
    if let Some(values) = by_column {
        BY_COLUMN.fetch_add(1, Ordering::Relaxed);
        prop_assert_eq!(values.len(), rows.len());
        for (row, value) in by_row.iter().enumerate() {
            let Ok(value) = value else {
                return Err(TestCaseError::fail(format!("{value:?} but {values:?}: {tree:?}")));
            };
            prop_assert!(
                same(&values, row, value),
                "{:?} but {:?}: {:?}",
                value,
                values,
                tree
            );
        }
    }
    Ok(())
}

#[test]
fn columns_give_the_answers_of_rows() {
    let config = ProptestConfig {
        cases: cases(1_500),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(seed in any::<u64>(), rows in prop::collection::vec(a_row(), 1..6))| check(seed, &rows)?);
    let (by_column, all) = (BY_COLUMN.load(Ordering::Relaxed), ALL.load(Ordering::Relaxed));
    assert!(
        by_column * 2 > all,
        "only {by_column} of {all} expressions ran by column"
    );
}

/// So many cases, or as many as `PROPTEST_CASES` says.
fn cases(few: u32) -> u32 {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default().cases,
        None => few,
    }
}

fn argument(ty: Type, at: usize) -> Node {
    if ty == Type::Regex {
        node(Kind::Regex("(a)|B+".into()))
    } else {
        node(Kind::Reference(format!("{at}{}", ty.as_str())))
    }
}

/// Every function by every signature: rows and columns give the same values, and columns decline where a row is an error.
#[test]
#[allow(clippy::many_single_char_names)] // as above
fn every_function_gives_the_same_by_column_and_by_row() {
    let clock = capstan_base::VirtualClock::at(1_600_000_000_123_456_789);
    let environment = std::sync::Arc::new(crate::Environment::with_zone(clock, jiff::tz::TimeZone::UTC));
    let mut all = Vec::new();
    for function in crate::functions() {
        for signature in function.signatures {
            let args = signature
                .args
                .iter()
                .enumerate()
                .map(|(at, ty)| argument(*ty, at))
                .collect();
            let tree = call(function.name, args);
            all.push(Compiled::with_environment(&tree, std::sync::Arc::clone(&environment)).unwrap());
        }
    }
    let config = ProptestConfig {
        cases: cases(100),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(rows in prop::collection::vec(a_row(), 1..5))| {
        let (f, g): (Vec<f64>, Vec<f64>) = rows.iter().map(|row| (row.0, row.1)).unzip();
        let (i, k): (Vec<i64>, Vec<i64>) = rows.iter().map(|row| (row.2, row.3)).unzip();
        let b: Vec<bool> = rows.iter().map(|row| row.4).collect();
        let (mut s, mut t) = (StrValues::default(), StrValues::default());
        for row in &rows {
            s.push(&row.5);
            t.push(&row.5.chars().rev().take(2).collect::<String>());
        }
        for compiled in &all {
            let columns: Vec<ColumnRef<'_>> = compiled.references().iter().map(|name| {
                let (at, ty) = name.split_at(1);
                let first = at == "0";
                match ty {
                    "float" => ColumnRef::Float(if first { &f } else { &g }),
                    "int" => ColumnRef::Int(if first { &i } else { &k }),
                    "boolean" => ColumnRef::Bool(&b),
                    "string" => ColumnRef::Text(if first { &s } else { &t }),
                    "time" => ColumnRef::Time(&i),
                    _ => ColumnRef::Duration(if first { &k } else { &i }),
                }
            }).collect();
            let by_column = compiled.eval_columns(rows.len(), &columns);
            let mut state = compiled.state();
            for row in 0..rows.len() {
                let by_row = compiled.eval(&mut state, &ColumnRow { columns: &columns, row });
                if let Some(values) = &by_column {
                    let value = by_row.as_ref().map_err(|error| TestCaseError::fail(format!("{error}: {compiled:?}")))?;
                    prop_assert!(same(values, row, value), "{value:?} but {values:?}: {compiled:?}");
                }
            }
        }
    });
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        a_float().prop_map(Value::Float),
        an_int().prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        "[a-cβ]{0,4}".prop_map(|text| Value::String(text.into())),
        any::<i64>().prop_map(Value::Time),
        an_int().prop_map(Value::Duration),
        Just(Value::Missing),
        Just(Value::Null),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(1_000), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a point holds, there is a value or an error, and the predicted type is the type of the value.
    #[test]
    fn no_point_makes_it_panic(seed in any::<u64>(), values in prop::collection::vec(any_value(), 7)) {
        let mut dice = Dice(seed);
        let ty = dice.pick(&[Type::Float, Type::Int, Type::Bool, Type::String, Type::Duration]);
        let Ok(compiled) = Compiled::new(&expression(&mut dice, ty, 4)) else { return Ok(()) };
        let mut state = compiled.state();
        let predicted = compiled.type_in(&values);
        match compiled.eval(&mut state, &values) {
            Ok(value) => prop_assert_eq!(predicted, Ok(value.type_of())),
            Err(error) => prop_assert!(!error.to_string().is_empty() && !error.kind().is_empty()),
        }
        let _ = compiled.eval_bool(&mut state, &values);
        let _ = compiled.eval_int(&mut state, &values);
        let _ = compiled.eval_duration(&mut state, &values);
    }
}

//! Aggregates and selectors.

mod forecast;
mod laws;

use super::{Aggregate, Rows};
use crate::{
    Argument, Call, Emitted, Error, FUNCTIONS, FieldType, ParameterKind, Row, Shape, Value, ValueRef,
    WrongType,
};

/// A call with harmless arguments for any function.
fn call(name: &str) -> Call {
    let function = crate::function(name).unwrap();
    let mut ints = [3, 0].into_iter();
    let arguments: Vec<Argument> = function
        .parameters
        .iter()
        .map(|parameter| match parameter.kind {
            ParameterKind::Field => Argument::from("value"),
            ParameterKind::Int => Argument::Int(ints.next().unwrap()),
            ParameterKind::Float => Argument::Float(50.0),
            ParameterKind::Duration => Argument::Duration(10),
        })
        .collect();
    Call::new(name, &arguments).unwrap()
}

fn emitted(aggregate: &Aggregate) -> Vec<Emitted> {
    let mut out = Vec::new();
    aggregate.emit(&mut out).unwrap();
    out
}

/// Pushes (time, value) with rows 0, 1, …
fn over(call: &Call, points: &[(i64, ValueRef<'_>)]) -> Vec<Emitted> {
    let mut aggregate = call.aggregate(points[0].1.field_type()).unwrap();
    for (row, (time, value)) in points.iter().enumerate() {
        aggregate.push(*time, *value, Row(row as u64)).unwrap();
    }
    emitted(&aggregate)
}

fn floats(name: &str, points: &[(i64, f64)]) -> Vec<Emitted> {
    over(
        &call(name),
        &points
            .iter()
            .map(|(t, v)| (*t, ValueRef::Float(*v)))
            .collect::<Vec<_>>(),
    )
}

fn ints(name: &str, points: &[(i64, i64)]) -> Vec<Emitted> {
    over(
        &call(name),
        &points
            .iter()
            .map(|(t, v)| (*t, ValueRef::Int(*v)))
            .collect::<Vec<_>>(),
    )
}

fn timeless(value: Value) -> Vec<Emitted> {
    vec![Emitted {
        value,
        time: None,
        row: None,
    }]
}

fn chosen(value: Value, time: i64, row: u64) -> Vec<Emitted> {
    vec![Emitted {
        value,
        time: Some(time),
        row: Some(Row(row)),
    }]
}

#[test]
fn aggregates_keep_or_change_the_type() {
    let points = [(1, 7), (2, 2), (3, 6), (4, 2)];
    assert_eq!(ints("count", &points), timeless(Value::Int(4)));
    assert_eq!(ints("mean", &points), timeless(Value::Float(4.25)));
    assert_eq!(ints("median", &points), timeless(Value::Float(4.0)));
    assert_eq!(ints("mode", &points), timeless(Value::Int(2)));
    assert_eq!(ints("spread", &points), timeless(Value::Int(5)));
    assert_eq!(
        ints("stddev", &[(1, 1), (2, 3)]),
        timeless(Value::Float(2.0_f64.sqrt()))
    );
    // N-131: the point time of a sum is the epoch.
    assert_eq!(
        ints("sum", &points),
        vec![Emitted {
            value: Value::Int(17),
            time: Some(0),
            row: None
        }]
    );
    assert_eq!(floats("sum", &[(5, 0.5), (6, 0.25)])[0].value, Value::Float(0.75));
}

#[test]
fn integer_arithmetic_wraps_and_never_panics() {
    assert_eq!(
        ints("sum", &[(1, i64::MAX), (2, 1)])[0].value,
        Value::Int(i64::MIN)
    );
    assert_eq!(
        ints("spread", &[(1, i64::MAX), (2, i64::MIN)])[0].value,
        Value::Int(-1)
    );
    assert_eq!(ints("median", &[(1, i64::MAX), (2, i64::MIN)]).len(), 1);
    assert_eq!(
        ints("mean", &[(1, i64::MAX), (2, i64::MAX)]),
        timeless(Value::Float(-1.0))
    );
}

#[test]
fn a_lone_point_keeps_its_time_in_median_and_mode() {
    assert_eq!(floats("median", &[(9, 4.0)])[0].time, Some(9));
    assert_eq!(ints("median", &[(9, 4)])[0].time, None);
    assert_eq!(floats("mode", &[(9, 4.0)])[0].time, Some(9));
    assert_eq!(ints("mode", &[(9, 4)])[0].time, Some(9));
}

#[test]
fn a_mode_that_ties_is_the_older_run() {
    let mode = |points: &[(i64, i64)]| ints("mode", points)[0].value.clone();
    assert_eq!(mode(&[(1, 9), (2, 3), (3, 9), (4, 3)]), Value::Int(9));
    assert_eq!(mode(&[(1, 3), (2, 3), (3, 9), (4, 9)]), Value::Int(3));
    // The larger value's first point counts against the smaller value's last one, as upstream does it.
    assert_eq!(mode(&[(1, 3), (2, 9), (3, 9), (4, 3)]), Value::Int(9));
    // Nothing repeats: the smallest.
    assert_eq!(mode(&[(1, 5), (2, 4), (3, 6)]), Value::Int(4));
}

#[test]
fn stddev_of_one_value_is_not_a_number_and_skips_nan() {
    assert!(matches!(floats("stddev", &[(1, 4.0)])[0].value, Value::Float(v) if v.is_nan()));
    assert_eq!(
        floats("stddev", &[(1, 2.0), (2, f64::NAN), (3, 4.0)])[0].value,
        Value::Float(2.0_f64.sqrt())
    );
}

#[test]
fn first_and_last_go_by_time_then_by_larger_value() {
    let points = [(5, 1), (3, 2), (3, 8), (3, 4), (9, 1), (9, 6), (9, 3)];
    assert_eq!(ints("first", &points), chosen(Value::Int(8), 3, 2));
    assert_eq!(ints("last", &points), chosen(Value::Int(6), 9, 5));
}

#[test]
fn first_and_last_of_booleans_and_text() {
    let flags = [
        (3, ValueRef::Bool(true)),
        (3, ValueRef::Bool(false)),
        (3, ValueRef::Bool(true)),
    ];
    assert_eq!(over(&call("first"), &flags), chosen(Value::Bool(false), 3, 1));
    assert_eq!(over(&call("last"), &flags), chosen(Value::Bool(true), 3, 0));
    let words = [
        (3, ValueRef::String("b")),
        (3, ValueRef::String("c")),
        (4, ValueRef::String("a")),
    ];
    assert_eq!(
        over(&call("first"), &words),
        chosen(Value::String("c".into()), 3, 1)
    );
    assert_eq!(
        over(&call("last"), &words),
        chosen(Value::String("a".into()), 4, 2)
    );
}

#[test]
fn min_and_max_prefer_the_older_point() {
    let points = [(5, 2.0), (4, 7.0), (3, 2.0), (2, 7.0), (1, 5.0)];
    assert_eq!(floats("min", &points), chosen(Value::Float(2.0), 3, 2));
    assert_eq!(floats("max", &points), chosen(Value::Float(7.0), 2, 3));
    // Whoever is there first stays when values do not compare.
    assert_eq!(floats("max", &[(1, f64::NAN), (2, 3.0)])[0].row, Some(Row(0)));
    assert_eq!(floats("max", &[(1, 3.0), (2, f64::NAN)])[0].row, Some(Row(0)));
}

#[test]
fn push_says_whose_point_to_keep() {
    let mut max = call("max").aggregate(FieldType::Int).unwrap();
    assert_eq!(max.push_int(1, 4, Row(1)), Ok(true));
    assert_eq!(max.push_int(2, 3, Row(2)), Ok(false));
    assert_eq!(max.push_int(3, 5, Row(3)), Ok(true));
    let mut kept = Vec::new();
    max.for_rows(|row| {
        kept.push(*row);
        *row = Row(90);
    });
    assert_eq!((kept, emitted(&max)[0].row), (vec![Row(3)], Some(Row(90))));
}

#[test]
fn percentile_is_a_point_or_nothing() {
    let percentile = |p: f64| Call::new("percentile", &["value".into(), p.into()]).unwrap();
    let points: Vec<_> = [4, 1, 3, 2]
        .iter()
        .enumerate()
        .map(|(i, v)| (i as i64, ValueRef::Int(*v)))
        .collect();
    assert_eq!(over(&percentile(50.0), &points), chosen(Value::Int(2), 3, 3));
    assert_eq!(over(&percentile(100.0), &points), chosen(Value::Int(4), 0, 0));
    // floor(4*12.5/100 + 0.5) is the first rank, a little less is none.
    assert_eq!(over(&percentile(12.5), &points), chosen(Value::Int(1), 1, 1));
    for none in [12.4, 0.0, -5.0, 200.0, f64::NAN, f64::INFINITY] {
        assert_eq!(over(&percentile(none), &points), Vec::new(), "{none}");
    }
}

#[test]
fn top_and_bottom_rank_by_value_then_by_earlier_time() {
    let rank = |name, n: i64| Call::new(name, &[n.into(), "value".into(), "host".into()]).unwrap();
    let points: Vec<_> = [5.0, 9.0, 1.0, 9.0, 5.0, 1.0]
        .iter()
        .enumerate()
        .map(|(i, v)| (i as i64, ValueRef::Float(*v)))
        .collect();
    let rows = |call: &Call| {
        over(call, &points)
            .iter()
            .map(|e| e.row.unwrap().0)
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&rank("top", 3)), [1, 3, 0]);
    assert_eq!(rows(&rank("bottom", 3)), [2, 5, 0]);
    assert_eq!(rows(&rank("top", 50)), [1, 3, 0, 4, 2, 5]);
}

#[test]
fn distinct_gives_first_sights_in_order_of_time_then_value() {
    let given = floats("distinct", &[(2, 0.0), (1, 7.0), (2, -0.0), (1, 3.0), (9, 7.0)]);
    let given: Vec<_> = given
        .into_iter()
        .map(|e| (e.time.unwrap(), e.value, e.row))
        .collect();
    assert_eq!(
        given,
        [
            (1, Value::Float(3.0), None),
            (1, Value::Float(7.0), None),
            (2, Value::Float(0.0), None)
        ]
    );
    assert_eq!(
        over(
            &call("distinct"),
            &[(1, ValueRef::String("a")), (2, ValueRef::String("a"))]
        )
        .len(),
        1
    );
}

#[test]
fn only_count_and_sum_answer_to_nothing() {
    for function in FUNCTIONS {
        if function.shape == Shape::Transform {
            continue;
        }
        let call = call(function.name);
        let fresh = emitted(&call.aggregate(FieldType::Float).unwrap());
        assert_eq!(
            fresh,
            call.empty().into_iter().collect::<Vec<_>>(),
            "{}",
            function.name
        );
    }
    assert_eq!(call("count").empty().unwrap().value, Value::Int(0));
    assert_eq!(call("sum").empty().unwrap().value, Value::Float(0.0));
}

#[test]
fn a_change_of_type_is_refused_and_forgotten() {
    let mut sum = call("sum").aggregate(FieldType::Float).unwrap();
    sum.push_float(1, 2.5, Row(0)).unwrap();
    let wrong = sum.push(2, ValueRef::Int(4), Row(1)).unwrap_err();
    assert_eq!(
        wrong,
        WrongType {
            got: FieldType::Int,
            expected: FieldType::Float
        }
    );
    assert_eq!(
        call("sum").wrong_type(wrong).to_string(),
        r#"field "value" has wrong type: got int64 exp float64"#
    );
    assert_eq!(emitted(&sum)[0].value, Value::Float(2.5));
    let error = call("sum").aggregate(FieldType::String).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid influxql func sum with field value: cannot apply sum to string field"
    );
    let mut count = call("count").aggregate(FieldType::Bool).unwrap();
    assert!(count.push(1, ValueRef::Float(1.0), Row(0)).is_err());
    assert!(count.push_floats(&[1], &[1.0], Rows::From(Row(0))).is_err());
    assert!(matches!(
        call("elapsed").aggregate(FieldType::Int),
        Err(Error::Shape { .. })
    ));
}

#[test]
fn every_accepted_type_makes_a_machine_of_that_type() {
    let types = [
        FieldType::Float,
        FieldType::Int,
        FieldType::String,
        FieldType::Bool,
        FieldType::Duration,
    ];
    for function in FUNCTIONS {
        for input in types {
            let call = call(function.name);
            let made = if function.shape == Shape::Transform {
                call.transform(input).map(|machine| machine.field_type())
            } else {
                call.aggregate(input).map(|machine| machine.field_type())
            };
            match made {
                Ok(made) => assert!(
                    function.accepts(input) && made == input,
                    "{} {input:?}",
                    function.name
                ),
                Err(error) => assert!(
                    !function.accepts(input) && matches!(error, Error::UnsupportedType { .. }),
                    "{} {input:?}: {error}",
                    function.name
                ),
            }
        }
    }
}

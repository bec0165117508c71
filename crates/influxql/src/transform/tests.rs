use proptest::prelude::*;

use super::Transform;
use crate::{Argument, Call, FieldType, Number, Sample, ValueRef};

fn transform(name: &str, argument: Option<Argument>, input: FieldType) -> Transform {
    let arguments: Vec<Argument> = [Argument::from("value")].into_iter().chain(argument).collect();
    Call::new(name, &arguments).unwrap().transform(input).unwrap()
}

fn run(mut transform: Transform, points: &[(i64, i64)]) -> Vec<Option<Sample>> {
    let float = transform.field_type() == FieldType::Float;
    let value = |v: i64| {
        if float {
            ValueRef::Float(v as f64)
        } else {
            ValueRef::Int(v)
        }
    };
    points
        .iter()
        .map(|(time, v)| transform.push(*time, value(*v)).unwrap())
        .collect()
}

#[expect(clippy::unnecessary_wraps, reason = "reads like what push gives")]
fn int(time: i64, value: i64) -> Option<Sample> {
    Some(Sample {
        time,
        value: Number::Int(value),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "reads like what push gives")]
fn float(time: i64, value: f64) -> Option<Sample> {
    Some(Sample {
        time,
        value: Number::Float(value),
    })
}

#[test]
fn elapsed_counts_whole_units_even_backwards() {
    let elapsed = transform("elapsed", Some(Argument::Duration(10)), FieldType::Int);
    assert_eq!(
        run(elapsed, &[(0, 1), (25, 1), (25, 1), (6, 1)]),
        [None, int(25, 2), int(25, 0), int(6, -1)]
    );
    let mut words = transform("elapsed", Some(Argument::Duration(1)), FieldType::String);
    assert_eq!(words.push(1, ValueRef::String("a")), Ok(None));
    assert_eq!(words.push(4, ValueRef::String("b")), Ok(int(4, 3)));
    assert!(words.push(5, ValueRef::Bool(true)).is_err());
}

#[test]
fn difference_takes_the_first_of_several_points_of_one_time() {
    let points = [(1, 10), (1, 50), (2, 7), (3, 7), (2, 9)];
    let ints = run(transform("difference", None, FieldType::Int), &points);
    assert_eq!(ints, [None, None, int(2, -3), int(3, 0), int(2, 2)]);
    let floats = run(transform("difference", None, FieldType::Float), &points);
    assert_eq!(floats[2], float(2, -3.0));
}

#[test]
fn moving_average_speaks_from_the_nth_point_on() {
    let points = [(1, 1), (2, 2), (3, 6), (4, 1), (4, 2)];
    for input in [FieldType::Int, FieldType::Float] {
        let given = run(transform("movingAverage", Some(Argument::Int(3)), input), &points);
        assert_eq!(given, [None, None, float(3, 3.0), float(4, 3.0), float(4, 3.0)]);
    }
    let alone = run(
        transform("movingAverage", Some(Argument::Int(1)), FieldType::Int),
        &points[..2],
    );
    assert_eq!(alone, [float(1, 1.0), float(2, 2.0)]);
}

#[test]
fn a_moving_average_never_recovers_from_nan() {
    let mut average = transform("movingAverage", Some(Argument::Int(2)), FieldType::Float);
    for (time, value) in [1.0, f64::INFINITY, 2.0, 3.0, 4.0].into_iter().enumerate() {
        let given = average.push_float(time as i64, value).unwrap();
        if time >= 2 {
            assert!(matches!(given.unwrap().value, Number::Float(v) if !v.is_finite()));
        }
    }
}

#[test]
fn cumulative_sum_runs_on_and_wraps() {
    let given = run(
        transform("cumulativeSum", None, FieldType::Int),
        &[(1, i64::MAX), (2, 1), (3, 1)],
    );
    assert_eq!(given, [int(1, i64::MAX), int(2, i64::MIN), int(3, i64::MIN + 1)]);
}

#[test]
fn a_bad_point_repeats_the_last_answer_on_request() {
    let mut sum = transform("cumulativeSum", None, FieldType::Float);
    assert_eq!(sum.again(), None);
    sum.push_float(7, 2.5).unwrap();
    assert!(sum.push_int(8, 1).is_err());
    assert_eq!(sum.again(), float(7, 2.5));
    let mut difference = transform("difference", None, FieldType::Int);
    difference.push_int(1, 1).unwrap();
    difference.push_int(2, 2).unwrap();
    assert_eq!(difference.again(), None);
}

proptest! {
    #[test]
    fn a_snapshot_in_the_middle_changes_nothing(
        points in prop::collection::vec((0_i64..5, prop_oneof![4 => -9.0..9.0, 1 => any::<f64>()]), 0..30),
        cut in 0_usize..30,
    ) {
        let machines = [
            transform("elapsed", Some(Argument::Duration(2)), FieldType::Float),
            transform("difference", None, FieldType::Float),
            transform("movingAverage", Some(Argument::Int(4)), FieldType::Float),
            transform("cumulativeSum", None, FieldType::Float),
        ];
        for fresh in machines {
            let (mut whole, mut part) = (fresh.clone(), fresh.clone());
            for (index, (time, value)) in points.iter().enumerate() {
                if index == cut {
                    part = serde_json::from_slice(&serde_json::to_vec(&part).unwrap()).unwrap();
                }
                let (a, b) = (whole.push_float(*time, *value), part.push_float(*time, *value));
                prop_assert_eq!(format!("{a:?}"), format!("{b:?}"));
            }
            part.reset();
            prop_assert_eq!(part, fresh);
        }
    }

    #[test]
    fn a_moving_average_of_integers_is_the_mean_of_the_last_points(
        values in prop::collection::vec(-1000_i64..1000, 0..50), window in 1_usize..9,
    ) {
        let mut average = transform("movingAverage", Some(Argument::Int(window as i64)), FieldType::Int);
        for (index, value) in values.iter().enumerate() {
            let given = average.push_int(index as i64, *value).unwrap();
            let expected = (index + 1).checked_sub(window).map(|from| {
                let last = &values[from..=index];
                Number::Float(last.iter().sum::<i64>() as f64 / window as f64)
            });
            prop_assert_eq!(given.map(|sample| sample.value), expected);
        }
    }
}

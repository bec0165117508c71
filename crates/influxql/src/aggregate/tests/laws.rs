//! What holds for every function, whatever the values.

use proptest::prelude::*;

use super::forecast::forecast;
use super::{call, emitted, over};
use crate::aggregate::{Aggregate, Rows};
use crate::{Call, FUNCTIONS, FieldType, Row, Shape, Value, ValueRef};

/// Values with ties, zeros of both signs and the odd NaN.
fn float() -> impl Strategy<Value = f64> {
    prop_oneof![6 => (-4_i32..4).prop_map(f64::from), 2 => any::<f64>(), 1 => Just(-0.0)]
}

fn points() -> impl Strategy<Value = Vec<(i64, f64)>> {
    prop::collection::vec((0_i64..6, float()), 0..40)
}

/// So many cases, or as many as `PROPTEST_CASES` says.
fn cases(few: u32) -> u32 {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default().cases,
        None => few,
    }
}

/// Integers near zero and at the ends.
fn extreme() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -9..9_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => any::<i64>()]
}

/// NaN does not equal itself, so compare texts.
fn same(a: &Aggregate, b: &Aggregate) -> Result<(), TestCaseError> {
    prop_assert_eq!(format!("{:?}", emitted(a)), format!("{:?}", emitted(b)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(64), ..ProptestConfig::default() })]

    #[test]
    fn a_slice_is_its_points(points in points(), cut in 0_usize..40) {
        let cut = cut.min(points.len());
        let times: Vec<i64> = points.iter().map(|p| p.0).collect();
        let values: Vec<f64> = points.iter().map(|p| p.1).collect();
        let ints: Vec<i64> = values.iter().map(|v| *v as i64).collect();
        let rows: Vec<Row> = (0..points.len()).map(|row| Row(row as u64)).collect();
        for function in FUNCTIONS {
            if matches!(function.shape, Shape::Transform) || function.point_times {
                continue;
            }
            let call = call(function.name);
            let (mut single, mut slices) =
                (call.aggregate(FieldType::Float).unwrap(), call.aggregate(FieldType::Float).unwrap());
            let (mut single_int, mut slices_int) =
                (call.aggregate(FieldType::Int).unwrap(), call.aggregate(FieldType::Int).unwrap());
            for (row, time) in times.iter().enumerate() {
                single.push_float(*time, values[row], rows[row]).unwrap();
                single_int.push_int(*time, ints[row], rows[row]).unwrap();
            }
            slices.push_floats(&times[..cut], &values[..cut], Rows::From(Row(0))).unwrap();
            slices.push_floats(&times[cut..], &values[cut..], Rows::Each(&rows[cut..])).unwrap();
            slices_int.push_ints(&times[..cut], &ints[..cut], Rows::From(Row(0))).unwrap();
            slices_int.push_ints(&times[cut..], &ints[cut..], Rows::Each(&rows[cut..])).unwrap();
            same(&single, &slices)?;
            same(&single_int, &slices_int)?;
        }
    }

    /// Whatever is pushed at whatever times, there is an answer or an error, and rows are those that were pushed.
    #[test]
    fn no_values_panic(points in prop::collection::vec((extreme(), any::<f64>(), extreme(), "[ab]{0,2}"), 0..24)) {
        for function in FUNCTIONS {
            let call = call(function.name);
            for input in [FieldType::Float, FieldType::Int, FieldType::String, FieldType::Bool] {
                let value = |point: &'_ (i64, f64, i64, String)| match input {
                    FieldType::Float => Value::Float(point.1),
                    FieldType::Int => Value::Int(point.2),
                    FieldType::String => Value::String(point.3.as_str().into()),
                    _ => Value::Bool(point.2 > 0),
                };
                if let Ok(mut transform) = call.transform(input) {
                    for point in &points {
                        transform.push(point.0, ValueRef::from(&value(point))).unwrap();
                    }
                }
                let Ok(mut aggregate) = call.aggregate(input) else { continue };
                for (row, point) in points.iter().enumerate() {
                    aggregate.push(point.0, ValueRef::from(&value(point)), Row(row as u64)).unwrap();
                }
                let mut out = Vec::new();
                if aggregate.emit(&mut out).is_ok() {
                    for row in out.iter().filter_map(|emitted| emitted.row) {
                        prop_assert!((row.0 as usize) < points.len(), "{}", function.name);
                    }
                }
                aggregate.reset();
            }
        }
    }

    #[test]
    fn a_snapshot_in_the_middle_changes_nothing(points in points(), cut in 0_usize..40) {
        let cut = cut.min(points.len());
        for function in FUNCTIONS {
            if matches!(function.shape, Shape::Transform) || function.point_times {
                continue;
            }
            let mut whole = call(function.name).aggregate(FieldType::Float).unwrap();
            let mut part = whole.clone();
            for (row, (time, value)) in points[..cut].iter().enumerate() {
                whole.push_float(*time, *value, Row(row as u64)).unwrap();
                part.push_float(*time, *value, Row(row as u64)).unwrap();
            }
            let written = serde_json::to_vec(&part).unwrap();
            let mut part: Aggregate = serde_json::from_slice(&written).unwrap();
            for (row, (time, value)) in points[cut..].iter().enumerate() {
                whole.push_float(*time, *value, Row((cut + row) as u64)).unwrap();
                part.push_float(*time, *value, Row((cut + row) as u64)).unwrap();
            }
            same(&whole, &part)?;
            part.reset();
            same(&call(function.name).aggregate(FieldType::Float).unwrap(), &part)?;
        }
    }

    #[test]
    fn percentile_and_median_agree_with_a_sorted_list(values in prop::collection::vec(-9_i64..9, 1..60), p in 0.0_f64..100.0) {
        let mut sorted: Vec<(i64, usize)> = values.iter().enumerate().map(|(i, v)| (*v, i)).collect();
        sorted.sort_unstable();
        let points: Vec<(i64, ValueRef<'_>)> =
            values.iter().enumerate().map(|(i, v)| (i as i64, ValueRef::Int(*v))).collect();
        let given = over(&Call::new("percentile", &["value".into(), p.into()]).unwrap(), &points);
        let rank = (values.len() as f64 * p / 100.0 + 0.5).floor() as usize;
        let expected = rank.checked_sub(1).and_then(|i| sorted.get(i)).map(|(_, row)| Row(*row as u64));
        prop_assert_eq!(given.first().and_then(|e| e.row), expected);

        let half = values.len() / 2;
        let middle = if values.len() % 2 == 1 {
            sorted[half].0 as f64
        } else {
            (sorted[half - 1].0 + sorted[half].0) as f64 / 2.0
        };
        prop_assert_eq!(&over(&call("median"), &points)[0].value, &Value::Float(middle));
    }

    #[test]
    fn forecasts_never_panic(
        points in prop::collection::vec((any::<i64>(), float()), 0..8),
        near in prop::collection::vec((0_i64..20, float()), 0..8),
        h in -1_i64..4, m in -1_i64..4, interval in 1_i64..5,
    ) {
        let _ = forecast([h, m, interval], true, &points);
        let _ = forecast([h, m, interval], false, &near);
    }
}

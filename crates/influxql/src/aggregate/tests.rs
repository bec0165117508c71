use proptest::prelude::*;

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

const SECOND: i64 = 1_000_000_000;

fn forecast(arguments: [i64; 3], fit: bool, points: &[(i64, f64)]) -> Result<Vec<(i64, f64)>, Error> {
    let name = if fit { "holtWintersWithFit" } else { "holtWinters" };
    let [h, m, interval] = arguments;
    let call = Call::new(
        name,
        &["value".into(), h.into(), m.into(), Argument::Duration(interval)],
    )?;
    let mut machine = call.aggregate(FieldType::Float)?;
    for (time, value) in points {
        machine.push_float(*time, *value, Row(0)).unwrap();
    }
    let mut out = Vec::new();
    machine.emit(&mut out)?;
    Ok(out
        .into_iter()
        .map(|e| match e.value {
            Value::Float(value) => (e.time.unwrap(), value),
            other => panic!("{other:?}"),
        })
        .collect())
}

#[test]
fn a_forecast_goes_on_from_the_last_point() {
    let line: Vec<_> = (0..12).map(|i| (i * SECOND, 100.0 + 5.0 * i as f64)).collect();
    let ahead = forecast([3, 0, SECOND], false, &line).unwrap();
    assert_eq!(
        ahead.iter().map(|(t, _)| t / SECOND).collect::<Vec<_>>(),
        [12, 13, 14]
    );
    assert!(ahead.windows(2).all(|w| w[0].1 < w[1].1), "{ahead:?}");
    assert!(ahead.iter().all(|(_, v)| (150.0..180.0).contains(v)), "{ahead:?}");
    let fitted = forecast([3, 0, SECOND], true, &line).unwrap();
    assert_eq!((fitted.len(), fitted[0]), (15, (0, 100.0)));
    assert_eq!(fitted[12..], ahead[..]);
}

#[test]
fn a_forecast_repeats_seasons() {
    let wave = [10.0, 20.0, 40.0, 20.0];
    let points: Vec<_> = (0..32).map(|i| (i * SECOND, wave[i as usize % 4])).collect();
    let ahead = forecast([4, 4, SECOND], false, &points).unwrap();
    assert_eq!(ahead.len(), 4);
    assert!(ahead.iter().all(|(_, v)| v.is_finite()), "{ahead:?}");
}

#[test]
fn a_forecast_bridges_gaps_and_ignores_second_points_of_an_interval() {
    let points = [
        (0, 1.0),
        (1, 99.0),
        (SECOND, 2.0),
        (4 * SECOND, 5.0),
        (3 * SECOND, 50.0),
        (5 * SECOND, 6.0),
    ];
    let ahead = forecast([2, 0, SECOND], false, &points).unwrap();
    assert_eq!(ahead.iter().map(|(t, _)| t / SECOND).collect::<Vec<_>>(), [6, 7]);
    assert!(ahead.iter().all(|(_, v)| (5.0..9.0).contains(v)), "{ahead:?}");
}

#[test]
fn too_little_data_gives_no_forecast() {
    let nothing = Vec::<(i64, f64)>::new();
    assert_eq!(forecast([3, 0, SECOND], false, &[(0, 1.0)]).unwrap(), nothing);
    assert_eq!(
        forecast([0, 0, SECOND], false, &[(0, 1.0), (SECOND, 2.0)]).unwrap(),
        nothing
    );
    assert_eq!(
        forecast([3, 0, SECOND], false, &[(0, 1.0), (1, 2.0)]).unwrap(),
        nothing
    );
    assert_eq!(
        forecast([3, 4, SECOND], false, &[(0, 1.0), (SECOND, 2.0)]).unwrap(),
        nothing
    );
    // Four points, but only two intervals: upstream crashes here.
    let twins = [(0, 1.0), (1, 1.0), (2, 1.0), (SECOND, 2.0)];
    assert_eq!(forecast([3, 4, SECOND], false, &twins).unwrap(), nothing);
}

#[test]
fn a_forecast_over_too_many_intervals_is_refused() {
    let far = forecast([3, 0, 1], false, &[(0, 1.0), (i64::MAX, 2.0)]).unwrap_err();
    assert!(matches!(far, Error::TooManyIntervals { .. }), "{far}");
    let ends = forecast([3, 0, 1], false, &[(i64::MIN, 1.0), (i64::MAX, 2.0)]).unwrap_err();
    assert!(matches!(ends, Error::TooManyIntervals { .. }), "{ends}");
}

/// Points of recorded streams as (tag text, seconds since the first, value).
fn recorded(file: &str) -> Option<Vec<(String, i64, f64)>> {
    let text = std::fs::read_to_string(shared()?.join("conformance/data").join(file)).ok()?;
    let mut points: Vec<(String, i64, f64)> = text
        .lines()
        .skip(2)
        .step_by(3)
        .filter_map(|line| {
            let mut parts = line.split(' ');
            let (key, fields, time) = (parts.next()?, parts.next()?, parts.next()?);
            let value = fields.strip_prefix("value=")?.parse().ok()?;
            Some((key.to_owned(), time.parse().ok()?, value))
        })
        .collect();
    let first = points.first()?.1;
    for point in &mut points {
        point.1 -= first;
    }
    Some(points)
}

fn shared() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("CAPSTAN_SHARED").map_or_else(
        || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        Into::into,
    );
    folder.is_dir().then_some(folder)
}

#[derive(serde::Deserialize)]
struct Case {
    expect: Expect,
}

#[derive(serde::Deserialize)]
struct Expect {
    series: Vec<Series>,
}

#[derive(serde::Deserialize)]
struct Series {
    values: Vec<(String, Box<serde_json::value::RawValue>)>,
}

#[test]
fn recorded_forecasts_agree_to_the_last_digits() {
    let Some((points, folder)) = recorded("TestStream_HoltWinters.srpl").zip(shared()) else {
        println!("SKIP: no recorded data (CAPSTAN_SHARED)");
        return;
    };
    // The first window of ten seconds.
    let window: Vec<_> = points
        .iter()
        .filter(|p| p.1 < 10)
        .map(|(_, t, v)| (t * SECOND, *v))
        .collect();
    for (case, fit) in [
        ("TestStream_HoltWinters.json", false),
        ("TestStream_HoltWintersWithFit.json", true),
    ] {
        let text = std::fs::read_to_string(folder.join("conformance/stream").join(case)).unwrap();
        let case_file: Case = serde_json::from_str(&text).unwrap();
        let rows = &case_file.expect.series[0].values;
        // Read from the text: serde_json itself may miss the last digit of a float.
        let expected: Vec<f64> = rows
            .iter()
            .map(|(_, value)| value.get().parse().unwrap())
            .collect();
        let given: Vec<f64> = forecast([3, 0, SECOND], fit, &window)
            .unwrap()
            .into_iter()
            .map(|(_, v)| v)
            .collect();
        assert_eq!(given, expected, "{case}");
    }
}

/// Values with ties, zeros of both signs and the odd NaN.
fn float() -> impl Strategy<Value = f64> {
    prop_oneof![6 => (-4_i32..4).prop_map(f64::from), 2 => any::<f64>(), 1 => Just(-0.0)]
}

fn points() -> impl Strategy<Value = Vec<(i64, f64)>> {
    prop::collection::vec((0_i64..6, float()), 0..40)
}

/// NaN does not equal itself, so compare texts.
fn same(a: &Aggregate, b: &Aggregate) -> Result<(), TestCaseError> {
    prop_assert_eq!(format!("{:?}", emitted(a)), format!("{:?}", emitted(b)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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

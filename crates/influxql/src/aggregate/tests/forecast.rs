//! holtWinters, and what was recorded of it.

use crate::{Argument, Call, Error, FieldType, Row, Value};

const SECOND: i64 = 1_000_000_000;

pub(super) fn forecast(
    arguments: [i64; 3],
    fit: bool,
    points: &[(i64, f64)],
) -> Result<Vec<(i64, f64)>, Error> {
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

use axum::Router;
use axum::routing::get;
use capstan_base::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::choose::build;
use crate::testing::{context_with, wanted};

/// `TestScalingScheduleCollector`: a Tuesday in Berlin.
const NOW: &str = "2009-11-10T23:00:00+01:00";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        window: Duration::from_mins(1),
        ramp_steps: 10,
        time_zone: "Europe/Berlin".to_owned(),
        compatible: false,
    }
}

/// So many seconds from now, RFC 3339.
fn date(seconds: i64) -> String {
    (now() + SignedDuration::from_secs(seconds)).to_string()
}

fn once(date: String, minutes: i64, value: i64) -> Value {
    json!({"type": "OneTime", "date": date, "durationMinutes": minutes, "value": value})
}

fn weekly(start: &str, minutes: i64, value: i64, days: &[&str]) -> Value {
    json!({"type": "Repeating", "durationMinutes": minutes, "value": value,
        "period": {"startTime": start, "days": days, "timezone": ""}})
}

/// The same with a field, given by its path.
fn with(mut schedule: Value, path: &str, value: &str) -> Value {
    let (parent, field) = path.rsplit_once('/').unwrap();
    schedule.pointer_mut(parent).unwrap()[field] = value.into();
    schedule
}

fn at(moment: Timestamp, schedules: Vec<Value>, window: Option<i64>, rules: &Rules) -> Result<i64, String> {
    let mut spec = json!({"schedules": schedules});
    if let Some(minutes) = window {
        spec["scalingWindowDurationMinutes"] = minutes.into();
    }
    let spec = Spec::read(&spec).unwrap();
    value(&spec, moment, rules)
        .map(|valued| valued.value)
        .map_err(|error| error.to_string())
}

/// The same, however midnight is treated.
fn both(schedules: Vec<Value>, window: Option<i64>) -> Result<i64, String> {
    let found = at(now(), schedules.clone(), window, &rules());
    let compatible = Rules {
        compatible: true,
        ..rules()
    };
    assert_eq!(found, at(now(), schedules, window, &compatible));
    found
}

#[test]
fn schedules_at_dates_have_kube_metrics_adapters_values() {
    let minute = 60;
    let one = |schedule| both(vec![schedule], None);
    let ends = |schedule, seconds| with(schedule, "/endDate", &date(seconds));
    assert_eq!(one(once(NOW.to_owned(), 15, 100)), Ok(100));
    assert_eq!(one(once(date(-10 * minute), 15, 100)), Ok(100));
    assert_eq!(
        one(ends(once(date(-120 * minute), 60, 100), 60 * minute)),
        Ok(100)
    );
    assert_eq!(
        one(ends(once(date(-120 * minute), 150, 100), -60 * minute)),
        Ok(100)
    );
    assert_eq!(one(ends(once(date(-120 * minute), 0, 100), 60 * minute)), Ok(100));
    assert_eq!(one(once(date(minute), 0, 100)), Ok(0));
    assert_eq!(one(once(date(-15 * minute + 30), 15, 100)), Ok(100));
    assert_eq!(one(once(date(20), 45, 100)), Ok(60));
    assert_eq!(one(once(date(-45 * minute - 20), 45, 100)), Ok(60));
    assert_eq!(one(once(date(1), 45, 100)), Ok(90));
    let five = Rules {
        ramp_steps: 5,
        ..rules()
    };
    assert_eq!(at(now(), vec![once(date(1), 45, 100)], None, &five), Ok(80));
    assert_eq!(both(vec![once(date(30), 45, 100)], Some(10)), Ok(90));
    assert_eq!(
        both(vec![once(date(-45 * minute - 30), 45, 100)], Some(10)),
        Ok(90)
    );
    assert_eq!(one(once(date(20 * minute), 65, 100)), Ok(0));
    assert_eq!(one(once(date(-20 * minute), 15, 100)), Ok(0));
    assert_eq!(
        both(
            vec![once(date(-20 * minute), 15, 100), once(date(0), 15, 100)],
            None
        ),
        Ok(100)
    );
    let three = [100, 120, 110]
        .map(|value| once(NOW.to_owned(), 15, value))
        .to_vec();
    assert_eq!(both(three, None), Ok(120));
    assert_eq!(both(vec![once(date(1), 45, 100)], Some(0)), Ok(0), "no window");
    assert_eq!(one(once(NOW.to_owned(), 15, -100)), Ok(0));
}

#[test]
fn weekly_schedules_have_kube_metrics_adapters_values() {
    let one = |schedule| both(vec![schedule], None);
    let tuesday = |start: &str, minutes, value| weekly(start, minutes, value, &["Tue"]);
    let ends = |schedule, end| with(schedule, "/period/endTime", end);
    let zone = |schedule, zone| with(schedule, "/period/timezone", zone);
    assert_eq!(one(tuesday("23:00", 15, 100)), Ok(100));
    assert_eq!(one(ends(tuesday("21:00", 60, 100), "23:59")), Ok(100));
    assert_eq!(one(ends(tuesday("21:00", 150, 100), "22:00")), Ok(100));
    assert_eq!(one(tuesday("22:55", 15, 100)), Ok(100));
    assert_eq!(one(tuesday("22:50", 15, 100)), Ok(100));
    assert_eq!(one(weekly("23:00", 15, 100, &["Mon"])), Ok(0));
    assert_eq!(one(zone(tuesday("20:00", 15, 100), "America/Sao_Paulo")), Ok(100));
    assert_eq!(
        one(zone(weekly("07:00", 15, 100, &["Wed"]), "Asia/Tokyo")),
        Ok(100)
    );
    assert_eq!(one(zone(tuesday("07:00", 15, 100), "Asia/Tokyo")), Ok(0));
    assert_eq!(one(zone(tuesday("23:00", 15, 100), "Nowhere/Land")), Ok(100));
    assert_eq!(one(tuesday("23:05", 15, 100)), Ok(0));
    assert_eq!(one(tuesday("22:40", 15, 100)), Ok(0));
    let several = |middle| {
        vec![
            tuesday("22:30", 60, 110),
            tuesday("22:55", middle, 120),
            tuesday("22:50", 35, 100),
        ]
    };
    assert_eq!(both(several(6), None), Ok(120));
    // The minute after it is the last step of its way down.
    assert_eq!(both(several(4), None), Ok(110));
    assert_eq!(
        both(
            vec![
                tuesday("22:30", 60, 110),
                tuesday("22:55", 4, 130),
                tuesday("22:50", 35, 100),
                once(NOW.to_owned(), 15, 90),
                once(date(24 * 3600), 15, 140),
                once(NOW.to_owned(), 15, 110),
            ],
            None
        ),
        Ok(110)
    );
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let one = |schedule| at(now(), vec![schedule], None, &rules()).unwrap_err();
    let no_date = "could not parse the specified schedule date, format is not RFC3339";
    assert!(one(once("10 Nov 09 22:40 CET".to_owned(), 15, 100)).starts_with(no_date));
    let bad_end = with(once(date(-1200), 15, 100), "/endDate", "11 Nov 09 00:00 CET");
    assert!(one(bad_end).starts_with(no_date));
    assert!(one(json!({"type": "OneTime", "value": 1})).starts_with(no_date));
    let no_time = "could not parse the specified schedule period start time, format is not HH:MM";
    assert!(one(weekly("15h25min", 15, 100, &["Tue"])).starts_with(no_time));
    assert!(one(json!({"type": "Repeating", "value": 1})).starts_with(no_time));
    assert_eq!(
        at(now(), vec![], Some(-1), &rules()),
        Err("scaling window duration cannot be negative".to_owned())
    );
}

#[test]
fn midnight_cuts_nothing() {
    let compatible = Rules {
        compatible: true,
        ..rules()
    };
    let values = |schedule: &Value, moment: &str| {
        let moment: Timestamp = moment.parse().unwrap();
        (
            at(moment, vec![schedule.clone()], Some(10), &rules()).unwrap(),
            at(moment, vec![schedule.clone()], Some(10), &compatible).unwrap(),
        )
    };
    // From Tuesday 23:00 for two hours.
    let late = weekly("23:00", 120, 100, &["Tue"]);
    assert_eq!(values(&late, "2009-11-10T23:59:59+01:00"), (100, 100));
    assert_eq!(values(&late, "2009-11-11T00:30:00+01:00"), (100, 0));
    assert_eq!(
        values(&late, "2009-11-11T01:05:00+01:00"),
        (50, 0),
        "on its way down"
    );
    assert_eq!(values(&late, "2009-11-11T01:10:00+01:00"), (0, 0));
    assert_eq!(
        values(&late, "2009-11-10T00:30:00+01:00"),
        (0, 0),
        "not on Mondays"
    );
    // The same by its end.
    let ends = with(weekly("23:00", 0, 100, &["Tue"]), "/period/endTime", "01:00");
    assert_eq!(values(&ends, "2009-11-11T00:59:59+01:00"), (100, 0));
    assert_eq!(values(&ends, "2009-11-11T01:00:00+01:00"), (100, 0));
    assert_eq!(values(&ends, "2009-11-11T01:02:00+01:00"), (80, 0));
    // Rising before midnight.
    let early = weekly("00:05", 10, 100, &["Wed"]);
    assert_eq!(values(&early, "2009-11-10T23:59:59+01:00"), (40, 0));
    assert_eq!(values(&early, "2009-11-11T00:04:59+01:00"), (90, 90));
    // Longer than a week is always, and long ones reach over days.
    let long = weekly("12:00", 3 * 24 * 60, 100, &["Sun"]);
    assert_eq!(values(&long, "2009-11-10T23:00:00+01:00"), (100, 0));
    assert_eq!(values(&long, "2009-11-12T23:00:00+01:00"), (0, 0));
    assert_eq!(values(&weekly("12:00", i64::MAX, 7, &["Sun"]), NOW), (7, 0));
}

#[test]
fn clocks_that_are_put_forward_or_back_change_no_local_time() {
    let value = |schedule: &Value, moment: &str| {
        at(moment.parse().unwrap(), vec![schedule.clone()], Some(0), &rules()).unwrap()
    };
    // The night to Sunday 2026-03-29 has no 02:30; it is 03:30 then.
    let forward = with(weekly("22:00", 0, 1, &["Sat"]), "/period/endTime", "02:30");
    assert_eq!(value(&forward, "2026-03-29T01:29:59Z"), 1);
    assert_eq!(value(&forward, "2026-03-29T01:30:00Z"), 0);
    // 2026-10-25 has 02:30 twice; the first counts. Durations are real time.
    let back = with(weekly("22:00", 0, 1, &["Sat"]), "/period/endTime", "02:30");
    assert_eq!(value(&back, "2026-10-25T00:29:59Z"), 1);
    assert_eq!(value(&back, "2026-10-25T00:30:00Z"), 0);
    let real = weekly("02:00", 120, 1, &["Sun"]);
    assert_eq!(value(&real, "2026-10-25T01:59:59Z"), 1);
    assert_eq!(value(&real, "2026-10-25T02:00:00Z"), 0);
}

#[test]
fn active_is_the_highest_value_from_window_to_window() {
    let active = |schedules: Vec<Value>| {
        let spec = Spec::read(&json!({"schedules": schedules})).unwrap();
        highest_active(&spec, now(), &rules()).unwrap()
    };
    assert_eq!(active(vec![]), None);
    assert_eq!(active(vec![once(date(61), 15, 100)]), None);
    assert_eq!(
        active(vec![once(date(60), 15, 100), once(date(0), 15, 30)]),
        Some(100)
    );
    assert_eq!(active(vec![once(date(-15 * 60 - 60), 15, 100)]), None);
    assert_eq!(active(vec![once(date(0), 15, 0)]), Some(0));
}

fn api(namespaced: Value, cluster: Value) -> Router {
    let list = |items: Value| move || async move { json!({"metadata": {}, "items": items}).to_string() };
    Router::new()
        .route("/apis/zalando.org/v1/scalingschedules", get(list(namespaced)))
        .route("/apis/zalando.org/v1/clusterscalingschedules", get(list(cluster)))
}

fn object(kind: &str) -> crate::Wanted {
    let metric = json!({"type": "Object", "object": {
        "describedObject": {"apiVersion": "zalando.org/v1", "kind": kind, "name": "my"},
        "metric": {"name": "load"}, "target": {"type": "AverageValue", "averageValue": "1"}}});
    wanted(metric, &[])
}

async fn collect(kind: &str, api: Router) -> Result<Collected, String> {
    let options = Options {
        scaling_schedule: true,
        ..Options::default()
    };
    let (context, _clock) = context_with(options, api);
    let built = build(&object(kind), &context).unwrap();
    assert_eq!(built.remarks, Vec::<String>::new());
    built.collector.collect().await.map_err(|error| error.message)
}

#[tokio::test]
async fn the_value_is_a_metric_of_the_schedule_in_the_hpas_namespace() {
    let schedules = json!([once("2025-12-31T23:59:00Z".to_owned(), 15, 100)]);
    let mine =
        json!([{"metadata": {"name": "my", "namespace": "default"}, "spec": {"schedules": schedules}}]);
    let clusters = json!([{"metadata": {"name": "my"}, "spec": {"schedules": schedules}}]);
    for (kind, plural) in [
        ("ScalingSchedule", "scalingschedules"),
        ("ClusterScalingSchedule", "clusterscalingschedules"),
    ] {
        let collected = collect(kind, api(mine.clone(), clusters.clone())).await.unwrap();
        let (series, sample) = &collected.samples[0];
        assert_eq!(sample.value.to_string(), "100");
        assert_eq!(sample.at.as_nanosecond(), i128::from(crate::testing::NOW));
        assert_eq!(
            *series,
            Series::Object {
                metric: "load".to_owned(),
                resource: GroupResource::new("zalando.org", plural),
                api_version: "zalando.org/v1".to_owned(),
                kind: kind.to_owned(),
                namespace: "default".to_owned(),
                name: "my".to_owned(),
                labels: capstan_metrics::Labels::new(),
            }
        );
    }
}

#[tokio::test]
async fn schedules_that_are_not_there_or_cannot_be_read_are_errors() {
    let other = json!([{"metadata": {"name": "my", "namespace": "other"}, "spec": {"schedules": []}}]);
    let invalid = json!([{"metadata": {"name": "my", "namespace": "default"}, "spec": {"schedules": [{}]}}]);
    for kind in ["ScalingSchedule", "ClusterScalingSchedule"] {
        let error = collect(kind, api(other.clone(), json!([]))).await.unwrap_err();
        assert!(
            error.starts_with(&format!("referenced {kind} not found")),
            "{error}"
        );
        let broken = json!([{"metadata": {"name": "my"}, "spec": 5}]);
        let error = collect(kind, api(invalid.clone(), broken)).await.unwrap_err();
        assert!(
            error.starts_with(&format!("error converting returned object to {kind}")),
            "{error}"
        );
        let error = collect(kind, Router::new()).await.unwrap_err();
        assert!(error.contains("CustomResourceDefinition"), "{error}");
    }
}

#[tokio::test]
async fn one_list_serves_all_and_follows_changes_within_seconds() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let api = Router::new().route(
        "/apis/zalando.org/v1/scalingschedules",
        get(move || async move {
            let time = counter.fetch_add(1, Ordering::Relaxed);
            let schedules = json!([once("2025-12-31T23:59:00Z".to_owned(), 15, 100 + time as i64)]);
            json!({"items": [{"metadata": {"name": "my", "namespace": "default"},
                "spec": {"schedules": schedules}}]})
            .to_string()
        }),
    );
    let options = Options {
        scaling_schedule: true,
        ..Options::default()
    };
    let (context, clock) = context_with(options, api);
    for _ in 0..100 {
        let built = build(&object("ScalingSchedule"), &context).unwrap();
        assert_eq!(built.collector.collect().await.unwrap().samples.len(), 1);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    clock.advance(Duration::from_secs(5));
    let built = build(&object("ScalingSchedule"), &context).unwrap();
    let collected = built.collector.collect().await.unwrap();
    assert_eq!(collected.samples[0].1.value.to_string(), "101");
    assert_eq!(collected.samples[0].1.at, clock.now());
}

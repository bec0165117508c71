use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use parking_lot::Mutex;

use super::*;
use crate::choose::build;
use crate::options::Options;
use crate::testing::{context, external, serve, server};

#[derive(Clone)]
struct Fake {
    status: u16,
    body: &'static str,
    asked: Arc<Mutex<Vec<Value>>>,
}

const ALL: &[(&str, &str)] = &[
    ("check-id", "1234"),
    ("key", "custom.*"),
    ("tag-application", "my-app-*"),
    ("duration", "1h"),
    ("aggregators", "max,last"),
];

fn metric(keys: &[(&str, &str)]) -> crate::Wanted {
    let keys: Vec<(String, &str)> = keys
        .iter()
        .map(|(key, value)| (format!("external.my.zmon/{key}"), *value))
        .collect();
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    external("my", json!({"matchLabels": {"type": "zmon"}}), &keys)
}

async fn run(status: u16, body: &'static str, compatible: bool) -> (Result<Collected, String>, Value) {
    let fake = Fake {
        status,
        body,
        asked: Arc::default(),
    };
    let asked = Arc::clone(&fake.asked);
    let answer = |State(fake): State<Fake>, headers: HeaderMap, body: Bytes| async move {
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["accept"], "application/json");
        fake.asked.lock().push(serde_json::from_slice(&body).unwrap());
        (StatusCode::from_u16(fake.status).unwrap(), fake.body)
    };
    let router = Router::new()
        .route("/prefix/api/v1/datapoints/query", post(answer))
        .with_state(fake);
    let options = Options {
        zmon: Some(server(&format!("{}/prefix", serve(router).await))),
        compatible,
        ..Options::default()
    };
    let built = build(&metric(ALL), &context(options)).unwrap();
    assert_eq!(built.remarks, Vec::<String>::new());
    let collected = built.collector.collect().await.map_err(|error| error.message);
    let query = asked.lock().pop().unwrap();
    (collected, query)
}

#[tokio::test]
async fn the_last_point_is_the_value_at_its_own_time() {
    let body = r#"{"queries": [{"results": [{"values": [[1539710335000, 5], [1539710395000, 765952]]}]}]}"#;
    let (collected, query) = run(200, body, false).await;
    let collected = collected.unwrap();
    let (series, sample) = &collected.samples[0];
    assert_eq!(sample.value.to_string(), "765952");
    assert_eq!(sample.at.as_second(), 1_539_710_395);
    assert_eq!(series.labels()["type"], "zmon");
    let hour = json!({"value": 1, "unit": "hours"});
    assert_eq!(
        query,
        json!({"start_relative": hour, "metrics": [{
            "name": "zmon.check.1234", "limit": 10000,
            "tags": {"application": ["my-app-*"], "key": ["custom.*"]},
            "group_by": [{"name": "tag", "tags": ["key"]}],
            "aggregators": [{"name": "max", "sampling": hour}, {"name": "last", "sampling": hour}],
        }]})
    );
}

#[tokio::test]
async fn what_is_no_value_is_an_error() {
    let error = |(collected, _): (Result<Collected, String>, Value)| collected.unwrap_err();
    assert_eq!(
        error(run(500, "", false).await),
        "[kariosdb query] unexpected response code: 500"
    );
    let triple = r#"{"queries": [{"results": [{"values": [[1539710395000, 765952, 1]]}]}]}"#;
    assert!(error(run(200, triple, false).await).starts_with("[kariosdb query] unexpected response data"));
    assert!(error(run(200, "{", false).await).starts_with("[kariosdb query] unexpected response data"));
    for empty in [
        r"{}",
        r#"{"queries": null}"#,
        r#"{"queries": [{"results": []}]}"#,
        r#"{"queries": [{"results": [{"values": []}]}]}"#,
    ] {
        assert!(
            error(run(200, empty, false).await).contains("no data of check 1234"),
            "{empty}"
        );
        assert_eq!(run(200, empty, true).await.0, Ok(Collected::default()));
    }
}

#[tokio::test]
async fn configuration_that_does_not_suffice_is_refused() {
    let options = Options {
        zmon: Some(server("http://zmon")),
        ..Options::default()
    };
    let context = context(options);
    let error = |keys: &[(&str, &str)]| build(&metric(keys), &context).unwrap_err().0;
    assert!(error(&[]).starts_with("ZMON check ID not specified on metric"));
    assert!(error(&[("check-id", "x")]).contains("not a number"));
    assert!(error(&[("check-id", "1"), ("duration", "soon")]).contains("duration"));
    assert!(
        error(&[("check-id", "1"), ("aggregators", "last,invalid")])
            .starts_with("invalid aggregator 'invalid'")
    );
    let bare = external("zmon-check", Value::Null, &[]);
    assert_eq!(
        build(&bare, &context).unwrap_err().0,
        "selector for zmon-check is not specified"
    );
}

#[test]
fn durations_have_kairosdbs_units() {
    let of = |text: &str| {
        let sampling = sampling(crate::annotations::duration(text).unwrap());
        format!("{} {}", sampling["unit"].as_str().unwrap(), sampling["value"])
    };
    let day = 24;
    assert_eq!(of("1h"), "hours 1");
    assert_eq!(of(&format!("{}h", 2 * 365 * day)), "years 2");
    assert_eq!(of(&format!("{}h", 30 * day)), "months 1");
    assert_eq!(of(&format!("{}h", 7 * day)), "weeks 1");
    assert_eq!(of(&format!("{}h", 2 * day)), "days 2");
    assert_eq!(of("5m"), "minutes 5");
    assert_eq!(of("90s"), "minutes 2");
    assert_eq!(of("30s"), "seconds 30");
    assert_eq!(of("1ms"), "milliseconds 1");
    assert_eq!(of("1ns"), "milliseconds 0");
}

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::*;
use crate::choose::build;
use crate::options::Options;
use crate::testing::{context, external, serve, server};

/// Path with query, status, body.
type Page = (&'static str, u16, String);

#[derive(Clone)]
struct Fake {
    pages: Arc<Vec<Page>>,
    asked: Arc<AtomicUsize>,
}

async fn fake(pages: Vec<Page>) -> (String, Arc<AtomicUsize>) {
    let fake = Fake {
        pages: Arc::new(pages),
        asked: Arc::default(),
    };
    let asked = Arc::clone(&fake.asked);
    let answer = |State(fake): State<Fake>, uri: Uri, RawQuery(query): RawQuery| async move {
        fake.asked.fetch_add(1, Ordering::Relaxed);
        let wanted = format!("{}?{}", uri.path(), query.unwrap_or_default());
        let mut headers = HeaderMap::new();
        let found = fake.pages.iter().find(|(path, ..)| *path == wanted);
        let Some((_, status, body)) = found else {
            return (StatusCode::NOT_FOUND, headers, format!("no {wanted}"));
        };
        if *status == 429 {
            headers.insert("retry-after", "120".parse().unwrap());
        }
        (StatusCode::from_u16(*status).unwrap(), headers, body.clone())
    };
    (
        serve(Router::new().fallback(answer).with_state(fake)).await,
        asked,
    )
}

const STATS: &str = "/subscriptions/id/stats?show_time_lag=true";

/// Event types with partitions of events and lag.
fn stats(event_types: &[&[(i64, i64)]]) -> String {
    let items: Vec<Value> = event_types
        .iter()
        .map(|partitions| {
            let partitions: Vec<Value> = partitions
                .iter()
                .map(|(events, lag)| {
                    json!({"partition": "0", "state": "assigned", "unconsumed_events": events,
                    "consumer_lag_seconds": lag})
                })
                .collect();
            json!({"event_type": "e", "partitions": partitions})
        })
        .collect();
    json!({"items": items}).to_string()
}

fn metric(keys: &[(&str, &str)]) -> crate::Wanted {
    let keys: Vec<(String, &str)> = keys
        .iter()
        .map(|(key, value)| (format!("external.my.nakadi/{key}"), *value))
        .collect();
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    external("my", json!({"matchLabels": {"type": "nakadi"}}), &keys)
}

fn options(url: &str) -> Options {
    Options {
        nakadi: Some(server(url)),
        ..Options::default()
    }
}

const BY_ID: &[(&str, &str)] = &[("subscription-id", "id")];
const BY_FILTER: &[(&str, &str)] = &[
    ("owning-application", "app"),
    ("event-types", "event-a, event-b,   ,event-c  "),
    ("consumer-group", "group"),
];
const FOUND: &str = "/subscriptions?consumer_group=group&event_type=event-a&event_type=event-b&event_type=event-c\
                     &owning_application=app";

/// Unconsumed events and lag, and how many requests that took.
async fn both(pages: Vec<Page>, keys: &[(&str, &str)]) -> (Result<[String; 2], CollectError>, usize) {
    let (url, asked) = fake(pages).await;
    let context = context(options(&url));
    let mut values = Vec::new();
    for measure in [UNCONSUMED, LAG] {
        let keys = [keys, &[("metric-type", measure)]].concat();
        let built = build(&metric(&keys), &context).unwrap();
        assert_eq!(built.remarks, Vec::<String>::new());
        match built.collector.collect().await {
            Ok(collected) => values.push(collected.samples[0].1.value.to_string()),
            Err(error) => return (Err(error), asked.load(Ordering::Relaxed)),
        }
    }
    (
        Ok([values.remove(0), values.remove(0)]),
        asked.load(Ordering::Relaxed),
    )
}

async fn values(pages: Vec<Page>, keys: &[(&str, &str)]) -> [String; 2] {
    both(pages, keys).await.0.unwrap()
}

#[tokio::test]
async fn events_are_added_and_the_longest_lag_counts() {
    let one = stats(&[&[(4, 2), (5, 1)]]);
    let (found, asked) = both(vec![(STATS, 200, one)], BY_ID).await;
    assert_eq!(found.unwrap(), ["9", "2"]);
    assert_eq!(asked, 1, "both are of one answer");
    let two = stats(&[&[(4, 2), (5, 1)], &[(4, 6), (5, 1)]]);
    assert_eq!(values(vec![(STATS, 200, two)], BY_ID).await, ["18", "6"]);
}

#[tokio::test]
async fn several_subscriptions_are_found_page_by_page() {
    let first =
        json!({"items": [{"id": "a"}], "_links": {"next": {"href": "/subscriptions?offset=1"}}}).to_string();
    let second = json!({"items": [{"id": "b"}], "_links": {}}).to_string();
    let pages = |a: String, b: String| {
        vec![
            (FOUND, 200, first.clone()),
            ("/subscriptions?offset=1", 200, second.clone()),
            ("/subscriptions/a/stats?show_time_lag=true", 200, a),
            ("/subscriptions/b/stats?show_time_lag=true", 200, b),
        ]
    };
    let one = stats(&[&[(4, 2), (5, 1)]]);
    assert_eq!(values(pages(one.clone(), one), BY_FILTER).await, ["18", "2"]);
    let other = stats(&[&[(3, 5), (4, 1)]]);
    assert_eq!(values(pages(stats(&[]), other), BY_FILTER).await, ["7", "5"]);
    let (nothing, _) = both(pages(stats(&[]), stats(&[])), BY_FILTER).await;
    assert!(
        nothing
            .unwrap_err()
            .message
            .starts_with("[nakadi stats] expected at least 1 event-type, 0 returned")
    );

    let away = json!({"items": [], "_links": {"next": {"href": "@evil.example/"}}}).to_string();
    let (error, _) = both(vec![(FOUND, 200, away)], BY_FILTER).await;
    assert!(error.unwrap_err().message.contains("which is no path"));
}

#[tokio::test]
async fn failures_are_tried_again_where_that_may_help() {
    let run = async |status| both(vec![(STATS, status, r#"{"error": 500}"#.to_owned())], BY_ID).await;
    let (error, asked) = run(500).await;
    assert_eq!(
        error.unwrap_err().message,
        r#"[nakadi stats] unexpected response code: 500 ({"error": 500})"#
    );
    assert_eq!(asked, 3);
    let (error, asked) = run(400).await;
    assert_eq!(
        error.unwrap_err().message,
        r#"[nakadi stats] non-retryable response code: 400 ({"error": 500})"#
    );
    assert_eq!(asked, 1);
    let (error, asked) = run(429).await;
    let error = error.unwrap_err();
    assert_eq!(error.retry_after, Some(120), "{error}");
    assert_eq!(asked, 1);
    let (error, _) = both(vec![(FOUND, 403, String::new())], BY_FILTER).await;
    assert_eq!(
        error.unwrap_err().message,
        "[nakadi stats] failed to get subscriptions: [nakadi subscriptions] non-retryable response code: 403 ()"
    );
    let (error, _) = both(vec![(STATS, 200, stats(&[]))], BY_ID).await;
    assert!(
        error
            .unwrap_err()
            .message
            .starts_with("[nakadi stats] expected at least 1 event-type, 0 returned")
    );
}

#[tokio::test]
async fn what_partitions_do_not_tell_is_not_zero() {
    let partitions = json!([{"unconsumed_events": 3}, {"consumer_lag_seconds": null}]);
    let body = json!({"items": [{"event_type": "e", "partitions": partitions}]}).to_string();
    let (url, _) = fake(vec![(STATS, 200, body)]).await;
    let run = async |measure, compatible| {
        let options = Options {
            compatible,
            ..options(&url)
        };
        let keys = [BY_ID, &[("metric-type", measure)]].concat();
        let built = build(&metric(&keys), &context(options)).unwrap();
        built.collector.collect().await.map_err(|error| error.message)
    };
    let some = run(UNCONSUMED, false).await.unwrap();
    assert_eq!(some.samples[0].1.value.to_string(), "3");
    assert!(some.missing.unwrap().starts_with("1 of 2 partitions"));
    assert!(
        run(LAG, false)
            .await
            .unwrap_err()
            .contains("none of 2 partitions")
    );
    assert_eq!(run(LAG, true).await.unwrap().samples[0].1.value.to_string(), "0");
}

#[tokio::test]
async fn configuration_that_does_not_suffice_is_refused() {
    let context = context(options("http://nakadi"));
    let error = |keys: &[(&str, &str)]| build(&metric(keys), &context).unwrap_err().0;
    let lag = ("metric-type", LAG);
    let either = "either subscription-id or all of [owning-application, event-types, consumer-group] must be specified \
                  on the metric";
    assert_eq!(error(BY_ID), "metric-type not specified on metric");
    assert_eq!(
        error(&[("metric-type", "lag")]),
        "metric-type must be either 'consumer-lag-seconds' or 'unconsumed-events', was 'lag'"
    );
    assert_eq!(error(&[lag]), either);
    let blank = [
        ("owning-application", "app"),
        ("event-types", " , ,"),
        ("consumer-group", "group"),
        lag,
    ];
    assert_eq!(error(&blank), either);
    let bare = external("nakadi", Value::Null, &[]);
    assert_eq!(
        build(&bare, &context).unwrap_err().0,
        "selector for nakadi is not specified"
    );
}

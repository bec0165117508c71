use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use capstan_base::Clock;
use futures::future::join_all;
use serde_json::json;

use super::*;
use crate::choose::build;
use crate::options::Options;
use crate::testing::{NOW, context, context_with, external, prometheus, serve, server, wanted};

const AT: &str = "1767225600.000";

/// A server that answers every query in the same way, and counts them.
#[derive(Clone)]
struct Fake {
    asked: Arc<AtomicUsize>,
    status: u16,
    body: String,
}

async fn fake(status: u16, body: &str) -> (String, Arc<AtomicUsize>) {
    let state = Fake {
        asked: Arc::default(),
        status,
        body: body.to_owned(),
    };
    let asked = Arc::clone(&state.asked);
    let answer = |State(fake): State<Fake>, RawQuery(query): RawQuery| async move {
        fake.asked.fetch_add(1, Ordering::Relaxed);
        let query = query.unwrap_or_default();
        assert!(
            query.starts_with("query=") && query.ends_with(&format!("&time={AT}")),
            "{query}"
        );
        (StatusCode::from_u16(fake.status).unwrap(), fake.body)
    };
    let router = Router::new()
        .route("/api/v1/query", get(answer))
        .with_state(state);
    (serve(router).await, asked)
}

fn success(result_type: &str, result: Value) -> String {
    json!({"status": "success", "data": {"resultType": result_type, "result": result}}).to_string()
}

fn rps(query: &str) -> Wanted {
    external(
        "rps",
        json!({"matchLabels": {"type": "prometheus"}}),
        &[("external.rps.prometheus/query", query)],
    )
}

async fn collect(wanted: &Wanted, options: Options) -> Result<Collected, String> {
    let built = build(wanted, &context(options)).map_err(|error| error.to_string())?;
    built.collector.collect().await.map_err(|error| error.message)
}

async fn answered(status: u16, body: &str) -> Result<Collected, String> {
    let (url, _) = fake(status, body).await;
    collect(&rps("sum(rate(rps[1m]))"), prometheus(&url)).await
}

/// `TestNewPrometheusCollector`.
#[tokio::test]
async fn queries_are_found_as_kube_metrics_adapter_finds_them() {
    let typed = json!({"matchLabels": {"type": "prometheus"}});
    let named = |name: &str| json!({"matchLabels": {"query-name": name}});
    let query = "sum(rate(rps[1m]))";
    let legacy = [("external.prometheus-query.prometheus/rps", query)];
    for (name, selector, annotated, expected) in [
        (
            "rps",
            typed.clone(),
            [("external.rps.prometheus/query", query)],
            Ok(()),
        ),
        (
            "rps",
            typed,
            [("external.rps.prometheus/not-query", query)],
            Err("query or query name not specified on metric"),
        ),
        ("prometheus-query", named("rps"), legacy, Ok(())),
        (
            "prometheus-query",
            named("not-rps"),
            legacy,
            Err("no prometheus query defined for metric"),
        ),
        (
            "prometheus-query",
            Value::Null,
            legacy,
            Err("selector for prometheus query is not specified"),
        ),
        (
            "prometheus-query",
            json!({"matchLabels": {"not-query-name": "not-rps"}}),
            legacy,
            Err("query or query name not specified on metric"),
        ),
    ] {
        let wanted = external(name, selector, &annotated);
        let built = build(&wanted, &context(prometheus("http://prometheus")));
        match (built, expected) {
            (Ok(built), Ok(())) => {
                assert_eq!(built.collector.question(), format!("http://prometheus/ {query}"));
                assert_eq!(built.deprecated.is_some(), name == "prometheus-query");
            }
            (Err(error), Err(expected)) => assert!(error.0.starts_with(expected), "{error}"),
            (built, expected) => panic!("{name}: {built:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn without_a_server_there_is_no_such_collector() {
    let error = build(&rps("up"), &context(Options::default())).unwrap_err();
    assert_eq!(
        error.0,
        "no plugin found for External/rps{type=prometheus}: its collector needs --prometheus-server"
    );
}

#[tokio::test]
async fn intervals_ages_and_remarks_are_those_of_the_metric() {
    let metric = |interval: &str| {
        external(
            "rps",
            json!({"matchLabels": {"type": "prometheus"}}),
            &[
                ("external.rps.prometheus/query", "up["),
                ("external.rps.prometheus/qeury", "up"),
                ("external.rps.prometheus/interval", interval),
            ],
        )
    };
    let options = prometheus("http://prometheus");
    let built = build(&metric("15s"), &context(options.clone())).unwrap();
    assert_eq!((built.interval.as_secs(), built.max_age.as_secs()), (15, 45));
    assert!(
        built.remarks[0].contains("[ at character 3 is not closed"),
        "{:?}",
        built.remarks
    );
    assert!(
        built.remarks[1].contains("\"qeury\" means nothing"),
        "{:?}",
        built.remarks
    );
    let built = build(&metric("10ms"), &context(options.clone())).unwrap();
    assert_eq!((built.interval.as_millis(), built.max_age.as_secs()), (100, 30));
    let built = build(&metric("1h"), &context(options.clone())).unwrap();
    assert_eq!(built.max_age, options.ttl);
    let compatible = Options {
        compatible: true,
        ..options
    };
    let built = build(&metric("0s"), &context(compatible)).unwrap();
    assert_eq!((built.interval.as_secs(), built.max_age.as_secs()), (60, 900));
}

#[tokio::test]
async fn servers_from_annotations_are_known_or_allowed() {
    let with = |key: &str, value: &str| {
        external(
            "rps",
            json!({"matchLabels": {"type": "prometheus"}}),
            &[
                ("external.rps.prometheus/query", "up"),
                (&format!("external.rps.prometheus/{key}"), value),
            ],
        )
    };
    let mut options = prometheus("http://prometheus:9090");
    options.prometheus.as_mut().unwrap().token_file = Some("/token".into());
    options.additional_prometheus = [("infra".to_owned(), server("http://infra:9090/x"))].into();
    let context = context(options);
    let question = |wanted: &Wanted| {
        build(wanted, &context)
            .map(|built| built.collector.question())
            .map_err(|error| error.0)
    };
    assert_eq!(
        question(&with("prometheus-server-alias", "infra")),
        Ok("http://infra:9090/x up".to_owned())
    );
    assert_eq!(
        question(&with("prometheus-server-alias", "other")).unwrap_err(),
        "no additional prometheus server found for alias other; --additional-prometheus-server names infra"
    );
    assert_eq!(
        question(&with("prometheus-server", "http://infra:9090/x/y")),
        Ok("http://infra:9090/x/y up".to_owned())
    );
    let error = question(&with("prometheus-server", "http://169.254.169.254/")).unwrap_err();
    assert!(error.contains("--allow-url http://169.254.169.254"), "{error}");
}

#[tokio::test]
async fn values_have_the_selectors_labels_and_the_samples_time() {
    let at = NOW / 1_000_000_000 - 7;
    let body = success(
        "vector",
        json!([{"metric": {"a": "b"}, "value": [at, "12.3456"]}]),
    );
    let collected = answered(200, &body).await.unwrap();
    let (series, sample) = &collected.samples[0];
    let Series::External {
        metric,
        namespace,
        labels,
    } = series
    else {
        panic!("{series:?}")
    };
    assert_eq!((metric.as_str(), namespace.as_str()), ("rps", "default"));
    assert_eq!(Value::Object(labels.clone()), json!({"type": "prometheus"}));
    assert_eq!(
        (sample.value.to_string(), sample.at.as_second()),
        ("12345m".to_owned(), at)
    );
    assert_eq!(collected.missing, None);

    let scalar = answered(200, &success("scalar", json!([1.5, "7"])))
        .await
        .unwrap();
    assert_eq!(scalar.samples[0].1.value.to_string(), "7");
    assert_eq!(scalar.samples[0].1.at.as_millisecond(), 1500);
}

#[tokio::test]
async fn of_several_results_the_first_counts_and_it_is_said() {
    let elements: Vec<Value> = (0..10_000)
        .map(|number| json!({"metric": {"pod": format!("app-{number}"), "namespace": "default"}, "value": [1, number.to_string()]}))
        .collect();
    let collected = answered(200, &success("vector", json!(elements))).await.unwrap();
    assert_eq!(collected.samples.len(), 1);
    assert_eq!(collected.samples[0].1.value.to_string(), "0");
    assert!(collected.missing.unwrap().contains("10000 results"));
}

#[tokio::test]
async fn what_is_no_number_is_an_error() {
    for (kind, result, why) in [
        ("vector", json!([]), "it is empty"),
        (
            "vector",
            json!([{"metric": {}, "value": [1, "NaN"]}]),
            "it is NaN",
        ),
        (
            "vector",
            json!([{"metric": {}, "value": [1, "+Inf"]}]),
            "it is inf",
        ),
        (
            "vector",
            json!([{"metric": {}, "histogram": [1, {"count": "1", "sum": "1"}]}]),
            "histogram",
        ),
        ("scalar", json!([1, "NaN"]), "it is NaN"),
        (
            "matrix",
            json!([{"metric": {}, "values": [[1, "1"], [2, "1"]]}]),
            "range of values",
        ),
        ("string", json!([1, "text"]), "it is a text"),
    ] {
        let error = answered(200, &success(kind, result)).await.unwrap_err();
        let words = "query 'sum(rate(rps[1m]))' did not result a valid response: ";
        assert!(error.starts_with(words) && error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn prometheus_own_words_are_passed_on() {
    let refused = r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error"}"#;
    for status in [400, 422, 503] {
        let error = answered(status, refused).await.unwrap_err();
        assert!(
            error.contains("bad_data: invalid parameter \"query\": 1:5: parse error: query 'sum"),
            "{error}"
        );
    }
    let error = answered(503, "Service Unavailable").await.unwrap_err();
    assert!(error.contains("503 Service Unavailable"), "{error}");
    let error = answered(200, "<html>").await.unwrap_err();
    assert!(error.contains("not Prometheus'"), "{error}");
    let warned =
        r#"{"status":"success","warnings":["partial"],"data":{"resultType":"scalar","result":[1,"1"]}}"#;
    let missing = answered(200, warned).await.unwrap().missing.unwrap();
    assert_eq!(missing, "Prometheus warns: partial");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let to = axum::response::Redirect::temporary("http://169.254.169.254/latest/meta-data");
    let url = serve(Router::new().route("/api/v1/query", get(|| async { to }))).await;
    let error = collect(&rps("up"), prometheus(&url)).await.unwrap_err();
    assert!(
        error.contains("307 Temporary Redirect to http://169.254.169.254/latest/meta-data")
            && error.contains("not followed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for() {
    let url = serve(Router::new().route("/api/v1/query", get(std::future::pending::<&str>))).await;
    let options = Options {
        timeout: Duration::from_millis(50),
        ..prometheus(&url)
    };
    let error = collect(&rps("up"), options).await.unwrap_err();
    assert!(error.contains("no answer within 0.05s"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_down_is_left_alone_after_a_while() {
    // A port that nobody listens on any more.
    let free = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let (context, clock) = context_with(prometheus(&url), Router::new());
    let mut errors = Vec::new();
    for number in 0..5 {
        let built = build(&rps(&format!("up > {number}")), &context).unwrap();
        errors.push(built.collector.collect().await.unwrap_err().message);
    }
    assert!(errors[2].contains("/api/v1/query: error"), "{}", errors[2]);
    assert!(
        errors[3].contains("failing since 2026-01-01T00:00:00Z, next attempt in 1s"),
        "{}",
        errors[3]
    );
    clock.advance(Duration::from_secs(2));
    let built = build(&rps("up"), &context).unwrap();
    let error = built.collector.collect().await.unwrap_err().message;
    assert!(
        error.contains("/api/v1/query: error"),
        "it is tried again: {error}"
    );
}

#[tokio::test]
async fn a_token_from_a_file_is_read_again_and_never_shown() {
    let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let answer = move |headers: axum::http::HeaderMap| async move {
        note.lock()
            .push(headers["authorization"].to_str().unwrap().to_owned());
        (StatusCode::UNAUTHORIZED, "who are you")
    };
    let url = serve(Router::new().route("/api/v1/query", get(answer))).await;
    let file = std::env::temp_dir().join(format!("capstan-collectors-token-{}", std::process::id()));
    let mut options = prometheus(&url);
    options.prometheus.as_mut().unwrap().token_file = Some(file.clone());
    let (context, clock) = context_with(options, Router::new());
    let built = build(&rps("up"), &context).unwrap();
    for token in ["first", "second\n"] {
        std::fs::write(&file, token).unwrap();
        let error = built.collector.collect().await.unwrap_err().message;
        assert!(
            error.contains("401 Unauthorized: who are you") && !error.contains(token.trim()),
            "{error}"
        );
        clock.advance(Duration::from_mins(1));
    }
    std::fs::remove_file(&file).unwrap();
    let error = built.collector.collect().await.unwrap_err().message;
    assert!(error.contains("token file"), "{error}");
    assert_eq!(*seen.lock(), ["Bearer first", "Bearer second"]);
}

#[tokio::test]
async fn ten_thousand_collectors_with_two_hundred_queries_are_two_hundred_requests() {
    let (url, asked) = fake(200, &success("scalar", json!([1, "1"]))).await;
    let context = context(prometheus(&url));
    let built: Vec<_> = (0..10_000)
        .map(|number| build(&rps(&format!("up > {}", number % 200)), &context).unwrap())
        .collect();
    let all = join_all(built.iter().map(|built| built.collector.collect())).await;
    assert!(
        all.iter().all(Result::is_ok),
        "{:?}",
        all.iter().find(|one| one.is_err())
    );
    assert_eq!(asked.load(Ordering::Relaxed), 200);
}

#[tokio::test]
async fn long_queries_go_in_a_body_and_servers_may_know_one_method_only() {
    let query = format!("up{{a=~\"{}\"}}", "x|".repeat(3000));
    let post = axum::routing::post(|body: Bytes| async move {
        assert!(body.starts_with(b"query=up%7Ba%3D%7E%22x%7C"), "{body:?}");
        success("scalar", json!([1, "5"]))
    });
    let url = serve(Router::new().route("/api/v1/query", post)).await;
    let collected = collect(&rps(&query), prometheus(&url)).await.unwrap();
    assert_eq!(collected.samples[0].1.value.to_string(), "5");

    let post = axum::routing::post(|| async { success("scalar", json!([1, "6"])) });
    let url = serve(Router::new().route("/api/v1/query", post)).await;
    let collected = collect(&rps("up"), prometheus(&url)).await.unwrap();
    assert_eq!(collected.samples[0].1.value.to_string(), "6", "by POST after 405");
}

#[tokio::test]
async fn object_metrics_are_divided_by_the_replicas_there_are() {
    let (url, _) = fake(200, &success("scalar", json!([1, "10"]))).await;
    let metric = json!({"type": "Object", "object": {
        "describedObject": {"apiVersion": "example.com/v1", "kind": "Queue", "name": "jobs"},
        "metric": {"name": "events"}, "target": {"type": "Value", "value": "1"}}});
    let annotated = [
        ("object.events.prometheus/query", "scalar(events)"),
        ("object.events.prometheus/per-replica", "true"),
    ];
    let wanted = wanted(metric, &annotated);
    let queues = json!({"resources": [
        {"name": "queues/status", "kind": "Queue", "namespaced": true},
        {"name": "queues", "kind": "Queue", "namespaced": true}]});
    for (replicas, expected) in [(json!(4), Some("2500m")), (json!(0), None), (Value::Null, None)] {
        let scale = json!({"status": {"replicas": replicas}});
        let queues = queues.clone();
        let api = Router::new()
            .route("/apis/example.com/v1", get(|| async move { axum::Json(queues) }))
            .route(
                "/apis/apps/v1/namespaces/default/deployments/app/scale",
                get(|| async move { axum::Json(scale) }),
            );
        let (context, _) = context_with(prometheus(&url), api);
        let collected = build(&wanted, &context).unwrap().collector.collect().await;
        let Some(expected) = expected else {
            let error = collected.unwrap_err().message;
            assert!(
                error.contains("unable to get average value for 0 replicas"),
                "{error}"
            );
            continue;
        };
        let (series, sample) = collected.unwrap().samples.remove(0);
        assert_eq!(sample.value.to_string(), expected);
        let Series::Object { resource, name, .. } = series else {
            panic!("{series:?}")
        };
        assert_eq!(
            (resource.to_string(), name),
            ("queues.example.com".to_owned(), "jobs".to_owned())
        );
    }
    let error = collect(&wanted, prometheus(&url)).await.unwrap_err();
    assert!(error.contains("404") || error.contains("no kind"), "{error}");
}

#[test]
fn tests_take_place_when_the_query_says() {
    let clock = capstan_base::VirtualClock::at(NOW);
    assert_eq!(format!("{}.000", clock.now().as_second()), AT);
}

#[tokio::test]
async fn instant_queries_have_all_elements_with_their_labels() {
    let body = success(
        "vector",
        json!([
            {"metric": {"pod": "a"}, "value": [1.25, "1"]},
            {"metric": {"pod": "b"}, "value": [1.25, "NaN"]},
            {"metric": {"pod": "c"}, "histogram": [1.25, {"count": "1", "sum": "1"}]}]),
    );
    let (url, _) = fake(200, &body).await;
    let (context, clock) = context_with(prometheus(&url), Router::new());
    let endpoint = configured(context.options.prometheus.as_ref(), "--prometheus-server").unwrap();
    let at = clock.now();
    let queried = client::instant(&context.fetcher, &endpoint, "up", at, context.options.timeout)
        .await
        .unwrap();
    assert_eq!(queried.elements, 3);
    let Outcome::Vector(samples) = queried.outcome else {
        panic!("{queried:?}")
    };
    let pods: Vec<&str> = samples
        .iter()
        .map(|sample| sample.labels["pod"].as_str())
        .collect();
    assert_eq!(pods, ["a", "b", "c"]);
    assert_eq!(samples[0].point.unwrap().at.as_millisecond(), 1250);
    assert!(samples[1].point.unwrap().value.is_nan() && samples[2].point.is_none());
}

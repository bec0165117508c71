use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use parking_lot::Mutex;
use serde_json::json;

use super::*;
use crate::choose::build;
use crate::options::Options;
use crate::testing::{context_with, prometheus, serve, wanted};

/// What the fake Prometheus was asked.
type Asked = Arc<Mutex<Vec<String>>>;

async fn fake_prometheus(value: f64) -> (String, Asked) {
    let asked = Asked::default();
    let answer = move |State(asked): State<Asked>, Query(query): Query<Map<String, Value>>| async move {
        asked.lock().push(query["query"].as_str().unwrap().to_owned());
        json!({"status": "success", "data": {"resultType": "scalar", "result": [1_767_225_600, value.to_string()]}})
            .to_string()
    };
    let router = Router::new()
        .route("/api/v1/query", get(answer))
        .with_state(Arc::clone(&asked));
    (serve(router).await, asked)
}

struct Case {
    hosts: &'static [&'static str],
    /// Annotations of an Ingress; default backends of a `RouteGroup` are the first.
    weights: &'static [&'static [(&'static str, f64)]],
    backend: &'static str,
    replicas: i64,
    average: bool,
    raw: f64,
}

const CASE: Case = Case {
    hosts: &["example.org"],
    weights: &[],
    backend: "dummy-backend",
    replicas: 1,
    average: false,
    raw: 1000.0,
};

fn objects(case: &Case) -> Router {
    let rules: Vec<Value> = case.hosts.iter().map(|host| json!({"host": host})).collect();
    let annotations: Map<String, Value> = case
        .weights
        .iter()
        .enumerate()
        .map(|(at, weights)| {
            let map: Map<String, Value> = weights
                .iter()
                .map(|(name, weight)| ((*name).to_owned(), json!(weight)))
                .collect();
            (
                format!("zalando.org/weights-{at}"),
                Value::String(Value::Object(map).to_string()),
            )
        })
        .collect();
    let backends: Vec<Value> = case
        .weights
        .iter()
        .take(1)
        .flat_map(|weights| weights.iter())
        .map(|(name, weight)| json!({"backendName": name, "weight": *weight as i64}))
        .collect();
    let ingress = json!({"metadata": {"annotations": annotations}, "spec": {"rules": rules}}).to_string();
    let group = json!({"spec": {"hosts": case.hosts, "defaultBackends": backends}}).to_string();
    let scale = json!({"spec": {"replicas": 1}, "status": {"replicas": case.replicas}}).to_string();
    let page = |text: String| get(move || async move { text });
    Router::new()
        .route(
            "/apis/networking.k8s.io/v1/namespaces/default/ingresses/app",
            page(ingress),
        )
        .route(
            "/apis/zalando.org/v1/namespaces/default/routegroups/app",
            page(group),
        )
        .route(
            "/apis/apps/v1/namespaces/default/deployments/app/scale",
            page(scale),
        )
}

fn metric(kind: Kind, name: &str, case: &Case) -> crate::Wanted {
    let target = if case.average {
        json!({"type": "AverageValue", "averageValue": "10"})
    } else {
        json!({"type": "Value", "value": "10"})
    };
    let labels = if case.backend.is_empty() {
        json!({})
    } else {
        json!({"backend": case.backend})
    };
    let described = json!({"apiVersion": format!("{}/v1", kind.group()), "kind": kind.name(), "name": "app"});
    wanted(
        json!({"type": "Object", "object": {"describedObject": described, "target": target,
            "metric": {"name": name, "selector": {"matchLabels": labels}}}}),
        &[],
    )
}

async fn run(kind: Kind, name: &str, case: &Case) -> Result<(String, String, Vec<String>), String> {
    let (url, asked) = fake_prometheus(case.raw).await;
    let options = Options {
        skipper_ingress: true,
        skipper_routegroup: true,
        skipper_backends_annotations: vec![
            "zalando.org/weights-0".to_owned(),
            "zalando.org/weights-1".to_owned(),
        ],
        ..prometheus(&url)
    };
    let (context, _clock) = context_with(options, objects(case));
    let built = build(&metric(kind, name, case), &context).map_err(|error| error.0)?;
    let collected = built.collector.collect().await.map_err(|error| error.message)?;
    let (series, sample) = &collected.samples[0];
    assert_eq!((series.metric(), series.namespace()), (name, "default"));
    let query = asked.lock().pop().unwrap();
    Ok((query, sample.value.to_string(), built.remarks))
}

fn expected(hosts: &str, factor: &str) -> String {
    format!(
        "scalar(sum(rate(skipper_serve_host_duration_seconds_count{{host=~\"{hosts}\"}}[1m])) * {factor})"
    )
}

async fn check(kind: Kind, case: Case, hosts: &str, factor: &str, value: &str) {
    let (query, found, _) = run(kind, "requests-per-second", &case).await.unwrap();
    assert_eq!(query, expected(hosts, factor));
    assert_eq!(found, value);
}

/// `TestSkipperCollectorIngress`, `TestSkipperCollector`.
#[tokio::test]
async fn weights_and_replicas_count_as_in_kube_metrics_adapter() {
    let all = [Kind::Ingress, Kind::RouteGroup];
    let one = "example_org";
    let many = &["example.org", "foo.bar.com", "test.org"];
    for kind in all {
        check(kind, CASE, one, "1.0000", "1k").await;
        let weights: &[&[_]] = &[&[("backend2", 60.0), ("backend1", 40.0)]];
        let weighted = Case {
            weights,
            backend: "backend1",
            ..CASE
        };
        check(kind, weighted, one, "0.4000", "1k").await;
        let hosts = Case {
            hosts: many,
            weights,
            backend: "backend1",
            ..CASE
        };
        check(kind, hosts, "example_org|foo_bar_com|test_org", "0.4000", "1k").await;
        let half: &[&[_]] = &[&[("backend2", 50.0), ("backend1", 50.0)]];
        let replicas = Case {
            weights: half,
            backend: "backend1",
            replicas: 5,
            ..CASE
        };
        check(kind, replicas, one, "0.5000", "200").await;
        let average = Case {
            weights: half,
            backend: "backend1",
            replicas: 5,
            average: true,
            raw: 1500.0,
            ..CASE
        };
        check(kind, average, one, "0.5000", "1500").await;
        let zero: &[&[_]] = &[&[("backend2", 100.0), ("backend1", 0.0)]];
        let none = Case {
            weights: zero,
            backend: "backend1",
            raw: 0.0,
            ..CASE
        };
        check(kind, none, one, "0.0000", "0").await;
        let other = Case {
            weights: half,
            backend: "backend3",
            raw: 0.0,
            ..CASE
        };
        check(kind, other, one, "0.0000", "0").await;
        let unnamed = Case {
            weights: half,
            backend: "",
            ..CASE
        };
        let error = run(kind, "requests-per-second", &unnamed).await.unwrap_err();
        assert!(
            error.contains("backend name must be specified for requests-per-second"),
            "{error}"
        );
        let undivided = Case {
            backend: "",
            raw: 1500.0,
            ..CASE
        };
        check(kind, undivided, one, "1.0000", "1500").await;
    }
    let two: &[&[_]] = &[
        &[("backend2", 20.0), ("backend1", 80.0)],
        &[("backend2", 0.0), ("backend1", 100.0)],
    ];
    let highest = Case {
        weights: two,
        backend: "backend1",
        replicas: 5,
        raw: 1500.0,
        ..CASE
    };
    check(Kind::Ingress, highest, one, "1.0000", "300").await;
    let partial: &[&[_]] = &[&[("backend2", 20.0), ("backend1", 80.0)], &[("backend1", 100.0)]];
    let missing = Case {
        weights: partial,
        backend: "backend2",
        replicas: 5,
        raw: 1500.0,
        ..CASE
    };
    check(Kind::Ingress, missing, one, "0.2000", "300").await;
    let fraction: &[&[_]] = &[&[("backend2", 20.5), ("backend1", 79.5)], &[("backend1", 100.0)]];
    let average = Case {
        weights: fraction,
        backend: "backend2",
        replicas: 5,
        average: true,
        raw: 1500.0,
        ..CASE
    };
    check(Kind::Ingress, average, one, "0.2050", "1500").await;
}

#[tokio::test]
async fn backends_may_be_named_by_the_metric() {
    let weights: &[&[_]] = &[&[("backend2", 60.0), ("backend1", 40.0)]];
    let case = Case {
        weights,
        backend: "",
        ..CASE
    };
    let (query, _, remarks) = run(Kind::Ingress, "requests-per-second,backend1", &case)
        .await
        .unwrap();
    assert_eq!(query, expected("example_org", "0.4000"));
    assert_eq!(remarks, Vec::<String>::new());
    let error = run(Kind::Ingress, "latency", &case).await.unwrap_err();
    assert!(error.starts_with("metric 'latency' not supported"), "{error}");
}

#[tokio::test]
async fn hosts_are_texts_and_not_patterns() {
    let star = Case {
        hosts: &["*.example.org", ""],
        ..CASE
    };
    check(Kind::Ingress, star, r"\\*_example_org", "1.0000", "1k").await;
    let without = Case { hosts: &[], ..CASE };
    let error = run(Kind::RouteGroup, "requests-per-second", &without)
        .await
        .unwrap_err();
    assert!(error.contains("no hosts defined"), "{error}");
}

#[tokio::test]
async fn without_replicas_there_is_no_average() {
    let idle = Case { replicas: 0, ..CASE };
    let error = run(Kind::Ingress, "requests-per-second", &idle)
        .await
        .unwrap_err();
    assert!(
        error.contains("unable to get average value for 0 replicas"),
        "{error}"
    );
}

#[test]
fn weights_that_cannot_be_read_are_errors() {
    let of = |text: &str| weight(&Weights::Annotations(vec![text.to_owned()]), "a");
    assert_eq!(of(r#"{"a": 42.5}"#), Ok(0.425));
    assert_eq!(of("null"), Ok(0.0));
    assert!(of("{").unwrap_err().contains("cannot be read"));
    assert!(of(r#"{"b": "10"}"#).unwrap_err().contains("no number"));
}

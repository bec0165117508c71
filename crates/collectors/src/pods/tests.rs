use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::*;
use crate::choose::{Built, build};
use crate::collector::Wanted;
use crate::options::Options;
use crate::testing::{context, context_with, serve, wanted};

const READY_SINCE: &str = "2025-12-31T23:59:30Z";

fn metric(annotated: &[(&str, &str)]) -> Wanted {
    let all: Vec<(String, &str)> = annotated
        .iter()
        .map(|(key, value)| (format!("pods.rps.json-path/{key}"), *value))
        .collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let spec = json!({"type": "Pods", "pods": {"metric": {"name": "rps", "selector": {"matchLabels": {"a": "b"}}},
        "target": {"type": "AverageValue", "averageValue": "1"}}});
    wanted(spec, &all)
}

fn pod(name: &str, ready: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "default"},
        "status": {"podIP": "127.0.0.1", "conditions": [
            {"type": "Ready", "status": ready, "lastTransitionTime": READY_SINCE}]}})
}

/// An API server with one Deployment and one Rollout of the same pods, given in two pages.
fn api(pods: Vec<Value>) -> Router {
    let target = || async {
        axum::Json(json!({"spec": {"selector": {
            "matchLabels": {"app": "app"},
            "matchExpressions": [{"key": "track", "operator": "NotIn", "values": ["canary"]}]}}}))
    };
    let list = |RawQuery(query): RawQuery| async move {
        let query = query.unwrap_or_default();
        let selector = "labelSelector=app%3Dapp%2Ctrack+notin+%28canary%29&limit=500";
        assert!(query.starts_with(selector), "{query}");
        let half = pods.len() / 2;
        axum::Json(if query.ends_with("&continue=more") {
            json!({"items": pods[half..]})
        } else {
            json!({"metadata": {"continue": "more"}, "items": pods[..half]})
        })
    };
    let rollouts = json!({"resources": [{"name": "rollouts", "kind": "Rollout", "namespaced": true}]});
    Router::new()
        .route("/apis/apps/v1/namespaces/default/deployments/app", get(target))
        .route(
            "/apis/argoproj.io/v1alpha1",
            get(|| async { axum::Json(rollouts) }),
        )
        .route(
            "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/app",
            get(target),
        )
        .route("/api/v1/namespaces/default/pods", get(list))
}

/// A server that stands for all pods, and answers each request with the next of these.
async fn answering(answers: Vec<(u16, String)>) -> (String, Arc<AtomicUsize>) {
    let asked: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&asked);
    let answer = move || async move {
        let (status, body) = &answers[count.fetch_add(1, Ordering::Relaxed) % answers.len()];
        (StatusCode::from_u16(*status).unwrap(), body.clone())
    };
    let url = serve(Router::new().route("/metrics", get(answer))).await;
    (url.rsplit_once(':').unwrap().1.to_owned(), asked)
}

fn values(all: &[i64]) -> Vec<(u16, String)> {
    all.iter()
        .map(|value| (200, json!({"values": [value]}).to_string()))
        .collect()
}

fn five() -> Vec<Value> {
    (0..5)
        .map(|number| pod(&format!("app-{number}"), "True"))
        .collect()
}

async fn run(wanted: &Wanted, pods: Vec<Value>) -> Result<Collected, CollectError> {
    let (context, _) = context_with(Options::default(), api(pods));
    build(wanted, &context).unwrap().collector.collect().await
}

fn at(port: &str) -> Vec<(&str, &str)> {
    vec![
        ("json-key", "$.values"),
        ("aggregator", "sum"),
        ("path", "/metrics"),
        ("port", port),
    ]
}

fn numbers(collected: &Collected) -> Vec<i64> {
    let mut numbers: Vec<i64> = collected
        .samples
        .iter()
        .map(|(_, sample)| sample.value.value())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// `TestPodCollector`, `TestPodCollectorWithRollout`.
#[tokio::test]
async fn every_pod_of_the_target_is_asked() {
    for (api_version, kind) in [
        ("apps/v1", "Deployment"),
        ("apps/v1beta1", "Deployment"),
        ("", "Deployment"),
        ("argoproj.io/v1alpha1", "Rollout"),
        ("", "Rollout"),
    ] {
        let (port, asked) = answering(values(&[1, 3, 8, 5, 2])).await;
        let mut wanted = metric(&at(&port));
        wanted.target.api_version = api_version.to_owned();
        wanted.target.kind = kind.to_owned();
        let collected = run(&wanted, five()).await.unwrap();
        assert_eq!(numbers(&collected), [1, 2, 3, 5, 8], "{api_version} {kind}");
        assert_eq!((asked.load(Ordering::Relaxed), &collected.missing), (5, &None));
        let Series::Object {
            resource,
            kind,
            namespace,
            name,
            labels,
            ..
        } = &collected.samples[0].0
        else {
            panic!("{collected:?}")
        };
        assert_eq!(resource.to_string(), "pods");
        assert_eq!(
            (kind.as_str(), namespace.as_str(), name.as_str()),
            ("Pod", "default", "app-0")
        );
        assert_eq!(Value::Object(labels.clone()), json!({"a": "b"}));
    }
}

/// `TestPodCollectorWithMinPodReadyAge`, `…WithPodCondition`, `…WithPodTerminatingCondition`.
#[tokio::test]
async fn pods_that_are_not_ready_for_long_are_not_asked() {
    let terminating = || {
        let mut pods = five();
        for pod in &mut pods {
            pod["metadata"]["deletionTimestamp"] = json!(READY_SINCE);
        }
        pods
    };
    let not_ready = (0..5)
        .map(|number| pod(&format!("app-{number}"), "False"))
        .collect();
    for (pods, age, expected) in [
        (five(), "60s", "5 Ready for less than min-pod-ready-age"),
        (not_ready, "0s", "5 not Ready"),
        (terminating(), "0s", "5 terminating"),
        (Vec::new(), "0s", "there is none"),
    ] {
        let (port, asked) = answering(values(&[1])).await;
        let mut annotated = at(&port);
        annotated.push(("min-pod-ready-age", age));
        let collected = run(&metric(&annotated), pods).await.unwrap();
        assert!(collected.samples.is_empty(), "{collected:?}");
        assert_eq!(collected.missing, Some(format!("no pod was asked: {expected}")));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }
    let (port, _) = answering(values(&[1])).await;
    let mut annotated = at(&port);
    annotated.push(("min-pod-ready-age", "30s"));
    assert_eq!(run(&metric(&annotated), five()).await.unwrap().samples.len(), 5);
}

#[tokio::test]
async fn what_some_pods_answer_is_used_and_the_others_are_said() {
    let half = vec![
        (200, json!({"values": [7]}).to_string()),
        (500, "out of order".to_owned()),
    ];
    let (port, _) = answering(half).await;
    let collected = run(&metric(&at(&port)), five()).await.unwrap();
    assert_eq!(numbers(&collected), [7, 7, 7]);
    let missing = collected.missing.unwrap();
    assert!(
        missing.starts_with("2 of 5 pods did not answer: app-"),
        "{missing}"
    );
    assert!(
        missing.contains("500 Internal Server Error: out of order"),
        "{missing}"
    );

    for (body, expected) in [
        ("{".to_owned(), "unexpected end of file"),
        ("{}".to_owned(), "expected single numeric or array value"),
        (" ".repeat(10 << 20), "the answer has more than"),
    ] {
        let (port, _) = answering(vec![(200, body)]).await;
        let error = run(&metric(&at(&port)), five()).await.unwrap_err().message;
        assert!(
            error.starts_with("5 of 5 pods did not answer: app-0: GET http://127.0.0.1:"),
            "{error}"
        );
        assert!(
            error.contains(expected) && error.ends_with("and 2 more"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn slow_pods_are_not_waited_for_and_redirects_not_followed() {
    let away = axum::response::Redirect::temporary("http://169.254.169.254/latest");
    let answered = Arc::new(AtomicUsize::new(0));
    let router = Router::new().route(
        "/{kind}",
        get(move |Path(kind): Path<String>| async move {
            if kind == "slow" {
                std::future::pending::<()>().await;
            }
            answered.fetch_add(1, Ordering::Relaxed);
            away
        }),
    );
    let url = serve(router).await;
    let port = url.rsplit_once(':').unwrap().1;
    for (path, expected) in [
        ("/slow", "no answer within 0.05s"),
        ("/away", "redirects are not followed"),
    ] {
        let annotated = [
            ("json-key", "$.a"),
            ("path", path),
            ("port", port),
            ("request-timeout", "50ms"),
        ];
        let error = run(&metric(&annotated), five()).await.unwrap_err().message;
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn many_slow_pods_do_not_hold_up_the_next_run() {
    let url = serve(Router::new().route("/metrics", get(std::future::pending::<&str>))).await;
    let mut annotated = at(url.rsplit_once(':').unwrap().1);
    annotated.extend([("request-timeout", "50ms"), ("interval", "100ms")]);
    let pods = (0..200)
        .map(|number| pod(&format!("app-{number}"), "True"))
        .collect();
    let error = run(&metric(&annotated), pods).await.unwrap_err().message;
    assert!(error.starts_with("200 of 200 pods did not answer: "), "{error}");
    assert!(error.ends_with("had no turn within 0.1s"), "{error}");
}

#[tokio::test]
async fn a_target_that_cannot_be_read_is_an_error() {
    let wanted = metric(&at("9090"));
    let error = build(&wanted, &context(Options::default()))
        .unwrap()
        .collector
        .collect()
        .await
        .unwrap_err();
    assert!(error.message.contains("deployments/app: 404"), "{error}");
}

fn built(annotated: &[(&str, &str)]) -> Result<Built, String> {
    build(&metric(annotated), &context(Options::default())).map_err(|error| error.0)
}

/// `TestNewPodJSONPathMetricsGetter`, `TestCustomTimeouts`.
#[tokio::test]
async fn keys_are_checked_as_kube_metrics_adapter_checks_them() {
    let with = |more: &[(&'static str, &'static str)]| {
        let mut all = vec![
            ("json-key", "$.value"),
            ("scheme", "http"),
            ("path", "/metrics"),
            ("port", "9090"),
        ];
        for (key, value) in more {
            all.retain(|(known, _)| known != key);
            all.push((*key, *value));
        }
        built(&all)
    };
    for good in [
        &[][..],
        &[("aggregator", "avg")],
        &[("raw-query", "foo=bar&baz=bop")],
        &[("request-timeout", "978ms")],
        &[("connect-timeout", "512ms")],
    ] {
        let built = with(good).unwrap();
        assert_eq!(built.remarks, Vec::<String>::new());
        assert_eq!(
            built.collector.question(),
            "pods of Deployment default/app http://:9090/metrics $.value"
        );
    }
    for (bad, expected) in [
        (&[("json-key", "{}")][..], "wrong symbol '{' at 0"),
        (&[("port", "a9090")], "port is \"a9090\""),
        (&[("port", "")], "port is \"\""),
        (&[("port", "65536")], "port is \"65536\""),
        (
            &[("json-eval", "avg($.values)")],
            "json-key and json-eval are mutually exclusive",
        ),
        (&[("json-key", "")], "json-key or json-eval must be set"),
        (&[("aggregator", "most")], "aggregator function: most is unknown"),
        (
            &[("request-timeout", "-256ms")],
            "invalid request-timeout config value: -256ms",
        ),
        (
            &[("connect-timeout", "-256ms")],
            "invalid connect-timeout config value: -256ms",
        ),
        (&[("scheme", "ftp")], "neither http nor https"),
    ] {
        let error = with(bad).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let mut other = metric(&at("9090"));
    other.config.collector = "xml".to_owned();
    let error = build(&other, &context(Options::default())).unwrap_err();
    assert!(error.0.starts_with("format 'xml' not supported"), "{error}");
}

/// `TestBuildMetricsURL`.
#[test]
fn addresses_are_built_from_the_keys() {
    let mut getter = Getter {
        scheme: "http".to_owned(),
        port: 9090,
        path: "/v1/test/".to_owned(),
        raw_query: Some("foo=bar&baz=bop".to_owned()),
        request_timeout: TIMEOUT,
        connect_timeout: TIMEOUT,
        extract: Extract::path("$.value", None).unwrap(),
    };
    let url = |getter: &Getter, ip| getter.url(ip).map(|url| url.to_string());
    assert_eq!(
        url(&getter, "1.2.3.4"),
        Ok("http://1.2.3.4:9090/v1/test/?foo=bar&baz=bop".to_owned())
    );
    getter.raw_query = None;
    assert_eq!(
        url(&getter, "1.2.3.4"),
        Ok("http://1.2.3.4:9090/v1/test/".to_owned())
    );
    assert_eq!(
        url(&getter, "fd00::5"),
        Ok("http://[fd00::5]:9090/v1/test/".to_owned())
    );
    getter.path = "metrics?x".to_owned();
    assert_eq!(
        url(&getter, "1.2.3.4"),
        Ok("http://1.2.3.4:9090/metrics%3Fx".to_owned())
    );
}

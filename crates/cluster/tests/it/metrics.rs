//! `metrics.k8s.io`: what processes use, and what hollow pods are said to use.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use capstan_kubeapi::builtin::PODS;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{DEADLINE, Running, cluster_with};

const METRICS: &str = "/apis/metrics.k8s.io/v1beta1";

async fn get(cluster: &Running, path: &str) -> (u16, Value) {
    let request = Request::builder()
        .uri(path)
        .header("authorization", format!("Bearer {}", cluster.admin_token()))
        .body(Body::empty())
        .unwrap();
    let response = cluster.router().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Asks until the answer is what is waited for.
async fn until(cluster: &Running, path: &str, good: impl Fn(u16, &Value) -> bool) -> Value {
    let last = parking_lot::Mutex::new(Value::Null);
    let waited = tokio::time::timeout(DEADLINE, async {
        loop {
            let (code, body) = get(cluster, path).await;
            if good(code, &body) {
                return body;
            }
            *last.lock() = body;
            capstan_runtime::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{path}: {}", last.lock()))
}

fn pod(name: &str, annotations: Value, containers: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}, "annotations": annotations},
        "spec": {"containers": containers}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_process_is_seen_to_be_busy() {
    if !std::path::Path::new("/proc/self/stat").exists() {
        println!("skipped: no /proc on this machine");
        return;
    }
    let cluster = cluster_with("127.194.0.0/16", |options| {
        options.metrics_resolution = Duration::from_millis(300);
    })
    .await;
    let busy = json!([{"name": "app", "image": "sh", "command": ["/bin/sh", "-c", "while :; do :; done"]}]);
    cluster
        .objects()
        .create(PODS, Some("default"), pod("busy", json!({}), busy))
        .unwrap();
    let idle = json!([{"name": "app", "image": "sh", "command": ["/bin/sh", "-c", "sleep 1000"]}]);
    cluster
        .objects()
        .create(PODS, Some("default"), pod("idle", json!({}), idle))
        .unwrap();
    let nanos = |body: &Value| {
        let text = body["containers"][0]["usage"]["cpu"]
            .as_str()
            .unwrap_or("")
            .to_owned();
        capstan_kubeapi::Quantity::parse(&text).map_or(-1, |q| q.milli_value())
    };
    // Other work on this machine takes its share, so not a whole core.
    let metrics = until(
        &cluster,
        &format!("{METRICS}/namespaces/default/pods/busy"),
        |code, body| code == 200 && nanos(body) > 50,
    )
    .await;
    assert!(
        nanos(&metrics) < 1500,
        "one shell keeps at most one core busy: {metrics}"
    );
    assert_eq!(metrics["kind"], "PodMetrics");
    assert!(metrics["window"].as_str().unwrap().ends_with('s'));
    let memory = metrics["containers"][0]["usage"]["memory"].as_str().unwrap();
    assert!(
        capstan_kubeapi::Quantity::parse(memory).unwrap().value() > 100_000,
        "{metrics}"
    );
    let metrics = until(
        &cluster,
        &format!("{METRICS}/namespaces/default/pods/idle"),
        |code, body| code == 200 && nanos(body) >= 0,
    )
    .await;
    assert!(nanos(&metrics) < 50, "{metrics}");
    let nodes = until(&cluster, &format!("{METRICS}/nodes"), |_, body| {
        body["items"][0]["usage"]["cpu"].is_string()
    })
    .await;
    assert_eq!(nodes["kind"], "NodeMetricsList");
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hollow_pods_use_what_annotations_say_and_nothing_is_made_up() {
    let cluster = cluster_with("127.195.0.0/16", |_| {}).await;
    let two = json!([{"name": "a", "image": "hollow"}, {"name": "b", "image": "hollow"}]);
    let load = json!({"capstan.dev/cpu-usage": "350m", "capstan.dev/memory-usage": "64Mi"});
    cluster
        .objects()
        .create(PODS, Some("default"), pod("loaded", load, two.clone()))
        .unwrap();
    cluster
        .objects()
        .create(PODS, Some("default"), pod("silent", json!({}), two))
        .unwrap();
    let path = format!("{METRICS}/namespaces/default/pods");
    let metrics = until(&cluster, &format!("{path}/loaded"), |code, body| {
        code == 200 && body["containers"].as_array().is_some_and(|c| c.len() == 2)
    })
    .await;
    assert_eq!(
        metrics["containers"],
        json!([{"name": "a", "usage": {"cpu": "175m", "memory": "32Mi"}}, {"name": "b", "usage": {"cpu": "175m", "memory": "32Mi"}}])
    );
    until(&cluster, "/api/v1/namespaces/default/pods/silent", |_, body| {
        body["status"]["phase"] == "Running"
    })
    .await;
    let (code, body) = get(&cluster, &format!("{path}/silent")).await;
    assert_eq!(code, 404);
    assert_eq!(
        body["message"],
        "podmetrics.metrics.k8s.io \"default/silent\" not found"
    );
    let (_, body) = get(&cluster, &format!("{path}?labelSelector=app%3Dloaded")).await;
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    assert_eq!(body["items"][0]["metadata"]["labels"]["app"], "loaded");
    let (_, body) = get(&cluster, &format!("{path}?labelSelector=app%3Dsilent")).await;
    assert_eq!(body["items"], json!([]));
    cluster.shutdown().await;
}

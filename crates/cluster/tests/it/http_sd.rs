//! What Prometheus is told to scrape.

use axum::body::Body;
use axum::extract::Request;
use capstan_kubeapi::builtin::{CUSTOMRESOURCEDEFINITIONS, PODS, SERVICES};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{DEADLINE, Running, cluster};

async fn send(cluster: &Running, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", token)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = cluster.router().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn annotated_pods_and_monitored_ones_are_targets() {
    let cluster = cluster("127.71.0.0/24").await;
    let admin = format!("Bearer {}", cluster.admin_token());
    let get = async || send(&cluster, "GET", "/prometheus/targets", &admin, &Value::Null).await;
    assert_eq!(get().await, (200, json!([])));
    let anonymous = send(&cluster, "GET", "/prometheus/targets", "", &Value::Null).await;
    assert_eq!(anonymous.0, 403);

    for document in include_str!("../../manifests/monitors.yaml").split("\n---\n") {
        let definition: Value = serde_saphyr::from_str(document).unwrap();
        cluster
            .objects()
            .create(CUSTOMRESOURCEDEFINITIONS, None, definition)
            .unwrap();
    }
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "81"}},
        "spec": {"containers": [{"name": "c", "image": "hollow", "ports": [{"name": "http", "containerPort": 80}]}]}});
    cluster.objects().create(PODS, Some("default"), pod).unwrap();
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "front", "port": 8080, "targetPort": "http"}]}});
    cluster
        .objects()
        .create(SERVICES, Some("default"), service)
        .unwrap();
    let monitor = |kind: &str, endpoints: &str, port: &str| {
        json!({"apiVersion": "monitoring.coreos.com/v1", "kind": kind,
            "metadata": {"name": "m", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, endpoints: [{"port": port}]}})
    };
    let all = [
        ("servicemonitors", monitor("ServiceMonitor", "endpoints", "front")),
        (
            "podmonitors",
            monitor("PodMonitor", "podMetricsEndpoints", "http"),
        ),
    ];
    let told = async {
        for (plural, object) in &all {
            let path = format!("/apis/monitoring.coreos.com/v1/namespaces/default/{plural}");
            // Until the definition is served.
            while send(&cluster, "POST", &path, &admin, object).await.0 != 201 {
                capstan_runtime::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
        loop {
            let (_, targets) = get().await;
            if targets.as_array().is_some_and(|targets| targets.len() == 3) {
                return targets;
            }
            capstan_runtime::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let targets = tokio::time::timeout(DEADLINE, told).await.unwrap();
    let ports: Vec<&str> = targets
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["targets"][0].as_str().unwrap().rsplit(':').next().unwrap())
        .collect();
    assert_eq!(ports, ["81", "80", "80"], "{targets}");
    assert_eq!(targets[1]["labels"]["job"], "default/m");
    assert_eq!(targets[2]["labels"]["job"], "web");
    assert_eq!(targets[2]["labels"]["endpoint"], "front");
}

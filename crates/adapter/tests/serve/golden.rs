//! What a real aggregator, controller and kubectl asked a metrics server, asked of ours.

use std::path::PathBuf;
use std::time::Duration;

use capstan_kubeapi::Quantity;
use capstan_metrics::{Owner, Sample, Series};
use serde_json::{Value, json};

use crate::rig::{Reply, Rig, object};

fn golden(name: &str) -> Option<Value> {
    let Some(root) = std::env::var_os("CAPSTAN_SHARED").map(PathBuf::from) else {
        println!("skipped: CAPSTAN_SHARED is not set, so there is no {name}");
        return None;
    };
    let path = root.join("hpa/golden").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            println!("skipped: {}: {error}", path.display());
            None
        }
    }
}

/// Publishes what a real answer lists, so that ours can be the same.
fn publish(rig: &Rig, path: &str, answer: &Value) {
    let namespace = "default";
    let mut series = Vec::new();
    let mut pods = Vec::new();
    for item in answer["items"].as_array().into_iter().flatten() {
        let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        let sample = Sample {
            value: text("/value").parse().unwrap(),
            at: text("/timestamp").parse().unwrap(),
            window: None,
        };
        let of = if path.contains("external.metrics") {
            Series::External {
                metric: text("/metricName").to_owned(),
                namespace: namespace.to_owned(),
                labels: item["metricLabels"].as_object().unwrap().clone(),
            }
        } else {
            let metric = [text("/metricName"), text("/metric/name")].concat();
            let kind = text("/describedObject/kind");
            let resource = match kind {
                "Pod" => "pods",
                "Service" => "services",
                "Namespace" => "namespaces",
                "Ingress" => "ingresses.networking.k8s.io",
                other => panic!("{other}"),
            };
            let name = text("/describedObject/name");
            if kind == "Pod" {
                let labels = json!({"app": path_label(path)});
                pods.push(json!({"metadata": {"name": name, "labels": labels}}));
            }
            let of = object(resource, kind, text("/describedObject/namespace"), name, &metric);
            match of {
                // The request's metricLabelSelector selects by labels that the answer does not show.
                Series::Object { .. } => of,
                Series::External { .. } => unreachable!(),
            }
        };
        series.push((of, sample));
    }
    rig.api.objects("/api/v1/namespaces/default/pods", pods);
    rig.store
        .publish(Owner(1), series, Duration::from_hours(24 * 3650), None);
}

/// The label in `?labelSelector=app%3DX`.
fn path_label(path: &str) -> String {
    let (_, value) = path.split_once("app%3D").unwrap();
    value.split('&').next().unwrap().to_owned()
}

/// The same items in the order of their names, as text: fields and their order count.
fn normal(body: &Value) -> Vec<String> {
    let mut items: Vec<String> = body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            // The stand-in wrote amounts as they came; a real server writes them in canonical form.
            let mut item = item.clone();
            let value: Quantity = item["value"].as_str().unwrap().parse().unwrap();
            item["value"] = json!(value);
            item.to_string()
        })
        .collect();
    items.sort();
    items
}

async fn ask(rig: &Rig, sample: &Value, path: &str) -> Reply {
    let headers: Vec<(String, String)> = sample["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| {
            let text = |index: usize| pair[index].as_str().unwrap().to_owned();
            (text(0).to_lowercase(), text(1))
        })
        .filter(|(name, _)| name != "host")
        .collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    rig.get(Some(&rig.front()), path, &headers).await
}

#[tokio::test]
async fn a_metrics_servers_requests_are_answered_as_a_real_one_did() {
    let Some(all) = golden("metrics-server-requests.json") else {
        return;
    };
    let rig = Rig::start().await;
    let mut answered = 0;
    for request in all["requests"].as_array().unwrap() {
        let sample = &request["sample"];
        let (path, query) = (
            sample["path"].as_str().unwrap(),
            sample["query"].as_str().unwrap(),
        );
        let (code, real) = (sample["status"].as_u64().unwrap(), &sample["response"]);
        let own = path.contains("/custom.metrics.k8s.io/") || path.contains("/external.metrics.k8s.io/");
        let value = path.contains("/namespaces/");
        // Faults of the stand-in (500, 503), and what it does not tell its labels of, are not ours.
        if !own || !value || code >= 500 || query.contains("metricLabelSelector") {
            continue;
        }
        let whole = if query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{query}")
        };
        publish(&rig, &whole, real);
        let user = sample["headers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|pair| pair[0] == "X-Remote-User")
            .unwrap()[1]
            .as_str()
            .unwrap();
        let parts: Vec<&str> = path.split('/').skip(6).collect();
        let verb = if path.contains("external") { "list" } else { "get" };
        rig.api.allow(&format!("{user} {verb} {}", parts[0]));
        // Decisions from before are too old.
        rig.clock.advance(Duration::from_secs(11));
        let reply = ask(&rig, sample, &whole).await;
        if real["items"].as_array().is_some_and(Vec::is_empty) {
            // The stand-in knows no such metric and lists nothing; we say so.
            assert_eq!(reply.code, 404, "{whole}");
            continue;
        }
        assert_eq!(u64::from(reply.code), code, "{whole}: {reply:?}");
        let ours = reply.json();
        if code == 200 {
            assert_eq!(normal(&ours), normal(real), "{whole}");
            for field in ["kind", "apiVersion", "metadata"] {
                assert_eq!(ours[field], real[field], "{whole}");
            }
        } else {
            assert_eq!(ours.to_string(), real.to_string(), "{whole}");
        }
        assert_eq!(reply.kind, "application/json");
        answered += 1;
    }
    assert!(answered >= 15, "{answered} requests");
}

#[tokio::test]
async fn discovery_is_what_a_real_one_lists() {
    let rig = Rig::start().await;
    let metrics = [
        ("ingresses.networking.k8s.io", "Ingress", "default", "hits"),
        ("namespaces", "Namespace", "", "jobs"),
        ("pods", "Pod", "default", "qps"),
        ("services", "Service", "default", "hits"),
    ];
    for (owner, (resource, kind, namespace, metric)) in (1..).zip(metrics) {
        rig.publish(owner, object(resource, kind, namespace, "x", metric), 1);
    }
    for (owner, metric) in (10..).zip(["big", "ea", "eq", "es", "ev", "queue_len", "small", "t"]) {
        rig.publish(owner, crate::rig::external(metric, &[]), 1);
    }
    let master = [
        ("x-remote-user", "system:kube-aggregator"),
        ("x-remote-group", "system:masters"),
    ];
    for (file, path) in [
        ("apis-custom.json", "/apis/custom.metrics.k8s.io"),
        ("apis-custom-v1beta1.json", "/apis/custom.metrics.k8s.io/v1beta1"),
        ("apis-custom-v1beta2.json", "/apis/custom.metrics.k8s.io/v1beta2"),
        ("apis-external.json", "/apis/external.metrics.k8s.io"),
        (
            "apis-external-v1beta1.json",
            "/apis/external.metrics.k8s.io/v1beta1",
        ),
    ] {
        let Some(real) = golden(&format!("discovery/{file}")) else {
            return;
        };
        let ours = rig.get(Some(&rig.front()), path, &master).await.json();
        assert_eq!(ours.to_string(), real["response"]["body"].to_string(), "{file}");
    }
    let Some(real) = golden("discovery/apis-aggregated.json") else {
        return;
    };
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let headers = [master[0], master[1], ("accept", accept)];
    let ours = rig.get(Some(&rig.front()), "/apis", &headers).await.json();
    for group in ours["items"].as_array().unwrap() {
        let theirs = real["response"]["body"]["items"].as_array().unwrap();
        let same = theirs.iter().find(|other| other["metadata"] == group["metadata"]);
        assert_eq!(group.to_string(), same.unwrap().to_string());
    }
    assert_eq!(ours["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn refusals_read_as_the_real_ones() {
    let rig = Rig::start().await;
    for name in [
        "403-forbidden-custom-metric",
        "403-anonymous-wildcard",
        "403-forbidden-external-metric",
        "403-forbidden-namespace-metric",
    ] {
        let Some(real) = golden(&format!("errors/{name}.json")) else {
            return;
        };
        let path = real["request"]["path"].as_str().unwrap();
        let reply = rig.get_as("bob", path).await;
        assert_eq!(u64::from(reply.code), real["response"]["status"], "{name}");
        assert_eq!(
            reply.json().to_string(),
            real["response"]["body"].to_string(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_controllers_requests_need_the_rights_its_role_gives() {
    let Some(all) = golden("hpa-controller-requests.json") else {
        return;
    };
    const USER: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";
    let rig = Rig::start().await;
    let mut asked = 0;
    for request in all["requests"].as_array().unwrap() {
        let sample = &request["sample"];
        let uri = sample["requestURI"].as_str().unwrap();
        let metrics = ["/apis/custom.metrics.k8s.io/", "/apis/external.metrics.k8s.io/"];
        if !metrics.iter().any(|prefix| uri.starts_with(prefix)) {
            continue;
        }
        let before = rig.api.reviews().len();
        assert_eq!(rig.get_as(USER, uri).await.code, 403, "{uri}");
        let reviews = rig.api.reviews();
        // Only what was not asked before.
        if let Some(review) = reviews.get(before) {
            let (ours, real) = (&review["resourceAttributes"], &sample["objectRef"]);
            let same =
                |ours: &Value, real: &Value| ours.as_str().unwrap_or("") == real.as_str().unwrap_or("");
            assert!(same(&ours["resource"], &real["resource"]), "{ours} {real}");
            assert!(same(&ours["name"], &real["name"]), "{ours} {real}");
            assert!(same(&ours["subresource"], &real["subresource"]), "{ours} {real}");
            assert!(same(&ours["group"], &real["apiGroup"]), "{ours} {real}");
            assert_eq!(ours["verb"], request["verb"], "{uri}");
            asked += 1;
        }
    }
    assert!(asked >= 5, "{asked} kinds of requests");
}

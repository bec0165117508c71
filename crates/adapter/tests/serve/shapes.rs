//! What is answered, and how it looks.

use std::sync::Arc;
use std::time::Duration;

use capstan_adapter::resource::{Element, InstantQuery, Resources, Rules};
use capstan_base::SharedClock;
use capstan_metrics::{Expected, Owner, Sample};
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::json;

use crate::rig::{Rig, external, labels, object, sample};

/// With everybody allowed.
const MASTER: [(&str, &str); 2] = [("x-remote-user", "admin"), ("x-remote-group", "system:masters")];

async fn get(rig: &Rig, path: &str) -> crate::rig::Reply {
    rig.get(Some(&rig.front()), path, &MASTER).await
}

const EXTERNAL: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default";
const CUSTOM: &str = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default";

#[tokio::test]
async fn selectors_of_every_kind_and_what_is_not_there() {
    let rig = Rig::start().await;
    for (owner, tier) in [(1, "a"), (2, "b"), (3, "c")] {
        rig.publish(
            owner,
            external("queue", &[("queue", "jobs"), ("tier", tier)]),
            owner as i64,
        );
    }
    for (selector, values) in [
        ("", vec!["1", "2", "3"]),
        (
            "labelSelector=%21old%2Cqueue%3Djobs%2Ctier+in+%28a%2Cb%29",
            vec!["1", "2"],
        ),
        ("labelSelector=tier+notin+(a)", vec!["2", "3"]),
        ("labelSelector=tier%3Dc", vec!["3"]),
    ] {
        let reply = get(&rig, &format!("{EXTERNAL}/queue?{selector}")).await;
        let found = reply.json();
        let found: Vec<&str> = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["value"].as_str().unwrap())
            .collect();
        assert_eq!(found, values, "{selector}");
    }
    let reply = get(&rig, &format!("{EXTERNAL}/queue?labelSelector=tier%3Dz")).await;
    assert_eq!(reply.code, 404);
    assert_eq!(
        reply.message(),
        "no value of queue with tier=z is known in namespace default"
    );
    let reply = get(&rig, &format!("{EXTERNAL}/queue?labelSelector=a%20b%20c")).await;
    assert_eq!(reply.code, 400);
    assert_eq!(
        reply.message(),
        "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"
    );
    rig.clock.advance(Duration::from_secs(901));
    rig.store.fail(Owner(2), "connection refused".to_owned());
    let reply = get(&rig, &format!("{EXTERNAL}/queue?labelSelector=tier%3Db")).await;
    assert_eq!(reply.code, 503);
    assert!(
        reply.message().contains("901s old") && reply.message().contains("connection refused"),
        "{reply:?}"
    );
    let expected = Expected::External {
        metric: "soon".to_owned(),
        namespace: "default".to_owned(),
        labels: labels(&[]),
    };
    rig.store.expect(Owner(9), expected);
    let reply = get(&rig, &format!("{EXTERNAL}/soon")).await;
    assert_eq!(
        (reply.code, reply.message().as_str()),
        (503, "there is no value of soon: it has not been collected yet")
    );
}

#[tokio::test]
async fn values_carry_their_own_time_and_window_and_are_exact() {
    let rig = Rig::start().await;
    let value = Sample {
        value: "4700m".parse().unwrap(),
        window: Some(Duration::from_mins(1)),
        ..sample(&rig.clock, 0)
    };
    let pod = object("pods", "Pod", "default", "web-1", "qps");
    let series = vec![(external("eq", &[]), value.clone()), (pod, value)];
    rig.store.publish(Owner(1), series, Duration::from_mins(15), None);
    rig.clock.advance(Duration::from_secs(30));
    let reply = get(&rig, &format!("{EXTERNAL}/eq")).await;
    assert_eq!(
        reply.text.trim_end(),
        r#"{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[{"metricName":"eq","metricLabels":{},"timestamp":"2026-01-01T00:00:00Z","window":60,"value":"4700m"}]}"#
    );
    let reply = get(&rig, &format!("{CUSTOM}/pods/web-1/qps")).await;
    assert_eq!(
        reply.text.trim_end(),
        r#"{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[{"describedObject":{"kind":"Pod","namespace":"default","name":"web-1","apiVersion":"/v1"},"metric":{"name":"qps","selector":null},"timestamp":"2026-01-01T00:00:00Z","windowSeconds":60,"value":"4700m"}]}"#
    );
    let reply = get(&rig, &CUSTOM.replace("v1beta2", "v1beta1")).await;
    assert_eq!(reply.code, 404);
    let reply = get(
        &rig,
        &format!("{}/pods/%2A/qps", CUSTOM.replace("v1beta2", "v1beta1")),
    )
    .await;
    assert_eq!(
        reply.text.trim_end(),
        r#"{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta1","metadata":{},"items":[{"describedObject":{"kind":"Pod","namespace":"default","name":"web-1","apiVersion":"/v1"},"metricName":"qps","timestamp":"2026-01-01T00:00:00Z","window":60,"value":"4700m","selector":null}]}"#
    );
}

#[tokio::test]
async fn pods_are_selected_by_their_labels_and_the_answer_kept_for_a_moment() {
    let rig = Rig::start().await;
    let pod = |name: &str, app: &str| json!({"metadata": {"name": name, "labels": {"app": app}}});
    rig.api.objects(
        "/api/v1/namespaces/default/pods",
        vec![
            pod("a", "web"),
            pod("b", "web"),
            pod("c", "other"),
            pod("d", "idle"),
        ],
    );
    let series = ["a", "b", "c"]
        .iter()
        .zip(1..)
        .map(|(name, value)| {
            (
                object("pods", "Pod", "default", name, "qps"),
                sample(&rig.clock, value),
            )
        })
        .collect();
    rig.store.publish(Owner(1), series, Duration::from_mins(15), None);
    let names = |reply: &crate::rig::Reply| -> Vec<String> {
        let items = reply.json()["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| item["describedObject"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    for star in ["*", "%2A"] {
        let reply = get(&rig, &format!("{CUSTOM}/pods/{star}/qps?labelSelector=app%3Dweb")).await;
        assert_eq!(names(&reply), ["a", "b"], "{reply:?}");
    }
    assert_eq!(rig.api.lists(), 1);
    let reply = get(
        &rig,
        &format!("{CUSTOM}/pods/%2A/qps?labelSelector=app+in+%28web%2Cother%29"),
    )
    .await;
    assert_eq!(names(&reply), ["a", "b", "c"]);
    let reply = get(&rig, &format!("{CUSTOM}/pods/%2A/qps")).await;
    assert_eq!(names(&reply), ["a", "b", "c"]);
    let reply = get(&rig, &format!("{CUSTOM}/pods/%2A/qps?labelSelector=app%3Didle")).await;
    assert_eq!(reply.code, 404);
    assert_eq!(
        reply.message(),
        "the server could not find the metric qps for pods * with selector app=idle"
    );
    let reply = get(
        &rig,
        &format!("{CUSTOM}/pods/%2A/qps?labelSelector=app%3Dweb&metricLabelSelector=verb%3DGET"),
    )
    .await;
    assert_eq!(reply.code, 404, "the series has no such label");
    rig.api.down(true);
    let reply = get(&rig, &format!("{CUSTOM}/pods/%2A/qps?labelSelector=app%3Dnew")).await;
    assert_eq!(reply.code, 503);
    assert!(reply.message().contains("the API server restarts"), "{reply:?}");
}

#[tokio::test]
async fn objects_namespaces_and_what_is_in_none() {
    let rig = Rig::start().await;
    rig.publish(
        1,
        object(
            "ingresses.networking.k8s.io",
            "Ingress",
            "default",
            "main",
            "hits",
        ),
        5,
    );
    rig.publish(2, object("namespaces", "Namespace", "", "default", "jobs"), 6);
    rig.publish(3, object("nodes", "Node", "", "n1", "load"), 7);
    for (path, kind, value) in [
        (
            "namespaces/default/ingresses.networking.k8s.io/main/hits",
            "Ingress",
            "5",
        ),
        ("namespaces/default/metrics/jobs", "Namespace", "6"),
        ("nodes/n1/load", "Node", "7"),
        ("nodes/*/load", "Node", "7"),
        // As a controller asks, for which everything is in the HPA's namespace.
        ("namespaces/default/nodes/n1/load", "Node", "7"),
    ] {
        let reply = get(&rig, &format!("/apis/custom.metrics.k8s.io/v1beta2/{path}")).await;
        assert_eq!(reply.code, 200, "{path}: {reply:?}");
        let item = reply.json()["items"][0].clone();
        assert_eq!(
            (&item["describedObject"]["kind"], &item["value"]),
            (&json!(kind), &json!(value))
        );
    }
    for (path, message) in [
        (
            "namespaces/default/ingresses.networking.k8s.io/absent/hits",
            "the server could not find the metric hits for ingresses.networking.k8s.io absent",
        ),
        (
            "namespaces/other/ingresses.networking.k8s.io/main/hits",
            "the server could not find the metric hits for ingresses.networking.k8s.io main",
        ),
        (
            "namespaces/default/pods/%2A/nosuch?labelSelector=a%3Db",
            "the server could not find the metric nosuch for pods",
        ),
    ] {
        let reply = get(&rig, &format!("/apis/custom.metrics.k8s.io/v1beta1/{path}")).await;
        assert_eq!((reply.code, reply.message().as_str()), (404, message), "{path}");
    }
}

#[tokio::test]
async fn methods_forms_and_documents() {
    let rig = Rig::start().await;
    rig.publish(1, external("queue", &[("q", "a")]), 3);
    let front = rig.front();
    for method in ["POST", "PUT", "PATCH", "DELETE", "HEAD"] {
        let reply = rig
            .send(method, Some(&front), &format!("{EXTERNAL}/queue"), &MASTER)
            .await;
        assert_eq!(reply.code, 405, "{method}");
    }
    let watch = get(&rig, &format!("{EXTERNAL}/queue?watch=true")).await;
    assert_eq!(watch.code, 405);
    assert_eq!(
        watch.message(),
        "the server does not allow this method on the requested resource"
    );
    let form = |accept: &'static str| {
        let headers = [MASTER[0], MASTER[1], ("accept", accept)];
        let (rig, front) = (&rig, &front);
        async move { rig.get(Some(front), &format!("{EXTERNAL}/queue"), &headers).await }
    };
    let reply = form("application/xml").await;
    assert_eq!(reply.code, 406);
    assert_eq!(
        reply.message(),
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf"
    );
    let reply = form("application/yaml").await;
    assert_eq!(reply.kind, "application/yaml");
    assert!(reply.text.contains("metricName: queue"), "{reply:?}");
    let table = form("application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        .await
        .json();
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["rows"][0]["cells"], json!(["queue", "q=a", "3", "0s"]));
    for (path, kind) in [
        ("/apis", "APIGroupList"),
        ("/apis/custom.metrics.k8s.io", "APIGroup"),
        ("/apis/custom.metrics.k8s.io/v1beta1", "APIResourceList"),
        ("/apis/external.metrics.k8s.io/v1beta1", "APIResourceList"),
    ] {
        assert_eq!(get(&rig, path).await.json()["kind"], kind);
    }
    let aggregated = [
        MASTER[0],
        MASTER[1],
        (
            "accept",
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        ),
    ];
    let reply = rig.get(Some(&front), "/apis", &aggregated).await;
    assert_eq!(
        reply.kind,
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    );
    let items = reply.json()["items"].clone();
    assert_eq!(items[0]["versions"][0]["resources"][0]["resource"], "queue");
    assert!(items[1]["versions"][0].get("resources").is_none());
    let index = get(&rig, "/openapi/v3").await.json();
    let url = index["paths"]["apis/external.metrics.k8s.io/v1beta1"]["serverRelativeURL"].clone();
    let document = get(&rig, url.as_str().unwrap()).await.json();
    assert_eq!(document["openapi"], "3.0.0");
    let operation =
        &document["paths"]["/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}"]["get"];
    let reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        .as_str()
        .unwrap();
    let pointer = reference.trim_start_matches('#');
    assert!(document.pointer(pointer).is_some(), "{reference}");
    assert_eq!(get(&rig, "/openapi/v2").await.json()["swagger"], "2.0");
    for path in [
        "/apis/metrics.k8s.io/v1beta1",
        "/apis/nope",
        "/nope",
        "/apis/external.metrics.k8s.io/v1",
    ] {
        let reply = get(&rig, path).await;
        assert_eq!(
            (reply.code, reply.text.as_str()),
            (404, "404 page not found\n"),
            "{path}"
        );
    }
}

/// Answers with what it is told, and remembers what it was asked.
#[derive(Debug, Default)]
struct Told {
    asked: Mutex<Vec<String>>,
    broken: Mutex<bool>,
}

impl InstantQuery for Told {
    fn query<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Vec<Element>, String>> {
        async move {
            self.asked.lock().push(query.to_owned());
            if *self.broken.lock() {
                return Err("http://prometheus/: connection refused".to_owned());
            }
            let cpu = query.contains("cpu");
            let element = |pairs: &[(&str, &str)], value: f64| Element {
                labels: pairs
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect(),
                value,
                at: "2026-01-01T00:00:00Z".parse().unwrap(),
            };
            if query.contains("by (node)") {
                return Ok(vec![element(
                    &[("node", "n1")],
                    if cpu { 0.25 } else { 1_073_741_824.0 },
                )]);
            }
            let of = |pod: &str, container: &str, value: f64| {
                element(
                    &[("namespace", "default"), ("pod", pod), ("container", container)],
                    value,
                )
            };
            let scale = if cpu { 0.045 } else { 26_214_400.0 };
            let mut found = vec![
                of("a", "app", scale),
                of("a", "side", scale),
                of("c", "app", f64::NAN),
            ];
            if cpu {
                found.push(of("b", "app", scale));
            }
            Ok(found)
        }
        .boxed()
    }
}

#[tokio::test]
async fn pods_and_nodes_use_what_prometheus_says() {
    let told = Arc::new(Told::default());
    let queries = Arc::clone(&told);
    let clock = capstan_base::VirtualClock::at(crate::rig::NEW_YEAR);
    let rig = Rig::with(|options| {
        let resources = Resources::new(Rules::default(), queries, clock as SharedClock);
        options.resources = Some(Arc::new(resources));
    })
    .await;
    let pod =
        |name: &str| json!({"metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}}});
    rig.api.objects(
        "/api/v1/namespaces/default/pods",
        vec![pod("a"), pod("b"), pod("c"), pod("d")],
    );
    rig.api
        .objects("/api/v1/nodes", vec![json!({"metadata": {"name": "n1"}})]);
    let path = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods";
    let reply = get(&rig, &format!("{path}?labelSelector=app%3Dweb")).await;
    // What lacks CPU or memory, or has no number, is left out.
    let item = r#"{"metadata":{"name":"a","namespace":"default","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app":"web"}},"timestamp":"2026-01-01T00:00:00Z","window":"5m0s","containers":[{"name":"app","usage":{"cpu":"45m","memory":"25Mi"}},{"name":"side","usage":{"cpu":"45m","memory":"25Mi"}}]}"#;
    assert_eq!(
        reply.text.trim_end(),
        format!(
            r#"{{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{{}},"items":[{item}]}}"#
        )
    );
    assert_eq!(told.asked.lock().len(), 2);
    let one = get(&rig, &format!("{path}/a")).await.json();
    assert_eq!(
        (&one["kind"], &one["containers"][0]["name"]),
        (&json!("PodMetrics"), &json!("app"))
    );
    assert_eq!(told.asked.lock().len(), 2, "asked once for the namespace");
    let reply = get(&rig, &format!("{path}/b")).await;
    assert_eq!(
        (reply.code, reply.message().as_str()),
        (404, "podmetrics.metrics.k8s.io \"default/b\" not found")
    );
    let nodes = get(&rig, "/apis/metrics.k8s.io/v1beta1/nodes").await.json();
    assert_eq!(
        nodes["items"][0]["usage"],
        json!({"cpu": "250m", "memory": "1Gi"})
    );
    let headers = [
        MASTER[0],
        MASTER[1],
        ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io"),
    ];
    let table = rig.get(Some(&rig.front()), path, &headers).await.json();
    assert_eq!(table["rows"][0]["cells"], json!(["a", "90m", "50Mi", "5m0s"]));
    let list = get(&rig, "/apis/metrics.k8s.io/v1beta1").await.json();
    assert_eq!(list["resources"][1]["name"], "pods");
    *told.broken.lock() = true;
    rig.api.objects("/api/v1/pods", vec![pod("a")]);
    let reply = get(&rig, "/apis/metrics.k8s.io/v1beta1/pods").await;
    assert_eq!(
        (reply.code, reply.message().as_str()),
        (503, "http://prometheus/: connection refused")
    );
}

//! Reading, writing and watching scales against an API in process.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use capstan_kube::{Cluster, Reason, ScalableKind};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// Answers by path; what was asked is kept.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<Mutex<Vec<(String, String)>>>,
    scale_answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

async fn answer(State(fake): State<Fake>, method: Method, uri: Uri, body: Bytes) -> Response {
    fake.asked.lock().push((
        format!("{method} {}", uri.path()),
        String::from_utf8_lossy(&body).into_owned(),
    ));
    let resource = |name: &str, kind: &str| {
        json!({"name": name, "singularName": kind.to_lowercase(), "namespaced": true, "kind": kind,
            "verbs": ["get", "list", "watch", "patch"]})
    };
    let (status, value) = match uri.path() {
        "/api/v1" => (
            200,
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            resource("replicationcontrollers", "ReplicationController"),
            resource("replicationcontrollers/scale", "Scale"),
            resource("pods", "Pod")]}),
        ),
        "/apis" => (
            200,
            json!({"kind": "APIGroupList", "groups": [
            {"name": "broken.example.com", "versions": [{"groupVersion": "broken.example.com/v1", "version": "v1"}]},
            {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
             "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}}]}),
        ),
        "/apis/apps/v1" => (
            200,
            json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
            resource("replicasets", "ReplicaSet"), resource("replicasets/scale", "Scale")]}),
        ),
        path if path.ends_with("/scale") => fake.scale_answers.lock().pop_front().unwrap_or((500, json!({}))),
        path => (404, status(404, &format!("{path} not found"))),
    };
    let status = StatusCode::from_u16(status).expect("the fake answers with valid codes");
    (status, [("content-type", "application/json")], value.to_string()).into_response()
}

fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": "x", "code": code})
}

fn cluster(fake: &Fake) -> Arc<Cluster> {
    let router = Router::new().fallback(answer).with_state(fake.clone());
    Arc::new(Cluster::with_client(
        "",
        "default",
        kube::Client::new(router, "default"),
    ))
}

fn replicasets() -> ScalableKind {
    ScalableKind {
        group: "apps".into(),
        version: "v1".into(),
        plural: "replicasets".into(),
        kind: "ReplicaSet".into(),
        watch: true,
    }
}

#[tokio::test]
async fn kinds_are_found_by_any_name_and_a_broken_group_hides_nothing() {
    let fake = Fake::default();
    let cluster = cluster(&fake);
    for word in ["replicasets", "ReplicaSet", "apps/replicasets"] {
        assert_eq!(cluster.scalable_kind(word).await.unwrap(), replicasets());
    }
    // N-182: Kapacitor's constant is singular, its message plural.
    for word in ["replicationcontroller", "replicationcontrollers"] {
        assert_eq!(cluster.scalable_kind(word).await.unwrap().group, "");
    }
    let error = cluster.scalable_kind("pods").await.unwrap_err();
    assert_eq!(error.reason, Reason::NotFound);
    assert!(
        error.message.contains("replicasets, replicationcontrollers"),
        "{error}"
    );
}

#[tokio::test]
async fn a_write_carries_the_version_it_was_decided_on() {
    let fake = Fake::default();
    fake.scale_answers.lock().push_back((
        200,
        json!({"metadata": {"resourceVersion": "8"}, "spec": {"replicas": 3}}),
    ));
    let scale = cluster(&fake)
        .set_scale(&replicasets(), "ns", "app", 3, "7")
        .await
        .unwrap();
    assert_eq!((scale.replicas, scale.resource_version.as_str()), (3, "8"));
    let asked = fake.asked.lock();
    assert_eq!(
        asked[0].0,
        "PATCH /apis/apps/v1/namespaces/ns/replicasets/app/scale"
    );
    let patch: Value = serde_json::from_str(&asked[0].1).unwrap();
    assert_eq!(
        patch,
        json!({"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 3}})
    );
}

#[tokio::test]
async fn refusals_are_sorted_and_say_what_to_mend() {
    let fake = Fake::default();
    let cluster = cluster(&fake);
    for (code, reason) in [
        (403, Reason::Forbidden),
        (404, Reason::NotFound),
        (409, Reason::Conflict),
        (422, Reason::Other),
    ] {
        fake.scale_answers
            .lock()
            .push_back((code, status(code, "the server's own words")));
        let error = cluster
            .set_scale(&replicasets(), "ns", "app", 3, "7")
            .await
            .unwrap_err();
        assert_eq!(error.reason, reason);
        assert!(error.message.contains("the server's own words"), "{error}");
        if code == 403 {
            assert!(
                error
                    .message
                    .contains(r#"the verb "patch" on "replicasets/scale" in namespace "ns""#),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn an_api_server_that_is_down_is_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    drop(listener);
    let credentials = capstan_kube::Credentials::Servers {
        urls: vec![url],
        token: None,
        token_file: None,
        ca_path: None,
    };
    let options = capstan_kube::Options {
        credentials,
        ..capstan_kube::Options::default()
    };
    let cluster = Cluster::connect(&options).await.unwrap();
    let kind = replicasets();
    let asked = tokio::time::timeout(Duration::from_secs(20), cluster.scale(&kind, "ns", "app"));
    assert_eq!(asked.await.unwrap().unwrap_err().reason, Reason::Unavailable);
}

#[tokio::test]
async fn configuration_that_cannot_work_says_why() {
    let options = capstan_kube::Options {
        credentials: capstan_kube::Credentials::Kubeconfig {
            path: Some("/nonexistent/kubeconfig".into()),
            context: None,
        },
        ..capstan_kube::Options::default()
    };
    let error = Cluster::connect(&options).await.unwrap_err();
    assert_eq!(error.reason, Reason::Config);
    assert!(error.message.contains("/nonexistent/kubeconfig"), "{error}");
}

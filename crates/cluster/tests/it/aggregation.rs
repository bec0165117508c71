//! API groups of others, behind `APIService`s.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use capstan_base::SystemClock;
use capstan_cluster::{PeerCertificate, User};
use capstan_kubeapi::base64;
use capstan_kubeapi::builtin::{APISERVICES, CONFIGMAPS, SERVICES};
use capstan_runtime::Shutdown;
use capstan_tls::Authority;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{DEADLINE, Running, cluster};

const GROUP: &str = "external.metrics.k8s.io";

/// A metrics server of the least kind: two metrics, and a list that never ends.
async fn backend(request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let answer = |code: u16, body: Value| {
        Response::builder()
            .status(code)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap()
    };
    let resources = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{GROUP}/v1beta1"),
        "resources": [{"name": "queue", "singularName": "", "namespaced": true, "kind": "ExternalMetricValueList", "verbs": ["get"]}],
    });
    match path.as_str() {
        "/apis/external.metrics.k8s.io/v1beta1" => answer(200, resources),
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/stream" => {
            let parts =
                futures::stream::iter(["one\n", "two\n"]).map(|t| Ok::<Bytes, Infallible>(Bytes::from(t)));
            let body = Body::from_stream(parts.chain(futures::stream::pending()));
            Response::new(body)
        }
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue" => {
            let headers: Vec<(String, String)> = request
                .headers()
                .iter()
                .map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
                .collect();
            let peer = request
                .extensions()
                .get::<PeerCertificate>()
                .map(|p| p.common_name.clone());
            answer(
                200,
                json!({"headers": headers, "peer": peer, "query": request.uri().query()}),
            )
        }
        _ => answer(
            404,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}),
        ),
    }
}

use futures::StreamExt;

struct Backend {
    address: SocketAddr,
    authority: Authority,
    stop: Shutdown,
}

/// Serves [`backend`] over TLS as `adapter.kube-system.svc`, taking clients of the cluster's front proxy only.
async fn start_backend(cluster: &Running, address: SocketAddr, authority: Authority) -> Backend {
    let clock = SystemClock::shared();
    let identity = authority
        .issue_server("adapter", &["adapter.kube-system.svc"], &[], 1, clock.as_ref())
        .unwrap();
    let trust = cluster
        .objects()
        .get(
            CONFIGMAPS,
            Some("kube-system"),
            "extension-apiserver-authentication",
        )
        .unwrap();
    let front_proxy = trust["data"]["requestheader-client-ca-file"].as_str().unwrap();
    let tls = capstan_tls::server_config(&identity, Some(front_proxy)).unwrap();
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Shutdown::new();
    let router = Router::new().fallback(backend);
    capstan_runtime::spawn(
        "backend",
        capstan_cluster::serve(listener, tls, router, stop.clone()),
    );
    Backend {
        address,
        authority,
        stop,
    }
}

fn register(cluster: &Running, port: u16, authority: &Authority) {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "adapter"},
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}});
    cluster
        .objects()
        .create(SERVICES, Some("kube-system"), service)
        .unwrap();
    let bundle = base64::encode(authority.certificate_pem().as_bytes());
    let object = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": format!("v1beta1.{GROUP}")},
        "spec": {"group": GROUP, "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100, "caBundle": bundle,
            "service": {"name": "adapter", "namespace": "kube-system", "port": port}}});
    cluster.objects().create(APISERVICES, None, object).unwrap();
}

async fn send(cluster: &Running, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder()
        .uri(path)
        .header("authorization", format!("Bearer {}", cluster.admin_token()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    cluster
        .router()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Waits until the condition has this reason; returns it.
async fn condition(cluster: &Running, name: &str, reason: &str) -> Value {
    let mut watch = cluster.objects().watch(APISERVICES, None, None).unwrap();
    tokio::time::timeout(DEADLINE, async {
        loop {
            let event = watch.next().await.unwrap();
            let found = &event.object["status"]["conditions"][0];
            if event.object["metadata"]["name"] == name && found["reason"] == reason {
                return found.clone();
            }
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{name} never became {reason}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_a_backend_with_who_asks() {
    let cluster = cluster("127.190.0.0/16").await;
    let name = format!("v1beta1.{GROUP}");
    let path = format!("/apis/{GROUP}/v1beta1");
    assert_eq!(send(&cluster, &path, &[]).await.status(), 404);
    let authority = Authority::generate("backend-ca", 1, SystemClock::shared().as_ref()).unwrap();
    let backend = start_backend(&cluster, SocketAddr::from(([127, 0, 0, 1], 0)), authority).await;
    let address = backend.address;
    register(&cluster, address.port(), &backend.authority);
    let passed = condition(&cluster, &name, "Passed").await;
    assert_eq!(passed["status"], "True");
    assert_eq!(passed["message"], "all checks passed");

    // A client cannot claim to be somebody else, and its credentials stay here.
    let answer = send(
        &cluster,
        &format!("{path}/namespaces/default/queue?labelSelector=a%3Db"),
        &[
            ("x-remote-user", "root"),
            ("impersonate-user", "jane"),
            ("impersonate-group", "system:masters"),
            ("impersonate-extra-scopes", "view"),
        ],
    )
    .await;
    assert_eq!(answer.status(), 200);
    let seen: Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(seen["peer"], "front-proxy-client");
    assert_eq!(seen["query"], "labelSelector=a%3Db");
    let headers: Vec<(String, String)> = serde_json::from_value(seen["headers"].clone()).unwrap();
    let all = |name: &str| -> Vec<&str> {
        headers
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
            .collect()
    };
    assert_eq!(all("x-remote-user"), ["jane"]);
    assert_eq!(all("x-remote-group"), ["system:masters", "system:authenticated"]);
    assert_eq!(all("x-remote-extra-scopes"), ["view"]);
    assert_eq!(all("host"), [format!("localhost:{}", address.port())]);
    assert_eq!(
        all("x-forwarded-uri"),
        [format!("{path}/namespaces/default/queue")]
    );
    assert!(all("authorization").is_empty() && all("impersonate-user").is_empty());

    // Bodies pass as they come, even of answers that do not end.
    let mut body = send(&cluster, &format!("{path}/namespaces/default/stream"), &[])
        .await
        .into_body();
    let mut lines = String::new();
    tokio::time::timeout(DEADLINE, async {
        while !lines.contains("two") {
            let frame = body.frame().await.unwrap().unwrap();
            lines.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
        }
    })
    .await
    .unwrap();

    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let group = |document: &Value| {
        document["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|g| g["metadata"]["name"] == GROUP)
            .unwrap()["versions"][0]
            .clone()
    };
    let document: Value =
        serde_json::from_str(&text(send(&cluster, "/apis", &[("accept", accept)]).await).await).unwrap();
    assert_eq!(document["items"][0]["metadata"]["name"], "apiregistration.k8s.io");
    assert_eq!(group(&document)["freshness"], "Current");
    assert_eq!(group(&document)["resources"][0]["resource"], "queue");
    let list: Value = serde_json::from_str(&text(send(&cluster, "/apis", &[]).await).await).unwrap();
    assert!(
        list["groups"]
            .as_array()
            .unwrap()
            .iter()
            .any(|g| g["name"] == GROUP)
    );

    // Nobody in particular is turned away before the backend hears of it.
    let answer = cluster
        .router()
        .oneshot(
            Request::builder()
                .uri(format!("{path}/namespaces/default/queue"))
                .body(Body::empty())
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);

    // Without a backend there is a reason, and the group stays listed.
    backend.stop.raise();
    let answer = send(&cluster, &format!("{path}/namespaces/default/queue"), &[]).await;
    assert_eq!(answer.status(), 503);
    let gone = condition(&cluster, &name, "FailedDiscoveryCheck").await;
    let url = format!("https://localhost:{}{path}", address.port());
    let message = gone["message"].as_str().unwrap();
    assert!(
        message.starts_with(&format!(
            "failing or missing response from {url}: Get \"{url}\": dial tcp "
        )),
        "{message}"
    );
    assert!(message.ends_with("connect: connection refused"), "{message}");
    let answer = send(&cluster, &format!("{path}/namespaces/default/queue"), &[]).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(text(answer).await, "service unavailable\n");
    let document: Value =
        serde_json::from_str(&text(send(&cluster, "/apis", &[("accept", accept)]).await).await).unwrap();
    assert_eq!(
        group(&document),
        json!({"version": "v1beta1", "freshness": "Stale"})
    );

    // It is noticed when the backend comes back.
    let backend = start_backend(&cluster, address, backend.authority).await;
    condition(&cluster, &name, "Passed").await;
    assert_eq!(
        send(&cluster, &format!("{path}/namespaces/default/queue"), &[])
            .await
            .status(),
        200
    );
    cluster
        .objects()
        .delete(
            SERVICES,
            Some("kube-system"),
            "adapter",
            &capstan_cluster::DeleteOptions::default(),
        )
        .unwrap();
    let missing = condition(&cluster, &name, "ServiceNotFound").await;
    assert_eq!(
        missing["message"],
        "service/adapter in \"kube-system\" is not present"
    );
    backend.stop.raise();
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_shows_the_wrong_certificate_gets_nothing() {
    let cluster = cluster("127.191.0.0/16").await;
    let clock = SystemClock::shared();
    let authority = Authority::generate("backend-ca", 1, clock.as_ref()).unwrap();
    let other = Authority::generate("other-ca", 1, clock.as_ref()).unwrap();
    let backend = start_backend(&cluster, SocketAddr::from(([127, 0, 0, 1], 0)), authority).await;
    register(&cluster, backend.address.port(), &other);
    let name = format!("v1beta1.{GROUP}");
    let failed = condition(&cluster, &name, "FailedDiscoveryCheck").await;
    assert!(
        failed["message"]
            .as_str()
            .unwrap()
            .contains("tls: failed to verify certificate"),
        "{failed}"
    );
    // Until somebody says that it does not matter.
    cluster
        .objects()
        .modify(
            APISERVICES,
            None,
            &name,
            capstan_cluster::Subresource::None,
            |object| {
                let spec = object["spec"].as_object_mut().unwrap();
                spec.remove("caBundle");
                spec.insert("insecureSkipTLSVerify".to_owned(), json!(true));
            },
        )
        .unwrap();
    condition(&cluster, &name, "Passed").await;
    backend.stop.raise();
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_service_needs_its_port_and_endpoints() {
    let cluster = cluster("127.192.0.0/16").await;
    let authority = Authority::generate("backend-ca", 1, SystemClock::shared().as_ref()).unwrap();
    let backend = start_backend(&cluster, SocketAddr::from(([127, 0, 0, 1], 0)), authority).await;
    register(&cluster, backend.address.port(), &backend.authority);
    let name = format!("v1beta1.{GROUP}");
    condition(&cluster, &name, "Passed").await;
    let replace = |ports: Value, selector: Value| {
        let _ = cluster.objects().delete(
            SERVICES,
            Some("kube-system"),
            "adapter",
            &capstan_cluster::DeleteOptions::default(),
        );
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "adapter"}, "spec": {"ports": ports, "selector": selector}});
        cluster
            .objects()
            .create(SERVICES, Some("kube-system"), service)
            .unwrap();
    };
    replace(json!([{"port": 1, "name": "https"}]), Value::Null);
    let failed = condition(&cluster, &name, "ServicePortError").await;
    assert!(
        failed["message"]
            .as_str()
            .unwrap()
            .contains("is not listening on port")
    );
    let port = backend.address.port();
    replace(
        json!([{"port": port, "name": "https", "targetPort": port}]),
        json!({"app": "nothing"}),
    );
    let failed = condition(&cluster, &name, "MissingEndpoints").await;
    assert!(
        failed["message"]
            .as_str()
            .unwrap()
            .ends_with("have no addresses with port name \"https\"")
    );
    backend.stop.raise();
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_this_process_can_serve_a_group() {
    let cluster = cluster("127.193.0.0/16").await;
    let router = Router::new().fallback(|request: Request| async move {
        let user = request.extensions().get::<User>().map(|u| u.name.clone()).unwrap_or_default();
        axum::Json(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "own.example.com/v1", "resources": [], "user": user}))
    });
    let api = capstan_cluster::LocalApi {
        group: "own.example.com".to_owned(),
        version: "v1".to_owned(),
        service: "own".to_owned(),
        group_priority: 100,
        version_priority: 10,
        router,
    };
    cluster.serve_api(api).unwrap();
    condition(&cluster, "v1.own.example.com", "Passed").await;
    let answer: Value =
        serde_json::from_str(&text(send(&cluster, "/apis/own.example.com/v1/things", &[]).await).await)
            .unwrap();
    assert_eq!(answer["user"], "kubernetes-admin");
    let local = cluster
        .objects()
        .get(APISERVICES, None, "v2.autoscaling")
        .unwrap();
    assert_eq!(local["status"]["conditions"][0]["reason"], "Local");
    cluster.shutdown().await;
}

//! The cluster over TLS, as clients outside the process see it.

use std::sync::Arc;

use capstan_cluster::{Cluster, Error, Options};
use capstan_kubeapi::builtin::{PODS, REPLICASETS};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{Running, cluster, eventually, pod, ready_count, replica_set, until};

/// One request over TLS as `Authorization: Bearer token` (none when empty).
async fn call(
    cluster: &Running,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, String) {
    let answer = call_at(cluster, cluster.url(), token, method, path, body);
    tokio::time::timeout(crate::support::DEADLINE, answer)
        .await
        .expect("the server answers")
}

async fn call_at(
    cluster: &Running,
    url: &str,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, String) {
    let address = url.split_once("://").unwrap().1;
    let config = capstan_tls::client_config(cluster.ca_pem(), None).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    capstan_runtime::spawn("test connection", async move {
        let _ = connection.await;
    });
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", address);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
    if !body.is_empty() {
        let kind = if method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        request = request.header("content-type", kind);
    }
    let response = sender
        .send_request(request.body(Full::new(bytes::Bytes::from(body))).unwrap())
        .await
        .unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn a_replica_set_is_scaled_over_tls() {
    let cluster = cluster("127.61.0.0/16").await;
    let token = cluster.admin_token();
    let sets = "/apis/apps/v1/namespaces/default/replicasets";
    let (status, _) = call(
        &cluster,
        token,
        "POST",
        sets,
        Some(replica_set("app", "hollow", 1)),
    )
    .await;
    assert_eq!(status, 201);
    let patch = Some(json!({"spec": {"replicas": 3}}));
    let (status, text) = call(&cluster, token, "PATCH", &format!("{sets}/app/scale"), patch).await;
    assert_eq!(status, 200, "{text}");
    until(&cluster, PODS, "three", |pods| ready_count(pods) == 3).await;
    let (status, _) = call(&cluster, "", "GET", sets, None).await;
    assert_eq!(status, 403, "nobody may look");
    let (status, _) = call(&cluster, "wrong", "GET", sets, None).await;
    assert_eq!(status, 401);
    cluster.shutdown().await;
}

#[tokio::test]
async fn logs_are_read_and_followed_over_tls() {
    let cluster = cluster("127.62.0.0/16").await;
    let token = cluster.admin_token();
    cluster
        .objects()
        .create(
            PODS,
            Some("default"),
            pod("talk", "for i in 1 2 3; do echo line $i; done; sleep 1000"),
        )
        .unwrap();
    eventually("its lines", || {
        cluster
            .logs("default", "talk", "c", false)
            .filter(|lines| lines.len() == 3)
    })
    .await;
    let path = "/api/v1/namespaces/default/pods/talk/log";
    let (status, text) = call(&cluster, token, "GET", &format!("{path}?tailLines=2"), None).await;
    assert_eq!((status, text.as_str()), (200, "line 2\nline 3\n"));
    let (_, text) = call(
        &cluster,
        token,
        "GET",
        &format!("{path}?timestamps=true&limitBytes=30"),
        None,
    )
    .await;
    assert_eq!(text.len(), 30);
    let follow = format!("{path}?follow=true");
    let following = call(&cluster, token, "GET", &follow, None);
    let ending = async {
        cluster
            .objects()
            .delete(
                PODS,
                Some("default"),
                "talk",
                &capstan_cluster::DeleteOptions::default(),
            )
            .unwrap();
    };
    let ((status, text), ()) = tokio::join!(following, ending);
    // The stream ends with the pod; the request may also have come after that.
    assert!(
        status == 404 || status == 400 || text == "line 1\nline 2\nline 3\n",
        "{status} {text}"
    );
    let (status, _) = call(&cluster, token, "GET", &format!("{path}?previous=true"), None).await;
    assert!(status == 400 || status == 404);
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_pod_reaches_the_api_with_its_own_credentials() {
    let cluster = cluster("127.63.0.0/16").await;
    let mut object = pod(
        "inside",
        "cat $KUBERNETES_SERVICEACCOUNT_DIR/token; echo; echo $KUBERNETES_SERVICE_PORT; sleep 1000",
    );
    object["spec"]["serviceAccountName"] = "default".into();
    cluster.objects().create(PODS, Some("default"), object).unwrap();
    let lines = eventually("its token", || {
        cluster
            .logs("default", "inside", "c", false)
            .filter(|lines| lines.len() == 2)
    })
    .await;
    assert!(cluster.url().ends_with(&format!(":{}", lines[1])));
    let (status, text) = call(
        &cluster,
        &lines[0],
        "GET",
        "/api/v1/namespaces/default/pods/inside",
        None,
    )
    .await;
    assert_eq!(status, 200, "{text}");
    // The service of the API server leads there too.
    let url = eventually("the service's port", || {
        cluster.service_url("default", "kubernetes", None)
    })
    .await;
    let (status, _) = call_at(
        &cluster,
        &url,
        &lines[0],
        "GET",
        "/api/v1/namespaces/default",
        None,
    )
    .await;
    assert_eq!(status, 200);
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::new(dir.path());
    options.bind = address;
    let error = Cluster::start(options).await.unwrap_err();
    assert!(matches!(error, Error::PortInUse(_)));
    assert!(
        error.to_string().contains(&address.port().to_string()) && error.to_string().contains("--bind"),
        "{error}"
    );
}

#[tokio::test]
async fn a_second_start_keeps_the_authority_and_secrets_are_private() {
    let dir = tempfile::tempdir().unwrap();
    let start = async || {
        let mut options = Options::new(dir.path());
        options.bind = "127.0.0.1:0".parse().unwrap();
        options.pod_cidr = "127.64.0.0/16".to_owned();
        let handle = Cluster::start(options).await.unwrap();
        let authority = handle.ca_pem().to_owned();
        handle
            .objects()
            .create(REPLICASETS, Some("default"), replica_set("app", "unknown", 1))
            .unwrap();
        handle.shutdown().await;
        authority
    };
    assert_eq!(start().await, start().await);
    #[cfg(unix)]
    for file in ["kubeconfig", "pki/ca.key", "pki/admin.key", "pki/apiserver.key"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(dir.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let text = std::fs::read_to_string(dir.path().join("kubeconfig")).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    assert!(
        config["users"][0]["user"]["client-certificate-data"]
            .as_str()
            .unwrap()
            .len()
            > 100
    );
}

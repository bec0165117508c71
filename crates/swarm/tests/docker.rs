//! The client against a hand-written stand-in for Docker's API, over TCP and over a unix socket.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use capstan_swarm::{Options, Reason, Swarm};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// One service of a swarm, and what happened to it.
#[derive(Debug)]
struct Docker {
    version: u64,
    spec: Value,
    oldest_api: &'static str,
    requests: Vec<String>,
}

type Shared = Arc<Mutex<Docker>>;
type Answer = (StatusCode, Json<Value>);

fn docker(oldest_api: &'static str) -> Shared {
    let spec = json!({
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": {"Image": "nginx", "Unknown": 18_446_744_073_709_551_615_u64}},
        "Mode": {"Replicated": {"Replicas": 2}},
    });
    Arc::new(Mutex::new(Docker {
        version: 11,
        spec,
        oldest_api,
        requests: Vec::new(),
    }))
}

fn refused(status: StatusCode, message: &str) -> Answer {
    (status, Json(json!({"message": message})))
}

fn check_api(docker: &Docker, api: &str) -> Result<(), Answer> {
    let minor = |text: &str| text.rsplit('.').next().unwrap().parse::<u32>().unwrap();
    if minor(api) >= minor(docker.oldest_api) {
        return Ok(());
    }
    let message = format!(
        "client version {} is too old. Minimum supported API version is {}",
        api.trim_start_matches('v'),
        docker.oldest_api
    );
    Err(refused(StatusCode::BAD_REQUEST, &message))
}

async fn version(State(docker): State<Shared>) -> Json<Value> {
    Json(json!({"ApiVersion": "1.52", "MinAPIVersion": docker.lock().oldest_api}))
}

async fn inspect(State(docker): State<Shared>, Path((api, name)): Path<(String, String)>) -> Answer {
    let mut docker = docker.lock();
    docker.requests.push(format!("GET /{api}/services/{name}"));
    if let Err(answer) = check_api(&docker, &api) {
        return answer;
    }
    let service = |spec: &Value| json!({"ID": "i d", "Version": {"Index": docker.version}, "Spec": spec});
    match &*name {
        "web" | "i d" => (StatusCode::OK, Json(service(&docker.spec))),
        "everywhere" => (StatusCode::OK, Json(service(&json!({"Mode": {"Global": {}}})))),
        _ => refused(StatusCode::NOT_FOUND, &format!("service {name} not found")),
    }
}

async fn update(
    State(docker): State<Shared>,
    Path((api, id)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    Json(spec): Json<Value>,
) -> Answer {
    let mut docker = docker.lock();
    docker
        .requests
        .push(format!("POST /{api}/services/{id}/update {query:?}"));
    if let Err(answer) = check_api(&docker, &api) {
        return answer;
    }
    if query != [("version".to_owned(), docker.version.to_string())] {
        let message = "rpc error: code = Unknown desc = update out of sequence";
        return refused(StatusCode::INTERNAL_SERVER_ERROR, message);
    }
    docker.version += 1;
    docker.spec = spec;
    (StatusCode::OK, Json(json!({"Warnings": null})))
}

fn router(docker: &Shared) -> Router {
    Router::new()
        .route("/version", get(version))
        .route("/{api}/services/{name}", get(inspect))
        .route("/{api}/services/{id}/update", post(update))
        .with_state(Arc::clone(docker))
}

async fn tcp(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    capstan_runtime::spawn(
        "stand-in",
        async move { axum::serve(listener, router).await.unwrap() },
    );
    address.to_string()
}

fn swarm(servers: &[String]) -> Swarm {
    Swarm::new(&Options {
        id: "s".to_owned(),
        servers: servers.to_vec(),
        ..Options::default()
    })
    .unwrap()
}

async fn scales(swarm: &Swarm, docker: &Shared, api: &str) {
    let service = swarm.service("web").await.unwrap();
    assert_eq!((service.replicas, service.version), (2, 11));
    swarm.set_replicas(&service, 5).await.unwrap();
    let docker = docker.lock();
    assert_eq!(docker.spec["Mode"]["Replicated"]["Replicas"], 5);
    // What the client does not know is still there.
    let container = &docker.spec["TaskTemplate"]["ContainerSpec"];
    assert_eq!(
        (&container["Image"], &container["Unknown"]),
        (&json!("nginx"), &json!(u64::MAX))
    );
    assert_eq!(
        docker.requests,
        [
            format!("GET /{api}/services/web"),
            format!("POST /{api}/services/i d/update [(\"version\", \"11\")]")
        ]
    );
}

#[tokio::test]
async fn services_are_scaled_over_tcp() {
    for scheme in ["http", "tcp"] {
        let docker = docker("1.24");
        let address = tcp(router(&docker)).await;
        scales(&swarm(&[format!("{scheme}://{address}")]), &docker, "v1.30").await;
    }
}

#[tokio::test]
async fn services_are_scaled_over_a_unix_socket() {
    let docker = docker("1.24");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let router = router(&docker);
    capstan_runtime::spawn(
        "stand-in",
        async move { axum::serve(listener, router).await.unwrap() },
    );
    scales(&swarm(&[format!("unix://{}", path.display())]), &docker, "v1.30").await;
}

#[tokio::test]
async fn a_server_that_dropped_our_version_of_the_api_gets_its_own() {
    let docker = docker("1.44");
    let address = tcp(router(&docker)).await;
    let swarm = swarm(&[format!("http://{address}/")]);
    scales(&swarm, &docker, "v1.44").await;
    // It is upgraded under us: one request fails, and the next one asks again.
    docker.lock().oldest_api = "1.50";
    assert_eq!(swarm.service("web").await.unwrap_err().reason, Reason::Other);
    assert_eq!(swarm.service("web").await.unwrap().replicas, 5);
}

#[tokio::test]
async fn a_change_made_meanwhile_is_a_conflict_and_undoes_nothing() {
    let docker = docker("1.24");
    let swarm = swarm(&[format!("http://{}", tcp(router(&docker)).await)]);
    let service = swarm.service("web").await.unwrap();
    docker.lock().version += 1;
    let error = swarm.set_replicas(&service, 5).await.unwrap_err();
    assert_eq!(error.reason, Reason::Conflict);
    assert_eq!(docker.lock().spec["Mode"]["Replicated"]["Replicas"], 2);
}

#[tokio::test]
async fn what_cannot_be_scaled_is_named() {
    let docker = docker("1.24");
    let swarm = swarm(&[format!("http://{}", tcp(router(&docker)).await)]);
    let missing = swarm.service("x/y?z").await.unwrap_err();
    assert_eq!(
        (missing.reason, &*missing.message),
        (Reason::NotFound, "service x/y?z not found")
    );
    let everywhere = swarm.service("everywhere").await.unwrap_err();
    assert_eq!(
        (everywhere.reason, &*everywhere.message),
        (
            Reason::Other,
            "service \"everywhere\": its mode is Global, so that it has no number of replicas to set"
        )
    );
}

#[tokio::test]
async fn another_manager_takes_over() {
    let docker = docker("1.24");
    let worker = Router::new().fallback(|| async {
        refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "This node is not a swarm manager.",
        )
    });
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let worker = format!("http://{}", tcp(worker).await);
    let manager = format!("http://{}", tcp(router(&docker)).await);
    let reached = swarm(&[nobody.clone(), worker.clone(), manager]);
    scales(&reached, &docker, "v1.30").await;
    let error = swarm(&[nobody, worker]).service("web").await.unwrap_err();
    assert_eq!(
        (error.reason, &*error.message),
        (Reason::Unavailable, "This node is not a swarm manager.")
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |options: Options| Swarm::new(&options).unwrap_err();
    assert_eq!(refused(Options::default()).reason, Reason::Config);
    let with = |server: &str| Options {
        servers: vec![server.to_owned()],
        ..Options::default()
    };
    assert_eq!(
        refused(with("ftp://h")).message,
        "invalid URL \"ftp://h\": expected http, https, tcp or unix"
    );
    let certificate = Options {
        ssl_ca: Some("/nowhere/ca.pem".into()),
        ..with("https://h")
    };
    assert!(refused(certificate).message.starts_with("/nowhere/ca.pem: "));
}

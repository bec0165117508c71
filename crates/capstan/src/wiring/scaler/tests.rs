//! Scaling a service of a Docker Swarm through the port, against a hand-written stand-in.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State as Shown};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use capstan_base::SystemClock;
use capstan_config::{Settings, Swarm};
use capstan_flow::ports::{
    ScaleAnswer, ScaleReason, ScaleRequest, ScaleSink, ScaleState, ScaleTarget, Scaler,
};
use capstan_hpa::cooldown::{Limits, State, decide};
use capstan_hpa::record::{Source, Target};
use capstan_runtime::Shutdown;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::swarm::Services;
use super::{Context, Workers};

#[derive(Debug)]
struct Docker {
    version: u64,
    replicas: u64,
    /// What somebody else does right before the next updates are looked at: new replicas.
    meanwhile: Vec<u64>,
}

type Shared = Arc<Mutex<Docker>>;

async fn inspect(Shown(docker): Shown<Shared>) -> Json<Value> {
    let docker = docker.lock();
    Json(json!({
        "ID": "x", "Version": {"Index": docker.version},
        "Spec": {"Name": "web", "Mode": {"Replicated": {"Replicas": docker.replicas}}},
    }))
}

async fn update(
    Shown(docker): Shown<Shared>,
    Query(query): Query<Vec<(String, String)>>,
    Json(spec): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut docker = docker.lock();
    if let Some(replicas) = docker.meanwhile.pop() {
        docker.version += 1;
        docker.replicas = replicas;
    }
    if query[0].1 != docker.version.to_string() {
        let message = json!({"message": "rpc error: code = Unknown desc = update out of sequence"});
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(message));
    }
    docker.version += 1;
    docker.replicas = spec["Mode"]["Replicated"]["Replicas"]
        .as_u64()
        .unwrap_or_default();
    (StatusCode::OK, Json(json!({})))
}

/// A swarm with a service of two replicas; where it is.
async fn docker() -> (Shared, String) {
    let docker = Arc::new(Mutex::new(Docker {
        version: 7,
        replicas: 2,
        meanwhile: Vec::new(),
    }));
    let router = Router::new()
        .route("/v1.30/services/web", get(inspect))
        .route("/v1.30/services/x/update", post(update))
        .with_state(Arc::clone(&docker));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    capstan_runtime::spawn("stand-in", async move {
        axum::serve(listener, router).await.expect("it serves");
    });
    (docker, format!("http://{address}"))
}

fn context() -> Context {
    Context::new(SystemClock::shared(), Shutdown::default(), Arc::new(|_| {}))
}

fn target(cluster: &str) -> ScaleTarget {
    ScaleTarget {
        cluster: cluster.into(),
        namespace: "".into(),
        kind: "services".into(),
        name: "web".into(),
    }
}

/// A sink, and what comes out of it: replicas and version, or the reason why not.
fn sink() -> (ScaleSink, mpsc::UnboundedReceiver<ScaleAnswer>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let sink: ScaleSink = Arc::new(move |answer| {
        // A test that has seen enough does not listen any more.
        let _ = sender.send(answer);
    });
    (sink, receiver)
}

async fn next(answers: &mut mpsc::UnboundedReceiver<ScaleAnswer>) -> ScaleAnswer {
    tokio::time::timeout(Duration::from_secs(10), answers.recv())
        .await
        .expect("an answer in time")
        .expect("an answer")
}

async fn observed(answers: &mut mpsc::UnboundedReceiver<ScaleAnswer>) -> ScaleState {
    match next(answers).await {
        ScaleAnswer::Observed(Ok(state)) => state,
        other => panic!("{other:?}"),
    }
}

fn write(replicas: i64, expected: ScaleState) -> ScaleRequest {
    let decision = decide(
        &State::default(),
        &Limits::default(),
        0,
        expected.replicas,
        replicas,
    );
    let target = Target::new("docker", "Service", "", "web");
    ScaleRequest::Write {
        replicas,
        expected,
        record: Box::new(decision.record(target, Source::task("t", "swarm_autoscale2"))),
    }
}

fn services(url: String, look_every: Duration) -> Workers<Services> {
    let swarm = capstan_swarm::Swarm::new(&capstan_swarm::Options {
        servers: vec![url],
        ..capstan_swarm::Options::default()
    });
    let swarm = swarm.expect("good settings");
    Workers::new(vec![Services { swarm, look_every }], context())
}

#[tokio::test]
async fn a_service_is_read_written_and_watched() {
    let (docker, url) = docker().await;
    let scaler = services(url, Duration::from_millis(10));
    let (sink, mut answers) = sink();
    scaler.send(&target(""), ScaleRequest::Observe, Arc::clone(&sink));
    let state = observed(&mut answers).await;
    assert_eq!((state.replicas, &*state.resource_version), (2, "7"));

    // Only the version moves while it is written: the decision stands.
    docker.lock().meanwhile = vec![2];
    scaler.send(&target(""), write(5, state), Arc::clone(&sink));
    let written = loop {
        match next(&mut answers).await {
            ScaleAnswer::Observed(Ok(state)) => assert!([2, 5].contains(&state.replicas), "{state:?}"),
            ScaleAnswer::Written(written) => break written.expect("it is written"),
            ScaleAnswer::Observed(Err(error)) => panic!("{error}"),
        }
    };
    assert_eq!((written.replicas, &*written.resource_version), (5, "9"));
    assert_eq!(docker.lock().replicas, 5);

    // Somebody else's change is seen.
    {
        let mut docker = docker.lock();
        docker.version += 1;
        docker.replicas = 3;
    }
    while observed(&mut answers).await.replicas != 3 {}
}

#[tokio::test]
async fn a_decision_on_other_replicas_is_given_back() {
    let (docker, url) = docker().await;
    let scaler = services(url, Duration::from_mins(1));
    let (sink, mut answers) = sink();
    scaler.send(&target(""), ScaleRequest::Observe, Arc::clone(&sink));
    let state = observed(&mut answers).await;
    docker.lock().meanwhile = vec![4];
    scaler.send(&target(""), write(5, state), Arc::clone(&sink));
    assert_eq!(observed(&mut answers).await.replicas, 4);
    let ScaleAnswer::Written(Err(error)) = next(&mut answers).await else {
        panic!("it is not written");
    };
    assert_eq!(
        (error.reason, &*error.message),
        (
            ScaleReason::Conflict,
            "service \"web\" has 4 replicas meanwhile, not 2"
        )
    );
    assert_eq!(docker.lock().replicas, 4);
}

#[tokio::test]
async fn scripts_choose_a_swarm_by_its_id() {
    let (docker, url) = docker().await;
    let entry = |id: &str, url: &str, enabled| Swarm {
        id: id.to_owned(),
        enabled,
        servers: vec![url.to_owned()],
        ..Swarm::default()
    };
    let none = Settings {
        swarm: vec![entry("off", &url, false)],
        ..Settings::default()
    };
    assert!(
        crate::wiring::swarms(&none, context())
            .expect("good settings")
            .is_none()
    );
    let two = Settings {
        swarm: vec![
            entry("off", &url, false),
            entry("first", "unix:///nowhere/docker.sock", true),
            entry("second", &url, true),
        ],
        ..Settings::default()
    };
    let scaler = crate::wiring::swarms(&two, context())
        .expect("good settings")
        .expect("a scaler");
    assert_eq!((scaler.check(""), scaler.check("second")), (Ok(()), Ok(())));
    assert_eq!(
        scaler.check("off").unwrap_err(),
        "unknown swarm cluster \"off\", cannot get client"
    );
    let (sink, mut answers) = sink();
    scaler.send(&target("second"), ScaleRequest::Observe, Arc::clone(&sink));
    assert_eq!(observed(&mut answers).await.replicas, 2);
    scaler.send(&target(""), ScaleRequest::Observe, sink);
    let ScaleAnswer::Observed(Err(error)) = next(&mut answers).await else {
        panic!("nobody listens there");
    };
    assert_eq!(error.reason, ScaleReason::Unavailable);
    drop(docker);
}

//! A cluster per test, and waiting for conditions by watch.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use capstan_cluster::{Cluster, Handle, ImageMap, Options, Runner, TaskContext};
use capstan_kubeapi::Resource;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Longer than anything takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Running {
    pub(crate) handle: Handle,
    pub(crate) _dir: tempfile::TempDir,
}

impl std::ops::Deref for Running {
    type Target = Handle;
    fn deref(&self) -> &Handle {
        &self.handle
    }
}

/// A cluster where images `hollow`, `echo` (a task that answers with its pod's name) and `sh` (the pod's own command) run.
pub(crate) async fn cluster(pod_cidr: &str) -> Running {
    cluster_with(pod_cidr, |_| {}).await
}

pub(crate) async fn cluster_with(pod_cidr: &str, change: impl FnOnce(&mut Options)) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::new(dir.path());
    options.bind = SocketAddr::from(([127, 0, 0, 1], 0));
    options.pod_cidr = pod_cidr.to_owned();
    options.hollow_ready_delay = Duration::from_millis(5);
    options.restart_back_off = Duration::from_millis(20);
    options.images = ImageMap::new()
        .with("hollow", Runner::Hollow)
        .with("echo", Runner::Task("echo".to_owned()))
        .with("greet", Runner::Task("greet".to_owned()))
        .with("sh", Runner::process(Vec::<String>::new()));
    options.task_apps.insert("echo".to_owned(), Arc::new(echo));
    options.task_apps.insert("greet".to_owned(), Arc::new(greet));
    change(&mut options);
    let handle = Cluster::start(options).await.unwrap();
    Running { handle, _dir: dir }
}

/// A server that speaks first, as mail and database servers do: its pod's name, then whatever it is sent.
fn greet(context: TaskContext) -> JoinHandle<()> {
    capstan_runtime::spawn("greet", async move {
        let listener = TcpListener::bind((context.ip, context.ports[0])).await.unwrap();
        loop {
            let mut stream = tokio::select! {
                () = context.shutdown.raised() => return,
                accepted = listener.accept() => accepted.unwrap().0,
            };
            let name = format!("{}\n", context.pod);
            capstan_runtime::spawn("greet connection", async move {
                // A client that leaves early, such as a probe, is no failure.
                if stream.write_all(name.as_bytes()).await.is_ok() {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                }
            });
        }
    })
}

/// A small HTTP/1.1 server with keep-alive that answers every request with the pod's name.
fn echo(context: TaskContext) -> JoinHandle<()> {
    capstan_runtime::spawn("echo", async move {
        let listener = TcpListener::bind((context.ip, context.ports[0])).await.unwrap();
        context
            .log
            .line(&format!("listening on {}", listener.local_addr().unwrap()));
        loop {
            let stream = tokio::select! {
                () = context.shutdown.raised() => return,
                accepted = listener.accept() => accepted.unwrap().0,
            };
            let (name, stop) = (context.pod.clone(), context.shutdown.clone());
            capstan_runtime::spawn("echo connection", async move {
                tokio::select! {
                    () = stop.raised() => {}
                    () = answer(stream, &name) => {}
                }
            });
        }
    })
}

async fn answer(mut stream: TcpStream, name: &str) {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while !buffer.windows(4).any(|w| w == b"\r\n\r\n") {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(length) => buffer.extend_from_slice(&chunk[..length]),
            }
        }
        buffer.clear();
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Sends one request on a kept-alive connection; returns status and body.
pub(crate) async fn request(stream: &mut TcpStream) -> (u16, String) {
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        .await
        .unwrap();
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |n| n.trim().parse().unwrap());
            if buffer.len() >= end + 4 + length {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (
                    status,
                    String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned(),
                );
            }
        }
        match stream.read(&mut chunk).await.unwrap() {
            0 => panic!("the connection closed after {}", String::from_utf8_lossy(&buffer)),
            length => buffer.extend_from_slice(&chunk[..length]),
        }
    }
}

/// Waits until the objects of a kind in `default` are as wanted.
pub(crate) async fn until(
    handle: &Handle,
    resource: Resource,
    what: &str,
    mut wanted: impl FnMut(&[Arc<Value>]) -> bool,
) {
    let waiting = async {
        let mut watch = handle.objects().watch(resource, Some("default"), None).unwrap();
        loop {
            if wanted(&handle.objects().list(resource, Some("default")).items) {
                return;
            }
            watch.next().await.unwrap();
        }
    };
    if tokio::time::timeout(DEADLINE, waiting).await.is_err() {
        let items = handle.objects().list(resource, Some("default")).items;
        let events = handle
            .objects()
            .list(capstan_kubeapi::builtin::EVENTS, Some("default"))
            .items;
        let events: Vec<String> = events
            .iter()
            .map(|e| format!("{} {} {}", e["involvedObject"]["name"], e["reason"], e["message"]))
            .collect();
        panic!("{what} did not come about: {items:#?}\n{events:#?}");
    }
}

/// Waits for something that tells nobody when it happens.
pub(crate) async fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = check() {
                return found;
            }
            capstan_runtime::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come about"))
}

pub(crate) fn ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
        && pod.pointer("/metadata/deletionTimestamp").is_none()
}

pub(crate) fn ready_count(pods: &[Arc<Value>]) -> usize {
    pods.iter().filter(|pod| ready(pod)).count()
}

pub(crate) fn template(image: &str, app: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "c", "image": image, "ports": [{"containerPort": 8000}]}]},
    })
}

pub(crate) fn replica_set(name: &str, image: &str, replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(image, name)},
    })
}

pub(crate) fn pod(name: &str, command: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "sh", "command": ["sh", "-c", command]}], "terminationGracePeriodSeconds": 5},
    })
}

//! How much memory the controller takes for an HPA that is looked at every second and has one pod.

#![allow(unsafe_code)] // a counting allocator cannot be written without
#![allow(clippy::print_stdout)] // the figure
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use capstan_autoscaler::{Controller, Filter, Options};
use capstan_base::clock::Clock;
use capstan_kube::Cluster;
use capstan_runtime::Shutdown;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

static BYTES: AtomicI64 = AtomicI64::new(0);

struct Counting;

// SAFETY: everything is handed to the system allocator; the counter is a number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// HPAs, and how many of them have a namespace.
const HPAS: usize = 2_000;
const NAMESPACE: usize = 100;

/// More than this for an HPA, and 10,000 of them do not fit in 100 MB.
const LIMIT: i64 = 10_000;

#[derive(Debug)]
struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now_nanos(&self) -> i64 {
        BEGIN + self.monotonic().as_nanos() as i64
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// 2026-01-01T00:00:00Z in Unix nanoseconds.
const BEGIN: i64 = 1_767_225_600_000_000_000;

/// An API with HPAs, their replica sets and pods, and what the pods use.
#[derive(Debug, Default)]
struct Api {
    hpas: String,
    sets: String,
    pods: String,
    /// By namespace.
    usage: Vec<String>,
    writes: AtomicUsize,
}

impl Api {
    fn new() -> Self {
        let mut api = Self::default();
        for at in 0..HPAS {
            let (namespace, name) = (format!("bench-{}", at / NAMESPACE), format!("web-{at}"));
            let comma = if at == 0 { "" } else { "," };
            let metadata = |name: &str| {
                json!({"name": name, "namespace": namespace, "uid": format!("{at:08}-0000-4000-8000-000000000000"),
                    "resourceVersion": "12345", "creationTimestamp": "2025-12-31T00:00:00Z", "labels": {"app": format!("web-{at}")}})
            };
            let pod = format!("{name}-x7k2p");
            let condition = |type_: &str, status: &str, reason: &str, message: &str| {
                json!({"type": type_, "status": status, "lastTransitionTime": "2025-12-31T00:01:00Z",
                    "reason": reason, "message": message})
            };
            let hpa = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata(&name),
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name},
                "minReplicas": 1, "maxReplicas": 5,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 50}}}]},
            "status": {"currentReplicas": 1, "desiredReplicas": 1,
                "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "current": {"averageValue": "50m", "averageUtilization": 50}}}],
                "conditions": [
                    condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size"),
                    condition("ScalingActive", "True", "ValidMetricFound",
                        "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)"),
                    condition("ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range"),
                ]}});
            let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata(&name),
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}}, "status": {"replicas": 1}});
            let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(&pod),
                "spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "100m"}}}]},
                "status": {"phase": "Running", "startTime": "2025-12-31T00:00:00Z", "conditions": [
                    {"type": "Ready", "status": "True", "lastTransitionTime": "2025-12-31T00:00:05Z"}]}});
            let used = json!({"metadata": metadata(&pod), "timestamp": "2026-01-01T00:00:00Z", "window": "10s",
                "containers": [{"name": "web", "usage": {"cpu": "50m", "memory": "1Mi"}}]});
            let _ = write!(api.hpas, "{comma}{hpa}");
            let _ = write!(api.sets, "{comma}{set}");
            let _ = write!(api.pods, "{comma}{object}");
            if at % NAMESPACE == 0 {
                api.usage.push(used.to_string());
            } else {
                let _ = write!(api.usage[at / NAMESPACE], ",{used}");
            }
        }
        api
    }
}

fn body(text: String) -> Response {
    ([("content-type", "application/json")], text).into_response()
}

fn list(items: &str) -> Response {
    body(format!(
        r#"{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"20000"}},"items":[{items}]}}"#
    ))
}

async fn answer(State(api): State<Arc<Api>>, method: Method, uri: Uri, given: String) -> Response {
    let path = uri.path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if uri.query().is_some_and(|query| query.contains("watch=true")) {
        let never = stream::pending::<Result<String, std::convert::Infallible>>();
        return Body::from_stream(never.boxed()).into_response();
    }
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["api"]) => discovery("", "pods", "Pod"),
        ("GET", ["apis"]) => discovery("apps", "replicasets", "ReplicaSet"),
        ("GET", [.., "horizontalpodautoscalers"]) => list(&api.hpas),
        ("GET", [.., "replicasets"]) => list(&api.sets),
        ("GET", ["api", "v1", "pods"]) => list(&api.pods),
        (
            "GET",
            [
                "apis",
                "metrics.k8s.io",
                "v1beta1",
                "namespaces",
                namespace,
                "pods",
            ],
        ) => {
            let at: usize = namespace.trim_start_matches("bench-").parse().unwrap();
            match uri.query() {
                None | Some("") => list(&api.usage[at]),
                // One set's pod.
                Some(query) => {
                    let name = query.rsplit("%3D").next().unwrap();
                    let all: Value = serde_json::from_str(&format!("[{}]", api.usage[at])).unwrap();
                    let own = all
                        .as_array()
                        .unwrap()
                        .iter()
                        .find(|item| item["metadata"]["labels"]["app"] == name);
                    list(&own.unwrap().to_string())
                }
            }
        }
        ("PUT", [.., "status"]) => {
            api.writes.fetch_add(1, Ordering::Relaxed);
            body(given)
        }
        ("GET", _) => list(""),
        _ => body("{}".to_owned()),
    }
}

fn discovery(group: &str, plural: &str, kind: &str) -> Response {
    let document = json!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": group},
        "versions": [{"version": "v1", "resources": [{"resource": plural, "responseKind": {"kind": kind}}]}]}]});
    body(document.to_string())
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods)] // the clock of this test
async fn an_hpa_takes_less_than_ten_kilobytes() {
    let api = Arc::new(Api::new());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&api));
    let cluster = Cluster::in_process("test", "default", router, "token").unwrap();
    let options = Options {
        own_hpas: true,
        autoscalers: false,
        watch_scales: true,
        rate: (0, 0),
        sync_period: Duration::from_secs(1),
        ..Options::default()
    };
    let clock = Arc::new(TokioClock(tokio::time::Instant::now()));
    let before = BYTES.load(Ordering::Relaxed);
    let controller = Controller::start(Arc::new(cluster), options, None, clock, Shutdown::new()).unwrap();
    capstan_runtime::sleep(Duration::from_millis(5_500)).await;
    let bytes = (BYTES.load(Ordering::Relaxed) - before) / HPAS as i64;

    assert_eq!(controller.decisions().targets(), HPAS, "each was looked at");
    let records = controller.decisions().list(&Filter::default());
    let right = |record: &&capstan_hpa::Record| {
        record.final_desired_replicas == 1 && record.selected_metric.is_some()
    };
    let wrong = records.iter().find(|record| !right(record));
    assert!(wrong.is_none(), "{}", wrong.unwrap().explain());
    assert!(records.iter().map(|record| record.count).sum::<u64>() >= 4 * HPAS as u64);
    assert_eq!(
        api.writes.load(Ordering::Relaxed),
        0,
        "the status was right from the start"
    );
    println!(
        "{bytes} bytes per HPA, of which {} are decisions",
        decisions(&records)
    );
    assert!(bytes < LIMIT, "{bytes} bytes per HPA");
    controller.stop().await;
}

/// What the records alone take per HPA, kept as the controller keeps them.
fn decisions(records: &[capstan_hpa::Record]) -> i64 {
    let before = BYTES.load(Ordering::Relaxed);
    let kept = capstan_autoscaler::Decisions::open(None, 32, 20_000).unwrap();
    for record in records {
        kept.push(record);
    }
    (BYTES.load(Ordering::Relaxed) - before) / HPAS as i64
}

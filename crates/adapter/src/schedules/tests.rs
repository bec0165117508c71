use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use capstan_base::{SharedClock, VirtualClock};
use capstan_collectors::Options;
use capstan_kube::Cluster;

use super::*;

/// A Tuesday, 23:00 in Berlin.
const NOW: &str = "2009-11-10T22:00:00Z";

/// Objects by their paths, and what was written.
#[derive(Debug, Default)]
struct Objects {
    all: BTreeMap<String, Value>,
    events: Vec<Value>,
    writes: usize,
    /// Before the next write somebody else changes the object.
    conflicts: usize,
}

#[derive(Debug, Clone, Default)]
struct Api(Arc<Mutex<Objects>>);

impl Api {
    fn put(&self, path: &str, mut object: Value) {
        let mut objects = self.0.lock();
        object["metadata"]["resourceVersion"] = "1".into();
        objects.all.insert(path.to_owned(), object);
    }

    fn get(&self, path: &str) -> Value {
        self.0.lock().all[path].clone()
    }

    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (StatusCode, String) {
        let mut objects = self.0.lock();
        if *method == Method::POST && path.ends_with("/events") {
            objects.events.push(serde_json::from_slice(body).unwrap());
            return (StatusCode::CREATED, "{}".to_owned());
        }
        if path == "/apis/autoscaling/v2" {
            return (StatusCode::OK, "{}".to_owned());
        }
        let lists = [
            "scalingschedules",
            "clusterscalingschedules",
            "horizontalpodautoscalers",
        ];
        if let Some(plural) = lists.iter().find(|plural| path.ends_with(&format!("/{plural}"))) {
            let inside = format!("/{plural}/");
            let items: Vec<&Value> = objects
                .all
                .iter()
                .filter(|(path, _)| path.contains(&inside))
                .map(|(_, object)| object)
                .collect();
            return (
                StatusCode::OK,
                json!({"metadata": {}, "items": items}).to_string(),
            );
        }
        let (owner, part) = match path.rsplit_once('/') {
            Some((owner, part @ ("status" | "scale"))) => (owner, part),
            _ => (path, ""),
        };
        let conflicts = objects.conflicts;
        let Some(object) = objects.all.get_mut(owner) else {
            return (StatusCode::NOT_FOUND, json!({"message": "not found"}).to_string());
        };
        if *method == Method::PATCH {
            let patch: Value = serde_json::from_slice(body).unwrap();
            if conflicts > 0 {
                object["metadata"]["resourceVersion"] = format!("other {conflicts}").into();
                objects.conflicts -= 1;
                return (
                    StatusCode::CONFLICT,
                    json!({"kind": "Status", "status": "Failure", "code": 409,
                    "reason": "Conflict", "message": "conflict"})
                    .to_string(),
                );
            }
            assert_eq!(
                patch["metadata"]["resourceVersion"],
                object["metadata"]["resourceVersion"]
            );
            if part == "status" {
                object["status"]["active"] = patch["status"]["active"].clone();
            } else {
                object["spec"]["replicas"] = patch["spec"]["replicas"].clone();
            }
            object["metadata"]["resourceVersion"] = "2".into();
            let text = object.to_string();
            objects.writes += 1;
            return (StatusCode::OK, text);
        }
        (StatusCode::OK, object.to_string())
    }
}

fn controller(api: &Api) -> (Controller, Arc<VirtualClock>) {
    let answer = |State(api): State<Api>, method: Method, uri: Uri, body: Bytes| async move {
        api.answer(&method, uri.path(), &body)
    };
    let router = Router::new().fallback(answer).with_state(api.clone());
    let now: jiff::Timestamp = NOW.parse().unwrap();
    let clock = VirtualClock::at(i64::try_from(now.as_nanosecond()).unwrap());
    let shared: SharedClock = Arc::<VirtualClock>::clone(&clock);
    let cluster = Cluster::in_process("test", "default", router, "secret").unwrap();
    let options = Options {
        scaling_schedule: true,
        scaling_schedule_window: Duration::ZERO,
        ..Options::default()
    };
    let context = Context::new(shared, Arc::new(cluster), options).unwrap();
    (Controller::new(Arc::new(context), 0.1), clock)
}

const NAMESPACED: &str = "/apis/zalando.org/v1/namespaces/default/scalingschedules";
const CLUSTER: &str = "/apis/zalando.org/v1/clusterscalingschedules";

fn put_schedule(api: &Api, name: &str, schedule: &Value, active: bool) {
    let object = |metadata: Value| json!({"metadata": metadata, "spec": {"schedules": [schedule]}, "status": {"active": active}});
    api.put(
        &format!("{NAMESPACED}/{name}"),
        object(json!({"name": name, "namespace": "default"})),
    );
    api.put(&format!("{CLUSTER}/{name}"), object(json!({"name": name})));
}

fn active(api: &Api, name: &str) -> [bool; 2] {
    [NAMESPACED, CLUSTER].map(|path| api.get(&format!("{path}/{name}"))["status"]["active"] == true)
}

/// `TestRunOnce`.
#[tokio::test]
async fn status_says_whether_a_schedule_is() {
    let once = |date: &str| json!({"type": "OneTime", "date": date, "durationMinutes": 15, "value": 1});
    let weekly = |start: &str| {
        json!({"type": "Repeating", "durationMinutes": 15, "value": 1,
            "period": {"startTime": start, "days": ["Tue"], "timezone": "Europe/Berlin"}})
    };
    for (now, later) in [
        (once(NOW), once("2009-11-10T23:00:00Z")),
        (weekly("23:00"), weekly("00:00")),
    ] {
        for before in [false, true] {
            let api = Api::default();
            put_schedule(&api, "active", &now, before);
            put_schedule(&api, "inactive", &later, before);
            let (controller, clock) = controller(&api);
            controller.once().await;
            assert_eq!(active(&api, "active"), [true; 2]);
            assert_eq!(active(&api, "inactive"), [false; 2]);
            assert_eq!(api.0.lock().writes, 2, "only what differs is written");
            controller.once().await;
            assert_eq!(api.0.lock().writes, 2);
            clock.advance(Duration::from_mins(15));
            controller.once().await;
            assert_eq!(active(&api, "active"), [false; 2]);
        }
    }
}

#[tokio::test]
async fn a_status_that_somebody_else_wrote_is_read_again() {
    let api = Api::default();
    let schedule = json!({"type": "OneTime", "date": NOW, "durationMinutes": 15, "value": 1});
    put_schedule(&api, "a", &schedule, false);
    api.0.lock().conflicts = 3;
    let (controller, _clock) = controller(&api);
    controller.once().await;
    assert_eq!(active(&api, "a"), [true; 2]);
}

#[tokio::test]
async fn a_schedule_that_cannot_be_read_stops_no_other() {
    let api = Api::default();
    put_schedule(
        &api,
        "a",
        &json!({"type": "OneTime", "date": "soon", "value": 1}),
        true,
    );
    put_schedule(
        &api,
        "b",
        &json!({"type": "OneTime", "date": NOW, "durationMinutes": 1, "value": 1}),
        false,
    );
    let (controller, _clock) = controller(&api);
    controller.once().await;
    assert_eq!((active(&api, "a"), active(&api, "b")), ([true; 2], [true; 2]));
    assert_eq!(controller.said.lock().len(), 2);
}

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/app";

/// An HPA that saw so many replicas, of which there are now so many.
fn put_app(api: &Api, target: &Value, seen: i64, replicas: i64) {
    let metric = json!({"type": "Object", "object": {
        "describedObject": {"apiVersion": "zalando.org/v1", "kind": "ClusterScalingSchedule", "name": "rush"},
        "metric": {"name": "rush"}, "target": target}});
    api.put(
        "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/app",
        json!({"metadata": {"name": "app", "namespace": "default", "uid": "u"},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "maxReplicas": 1000, "metrics": [metric]},
            "status": {"currentReplicas": seen, "desiredReplicas": seen}}),
    );
    api.put(
        DEPLOYMENT,
        json!({"metadata": {"name": "app", "namespace": "default"}, "spec": {"replicas": replicas},
            "status": {"replicas": replicas}}),
    );
}

fn rush(api: &Api, value: i64) {
    put_schedule(
        api,
        "rush",
        &json!({"type": "OneTime", "date": NOW, "durationMinutes": 15, "value": value}),
        true,
    );
}

fn average(value: &str) -> Value {
    json!({"type": "AverageValue", "averageValue": value})
}

/// `TestAdjustScaling`.
#[tokio::test]
async fn the_target_is_scaled_where_the_hpa_controller_would_not() {
    for (value, target, current, expected) in [
        (10_000, average("333"), 28, 31),
        (1000, average("10"), 95, 100),
        (1000, average("10"), 90, 90),
        (1000, json!({"type": "Value", "value": "10"}), 95, 95),
        (1000, average("10500m"), 90, 96),
    ] {
        let api = Api::default();
        rush(&api, value);
        put_app(&api, &target, current, current);
        let (controller, _clock) = controller(&api);
        controller.once().await;
        assert_eq!(api.get(DEPLOYMENT)["spec"]["replicas"], expected, "{target}");
        let events = api.0.lock().events.clone();
        assert_eq!(events.len(), usize::from(expected != current));
        for event in events {
            assert_eq!(event["reason"], "ScalingAdjusted");
            assert_eq!(event["type"], "Normal");
            assert_eq!(event["involvedObject"]["kind"], "HorizontalPodAutoscaler");
            let message = event["message"].as_str().unwrap();
            assert!(
                message.contains(&format!("{current} -> {expected} based on metric: rush")),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn nobody_elses_scale_is_undone() {
    for (seen, replicas, expected) in [(95, 97, 100), (95, 120, 120), (95, 50, 50), (95, 0, 0)] {
        let api = Api::default();
        rush(&api, 1000);
        put_app(&api, &average("10"), seen, replicas);
        let (controller, _clock) = controller(&api);
        controller.once().await;
        assert_eq!(
            api.get(DEPLOYMENT)["spec"]["replicas"],
            expected,
            "{replicas} were there"
        );
    }
    let api = Api::default();
    rush(&api, 1000);
    put_app(&api, &average("10"), 95, 95);
    api.0.lock().conflicts = 2;
    let (controller, _clock) = controller(&api);
    controller.once().await;
    assert_eq!(api.get(DEPLOYMENT)["spec"]["replicas"], 100);
    assert_eq!(api.0.lock().events.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_runs_every_ten_seconds_until_shut_down() {
    let api = Api::default();
    let schedule = json!({"type": "OneTime", "date": NOW, "durationMinutes": 15, "value": 1});
    put_schedule(&api, "a", &schedule, false);
    let (controller, clock) = controller(&api);
    let shutdown = Shutdown::new();
    let running = capstan_runtime::spawn(
        "schedules",
        run(Arc::clone(&controller.context), 0.1, shutdown.clone()),
    );
    let reached = async |wanted: [bool; 2]| {
        // In seconds of virtual time.
        for second in 0..600 {
            if active(&api, "a") == wanted {
                return second;
            }
            capstan_runtime::sleep(Duration::from_secs(1)).await;
        }
        panic!("the status is {:?}", active(&api, "a"));
    };
    assert!(reached([true; 2]).await <= 1);
    clock.advance(Duration::from_mins(20));
    assert!(reached([false; 2]).await <= 11);
    shutdown.raise();
    running.await.unwrap();
}

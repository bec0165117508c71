//! Many HorizontalPodAutoscalers, each looked at every second, on the embedded cluster with hollow pods.
//!
//! The HPAs have the status that a controller leaves, as in a cluster that has been up for a while: what the objects take
//! belongs to the cluster, which is in the same process, and not to the controller.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use capstan_autoscaler::{Controller, Filter, Options, Timings};
use capstan_base::SharedClock;
use capstan_cluster::runners::{ImageMap, Runner};
use capstan_cluster::{Cluster, Handle, Subresource};
use capstan_hpa::options::Options as Arithmetic;
use capstan_kubeapi::builtin::{HORIZONTALPODAUTOSCALERS, NAMESPACES, PODS, REPLICASETS};
use capstan_runtime::Shutdown;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::process::Process;

/// HPAs of one namespace.
const PER_NAMESPACE: usize = 100;

/// From look to look.
const PERIOD: Duration = Duration::from_secs(1);

/// Sets that are made before their pods are waited for.
const BATCH: usize = 500;

/// How often it is looked whether pods are there.
const LOOK: Duration = Duration::from_millis(20);

/// Pods that do not become ready in this time never will.
const PATIENCE: Duration = Duration::from_mins(20);

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub hpas: usize,
    pub seconds: f64,
    /// Looks a second; as many as there are HPAs when none is late.
    pub looks_per_second: f64,
    /// From the beginning of a look to its decision, in milliseconds.
    pub decision_p50_ms: f64,
    pub decision_p99_ms: f64,
    /// From the time a look was due to its decision, in milliseconds.
    pub since_due_p99_ms: f64,
    /// Cores in use, by the controller and the cluster together.
    pub cores: f64,
    /// Cores in use by the cluster alone, before the controller was started.
    pub idle_cores: f64,
    /// Resident memory that the controller added, per HPA.
    pub bytes_per_hpa: f64,
    /// From the start of another controller until each HPA had been looked at.
    pub first_round_seconds: f64,
}

impl Figures {
    /// Lines for people.
    pub fn text(&self) -> String {
        format!(
            "{} HPAs, each every second, {:.0} s: {:.0} looks/s\n\
             decision p50 {:.3} ms, p99 {:.3} ms; from the time it was due p99 {:.1} ms\n\
             {:.2} cores ({:.2} without the controller), {:.1} KB per HPA, first full round after a start {:.2} s",
            self.hpas,
            self.seconds,
            self.looks_per_second,
            self.decision_p50_ms,
            self.decision_p99_ms,
            self.since_due_p99_ms,
            self.cores,
            self.idle_cores,
            self.bytes_per_hpa / 1e3,
            self.first_round_seconds
        )
    }
}

/// Sets up a cluster in this process with so many HPAs, and measures for so long. Every HPA must have been decided on
/// without an error, or there are no figures.
pub async fn measure(
    hpas: usize,
    length: Duration,
    clock: &SharedClock,
    said: impl Fn(&str),
) -> Result<Figures, Error> {
    let directory = tempfile::tempdir().map_err(|error| Error::Setup(error.to_string()))?;
    let cluster = cluster(directory.path()).await?;
    said(&format!("{hpas} replica sets of one hollow pod each"));
    fill(&cluster, hpas, clock).await?;
    let this = Process {
        pid: std::process::id(),
    };
    let idle = Duration::from_secs(5);
    let before = this.cpu()?;
    capstan_runtime::sleep(idle).await;
    let idle_cores = (this.cpu()?.saturating_sub(before)).as_secs_f64() / idle.as_secs_f64();
    let resident = this.memory()?.resident;

    said("the controller looks at them");
    let first = start(&cluster, clock)?;
    round(&first, hpas, clock).await?;
    // Whatever belongs to starting is over after a few rounds.
    capstan_runtime::sleep(PERIOD * 5).await;
    first.take_timings();
    let (began, cpu) = (clock.monotonic(), this.cpu()?);
    capstan_runtime::sleep(length).await;
    let timings = first.take_timings();
    let seconds = clock.monotonic().saturating_sub(began).as_secs_f64();
    let cores = this.cpu()?.saturating_sub(cpu).as_secs_f64() / seconds;
    let added = this.memory()?.resident.saturating_sub(resident);
    check(&first, hpas)?;
    first.stop().await;
    drop(first);

    said("another controller takes over");
    let again = clock.monotonic();
    let second = start(&cluster, clock)?;
    round(&second, hpas, clock).await?;
    let first_round_seconds = clock.monotonic().saturating_sub(again).as_secs_f64();
    second.stop().await;
    cluster.shutdown().await;
    let Timings {
        looks,
        decision_p50,
        decision_p99,
        since_due_p99,
    } = timings;
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    Ok(Figures {
        hpas,
        seconds,
        looks_per_second: looks as f64 / seconds,
        decision_p50_ms: millis(decision_p50),
        decision_p99_ms: millis(decision_p99),
        since_due_p99_ms: millis(since_due_p99),
        cores,
        idle_cores,
        bytes_per_hpa: added as f64 / hpas as f64,
        first_round_seconds,
    })
}

async fn cluster(directory: &Path) -> Result<Handle, Error> {
    let mut images = ImageMap::new();
    images.set_fallback(Some(Runner::Hollow));
    let options = capstan_cluster::Options {
        bind: ([127, 0, 0, 1], 0).into(),
        images,
        pod_cidr: "127.128.0.0/9".to_owned(),
        hollow_ready_delay: Duration::from_millis(10),
        ..capstan_cluster::Options::new(directory)
    };
    Cluster::start(options)
        .await
        .map_err(|error| Error::Setup(error.to_string()))
}

fn names(at: usize) -> (String, String) {
    (format!("bench-{}", at / PER_NAMESPACE), format!("web-{at}"))
}

async fn fill(cluster: &Handle, hpas: usize, clock: &SharedClock) -> Result<(), Error> {
    let objects = cluster.objects();
    let failed = |status: capstan_kubeapi::Status| Error::Setup(status.to_string());
    let began = clock.monotonic();
    let late = |what: String| {
        let is_late = clock.monotonic().saturating_sub(began) > PATIENCE;
        is_late.then_some(Error::Setup(what))
    };
    for at in 0..hpas {
        let (namespace, name) = names(at);
        if at % PER_NAMESPACE == 0 {
            let space = json!({"metadata": {"name": namespace}});
            objects.create(NAMESPACES, None, space).map_err(failed)?;
        }
        let labels = json!({"app": name});
        let pod = json!({
            "metadata": {"labels": labels, "annotations": {"capstan.dev/cpu-usage": "50m"}},
            "spec": {"containers": [{"name": "web", "image": "web",
                "resources": {"requests": {"cpu": "100m"}}}]},
        });
        let set = json!({"metadata": {"name": name},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}});
        objects
            .create(REPLICASETS, Some(&namespace), set)
            .map_err(failed)?;
        // No further ahead than the cluster's log of changes reaches: whoever falls behind that has to list anew.
        while at % BATCH == BATCH - 1 && objects.list(PODS, None).items.len() + BATCH <= at {
            if let Some(error) = late(format!("there are no pods for {at} sets")) {
                return Err(error);
            }
            capstan_runtime::sleep(LOOK).await;
        }
    }
    loop {
        let pods = objects.list(PODS, None).items;
        let ready = pods.iter().filter(|pod| is_ready(pod)).count();
        if ready >= hpas {
            break;
        }
        if let Some(error) = late(format!("only {ready} of {hpas} pods are ready")) {
            return Err(error);
        }
        capstan_runtime::sleep(LOOK).await;
    }
    for at in 0..hpas {
        let (namespace, name) = names(at);
        let hpa = json!({"metadata": {"name": name},
            "spec": {"minReplicas": 1, "maxReplicas": 5,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name},
                "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 50}}}]}});
        objects
            .create(HORIZONTALPODAUTOSCALERS, Some(&namespace), hpa)
            .map_err(failed)?;
        objects
            .modify(
                HORIZONTALPODAUTOSCALERS,
                Some(&namespace),
                &name,
                Subresource::Status,
                |hpa| hpa["status"] = status(),
            )
            .map_err(failed)?;
    }
    Ok(())
}

/// What the controller leaves on each of these HPAs.
fn status() -> Value {
    let condition = |type_: &str, status: &str, reason: &str, message: &str| {
        json!({"type": type_, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z",
            "reason": reason, "message": message})
    };
    json!({
        "currentReplicas": 1,
        "desiredReplicas": 1,
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu",
            "current": {"averageValue": "50m", "averageUtilization": 50}}}],
        "conditions": [
            condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size"),
            condition(
                "ScalingActive",
                "True",
                "ValidMetricFound",
                "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
            ),
            condition(
                "ScalingLimited",
                "False",
                "DesiredWithinRange",
                "the desired count is within the acceptable range",
            ),
        ],
    })
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| {
        all.iter()
            .any(|one| one["type"] == "Ready" && one["status"] == "True")
    })
}

fn start(cluster: &Handle, clock: &SharedClock) -> Result<Arc<Controller>, Error> {
    let client =
        capstan_kube::Cluster::in_process("bench", "default", cluster.router(), cluster.admin_token())
            .map_err(|error| Error::Setup(error.to_string()))?;
    let options = Options {
        own_hpas: true,
        watch_scales: true,
        rate: (0, 0),
        sync_period: PERIOD,
        // The pods have just been started, which is not what is measured.
        arithmetic: Arc::new(Arithmetic {
            cpu_initialization_period: 0,
            initial_readiness_delay: 0,
            ..Arithmetic::default()
        }),
        ..Options::default()
    };
    Controller::start(
        Arc::new(client),
        options,
        None,
        Arc::clone(clock),
        Shutdown::new(),
    )
    .map_err(|error| Error::Setup(error.to_string()))
}

/// Waits until each HPA has a decision.
async fn round(controller: &Controller, hpas: usize, clock: &SharedClock) -> Result<(), Error> {
    let began = clock.monotonic();
    while controller.decisions().targets() < hpas {
        if clock.monotonic().saturating_sub(began) > PATIENCE {
            let decided = controller.decisions().targets();
            return Err(Error::Setup(format!(
                "only {decided} of {hpas} HPAs were decided on"
            )));
        }
        capstan_runtime::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The last decision of each must be the right one: one replica, from the metric.
fn check(controller: &Controller, hpas: usize) -> Result<(), Error> {
    let records = controller.decisions().list(&Filter {
        limit: 1,
        ..Filter::default()
    });
    let right = records
        .iter()
        .filter(|record| record.final_desired_replicas == 1 && record.selected_metric.is_some())
        .count();
    if right == hpas {
        return Ok(());
    }
    let wrong = records.iter().find(|record| record.selected_metric.is_none());
    let text = wrong.map(capstan_hpa::Record::explain).unwrap_or_default();
    Err(Error::Output(format!(
        "{right} of {hpas} decisions are right\n{text}"
    )))
}

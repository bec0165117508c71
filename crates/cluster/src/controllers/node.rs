//! The one node, `capstan`: its object, its status and the lease that is its heartbeat.

use std::net::IpAddr;
use std::time::Duration;

use capstan_kubeapi::builtin::{LEASES, NODES};
use capstan_kubeapi::{Status, meta, time};
use capstan_runtime::{sleep, spawn};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Context;
use super::pods;
use crate::objects::Subresource;

/// The node's name.
pub(crate) const NODE: &str = "capstan";
const LEASE_NAMESPACE: &str = "kube-node-lease";
/// Upstream renews after a quarter of `leaseDurationSeconds`.
const RENEW: Duration = Duration::from_secs(10);
const LEASE_SECONDS: i64 = 40;
/// Heartbeats between two writes of an unchanged status, upstream's five minutes.
const STATUS_EVERY: u32 = 30;

/// What the node says of itself.
#[derive(Debug, Clone)]
pub(crate) struct NodeFacts {
    /// Where the pods' host is reached.
    pub(crate) address: IpAddr,
    /// What the API server calls its own version.
    pub(crate) version: String,
    /// How many pods may run.
    pub(crate) max_pods: usize,
}

/// Registers the node and keeps its heart beating.
pub(crate) fn start(context: &Context, facts: NodeFacts) -> JoinHandle<()> {
    let context = context.clone();
    spawn("node heartbeat", async move {
        let mut beats: u32 = 0;
        loop {
            let beat = || -> Result<(), Status> {
                if beats.is_multiple_of(STATUS_EVERY) || context.objects.get(NODES, None, NODE).is_err() {
                    register(&context, &facts)?;
                }
                renew(&context)
            };
            if let Err(error) = beat() {
                tracing::warn!(%error, "node heartbeat failed");
            }
            beats = beats.wrapping_add(1);
            tokio::select! {
                () = context.shutdown.raised() => return,
                () = sleep(RENEW) => {}
            }
        }
    })
}

fn register(context: &Context, facts: &NodeFacts) -> Result<(), Status> {
    let labels = json!({
        "beta.kubernetes.io/arch": arch(),
        "beta.kubernetes.io/os": std::env::consts::OS,
        "kubernetes.io/arch": arch(),
        "kubernetes.io/hostname": NODE,
        "kubernetes.io/os": std::env::consts::OS,
    });
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels},
        "spec": {"providerID": "capstan://local"},
    });
    match context.objects.create(NODES, None, node) {
        Err(status) if !status.is_already_exists() => return Err(status),
        _ => {}
    }
    let now = context.timestamp();
    let cpus = std::thread::available_parallelism()
        .map_or(1, std::num::NonZero::get)
        .to_string();
    let resources = json!({"cpu": cpus, "memory": memory(), "pods": facts.max_pods.to_string()});
    context.objects.modify(NODES, None, NODE, Subresource::Status, |node| {
        let mut status = node.get("status").filter(|s| s.is_object()).cloned().unwrap_or_else(|| json!({}));
        status["capacity"] = resources.clone();
        status["allocatable"] = resources.clone();
        status["addresses"] = json!([
            {"type": "InternalIP", "address": facts.address.to_string()},
            {"type": "Hostname", "address": NODE},
        ]);
        status["nodeInfo"] = json!({
            "machineID": "", "systemUUID": "", "bootID": "",
            "kernelVersion": kernel(),
            "osImage": "capstan embedded cluster",
            "containerRuntimeVersion": format!("capstan://{}", env!("CARGO_PKG_VERSION")),
            "kubeletVersion": facts.version, "kubeProxyVersion": facts.version,
            "operatingSystem": std::env::consts::OS, "architecture": arch(),
        });
        for (kind, is, reason, message) in [
            ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ] {
            let condition = json!({"type": kind, "status": is, "reason": reason, "message": message, "lastHeartbeatTime": now});
            pods::set_condition(&mut status, condition, &now);
        }
        node["status"] = status;
    })?;
    Ok(())
}

fn renew(context: &Context) -> Result<(), Status> {
    let now = time::rfc3339_micros(context.clock.now());
    let renewed = context
        .objects
        .modify(LEASES, Some(LEASE_NAMESPACE), NODE, Subresource::None, |lease| {
            lease["spec"]["renewTime"] = now.clone().into();
        });
    match renewed {
        Err(status) if status.is_not_found() => {
            let uid = context
                .objects
                .get(NODES, None, NODE)
                .map(|node| meta::uid(&node).to_owned())?;
            let lease = json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {
                    "name": NODE,
                    "namespace": LEASE_NAMESPACE,
                    "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": NODE, "uid": uid}],
                },
                "spec": {"holderIdentity": NODE, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now},
            });
            context
                .objects
                .create(LEASES, Some(LEASE_NAMESPACE), lease)
                .map(|_| ())
        }
        other => other.map(|_| ()),
    }
}

/// Go's names for the architectures.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "unknown".to_owned(), |t| t.trim().to_owned())
}

/// Total memory as a quantity; 0 where it is not known.
fn memory() -> Value {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    kilobytes.map_or_else(|| "0".into(), |number| format!("{number}Ki").into())
}

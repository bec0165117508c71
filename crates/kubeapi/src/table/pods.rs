//! Rows of pods.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{created, items, name, number, or_none, text};
use crate::meta;
use crate::time::age;

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    items(pod, "/status/conditions")
        .iter()
        .find(|c| c.get("type").and_then(Value::as_str) == Some(kind))
}

fn is_true(pod: &Value, kind: &str) -> bool {
    condition(pod, kind)
        .and_then(|c| c.get("status"))
        .and_then(Value::as_str)
        == Some("True")
}

fn exit_text(terminated: &Value) -> String {
    let signal = number(terminated, "/signal");
    if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{}", number(terminated, "/exitCode"))
    }
}

/// Whether the init container of this name is a sidecar, which goes on beside the others.
fn is_sidecar(pod: &Value, name: &str) -> bool {
    items(pod, "/spec/initContainers")
        .iter()
        .any(|c| text(c, "/name") == name && text(c, "/restartPolicy") == "Always")
}

/// Upstream `printPod`'s reason.
pub(super) fn status(pod: &Value) -> String {
    let mut reason = match text(pod, "/status/reason") {
        "" => text(pod, "/status/phase").to_owned(),
        reason => reason.to_owned(),
    };
    if condition(pod, "PodScheduled")
        .and_then(|c| c.get("reason"))
        .and_then(Value::as_str)
        == Some("SchedulingGated")
    {
        "SchedulingGated".clone_into(&mut reason);
    }
    let inits = items(pod, "/status/initContainerStatuses");
    let total = items(pod, "/spec/initContainers").len();
    let mut initializing = false;
    for (index, container) in inits.iter().enumerate() {
        let terminated = container.pointer("/state/terminated");
        if terminated.is_some_and(|t| number(t, "/exitCode") == 0) {
            continue;
        }
        let started = container.get("started").and_then(Value::as_bool) == Some(true);
        if started && is_sidecar(pod, text(container, "/name")) {
            continue;
        }
        let waiting = text(container, "/state/waiting/reason");
        reason = match terminated {
            Some(terminated) => match text(terminated, "/reason") {
                "" => format!("Init:{}", exit_text(terminated)),
                why => format!("Init:{why}"),
            },
            None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
            None => format!("Init:{index}/{total}"),
        };
        initializing = true;
        break;
    }
    if !initializing || is_true(pod, "Initialized") {
        let mut running = false;
        for container in items(pod, "/status/containerStatuses").iter().rev() {
            let waiting = text(container, "/state/waiting/reason");
            let terminated = container.pointer("/state/terminated");
            if !waiting.is_empty() {
                waiting.clone_into(&mut reason);
            } else if let Some(terminated) = terminated {
                reason = match text(terminated, "/reason") {
                    "" => exit_text(terminated),
                    why => why.to_owned(),
                };
            } else if container.get("ready").and_then(Value::as_bool) == Some(true)
                && container.pointer("/state/running").is_some()
            {
                running = true;
            }
        }
        if reason == "Completed" && running {
            let word = if is_true(pod, "Ready") {
                "Running"
            } else {
                "NotReady"
            };
            word.clone_into(&mut reason);
        }
    }
    if meta::is_deleting(pod) {
        if text(pod, "/status/reason") == "NodeLost" {
            "Unknown".clone_into(&mut reason);
        } else if !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded") {
            "Terminating".clone_into(&mut reason);
        }
    }
    reason
}

pub(super) fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let sidecars = items(pod, "/spec/initContainers")
        .iter()
        .filter(|c| text(c, "/restartPolicy") == "Always")
        .count();
    let total = items(pod, "/spec/containers").len() + sidecars;
    let statuses = items(pod, "/status/containerStatuses");
    let ready = statuses
        .iter()
        .filter(|c| {
            c.get("ready").and_then(Value::as_bool) == Some(true) && c.pointer("/state/running").is_some()
        })
        .count();
    let ready_sidecars = items(pod, "/status/initContainerStatuses")
        .iter()
        .filter(|c| {
            c.get("ready").and_then(Value::as_bool) == Some(true) && is_sidecar(pod, text(c, "/name"))
        })
        .count();
    let restarts: i64 = statuses.iter().map(|c| number(c, "/restartCount")).sum();
    let last = statuses
        .iter()
        .map(|c| text(c, "/lastState/terminated/finishedAt"))
        .filter(|t| !t.is_empty())
        .max();
    let restarts = match last {
        Some(last) if restarts > 0 => format!("{restarts} ({} ago)", age(Some(last), now)),
        _ => restarts.to_string(),
    };
    let ip = match text(pod, "/status/podIPs/0/ip") {
        "" => text(pod, "/status/podIP"),
        ip => ip,
    };
    let gates = items(pod, "/spec/readinessGates");
    let gates_text = if gates.is_empty() {
        "<none>".to_owned()
    } else {
        let met = gates
            .iter()
            .filter(|g| is_true(pod, text(g, "/conditionType")))
            .count();
        format!("{met}/{}", gates.len())
    };
    vec![
        name(pod),
        json!(format!("{}/{total}", ready + ready_sidecars)),
        json!(status(pod)),
        json!(restarts),
        created(pod, now),
        or_none(ip),
        or_none(text(pod, "/spec/nodeName")),
        or_none(text(pod, "/status/nominatedNodeName")),
        json!(gates_text),
    ]
}

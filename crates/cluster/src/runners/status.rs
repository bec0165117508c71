//! What the API shows of a pod.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::controllers::pods::set_condition;
use crate::controllers::timestamp;

/// Where a container is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ContainerState {
    Waiting {
        reason: &'static str,
        message: String,
    },
    Running {
        since: jiff::Timestamp,
    },
    Terminated {
        code: i32,
        signal: Option<i32>,
        reason: &'static str,
        started: jiff::Timestamp,
        finished: jiff::Timestamp,
        id: String,
    },
}

impl ContainerState {
    pub(crate) fn waiting(reason: &'static str) -> Self {
        Self::Waiting {
            reason,
            message: String::new(),
        }
    }

    pub(crate) fn is_terminated(&self) -> bool {
        matches!(self, Self::Terminated { .. })
    }

    fn value(&self) -> Value {
        match self {
            Self::Waiting { reason, message } => {
                let mut waiting = json!({ "reason": reason });
                if !message.is_empty() {
                    waiting["message"] = message.as_str().into();
                }
                json!({ "waiting": waiting })
            }
            Self::Running { since } => json!({"running": {"startedAt": timestamp(*since)}}),
            Self::Terminated {
                code,
                signal,
                reason,
                started,
                finished,
                id,
            } => {
                let mut terminated = json!({"exitCode": code});
                if let Some(signal) = signal {
                    terminated["signal"] = (*signal).into();
                }
                terminated["reason"] = (*reason).into();
                terminated["startedAt"] = timestamp(*started).into();
                terminated["finishedAt"] = timestamp(*finished).into();
                terminated["containerID"] = id.as_str().into();
                json!({ "terminated": terminated })
            }
        }
    }
}

/// One container.
#[derive(Debug, Clone)]
pub(crate) struct ContainerView {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) state: ContainerState,
    pub(crate) last: Option<ContainerState>,
    pub(crate) ready: bool,
    pub(crate) restarts: u32,
    /// Empty before the first start.
    pub(crate) id: String,
    /// What stands in for the image.
    pub(crate) runner: String,
}

impl ContainerView {
    fn value(&self) -> Value {
        let started = matches!(self.state, ContainerState::Running { .. });
        let mut value = Map::new();
        value.insert("name".into(), self.name.as_str().into());
        value.insert("state".into(), self.state.value());
        value.insert(
            "lastState".into(),
            self.last
                .as_ref()
                .map_or_else(|| json!({}), ContainerState::value),
        );
        value.insert("ready".into(), self.ready.into());
        value.insert("restartCount".into(), self.restarts.into());
        value.insert("image".into(), self.image.as_str().into());
        value.insert(
            "imageID".into(),
            if self.id.is_empty() {
                "".into()
            } else {
                self.runner.as_str().into()
            },
        );
        if !self.id.is_empty() {
            value.insert("containerID".into(), self.id.as_str().into());
        }
        value.insert("started".into(), started.into());
        Value::Object(value)
    }
}

/// A pod as its runner sees it.
#[derive(Debug, Clone)]
pub(crate) struct PodView {
    pub(crate) address: Option<IpAddr>,
    pub(crate) host: IpAddr,
    pub(crate) started: jiff::Timestamp,
    pub(crate) init: Vec<ContainerView>,
    pub(crate) initialized: bool,
    pub(crate) containers: Vec<ContainerView>,
    /// `spec.restartPolicy`.
    pub(crate) restart_policy: String,
    /// `metadata.generation`, which 1.33 and later report back.
    pub(crate) generation: i64,
}

impl PodView {
    /// `status.phase` by upstream's rules (`getPhase`).
    pub(crate) fn phase(&self) -> &'static str {
        let failed =
            |view: &ContainerView| matches!(view.state, ContainerState::Terminated { code, .. } if code != 0);
        if !self.initialized {
            let over = self.restart_policy == "Never" && self.init.iter().any(failed);
            return if over { "Failed" } else { "Pending" };
        }
        let never_started = |view: &ContainerView| {
            matches!(view.state, ContainerState::Waiting { .. }) && view.last.is_none()
        };
        if self.containers.iter().any(never_started) {
            return "Pending";
        }
        if !self.containers.iter().all(|view| view.state.is_terminated()) {
            return "Running";
        }
        let any_failed = self.containers.iter().any(failed);
        match self.restart_policy.as_str() {
            "Always" => "Running",
            "OnFailure" if any_failed => "Running",
            _ if any_failed => "Failed",
            _ => "Succeeded",
        }
    }

    /// The pod's new status; conditions keep the times of `before`.
    pub(crate) fn status(&self, before: &Value, now: jiff::Timestamp) -> Value {
        let now = timestamp(now);
        let phase = self.phase();
        let mut status = Map::new();
        if self.generation > 0 {
            status.insert("observedGeneration".into(), self.generation.into());
        }
        status.insert("phase".into(), phase.into());
        let mut fields =
            json!({"conditions": before.get("conditions").cloned().unwrap_or_else(|| json!([]))});
        let unready: Vec<&str> = self
            .containers
            .iter()
            .filter(|c| !c.ready)
            .map(|c| c.name.as_str())
            .collect();
        let finished = matches!(phase, "Succeeded" | "Failed");
        let ready = if unready.is_empty() {
            json!({"status": "True"})
        } else if phase == "Succeeded" {
            json!({"status": "False", "reason": "PodCompleted"})
        } else if phase == "Failed" {
            json!({"status": "False", "reason": "PodFailed"})
        } else {
            json!({"status": "False", "reason": "ContainersNotReady",
                   "message": format!("containers with unready status: [{}]", unready.join(" "))})
        };
        let initialized = if self.initialized {
            if phase == "Succeeded" {
                json!({"status": "True", "reason": "PodCompleted"})
            } else {
                json!({"status": "True"})
            }
        } else {
            json!({"status": "False", "reason": "ContainersNotInitialized"})
        };
        let sandbox = self.address.is_some() && !finished;
        for (kind, condition) in [
            (
                "PodReadyToStartContainers",
                json!({"status": if sandbox { "True" } else { "False" }}),
            ),
            ("Initialized", initialized),
            ("Ready", ready.clone()),
            ("ContainersReady", ready),
            ("PodScheduled", json!({"status": "True"})),
        ] {
            let mut whole = json!({"type": kind, "lastProbeTime": null});
            if let (Some(whole), Value::Object(condition)) = (whole.as_object_mut(), condition) {
                whole.extend(condition);
            }
            set_condition(&mut fields, whole, &now);
        }
        if let Some(conditions) = fields.get("conditions") {
            status.insert("conditions".into(), conditions.clone());
        }
        status.insert("hostIP".into(), self.host.to_string().into());
        status.insert("hostIPs".into(), json!([{"ip": self.host.to_string()}]));
        if let Some(address) = self.address {
            status.insert("podIP".into(), address.to_string().into());
            status.insert("podIPs".into(), json!([{"ip": address.to_string()}]));
        }
        status.insert("startTime".into(), timestamp(self.started).into());
        if !self.init.is_empty() {
            status.insert(
                "initContainerStatuses".into(),
                self.init.iter().map(ContainerView::value).collect(),
            );
        }
        status.insert(
            "containerStatuses".into(),
            self.containers.iter().map(ContainerView::value).collect(),
        );
        if let Some(quality) = before.get("qosClass") {
            status.insert("qosClass".into(), quality.clone());
        }
        Value::Object(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(state: ContainerState, ready: bool, policy: &str) -> PodView {
        let container = ContainerView {
            name: "c".into(),
            image: "i".into(),
            state,
            last: None,
            ready,
            restarts: 0,
            id: "x".into(),
            runner: "r".into(),
        };
        PodView {
            address: None,
            host: "127.0.0.1".parse().unwrap(),
            started: jiff::Timestamp::UNIX_EPOCH,
            init: Vec::new(),
            initialized: true,
            containers: vec![container],
            restart_policy: policy.into(),
            generation: 1,
        }
    }

    fn ended(code: i32) -> ContainerState {
        let time = jiff::Timestamp::UNIX_EPOCH;
        ContainerState::Terminated {
            code,
            signal: None,
            reason: "Completed",
            started: time,
            finished: time,
            id: String::new(),
        }
    }

    #[test]
    fn the_phase_follows_containers_and_restart_policy() {
        let running = ContainerState::Running {
            since: jiff::Timestamp::UNIX_EPOCH,
        };
        assert_eq!(view(running, true, "Always").phase(), "Running");
        assert_eq!(
            view(ContainerState::waiting("ContainerCreating"), false, "Always").phase(),
            "Pending"
        );
        assert_eq!(view(ended(0), false, "Never").phase(), "Succeeded");
        assert_eq!(view(ended(1), false, "Never").phase(), "Failed");
        assert_eq!(view(ended(1), false, "OnFailure").phase(), "Running");
        assert_eq!(view(ended(0), false, "OnFailure").phase(), "Succeeded");
        assert_eq!(view(ended(0), false, "Always").phase(), "Running");
    }

    #[test]
    fn readiness_is_told_with_its_reason() {
        let running = ContainerState::Running {
            since: jiff::Timestamp::UNIX_EPOCH,
        };
        let status = view(running, false, "Always").status(&json!({}), jiff::Timestamp::UNIX_EPOCH);
        let conditions = status["conditions"].as_array().unwrap();
        let ready = conditions.iter().find(|c| c["type"] == "Ready").unwrap();
        assert_eq!(ready["reason"], "ContainersNotReady");
        assert_eq!(ready["message"], "containers with unready status: [c]");
    }
}

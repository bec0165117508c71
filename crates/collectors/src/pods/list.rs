//! The pods of a selector, and which of them may be asked.

use std::fmt;
use std::time::Duration;

use capstan_kubeapi::Selector;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::Value;

use crate::collector::CollectError;
use crate::context::Context;
use crate::target;

/// How many pods are listed in one answer of the API server.
const PAGE: &str = "500";

/// What has to be known of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) name: String,
    /// Empty before it has one.
    pub(super) ip: String,
    /// Since when it is Ready; `None` if it is not.
    pub(super) ready_since: Option<Timestamp>,
    pub(super) terminating: bool,
}

/// How many pods were not asked, and why.
#[derive(Debug, Default)]
pub(super) struct Standing {
    not_ready: usize,
    terminating: usize,
    too_young: usize,
}

impl Standing {
    /// Whether a pod may be asked; counts it if not.
    pub(super) fn may_ask(&mut self, pod: &Pod, now: Timestamp, min_ready_age: Duration) -> bool {
        let Some(since) = pod.ready_since else {
            self.not_ready += 1;
            return false;
        };
        if pod.terminating {
            self.terminating += 1;
            return false;
        }
        let young = now.duration_since(since)
            < SignedDuration::try_from(min_ready_age).unwrap_or(SignedDuration::MAX);
        // Without a minimum, a clock that is behind the kubelet's does not matter.
        if young && !min_ready_age.is_zero() {
            self.too_young += 1;
            return false;
        }
        true
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.not_ready, "not Ready"),
            (self.terminating, "terminating"),
            (self.too_young, "Ready for less than min-pod-ready-age"),
        ];
        let told: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        f.write_str(if told.is_empty() { "there is none" } else { "" })?;
        f.write_str(&told.join(", "))
    }
}

/// The pods in a namespace that a label selector, as an object, selects.
pub(super) async fn pods(
    context: &Context,
    namespace: &str,
    selector: &Value,
) -> Result<Vec<Pod>, CollectError> {
    let selector = Selector::of_object(Some(selector))
        .map_err(|error| CollectError::new(format!("failed to get pod label selector: {error}")))?;
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let selector = selector.to_string();
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let mut pairs = vec![("labelSelector", selector.as_str()), ("limit", PAGE)];
        if !next.is_empty() {
            pairs.push(("continue", next.as_str()));
        }
        let query = Url::parse_with_params("http://api/", pairs)
            .map(|url| url.query().unwrap_or_default().to_owned())
            .unwrap_or_default();
        let list = target::read(context, &format!("{path}?{query}")).await?;
        found.extend(list["items"].as_array().into_iter().flatten().map(pod));
        match list["metadata"]["continue"]
            .as_str()
            .filter(|token| !token.is_empty())
        {
            Some(token) if token != next => token.clone_into(&mut next),
            _ => return Ok(found),
        }
    }
}

fn pod(object: &Value) -> Pod {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    let status = &object["status"];
    let conditions = status["conditions"].as_array();
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    let ready_since = ready.map(|condition| {
        condition["lastTransitionTime"]
            .as_str()
            .and_then(|time| time.parse().ok())
            .unwrap_or(Timestamp::UNIX_EPOCH)
    });
    Pod {
        name: text(&metadata["name"]),
        ip: text(&status["podIP"]),
        ready_since,
        terminating: metadata["deletionTimestamp"].is_string(),
    }
}

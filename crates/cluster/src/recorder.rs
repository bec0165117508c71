//! Events about objects, repeats counted instead of repeated.

use std::collections::VecDeque;

use capstan_kubeapi::builtin::EVENTS;
use capstan_kubeapi::{meta, time};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::objects::{DeleteOptions, Objects, Subresource};

/// Distinct events remembered for counting.
const REMEMBERED: usize = 1024;
/// Events kept; the oldest go first, as they do after an hour in a real cluster.
const KEPT: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Recorder {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    recent: VecDeque<(String, String, String)>,
    kept: VecDeque<(String, String)>,
}

impl Recorder {
    pub(crate) fn record(
        &self,
        objects: &Objects,
        regarding: &Value,
        type_: &str,
        reason: &str,
        message: &str,
        component: &str,
    ) {
        let clock = objects.clock();
        let now = time::rfc3339(clock.now());
        let namespace = match meta::namespace(regarding) {
            "" => "default",
            namespace => namespace,
        }
        .to_owned();
        let key = format!("{}/{type_}/{reason}/{component}/{message}", meta::uid(regarding));
        let known = {
            let inner = self.inner.lock();
            inner
                .recent
                .iter()
                .find(|(k, _, _)| *k == key)
                .map(|(_, ns, name)| (ns.clone(), name.clone()))
        };
        if let Some((namespace, name)) = known {
            let counted = objects.modify(EVENTS, Some(&namespace), &name, Subresource::None, |event| {
                let count = event.get("count").and_then(Value::as_i64).unwrap_or(1) + 1;
                event["count"] = count.into();
                event["lastTimestamp"] = now.clone().into();
            });
            if counted.is_ok() {
                return;
            }
        }
        let name = format!("{}.{:x}", meta::name(regarding), clock.now_nanos());
        let text = |field: &str| regarding.get(field).and_then(Value::as_str).unwrap_or("");
        let mut about = serde_json::Map::new();
        for (field, value) in [
            ("kind", text("kind")),
            ("namespace", meta::namespace(regarding)),
            ("name", meta::name(regarding)),
            ("uid", meta::uid(regarding)),
            ("apiVersion", text("apiVersion")),
            ("resourceVersion", meta::resource_version(regarding)),
        ] {
            if !value.is_empty() {
                about.insert(field.to_owned(), value.into());
            }
        }
        let event = json!({
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "source": {"component": component},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": type_,
            "eventTime": null,
            "reportingComponent": component,
            "reportingInstance": "",
        });
        let mut event = event;
        // Two events about one object in one clock tick.
        let mut attempt = 0;
        let name = loop {
            match objects.create(EVENTS, Some(&namespace), event.clone()) {
                Ok(created) => break meta::name(&created).to_owned(),
                Err(status) if status.is_already_exists() && attempt < 64 => {
                    attempt += 1;
                    let name = format!("{}.{:x}", meta::name(regarding), clock.now_nanos() + attempt);
                    meta::set(&mut event, "name", name);
                }
                Err(status) => {
                    tracing::debug!(error = %status, reason, "event not recorded");
                    return;
                }
            }
        };
        let dropped = {
            let mut inner = self.inner.lock();
            inner.recent.retain(|(k, _, _)| *k != key);
            if inner.recent.len() >= REMEMBERED {
                inner.recent.pop_front();
            }
            inner.recent.push_back((key, namespace.clone(), name.clone()));
            inner.kept.push_back((namespace, name));
            if inner.kept.len() > KEPT {
                inner.kept.pop_front()
            } else {
                None
            }
        };
        if let Some((namespace, name)) = dropped {
            // It may be gone already; nobody minds.
            let _ = objects.delete(EVENTS, Some(&namespace), &name, &DeleteOptions::default());
        }
    }
}

//! Kubernetes Events: what `kubectl describe` shows below an object.

use std::sync::Arc;

use capstan_base::SharedClock;
use serde_json::{Value, json};

use crate::connect::{Call, Cluster};
use crate::discovery::ScalableKind;
use crate::error::Error;

/// The API knows two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    Normal,
    Warning,
}

/// What to say.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub event_type: EventType,
    /// One word in camel case, for instance `SuccessfulRescale`.
    pub reason: &'a str,
    pub message: &'a str,
}

/// The message field's limit in the API.
const MESSAGE_LIMIT: usize = 1024;

impl Cluster {
    /// Leaves an Event on an object.
    pub async fn event(
        self: &Arc<Self>,
        clock: &SharedClock,
        kind: &ScalableKind,
        namespace: &str,
        name: &str,
        uid: Option<&str>,
        event: &Event<'_>,
    ) -> Result<(), Error> {
        let Event {
            event_type,
            reason,
            message,
        } = event;
        let now = clock.now();
        let stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let body = json!({
            "apiVersion": "v1",
            "kind": "Event",
            // Upstream's way to a unique name: the object's and the time in hexadecimal.
            "metadata": {"name": format!("{name}.{:x}", clock.now_nanos()), "namespace": namespace},
            // `kubectl describe` looks events up by uid.
            "involvedObject": {
                "apiVersion": kind.api_version(), "kind": kind.kind, "namespace": namespace, "name": name,
                "uid": uid.unwrap_or_default(),
            },
            "type": match event_type { EventType::Normal => "Normal", EventType::Warning => "Warning" },
            "reason": reason,
            "message": truncated(message),
            "source": {"component": "capstan"},
            "reportingComponent": "capstan",
            "reportingInstance": "",
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        });
        let call = Call {
            method: "POST",
            path: format!("/api/v1/namespaces/{namespace}/events"),
            content_type: Some("application/json"),
            body: body.to_string().into_bytes(),
            verb: "create",
            resource: "events",
            namespace,
        };
        self.request::<Value>(&call).await.map(drop)
    }
}

fn truncated(message: &str) -> &str {
    let mut end = message.len().min(MESSAGE_LIMIT);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

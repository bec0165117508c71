//! Whether a backend answers, told as the `Available` condition, and what it says it serves.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use capstan_kubeapi::builtin::APISERVICES;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Aggregator, Entry, documents, proxy};
use crate::controllers::timestamp;
use crate::http::User;
use crate::objects::Subresource;

/// A backend is asked this often while it answers.
const PERIOD: Duration = Duration::from_secs(30);
/// The first look after a failure; every further one comes after twice that.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// An answer that takes longer is none.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest discovery document taken.
const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// Looks after one backend until it is gone.
pub(super) async fn keep(aggregator: &Aggregator, entry: &Arc<Entry>) {
    let mut retry = FIRST_RETRY;
    loop {
        let (status, reason, message) = look(aggregator, entry).await;
        if entry.stopped.is_raised() {
            return;
        }
        if status {
            let resources = discover(aggregator, entry).await;
            let mut state = entry.state.write();
            state.available = true;
            state.resources = resources.or_else(|| state.resources.take());
        } else {
            *entry.state.write() = super::State::default();
        }
        publish(aggregator, entry, status, reason, &message);
        let wait = if status {
            retry = FIRST_RETRY;
            PERIOD
        } else {
            let wait = retry;
            retry = (retry * 2).min(PERIOD);
            wait
        };
        tokio::select! {
            () = entry.stopped.raised() => return,
            () = entry.changed.notified() => retry = FIRST_RETRY,
            () = capstan_runtime::sleep(wait) => {}
        }
    }
}

/// One look at a backend: whether it is there, and the reason and message of the condition.
async fn look(aggregator: &Aggregator, entry: &Entry) -> (bool, &'static str, String) {
    let passed = || (true, "Passed", "all checks passed".to_owned());
    let path = format!("/apis/{}/{}", entry.group, entry.version);
    if aggregator.in_process(&entry.service).is_none()
        && let Err(missing) = entry.service.resolve(&aggregator.shared.objects)
    {
        return (false, missing.reason, missing.message);
    }
    let url = format!(
        "https://{}{path}",
        entry.service.authority(&aggregator.shared.objects)
    );
    let why = match ask(aggregator, entry, &path, None).await {
        Ok((code, ..)) if (200..300).contains(&code) => return passed(),
        Ok((code, ..)) => format!("bad status from {url}: {code}"),
        Err(error) => format!("failing or missing response from {url}: Get \"{url}\": {error}"),
    };
    (false, "FailedDiscoveryCheck", why)
}

/// What the backend serves, as aggregated discovery lists it. Newer backends say so themselves.
async fn discover(aggregator: &Aggregator, entry: &Entry) -> Option<Vec<Value>> {
    if let Ok((200, kind, body)) = ask(aggregator, entry, "/apis", Some(AGGREGATED)).await
        && kind.contains("as=APIGroupDiscoveryList")
        && let Ok(document) = serde_json::from_slice::<Value>(&body)
        && let Some(resources) = documents::resources_in(&document, &entry.group, &entry.version)
    {
        return Some(resources);
    }
    let path = format!("/apis/{}/{}", entry.group, entry.version);
    match ask(aggregator, entry, &path, Some("application/json")).await {
        Ok((200, _, body)) => {
            let list: Value = serde_json::from_slice(&body).ok()?;
            Some(documents::resources_of_list(&list, &entry.group, &entry.version))
        }
        _ => None,
    }
}

/// A question of our own to a backend: status, content type, body.
async fn ask(
    aggregator: &Aggregator,
    entry: &Entry,
    path: &str,
    accept: Option<&'static str>,
) -> Result<(u16, String, Vec<u8>), String> {
    let user = User::admin("system:kube-aggregator");
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    if let Some(accept) = accept {
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static(accept));
    }
    proxy::identify(request.headers_mut(), &user);
    let authority = entry.service.authority(&aggregator.shared.objects);
    proxy::address(&mut request, &authority, path).map_err(|error| error.to_string())?;
    let answer = async {
        let response = if let Some(router) = aggregator.in_process(&entry.service) {
            *request.uri_mut() = path.parse().map_err(|e: http::uri::InvalidUri| e.to_string())?;
            request.extensions_mut().insert(user);
            match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        } else {
            let sent = entry.connection.send(request).await;
            sent.map_err(|error| error.to_string())?.map(Body::new)
        };
        let code = response.status().as_u16();
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("")
            .to_owned();
        let body = Limited::new(response.into_body(), MAX_DOCUMENT).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes().to_vec();
        Ok((code, kind, body))
    };
    tokio::select! {
        answer = answer => answer,
        () = capstan_runtime::sleep(TIMEOUT) => {
            Err("context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned())
        }
    }
}

/// Writes the condition if it says something new.
fn publish(aggregator: &Aggregator, entry: &Entry, available: bool, reason: &str, message: &str) {
    let objects = &aggregator.shared.objects;
    let now = timestamp(objects.clock().now());
    let status = if available { "True" } else { "False" };
    let written = objects.modify(APISERVICES, None, &entry.name, Subresource::Status, |object| {
        set_condition(object, status, reason, message, &now);
    });
    if let Err(error) = written
        && !error.is_not_found()
    {
        tracing::warn!(%error, name = entry.name, "the condition of an APIService is not written");
    }
}

/// Sets the `Available` condition; its time moves only with its status.
pub(super) fn set_condition(object: &mut Value, status: &str, reason: &str, message: &str, now: &str) {
    let Some(map) = capstan_kubeapi::meta::object_at(object, "status") else {
        return;
    };
    let conditions = map.entry("conditions").or_insert_with(|| json!([]));
    let Some(list) = conditions.as_array_mut() else {
        return;
    };
    let found = list
        .iter()
        .position(|c| c.get("type").and_then(Value::as_str) == Some("Available"));
    let since = found
        .and_then(|index| list.get(index))
        .filter(|c| c.get("status").and_then(Value::as_str) == Some(status))
        .and_then(|c| c.get("lastTransitionTime").cloned())
        .unwrap_or_else(|| json!(now));
    let condition = json!({
        "type": "Available",
        "status": status,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    });
    match found {
        Some(index) => list[index] = condition,
        None => list.push(condition),
    }
}

//! `watch`: a stream of JSON lines.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use capstan_kubeapi::table::{self, Include};
use capstan_kubeapi::{Resource, Status, meta};
use futures::future::{Either, select};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::list::{Filter, include, version};
use super::path::Query;
use super::{Accept, Form, respond, rows};
use crate::objects::Objects;
use crate::storage::EventKind;
use crate::views;
use crate::watch::{Event, Watch};

/// A watch that names no timeout ends after this long, as upstream's do after 30 to 60 minutes.
const LONGEST: Duration = Duration::from_mins(45);
/// How often a quiet watch is told how far it has come.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);
/// Events rendered into one chunk.
const BATCH: usize = 64;

struct Stream {
    watch: Option<Watch>,
    resource: Resource,
    filter: Filter,
    name: Option<String>,
    form: Form,
    include: Include,
    objects: Objects,
    bookmarks: bool,
    /// Initial events are still being sent and their end is to be marked.
    marking: bool,
    columns_sent: bool,
    deadline: Duration,
    next_bookmark: Duration,
    ready: VecDeque<String>,
}

pub(super) fn watch(
    objects: &Objects,
    resource: Resource,
    namespace: Option<&str>,
    name: Option<&str>,
    query: &Query,
    accept: &Accept,
) -> Result<Response, Status> {
    if !accept.is_acceptable() {
        return Err(Status::not_acceptable(super::negotiate::AVAILABLE));
    }
    let filter = Filter::parse(resource, query)?;
    let wanted = query.get("resourceVersion").map(version).transpose()?;
    let initial = query.get("sendInitialEvents").map(|v| v != "false" && v != "0");
    if initial == Some(true) && query.get("resourceVersionMatch") != Some("NotOlderThan") {
        return Err(Status::bad_request(
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    }
    if let Some(text) = query.get("timeoutSeconds")
        && text.parse::<u64>().is_err()
    {
        return Err(Status::bad_request(format!(
            "strconv.ParseInt: parsing \"{text}\": invalid syntax"
        )));
    }
    let current = objects.resource_version();
    let mut ready = VecDeque::new();
    let from = match (initial, wanted) {
        (Some(true), _) | (None, None | Some(0)) => None,
        (Some(false), None | Some(0)) => Some(current),
        (_, Some(version)) => Some(version),
    };
    let watch = match from {
        Some(version) if version > current => {
            ready.push_back(line(
                EventKind::Error,
                &Status::future_version(version, current).to_value(),
            ));
            None
        }
        from => match objects.watch(resource, namespace, from) {
            Ok(watch) => Some(watch),
            Err(status) => {
                ready.push_back(line(EventKind::Error, &status.to_value()));
                None
            }
        },
    };
    let now = objects.clock().monotonic();
    let timeout = query
        .get("timeoutSeconds")
        .and_then(|t| t.parse().ok())
        .filter(|t| *t > 0);
    let stream = Stream {
        watch,
        resource,
        filter,
        name: name.map(str::to_owned),
        form: accept.form(),
        include: include(query)?,
        objects: objects.clone(),
        bookmarks: query.flag("allowWatchBookmarks"),
        marking: initial == Some(true),
        columns_sent: false,
        deadline: now.saturating_add(timeout.map_or(LONGEST, Duration::from_secs)),
        next_bookmark: now + BOOKMARK_EVERY,
        ready,
    };
    let body = Body::from_stream(futures::stream::unfold(stream, |mut stream| async move {
        let chunk = stream.next_chunk().await?;
        Some((Ok::<Bytes, std::convert::Infallible>(chunk), stream))
    }));
    let content_type = if matches!(accept.form(), Form::Plain) {
        "application/json"
    } else {
        form_type(accept.form())
    };
    let mut response = respond::bytes(StatusCode::OK, content_type, body);
    response
        .headers_mut()
        .insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn form_type(form: Form) -> &'static str {
    match form {
        Form::Plain => "application/json",
        Form::Table("v1beta1") => "application/json;as=Table;g=meta.k8s.io;v=v1beta1",
        Form::Table(_) => "application/json;as=Table;g=meta.k8s.io;v=v1",
        Form::Partial => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    }
}

/// One event on the wire.
fn line(kind: EventKind, object: &Value) -> String {
    format!("{{\"type\":\"{}\",\"object\":{object}}}\n", kind.as_str())
}

impl Stream {
    async fn next_chunk(&mut self) -> Option<Bytes> {
        loop {
            if !self.ready.is_empty() {
                let chunk: String = self.ready.drain(..).collect();
                return Some(chunk.into());
            }
            let watch = self.watch.as_mut()?;
            let mut ended = false;
            let mut events = Vec::new();
            for _ in 0..BATCH {
                let Some(event) = watch.try_next() else { break };
                ended |= event.kind == EventKind::Error;
                events.push(event);
            }
            let idle = events.is_empty();
            for event in events {
                self.render(event);
            }
            if ended {
                self.watch = None;
                continue;
            }
            if !idle {
                continue;
            }
            if self.marking {
                self.marking = false;
                self.bookmark(true);
                continue;
            }
            let clock = self.objects.clock().clone();
            let now = clock.monotonic();
            if now >= self.deadline {
                return None;
            }
            if self.bookmarks && now >= self.next_bookmark {
                self.next_bookmark = now + BOOKMARK_EVERY;
                self.bookmark(false);
                continue;
            }
            let until = if self.bookmarks {
                self.deadline.min(self.next_bookmark)
            } else {
                self.deadline
            };
            let watch = self.watch.as_mut()?;
            let woken = {
                let next = std::pin::pin!(watch.next());
                let timer = std::pin::pin!(capstan_runtime::sleep(until.saturating_sub(now)));
                match select(next, timer).await {
                    Either::Left((event, _)) => Some(event),
                    Either::Right(_) => None,
                }
            };
            match woken {
                Some(Some(event)) => {
                    let ended = event.kind == EventKind::Error;
                    self.render(event);
                    if ended {
                        self.watch = None;
                    }
                }
                Some(None) => return None,
                None => {}
            }
        }
    }

    /// Renders an event as this watch sees it: objects that move into or out of the selection appear and disappear.
    fn render(&mut self, event: Event) {
        if event.kind == EventKind::Error {
            self.ready.push_back(line(EventKind::Error, &event.object));
            return;
        }
        if self
            .name
            .as_deref()
            .is_some_and(|name| name != meta::name(&event.object))
        {
            return;
        }
        let is = self.filter.matches(&event.object);
        let was = event
            .previous
            .as_ref()
            .is_some_and(|previous| self.filter.matches(previous));
        let kind = match event.kind {
            EventKind::Added if is => EventKind::Added,
            EventKind::Modified if is && was => EventKind::Modified,
            EventKind::Modified if is => EventKind::Added,
            EventKind::Modified if was => EventKind::Deleted,
            EventKind::Deleted if was => EventKind::Deleted,
            _ => return,
        };
        // What leaves the selection is shown as it was, with the version at which it left.
        let object = match (&event.previous, kind, is) {
            (Some(previous), EventKind::Deleted, false) => {
                let mut last = (**previous).clone();
                meta::set(
                    &mut last,
                    "resourceVersion",
                    meta::resource_version(&event.object),
                );
                self.show(&last)
            }
            _ => self.show(&event.object),
        };
        self.ready.push_back(line(kind, &object));
    }

    fn show(&mut self, object: &Value) -> Value {
        match self.form {
            Form::Plain => object.clone(),
            Form::Partial => table::partial(object),
            Form::Table(version) => {
                let first = !std::mem::replace(&mut self.columns_sent, true);
                let now = self.objects.clock().now();
                rows::single(self.resource, object, self.include, first, now, version)
            }
        }
    }

    fn bookmark(&mut self, initial_end: bool) {
        let position = self.watch.as_ref().map_or(0, Watch::position);
        let mut metadata = json!({"resourceVersion": position.to_string()});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = match self.form {
            Form::Plain => {
                let object = json!({"kind": self.resource.kind, "apiVersion": self.resource.api_version(), "metadata": metadata});
                // Types write their zero values even here.
                match views::autoscaler(self.resource) {
                    Some(of) => capstan_hpa::wire::read(of.kind(), &object).unwrap_or(object),
                    None => object,
                }
            }
            Form::Partial => table::partial(&json!({ "metadata": metadata })),
            Form::Table(version) => {
                let row = json!({"cells": [], "object": table::partial(&json!({ "metadata": metadata }))});
                let metadata = json!({"resourceVersion": position.to_string()});
                table::table(self.resource, metadata, vec![row], false, version)
            }
        };
        self.ready.push_back(line(EventKind::Bookmark, &object));
    }
}

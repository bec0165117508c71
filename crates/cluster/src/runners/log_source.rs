//! `pods/log` out of the log book.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use capstan_kubeapi::builtin::PODS;
use capstan_kubeapi::{Status, meta};
use futures::stream;
use serde_json::Value;
use tokio::sync::watch;

use super::logs::{LogBook, LogLine, LogRing};
use crate::http::{LogOptions, LogSource, LogStream};
use crate::objects::Objects;

/// The logs of the pods that the node agent runs.
#[derive(Debug, Clone)]
pub(crate) struct PodLogs {
    pub(crate) objects: Objects,
    pub(crate) book: LogBook,
}

struct Reading {
    ring: Arc<LogRing>,
    pending: VecDeque<LogLine>,
    next: u64,
    progress: watch::Receiver<(u64, bool)>,
    follow: bool,
    timestamps: bool,
}

impl LogSource for PodLogs {
    fn log(
        &self,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
        options: &LogOptions,
    ) -> Result<LogStream, Status> {
        let object = self.objects.get(PODS, Some(namespace), pod)?;
        let first = object
            .pointer("/spec/containers/0/name")
            .and_then(Value::as_str)
            .unwrap_or("");
        let container = container.unwrap_or(first);
        let ring = self.book.find(meta::uid(&object), container, options.previous);
        let Some(ring) = ring else {
            return nothing_yet(&object, container, options.previous);
        };
        let progress = ring.progress();
        let (lines, next) = ring.read(0);
        let seconds = options.since_seconds.and_then(|s| i64::try_from(s).ok());
        let recent = seconds.map(|seconds| self.book.now().as_second().saturating_sub(seconds));
        let mut pending: VecDeque<LogLine> = lines
            .into_iter()
            .filter(|line| recent.is_none_or(|from| line.time.as_second() >= from))
            .filter(|line| options.since_time.is_none_or(|from| line.time >= from))
            .collect();
        if let Some(tail) = options.tail_lines {
            let surplus = pending
                .len()
                .saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
            pending.drain(..surplus);
        }
        let (follow, timestamps) = (options.follow, options.timestamps);
        let reading = Reading {
            ring,
            pending,
            next,
            progress,
            follow,
            timestamps,
        };
        Ok(LogStream(Box::pin(stream::unfold(
            reading,
            |mut reading| async move {
                let chunk = reading.chunk().await?;
                Some((chunk, reading))
            },
        ))))
    }
}

impl Reading {
    /// The next lines; waits for them when following. `None` at the end.
    async fn chunk(&mut self) -> Option<Bytes> {
        loop {
            if !self.pending.is_empty() {
                let mut text = String::new();
                for line in self.pending.drain(..) {
                    if self.timestamps {
                        // Writing to a string cannot fail.
                        let _ = write!(text, "{:.9} ", line.time);
                    }
                    text.push_str(&line.text);
                    text.push('\n');
                }
                return Some(Bytes::from(text));
            }
            if !self.follow {
                return None;
            }
            let ended = self.progress.borrow_and_update().1;
            let (lines, next) = self.ring.read(self.next);
            self.pending.extend(lines);
            self.next = next;
            if self.pending.is_empty() && (ended || self.progress.changed().await.is_err()) {
                return None;
            }
        }
    }
}

/// The answer for a container that has no log: an error in upstream's words, or nothing for pods that print nothing.
fn nothing_yet(pod: &Value, container: &str, previous: bool) -> Result<LogStream, Status> {
    let name = meta::name(pod);
    if previous {
        let text = format!("previous terminated container \"{container}\" in pod \"{name}\" not found");
        return Err(Status::bad_request(text));
    }
    let statuses = ["containerStatuses", "initContainerStatuses"]
        .iter()
        .filter_map(|part| pod.get("status")?.get(part));
    let status = statuses
        .filter_map(Value::as_array)
        .flatten()
        .find(|status| status.get("name").and_then(Value::as_str) == Some(container));
    let reason = status
        .and_then(|status| status.pointer("/state/waiting/reason"))
        .and_then(Value::as_str);
    match (status, reason) {
        (Some(_), None) => Ok(LogStream(Box::pin(stream::empty()))),
        (_, reason) => Err(Status::bad_request(format!(
            "container \"{container}\" in pod \"{name}\" is waiting to start: {}",
            reason.unwrap_or("ContainerCreating")
        ))),
    }
}

//! `pods/log`, from whoever runs the pods.

use std::pin::Pin;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use capstan_kubeapi::builtin::PODS;
use capstan_kubeapi::{Status, meta};
use futures::stream::{Stream, StreamExt};
use http::StatusCode;
use serde_json::Value;

use super::path::Query;
use super::respond;
use crate::objects::Objects;

/// What of a log is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on as lines are written, until the container ends.
    pub follow: bool,
    /// Only so many of the last lines.
    pub tail_lines: Option<u64>,
    /// Only lines of the last so many seconds.
    pub since_seconds: Option<u64>,
    /// Only lines from this time on.
    pub since_time: Option<jiff::Timestamp>,
    /// Each line begins with the time at which it was written (RFC 3339, nanoseconds).
    pub timestamps: bool,
    /// End after so many bytes.
    pub limit_bytes: Option<u64>,
    /// The log of the container's previous run.
    pub previous: bool,
}

/// Bytes of a log, as they come.
pub struct LogStream(pub Pin<Box<dyn Stream<Item = Bytes> + Send>>);

impl std::fmt::Debug for LogStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogStream")
    }
}

/// Whoever keeps pods' logs.
pub trait LogSource: Send + Sync {
    /// The log of one container; `container` is `None` when the pod has only one.
    fn log(
        &self,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
        options: &LogOptions,
    ) -> Result<LogStream, Status>;
}

fn number(query: &Query, key: &str) -> Result<Option<u64>, Status> {
    query
        .get(key)
        .map(|text| {
            text.parse().map_err(|_| {
                Status::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
            })
        })
        .transpose()
}

pub(super) fn answer(
    source: Option<&dyn LogSource>,
    objects: &Objects,
    namespace: &str,
    name: &str,
    query: &Query,
) -> Result<Response, Status> {
    let pod = objects.get(PODS, Some(namespace), name)?;
    let container = chosen(&pod, query.get("container"))?;
    let options = LogOptions {
        follow: query.flag("follow"),
        tail_lines: number(query, "tailLines")?,
        since_seconds: number(query, "sinceSeconds")?,
        since_time: query.get("sinceTime").and_then(capstan_kubeapi::time::parse),
        timestamps: query.flag("timestamps"),
        limit_bytes: number(query, "limitBytes")?,
        previous: query.flag("previous"),
    };
    let source = source.ok_or_else(|| Status::unavailable("no pod runner keeps logs here"))?;
    let stream = source.log(namespace, name, Some(container), &options)?;
    let left = options.limit_bytes.unwrap_or(u64::MAX);
    let limited = stream.0.scan(left, |left, mut chunk| {
        if *left == 0 {
            return futures::future::ready(None);
        }
        let keep = usize::try_from(*left).unwrap_or(usize::MAX).min(chunk.len());
        chunk.truncate(keep);
        *left -= keep as u64;
        futures::future::ready(Some(Ok::<Bytes, std::convert::Infallible>(chunk)))
    });
    Ok(respond::bytes(
        StatusCode::OK,
        "text/plain",
        Body::from_stream(limited),
    ))
}

/// The container asked for, or the only one.
fn chosen<'a>(pod: &'a Value, asked: Option<&'a str>) -> Result<&'a str, Status> {
    let names = |part: &str| -> Vec<&'a str> {
        let list = pod
            .get("spec")
            .and_then(|s| s.get(part))
            .and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|c| c.get("name").and_then(Value::as_str))
            .collect()
    };
    let containers = names("containers");
    let pod_name = meta::name(pod);
    match asked {
        Some(asked) if containers.contains(&asked) || names("initContainers").contains(&asked) => Ok(asked),
        Some(asked) => Err(Status::bad_request(format!(
            "container {asked} is not valid for pod {pod_name}"
        ))),
        None => match containers.as_slice() {
            [only] => Ok(only),
            [first, ..] if meta::annotation(pod, "kubectl.kubernetes.io/default-container").is_none() => {
                let _ = first;
                Err(Status::bad_request(format!(
                    "a container name must be specified for pod {pod_name}, choose one of: [{}]",
                    containers.join(" ")
                )))
            }
            [first, ..] => {
                Ok(meta::annotation(pod, "kubectl.kubernetes.io/default-container").unwrap_or(first))
            }
            [] => Err(Status::bad_request(format!("pod {pod_name} has no containers"))),
        },
    }
}

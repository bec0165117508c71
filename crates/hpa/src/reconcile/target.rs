//! The target: its scale and its pods.

use std::sync::Arc;

use capstan_kubeapi::Selector;
use serde_json::{Map, Value};

use super::{Answer, EventType, Failed, Found, Request, Syncing};
use crate::api_error::ApiError;
use crate::autoscaling::{MetricStatus, condition};
use crate::go;
use crate::reconcile::ErrorKind;

/// Nanoseconds between two tries to write a scale, and how many tries (client-go `retry.DefaultRetry`).
const RETRY_DELAY: i64 = 10_000_000;
const RETRY_STEPS: u32 = 5;

/// A scale as it was read, and where.
pub(super) struct Scale {
    path: String,
    subject: String,
    body: Value,
}

impl Scale {
    fn number(&self, pointer: &str) -> i32 {
        let number = self.body.pointer(pointer).and_then(Value::as_i64);
        number.and_then(|number| i32::try_from(number).ok()).unwrap_or(0)
    }

    pub(super) fn replicas(&self) -> i32 {
        self.number("/spec/replicas")
    }

    fn status_replicas(&self) -> i32 {
        self.number("/status/replicas")
    }

    fn selector(&self) -> &str {
        self.body
            .pointer("/status/selector")
            .and_then(Value::as_str)
            .unwrap_or("")
    }

    /// The whole scale with another number; 0 is written as absent, as upstream does.
    fn with_replicas(&self, replicas: i32) -> Value {
        let mut body = self.body.clone();
        if let Some(object) = body.as_object_mut() {
            let spec = object.entry("spec").or_insert_with(|| Value::Object(Map::new()));
            if !spec.is_object() {
                *spec = Value::Object(Map::new());
            }
            if let Some(spec) = spec.as_object_mut() {
                if replicas == 0 {
                    spec.shift_remove("replicas");
                } else {
                    spec.insert("replicas".to_owned(), replicas.into());
                }
            }
        }
        body
    }
}

/// Group and version of an `apiVersion` (`schema.ParseGroupVersion`).
pub(super) fn parse_group_version(text: &str) -> Result<(&str, &str), String> {
    match text.matches('/').count() {
        _ if text == "/" => Ok(("", "")),
        0 => Ok(("", text)),
        1 => Ok(text.split_once('/').unwrap_or(("", text))),
        _ => Err(format!("unexpected GroupVersion string: {text}")),
    }
}

impl Syncing {
    /// Reads the scale of the target; the first of its resources that has one counts.
    pub(super) async fn get_scale(&mut self) -> Result<Scale, Failed> {
        let reference = self.hpa.spec.scale_target_ref.clone();
        let group = match parse_group_version(&reference.api_version) {
            Ok((group, _)) => group.to_owned(),
            Err(text) => {
                self.no_scale(&text).await;
                return Err(Failed {
                    text: format!("invalid API version in scale target reference: {text}"),
                    kind: ErrorKind::Spec,
                });
            }
        };
        let kind = reference.kind.clone();
        let mappings = match self.port.ask(Request::MapKind { group, kind }).await {
            Answer::Mappings(mappings) => Ok(mappings),
            Answer::Failed(error) => Err(error),
            other => Err(other.misplaced()),
        };
        let mappings = match mappings {
            Ok(mappings) => mappings,
            Err(error) => {
                let text = error.to_string();
                self.no_scale(&text).await;
                return Err(Failed::internal(format!(
                    "unable to determine resource for scale target reference: {text}"
                )));
            }
        };
        let mut first: Option<ApiError> = None;
        for mapping in mappings {
            let root = if mapping.group.is_empty() {
                format!("/api/{}", mapping.version)
            } else {
                format!("/apis/{}/{}", mapping.group, mapping.version)
            };
            let path = format!(
                "{root}/namespaces/{}/{}/{}/scale",
                go::escape_path(self.hpa.namespace()),
                mapping.resource,
                go::escape_path(&reference.name)
            );
            let subject = format!("{} {}", mapping.qualified(), reference.name);
            match self.read_scale(&path, &subject).await {
                Ok(body) => return Ok(Scale { path, subject, body }),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        let text = first.map_or_else(|| "unrecognized resource".to_owned(), |error| error.to_string());
        self.no_scale(&text).await;
        Err(Failed::internal(format!(
            "failed to query scale subresource for {}: {text}",
            self.reference()
        )))
    }

    async fn read_scale(&self, path: &str, subject: &str) -> Result<Value, ApiError> {
        let path = path.to_owned();
        let body = self
            .port
            .ask(Request::GetScale { path })
            .await
            .into_result("get", subject)?;
        if body.is_object() {
            Ok(body)
        } else {
            Err(ApiError::text("the answer is no Scale"))
        }
    }

    async fn no_scale(&mut self, text: &str) {
        self.event(EventType::Warning, "FailedGetScale", text).await;
        let message = format!("the HPA controller was unable to get the target's current scale: {text}");
        self.set(condition::ABLE_TO_SCALE, false, "FailedGetScale", &message);
        self.trace.failed("FailedGetScale", &message);
        let _ = self.update_status().await;
    }

    /// Lists the pods of the target, if its selector can be used and no other HPA selects any of them.
    pub(super) async fn find_pods(&mut self, scale: &Scale) -> Result<Found, String> {
        let text = scale.selector();
        if text.is_empty() {
            let error = "selector is required";
            self.event(EventType::Warning, "SelectorRequired", error).await;
            let message = "the HPA target's scale is missing a selector";
            self.set(condition::SCALING_ACTIVE, false, "InvalidSelector", message);
            return Err(error.to_owned());
        }
        let selector = match Selector::parse(text) {
            Ok(selector) => selector.to_string(),
            Err(error) => {
                let message = format!(
                    "couldn't convert selector into a corresponding internal selector object: {error}"
                );
                return Err(self.no_pods("InvalidSelector", message).await);
            }
        };
        let request = Request::ListPods {
            namespace: self.hpa.namespace().to_owned(),
            selector: selector.clone(),
        };
        let (pods, mut rivals): (Arc<[_]>, _) = match self.port.ask(request).await {
            Answer::Pods { pods, rivals } => (pods, rivals),
            Answer::Failed(error) => return Err(error.to_string()),
            other => return Err(other.misplaced().to_string()),
        };
        if !rivals.is_empty() {
            // Upstream prints them in random order, so that its status flips from sync to sync.
            rivals.push(format!("{}/{}", self.hpa.namespace(), self.hpa.name()));
            rivals.sort();
            let message = format!(
                "pods by selector {text} are controlled by multiple HPAs: [{}]",
                rivals.join(" ")
            );
            return Err(self.no_pods("AmbiguousSelector", message).await);
        }
        Ok(Found {
            current: scale.replicas(),
            status_replicas: scale.status_replicas(),
            selector,
            pods,
        })
    }

    async fn no_pods(&mut self, reason: &str, message: String) -> String {
        self.event(EventType::Warning, reason, &message).await;
        self.set(condition::SCALING_ACTIVE, false, reason, &message);
        message
    }

    /// Writes the scale, and on conflicts reads it again and retries.
    pub(super) async fn rescale(
        &mut self,
        scale: &mut Scale,
        desired: i32,
        reason: &str,
        statuses: Option<&[MetricStatus]>,
    ) -> Result<(), Failed> {
        let current = scale.replicas();
        let mut tries = 0;
        let mut withheld = false;
        let error = loop {
            tries += 1;
            let request = Request::PutScale {
                path: scale.path.clone(),
                body: scale.with_replicas(desired),
            };
            let answer = self.port.ask(request).await;
            withheld |= answer == Answer::Withheld;
            let Err(error) = answer.into_result("put", &scale.subject) else {
                self.trace.written(withheld);
                break None;
            };
            if let Ok(body) = self.read_scale(&scale.path, &scale.subject).await {
                scale.body = body;
            }
            if !error.is_conflict() || tries == RETRY_STEPS {
                break Some(error.to_string());
            }
            self.port.ask(Request::Wait { nanos: RETRY_DELAY }).await;
        };
        if let Some(error) = error {
            let message = format!("New size: {desired}; reason: {reason}; error: {error}");
            self.event(EventType::Warning, "FailedRescale", &message).await;
            let message = format!("the HPA controller was unable to update the target scale: {error}");
            self.set(condition::ABLE_TO_SCALE, false, "FailedUpdateScale", &message);
            self.trace.not_written(desired, &error);
            self.set_status(current, None, statuses.map(<[_]>::to_vec));
            let _ = self.update_status().await;
            return Err(Failed::internal(format!(
                "failed to rescale {}: {error}",
                self.reference()
            )));
        }
        let message = format!("the HPA controller was able to update the target scale to {desired}");
        self.set(condition::ABLE_TO_SCALE, true, "SucceededRescale", &message);
        let message = format!("New size: {desired}; reason: {reason}");
        self.event(EventType::Normal, "SuccessfulRescale", &message).await;
        if withheld {
            // Policies look at what was done, not at what would have been.
            return Ok(());
        }
        let now = self.now();
        self.memory
            .store_scale_event(self.hpa.spec.behavior.as_ref(), current, desired, now);
        Ok(())
    }
}

//! The controller of `ScalingSchedule`s and `ClusterScalingSchedule`s: it says in their status whether they are active,
//! and makes the small changes that the HPA controller would ignore.
//!
//! It may run in every replica of the adapter: each write names the version it was decided on, and a conflict is read
//! and decided anew.

mod adjust;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use capstan_collectors::Context;
use capstan_collectors::schedule::objects::{Kind, escaped, list};
use capstan_collectors::schedule::{Object, Rules, highest_active};
use capstan_hpa::autoscaling::HorizontalPodAutoscaler;
use capstan_hpa::conversion::Version;
use capstan_kube::error::Reason;
use capstan_kube::{Event, EventType, Message, ScalableKind};
use capstan_runtime::Shutdown;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::follow;
use adjust::{Active, adjustment};

/// kube-metrics-adapter's period.
const PERIOD: Duration = Duration::from_secs(10);
/// Requests under way.
const AT_ONCE: usize = 10;
/// How often a write is tried that somebody else was quicker than.
const TRIES: usize = 3;
/// HPAs per page of a list, and pages that are read.
const PAGE: usize = 500;
const MOST_PAGES: usize = 1000;
/// An HPA without it has no metric of a schedule, in whichever version.
const MENTION: &str = "ScalingSchedule";

/// Runs the controller until the shutdown is raised. `tolerance` is that of the HPA controller
/// (`--horizontal-pod-autoscaler-tolerance`).
pub async fn run(context: Arc<Context>, tolerance: f64, shutdown: Shutdown) {
    let controller = Controller::new(context, tolerance);
    loop {
        tokio::select! {
            () = controller.once() => {}
            () = shutdown.raised() => return,
        }
        tokio::select! {
            () = capstan_runtime::sleep(PERIOD) => {}
            () = shutdown.raised() => return,
        }
    }
}

#[derive(Debug)]
struct Controller {
    context: Arc<Context>,
    rules: Rules,
    tolerance: f64,
    /// The version of HPAs that the cluster serves, once it is known.
    version: Mutex<Option<Version>>,
    /// What went wrong in the last round, so that it is said once and not every ten seconds.
    said: Mutex<BTreeSet<String>>,
    saying: Mutex<BTreeSet<String>>,
}

/// A page of a list, its objects not yet read.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(borrow, default)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct PageMetadata {
    #[serde(rename = "continue", default)]
    next: String,
}

impl Controller {
    fn new(context: Arc<Context>, tolerance: f64) -> Self {
        Self {
            rules: Rules::of(&context.options),
            context,
            tolerance,
            version: Mutex::default(),
            said: Mutex::default(),
            saying: Mutex::default(),
        }
    }

    /// One round.
    async fn once(&self) {
        let mut all = Vec::new();
        for kind in Kind::ALL {
            match list(&self.context, kind).await {
                Ok(found) => all.extend(found),
                Err(error) => self.say(format!("schedules cannot be listed: {error}")),
            }
        }
        let mut active = Active::new();
        for object in &all {
            match self.highest(object) {
                Ok(Some(value)) => {
                    active.insert((object.kind, object.identifier()), value);
                }
                Ok(None) => {}
                Err(why) => self.say(format!("{} {}: {why}", object.kind.kind(), object.identifier())),
            }
        }
        stream::iter(&all)
            .for_each_concurrent(AT_ONCE, |object| self.update(object))
            .await;
        if !active.is_empty() {
            self.adjust_all(&active).await;
        }
        let now = std::mem::take(&mut *self.saying.lock());
        *self.said.lock() = now;
    }

    /// A warning, unless it was given in the last round too.
    fn say(&self, text: String) {
        if !self.said.lock().contains(&text) {
            tracing::warn!("{text}");
        }
        self.saying.lock().insert(text);
    }

    fn highest(&self, object: &Object) -> Result<Option<i64>, String> {
        let spec = object.spec.as_ref().map_err(Clone::clone)?;
        highest_active(spec, self.context.clock.now(), &self.rules).map_err(|error| error.to_string())
    }

    /// Brings `status.active` up to date.
    async fn update(&self, object: &Object) {
        let mut object = object.clone();
        for _ in 0..TRIES {
            // What cannot be read keeps its status.
            let Ok(highest) = self.highest(&object) else {
                return;
            };
            let active = highest.is_some();
            if active == object.active {
                return;
            }
            match self.write(&object, active).await {
                Ok(true) => {
                    let status = if active { "active" } else { "inactive" };
                    tracing::info!(
                        "Marked {} {} as {status}",
                        object.kind.kind(),
                        object.identifier()
                    );
                    return;
                }
                Ok(false) => {}
                Err(why) => {
                    self.say(format!(
                        "Failed to update status for {} {}: {why}",
                        object.kind.kind(),
                        object.identifier()
                    ));
                    return;
                }
            }
            match self.read(&object).await {
                Some(now) => object = now,
                None => return,
            }
        }
    }

    /// Writes the status; `false` if the object has changed since it was read.
    async fn write(&self, object: &Object, active: bool) -> Result<bool, String> {
        let patch =
            json!({"metadata": {"resourceVersion": object.resource_version}, "status": {"active": active}});
        let path = format!(
            "{}/status?fieldManager={}",
            object.path(),
            capstan_kube::FIELD_MANAGER
        );
        let message = Message {
            method: "PATCH",
            path: &path,
            content_type: "application/merge-patch+json",
            body: patch.to_string().into_bytes(),
            ..Message::default()
        };
        let reply = self.context.cluster.send(&message).await;
        let reply = reply.map_err(|error| error.to_string())?;
        match reply.code {
            200..300 => Ok(true),
            409 => Ok(false),
            code => Err(format!("PATCH {path}: {code} {}", said(&reply.body))),
        }
    }

    async fn read(&self, object: &Object) -> Option<Object> {
        let path = object.path();
        let reply = self.context.cluster.send(&Message::get(&path)).await.ok()?;
        if reply.code != 200 {
            return None;
        }
        let found: Value = serde_json::from_str(&reply.body).ok()?;
        Some(Object::read(object.kind, &found))
    }

    /// Looks at all HPAs that have a metric of a schedule.
    async fn adjust_all(&self, active: &Active) {
        match self.hpas().await {
            Ok(hpas) => {
                stream::iter(&hpas)
                    .for_each_concurrent(AT_ONCE, |hpa| self.adjust(hpa, active))
                    .await;
            }
            Err(why) => {
                // It may serve another version now.
                *self.version.lock() = None;
                self.say(format!("failed to list HPAs: {why}"));
            }
        }
    }

    async fn hpas(&self) -> Result<Vec<HorizontalPodAutoscaler>, String> {
        let known = *self.version.lock();
        let version = match known {
            Some(version) => version,
            None => follow::served(&self.context.cluster)
                .await
                .ok_or("the API server does not tell which version it serves")?,
        };
        *self.version.lock() = Some(version);
        let path = format!("/apis/autoscaling/{}/horizontalpodautoscalers", version.name());
        let mut found = Vec::new();
        let mut next = String::new();
        for _ in 0..MOST_PAGES {
            let page = format!("{path}?limit={PAGE}{next}");
            let reply = self.context.cluster.send(&Message::get(&page)).await;
            let reply = reply.map_err(|error| error.to_string())?;
            if reply.code != 200 {
                return Err(format!("GET {path}: {} {}", reply.code, said(&reply.body)));
            }
            let page: Page<'_> =
                serde_json::from_str(&reply.body).map_err(|error| format!("GET {path}: {error}"))?;
            for item in page.items.iter().filter(|item| item.get().contains(MENTION)) {
                let object: Value = serde_json::from_str(item.get()).map_err(|error| error.to_string())?;
                match follow::read(version, &object) {
                    Ok(hpa) => found.push(hpa),
                    Err(why) => self.say(format!("an HPA cannot be read: {why}")),
                }
            }
            if page.metadata.next.is_empty() {
                return Ok(found);
            }
            next = format!("&continue={}", escaped(&page.metadata.next));
        }
        Err(format!("there are more than {} HPAs", MOST_PAGES * PAGE))
    }

    /// Scales what an HPA scales, if that is ours to do.
    async fn adjust(&self, hpa: &HorizontalPodAutoscaler, active: &Active) {
        let current = i64::from(hpa.status.current_replicas);
        if adjustment(hpa, active, current, self.tolerance).is_none() {
            return;
        }
        if let Err(why) = self.scale(hpa, active).await {
            let target = &hpa.spec.scale_target_ref;
            self.say(format!(
                "Failed to scale target {}/{}/{} for HPA {}/{}: {why}",
                target.kind,
                hpa.namespace(),
                target.name,
                hpa.namespace(),
                hpa.name()
            ));
        }
    }

    /// What the HPA saw may be old: the scale itself decides.
    async fn scale(&self, hpa: &HorizontalPodAutoscaler, active: &Active) -> Result<(), String> {
        let (cluster, target) = (&self.context.cluster, &hpa.spec.scale_target_ref);
        let kinds = &self.context.kinds;
        let found = kinds
            .find(cluster, &target.api_version, &target.kind)
            .await
            .map_err(|error| error.message)?;
        let version = found.api_version.rsplit('/').next().unwrap_or_default();
        let kind = ScalableKind {
            group: found.resource.group.clone(),
            version: version.to_owned(),
            plural: found.resource.resource.clone(),
            kind: target.kind.clone(),
            watch: false,
        };
        for _ in 0..TRIES {
            let scale = cluster
                .scale(&kind, hpa.namespace(), &target.name)
                .await
                .map_err(|error| format!("failed to get scale subresource: {error}"))?;
            let Some(change) = adjustment(hpa, active, scale.replicas, self.tolerance) else {
                return Ok(());
            };
            let written = cluster
                .set_scale(
                    &kind,
                    hpa.namespace(),
                    &target.name,
                    change.to,
                    &scale.resource_version,
                )
                .await;
            match written {
                Ok(_) => {
                    self.tell(hpa, &change.message()).await;
                    return Ok(());
                }
                Err(error) if error.reason == Reason::Conflict => {}
                Err(error) => return Err(format!("failed to rescale: {error}")),
            }
        }
        // Somebody is busy with it; the next round sees what came of it.
        Ok(())
    }

    async fn tell(&self, hpa: &HorizontalPodAutoscaler, message: &str) {
        tracing::info!(namespace = hpa.namespace(), hpa = hpa.name(), "{message}");
        let kind = ScalableKind {
            group: "autoscaling".to_owned(),
            version: "v2".to_owned(),
            plural: "horizontalpodautoscalers".to_owned(),
            kind: "HorizontalPodAutoscaler".to_owned(),
            watch: true,
        };
        let event = Event {
            event_type: EventType::Normal,
            reason: "ScalingAdjusted",
            message,
        };
        let context = &self.context;
        let sent = context
            .cluster
            .event(
                &context.clock,
                &kind,
                hpa.namespace(),
                hpa.name(),
                Some(hpa.uid()),
                &event,
            )
            .await;
        if let Err(error) = sent {
            tracing::debug!(%error, "an event could not be sent");
        }
    }
}

/// What the API server says in an answer that is no success.
fn said(body: &str) -> String {
    let status: Value = serde_json::from_str(body).unwrap_or_default();
    match status["message"].as_str() {
        Some(message) => message.to_owned(),
        None => body.chars().take(200).collect(),
    }
}

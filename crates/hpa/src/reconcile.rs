//! One sync of one HPA as a machine without I/O (upstream: `reconcileAutoscaler`).
//!
//! It yields requests in upstream's order and takes answers; what drives it may fetch them over HTTP, take them from
//! caches in the process, or from a record of an earlier sync ([`replay`]). Time comes with every answer.
//!
//! ```text
//! let mut progress = Sync::start(start, now);
//! let outcome = loop {
//!     match progress {
//!         Progress::Request(request, sync) => progress = sync.resume(answer(request), now()),
//!         Progress::Done(outcome) => break outcome,
//!     }
//! };
//! ```
//!
//! One difference from upstream cannot be seen from outside: pods are listed once per sync, not once per metric. They
//! come from a cache in both.

mod exchange;
mod metric;
mod normalize;
mod outcome;
mod port;
mod sync;
mod target;
mod trace;

use std::sync::Arc;

use jiff::Timestamp;

use crate::autoscaling::{
    Condition, HorizontalPodAutoscaler, MetricSpec, MetricStatus, Status, condition, source,
};
use crate::conditions;
use crate::memory::Memory;
use crate::options::Options;
use crate::pod::Pod;

pub use exchange::{Answer, Event, EventType, Given, Mapping, Request, rivals};
pub use metric::build_quantity;
pub use outcome::{Action, ErrorKind, MetricResult, Outcome, SyncResult};
use port::Port;
pub use sync::{Progress, Start, Sync, replay, run};
use target::Scale;
use trace::Trace;

/// A sync under way.
struct Syncing {
    port: Port,
    options: Arc<Options>,
    original: Arc<HorizontalPodAutoscaler>,
    hpa: HorizontalPodAutoscaler,
    memory: Memory,
    metric_results: Vec<MetricResult>,
    trace: Trace,
}

/// What a sync goes by: the error upstream returns, and whether it is the HPA's fault.
struct Failed {
    text: String,
    kind: ErrorKind,
}

impl Failed {
    fn internal(text: String) -> Self {
        Self {
            text,
            kind: ErrorKind::Internal,
        }
    }
}

/// How a sync ended well: what it did, and the error that did not stop it.
struct Ended {
    action: Action,
    desired: i32,
    error: Option<String>,
}

/// The pods of the target, and what the scale says of it.
struct Found {
    current: i32,
    status_replicas: i32,
    selector: String,
    pods: Arc<[Pod]>,
}

/// What all metrics together ask for.
struct Wanted {
    replicas: i32,
    metric: String,
    error: Option<String>,
}

impl Syncing {
    fn new(start: Start, port: Port) -> Self {
        let trace = Trace::new(&start, port.now());
        Self {
            port,
            options: start.options,
            hpa: (*start.hpa).clone(),
            original: start.hpa,
            memory: start.memory,
            metric_results: Vec::new(),
            trace,
        }
    }

    fn now(&self) -> Timestamp {
        self.port.now()
    }

    fn set(&mut self, type_: &str, status: bool, reason: &str, message: &str) {
        let now = self.now();
        let status = conditions::truth(status);
        conditions::set(
            &mut self.hpa.status.conditions,
            type_,
            status,
            reason,
            message,
            now,
        );
    }

    async fn event(&self, type_: EventType, reason: &str, message: &str) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            message: message.to_owned(),
        };
        self.port.ask(Request::Event(event)).await;
    }

    async fn run(mut self) -> Outcome {
        let (reconciliation, desired, error) = match self.reconcile().await {
            Ok(Ended {
                action,
                desired,
                error,
            }) => {
                let kind = if error.is_some() {
                    ErrorKind::Internal
                } else {
                    ErrorKind::None
                };
                (SyncResult { action, error: kind }, Some(desired), error)
            }
            Err(Failed { text, kind }) => {
                let result = SyncResult {
                    action: Action::None,
                    error: kind,
                };
                (result, None, Some(text))
            }
        };
        let record = self.trace.finish(&self.hpa, self.port.take_given());
        Outcome {
            hpa: self.hpa,
            memory: self.memory,
            metric_results: self.metric_results,
            reconciliation,
            error,
            desired,
            record,
        }
    }

    async fn reconcile(&mut self) -> Result<Ended, Failed> {
        let mut scale = self.get_scale().await?;
        self.set(
            condition::ABLE_TO_SCALE,
            true,
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        );
        let current = scale.replicas();
        self.memory.begin(current, self.now());
        let (min, max) = (
            self.hpa.spec.min_replicas.unwrap_or(1),
            self.hpa.spec.max_replicas,
        );
        self.trace.found(current, min, max);
        let to_zero = self.options.gates.scale_to_zero;
        let outside = self
            .hpa
            .spec
            .metrics
            .iter()
            .any(|metric| metric.type_ == source::OBJECT || metric.type_ == source::EXTERNAL);
        let scaled_to_zero =
            to_zero && conditions::is_true(&self.hpa.status.conditions, condition::SCALED_TO_ZERO);

        let mut desired = 0;
        let mut reason = String::new();
        let mut rescale = true;
        let mut look_at_metrics = false;
        let mut statuses = None;
        let mut error = None;
        if current == 0 {
            look_at_metrics = scaled_to_zero && (min != 0 || outside);
            if !look_at_metrics {
                rescale = false;
                let message = "scaling is disabled since the replica count of the target is zero";
                self.set(condition::SCALING_ACTIVE, false, "ScalingDisabled", message);
                self.trace.disabled(message);
                if !to_zero {
                    conditions::remove(&mut self.hpa.status.conditions, condition::SCALED_TO_ZERO);
                }
            }
        } else if current > max {
            "Current number of replicas above Spec.MaxReplicas".clone_into(&mut reason);
            desired = max;
            self.trace.bound("max", current, max, &reason);
        } else if current < min {
            "Current number of replicas below Spec.MinReplicas".clone_into(&mut reason);
            desired = min;
            self.trace.bound("min", current, min, &reason);
        } else {
            look_at_metrics = true;
        }

        if look_at_metrics {
            let wanted = match self.replicas_for_metrics(&scale, &mut statuses).await {
                Ok(wanted) => wanted,
                Err(text) => {
                    if statuses.is_some()
                        && let Some(raised) = self.fallback(current, max)
                    {
                        return self.without_metrics(&mut scale, statuses, raised, text).await;
                    }
                    self.set_status(current, None, statuses);
                    let _ = self.update_status().await;
                    self.event(EventType::Warning, "FailedComputeMetricsReplicas", &text)
                        .await;
                    self.trace.failed("FailedComputeMetricsReplicas", &text);
                    return Err(Failed::internal(format!(
                        "failed to compute desired number of replicas based on listed metrics for {}: {text}",
                        self.reference()
                    )));
                }
            };
            error = wanted.error;
            desired = wanted.replicas.max(0);
            if desired > current {
                reason = format!("{} above target", wanted.metric);
            } else if desired < current {
                "All metrics below target".clone_into(&mut reason);
            }
            self.trace.wanted(desired, &wanted.metric);
            desired = self.normalize(current, desired, min);
            if current == 0 && min != 0 && scaled_to_zero && desired < min {
                self.trace.bound(
                    "min",
                    desired,
                    min,
                    "scaling from zero reaches at least minReplicas",
                );
                desired = min;
                if reason.is_empty() {
                    "Current number of replicas below Spec.MinReplicas".clone_into(&mut reason);
                }
            }
            rescale = desired != current;
        }

        let mut action = Action::None;
        if rescale {
            self.rescale(&mut scale, desired, &reason, statuses.as_deref())
                .await?;
            action = if desired > current {
                Action::ScaleUp
            } else {
                Action::ScaleDown
            };
            if to_zero {
                let done = current > 0 && desired == 0 && min == 0 && outside;
                let (reason, message) = if done {
                    ("ScaledToZero", "the HPA controller scaled the workload to zero")
                } else {
                    (
                        "NotScaledToZero",
                        "the HPA controller did not scale the workload to zero",
                    )
                };
                self.set(condition::SCALED_TO_ZERO, done, reason, message);
            } else {
                conditions::remove(&mut self.hpa.status.conditions, condition::SCALED_TO_ZERO);
            }
        } else {
            desired = current;
        }
        self.finish_status(current, desired, statuses, rescale).await?;
        Ok(Ended {
            action,
            desired,
            error,
        })
    }

    /// Ours: the number that missing metrics raise the target to, if it is to be raised.
    fn fallback(&self, current: i32, max: i32) -> Option<i32> {
        self.options
            .fallback_replicas
            .map(|fallback| fallback.min(max))
            .filter(|fallback| *fallback > current)
    }

    /// Ours: scales to the fallback while no metric can be had.
    async fn without_metrics(
        &mut self,
        scale: &mut Scale,
        statuses: Option<Vec<MetricStatus>>,
        raised: i32,
        text: String,
    ) -> Result<Ended, Failed> {
        let current = scale.replicas();
        self.event(EventType::Warning, "FailedComputeMetricsReplicas", &text)
            .await;
        self.trace.fallback(current, raised, &text);
        let reason = "metrics are missing, scaling to fallbackReplicas";
        self.rescale(scale, raised, reason, statuses.as_deref()).await?;
        self.finish_status(current, raised, statuses, true).await?;
        Ok(Ended {
            action: Action::ScaleUp,
            desired: raised,
            error: Some(text),
        })
    }

    /// The largest proposal of all metrics. An error means that nothing can be said, or only things that are not safe:
    /// a scale-down while a metric is missing.
    async fn replicas_for_metrics(
        &mut self,
        scale: &Scale,
        statuses: &mut Option<Vec<MetricStatus>>,
    ) -> Result<Wanted, String> {
        let found = self.find_pods(scale).await?;
        self.trace.tolerances(self.tolerances());
        let specs: Vec<MetricSpec> = self.hpa.spec.metrics.clone();
        let mut all = Vec::with_capacity(specs.len());
        let mut best = (0, String::new());
        let mut failures = 0;
        let mut first: Option<(Condition, String)> = None;
        for spec in &specs {
            let result = self.metric(spec, &found).await;
            let proposal = result.as_ref().ok().map(|found| found.calculation.replicas);
            self.metric_results.push(MetricResult {
                type_: spec.type_.clone(),
                action: match proposal {
                    Some(replicas) if replicas > self.original.status.current_replicas => Action::ScaleUp,
                    Some(replicas) if replicas < self.original.status.current_replicas => Action::ScaleDown,
                    _ => Action::None,
                },
                error: match &result {
                    Ok(_) => ErrorKind::None,
                    Err(failure) => failure.kind,
                },
            });
            self.trace.metric(spec, &result, found.current);
            match result {
                Ok(found) => {
                    all.push(found.status);
                    if best.0 == 0 || found.calculation.replicas > best.0 {
                        best = (found.calculation.replicas, found.label);
                    }
                }
                Err(failure) => {
                    all.push(MetricStatus::default());
                    failures += 1;
                    first.get_or_insert((
                        Condition {
                            type_: condition::SCALING_ACTIVE.to_owned(),
                            status: "False".to_owned(),
                            last_transition_time: None,
                            reason: failure.reason.to_owned(),
                            message: format!(
                                "the HPA was unable to compute the replica count: {}",
                                failure.inner
                            ),
                        },
                        failure.wrapped,
                    ));
                }
            }
        }
        *statuses = Some(all);
        let total = specs.len();
        let (condition, error) = first.map_or((Condition::default(), None), |(condition, wrapped)| {
            let text =
                format!("invalid metrics ({failures} invalid out of {total}), first error is: {wrapped}");
            (condition, Some(text))
        });
        let (replicas, metric) = best;
        if failures >= total || (failures > 0 && replicas < found.current) {
            let now = self.now();
            conditions::set(
                &mut self.hpa.status.conditions,
                &condition.type_,
                &condition.status,
                &condition.reason,
                &condition.message,
                now,
            );
            return match error {
                Some(error) => Err(error),
                // No metrics at all: upstream goes on with -1. Defaulting never lets it come to this.
                None => Ok(Wanted {
                    replicas: -1,
                    metric: String::new(),
                    error: None,
                }),
            };
        }
        let message = format!("the HPA was able to successfully calculate a replica count from {metric}");
        self.set(condition::SCALING_ACTIVE, true, "ValidMetricFound", &message);
        Ok(Wanted {
            replicas,
            metric,
            error,
        })
    }

    fn reference(&self) -> String {
        let target = &self.hpa.spec.scale_target_ref;
        format!("{}/{}/{}", target.kind, self.hpa.namespace(), target.name)
    }

    /// Builds the new status; without a desired number the old one stays.
    fn set_status(&mut self, current: i32, desired: Option<i32>, metrics: Option<Vec<MetricStatus>>) {
        let old = std::mem::take(&mut self.hpa.status);
        self.hpa.status = Status {
            observed_generation: None,
            last_scale_time: old.last_scale_time,
            current_replicas: current,
            desired_replicas: desired.unwrap_or(old.desired_replicas),
            current_metrics: metrics,
            conditions: old.conditions,
        };
    }

    async fn finish_status(
        &mut self,
        current: i32,
        desired: i32,
        metrics: Option<Vec<MetricStatus>>,
        rescaled: bool,
    ) -> Result<(), Failed> {
        self.set_status(current, Some(desired), metrics);
        if rescaled {
            self.hpa.status.last_scale_time = Some(self.now());
        }
        self.trace.decided(desired);
        self.update_status().await
    }

    /// Writes the status if it differs from what it was.
    async fn update_status(&mut self) -> Result<(), Failed> {
        if self.hpa.status.same(&self.original.status) {
            return Ok(());
        }
        let request = Request::PutStatus {
            path: format!(
                "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers/{}/status",
                self.hpa.namespace(),
                self.hpa.name()
            ),
            body: Box::new(self.hpa.clone()),
        };
        let subject = format!("horizontalpodautoscalers.autoscaling {}", self.hpa.name());
        match self.port.ask(request).await.into_result("put", &subject) {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = error.to_string();
                self.event(EventType::Warning, "FailedUpdateStatus", &text).await;
                Err(Failed::internal(format!(
                    "failed to update status for {}: {text}",
                    self.hpa.name()
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests;

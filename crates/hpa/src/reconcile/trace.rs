//! Collects what becomes of a decision while it is made.

use jiff::{SignedDuration, Timestamp};

use super::metric::{Failure as MetricFailure, Proposal, label};
use super::{Given, Start};
use crate::autoscaling::{HorizontalPodAutoscaler, MetricSpec, MetricTarget, source};
use crate::behavior::RateLimit;
use crate::go;
use crate::limits::{Limit, Limited};
use crate::memory::Recommendation;
use crate::record::{
    Age, Arithmetic, Direction, Failure, Input, Inputs, LimitStep, MetricStep, Record, Source, Stabilization,
    Step, Target, Unit, Write, WriteStatus,
};
use crate::replica_calculator::{Rule, Tolerances};
use crate::stabilize::Stabilized;

pub(super) struct Trace {
    record: Record,
    arithmetic: Arithmetic,
    inputs: Option<Inputs>,
}

impl Trace {
    pub(super) fn new(start: &Start, now: Timestamp) -> Self {
        let hpa = &start.hpa;
        let target = &hpa.spec.scale_target_ref;
        Self {
            record: Record {
                time: now,
                target: Target::new(&target.api_version, &target.kind, hpa.namespace(), &target.name),
                source: Source::hpa(hpa.name()),
                current_replicas: 0,
                raw_desired_replicas: 0,
                final_desired_replicas: 0,
                direction: Direction::None,
                reason: String::new(),
                selected_metric: None,
                inputs: Vec::new(),
                steps: Vec::new(),
                constraints_applied: Vec::new(),
                write: Write::default(),
                arithmetic: None,
                replay: None,
                count: 1,
                last_time: None,
            },
            arithmetic: Arithmetic::default(),
            inputs: start.keep_inputs.then(|| Inputs {
                time: now,
                hpa: start.hpa.clone(),
                memory: start.memory.clone(),
                options: start.options.clone(),
                answers: Vec::new(),
            }),
        }
    }

    pub(super) fn found(&mut self, current: i32, min: i32, max: i32) {
        let number = i64::from(current);
        self.record.current_replicas = number;
        self.record.raw_desired_replicas = number;
        self.record.final_desired_replicas = number;
        self.arithmetic.min_replicas = min;
        self.arithmetic.max_replicas = max;
    }

    pub(super) fn tolerances(&mut self, tolerances: Tolerances) {
        self.arithmetic.tolerances = Some(tolerances);
    }

    pub(super) fn disabled(&mut self, message: &str) {
        self.failed("ScalingDisabled", message);
        self.record.constraints_applied.push("ScalingDisabled".to_owned());
    }

    pub(super) fn failed(&mut self, reason: &str, message: &str) {
        reason.clone_into(&mut self.record.reason);
        self.arithmetic.failure = Some(Failure {
            reason: reason.to_owned(),
            message: message.to_owned(),
        });
    }

    fn step(&mut self, name: &str, before: i32, after: i32, detail: impl Into<String>) {
        self.record.steps.push(Step {
            name: name.to_owned(),
            before: before.into(),
            after: after.into(),
            detail: detail.into(),
        });
    }

    pub(super) fn bound(&mut self, name: &str, before: i32, after: i32, detail: &str) {
        self.step(name, before, after, detail);
        self.record.constraints_applied.push(name.to_owned());
    }

    pub(super) fn fallback(&mut self, before: i32, after: i32, error: &str) {
        self.step("fallback", before, after, format!("metrics are missing: {error}"));
        self.record
            .constraints_applied
            .push("fallbackReplicas".to_owned());
    }

    pub(super) fn metric(
        &mut self,
        spec: &MetricSpec,
        result: &Result<Proposal, MetricFailure>,
        current: i32,
    ) {
        let (unit, target) = target_of(spec);
        let mut step = MetricStep {
            type_: spec.type_.clone(),
            name: label(spec),
            unit,
            target,
            value: None,
            ratio: None,
            filled_ratio: None,
            divisor: 1,
            factor: 0,
            raw_replicas: None,
            replicas: None,
            rule: None,
            pods: None,
            error: None,
        };
        let mut input = Input::missing(&step.name);
        match result {
            Ok(proposal) => {
                let found = &proposal.calculation;
                let value = found.utilization.map_or(found.value, i64::from);
                step.value = Some(value);
                step.ratio = Some(found.ratio).filter(|ratio| ratio.is_finite());
                step.filled_ratio = found.filled_ratio.filter(|ratio| ratio.is_finite());
                step.divisor = found.divisor;
                step.factor = found.factor;
                step.raw_replicas = Some(found.unheld);
                step.replicas = Some(found.replicas);
                step.rule = Some(found.rule);
                step.pods.clone_from(&found.pods);
                input.value = Some(match unit {
                    Unit::Percent => value as f64,
                    Unit::Milli => value as f64 / 1000.0,
                });
                input.time = proposal.measured.filter(|time| *time != go::zero_time());
                input.age = input.time.map(|time| {
                    let nanos = self.record.time.as_nanosecond() - time.as_nanosecond();
                    Age(i64::try_from(nanos).unwrap_or(i64::MAX))
                });
            }
            Err(failure) => step.error = Some(failure.inner.clone()),
        }
        if let Some(replicas) = step.replicas {
            self.step("metric", current, replicas, step.line());
        }
        self.record.inputs.push(input);
        self.arithmetic.metrics.push(step);
    }

    pub(super) fn wanted(&mut self, desired: i32, metric: &str) {
        self.record.raw_desired_replicas = desired.into();
        self.record.selected_metric = Some(metric.to_owned()).filter(|metric| !metric.is_empty());
        let selected = self
            .arithmetic
            .metrics
            .iter()
            .find(|step| step.name == metric && step.replicas == Some(desired));
        let held = selected.and_then(|step| {
            step.raw_replicas
                .filter(|raw| *raw != desired && step.rule.is_some_and(Rule::holds))
        });
        if let Some(raw) = held {
            self.step(
                "tolerance",
                raw,
                desired,
                "the ratio is too close to 1, or pods have no values",
            );
            self.record.constraints_applied.push("tolerance".to_owned());
        }
    }

    pub(super) fn stabilized(
        &mut self,
        before: i32,
        stabilized: Stabilized,
        latest: Option<Recommendation>,
        up_window: i32,
        down_window: i32,
    ) {
        let Stabilized { replicas, held_by } = stabilized;
        let held_by = held_by.filter(|_| replicas != before);
        let window = if i64::from(before) > self.record.current_replicas {
            up_window
        } else {
            down_window
        };
        let until = latest.filter(|_| replicas != before).and_then(|entry| {
            entry
                .time
                .checked_add(SignedDuration::from_secs(window.into()))
                .ok()
        });
        if replicas != before {
            let detail = held_by.map_or_else(String::new, |held| {
                format!("{} recommended at {}, window {window}s", held.replicas, held.time)
            });
            self.step("stabilization", before, replicas, detail);
            self.record.constraints_applied.push("stabilization".to_owned());
        }
        self.arithmetic.stabilization = Some(Stabilization {
            up_window_seconds: up_window,
            down_window_seconds: down_window,
            before,
            after: replicas,
            held_by,
            until,
        });
    }

    pub(super) fn limited(
        &mut self,
        before: i32,
        limited: Limited,
        rate: Option<RateLimit>,
        scale_up_limit: Option<i32>,
    ) {
        let Limited { replicas, limit } = limited;
        if replicas != before {
            let name = match limit {
                Limit::TooManyReplicas => "max",
                Limit::TooFewReplicas => "min",
                Limit::ScaleUpLimit => "scaleUp",
                Limit::ScaleDownLimit => "scaleDown",
                Limit::DesiredWithinRange => "limit",
            };
            self.step(name, before, replicas, limit.message());
            self.record.constraints_applied.push(name.to_owned());
        }
        self.arithmetic.limit = Some(LimitStep {
            before,
            after: replicas,
            limit,
            rate,
            scale_up_limit,
        });
    }

    pub(super) fn decided(&mut self, desired: i32) {
        self.record.final_desired_replicas = desired.into();
        self.record.direction = Direction::between(self.record.current_replicas, desired.into());
    }

    pub(super) fn written(&mut self, withheld: bool) {
        self.record.write = Write::of(if withheld {
            WriteStatus::DryRun
        } else {
            WriteStatus::Succeeded
        });
        "SuccessfulRescale".clone_into(&mut self.record.reason);
    }

    pub(super) fn not_written(&mut self, desired: i32, error: &str) {
        self.decided(desired);
        self.failed("FailedRescale", error);
        self.record.write = Write::failed(error);
    }

    pub(super) fn finish(mut self, hpa: &HorizontalPodAutoscaler, given: Option<Vec<Given>>) -> Record {
        if self.record.reason.is_empty() {
            // A hold: the reason of whatever held it.
            let reason = match (&self.arithmetic.stabilization, &self.arithmetic.limit) {
                (Some(step), _) if step.before != step.after => {
                    condition_reason(hpa, crate::autoscaling::condition::ABLE_TO_SCALE)
                }
                (_, Some(step)) => step.limit.reason().to_owned(),
                _ => condition_reason(hpa, crate::autoscaling::condition::SCALING_ACTIVE),
            };
            self.record.reason = reason;
        }
        self.record.arithmetic = Some(Box::new(self.arithmetic));
        self.record.replay = self.inputs.map(|mut inputs| {
            inputs.answers = given.unwrap_or_default();
            Box::new(inputs)
        });
        self.record
    }
}

fn condition_reason(hpa: &HorizontalPodAutoscaler, type_: &str) -> String {
    let conditions = &hpa.status.conditions;
    conditions
        .iter()
        .find(|condition| condition.type_ == type_)
        .map_or_else(String::new, |condition| condition.reason.clone())
}

/// What a metric should be, and what that is counted in.
fn target_of(spec: &MetricSpec) -> (Unit, i64) {
    let target: Option<&MetricTarget> = match spec.type_.as_str() {
        source::RESOURCE => spec.resource.as_ref().map(|source| &source.target),
        source::CONTAINER_RESOURCE => spec.container_resource.as_ref().map(|source| &source.target),
        source::PODS => spec.pods.as_ref().map(|source| &source.target),
        source::OBJECT => spec.object.as_ref().map(|source| &source.target),
        source::EXTERNAL => spec.external.as_ref().map(|source| &source.target),
        _ => None,
    };
    let Some(target) = target else {
        return (Unit::Milli, 0);
    };
    let whole = target.type_ == crate::autoscaling::target::VALUE && spec.type_ == source::OBJECT;
    let quantity = if whole {
        target.value.as_ref()
    } else {
        target.average_value.as_ref()
    };
    match (quantity.or(target.value.as_ref()), target.average_utilization) {
        (Some(quantity), _) => (Unit::Milli, quantity.milli_value()),
        (None, Some(percent)) => (Unit::Percent, percent.into()),
        (None, None) => (Unit::Milli, 0),
    }
}

//! Whether we act on an object: `Autoscaler`s keep away from what an HPA targets, and say so.

use capstan_hpa::autoscaling::{Condition, HorizontalPodAutoscaler};
use capstan_hpa::conditions;
use capstan_hpa::reconcile::{Event, EventType};
use jiff::Timestamp;

use crate::subject::{Kind, Subject};
use crate::targets::{Targets, target};

/// The condition of an `Autoscaler` that says whether it acts.
const ACTING: &str = "Acting";

/// Whether we act on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// We do.
    Acts,
    /// Its mode says that we do not.
    Shadow,
    /// HPAs target the same object; `namespace/name` of each.
    Rivals(Vec<String>),
    /// We may not see HPAs, so that some may target the same object.
    Unknown,
}

impl Standing {
    pub(crate) fn of(subject: &Subject, targets: &Targets) -> Self {
        if subject.shadow {
            return Self::Shadow;
        }
        if subject.key.kind == Kind::Hpa {
            return Self::Acts;
        }
        let reference = &subject.hpa.spec.scale_target_ref;
        let target = target(
            &subject.key.namespace,
            &reference.api_version,
            &reference.kind,
            &reference.name,
        );
        match targets.hpas(&target) {
            None => Self::Unknown,
            Some(hpas) if hpas.is_empty() => Self::Acts,
            Some(hpas) => Self::Rivals(hpas),
        }
    }

    fn words(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::Acts => (
                "True",
                "NoOtherAutoscaler",
                "no HorizontalPodAutoscaler targets the same object".to_owned(),
            ),
            Self::Shadow => (
                "False",
                "Shadow",
                "decisions are recorded and not carried out".to_owned(),
            ),
            Self::Rivals(hpas) => (
                "False",
                "TargetedByHPA",
                format!(
                    "HorizontalPodAutoscaler {} targets the same object: decisions are recorded and not carried out until it is deleted",
                    hpas.join(", ")
                ),
            ),
            Self::Unknown => (
                "False",
                "HPAsUnknown",
                "HorizontalPodAutoscalers cannot be listed, and one may target the same object".to_owned(),
            ),
        }
    }

    /// The object with the condition that says so, and the event to leave, if it does not say so yet.
    pub(crate) fn news(
        &self,
        subject: &Subject,
        now: Timestamp,
    ) -> Option<(HorizontalPodAutoscaler, Option<Event>)> {
        if subject.key.kind == Kind::Hpa {
            return None;
        }
        let (status, reason, message) = self.words();
        let says = |one: &Condition| {
            one.type_ == ACTING && one.status == status && one.reason == reason && one.message == message
        };
        if subject.hpa.status.conditions.iter().any(says) {
            return None;
        }
        let mut hpa = (*subject.hpa).clone();
        conditions::set(&mut hpa.status.conditions, ACTING, status, reason, &message, now);
        let event = matches!(self, Self::Rivals(_) | Self::Unknown).then(|| Event {
            type_: EventType::Warning,
            reason: reason.to_owned(),
            message,
        });
        Some((hpa, event))
    }
}

//! `ScalingSchedule` and `ClusterScalingSchedule` (zalando.org/v1): values that are set for times of the day or dates,
//! so that replicas are there before the load is (kube-metrics-adapter, `scaling_schedule_collector.go`).
//!
//! | module | what |
//! |---|---|
//! | [`spec`] | what a schedule says |
//! | `when` | when it is: days, dates, time zones, midnight |
//! | [`value()`] | its value at a moment |
//! | [`objects`] | schedules as the API server has them |
//! | [`crds`] | their `CustomResourceDefinition`s |

pub mod crds;
pub mod objects;
pub mod spec;
#[cfg(test)]
mod tests;
mod value;
mod when;

use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::{Format, Quantity};
use capstan_metrics::{GroupResource, Sample, Series};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::choose::Order;
use crate::collector::{CollectError, Collected, Collector, ConfigError};
use crate::context::Context;
use crate::options::Options;
use crate::prometheus::labels;
use objects::{Kind, recent};

pub use objects::Object;
pub use spec::Spec;
pub use value::{Valued, highest_active, value};
pub use when::ScheduleError;

/// How schedules are understood, beside what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The window of those that have none.
    pub window: Duration,
    /// In how many steps values rise and fall.
    pub ramp_steps: u32,
    /// The time zone of those that name none.
    pub time_zone: String,
    /// Look at today only, as kube-metrics-adapter does: what passes midnight is cut.
    pub compatible: bool,
}

impl Rules {
    /// As configured.
    pub fn of(options: &Options) -> Self {
        Self {
            window: options.scaling_schedule_window,
            ramp_steps: options.scaling_schedule_ramp_steps,
            time_zone: options.scaling_schedule_time_zone.clone(),
            compatible: options.compatible,
        }
    }
}

/// The value of a schedule as a metric of it.
#[derive(Debug)]
struct ScalingSchedule {
    context: Arc<Context>,
    kind: Kind,
    /// The HPA's, also for schedules that are in none.
    namespace: String,
    name: String,
    series: Series,
}

/// For `ScalingSchedule`s.
pub(crate) fn namespaced(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    make(order, Kind::Namespaced)
}

/// For `ClusterScalingSchedule`s.
pub(crate) fn cluster(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    make(order, Kind::Cluster)
}

fn make(order: &Order<'_>, kind: Kind) -> Result<Box<dyn Collector>, ConfigError> {
    let wanted = order.wanted;
    let object = wanted
        .metric
        .object
        .as_ref()
        .ok_or_else(|| ConfigError::new("the metric has no describedObject"))?;
    let name = object.described_object.name.clone();
    let series = Series::Object {
        metric: wanted.name().to_owned(),
        resource: GroupResource::new(objects::GROUP, kind.plural()),
        api_version: objects::API_VERSION.to_owned(),
        kind: kind.kind().to_owned(),
        namespace: wanted.namespace.clone(),
        name: name.clone(),
        labels: labels(wanted),
    };
    Ok(Box::new(ScalingSchedule {
        context: Arc::clone(order.context),
        kind,
        namespace: wanted.namespace.clone(),
        name,
        series,
    }))
}

impl Collector for ScalingSchedule {
    fn question(&self) -> String {
        let kind = self.kind.kind();
        match self.kind {
            Kind::Namespaced => format!("{kind} {}/{}", self.namespace, self.name),
            Kind::Cluster => format!("{kind} {}", self.name),
        }
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.run().boxed()
    }
}

impl ScalingSchedule {
    async fn run(&self) -> Result<Collected, CollectError> {
        let kind = self.kind.kind();
        let all = recent(&self.context, self.kind).await?;
        let inside = match self.kind {
            Kind::Namespaced => self.namespace.clone(),
            Kind::Cluster => String::new(),
        };
        // kube-metrics-adapter's words.
        let found = all
            .get(&(inside, self.name.clone()))
            .ok_or_else(|| CollectError::new(format!("referenced {kind} not found: {}", self.question())))?;
        let spec = found.spec.as_ref().map_err(|why| {
            CollectError::new(format!(
                "error converting returned object to {kind}: {}: {why}",
                self.question()
            ))
        })?;
        let now = self.context.clock.now();
        let valued = value(spec, now, &Rules::of(&self.context.options))
            .map_err(|error| CollectError::new(format!("{}: {error}", self.question())))?;
        let sample = Sample {
            value: Quantity::from_value(valued.value, Format::DecimalSI),
            at: now,
            window: None,
        };
        Ok(Collected {
            samples: vec![(self.series.clone(), sample)],
            missing: (!valued.remarks.is_empty()).then(|| valued.remarks.join("; ")),
        })
    }
}

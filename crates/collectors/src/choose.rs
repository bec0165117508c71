//! Which collector a metric gets (kube-metrics-adapter, pkg/collector/collector.go).

mod table;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use crate::annotations::MetricType;
use crate::collector::{Collector, ConfigError, Wanted};
use crate::context::Context;
use crate::keys::Keys;
use crate::options::Options;

/// The label of an External metric that names its collector.
const TYPE_LABEL: &str = "type";
/// Collecting more often would be a load and tell nothing.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// A value is believed for so many intervals …
const BELIEVED_INTERVALS: u32 = 3;
/// … and at least for so long.
const BELIEVED: Duration = Duration::from_secs(30);

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
    /// What in its configuration is ignored.
    pub remarks: Vec<String>,
    /// What in its configuration is an old way that works.
    pub deprecated: Option<String>,
}

/// What a collector is made from.
#[derive(Debug)]
pub struct Order<'a> {
    /// The metric.
    pub wanted: &'a Wanted,
    /// Its keys. Those that nobody asks for become remarks.
    pub keys: &'a Keys,
    /// What all collectors share.
    pub context: &'a Arc<Context>,
    /// How often it will be collected.
    pub interval: Duration,
    remarks: RefCell<Vec<String>>,
}

impl Order<'_> {
    /// Notes something that its author should know, although the collector works.
    pub fn remark(&self, text: impl Into<String>) {
        self.remarks.borrow_mut().push(text.into());
    }
}

/// A kind of collector.
#[derive(Debug)]
pub(crate) struct Plugin {
    /// Its name in annotations.
    pub(crate) name: &'static str,
    /// Which metrics it is for.
    pub(crate) serves: Serves,
    /// The flag it needs, empty if none.
    pub(crate) flag: &'static str,
    /// Whether it has it. A collector that is not configured does not exist.
    pub(crate) configured: fn(&Options) -> bool,
    /// Makes one.
    pub(crate) make: fn(&Order<'_>) -> Result<Box<dyn Collector>, ConfigError>,
}

/// The metrics that a kind of collector is for.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code)] // until the table has a line of each
pub(crate) enum Serves {
    /// Pods metrics, whatever collector the annotations name.
    Pods,
    /// Object metrics of all kinds that have no collector of their own, if the annotations name it.
    AnyObject,
    /// Object metrics of this kind, whatever collector the annotations name.
    Object(&'static str),
    /// External metrics with one of these as the label `type`, or else as their name.
    External(&'static [&'static str]),
}

/// Makes the collector that a metric wants.
///
/// # Errors
/// When there is none for it, or its configuration does not suffice.
pub fn build(wanted: &Wanted, context: &Arc<Context>) -> Result<Built, ConfigError> {
    let options = &context.options;
    let plugin = choose(table::PLUGINS, wanted, options)?;
    let mut interval = wanted
        .config
        .interval
        .filter(|interval| !interval.is_zero())
        .unwrap_or(options.interval);
    let keys = Keys::of(wanted);
    let mut remarks = general_remarks(plugin, wanted);
    if interval < SHORTEST_INTERVAL {
        remarks.push(format!(
            "the interval {interval:?} is too short, it is collected every {SHORTEST_INTERVAL:?}"
        ));
        interval = SHORTEST_INTERVAL;
    }
    let order = Order {
        wanted,
        keys: &keys,
        context,
        interval,
        remarks: RefCell::default(),
    };
    let collector = (plugin.make)(&order)?;
    remarks.extend(order.remarks.into_inner());
    remarks.extend(keys.remarks(plugin.name));
    let max_age = if options.compatible {
        options.ttl
    } else {
        options
            .ttl
            .min(interval.saturating_mul(BELIEVED_INTERVALS).max(BELIEVED))
    };
    Ok(Built {
        collector,
        name: plugin.name,
        interval,
        max_age,
        remarks,
        deprecated: deprecated(wanted),
    })
}

/// The old way to name a collector, in kube-metrics-adapter's words.
fn deprecated(wanted: &Wanted) -> Option<String> {
    let old = wanted.metric_type() == Some(MetricType::External) && external_key(wanted).1;
    old.then(|| {
        format!(
            "HPA {}/{} is using deprecated metric type identifier '{}'",
            wanted.namespace,
            wanted.hpa,
            wanted.name()
        )
    })
}

/// The collector of a metric, among those that are configured.
fn choose<'a>(plugins: &'a [Plugin], wanted: &Wanted, options: &Options) -> Result<&'a Plugin, ConfigError> {
    let kind = described_kind(wanted);
    // A kind that any collector is for is not left to those for all kinds.
    let kind_is_known = plugins.iter().any(|plugin| {
        matches!(plugin.serves, Serves::Object(of) if of == kind) && (plugin.configured)(options)
    });
    let suits = |plugin: &&Plugin| match (wanted.metric_type(), plugin.serves) {
        (Some(MetricType::Pods), Serves::Pods) => true,
        (Some(MetricType::Object), Serves::Object(of)) => of == kind,
        (Some(MetricType::Object), Serves::AnyObject) => {
            !kind_is_known && plugin.name == wanted.config.collector
        }
        (Some(MetricType::External), Serves::External(keys)) => keys.contains(&external_key(wanted).0),
        _ => false,
    };
    let suitable: Vec<&Plugin> = plugins.iter().filter(suits).collect();
    suitable
        .iter()
        .find(|plugin| (plugin.configured)(options))
        .copied()
        .ok_or_else(|| no_plugin(wanted, suitable.first().map_or("", |plugin| plugin.flag)))
}

fn described_kind(wanted: &Wanted) -> &str {
    wanted
        .metric
        .object
        .as_ref()
        .map_or("", |object| object.described_object.kind.as_str())
}

/// What names the collector of an External metric, and whether it is the old way: the metric's name.
fn external_key(wanted: &Wanted) -> (&str, bool) {
    wanted
        .selector()
        .and_then(|selector| selector.match_labels.get(TYPE_LABEL))
        .filter(|key| !key.is_empty())
        .map_or((wanted.name(), true), |key| (key.as_str(), false))
}

/// What is noteworthy whatever the collector.
fn general_remarks(plugin: &Plugin, wanted: &Wanted) -> Vec<String> {
    let mut remarks = Vec::new();
    let kind = wanted.metric_type();
    let config = &wanted.config;
    if kind == Some(MetricType::External) {
        let other = config.collector != plugin.name
            && table::PLUGINS
                .iter()
                .any(|other| other.name == config.collector && other.name != plugin.name);
        if other {
            remarks.push(format!(
                "annotations of this metric name the collector {}, but its selector makes it {}",
                config.collector, plugin.name
            ));
        }
    }
    if config.min_pod_ready_age.is_some() && kind != Some(MetricType::Pods) {
        remarks.push("min-pod-ready-age means something to Pods metrics only".to_owned());
    }
    if config.per_replica && !matches!(plugin.serves, Serves::AnyObject) {
        remarks.push(
            "per-replica means something to Object metrics of the collector prometheus only".to_owned(),
        );
    }
    if wanted
        .selector()
        .is_some_and(|selector| !selector.match_expressions.is_empty())
    {
        remarks.push(
            "matchExpressions of the metric's selector do not reach the collector, only matchLabels do; values have the \
             labels of matchLabels, and expressions that these do not meet find no value"
                .to_owned(),
        );
    }
    remarks
}

/// kube-metrics-adapter's words (`MetricTypeName.String`), and the flag that would help.
fn no_plugin(wanted: &Wanted, flag: &str) -> ConfigError {
    let mut text = format!("no plugin found for {}", type_and_name(wanted));
    if !flag.is_empty() {
        text = format!("{text}: its collector needs {flag}");
    }
    ConfigError(text)
}

/// `External/metric-name{key=value}`.
fn type_and_name(wanted: &Wanted) -> String {
    let kind = wanted.metric_type().unwrap_or(MetricType::External);
    let mut text = format!("{kind}/{}", wanted.name());
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
    text
}

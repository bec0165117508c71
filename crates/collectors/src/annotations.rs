//! The language of `metric-config.<metricType>.<metricName>.<collectorType>/<configKey>` annotations
//! (kube-metrics-adapter, pkg/annotations/parser.go).
//!
//! What is accepted is what kube-metrics-adapter accepts. What it drops without a word comes back as a remark.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use capstan_gocompat::duration::parse_go;
use capstan_hpa::autoscaling::MetricSpec;

const PREFIX: &str = "metric-config.";

const PER_REPLICA: &str = "per-replica";
const INTERVAL: &str = "interval";
const MIN_POD_READY_AGE: &str = "min-pod-ready-age";

/// The types of metric that can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetricType {
    /// Of every pod of the target.
    Pods,
    /// Of one object.
    Object,
    /// Of something outside the cluster.
    External,
}

impl MetricType {
    /// The type of a metric; `None` for Resource and `ContainerResource`, which are metrics.k8s.io's.
    pub fn of(metric: &MetricSpec) -> Option<Self> {
        match metric.type_.as_str() {
            "Pods" => Some(Self::Pods),
            "Object" => Some(Self::Object),
            "External" => Some(Self::External),
            _ => None,
        }
    }

    /// Every other word is External, a mistyped one too (parser.go).
    fn parse(word: &str) -> (Self, bool) {
        match word {
            "pods" => (Self::Pods, true),
            "object" => (Self::Object, true),
            "external" => (Self::External, true),
            _ => (Self::External, false),
        }
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pods => "Pods",
            Self::Object => "Object",
            Self::External => "External",
        })
    }
}

/// What annotations say about one metric.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricConfig {
    /// The collector's name; empty if no annotation speaks of the metric.
    pub collector: String,
    /// Divide by the target's replicas.
    pub per_replica: bool,
    /// How often to collect, if not as usual.
    pub interval: Option<Duration>,
    /// Leave out pods that are Ready for less.
    pub min_pod_ready_age: Option<Duration>,
    /// All other keys, verbatim.
    pub config: BTreeMap<String, String>,
}

/// What all annotations of an HPA say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    /// By type and name of the metric.
    pub configs: BTreeMap<(MetricType, String), MetricConfig>,
    /// Metrics with a reserved key that cannot be read, and why. They also stand in `configs`.
    pub errors: BTreeMap<(MetricType, String), String>,
    /// What is ignored, or is likely not meant so. Each names its annotation.
    pub remarks: Vec<String>,
}

/// Reads all annotations of an HPA.
pub fn parse<'a>(annotations: impl IntoIterator<Item = (&'a str, &'a str)>) -> Parsed {
    let mut parsed = Parsed::default();
    // In the order of their keys, so that the same annotations always mean the same.
    let ordered: BTreeMap<&str, &str> = annotations
        .into_iter()
        .filter(|(key, _)| key.starts_with(PREFIX))
        .collect();
    for (key, value) in ordered {
        if let Err(remark) = parsed.take(key, value) {
            parsed.remarks.push(format!("annotation {key}: {remark}"));
        }
    }
    parsed
}

impl Parsed {
    fn take(&mut self, annotation: &str, value: &str) -> Result<(), String> {
        let (left, key) = annotation
            .split_once('/')
            .filter(|(_, key)| !key.contains('/'))
            .ok_or("ignored: it has to have exactly one slash, before the key")?;
        let pieces: Vec<&str> = left.split('.').collect();
        let [_, word, name, collector] = pieces[..] else {
            return Err(
                "ignored: before the slash it has to be metric-config.<type>.<metric>.<collector>; \
                names of metrics and collectors cannot have a dot"
                    .to_owned(),
            );
        };
        let (kind, known) = MetricType::parse(word);
        let group = (kind, name.to_owned());
        let config = self.configs.entry(group.clone()).or_insert_with(|| MetricConfig {
            collector: collector.to_owned(),
            ..MetricConfig::default()
        });
        if config.collector != collector {
            return Err(format!(
                "ignored: {kind}/{name} has the collector {} by another annotation, a metric has one",
                config.collector
            ));
        }
        match key {
            PER_REPLICA => {
                config.per_replica = true;
                if value != "true" {
                    return Err(format!(
                        "its value is {value:?}, but any value switches it on; leave the annotation out to switch it off"
                    ));
                }
            }
            INTERVAL | MIN_POD_READY_AGE => match duration(value) {
                Ok(duration) if key == INTERVAL => config.interval = Some(duration),
                Ok(duration) => config.min_pod_ready_age = Some(duration),
                Err(why) => {
                    let why = format!("annotation {annotation}: {value:?} is no duration: {why}");
                    self.errors.insert(group, why);
                }
            },
            _ => {
                config.config.insert(key.to_owned(), value.to_owned());
            }
        }
        if known {
            Ok(())
        } else {
            Err(format!(
                "the type {word:?} is none of pods, object, external, and counts as external"
            ))
        }
    }
}

/// A Go duration that is not negative.
///
/// # Errors
/// A text that says what is wrong.
pub fn duration(text: &str) -> Result<Duration, String> {
    let nanos = parse_go(text).map_err(|error| error.to_string())?;
    u64::try_from(nanos)
        .map(Duration::from_nanos)
        .map_err(|_| "it must not be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(all: &[(&str, &str)]) -> Parsed {
        parse(all.iter().copied())
    }

    fn of(parsed: &Parsed, kind: MetricType, name: &str) -> MetricConfig {
        parsed.configs[&(kind, name.to_owned())].clone()
    }

    #[test]
    fn nothing_is_found_where_nothing_is_said() {
        assert_eq!(read(&[]), Parsed::default());
        assert_eq!(read(&[("other/metric-config", "1")]), Parsed::default());
    }

    #[test]
    fn keys_are_kept_and_reserved_ones_taken_out() {
        let parsed = read(&[
            (
                "metric-config.pods.requests-per-second.json-path/json-key",
                "$.rps",
            ),
            ("metric-config.pods.requests-per-second.json-path/port", "9090"),
            (
                "metric-config.pods.requests-per-second.json-path/min-pod-ready-age",
                "30s",
            ),
            (
                "metric-config.pods.requests-per-second.json-path/interval",
                "1m30s",
            ),
            ("metric-config.object.processed.prometheus/query", "scalar(x)"),
            ("metric-config.object.processed.prometheus/per-replica", "true"),
        ]);
        assert_eq!(parsed.remarks, Vec::<String>::new());
        let pods = of(&parsed, MetricType::Pods, "requests-per-second");
        assert_eq!(pods.collector, "json-path");
        assert_eq!(pods.min_pod_ready_age, Some(Duration::from_secs(30)));
        assert_eq!(pods.interval, Some(Duration::from_secs(90)));
        assert_eq!(pods.config.len(), 2);
        let object = of(&parsed, MetricType::Object, "processed");
        assert!(object.per_replica && object.config["query"] == "scalar(x)");
    }

    #[test]
    fn what_is_dropped_is_said() {
        let remarks = |key: &str, value: &str| read(&[(key, value)]).remarks.join("\n");
        assert!(remarks("metric-config.pods.a.b.json-path/key", "x").contains("cannot have a dot"));
        assert!(remarks("metric-config.pods.a/key", "x").contains("<collector>"));
        assert!(remarks("metric-config.pods.a.json-path", "x").contains("one slash"));
        assert!(remarks("metric-config.podz.a.json-path/key", "x").contains("counts as external"));
        assert!(remarks("metric-config.pods.a.json-path/per-replica", "false").contains("any value"));
        let two = read(&[
            ("metric-config.external.a.prometheus/query", "x"),
            ("metric-config.external.a.influxdb/query", "y"),
        ]);
        assert!(
            two.remarks[0].contains("has the collector influxdb"),
            "{:?}",
            two.remarks
        );
        assert_eq!(of(&two, MetricType::External, "a").config["query"], "y");
    }

    #[test]
    fn a_bad_duration_fails_its_metric() {
        let parsed = read(&[
            ("metric-config.external.a.prometheus/interval", "soon"),
            ("metric-config.external.b.prometheus/interval", "10s"),
        ]);
        assert!(parsed.errors[&(MetricType::External, "a".to_owned())].contains("soon"));
        assert_eq!(parsed.errors.len(), 1);
    }
}

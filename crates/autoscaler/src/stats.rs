//! The controller's metrics, under upstream's names (`podautoscaler/metrics`), as Prometheus text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use capstan_hpa::reconcile::{Action, ErrorKind, MetricResult, SyncResult};
use parking_lot::Mutex;

use crate::subject::Key;

const PREFIX: &str = "horizontal_pod_autoscaler_controller";

/// Upper bounds in seconds: 15 buckets from 1 ms, each twice the one before.
const BUCKETS: usize = 15;

const ACTION: &str = "The label 'action' should be either 'scale_down', 'scale_up', or 'none'. Also, the label 'error' \
    should be either 'spec', 'internal', or 'none'.";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    reconciliations: BTreeMap<[&'static str; 2], Histogram>,
    computations: BTreeMap<([&'static str; 2], String), Histogram>,
    desired: BTreeMap<Key, i32>,
    /// How late syncs begin; ours.
    lateness: Histogram,
    controlled: usize,
    timings: Samples,
}

/// How long looks took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// How many there were.
    pub looks: u64,
    /// From the beginning of a look to its end: half of them were faster.
    pub decision_p50: Duration,
    /// The same for 99 in 100.
    pub decision_p99: Duration,
    /// From the time a look was due to its end, for 99 in 100.
    pub since_due_p99: Duration,
}

/// Microseconds of looks and of looks with their lateness, to three digits.
#[derive(Debug)]
struct Samples {
    took: hdrhistogram::Histogram<u64>,
    since_due: hdrhistogram::Histogram<u64>,
}

/// An hour; nothing takes longer.
const LONGEST_LOOK: u64 = 3_600_000_000;

impl Default for Samples {
    fn default() -> Self {
        let empty = || {
            hdrhistogram::Histogram::new_with_bounds(1, LONGEST_LOOK, 2).expect("one to an hour is a range")
        };
        Self {
            took: empty(),
            since_due: empty(),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Histogram {
    counts: [u64; BUCKETS],
    count: u64,
    sum: Duration,
}

impl Histogram {
    fn add(&mut self, took: Duration) {
        let at = (0..BUCKETS).position(|bucket| took <= bound(bucket));
        if let Some(at) = at {
            self.counts[at] += 1;
        }
        self.count += 1;
        self.sum += took;
    }
}

fn bound(bucket: usize) -> Duration {
    Duration::from_millis(1 << bucket)
}

fn action(action: Action) -> &'static str {
    match action {
        Action::ScaleUp => "scale_up",
        Action::ScaleDown => "scale_down",
        Action::None => "none",
    }
}

fn error(error: ErrorKind) -> &'static str {
    match error {
        ErrorKind::Spec => "spec",
        ErrorKind::Internal => "internal",
        ErrorKind::None => "none",
    }
}

impl Stats {
    /// How late a sync began, and how long it took.
    pub(crate) fn synced(&self, result: SyncResult, late: Duration, took: Duration) {
        let mut inner = self.inner.lock();
        let labels = [action(result.action), error(result.error)];
        inner.reconciliations.entry(labels).or_default().add(took);
        inner.lateness.add(late);
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        inner.timings.took.saturating_record(micros(took));
        inner.timings.since_due.saturating_record(micros(late + took));
    }

    /// How long looks took since this was asked last.
    pub(crate) fn take_timings(&self) -> Timings {
        let Samples { took, since_due } = std::mem::take(&mut self.inner.lock().timings);
        let at = |histogram: &hdrhistogram::Histogram<u64>, share: f64| {
            Duration::from_micros(histogram.value_at_quantile(share))
        };
        Timings {
            looks: took.len(),
            decision_p50: at(&took, 0.5),
            decision_p99: at(&took, 0.99),
            since_due_p99: at(&since_due, 0.99),
        }
    }

    /// What became of one metric, and how long it took to get it.
    pub(crate) fn computed(&self, result: &MetricResult, took: Duration) {
        let labels = ([action(result.action), error(result.error)], result.type_.clone());
        let mut inner = self.inner.lock();
        inner.computations.entry(labels).or_default().add(took);
    }

    /// What an HPA wants now.
    pub(crate) fn desired(&self, key: &Key, desired: i32) {
        let mut inner = self.inner.lock();
        match inner.desired.get_mut(key) {
            Some(value) => *value = desired,
            None => {
                inner.desired.insert(key.clone(), desired);
            }
        }
    }

    /// An HPA is new.
    pub(crate) fn added(&self) {
        self.inner.lock().controlled += 1;
    }

    /// An HPA is gone.
    pub(crate) fn removed(&self, key: &Key) {
        let mut inner = self.inner.lock();
        inner.controlled = inner.controlled.saturating_sub(1);
        inner.desired.remove(key);
    }

    /// All of it in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let inner = self.inner.lock();
        let mut out = String::new();
        head(
            &mut out,
            "desired_replicas",
            "gauge",
            "Current desired replica count for HPA objects.",
        );
        for (key, value) in &inner.desired {
            let _ = writeln!(
                out,
                "{PREFIX}_desired_replicas{{hpa_name=\"{}\",namespace=\"{}\"}} {value}",
                key.name, key.namespace
            );
        }
        let name = "metric_computation_duration_seconds";
        let help = "The time(seconds) that the HPA controller takes to calculate one metric.";
        head(&mut out, name, "histogram", &format!("{help} {ACTION}"));
        for (([action, error], type_), histogram) in &inner.computations {
            let labels = format!("action=\"{action}\",error=\"{error}\",metric_type=\"{type_}\"");
            lines(&mut out, &format!("{PREFIX}_{name}"), &labels, histogram);
        }
        let name = "metric_computation_total";
        head(
            &mut out,
            name,
            "counter",
            &format!("Number of metric computations. {ACTION}"),
        );
        for (([action, error], type_), histogram) in &inner.computations {
            let count = histogram.count;
            let _ = writeln!(
                out,
                "{PREFIX}_{name}{{action=\"{action}\",error=\"{error}\",metric_type=\"{type_}\"}} {count}"
            );
        }
        let name = "num_horizontal_pod_autoscalers";
        head(
            &mut out,
            name,
            "gauge",
            "Current number of controlled HPA objects.",
        );
        let _ = writeln!(out, "{PREFIX}_{name} {}", inner.controlled);
        let name = "reconciliation_duration_seconds";
        let help = "The time(seconds) that the HPA controller takes to reconcile once.";
        head(&mut out, name, "histogram", &format!("{help} {ACTION}"));
        for ([action, error], histogram) in &inner.reconciliations {
            let labels = format!("action=\"{action}\",error=\"{error}\"");
            lines(&mut out, &format!("{PREFIX}_{name}"), &labels, histogram);
        }
        let name = "reconciliations_total";
        head(
            &mut out,
            name,
            "counter",
            &format!("Number of reconciliations of HPA controller. {ACTION}"),
        );
        for ([action, error], histogram) in &inner.reconciliations {
            let count = histogram.count;
            let _ = writeln!(
                out,
                "{PREFIX}_{name}{{action=\"{action}\",error=\"{error}\"}} {count}"
            );
        }
        let name = "capstan_autoscaler_sync_lateness_seconds";
        let _ = writeln!(
            out,
            "# HELP {name} How long after it was due a look at an HPA began.\n# TYPE {name} histogram"
        );
        lines(&mut out, name, "", &inner.lateness);
        out
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(
        out,
        "# HELP {PREFIX}_{name} {help}\n# TYPE {PREFIX}_{name} {kind}"
    );
}

fn lines(out: &mut String, name: &str, labels: &str, histogram: &Histogram) {
    let comma = if labels.is_empty() { "" } else { "," };
    let mut below = 0;
    for (bucket, count) in histogram.counts.iter().enumerate() {
        below += count;
        let bound = bound(bucket).as_secs_f64();
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}");
    }
    let _ = writeln!(
        out,
        "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {}",
        histogram.count
    );
    let braces = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    };
    let _ = writeln!(out, "{name}_sum{braces} {}", histogram.sum.as_secs_f64());
    let _ = writeln!(out, "{name}_count{braces} {}", histogram.count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Kind;

    #[test]
    fn the_text_has_upstreams_series() {
        let stats = Stats::default();
        let key = Key::new(Kind::Hpa, "n", "web");
        let result = SyncResult {
            action: Action::ScaleUp,
            error: ErrorKind::None,
        };
        stats.added();
        stats.synced(result, Duration::ZERO, Duration::from_millis(3));
        stats.synced(result, Duration::ZERO, Duration::from_mins(1));
        stats.desired(&key, 4);
        let metric = MetricResult {
            type_: "Resource".into(),
            action: Action::None,
            error: ErrorKind::Internal,
        };
        stats.computed(&metric, Duration::from_millis(1));
        let text = stats.text();
        for line in [
            "horizontal_pod_autoscaler_controller_desired_replicas{hpa_name=\"web\",namespace=\"n\"} 4",
            "horizontal_pod_autoscaler_controller_num_horizontal_pod_autoscalers 1",
            "horizontal_pod_autoscaler_controller_reconciliations_total{action=\"scale_up\",error=\"none\"} 2",
            "horizontal_pod_autoscaler_controller_reconciliation_duration_seconds_bucket{action=\"scale_up\",error=\"none\",le=\"0.002\"} 0",
            "horizontal_pod_autoscaler_controller_reconciliation_duration_seconds_bucket{action=\"scale_up\",error=\"none\",le=\"0.004\"} 1",
            "horizontal_pod_autoscaler_controller_reconciliation_duration_seconds_bucket{action=\"scale_up\",error=\"none\",le=\"16.384\"} 1",
            "horizontal_pod_autoscaler_controller_reconciliation_duration_seconds_bucket{action=\"scale_up\",error=\"none\",le=\"+Inf\"} 2",
            "horizontal_pod_autoscaler_controller_reconciliation_duration_seconds_sum{action=\"scale_up\",error=\"none\"} 60.003",
            "horizontal_pod_autoscaler_controller_metric_computation_total{action=\"none\",error=\"internal\",metric_type=\"Resource\"} 1",
            "capstan_autoscaler_sync_lateness_seconds_count 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} not in\n{text}");
        }
        stats.removed(&key);
        assert!(stats.text().contains("num_horizontal_pod_autoscalers 0\n"));
        assert!(!stats.text().contains("hpa_name"));
    }
}

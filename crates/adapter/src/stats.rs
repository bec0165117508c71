//! The adapter's own metrics. The four without labels are kube-metrics-adapter's (`kube_metrics_adapter_…`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Stats {
    updates_success: AtomicU64,
    updates_error: AtomicU64,
    collectors: Mutex<BTreeMap<&'static str, Counts>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    success: u64,
    error: u64,
    seconds: f64,
}

impl Stats {
    /// A collector ran.
    pub(crate) fn collected(&self, collector: &'static str, success: bool, took: Duration) {
        let mut collectors = self.collectors.lock();
        let counts = collectors.entry(collector).or_default();
        if success {
            counts.success += 1;
        } else {
            counts.error += 1;
        }
        counts.seconds += took.as_secs_f64();
    }

    /// Values went into the store.
    pub(crate) fn updated(&self, values: usize) {
        self.updates_success.fetch_add(values as u64, Ordering::Relaxed);
    }

    /// An HPA could not be read, or one of its collectors not be made.
    pub(crate) fn refused(&self) {
        self.updates_error.fetch_add(1, Ordering::Relaxed);
    }

    /// As Prometheus text. `hpas` and `questions` are what there is now.
    pub(crate) fn text(&self, hpas: usize, questions: usize) -> String {
        let collectors = self.collectors.lock().clone();
        let sum = |of: fn(&Counts) -> u64| collectors.values().map(of).sum::<u64>();
        let mut out = String::new();
        let mut single = |name: &str, kind: &str, what: &str, value: u64| {
            let _ = write!(
                out,
                "# HELP {name} {what}\n# TYPE {name} {kind}\n{name} {value}\n"
            );
        };
        single(
            "kube_metrics_adapter_collections_success",
            "counter",
            "The total number of successful collections.",
            sum(|counts| counts.success),
        );
        single(
            "kube_metrics_adapter_collections_error",
            "counter",
            "The total number of collection errors.",
            sum(|counts| counts.error),
        );
        single(
            "kube_metrics_adapter_updates_success",
            "counter",
            "The total number of successful HPA metrics updates.",
            self.updates_success.load(Ordering::Relaxed),
        );
        single(
            "kube_metrics_adapter_updates_error",
            "counter",
            "The total number of failed HPA metrics updates.",
            self.updates_error.load(Ordering::Relaxed),
        );
        single(
            "capstan_adapter_hpas",
            "gauge",
            "HPAs that are watched.",
            hpas as u64,
        );
        single(
            "capstan_adapter_questions",
            "gauge",
            "Different questions that collectors ask.",
            questions as u64,
        );
        let name = "capstan_adapter_collections_total";
        let _ = write!(
            out,
            "# HELP {name} Collections by collector and result.\n# TYPE {name} counter\n"
        );
        for (collector, counts) in &collectors {
            for (result, count) in [("success", counts.success), ("error", counts.error)] {
                let _ = writeln!(
                    out,
                    "{name}{{collector=\"{collector}\",result=\"{result}\"}} {count}"
                );
            }
        }
        let name = "capstan_adapter_collection_seconds_total";
        let _ = write!(
            out,
            "# HELP {name} Time that collections took.\n# TYPE {name} counter\n"
        );
        for (collector, counts) in &collectors {
            let _ = writeln!(out, "{name}{{collector=\"{collector}\"}} {}", counts.seconds);
        }
        out
    }
}

//! Requests counted and timed.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

/// Upper bounds in microseconds.
const BOUNDS: [u64; 10] = [50, 100, 250, 500, 1000, 2500, 5000, 25_000, 100_000, 1_000_000];
const GROUPS: [&str; 4] = [
    "",
    super::external::GROUP,
    super::custom::GROUP,
    crate::resource::GROUP,
];
const CLASSES: [&str; 3] = ["2xx", "4xx", "5xx"];

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Stats {
    groups: [Counts; GROUPS.len()],
}

#[derive(Debug, Default)]
struct Counts {
    classes: [AtomicU64; CLASSES.len()],
    buckets: [AtomicU64; BOUNDS.len()],
    micros: AtomicU64,
}

impl Stats {
    pub(super) fn answered(&self, group: &str, code: StatusCode, took: Duration) {
        let group = GROUPS.iter().position(|known| *known == group).unwrap_or(0);
        let counts = &self.groups[group];
        let class = match code.as_u16() {
            0..=399 => 0,
            400..=499 => 1,
            _ => 2,
        };
        counts.classes[class].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counts.micros.fetch_add(micros, Ordering::Relaxed);
        if let Some(bucket) = BOUNDS.iter().position(|bound| micros <= *bound) {
            counts.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn text(&self, series: usize, (decisions, tokens): (usize, usize)) -> String {
        let mut out = String::new();
        // Writing to a text cannot fail.
        for (name, what, value) in [
            ("capstan_adapter_series", "Series in the metric store.", series),
            (
                "capstan_adapter_access_reviews_cached",
                "Access decisions that are remembered.",
                decisions,
            ),
            (
                "capstan_adapter_token_reviews_cached",
                "Bearer tokens that are remembered.",
                tokens,
            ),
        ] {
            let _ = writeln!(out, "# HELP {name} {what}\n# TYPE {name} gauge\n{name} {value}");
        }
        let name = "capstan_adapter_api_requests_total";
        let _ = writeln!(
            out,
            "# HELP {name} Requests to the metrics APIs by group and status.\n# TYPE {name} counter"
        );
        for (group, counts) in GROUPS.iter().zip(&self.groups) {
            for (class, count) in CLASSES.iter().zip(&counts.classes) {
                let count = count.load(Ordering::Relaxed);
                let _ = writeln!(out, "{name}{{group=\"{group}\",code=\"{class}\"}} {count}");
            }
        }
        let name = "capstan_adapter_api_request_duration_seconds";
        let _ = writeln!(
            out,
            "# HELP {name} Time that requests to the metrics APIs took.\n# TYPE {name} histogram"
        );
        for (group, counts) in GROUPS.iter().zip(&self.groups) {
            let all: u64 = counts.classes.iter().map(|c| c.load(Ordering::Relaxed)).sum();
            let mut sum = 0;
            for (bound, count) in BOUNDS.iter().zip(&counts.buckets) {
                sum += count.load(Ordering::Relaxed);
                let le = Duration::from_micros(*bound).as_secs_f64();
                let _ = writeln!(out, "{name}_bucket{{group=\"{group}\",le=\"{le}\"}} {sum}");
            }
            let _ = writeln!(out, "{name}_bucket{{group=\"{group}\",le=\"+Inf\"}} {all}");
            let micros = counts.micros.load(Ordering::Relaxed);
            let seconds = Duration::from_micros(micros).as_secs_f64();
            let _ = writeln!(out, "{name}_sum{{group=\"{group}\"}} {seconds}");
            let _ = writeln!(out, "{name}_count{{group=\"{group}\"}} {all}");
        }
        out
    }
}

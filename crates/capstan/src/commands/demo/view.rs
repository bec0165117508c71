//! What a person sees of the demonstration: one line a second, and one for each decision.

use std::io::{IsTerminal, Stdout, Write};

use capstan_demo::Sample;
use capstan_hpa::record::Record;

/// Width of the load's bar at its maximum.
const BAR: f64 = 30.0;

/// Prints to standard output. With a terminal, replicas and bars are coloured.
#[derive(Debug)]
pub(crate) struct View {
    max_qps: f64,
    colour: bool,
    out: Stdout,
}

impl View {
    pub(crate) fn new(max_qps: f64, headless: bool) -> Self {
        Self {
            max_qps,
            colour: !headless && std::io::stdout().is_terminal(),
            out: std::io::stdout(),
        }
    }

    /// A step of the preparation.
    pub(crate) fn step(&self, text: &str) {
        self.line(&format!("{} {text}", self.paint("32", "✓")));
    }

    /// A line as it is.
    pub(crate) fn line(&self, text: &str) {
        // A closed pipe must not end the demonstration: the report is still to be written.
        let _ = writeln!(self.out.lock(), "{text}");
    }

    /// The state at the end of a second.
    pub(crate) fn second(&self, sample: &Sample, last: Option<&Record>) {
        let filled = (sample.qps / self.max_qps * BAR).round().clamp(0.0, BAR) as usize;
        let bar = format!("{}{}", "█".repeat(filled), " ".repeat(BAR as usize - filled));
        let replicas: String = (0..sample.wanted.max(sample.ready))
            .map(|replica| {
                if replica < sample.ready.min(sample.wanted) {
                    '●'
                } else {
                    '○'
                }
            })
            .collect();
        let last = last.map_or_else(String::new, |record| format!("  {}", reason(record)));
        self.line(&format!(
            "{:>4}s {:>5.0} req/s {} wanted {} ready {} {:<10}{last}",
            sample.t,
            sample.qps,
            self.paint("34", &bar),
            sample.wanted,
            sample.ready,
            self.paint("32", &replicas),
        ));
    }

    /// A decision that changed something.
    pub(crate) fn decision(&self, record: &Record) {
        self.line(&self.paint("33", &format!("      → {}", record.summary())));
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The reason alone, for the line of a second.
fn reason(record: &Record) -> String {
    if record.count > 1 {
        format!("{} ×{}", record.reason, record.count)
    } else {
        record.reason.clone()
    }
}

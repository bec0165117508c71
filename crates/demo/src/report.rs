//! The time line of a run and the judgement whether replicas followed the load.

use serde::Serialize;
use serde_json::Value;

/// What was seen at the end of one second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// Seconds since the load began.
    pub t: u64,
    /// Requests answered in this second.
    pub qps: f64,
    /// `spec.replicas` of the workload.
    pub wanted: i64,
    /// Its ready replicas.
    pub ready: i64,
}

/// What "followed" means for one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// Requests per second that one replica stands for.
    pub per_replica: f64,
    pub min: i64,
    /// How many seconds a decision may lag behind the load: averaging, cooldown, and a second or two on the way.
    pub lag: u64,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub timeline: Vec<Sample>,
    /// Every decision record, oldest first.
    pub decisions: Vec<Value>,
    /// The most replicas wanted at any time.
    pub peak: i64,
    /// From the moment the load crossed a threshold upward to the scale write that answered it: the median over all
    /// thresholds, in milliseconds; null when nothing was scaled up.
    pub lag_ms: Option<f64>,
    pub verdict: Verdict,
    /// What was wrong; empty when the verdict is `passed`.
    pub reasons: Vec<String>,
}

/// Whether replicas followed the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Passed,
    Failed,
}

/// A scale write: seconds since the load began, replicas before and after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Write {
    pub t: f64,
    pub from: i64,
    pub to: i64,
}

/// The share of seconds that may lie outside the band: one slow second of a busy laptop must not fail a run.
const TOLERATED: f64 = 0.05;

impl Report {
    /// Judges a run.
    pub fn new(timeline: Vec<Sample>, decisions: Vec<Value>, writes: &[Write], expect: &Expectation) -> Self {
        let mut reasons = Vec::new();
        let peak = timeline.iter().map(|sample| sample.wanted).max().unwrap_or(0);
        let last = timeline.last().map_or(0, |sample| sample.wanted);
        let outside = timeline
            .iter()
            .enumerate()
            .filter(|(at, _)| !within_band(&timeline, *at, expect))
            .count();
        if timeline.is_empty() {
            reasons.push("nothing was measured".to_owned());
        } else if outside as f64 > timeline.len() as f64 * TOLERATED {
            reasons.push(format!(
                "in {outside} of {} seconds the replicas were not those of the load of the last {} s",
                timeline.len(),
                expect.lag
            ));
        }
        if peak <= expect.min {
            reasons.push("replicas never rose".to_owned());
        }
        if peak > expect.min && last >= peak {
            reasons.push("replicas never fell".to_owned());
        }
        let never_ready = timeline.iter().map(|sample| sample.ready).max().unwrap_or(0) < peak;
        if never_ready {
            reasons.push(format!(
                "{peak} replicas were wanted but never ready at the same time"
            ));
        }
        let verdict = if reasons.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed
        };
        Self {
            lag_ms: lag(&timeline, writes, expect),
            timeline,
            decisions,
            peak,
            verdict,
            reasons,
        }
    }
}

fn replicas(qps: f64, expect: &Expectation) -> i64 {
    ((qps / expect.per_replica).ceil() as i64).max(expect.min)
}

/// Whether what was wanted at `at` is what some load of the allowed lag asks for. One request more or less in a second
/// is noise.
fn within_band(timeline: &[Sample], at: usize, expect: &Expectation) -> bool {
    let from = at.saturating_sub(expect.lag as usize);
    let loads = timeline[from..=at].iter().map(|sample| sample.qps);
    let (low, high) = loads.fold((f64::INFINITY, 0.0_f64), |(low, high), qps| {
        (low.min(qps), high.max(qps))
    });
    // Before the first second nothing was asked for.
    let low = if at < expect.lag as usize { 0.0 } else { low };
    let noise = expect.per_replica * 0.05;
    (replicas(low - noise, expect)..=replicas(high + noise, expect)).contains(&timeline[at].wanted)
}

/// The median time from an upward crossing to the first write that asks for the replicas it stands for.
fn lag(timeline: &[Sample], writes: &[Write], expect: &Expectation) -> Option<f64> {
    let mut lags: Vec<f64> = Vec::new();
    for write in writes.iter().filter(|write| write.to > write.from) {
        for replicas in (write.from + 1)..=write.to {
            let threshold = (replicas - 1) as f64 * expect.per_replica;
            if let Some(crossed) = crossing(timeline, threshold)
                && write.t >= crossed
            {
                lags.push((write.t - crossed) * 1_000.0);
            }
        }
    }
    lags.sort_by(f64::total_cmp);
    lags.get(lags.len() / 2).copied()
}

/// When the load first exceeded `threshold`, between the seconds that were measured.
fn crossing(timeline: &[Sample], threshold: f64) -> Option<f64> {
    let at = timeline.iter().position(|sample| sample.qps > threshold)?;
    let after = &timeline[at];
    // A second's count is the load in its middle.
    let middle = after.t as f64 - 0.5;
    let Some(before) = at.checked_sub(1).map(|at| &timeline[at]) else {
        return Some(middle);
    };
    let share = (threshold - before.qps) / (after.qps - before.qps);
    Some(middle - 1.0 + share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECT: Expectation = Expectation {
        per_replica: 100.0,
        min: 1,
        lag: 5,
    };

    fn run(wanted: impl Fn(u64, f64) -> i64) -> Vec<Sample> {
        (1..=60)
            .map(|t| {
                let qps = if t <= 30 {
                    t as f64 * 10.0
                } else {
                    (60 - t) as f64 * 10.0
                };
                let wanted = wanted(t, qps);
                Sample {
                    t,
                    qps,
                    wanted,
                    ready: wanted,
                }
            })
            .collect()
    }

    #[test]
    fn following_with_a_lag_passes() {
        let timeline = run(|t, _| {
            let seen = t.saturating_sub(3);
            let qps = if seen <= 30 {
                seen as f64 * 10.0
            } else {
                (60 - seen) as f64 * 10.0
            };
            replicas(qps, &EXPECT)
        });
        let report = Report::new(
            timeline,
            Vec::new(),
            &[Write {
                t: 13.5,
                from: 1,
                to: 2,
            }],
            &EXPECT,
        );
        assert_eq!(report.verdict, Verdict::Passed, "{:?}", report.reasons);
        assert_eq!(report.peak, 3);
        assert!(
            (report.lag_ms.unwrap() - 4_000.0).abs() < 1.0,
            "{:?}",
            report.lag_ms
        );
    }

    #[test]
    fn standing_still_fails() {
        let report = Report::new(run(|_, _| 1), Vec::new(), &[], &EXPECT);
        assert_eq!(report.verdict, Verdict::Failed);
        assert!(report.reasons.iter().any(|reason| reason.contains("never rose")));
        assert_eq!(report.lag_ms, None);
    }

    #[test]
    fn staying_up_fails() {
        let report = Report::new(
            run(|t, qps| if t > 30 { 3 } else { replicas(qps, &EXPECT) }),
            vec![],
            &[],
            &EXPECT,
        );
        assert_eq!(report.verdict, Verdict::Failed);
        assert!(report.reasons.iter().any(|reason| reason.contains("never fell")));
    }

    #[test]
    fn no_measurement_is_no_success() {
        assert_eq!(Report::new(vec![], vec![], &[], &EXPECT).verdict, Verdict::Failed);
    }
}

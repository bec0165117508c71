//! Load on an app, its replicas second by second, and the verdict: what both demonstrations have in common.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use capstan_base::{SharedClock, SystemClock};
use capstan_demo::report::{Expectation, Write};
use capstan_demo::{Load, LoadOptions, Ramp, Report, Sample, Verdict};
use capstan_hpa::record::Record;
use capstan_runtime::Shutdown;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::PER_REPLICA;
use super::view::View;
use crate::signals;

/// What load is put on, and what is seen of it.
pub(super) trait Scene {
    /// Where load goes.
    fn app_url(&self) -> Result<http::Uri>;
    /// Wanted and ready replicas of the app.
    fn replicas(&self) -> (i64, i64);
    /// Every decision so far, oldest first.
    fn decisions(&self) -> Vec<Record>;
    /// Notes every change of the app's replica count from now on, in seconds.
    fn watch_writes(&self, clock: SharedClock) -> Result<WatchedWrites>;
}

/// How much load for how long, and how fast replicas have to follow.
#[derive(Debug)]
pub(super) struct Play {
    /// Requests per second at the top.
    pub(super) max_qps: f64,
    /// How long the load takes.
    pub(super) duration: Duration,
    /// How long replicas may take to come down after the load has ended.
    pub(super) tail: Duration,
    /// How many seconds a decision may lag behind the load.
    pub(super) lag: u64,
    /// Where the report goes.
    pub(super) report: Option<PathBuf>,
}

/// The changes of a replica count that were seen.
#[derive(Debug)]
pub(super) struct WatchedWrites {
    writes: Arc<Mutex<Vec<Write>>>,
    task: JoinHandle<()>,
}

impl WatchedWrites {
    /// What the task notes.
    pub(super) fn new(writes: Arc<Mutex<Vec<Write>>>, task: JoinHandle<()>) -> Self {
        Self { writes, task }
    }

    /// Ends the watching and gives what was seen.
    fn take(&self) -> Vec<Write> {
        self.task.abort();
        std::mem::take(&mut *self.writes.lock())
    }
}

impl Drop for WatchedWrites {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ctrl-C.
#[derive(Debug)]
pub(super) struct Interruption {
    raised: Shutdown,
    signals: JoinHandle<()>,
}

impl Interruption {
    /// Looks for signals from now on.
    pub(super) fn watch() -> Self {
        let raised = Shutdown::new();
        let raise = raised.clone();
        let signals = capstan_runtime::spawn("signals", async move {
            signals::interrupted().await;
            raise.raise();
        });
        Self { raised, signals }
    }

    /// Completes when it came.
    pub(super) async fn raised(&self) {
        self.raised.raised().await;
    }
}

impl Drop for Interruption {
    fn drop(&mut self) {
        self.signals.abort();
    }
}

/// Waits until the scene is open, and performs; nothing if it was interrupted.
pub(super) async fn run(
    play: &Play,
    opened: impl Future<Output = Result<()>>,
    scene: &impl Scene,
    view: &View,
    interruption: &Interruption,
) -> Result<Option<Verdict>> {
    let interrupted = &interruption.raised;
    let performance = async {
        opened.await?;
        perform(play, scene, view, interrupted).await
    };
    tokio::select! {
        () = interrupted.raised() => Ok(None),
        // A performance that was cut short ends as well, but its verdict means nothing.
        outcome = performance => outcome.map(|verdict| (!interrupted.is_raised()).then_some(verdict)),
    }
}

/// The exit status; 0 only if replicas followed the load.
pub(super) fn status(outcome: Result<Option<Verdict>>, view: &View) -> Result<ExitCode> {
    match outcome? {
        Some(Verdict::Passed) => Ok(ExitCode::SUCCESS),
        Some(Verdict::Failed) => Ok(ExitCode::FAILURE),
        None => {
            view.line("interrupted; nothing is left running");
            Ok(ExitCode::from(130))
        }
    }
}

async fn perform(play: &Play, scene: &impl Scene, view: &View, interrupted: &Shutdown) -> Result<Verdict> {
    view.line(&format!(
        "\nload: 0 to {:.0} requests/s and back in {}s; one replica for each {PER_REPLICA:.0} requests/s, rounded up\n",
        play.max_qps,
        play.duration.as_secs()
    ));
    let clock = SystemClock::shared();
    let start = clock.monotonic();
    let watched = scene.watch_writes(Arc::clone(&clock))?;
    let options = LoadOptions {
        url: scene.app_url()?,
        ramp: Ramp::over(play.max_qps, play.duration),
        connections: 64,
    };
    let timeline = Arc::new(Mutex::new(Vec::<Sample>::new()));
    let mut shown = 0;
    let mut see = |t: u64, qps: f64| {
        let (wanted, ready) = scene.replicas();
        let sample = Sample {
            t,
            qps,
            wanted,
            ready,
        };
        let decisions = scene.decisions();
        let changes: Vec<_> = decisions.iter().filter(|record| !record.is_hold()).collect();
        for record in changes.iter().skip(shown) {
            view.decision(record);
        }
        shown = changes.len();
        view.second(&sample, decisions.last());
        timeline.lock().push(sample);
    };
    Load::new(options, SystemClock::shared())
        .run(interrupted, |second| see(second.t, second.ok as f64))
        .await;
    // The tail: nothing is sent, replicas come down.
    let until = play.duration + play.tail;
    loop {
        let elapsed = clock.monotonic().saturating_sub(start);
        let next = timeline.lock().last().map_or(1, |sample| sample.t + 1);
        if elapsed >= until || scene.replicas() == (1, 1) {
            break;
        }
        capstan_runtime::sleep(Duration::from_secs(next).saturating_sub(elapsed)).await;
        see(next, 0.0);
    }
    let decisions = scene.decisions();
    let writes = watched.take();
    let timeline = std::mem::take(&mut *timeline.lock());
    let expect = Expectation {
        per_replica: PER_REPLICA,
        min: 1,
        lag: play.lag,
    };
    let json = decisions
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<_, _>>()?;
    let report = Report::new(timeline, json, &writes, &expect);
    if !interrupted.is_raised() {
        close(play, &report, &writes, view)?;
    }
    Ok(report.verdict)
}

/// The summary, and the report if one was asked for.
fn close(play: &Play, report: &Report, writes: &[Write], view: &View) -> Result<()> {
    let ups = writes.iter().filter(|write| write.to > write.from).count();
    let lag = report
        .lag_ms
        .map_or_else(|| "-".to_owned(), |ms| format!("{:.1}s", ms / 1_000.0));
    view.line(&format!(
        "\npeak {} replicas; {ups} increases and {} decreases; median {lag} from crossing a threshold to the write",
        report.peak,
        writes.len() - ups,
    ));
    match report.verdict {
        Verdict::Passed => view.step("replicas followed the load: one for each 100 requests/s, rounded up"),
        Verdict::Failed => {
            for reason in &report.reasons {
                view.line(&format!("✗ {reason}"));
            }
        }
    }
    if let Some(path) = &play.report {
        let text = serde_json::to_vec_pretty(report)?;
        std::fs::write(path, text)
            .with_context(|| format!("the report cannot be written to {}", path.display()))?;
    }
    Ok(())
}

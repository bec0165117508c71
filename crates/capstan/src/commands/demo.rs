//! `capstan demo`: the tutorial in one command.

mod stage;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use capstan_base::SystemClock;
use capstan_demo::report::{Expectation, Write};
use capstan_demo::{Load, LoadOptions, Ramp, Report, Sample, Verdict};
use capstan_runtime::Shutdown;
use clap::Args;
use parking_lot::Mutex;

use crate::wiring::autoscaler::Flags;
use crate::{duration, signals};
use stage::Stage;
use view::View;

/// What `demo/demo.tick` says: requests per second of one replica.
const PER_REPLICA: f64 = 100.0;

/// How many seconds a decision of `demo/demo.tick` may lag behind the load: four of averaging, one until a second is
/// summed, four of cooldown, and two for counting and posting.
const LAG: u64 = 11;

/// How long replicas may take to come down after the load has ended.
const TAIL: Duration = Duration::from_secs(15);

/// Shows the tutorial working: an embedded cluster, an app, a TICKscript task, and a load that replicas follow.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Plain lines instead of a coloured view
    #[arg(long)]
    headless: bool,
    /// Requests per second at the top of the ramp
    #[arg(long, default_value_t = 600.0)]
    max_qps: f64,
    /// How long the load ramps up and down
    #[arg(long, default_value = "80s", value_parser = duration::parse)]
    duration: Duration,
    /// Write what was seen and decided to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Leave everything up at the end and print what to try
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    autoscaler: Flags,
}

/// Runs the demonstration; exit status 0 only if replicas followed the load.
pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode> {
    anyhow::ensure!(
        args.max_qps.is_finite() && args.max_qps >= 1.0,
        "--max-qps must be at least 1"
    );
    let interrupted = Shutdown::new();
    let raise = interrupted.clone();
    let signals = capstan_runtime::spawn("signals", async move {
        signals::interrupted().await;
        raise.raise();
    });
    let view = View::new(args.max_qps, args.headless);
    let stage = Stage::set(&view, &args.autoscaler).await?;
    let outcome = tokio::select! {
        () = interrupted.raised() => Ok(None),
        // A performance that was cut short ends as well, but its verdict means nothing.
        outcome = perform(&args, &stage, &view, &interrupted) => {
            outcome.map(|verdict| (!interrupted.is_raised()).then_some(verdict))
        }
    };
    if args.keep && matches!(outcome, Ok(Some(_))) {
        view.line(&stage.hints());
        interrupted.raised().await;
    }
    stage.strike().await;
    signals.abort();
    match outcome? {
        Some(Verdict::Passed) => Ok(ExitCode::SUCCESS),
        Some(Verdict::Failed) => Ok(ExitCode::FAILURE),
        None => {
            view.line("interrupted; nothing is left running");
            Ok(ExitCode::from(130))
        }
    }
}

async fn perform(args: &DemoArgs, stage: &Stage, view: &View, interrupted: &Shutdown) -> Result<Verdict> {
    stage.open(view).await?;
    view.line(&format!(
        "\nload: 0 to {:.0} requests/s and back in {}s; one replica for each {PER_REPLICA:.0} requests/s, rounded up\n",
        args.max_qps,
        args.duration.as_secs()
    ));
    let clock = SystemClock::shared();
    let start = clock.monotonic();
    let watched = stage.watch_writes(Arc::clone(&clock))?;
    let ramp = Ramp::over(args.max_qps, args.duration);
    let options = LoadOptions {
        url: stage.app_url()?,
        ramp,
        connections: 64,
    };
    let timeline = Arc::new(Mutex::new(Vec::<Sample>::new()));
    let mut shown = 0;
    let mut see = |t: u64, qps: f64| {
        let (wanted, ready) = stage.replicas();
        let sample = Sample {
            t,
            qps,
            wanted,
            ready,
        };
        let decisions = stage.decisions();
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
    let until = args.duration + TAIL;
    loop {
        let elapsed = clock.monotonic().saturating_sub(start);
        let next = timeline.lock().last().map_or(1, |sample| sample.t + 1);
        if elapsed >= until || stage.replicas() == (1, 1) {
            break;
        }
        capstan_runtime::sleep(Duration::from_secs(next).saturating_sub(elapsed)).await;
        see(next, 0.0);
    }
    let decisions = stage.decisions();
    let writes = watched.take();
    let timeline = std::mem::take(&mut *timeline.lock());
    let expect = Expectation {
        per_replica: PER_REPLICA,
        min: 1,
        lag: LAG,
    };
    let json = decisions
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<_, _>>()?;
    let report = Report::new(timeline, json, &writes, &expect);
    if !interrupted.is_raised() {
        close(args, &report, &writes, view)?;
    }
    Ok(report.verdict)
}

/// The summary, and the report if one was asked for.
fn close(args: &DemoArgs, report: &Report, writes: &[Write], view: &View) -> Result<()> {
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
    if let Some(path) = &args.report {
        let text = serde_json::to_vec_pretty(report)?;
        std::fs::write(path, text)
            .with_context(|| format!("the report cannot be written to {}", path.display()))?;
    }
    Ok(())
}

//! `capstan load`: requests per second that ramp up and down, against any URL.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use capstan_base::SystemClock;
use capstan_demo::{Load, LoadOptions, Ramp, Second};
use capstan_runtime::Shutdown;
use clap::Args;

use crate::{duration, signals};

/// Sends HTTP requests at a rate that ramps up and down, and prints what came back.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Where to send requests: http://HOST:PORT/PATH
    url: http::Uri,
    /// Requests per second at the top of the ramp
    #[arg(long, default_value_t = 600.0, value_parser = positive)]
    max_qps: f64,
    /// How long the ramp takes, up and down
    #[arg(long, default_value = "90s", value_parser = duration::parse)]
    duration: Duration,
    /// Keep the maximum rate for the whole time instead of a ramp
    #[arg(long)]
    constant: bool,
    /// Requests in flight at most
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

/// Runs the ramp; the exit status says whether any request was answered well.
pub(crate) async fn run(args: LoadArgs) -> Result<ExitCode> {
    ensure!(
        args.url.scheme_str() == Some("http") && args.url.authority().is_some(),
        "the URL must look like http://HOST:PORT/PATH"
    );
    let ramp = if args.constant {
        Ramp::constant(args.max_qps, args.duration)
    } else {
        Ramp::over(args.max_qps, args.duration)
    };
    let load = Load::new(
        LoadOptions {
            url: args.url,
            ramp,
            connections: args.connections,
        },
        SystemClock::shared(),
    );
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let listener = capstan_runtime::spawn("signals", async move {
        signals::interrupted().await;
        stop.raise();
    });
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:>5} {:>10} {:>8} {:>8} {:>9} {:>9}",
        "s", "target/s", "ok/s", "errors", "p50", "p99"
    )
    .context("standard output")?;
    drop(out);
    let totals = load.run(&shutdown, |second| print(&second)).await;
    listener.abort();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} requests answered, {} errors", totals.ok, totals.errors).context("standard output")?;
    Ok(if totals.ok > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(second: &Second) {
    let milliseconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1}ms"));
    let line = format!(
        "{:>5} {:>10.0} {:>8} {:>8} {:>9} {:>9}\n",
        second.t,
        second.target_qps,
        second.ok,
        second.errors,
        milliseconds(second.p50_ms),
        milliseconds(second.p99_ms)
    );
    // A closed pipe ends the printing, not the load.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(format!("{text:?} is not a number above 0")),
    }
}

//! The demonstration itself, shortened.

use std::process::Command;

use anyhow::{Result, ensure};
use capstan_e2e::{Running, capstan, output, signal, wait_for};
use serde_json::Value;

#[test]
fn replicas_follow_the_load_and_the_report_says_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.json");
    let text = output(
        Command::new(capstan())
            .args([
                "demo",
                "--headless",
                "--max-qps",
                "300",
                "--duration",
                "40s",
                "--report",
            ])
            .arg(&report),
    )?;
    let report: Value = serde_json::from_slice(&std::fs::read(&report)?)?;
    assert_eq!(report["verdict"], "passed", "{text}");
    assert_eq!(report["peak"], 3, "{text}");
    assert!(
        report["lag_ms"].as_f64().is_some_and(|lag| lag < 12_000.0),
        "{}",
        report["lag_ms"]
    );
    let timeline = report["timeline"].as_array().expect("a time line");
    for (at, sample) in timeline.iter().enumerate() {
        assert_eq!(sample["t"], at + 1);
    }
    assert_eq!(
        timeline.last().map(|sample| &sample["wanted"]),
        Some(&Value::from(1)),
        "{text}"
    );
    let written = |direction: &str| {
        let decisions = report["decisions"].as_array().expect("decisions");
        decisions
            .iter()
            .filter(|record| record["direction"] == direction && record["write"]["status"] == "Succeeded")
            .count()
    };
    assert_eq!(written("ScaleUp"), 2, "{text}");
    assert!(written("ScaleDown") >= 1, "{text}");
    Ok(())
}

/// Everything a process has started, and what those have started.
fn descendants(process: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let direct: Vec<u32> = children
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect();
    direct
        .iter()
        .flat_map(|&child| {
            std::iter::once(child)
                .chain(descendants(child))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn ctrl_c_leaves_nothing_running() -> Result<()> {
    let mut demo = Running::start(Command::new(capstan()).args(["demo", "--headless"]))?;
    demo.line_with("defined and enabled")?;
    let pods = descendants(demo.id());
    ensure!(!pods.is_empty(), "the app's pod is a process");
    signal(demo.id(), "INT")?;
    let status = wait_for("the demonstration ends", || demo.ended())?;
    assert_eq!(status.code(), Some(130));
    let alive = |pod: &u32| std::path::Path::new(&format!("/proc/{pod}")).exists();
    wait_for("its pods end", || Ok((!pods.iter().any(alive)).then_some(())))
}

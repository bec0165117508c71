//! The demonstration itself, shortened.

use std::process::Command;

use anyhow::Result;
use capstan_e2e::{capstan, output};
use serde_json::Value;

#[test]
fn replicas_follow_the_load_and_the_report_says_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.json");
    let text = output(
        Command::new(capstan())
            .args(["demo", "--headless", "--max-qps", "300", "--duration", "40s", "--report"])
            .arg(&report),
    )?;
    let report: Value = serde_json::from_slice(&std::fs::read(&report)?)?;
    assert_eq!(report["verdict"], "passed", "{text}");
    assert_eq!(report["peak"], 3, "{text}");
    assert!(report["lag_ms"].as_f64().is_some_and(|lag| lag < 12_000.0), "{}", report["lag_ms"]);
    let timeline = report["timeline"].as_array().expect("a time line");
    for (at, sample) in timeline.iter().enumerate() {
        assert_eq!(sample["t"], at + 1);
    }
    assert_eq!(timeline.last().map(|sample| &sample["wanted"]), Some(&Value::from(1)), "{text}");
    let written = |direction: &str| {
        let decisions = report["decisions"].as_array().expect("decisions");
        decisions.iter().filter(|record| record["direction"] == direction && record["write"]["status"] == "Succeeded").count()
    };
    assert_eq!(written("ScaleUp"), 2, "{text}");
    assert!(written("ScaleDown") >= 1, "{text}");
    Ok(())
}

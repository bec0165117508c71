//! The lint against scripts that are known to work: no rule may say of them that something cannot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use capstan_flow::{Mode, TaskKind, Vars, define, lint};

/// Rules whose warnings mean that points fail or that nothing comes out.
const CERTAIN: &[&str] = &[
    "autoscale-replicas-type",
    "condition-not-boolean",
    "deadman-never-fires",
    "eval-result-type",
    "lost-tag",
    "type-mismatch",
    "unknown-field",
];

fn conformance() -> Option<PathBuf> {
    let shared = std::env::var_os("CAPSTAN_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("conformance");
    folder.is_dir().then_some(folder)
}

#[test]
fn scripts_that_work_are_not_said_to_fail() {
    let Some(folder) = conformance() else {
        println!("SKIPPED: no conformance cases");
        return;
    };
    let (mut scripts, mut tally) = (0, BTreeMap::<&str, usize>::new());
    let mut accused = Vec::new();
    for kind in ["stream", "batch"] {
        for entry in std::fs::read_dir(folder.join(kind)).expect("cases") {
            let path = entry.expect("a case").path();
            let text = std::fs::read_to_string(&path).expect("a case");
            let case: serde_json::Value = serde_json::from_str(&text).expect("a case");
            let Some(script) = case["tick"].as_str() else {
                continue;
            };
            let Ok(definition) = define(script, TaskKind::Auto, &Vars::new(), Mode::Template) else {
                continue;
            };
            scripts += 1;
            for warning in lint(script, &definition) {
                *tally.entry(warning.name()).or_default() += 1;
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let told = warning.diagnostic.render(script, &name);
                println!("{told}");
                if CERTAIN.contains(&warning.name()) {
                    accused.push(told);
                }
            }
        }
    }
    println!("{scripts} scripts: {tally:?}");
    assert!(scripts > 0);
    assert!(accused.is_empty(), "{}", accused.join("\n"));
}

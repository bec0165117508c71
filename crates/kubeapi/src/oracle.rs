//! Finding recorded upstream answers for tests.

use std::path::PathBuf;

use serde_json::Value;

/// The directory of shared test data, if this machine has it.
pub(crate) fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("CAPSTAN_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    root.join("hpa").is_dir().then_some(root)
}

/// The lines of an oracle file; `None`, said aloud, when there are none here.
pub(crate) fn lines(name: &str) -> Option<Vec<Value>> {
    let Some(root) = shared() else {
        println!("skipped: no shared test data for {name}");
        return None;
    };
    let text =
        std::fs::read_to_string(root.join("hpa/oracle").join(name)).expect("the oracle file is readable");
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect(),
    )
}

//! Units of written times.

use std::sync::Arc;

/// The unit's name on the wire and its length in nanoseconds.
pub(super) fn parse(text: &str) -> Result<(Arc<str>, i64), String> {
    let (name, nanos) = match text {
        "n" | "ns" => ("ns", 1),
        "u" | "us" | "µs" => ("u", 1_000),
        "ms" => ("ms", 1_000_000),
        "s" => ("s", 1_000_000_000),
        "m" => ("m", 60_000_000_000),
        "h" => ("h", 3_600_000_000_000),
        other => {
            return Err(format!(
                "invalid precision {other:?}, must be ns, u, ms, s, m or h"
            ));
        }
    };
    Ok((Arc::from(name), nanos))
}

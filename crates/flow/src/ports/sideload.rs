//! Values beside the data: what `sideload` looks up (N-95).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value as Json;

/// Files with the values of each. Paths are relative to the source and have slashes.
pub type SideTables = BTreeMap<String, serde_json::Map<String, Json>>;

/// Values that can be looked up; they may be loaded anew behind it at any time.
pub trait SideSource: Debug + Send + Sync {
    /// What is loaded now.
    fn tables(&self) -> Arc<SideTables>;
}

/// Opens sources.
pub trait Sideload: Debug + Send + Sync {
    /// A source: `file:///dir`, `http://…`, `https://…`, or the name of an endpoint `[[httppost]]`. Loads it if it is not
    /// yet. May block: tasks are started where that is allowed.
    fn open(&self, source: &str) -> Result<Arc<dyn SideSource>, String>;
}

/// Reads a file of values: YAML, JSON, by the extension; files of other kinds hold no values.
///
/// # Errors
/// The content is not a map from names to values.
pub fn parse_file(path: &str, content: &str) -> Result<serde_json::Map<String, Json>, String> {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("yaml" | "yml") => {
            yaml(content).map_err(|error| format!("failed to unmarshal yaml values {path:?}: {error}"))
        }
        Some("json") => serde_json::from_str(content)
            .map_err(|error| format!("failed to unmarshal json values {path:?}: {error}")),
        _ => Ok(serde_json::Map::new()),
    }
}

/// Reads the tables of an HTTP source: a JSON object with an object per file.
///
/// # Errors
/// The body is something else.
pub fn parse_tables(body: &str) -> Result<SideTables, String> {
    serde_json::from_str(body)
        .map_err(|error| format!("failed to unmarshal json values in response body: {error}"))
}

fn yaml(content: &str) -> Result<serde_json::Map<String, Json>, String> {
    let values: Option<serde_json::Map<String, Json>> =
        serde_saphyr::from_str(content).map_err(|error| error.to_string())?;
    Ok(values.unwrap_or_default())
}

//! Values beside the data: what `sideload` looks up (N-95).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
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

/// Most files of a source, and bytes of each.
const MAX_FILES: usize = 100_000;
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Reads all files below a directory; for implementations of the port, nodes never read files themselves.
///
/// # Errors
/// The directory or one of its files cannot be read.
pub fn load_directory(directory: &Path) -> Result<SideTables, String> {
    let mut tables = SideTables::new();
    let problem = |error: String| {
        format!(
            "failed to update sideload cache for source {:?}: {error}",
            directory.display().to_string()
        )
    };
    visit(directory, directory, &mut tables).map_err(problem)?;
    Ok(tables)
}

fn visit(root: &Path, path: &Path, tables: &mut SideTables) -> Result<(), String> {
    let io = |verb: &str, path: &Path, error: &std::io::Error| {
        let text = if error.kind() == std::io::ErrorKind::NotFound {
            "no such file or directory".to_owned()
        } else {
            error.to_string()
        };
        format!("{verb} {}: {text}", path.display())
    };
    let metadata = std::fs::metadata(path).map_err(|error| io("lstat", path, &error))?;
    if metadata.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| io("open", path, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| io("read", path, &error))?;
            visit(root, &entry.path(), tables)?;
        }
        return Ok(());
    }
    if metadata.len() > MAX_FILE_BYTES || tables.len() == MAX_FILES {
        return Err(format!(
            "{}: more than {MAX_FILES} files, or a file of more than {MAX_FILE_BYTES} bytes",
            path.display()
        ));
    }
    let relative = path
        .strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned();
    let content = std::fs::read(path).map_err(|error| io("open", path, &error))?;
    let content = String::from_utf8_lossy(&content);
    tables.insert(relative, parse_file(&path.to_string_lossy(), &content)?);
    Ok(())
}

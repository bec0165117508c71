//! Where the reference data lives, which a clone alone does not have.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

/// A folder of the reference data: below `$CAPSTAN_SHARED`, else beside the repository. Says so when there is none.
pub fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CAPSTAN_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: {} is not there (set CAPSTAN_SHARED)", folder.display());
    None
}

/// A file of cases.
#[derive(Debug)]
pub struct CaseFile {
    /// The file's name without its extension; the first part of the ids.
    pub stem: String,
    pub content: Value,
}

impl CaseFile {
    /// Reads a file.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let content = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        let stem = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self { stem, content })
    }
}

/// The JSON files of a folder, by name.
pub fn json_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

/// What `run` makes of each file of a folder.
pub fn each_file<T>(folder: &Path, run: impl Fn(&Path) -> anyhow::Result<Vec<T>>) -> anyhow::Result<Vec<T>> {
    let mut results = Vec::new();
    for file in json_files(folder)? {
        results.extend(run(&file)?);
    }
    Ok(results)
}

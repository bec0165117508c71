//! Where the reference data lives, which a clone alone does not have.

use std::path::PathBuf;

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

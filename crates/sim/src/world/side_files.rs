//! Sources of `sideload` nodes: directories, read when a node opens them.

use std::path::Path;
use std::sync::Arc;

use capstan_flow::ports::sideload::load_directory;
use capstan_flow::ports::{SideSource, SideTables, Sideload};

/// Opens directories.
#[derive(Debug, Clone, Copy, Default)]
pub struct SideFiles;

#[derive(Debug)]
struct Loaded(Arc<SideTables>);

impl SideSource for Loaded {
    fn tables(&self) -> Arc<SideTables> {
        Arc::clone(&self.0)
    }
}

impl Sideload for SideFiles {
    fn open(&self, source: &str) -> Result<Arc<dyn SideSource>, String> {
        let path = source
            .strip_prefix("file://")
            .ok_or_else(|| format!("{source:?} is no directory"))?;
        Ok(Arc::new(Loaded(Arc::new(load_directory(Path::new(path))?))))
    }
}

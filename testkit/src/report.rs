//! What became of each case, in one shape for every runner.

use serde::Serialize;

/// One case, one result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// The case's name for stream and batch, else `<file>#<id>`.
    pub id: String,
    /// `stream`, `batch`, `lambda`, or `tick:<file kind>`.
    pub kind: String,
    /// What became of it.
    pub status: Status,
    /// Kinds of nodes the case uses.
    pub nodes: Vec<String>,
    /// Why it failed or was skipped.
    pub detail: String,
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pass,
    Fail,
    /// It needs something that is not built.
    Skip,
}

//! The JSON bodies of the API, with fields in the order in which Kapacitor prints them.

pub mod debug;
pub mod task;
pub mod vars;
pub mod warning;

pub use debug::{DebugVars, Stat};
pub use task::{
    CreateTask, Dbrp, ExecutionStats, Link, Task, TaskFile, TaskList, TaskStatus, TaskType, UpdateTask,
    ZERO_TIME,
};
pub use vars::{Var, VarError, VarType, Vars};
pub use warning::{MAX_WARNINGS, ScriptWarning, WARNING_HEADER};

use serde::{Deserialize, Serialize};

/// Body of `POST /loglevel` (H-26).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevel {
    /// `DEBUG`, `INFO` or `ERROR`, in any case.
    #[serde(default)]
    pub level: String,
}

/// Body of an error answer (H-07).
///
/// Kapacitor 1.5 printed `error` alone; 1.6 and later repeat the text as `message`. Kapacitor's own client reads `error`,
/// and recorded conversations show only that, so it is the only one printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    #[serde(default)]
    pub error: String,
}

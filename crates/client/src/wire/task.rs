//! Tasks (parity file, section 4.3).

use std::collections::BTreeMap;
use std::fmt;

use capstan_gocompat::strconv::quote;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::vars::{self, Vars};
use super::warning::ScriptWarning;

/// Go's zero time as JSON: "never" (H-13).
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Where a resource is found (H-11).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Link {
    /// Always `self`.
    pub rel: String,
    /// Path on the server.
    pub href: String,
}

impl Link {
    /// The link of the resource at `href`.
    pub fn to(href: impl Into<String>) -> Self {
        Self {
            rel: "self".to_owned(),
            href: href.into(),
        }
    }
}

/// A database and retention policy; prints as `"db"."rp"` (C-73).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Dbrp {
    /// Database.
    #[serde(default)]
    pub db: String,
    /// Retention policy.
    #[serde(default)]
    pub rp: String,
}

impl fmt::Display for Dbrp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", quote(&self.db), quote(&self.rp))
    }
}

/// What a task reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskType {
    /// Not said; the script decides.
    #[default]
    Invalid,
    /// Points as they are written.
    Stream,
    /// Queries on a schedule.
    Batch,
}

impl TaskType {
    /// The word used in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Stream => "stream",
            Self::Batch => "batch",
        }
    }
}

/// Whether a task should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// It does not run.
    Disabled,
    /// It runs, now and after a restart.
    Enabled,
}

impl TaskStatus {
    /// The word used in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
        }
    }
}

/// Statistics of a running task; `{}` while it does not run (H-52).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExecutionStats {
    /// Of the whole task: `throughput`.
    #[serde(rename = "task-stats", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub task_stats: BTreeMap<String, Value>,
    /// Per node.
    #[serde(rename = "node-stats", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_stats: BTreeMap<String, BTreeMap<String, Value>>,
}

/// A task as the server shows it. Times are RFC 3339 with nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Where it is found.
    #[serde(default)]
    pub link: Link,
    /// Name, unique among tasks.
    #[serde(default)]
    pub id: String,
    /// The template it was made from, or empty.
    #[serde(rename = "template-id", default)]
    pub template_id: String,
    /// What it reads.
    #[serde(rename = "type", default)]
    pub kind: TaskType,
    /// What it may read.
    #[serde(default, deserialize_with = "null_as_default")]
    pub dbrps: Vec<Dbrp>,
    /// TICKscript.
    #[serde(default)]
    pub script: String,
    /// Values given from outside the script.
    #[serde(default, deserialize_with = "vars::typed")]
    pub vars: Vars,
    /// The pipeline as Graphviz text.
    #[serde(default)]
    pub dot: String,
    /// Whether it should run.
    #[serde(default = "disabled")]
    pub status: TaskStatus,
    /// Whether it runs.
    #[serde(default)]
    pub executing: bool,
    /// Why the last run failed, or why the script is not valid any more (H-50).
    #[serde(default)]
    pub error: String,
    /// While it runs.
    #[serde(default, deserialize_with = "null_as_default")]
    pub stats: ExecutionStats,
    /// When it was defined first.
    #[serde(default = "zero_time")]
    pub created: String,
    /// When it was changed last.
    #[serde(default = "zero_time")]
    pub modified: String,
    /// When it was enabled last.
    #[serde(rename = "last-enabled", default = "zero_time")]
    pub last_enabled: String,
    /// Traps in the script, when it was just defined; they do not stand in the body.
    #[serde(skip)]
    pub warnings: Vec<ScriptWarning>,
}

/// Body of a list of tasks with all or some fields.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TaskList {
    /// Sorted by id.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tasks: Vec<Task>,
}

/// Body of `POST /tasks` (H-40). Unknown keys are ignored (H-16).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateTask {
    /// Empty: the server makes one up (H-14).
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub id: String,
    #[serde(
        rename = "template-id",
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub template_id: String,
    /// The script says it as well, and wins.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<TaskType>,
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub dbrps: Vec<Dbrp>,
    #[serde(
        deserialize_with = "null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub script: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
    #[serde(deserialize_with = "vars::typed", skip_serializing_if = "vars::is_empty")]
    pub vars: Vars,
}

/// Body of `PATCH /tasks/ID` (H-44): what is empty stays as it is.
pub type UpdateTask = CreateTask;

/// A task definition in a file: what `define -file` and the load directory read (C-22, S-70).
///
/// Values of `vars` may be plain, without a type; `{type, value}` is accepted as well.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct TaskFile {
    #[serde(default)]
    pub id: String,
    #[serde(rename = "template-id", default)]
    pub template_id: String,
    /// Ours: a script in the file itself, for tasks without a template.
    #[serde(default)]
    pub script: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub dbrps: Vec<Dbrp>,
    #[serde(default, deserialize_with = "vars::from_untyped")]
    pub vars: Vars,
}

impl From<TaskFile> for CreateTask {
    fn from(file: TaskFile) -> Self {
        Self {
            id: file.id,
            template_id: file.template_id,
            dbrps: file.dbrps,
            script: file.script,
            vars: file.vars,
            ..Self::default()
        }
    }
}

fn disabled() -> TaskStatus {
    TaskStatus::Disabled
}

fn zero_time() -> String {
    ZERO_TIME.to_owned()
}

/// Go decodes `null` into the zero value.
pub(crate) fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_prints_its_fields_in_kapacitors_order() {
        let task: Task =
            serde_json::from_str(r#"{"id":"a","type":"stream","vars":null,"stats":null}"#).unwrap();
        let keys: Vec<String> = match serde_json::to_value(&task).unwrap() {
            Value::Object(fields) => fields.keys().cloned().collect(),
            other => panic!("{other}"),
        };
        assert_eq!(
            keys.join(" "),
            "link id template-id type dbrps script vars dot status executing error stats created modified last-enabled"
        );
    }

    #[test]
    fn an_update_says_only_what_changes() {
        let update = UpdateTask {
            status: Some(TaskStatus::Enabled),
            ..UpdateTask::default()
        };
        assert_eq!(serde_json::to_string(&update).unwrap(), r#"{"status":"enabled"}"#);
    }

    #[test]
    fn database_names_are_quoted() {
        assert_eq!(
            Dbrp {
                db: "my\"db".into(),
                rp: "rp".into()
            }
            .to_string(),
            r#""my\"db"."rp""#
        );
    }
}

//! A task as it is kept: what the user gave, and what became of it.

use std::collections::BTreeMap;

use capstan_store::{DbRp, TaskRecord as Stored};
use capstan_tick::ScriptType;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A database and retention policy that a task may read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dbrp {
    pub database: String,
    pub retention_policy: String,
}

/// What a task reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// Points as they are written.
    Stream,
    /// Queries on a schedule.
    Batch,
}

impl TaskKind {
    /// The word used in the API and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Batch => "batch",
        }
    }
}

impl From<ScriptType> for TaskKind {
    fn from(kind: ScriptType) -> Self {
        match kind {
            ScriptType::Stream => Self::Stream,
            ScriptType::Batch => Self::Batch,
        }
    }
}

/// A value given to a script from outside (H-51).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "lowercase")]
pub enum VarValue {
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Regex(String),
    /// Nanoseconds.
    Duration(i64),
    /// The expression's text.
    Lambda(String),
    List(Vec<VarValue>),
    Star,
}

/// A variable with its description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Var {
    #[serde(flatten)]
    pub value: VarValue,
    #[serde(default)]
    pub description: String,
}

/// Variables by name.
pub type Vars = BTreeMap<String, Var>;

/// A task as it is kept. Times are nanoseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    pub id: String,
    pub kind: TaskKind,
    pub dbrps: Vec<Dbrp>,
    pub script: String,
    pub vars: Vars,
    /// Whether it should run, now and after a restart.
    pub enabled: bool,
    /// Why the last run failed (H-50). Not kept: a process that starts tries anew.
    pub error: String,
    pub created: i64,
    pub modified: i64,
    pub last_enabled: Option<i64>,
    /// Whether it came from the load directory, and goes with its file (S-72).
    pub loaded: bool,
}

impl TaskRecord {
    /// A record of a task that was just defined.
    pub(crate) fn new(id: String, kind: TaskKind, now: i64) -> Self {
        Self {
            id,
            kind,
            dbrps: Vec::new(),
            script: String::new(),
            vars: Vars::new(),
            enabled: false,
            error: String::new(),
            created: now,
            modified: now,
            last_enabled: None,
            loaded: false,
        }
    }

    pub(crate) fn to_stored(&self) -> Stored {
        let dbrp = |dbrp: &Dbrp| DbRp {
            db: dbrp.database.clone(),
            rp: dbrp.retention_policy.clone(),
        };
        // A variable is plain data, which always has a JSON form.
        let var = |(name, var): (&String, &Var)| Some((name.clone(), serde_json::to_value(var).ok()?));
        Stored {
            id: self.id.clone(),
            kind: self.kind.as_str().to_owned(),
            script: self.script.clone(),
            template_id: String::new(),
            dbrps: self.dbrps.iter().map(dbrp).collect(),
            vars: self.vars.iter().filter_map(var).collect(),
            enabled: self.enabled,
            created: self.created,
            modified: self.modified,
            last_enabled: self.last_enabled.unwrap_or(0),
            loaded: self.loaded,
        }
    }

    pub(crate) fn from_stored(stored: Stored) -> Result<Self, Error> {
        let malformed = |what: &str| Error::Stored(format!("{}: {what}", stored.id));
        let kind = match stored.kind.as_str() {
            "stream" => TaskKind::Stream,
            "batch" => TaskKind::Batch,
            _ => return Err(malformed("unknown type")),
        };
        let mut vars = Vars::new();
        for (name, value) in &stored.vars {
            let var = serde_json::from_value(value.clone())
                .map_err(|error| malformed(&format!("var {name}: {error}")))?;
            vars.insert(name.clone(), var);
        }
        let dbrps = stored.dbrps.into_iter();
        Ok(Self {
            kind,
            dbrps: dbrps
                .map(|DbRp { db, rp }| Dbrp {
                    database: db,
                    retention_policy: rp,
                })
                .collect(),
            script: stored.script,
            vars,
            enabled: stored.enabled,
            error: String::new(),
            created: stored.created,
            modified: stored.modified,
            last_enabled: (stored.last_enabled != 0).then_some(stored.last_enabled),
            loaded: stored.loaded,
            id: stored.id,
        })
    }
}

/// What is needed to make a task (H-40).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewTask {
    /// Empty: one is made up.
    pub id: String,
    pub template: String,
    pub dbrps: Vec<Dbrp>,
    pub script: String,
    pub vars: Vars,
    pub enabled: bool,
}

/// What changes about a task (H-44): empty means "as it is".
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskPatch {
    pub id: String,
    pub template: String,
    pub dbrps: Vec<Dbrp>,
    pub script: String,
    pub vars: Vars,
    pub enabled: Option<bool>,
}

/// Letters of any script, digits, `-`, `.` and `_` (H-14).
pub(crate) fn valid_id(id: &str) -> bool {
    !id.is_empty()
        && id
            .chars()
            .all(|c| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_being_stored() {
        let mut record = TaskRecord::new("a".into(), TaskKind::Stream, 5);
        record.dbrps.push(Dbrp {
            database: "d".into(),
            retention_policy: "r".into(),
        });
        record.last_enabled = Some(7);
        let list = VarValue::List(vec![VarValue::String("x".into()), VarValue::Star]);
        for (name, value) in [
            ("d", VarValue::Duration(7)),
            ("l", list),
            ("s", VarValue::Star),
            ("f", VarValue::Float(0.1)),
        ] {
            record.vars.insert(
                name.into(),
                Var {
                    value,
                    description: "about".into(),
                },
            );
        }
        let store = capstan_store::Store::in_memory();
        store.put(&record.to_stored()).unwrap();
        let stored = store.get::<Stored>("a").unwrap().unwrap();
        assert_eq!(TaskRecord::from_stored(stored).unwrap(), record);
    }

    #[test]
    fn a_stored_record_that_makes_no_sense_is_refused() {
        let stored = Stored {
            id: "a".into(),
            kind: "other".into(),
            ..Stored::default()
        };
        assert_eq!(
            TaskRecord::from_stored(stored).unwrap_err(),
            Error::Stored("a: unknown type".into())
        );
    }

    #[test]
    fn ids_are_letters_digits_and_three_signs() {
        for id in ["task_id7", "task.id7", "task-id7", "tásk7", "任务"] {
            assert!(valid_id(id), "{id}");
        }
        for id in ["", "invalid id", "invalid*id", "task/id7", "a:b", "a\n"] {
            assert!(!valid_id(id), "{id}");
        }
    }
}

//! The load directory: task definitions in files that the server keeps up with (S-70 to S-74).
//!
//! `DIR/tasks/NAME.tick` defines task NAME; its databases come from `dbrp` statements. `DIR/tasks/*.json` and `*.yaml` hold a
//! definition with `id` (or the file's name), `dbrps`, `vars` and `script`. Other files are ignored, hidden ones too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::record::{Dbrp, NewTask, TaskPatch, Var, VarValue, Vars, valid_id};
use crate::service::Tasks;

/// A larger definition is refused.
const MAX_FILE: u64 = 4 << 20;

/// See the module.
#[derive(Debug, Clone)]
pub struct LoadDirectory {
    dir: PathBuf,
}

/// What a load did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loaded {
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub deleted: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    id: String,
    #[serde(rename = "template-id", default)]
    template_id: String,
    #[serde(default)]
    dbrps: Vec<FileDbrp>,
    #[serde(default)]
    script: String,
    #[serde(default)]
    vars: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct FileDbrp {
    db: String,
    rp: String,
}

impl LoadDirectory {
    /// The directory that holds `tasks`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Makes the tasks what the files say: new ones are created enabled, changed ones updated and restarted, those whose
    /// file is gone deleted; tasks that came otherwise are left alone. A task that did not change goes on running, unlike
    /// in Kapacitor, where each load restarts everything (S-72).
    ///
    /// # Errors
    /// The first file that cannot be used; what came before it has been loaded, nothing was deleted.
    pub fn load(&self, tasks: &Tasks) -> Result<Loaded, Error> {
        let mut loaded = Loaded::default();
        let mut seen = BTreeSet::new();
        for path in self.files()? {
            let fail = |reason: String| Error::Load {
                path: path.display().to_string(),
                reason,
            };
            let new = read(&path).map_err(fail)?;
            if !seen.insert(new.id.clone()) {
                return Err(fail(format!("another file defines task {} too", new.id)));
            }
            apply(tasks, new, &mut loaded).map_err(|error| fail(error.to_string()))?;
        }
        for record in tasks.list("", 0, usize::MAX)? {
            if record.loaded && !seen.contains(&record.id) {
                tasks.delete(&record.id)?;
                loaded.deleted += 1;
            }
        }
        Ok(loaded)
    }

    /// The definitions, by name. A directory that does not exist holds none.
    fn files(&self) -> Result<Vec<PathBuf>, Error> {
        let dir = self.dir.join("tasks");
        let fail = |error: std::io::Error| Error::Load {
            path: dir.display().to_string(),
            reason: error.to_string(),
        };
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fail(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(fail)?.path();
            let hidden = path
                .file_name()
                .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && path.is_file() && matches!(extension(&path), "tick" | "json" | "yaml" | "yml") {
                files.push(path);
            }
        }
        // Scripts first, as Kapacitor does; then by name.
        files.sort_by_key(|path| (extension(path) != "tick", path.clone()));
        Ok(files)
    }
}

fn apply(tasks: &Tasks, new: NewTask, loaded: &mut Loaded) -> Result<(), Error> {
    let Ok(existing) = tasks.get(&new.id) else {
        tasks.create_as(NewTask { enabled: true, ..new }, true)?;
        loaded.created += 1;
        return Ok(());
    };
    let same = existing.script == new.script
        && existing.vars == new.vars
        && (new.dbrps.is_empty() || existing.dbrps == new.dbrps)
        && existing.enabled;
    if same && existing.loaded {
        loaded.unchanged += 1;
        return Ok(());
    }
    let id = new.id;
    let patch = TaskPatch {
        script: new.script,
        vars: new.vars,
        dbrps: new.dbrps,
        enabled: Some(true),
        ..TaskPatch::default()
    };
    tasks.update_as(&id, patch, true, true)?;
    loaded.updated += 1;
    Ok(())
}

fn extension(path: &Path) -> &str {
    path.extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
}

fn read(path: &Path) -> Result<NewTask, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("it has {size} bytes, more than {MAX_FILE}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let name = path
        .file_stem()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let new = match extension(path) {
        "tick" => NewTask {
            id: name,
            script: text,
            ..NewTask::default()
        },
        "json" => definition(
            serde_json::from_str(&text).map_err(|error| error.to_string())?,
            name,
        )?,
        _ => definition(
            serde_saphyr::from_str(&text).map_err(|error| error.to_string())?,
            name,
        )?,
    };
    if valid_id(&new.id) {
        Ok(new)
    } else {
        Err(Error::InvalidId(new.id).to_string())
    }
}

fn definition(file: File, name: String) -> Result<NewTask, String> {
    let mut vars = Vars::new();
    for (name, value) in file.vars {
        let value = untyped(value).map_err(|reason| format!("invalid var {name}: {reason}"))?;
        vars.insert(name, value);
    }
    Ok(NewTask {
        id: if file.id.is_empty() { name } else { file.id },
        template: file.template_id,
        dbrps: file
            .dbrps
            .into_iter()
            .map(|dbrp| Dbrp {
                database: dbrp.db,
                retention_policy: dbrp.rp,
            })
            .collect(),
        script: file.script,
        vars,
        enabled: true,
    })
}

/// A plain value has the type its JSON has; `{type, value}` names it (C-22).
fn untyped(value: Value) -> Result<Var, String> {
    let plain = |value| Var {
        value,
        description: String::new(),
    };
    let value = match value {
        Value::Object(mut fields) => {
            // A duration may be text here as it is in the API.
            if fields.get("type").is_some_and(|kind| kind == "duration")
                && let Some(Value::String(text)) = fields.get("value")
            {
                let nanos =
                    capstan_gocompat::duration::parse_influx(text).map_err(|error| error.to_string())?;
                fields.insert("value".to_owned(), Value::from(nanos));
            }
            return serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string());
        }
        Value::Bool(value) => VarValue::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => VarValue::Int(int),
            (None, Some(float)) => VarValue::Float(float),
            (None, None) => return Err(format!("{number} is out of range")),
        },
        Value::String(text) => VarValue::String(text),
        Value::Array(items) => VarValue::List(
            items
                .into_iter()
                .map(|item| untyped(item).map(|var| var.value))
                .collect::<Result<_, _>>()?,
        ),
        Value::Null => return Err("it has no value".to_owned()),
    };
    Ok(plain(value))
}

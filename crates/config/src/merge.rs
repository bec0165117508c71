//! One source over the other. The built-in settings as a TOML tree are the schema: what has no place in it is unknown, and
//! the type of a value there is the type it must have.

mod names;
mod variables;

use std::path::Path;

use toml::{Table, Value};

use crate::error::{Problem, Warning};
use crate::load::{Provenance, Source};
use crate::settings::{HttpPost, Influxdb, Kubernetes, Settings, Swarm, UdfFunction, parse_duration};

pub(crate) use names::nearest;

/// The table of functions, which has a table for each by its name.
const FUNCTIONS: &str = "udf.functions";

/// Sections that are lists of tables. Kapacitor takes a single table for `kubernetes`; so do we for each.
const LISTS: [&str; 4] = ["httppost", "influxdb", "kubernetes", "swarm"];

/// Values that are durations, without the indices of lists.
const DURATIONS: [&str; 12] = [
    "udf.functions.timeout",
    "http.shutdown-timeout",
    "task.snapshot-interval",
    "stats.stats-interval",
    "deadman.interval",
    "smtp.idle-timeout",
    "capstan.task-queue-deadline",
    "capstan.group-ttl",
    "capstan.decision-flush-interval",
    "influxdb.timeout",
    "influxdb.startup-timeout",
    "influxdb.subscriptions-sync-interval",
];

/// Values that are one of a few words, without the indices of lists.
const WORDS: [(&str, &[&str]); 5] = [
    ("logging.level", &["DEBUG", "INFO", "WARN", "ERROR"]),
    ("capstan.task-queue-policy", &["block", "drop-oldest"]),
    ("influxdb.subscription-protocol", &["http", "https", "udp"]),
    ("influxdb.subscription-mode", &["cluster", "server"]),
    ("influxdb.compression", &["gzip", "none"]),
];

/// Tables whose values are texts, without the indices of lists; those of others are lists of texts.
const TEXTS: [&str; 3] = ["httppost.headers", "httppost.basic-auth", "udf.functions.env"];

/// The merged tree, and what was noticed on the way.
pub(crate) struct Merge {
    pub(crate) tree: Table,
    pub(crate) provenance: Provenance,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
    unused: Vec<String>,
}

/// The built-in element of a list section.
fn element(section: &str) -> Table {
    let table = match section {
        "httppost" => Table::try_from(HttpPost::default()),
        "influxdb" => Table::try_from(Influxdb::default()),
        "swarm" => Table::try_from(Swarm::default()),
        _ => Table::try_from(Kubernetes::default()),
    };
    table.expect("the built-in settings have a TOML form")
}

/// The entries by name, whatever order the reader kept them in.
fn sorted(table: Table) -> std::collections::BTreeMap<String, Value> {
    table.into_iter().collect()
}

/// A path without the indices of lists and the names of functions.
fn general(path: &str) -> String {
    if let Some((_, key)) = path
        .strip_prefix(FUNCTIONS)
        .and_then(|rest| rest.strip_prefix('.')?.split_once('.'))
    {
        return format!("{FUNCTIONS}.{key}");
    }
    let parts: Vec<&str> = path
        .split('.')
        .filter(|part| part.parse::<usize>().is_err())
        .collect();
    parts.join(".")
}

impl Merge {
    pub(crate) fn new() -> Self {
        Self {
            tree: Table::try_from(Settings::default()).expect("the built-in settings have a TOML form"),
            provenance: Provenance::default(),
            problems: Vec::new(),
            warnings: Vec::new(),
            unused: Vec::new(),
        }
    }

    /// Puts a file's values over what is there.
    pub(crate) fn file(&mut self, path: &Path, table: Table) {
        let source = Source::File(path.to_owned());
        for (name, value) in sorted(table) {
            if LISTS.contains(&&*name) {
                self.list(&name, value, &source);
            } else if let Some(known) = self.tree.get(&name) {
                match (known.is_table(), value) {
                    (true, Value::Table(values)) => self.section(&name, values, &source),
                    (true, other) => {
                        self.problem(&name, format!("expected a section, found {}", other.type_str()));
                    }
                    (false, value) => self.set(&name, value, source.clone()),
                }
            } else if names::UNUSED_SECTIONS.contains(&&*name) {
                self.unused.push(name);
            } else {
                let known = self
                    .tree
                    .keys()
                    .map(String::as_str)
                    .chain(LISTS)
                    .chain(names::UNUSED_SECTIONS);
                let suggestion = nearest(&name, known);
                self.warnings.push(Warning::UnknownKey {
                    path: name,
                    suggestion,
                });
            }
        }
        if !self.unused.is_empty() {
            self.warnings.push(Warning::Unused {
                sections: std::mem::take(&mut self.unused),
            });
        }
    }

    fn list(&mut self, section: &str, value: Value, source: &Source) {
        let elements = match value {
            Value::Table(table) => vec![Value::Table(table)],
            Value::Array(elements) => elements,
            other => {
                self.problem(
                    section,
                    format!("expected [[{section}]], found {}", other.type_str()),
                );
                return;
            }
        };
        let built_in = vec![Value::Table(element(section)); elements.len()];
        self.tree.insert(section.to_owned(), Value::Array(built_in));
        for (at, value) in elements.into_iter().enumerate() {
            let path = format!("{section}.{at}");
            match value {
                Value::Table(values) => self.section(&path, values, source),
                other => self.problem(&path, format!("expected a section, found {}", other.type_str())),
            }
        }
    }

    fn section(&mut self, path: &str, values: Table, source: &Source) {
        for (key, value) in sorted(values) {
            let full = format!("{path}.{key}");
            if full == FUNCTIONS {
                self.functions(value, source);
                continue;
            }
            if self.find(&full).is_some() {
                self.set(&full, value, source.clone());
                continue;
            }
            let known = self
                .find(path)
                .and_then(Value::as_table)
                .into_iter()
                .flat_map(Table::keys);
            let suggestion = nearest(&key, known.map(String::as_str)).map(|key| format!("{path}.{key}"));
            self.warnings.push(Warning::UnknownKey {
                path: full,
                suggestion,
            });
        }
    }

    /// Functions have names of their own choice, so each gets its place here.
    fn functions(&mut self, value: Value, source: &Source) {
        let Value::Table(functions) = value else {
            self.problem(
                FUNCTIONS,
                format!("expected a section, found {}", value.type_str()),
            );
            return;
        };
        for (name, value) in sorted(functions) {
            let path = format!("{FUNCTIONS}.{name}");
            let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if !is_name {
                self.problem(&path, "scripts cannot spell this name".to_owned());
                continue;
            }
            let Value::Table(values) = value else {
                self.problem(&path, format!("expected a section, found {}", value.type_str()));
                continue;
            };
            let element = Table::try_from(UdfFunction::default());
            let element = element.expect("the built-in settings have a TOML form");
            if let Some(Value::Table(functions)) = self.find_mut(FUNCTIONS) {
                functions.insert(name, Value::Table(element));
            }
            self.section(&path, values, source);
        }
    }

    /// Sets the value of a path that exists, if it has the right type.
    pub(crate) fn set(&mut self, path: &str, value: Value, source: Source) {
        let Some(known) = self.find(path) else { return };
        match convert(&general(path), known, value) {
            Ok(value) => {
                if let Some(known) = self.find_mut(path) {
                    *known = value;
                }
                self.provenance.sources.insert(path.to_owned(), source);
            }
            Err(message) => match source {
                Source::Variable(name) => self.problem(&name, format!("{message} (it sets {path})")),
                _ => self.problem(path, message),
            },
        }
    }

    fn problem(&mut self, at: &str, message: String) {
        self.problems.push(Problem {
            at: at.to_owned(),
            message,
        });
    }

    fn find(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.');
        let first = self.tree.get(parts.next()?)?;
        parts.try_fold(first, |value, part| match value {
            Value::Table(table) => table.get(part),
            Value::Array(elements) => elements.get(part.parse::<usize>().ok()?),
            _ => None,
        })
    }

    fn find_mut(&mut self, path: &str) -> Option<&mut Value> {
        let mut parts = path.split('.');
        let first = self.tree.get_mut(parts.next()?)?;
        parts.try_fold(first, |value, part| match value {
            Value::Table(table) => table.get_mut(part),
            Value::Array(elements) => elements.get_mut(part.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

/// `value` as what the setting must be, of which `known` is an example.
fn convert(path: &str, known: &Value, value: Value) -> Result<Value, String> {
    if DURATIONS.contains(&path) {
        return match &value {
            Value::String(text) if parse_duration(text).is_some() => Ok(value),
            other => Err(format!(
                "expected a duration such as \"10s\", found {}",
                shown(other)
            )),
        };
    }
    if let Some((_, words)) = WORDS.iter().find(|(name, _)| *name == path) {
        let word = value
            .as_str()
            .and_then(|text| words.iter().find(|word| word.eq_ignore_ascii_case(text)));
        let message = || format!("expected one of {}, found {}", words.join(", "), shown(&value));
        return word
            .map(|word| Value::String((*word).to_owned()))
            .ok_or_else(message);
    }
    let wrong = |expected: &str, value: &Value| Err(format!("expected {expected}, found {}", shown(value)));
    match (known, value) {
        (Value::String(_), value @ Value::String(_)) | (Value::Boolean(_), value @ Value::Boolean(_)) => {
            Ok(value)
        }
        (Value::Integer(_), Value::Integer(number)) if number >= 0 => Ok(Value::Integer(number)),
        (Value::Float(_), Value::Integer(number)) => Ok(Value::Float(number as f64)),
        (Value::Float(_), Value::Float(number)) if number.is_finite() => Ok(Value::Float(number)),
        (Value::Array(_), Value::Array(items)) if items.iter().all(Value::is_str) => Ok(Value::Array(items)),
        (Value::Table(_), Value::Table(entries)) if TEXTS.contains(&path) => {
            match entries.iter().find(|(_, value)| !value.is_str()) {
                None => Ok(Value::Table(entries)),
                Some((key, value)) => Err(format!("{key}: expected a string, found {}", shown(value))),
            }
        }
        (Value::Table(_), Value::Table(entries)) => {
            let texts = |value: &Value| {
                value
                    .as_array()
                    .is_some_and(|items| items.iter().all(Value::is_str))
            };
            match entries.iter().find(|(_, value)| !texts(value)) {
                None => Ok(Value::Table(entries)),
                Some((key, value)) => Err(format!(
                    "{key}: expected a list of strings, found {}",
                    shown(value)
                )),
            }
        }
        (Value::String(_), value) => wrong("a string", &value),
        (Value::Boolean(_), value) => wrong("true or false", &value),
        (Value::Integer(_), value) => wrong("a whole number that is not negative", &value),
        (Value::Float(_), value) => wrong("a number", &value),
        (Value::Array(_), value) => wrong("a list of strings", &value),
        (_, value) => wrong("a table", &value),
    }
}

/// A value in a message.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        other => format!("a value of type {}", other.type_str()),
    }
}

//! Values from variables (S-03 to S-09).

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{LISTS, Merge, element, general, names};
use crate::error::Warning;
use crate::load::Source;

/// Variables that are for the command-line client or for finding the file.
const NOT_SETTINGS: [&str; 5] = ["URL", "UNSAFE_SSL", "CONFIG_PATH", "SHARED", "OPTS"];

/// Variables by the part of the name behind the prefix: what they are called, and their value.
struct Given {
    variables: BTreeMap<String, (String, String)>,
    used: BTreeSet<String>,
}

impl Given {
    /// `CAPSTAN_X` wins over `KAPACITOR_X`; an empty value is none (S-08).
    fn new(environment: &BTreeMap<String, String>) -> Self {
        let mut variables = BTreeMap::new();
        for prefix in ["KAPACITOR_", "CAPSTAN_"] {
            for (name, value) in environment.iter().filter(|(_, value)| !value.is_empty()) {
                if let Some(rest) = name.strip_prefix(prefix) {
                    variables.insert(rest.to_owned(), (name.clone(), value.clone()));
                }
            }
        }
        Self {
            variables,
            used: BTreeSet::new(),
        }
    }

    fn take(&mut self, rest: &str) -> Option<(String, String)> {
        let found = self.variables.get(rest).cloned()?;
        self.used.insert(rest.to_owned());
        Some(found)
    }
}

/// A part of a path as variables spell it.
fn spelled(path: &str) -> String {
    path.to_ascii_uppercase().replace(['-', '.'], "_")
}

impl Merge {
    /// Puts the values of variables over what is there.
    pub(crate) fn environment(&mut self, environment: &BTreeMap<String, String>) {
        let mut given = Given::new(environment);
        for section in LISTS {
            self.implied(section, &given);
        }
        let mut known_names = Vec::new();
        for path in self.leaves() {
            for name in variable_names(&path) {
                self.variable(&path, &name, &mut given);
                known_names.push(name);
            }
        }
        self.unknown_variables(&given, &known_names);
    }

    /// A variable for the first element of a list makes it exist (S-07 FIX: Kapacitor ignores the variable when the file
    /// has none). Only for `kubernetes` may the index be left out.
    fn implied(&mut self, section: &str, given: &Given) {
        let missing = self
            .tree
            .get(section)
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty);
        let keys: Vec<String> = element(section).keys().map(|key| spelled(key)).collect();
        let prefix = format!("{}_", spelled(section));
        let names_one = |rest: &String| {
            let Some(key) = rest.strip_prefix(&prefix) else {
                return false;
            };
            let key = match key.strip_prefix("0_") {
                Some(key) => key,
                None if section == "kubernetes" => key,
                None => return false,
            };
            keys.iter().any(|known| {
                key.strip_prefix(known.as_str())
                    .is_some_and(|r| r.is_empty() || r.starts_with('_'))
            })
        };
        if missing && given.variables.keys().any(names_one) {
            let first = Value::Array(vec![Value::Table(element(section))]);
            self.tree.insert(section.to_owned(), first);
        }
    }

    /// The paths of all values. Maps have no variables yet.
    fn leaves(&self) -> Vec<String> {
        fn section(path: &str, table: &Table, out: &mut Vec<String>) {
            out.extend(
                table
                    .iter()
                    .filter(|(_, value)| !value.is_table())
                    .map(|(key, _)| format!("{path}.{key}")),
            );
        }
        let mut out = Vec::new();
        for (name, value) in &self.tree {
            match value {
                Value::Table(table) => section(name, table, &mut out),
                Value::Array(elements) if LISTS.contains(&&**name) => {
                    for (at, element) in elements.iter().enumerate() {
                        if let Some(table) = element.as_table() {
                            section(&format!("{name}.{at}"), table, &mut out);
                        }
                    }
                }
                _ => out.push(name.clone()),
            }
        }
        out.sort_unstable();
        out
    }

    fn variable(&mut self, path: &str, name: &str, given: &mut Given) {
        let Some(known) = self.find(path) else { return };
        let known = known.clone();
        if let Value::Array(items) = known {
            return self.list_variable(path, name, items, given);
        }
        let Some((variable, text)) = given.take(name) else {
            return;
        };
        let source = Source::Variable(variable);
        // What does not parse stays text and is refused for what it is.
        let value = match known {
            Value::Boolean(_) => go_bool(&text).map(Value::Boolean),
            Value::Integer(_) => text.parse().ok().map(Value::Integer),
            Value::Float(_) => text.parse().ok().map(Value::Float),
            _ => None,
        };
        self.set(path, value.unwrap_or(Value::String(text)), source);
    }

    /// Items of a list of strings, by index. Unlike Kapacitor's (S-05) the list may grow by one item at a time.
    fn list_variable(&mut self, path: &str, name: &str, mut items: Vec<Value>, given: &mut Given) {
        let mut source = None;
        for at in 0.. {
            match given.take(&format!("{name}_{at}")) {
                Some((variable, text)) => {
                    let value = Value::String(text);
                    match items.get_mut(at) {
                        Some(item) => *item = value,
                        None => items.push(value),
                    }
                    source = Some(Source::Variable(variable));
                }
                None if at >= items.len() => break,
                None => {}
            }
        }
        if let Some(source) = source {
            self.set(path, Value::Array(items), source);
        }
    }

    fn unknown_variables(&mut self, given: &Given, known: &[String]) {
        for (rest, (variable, _)) in &given.variables {
            // A service of this name in Kubernetes makes such variables in every pod.
            let service = rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_");
            let unused = names::UNUSED_SECTIONS.iter().any(|section| {
                rest.strip_prefix(&spelled(section))
                    .is_some_and(|after| after.is_empty() || after.starts_with('_'))
            });
            if given.used.contains(rest) || NOT_SETTINGS.contains(&&**rest) || service || unused {
                continue;
            }
            let prefix = &variable[..variable.len() - rest.len()];
            let suggestion = names::nearest(rest, known.iter().map(String::as_str));
            let suggestion = suggestion.map(|rest| format!("{prefix}{rest}"));
            self.warnings.push(Warning::UnknownVariable {
                name: variable.clone(),
                suggestion,
            });
        }
    }
}

/// The names a path has in the environment, behind the prefix; of several the last one wins.
fn variable_names(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    if path.starts_with("kubernetes.0.") {
        names.push(spelled(&general(path)));
    }
    if let Some(key) = path.strip_prefix("capstan.") {
        names.push(spelled(key));
    }
    names.push(spelled(path));
    names
}

/// Go's `strconv.ParseBool`.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

//! Finding and reading the sources.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::environment::Environment;
use crate::error::{Error, Problem, Warning};
use crate::merge::Merge;
use crate::settings::Settings;
use crate::validate;

/// Where a value came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    #[default]
    Default,
    /// This file.
    File(PathBuf),
    /// This variable.
    Variable(String),
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built in"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Where each value came from, by path (`http.bind-address`, `kubernetes.0.token`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    pub(crate) sources: BTreeMap<String, Source>,
}

impl Provenance {
    /// The source of a value; what nobody set is built in.
    pub fn of(&self, path: &str) -> Source {
        self.sources.get(path).cloned().unwrap_or_default()
    }

    /// Everything that was set, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources.iter().map(|(path, source)| (&**path, source))
    }
}

/// Values from the command line; they win over all other sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `-hostname`.
    pub hostname: Option<String>,
    /// `--data-dir`.
    pub data_dir: Option<String>,
    /// `--bind-address`.
    pub bind_address: Option<String>,
    /// `-log-file`.
    pub log_file: Option<String>,
    /// `-log-level`.
    pub log_level: Option<String>,
    /// `-disable-handlers`.
    pub disable_handlers: Option<Vec<String>>,
}

impl Overrides {
    fn list(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let handlers = self.disable_handlers.clone();
        [
            ("hostname", text(&self.hostname)),
            ("data_dir", text(&self.data_dir)),
            ("http.bind-address", text(&self.bind_address)),
            ("logging.file", text(&self.log_file)),
            ("logging.level", text(&self.log_level)),
            ("capstan.disable-handlers", handlers.map(Value::from)),
        ]
        .into_iter()
        .filter_map(|(path, value)| Some((path, value?)))
    }
}

/// Complete settings, and how they came about.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub settings: Settings,
    /// The file that was read; `None` when there was none.
    pub file: Option<PathBuf>,
    pub provenance: Provenance,
    /// What was ignored, to be logged once logging is set up.
    pub warnings: Vec<Warning>,
}

/// The file to read (C-64): the one asked for; `CAPSTAN_CONFIG_PATH` or `KAPACITOR_CONFIG_PATH`; the first that exists of
/// `~/.capstan/capstan.conf`, `~/.kapacitor/kapacitor.conf`, `/etc/capstan/capstan.conf`,
/// `/etc/kapacitor/kapacitor.conf`.
pub fn find_file(
    asked: Option<&Path>,
    environment: &dyn Environment,
    exists: &dyn Fn(&Path) -> bool,
) -> Option<PathBuf> {
    if let Some(path) = asked {
        return Some(path.to_owned());
    }
    let named = ["CAPSTAN_CONFIG_PATH", "KAPACITOR_CONFIG_PATH"];
    if let Some(path) = named.into_iter().find_map(|name| environment.variable(name)) {
        return Some(path.into());
    }
    let home = environment.variable("HOME").map(PathBuf::from);
    let at_home = home.iter().flat_map(|home| {
        [
            home.join(".capstan/capstan.conf"),
            home.join(".kapacitor/kapacitor.conf"),
        ]
    });
    let system = ["/etc/capstan/capstan.conf", "/etc/kapacitor/kapacitor.conf"].map(PathBuf::from);
    at_home.chain(system).find(|path| exists(path))
}

/// Finds and reads the file and makes settings of all sources.
pub fn load(
    asked: Option<&Path>,
    environment: &dyn Environment,
    overrides: &Overrides,
) -> Result<Loaded, Error> {
    let Some(path) = find_file(asked, environment, &|path| path.is_file()) else {
        return resolve(None, environment, overrides);
    };
    let text = fs::read_to_string(&path).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    resolve(Some((&path, &text)), environment, overrides)
}

/// Makes settings of all sources, the file's text being given.
pub fn resolve(
    file: Option<(&Path, &str)>,
    environment: &dyn Environment,
    overrides: &Overrides,
) -> Result<Loaded, Error> {
    let mut merge = Merge::new();
    if let Some((path, text)) = file {
        let table: Table = text.parse().map_err(|error: toml::de::Error| Error::Syntax {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        merge.file(path, table);
    }
    merge.environment(&environment.variables());
    for (path, value) in overrides.list() {
        merge.set(path, value, Source::Flag);
    }
    let Merge {
        tree,
        provenance,
        mut problems,
        warnings,
        ..
    } = merge;
    let mut settings: Settings = match tree.try_into() {
        Ok(settings) => settings,
        Err(error) => {
            // Each value was checked before; this is for what such a check cannot see.
            if problems.is_empty() {
                problems.push(Problem {
                    at: "configuration".into(),
                    message: error.to_string(),
                });
            }
            return Err(Error::Invalid(problems));
        }
    };
    validate::check(&settings, &mut problems);
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    default_paths(&mut settings, environment.variable("HOME").as_deref());
    let file = file.map(|(path, _)| path.to_owned());
    Ok(Loaded {
        settings,
        file,
        provenance,
        warnings,
    })
}

/// Paths that nobody set follow the data directory.
fn default_paths(settings: &mut Settings, home: Option<&str>) {
    if settings.data_dir.is_empty() {
        let data_dir = home.map_or_else(
            || PathBuf::from(".capstan"),
            |home| Path::new(home).join(".capstan"),
        );
        settings.data_dir = data_dir.to_string_lossy().into_owned();
    }
    let data_dir = Path::new(&settings.data_dir);
    for (path, name) in [
        (&mut settings.storage.boltdb, "capstan.db"),
        (&mut settings.replay.dir, "replay"),
        (&mut settings.load.dir, "load"),
        (&mut settings.task.dir, "tasks"),
    ] {
        if path.is_empty() {
            *path = data_dir.join(name).to_string_lossy().into_owned();
        }
    }
    for database in &mut settings.influxdb {
        // The only enabled one is the default one (S-33); validation has seen to the rest.
        database.default = database.default && database.enabled;
    }
    let mut enabled = settings.influxdb.iter_mut().filter(|database| database.enabled);
    if let (Some(only), None) = (enabled.next(), enabled.next()) {
        only.default = true;
    }
}

//! What is wrong with a configuration, and what is only odd.

use std::fmt;
use std::path::PathBuf;

use capstan_base::{Class, Classify};

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file that was asked for cannot be read.
    #[error("cannot read configuration {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("configuration {} is not valid TOML: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What the reader said, with the line.
        message: String,
    },
    /// Values that are wrong, all of them.
    #[error("invalid configuration: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Problem>),
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::User
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting (`http.bind-address`) or the variable (S-09).
    pub at: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// One thing that is ignored (S-01 FIX: Kapacitor ignores it silently).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A key or section that does not exist.
    UnknownKey {
        /// As in `http.bind-adress`.
        path: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// A variable that does not exist.
    UnknownVariable {
        /// Its name.
        name: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// Sections of Kapacitor that this release does not act on.
    Unused {
        /// Their names.
        sections: Vec<String>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name, suggestion) = match self {
            Self::UnknownKey { path, suggestion } => ("configuration key", path, suggestion),
            Self::UnknownVariable { name, suggestion } => ("variable", name, suggestion),
            Self::Unused { sections } => {
                return write!(
                    f,
                    "these configuration sections are not used by this release: {}",
                    sections.join(", ")
                );
            }
        };
        write!(f, "unknown {what} {name} is ignored")?;
        match suggestion {
            Some(suggestion) => write!(f, "; did you mean {suggestion}?"),
            None => Ok(()),
        }
    }
}

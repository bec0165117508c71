//! Kapacitor's configuration, read from its file, the environment and flags, into complete [`Settings`].
//!
//! Each source goes over the one before: built-in value, file, environment, flags (S-02). Kapacitor's TOML keys and
//! `KAPACITOR_*` variables are taken as they are; `CAPSTAN_X` means `KAPACITOR_X` and wins. What is not known is a
//! [`Warning`] with the nearest known name, never a refusal; what is wrong is reported all at once. For each value it is
//! kept where it came from.
//!
//! Without any file the server runs on its built-in values: no InfluxDB, no cluster, everything below
//! `$HOME/.capstan` (`.capstan` in the working directory when there is no home). Paths of storage, replay, load and tasks
//! that are not set follow `data_dir`.
//!
//! Deliberately absent: what the settings are used for; flags' syntax; overrides stored through the API.
//!
//! ```
//! let text = "[http]\n  bind-address = \":9093\"\n";
//! let env = std::collections::BTreeMap::from([("KAPACITOR_LOGGING_LEVEL".to_owned(), "ERROR".to_owned())]);
//! let loaded = capstan_config::resolve(Some(("capstan.conf".as_ref(), text)), &env, &Default::default()).expect("valid");
//! assert_eq!(loaded.settings.http.bind_address, ":9093");
//! assert_eq!(loaded.settings.logging.level, "ERROR");
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`settings`] | every setting, its meaning and its built-in value |
//! | [`load`] | finding and reading the sources |
//! | [`environment`] | variables as a map |
//! | `merge` | one source over the other, by name |
//! | `validate` | what makes no sense |
//! | [`print`] | settings as a file |

pub mod environment;
pub mod error;
pub mod load;
mod merge;
pub mod print;
pub mod settings;
mod validate;

#[cfg(test)]
mod tests;

pub use environment::{Environment, ProcessEnvironment};
pub use error::{Error, Problem, Warning};
pub use load::{Loaded, Overrides, Provenance, Source, find_file, load, resolve};
pub use print::print_config;
pub use settings::{
    Adapter, BasicAuth, Capstan, HttpPost, Influxdb, Kubernetes, QueuePolicy, Settings, Smtp, Swarm, Udf,
    UdfFunction,
};

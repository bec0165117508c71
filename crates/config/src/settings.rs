//! Every setting with its built-in value. Names are Kapacitor's (S-20 to S-37) but for section `[capstan]` and what is
//! marked as ours.

mod duration;
mod sections;

use serde::{Deserialize, Serialize};

pub use sections::{
    Adapter, Alert, BasicAuth, Capstan, ConfigOverride, Deadman, Http, HttpPost, Influxdb, Kubernetes, Load,
    Logging, QueuePolicy, Replay, Reporting, Smtp, Stats, Storage, Swarm, Task, Tls, Udf, UdfFunction,
};

pub(crate) use duration::parse as parse_duration;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// How others reach this host.
    pub hostname: String,
    /// Everything that is kept is below this directory unless set otherwise.
    #[serde(rename = "data_dir")]
    pub data_dir: String,
    /// Whether settings that were stored through the API are left aside.
    pub skip_config_overrides: bool,
    /// Retention policy of writes that name none (H-22).
    pub default_retention_policy: String,
    pub http: Http,
    pub tls: Tls,
    pub logging: Logging,
    pub storage: Storage,
    pub replay: Replay,
    pub task: Task,
    pub load: Load,
    pub stats: Stats,
    pub reporting: Reporting,
    pub alert: Alert,
    pub deadman: Deadman,
    pub smtp: Smtp,
    pub udf: Udf,
    pub config_override: ConfigOverride,
    pub capstan: Capstan,
    /// Ours.
    pub adapter: Adapter,
    /// Where alerts and nodes post to by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub httppost: Vec<HttpPost>,
    /// Databases to read from and to be subscribed to.
    pub influxdb: Vec<Influxdb>,
    /// Clusters to scale in and to discover targets from.
    pub kubernetes: Vec<Kubernetes>,
    /// Docker Swarms to scale in.
    pub swarm: Vec<Swarm>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost".into(),
            data_dir: String::new(),
            skip_config_overrides: false,
            default_retention_policy: String::new(),
            http: Http::default(),
            tls: Tls::default(),
            logging: Logging::default(),
            storage: Storage::default(),
            replay: Replay::default(),
            task: Task::default(),
            load: Load::default(),
            stats: Stats::default(),
            reporting: Reporting::default(),
            alert: Alert::default(),
            deadman: Deadman::default(),
            smtp: Smtp::default(),
            udf: Udf::default(),
            config_override: ConfigOverride::default(),
            capstan: Capstan::default(),
            adapter: Adapter::default(),
            httppost: Vec::new(),
            // Unlike Kapacitor, no database is assumed: the server runs without one.
            influxdb: Vec::new(),
            kubernetes: Vec::new(),
            swarm: Vec::new(),
        }
    }
}

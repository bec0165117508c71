//! The sections.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// The API on :9092 (S-20).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Http {
    /// `host:port` or `:port`.
    pub bind_address: String,
    pub auth_enabled: bool,
    /// Whether each request is logged.
    pub log_enabled: bool,
    /// Whether bodies of writes are logged.
    pub write_tracing: bool,
    pub pprof_enabled: bool,
    pub https_enabled: bool,
    /// File with the certificate and, unless given apart, the key.
    pub https_certificate: String,
    /// File with the key; empty: it is in the certificate's file.
    pub https_private_key: String,
    /// How long a stop waits for requests.
    #[serde(with = "duration")]
    pub shutdown_timeout: Duration,
    pub shared_secret: String,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            bind_address: ":9092".into(),
            auth_enabled: false,
            log_enabled: true,
            write_tracing: false,
            pprof_enabled: false,
            https_enabled: false,
            https_certificate: "/etc/ssl/kapacitor.pem".into(),
            https_private_key: String::new(),
            shutdown_timeout: Duration::from_secs(10),
            shared_secret: String::new(),
        }
    }
}

/// What TLS listeners and clients agree to (S-21).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tls {
    pub ciphers: Vec<String>,
    /// As in `tls1.2`; empty is the library's choice.
    pub min_version: String,
    pub max_version: String,
}

/// Logs (S-22).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Logging {
    /// `STDERR`, `STDOUT` or a path.
    pub file: String,
    /// `DEBUG`, `INFO`, `WARN` or `ERROR`.
    pub level: String,
}

impl Default for Logging {
    fn default() -> Self {
        // INFO as in Kapacitor's packages; its code says DEBUG.
        Self {
            file: "STDERR".into(),
            level: "INFO".into(),
        }
    }
}

/// The store (S-24).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Storage {
    /// The store's file; not a BoltDB, for all its name. Empty: `capstan.db` below `data_dir`.
    pub boltdb: String,
}

/// Recordings (S-25).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Replay {
    /// Empty: `replay` below `data_dir`.
    pub dir: String,
}

/// Tasks (S-26).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Task {
    /// Empty: `tasks` below `data_dir`.
    pub dir: String,
    /// How often the state of nodes is kept.
    #[serde(with = "duration")]
    pub snapshot_interval: Duration,
}

impl Default for Task {
    fn default() -> Self {
        Self {
            dir: String::new(),
            snapshot_interval: Duration::from_mins(1),
        }
    }
}

/// The load directory (S-27, S-70).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Load {
    pub enabled: bool,
    /// Empty: `load` below `data_dir`. Must be absolute when given.
    pub dir: String,
}

/// The server's own statistics as points (S-29).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stats {
    pub enabled: bool,
    #[serde(with = "duration")]
    pub stats_interval: Duration,
    pub database: String,
    pub retention_policy: String,
    /// Share of points whose handling is timed.
    pub timing_sample_rate: f64,
    pub timing_movavg_size: usize,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            enabled: true,
            stats_interval: Duration::from_secs(10),
            database: "_kapacitor".into(),
            retention_policy: "autogen".into(),
            timing_sample_rate: 0.1,
            timing_movavg_size: 1_000,
        }
    }
}

/// Taken and ignored: nothing is ever reported to anybody (S-30 FIX).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reporting {
    pub enabled: bool,
    pub url: String,
}

/// Alert topics (S-31).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Alert {
    pub persist_topics: bool,
    /// Events that may wait for a topic's handlers; at least 1000.
    pub topic_buffer_length: usize,
}

impl Default for Alert {
    fn default() -> Self {
        Self {
            persist_topics: true,
            topic_buffer_length: 5_000,
        }
    }
}

/// Dead man's switches (S-32).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deadman {
    /// Whether every task has one.
    pub global: bool,
    #[serde(with = "duration")]
    pub interval: Duration,
    pub threshold: f64,
    pub id: String,
    pub message: String,
}

impl Default for Deadman {
    fn default() -> Self {
        Self {
            global: false,
            interval: Duration::from_secs(10),
            threshold: 0.0,
            id: "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'".into(),
            message: "{{ .ID }} is {{ if eq .Level \"OK\" }}alive{{ else }}dead{{ end }}: \
                      {{ index .Fields \"emitted\" | printf \"%0.3f\" }} points/INTERVAL."
                .into(),
        }
    }
}

/// Settings that are changed through the API (S-28).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ConfigOverride {
    pub enabled: bool,
}

impl Default for ConfigOverride {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// What happens when a task's queue is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueuePolicy {
    /// The writer waits until the deadline; then the batch is dropped and counted.
    #[default]
    Block,
    /// The oldest batch is dropped and counted.
    DropOldest,
}

/// Our own settings, for the most part limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Capstan {
    /// The largest body of a request, as it comes.
    pub max_body_bytes: usize,
    /// The largest body of a request, decompressed.
    pub max_decompressed_bytes: usize,
    /// The most series of one database and retention policy; points of further ones are refused.
    pub max_series: usize,
    /// The most databases and retention policies written to.
    pub max_databases: usize,
    /// Batches that may wait for a task.
    pub task_queue_length: usize,
    /// `block` or `drop-oldest`.
    pub task_queue_policy: QueuePolicy,
    /// How long a writer waits for a task with policy `block`.
    #[serde(with = "duration")]
    pub task_queue_deadline: Duration,
    /// A task forgets what it keeps for a group when no point of the group came for so long; 0 is never, as in Kapacitor.
    #[serde(with = "duration")]
    pub group_ttl: Duration,
    /// Kinds of alert handlers that no task may use, as `exec` where scripts come from strangers (C-66).
    pub disable_handlers: Vec<String>,
    /// Points that may wait for one object while a scale write is under way.
    pub scale_queue_length: usize,
    /// Decision records kept in memory.
    pub decision_ring_size: usize,
    /// Decision records kept in the store.
    pub decision_log_size: usize,
    /// How often decision records are written to the store.
    #[serde(with = "duration")]
    pub decision_flush_interval: Duration,
}

impl Default for Capstan {
    fn default() -> Self {
        Self {
            max_body_bytes: 25 << 20,
            max_decompressed_bytes: 256 << 20,
            max_series: 4_000_000,
            max_databases: 1_000,
            task_queue_length: 256,
            task_queue_policy: QueuePolicy::Block,
            task_queue_deadline: Duration::from_secs(5),
            group_ttl: Duration::ZERO,
            disable_handlers: Vec::new(),
            scale_queue_length: 100,
            decision_ring_size: 1_000,
            decision_log_size: 100_000,
            decision_flush_interval: Duration::from_secs(1),
        }
    }
}

/// The metrics adapter, run beside the tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Adapter {
    pub enabled: bool,
    /// The id of the cluster whose HPAs it serves; not needed where there is one.
    pub kubernetes: String,
    /// Flags of `capstan adapter`.
    pub flags: Vec<String>,
}

/// An InfluxDB (S-33).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Influxdb {
    pub enabled: bool,
    /// Whether tasks use this one when they name none. With a single enabled one it is that.
    pub default: bool,
    pub name: String,
    pub urls: Vec<String>,
    pub username: String,
    pub password: String,
    pub token: String,
    pub http_shared_secret: String,
    pub ssl_ca: String,
    pub ssl_cert: String,
    pub ssl_key: String,
    pub insecure_skip_verify: bool,
    /// 0 is none.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// How long to look for it before it is called missing; the API is open meanwhile (S-35 FIX).
    #[serde(with = "duration")]
    pub startup_timeout: Duration,
    pub disable_subscriptions: bool,
    /// `http`, `https` or `udp`.
    pub subscription_protocol: String,
    /// `cluster` or `server`.
    pub subscription_mode: String,
    #[serde(with = "duration")]
    pub subscriptions_sync_interval: Duration,
    pub subscription_path: String,
    pub kapacitor_hostname: String,
    pub http_port: usize,
    pub udp_bind: String,
    pub udp_buffer: usize,
    pub udp_read_buffer: usize,
    /// `gzip` or `none`.
    pub compression: String,
    /// Retention policies by database; empty is all.
    pub subscriptions: BTreeMap<String, Vec<String>>,
    pub excluded_subscriptions: BTreeMap<String, Vec<String>>,
}

impl Default for Influxdb {
    fn default() -> Self {
        Self {
            enabled: true,
            default: false,
            name: "default".into(),
            urls: vec!["http://localhost:8086".into()],
            username: String::new(),
            password: String::new(),
            token: String::new(),
            http_shared_secret: String::new(),
            ssl_ca: String::new(),
            ssl_cert: String::new(),
            ssl_key: String::new(),
            insecure_skip_verify: false,
            timeout: Duration::ZERO,
            startup_timeout: Duration::from_mins(5),
            disable_subscriptions: false,
            subscription_protocol: "http".into(),
            subscription_mode: "cluster".into(),
            subscriptions_sync_interval: Duration::from_mins(1),
            subscription_path: String::new(),
            kapacitor_hostname: String::new(),
            http_port: 0,
            udp_bind: String::new(),
            udp_buffer: 1_000,
            udp_read_buffer: 0,
            compression: "gzip".into(),
            subscriptions: BTreeMap::new(),
            excluded_subscriptions: BTreeMap::from([("_kapacitor".into(), vec!["autogen".into()])]),
        }
    }
}

/// The mail server of alerts (S-43).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Smtp {
    pub enabled: bool,
    pub host: String,
    /// 465 is TLS from the start; others use it when the server offers it.
    pub port: usize,
    pub username: String,
    pub password: String,
    /// Takes any certificate.
    pub no_verify: bool,
    /// Whether every alert node mails.
    pub global: bool,
    /// With `global`: whether all alert nodes tell changes of state only.
    pub state_changes_only: bool,
    pub from: String,
    /// Whom mails go to when an alert names nobody.
    pub to: Vec<String>,
    /// Templates of addresses that get the mails of all alerts, too.
    pub to_templates: Vec<String>,
    /// How long a connection is kept open.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            enabled: false,
            host: "localhost".into(),
            port: 25,
            username: String::new(),
            password: String::new(),
            no_verify: false,
            global: false,
            state_changes_only: false,
            from: String::new(),
            to: Vec::new(),
            to_templates: Vec::new(),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Where `post` and `httpPost` send to by name (S-42).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HttpPost {
    /// What scripts name it by.
    pub endpoint: String,
    /// A template.
    pub url: String,
    pub alert_template: String,
    /// Absolute.
    pub alert_template_file: String,
    pub row_template: String,
    /// Absolute.
    pub row_template_file: String,
    pub headers: BTreeMap<String, String>,
    pub basic_auth: BasicAuth,
}

/// Functions of the user's that scripts call with `@name()` (S-39).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Udf {
    /// By name.
    pub functions: BTreeMap<String, UdfFunction>,
}

/// A function of the user's: a program, or a service behind a Unix socket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct UdfFunction {
    /// How long the function may be silent before it is stopped.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// Path of the socket of a service that runs already.
    pub socket: String,
    pub prog: String,
    pub args: Vec<String>,
    /// Variables added to the server's own.
    pub env: BTreeMap<String, String>,
}

/// A user and a password; none when the user is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct BasicAuth {
    pub username: String,
    pub password: String,
}

/// A Docker Swarm (S-37).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Swarm {
    /// What scripts name it by.
    pub id: String,
    pub enabled: bool,
    /// URLs of managers: `http`, `https`, `tcp` or `unix`.
    pub servers: Vec<String>,
    /// File with the certificates of the authority that signed the servers'.
    pub ssl_ca: String,
    /// File with our certificate.
    pub ssl_cert: String,
    /// File with its key.
    pub ssl_key: String,
    pub insecure_skip_verify: bool,
}

/// A Kubernetes cluster (S-36).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kubernetes {
    /// What scripts name it by.
    pub id: String,
    pub enabled: bool,
    /// Use the pod's own service account. Excludes api-servers, token, ca-path, namespace.
    pub in_cluster: bool,
    /// URLs.
    pub api_servers: Vec<String>,
    pub token: String,
    /// Ours: a file with the token, read again when it changes.
    pub token_file: String,
    /// File with the authority's certificates.
    pub ca_path: String,
    /// Where objects are looked for when nothing says otherwise.
    pub namespace: String,
    /// What discovery lists: node, pod, service or endpoint.
    pub resource: String,
    /// Ours: a kubeconfig file to take the rest from.
    pub kubeconfig: String,
    /// Ours: which context of the kubeconfig; empty is its current one.
    pub context: String,
}

//! The servers and flags that collectors are configured with; names and defaults are kube-metrics-adapter's flags.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A server that annotations may name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Server {
    /// Its base URL.
    pub url: String,
    /// A file with its bearer token, read again at every request.
    pub token_file: Option<PathBuf>,
}

/// `InfluxDB`, unless annotations say otherwise.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct InfluxServer {
    /// Base URL.
    pub address: String,
    /// Token; never shown.
    pub token: String,
    /// Organisation.
    pub org: String,
}

impl fmt::Debug for InfluxServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("InfluxServer")
            .field("address", &self.address)
            .field("org", &self.org)
            .finish_non_exhaustive()
    }
}

/// What all collectors are configured with. A collector whose server or switch is missing here does not exist.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// `--prometheus-server`.
    pub prometheus: Option<Server>,
    /// `--additional-prometheus-server NAME=URL`.
    pub additional_prometheus: BTreeMap<String, Server>,
    /// `--influxdb-address`, `--influxdb-token`, `--influxdb-org`.
    pub influxdb: Option<InfluxServer>,
    /// `--zmon-kariosdb-endpoint` and the token named `--zmon-token-name`.
    pub zmon: Option<Server>,
    /// `--nakadi-endpoint` and the token named `--nakadi-token-name`.
    pub nakadi: Option<Server>,
    /// `--skipper-ingress-metrics`.
    pub skipper_ingress: bool,
    /// `--skipper-routegroup-metrics`.
    pub skipper_routegroup: bool,
    /// `--skipper-backends-annotation`, any number of them.
    pub skipper_backends_annotations: Vec<String>,
    /// `--external-rps-metrics`.
    pub external_rps: bool,
    /// `--external-rps-metric-name`.
    pub external_rps_metric_name: String,
    /// `--scaling-schedule`.
    pub scaling_schedule: bool,
    /// `--scaling-schedule-default-scaling-window`.
    pub scaling_schedule_window: Duration,
    /// `--scaling-schedule-ramp-steps`.
    pub scaling_schedule_ramp_steps: u32,
    /// `--scaling-schedule-default-time-zone`.
    pub scaling_schedule_time_zone: String,
    /// `--capstan-server`: where tasks run whose outputs the collector `tick` reads.
    pub capstan: Option<Server>,
    /// `--allow-url`: base URLs that annotations may point to beside the configured servers; `*` is any but link-local,
    /// loopback, unspecified and multicast addresses.
    pub allowed_urls: Vec<String>,
    /// `--default-collection-interval`.
    pub interval: Duration,
    /// `--metrics-ttl`: no value is believed for longer.
    pub ttl: Duration,
    /// How many requests to one server are under way at most.
    pub concurrency: usize,
    /// How long a server may take to answer.
    pub timeout: Duration,
    /// `--kube-metrics-adapter-compatible`: where kube-metrics-adapter does something that a user could depend on and
    /// that we think wrong, do it too.
    pub compatible: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prometheus: None,
            additional_prometheus: BTreeMap::new(),
            influxdb: None,
            zmon: None,
            nakadi: None,
            skipper_ingress: false,
            skipper_routegroup: false,
            skipper_backends_annotations: Vec::new(),
            external_rps: false,
            external_rps_metric_name: "skipper_serve_host_duration_seconds_count".to_owned(),
            scaling_schedule: false,
            scaling_schedule_window: Duration::from_mins(10),
            scaling_schedule_ramp_steps: 10,
            scaling_schedule_time_zone: "Europe/Berlin".to_owned(),
            capstan: None,
            allowed_urls: Vec::new(),
            interval: Duration::from_mins(1),
            ttl: Duration::from_mins(15),
            concurrency: 10,
            timeout: Duration::from_secs(10),
            compatible: false,
        }
    }
}

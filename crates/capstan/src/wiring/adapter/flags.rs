//! kube-metrics-adapter's flags, with its defaults (pkg/server/start.go).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use capstan_collectors::options::{InfluxServer, Options, Server};
use clap::{ArgAction, Args, ValueHint};

use crate::duration;

/// kube-metrics-adapter's `:7979`.
pub(crate) const METRICS_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 7979);

/// What is collected from where.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Collectors")]
pub(crate) struct CollectorFlags {
    /// Prometheus' base URL; without it there is no collector prometheus
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    prometheus_server: Option<String>,
    /// A file with its bearer token
    #[arg(long, value_name = "FILE")]
    prometheus_server_token_file: Option<PathBuf>,
    /// A further Prometheus, which annotations name by the key prometheus-server-alias
    #[arg(long, value_name = "NAME=URL", value_parser = pair)]
    additional_prometheus_server: Vec<(String, String)>,
    /// A file with the bearer token of a further Prometheus
    #[arg(long, value_name = "NAME=FILE", value_parser = pair)]
    additional_prometheus_server_token_file: Vec<(String, String)>,
    /// InfluxDB's base URL; without it annotations have to name one
    #[arg(long, value_name = "URL")]
    influxdb_address: Option<String>,
    /// InfluxDB's token
    #[arg(long, value_name = "TOKEN", env = "INFLUXDB_TOKEN", hide_env_values = true)]
    influxdb_token: Option<String>,
    /// InfluxDB's organisation
    #[arg(long, value_name = "ORG")]
    influxdb_org: Option<String>,
    /// Base URL of ZMON's KairosDB; without it there is no collector zmon
    #[arg(long, value_name = "URL")]
    zmon_kariosdb_endpoint: Option<String>,
    /// Name of ZMON's token in the credentials folder
    #[arg(long, value_name = "NAME", default_value = "zmon")]
    zmon_token_name: String,
    /// Nakadi's base URL; without it there is no collector nakadi
    #[arg(long, value_name = "URL")]
    nakadi_endpoint: Option<String>,
    /// Name of Nakadi's token in the credentials folder
    #[arg(long, value_name = "NAME", default_value = "nakadi")]
    nakadi_token_name: String,
    /// Where tokens are, as NAME-token-secret
    #[arg(long, value_name = "FOLDER", default_value = "/meta/credentials")]
    credentials_dir: PathBuf,
    /// Collect requests per second of Ingresses behind Skipper
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    skipper_ingress_metrics: bool,
    /// Collect requests per second of `RouteGroups` behind Skipper
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    skipper_routegroup_metrics: bool,
    /// An annotation with the weights of an Ingress' backends; may be given several times
    #[arg(long, value_name = "ANNOTATION")]
    skipper_backends_annotation: Vec<String>,
    /// Collect requests per second of host names
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    external_rps_metrics: bool,
    /// Which metric of Prometheus counts them
    #[arg(
        long,
        value_name = "METRIC",
        default_value = "skipper_serve_host_duration_seconds_count"
    )]
    external_rps_metric_name: String,
    /// Collect the values of ScalingSchedules and ClusterScalingSchedules, and act on them
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub(crate) scaling_schedule: bool,
    /// Over how long a schedule ramps up and down, unless it says so itself
    #[arg(long, value_name = "DURATION", default_value = "10m0s", value_parser = duration::parse)]
    scaling_schedule_default_scaling_window: Duration,
    /// In how many steps
    #[arg(long, value_name = "STEPS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    scaling_schedule_ramp_steps: u32,
    /// The time zone of schedules that name none
    #[arg(long, value_name = "ZONE", default_value = "Europe/Berlin")]
    scaling_schedule_default_time_zone: String,
    /// How far a schedule's replicas may be above the current ones for us to scale in the HPA's stead
    #[arg(
        long = "horizontal-pod-autoscaler-tolerance",
        value_name = "SHARE",
        default_value_t = 0.1
    )]
    pub(crate) tolerance: f64,
    /// A capstan server whose tasks' outputs are metrics (collector tick)
    #[arg(long, value_name = "URL")]
    capstan_server: Option<String>,
    /// A base URL that annotations may point to, beside the servers above; * is any but loopback and link-local ones
    #[arg(long = "allow-url", value_name = "URL")]
    allowed_urls: Vec<String>,
    /// How often metrics are collected that do not say how often
    #[arg(long, value_name = "DURATION", default_value = "1m0s", value_parser = duration::parse)]
    default_collection_interval: Duration,
    /// No value is served that is older
    #[arg(long, value_name = "DURATION", default_value = "15m0s", value_parser = duration::parse)]
    metrics_ttl: Duration,
    /// Requests to one server at once
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    server_concurrency: u16,
    /// How long a server may take to answer
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    server_timeout: Duration,
    /// Say nothing of HPAs whose metrics have no collector: another adapter may serve them
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    disregard_incompatible_hpas: bool,
    /// Do as kube-metrics-adapter does also where a value may be old, cut or another HPA's
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    kube_metrics_adapter_compatible: bool,
    /// Where /metrics, and what `capstan adapter status` asks for, are
    #[arg(long, value_name = "ADDRESS", default_value = ":7979", value_parser = address)]
    pub(crate) metrics_address: SocketAddr,
    /// Taken from kube-metrics-adapter's command lines; HPAs are watched here
    #[arg(long, value_name = "DURATION", hide = true)]
    resource_update_interval: Option<String>,
    /// Taken from kube-metrics-adapter's command lines; ages are looked at whenever a value is read
    #[arg(long, value_name = "DURATION", hide = true)]
    garbage_collector_interval: Option<String>,
    /// Taken from kube-metrics-adapter's command lines; there is no such limit
    #[arg(long, value_name = "COUNT", hide = true)]
    kube_client_qps: Option<String>,
    /// Taken from kube-metrics-adapter's command lines; there is no such limit
    #[arg(long, value_name = "COUNT", hide = true)]
    kube_client_burst: Option<String>,
}

impl CollectorFlags {
    /// How the adapter behaves.
    pub(crate) fn adapter(&self) -> capstan_adapter::Options {
        capstan_adapter::Options {
            disregard_incompatible_hpas: self.disregard_incompatible_hpas,
        }
    }

    /// The settings they stand for.
    ///
    /// # Errors
    /// When a token belongs to no server, or a number is none.
    pub(crate) fn options(&self) -> Result<Options> {
        let server = |url: &Option<String>, token_file: Option<PathBuf>| {
            url.as_ref().map(|url| Server {
                url: url.clone(),
                token_file,
            })
        };
        let credential = |name: &str| {
            let file = self.credentials_dir.join(format!("{name}-token-secret"));
            file.exists().then_some(file)
        };
        if self.prometheus_server.is_none() && self.prometheus_server_token_file.is_some() {
            bail!("--prometheus-server-token-file needs --prometheus-server");
        }
        let mut additional_prometheus: BTreeMap<String, Server> = BTreeMap::new();
        for (name, url) in &self.additional_prometheus_server {
            let server = Server {
                url: url.clone(),
                token_file: None,
            };
            if additional_prometheus.insert(name.clone(), server).is_some() {
                bail!("--additional-prometheus-server names {name:?} twice");
            }
        }
        for (name, file) in &self.additional_prometheus_server_token_file {
            let Some(server) = additional_prometheus.get_mut(name) else {
                bail!(
                    "--additional-prometheus-server-token-file names {name:?}, but no --additional-prometheus-server does"
                );
            };
            server.token_file = Some(file.into());
        }
        let influxdb = self.influxdb_address.as_ref().map(|address| InfluxServer {
            address: address.clone(),
            token: self.influxdb_token.clone().unwrap_or_default(),
            org: self.influxdb_org.clone().unwrap_or_default(),
        });
        Ok(Options {
            prometheus: server(&self.prometheus_server, self.prometheus_server_token_file.clone()),
            additional_prometheus,
            influxdb,
            zmon: server(&self.zmon_kariosdb_endpoint, credential(&self.zmon_token_name)),
            nakadi: server(&self.nakadi_endpoint, credential(&self.nakadi_token_name)),
            skipper_ingress: self.skipper_ingress_metrics,
            skipper_routegroup: self.skipper_routegroup_metrics,
            skipper_backends_annotations: self.skipper_backends_annotation.clone(),
            external_rps: self.external_rps_metrics,
            external_rps_metric_name: self.external_rps_metric_name.clone(),
            scaling_schedule: self.scaling_schedule,
            scaling_schedule_window: self.scaling_schedule_default_scaling_window,
            scaling_schedule_ramp_steps: self.scaling_schedule_ramp_steps,
            scaling_schedule_time_zone: self.scaling_schedule_default_time_zone.clone(),
            capstan: server(&self.capstan_server, None),
            allowed_urls: self.allowed_urls.clone(),
            interval: self.default_collection_interval,
            ttl: self.metrics_ttl,
            concurrency: usize::from(self.server_concurrency),
            timeout: self.server_timeout,
            compatible: self.kube_metrics_adapter_compatible,
        })
    }
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// An address as Go programs take it: `:7979` is every address of the machine.
fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') {
        format!("0.0.0.0{text}")
    } else {
        text.to_owned()
    };
    full.parse()
        .map_err(|_| format!("{text:?} is no address such as :7979 or 127.0.0.1:7979"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        flags: CollectorFlags,
    }

    fn flags(args: &[&str]) -> CollectorFlags {
        Line::parse_from(std::iter::once(&"adapter").chain(args)).flags
    }

    #[test]
    fn defaults_are_kube_metrics_adapters() {
        let flags = flags(&[]);
        assert_eq!(flags.metrics_address, METRICS_ADDRESS);
        assert_eq!(flags.options().unwrap(), Options::default());
    }

    #[test]
    fn switches_take_values_as_go_programs_let_them() {
        let on = flags(&["--scaling-schedule=true", "--skipper-ingress-metrics"]);
        assert!(on.scaling_schedule && on.skipper_ingress_metrics);
        assert!(!flags(&["--scaling-schedule=false"]).scaling_schedule);
    }

    #[test]
    fn tokens_belong_to_servers() {
        let named = flags(&[
            "--additional-prometheus-server=a=http://x:9090",
            "--additional-prometheus-server-token-file=a=/t",
        ]);
        let server = named.options().unwrap().additional_prometheus["a"].clone();
        assert_eq!(server.token_file, Some(PathBuf::from("/t")));
        let error = flags(&["--additional-prometheus-server-token-file=a=/t"]).options();
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("no --additional-prometheus-server")
        );
        assert!(flags(&["--prometheus-server-token-file=/t"]).options().is_err());
    }
}

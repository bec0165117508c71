//! What has the right type and still makes no sense. All of it is reported at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::error::Problem;
use crate::settings::{HttpPost, Influxdb, Kubernetes, Settings, Smtp, Swarm, Udf};

/// Adds what is wrong with `settings`.
pub(crate) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    let mut wrong = |at: String, message: String| problems.push(Problem { at, message });
    address(&settings.http.bind_address, &mut wrong);
    if settings.http.https_enabled && settings.http.https_certificate.is_empty() {
        wrong(
            "http.https-certificate".into(),
            "must be set when https-enabled is true".into(),
        );
    }
    for (name, version) in [
        ("min", &settings.tls.min_version),
        ("max", &settings.tls.max_version),
    ] {
        if !["", "tls1.0", "tls1.1", "tls1.2", "tls1.3"].contains(&&**version) {
            wrong(
                format!("tls.{name}-version"),
                format!("expected tls1.2 or tls1.3, found {version:?}"),
            );
        }
    }
    if settings.load.enabled && !settings.load.dir.is_empty() && !Path::new(&settings.load.dir).is_absolute()
    {
        wrong(
            "load.dir".into(),
            format!("must be an absolute path, found {:?}", settings.load.dir),
        );
    }
    if settings.alert.topic_buffer_length < 1_000 {
        let found = settings.alert.topic_buffer_length;
        wrong(
            "alert.topic-buffer-length".into(),
            format!("must be at least 1000, found {found}"),
        );
    }
    if !(0.0..=1.0).contains(&settings.stats.timing_sample_rate) {
        wrong(
            "stats.timing-sample-rate".into(),
            "must be between 0 and 1".into(),
        );
    }
    if settings.stats.enabled && settings.stats.stats_interval.is_zero() {
        wrong("stats.stats-interval".into(), "must be more than 0".into());
    }
    if settings.task.snapshot_interval.is_zero() {
        wrong("task.snapshot-interval".into(), "must be more than 0".into());
    }
    limits(settings, &mut wrong);
    smtp(&settings.smtp, &mut wrong);
    httppost(&settings.httppost, &mut wrong);
    udf(&settings.udf, &mut wrong);
    influxdb(&settings.influxdb, &mut wrong);
    kubernetes(&settings.kubernetes, &mut wrong);
    swarm(&settings.swarm, &mut wrong);
}

type Wrong<'w> = dyn FnMut(String, String) + 'w;

fn address(bind_address: &str, wrong: &mut Wrong<'_>) {
    let port = bind_address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        wrong(
            "http.bind-address".into(),
            format!("expected host:port or :port, found {bind_address:?}"),
        );
    }
}

fn limits(settings: &Settings, wrong: &mut Wrong<'_>) {
    let capstan = &settings.capstan;
    for (name, value) in [
        ("max-body-bytes", capstan.max_body_bytes),
        ("max-decompressed-bytes", capstan.max_decompressed_bytes),
        ("max-series", capstan.max_series),
        ("max-databases", capstan.max_databases),
        ("task-queue-length", capstan.task_queue_length),
        ("scale-queue-length", capstan.scale_queue_length),
        ("decision-ring-size", capstan.decision_ring_size),
        ("decision-log-size", capstan.decision_log_size),
    ] {
        if value == 0 {
            wrong(format!("capstan.{name}"), "must be more than 0".into());
        }
    }
}

/// S-39.
fn udf(udf: &Udf, wrong: &mut Wrong<'_>) {
    for (name, function) in &udf.functions {
        let mut wrong = |key: &str, message: String| wrong(format!("udf.functions.{name}{key}"), message);
        if function.timeout <= Duration::from_millis(1) {
            wrong(
                ".timeout",
                format!(
                    "timeout is too small: {:?}; it must be set and more than 1ms",
                    function.timeout
                ),
            );
        }
        let process = !function.prog.is_empty() || !function.args.is_empty() || !function.env.is_empty();
        match (function.socket.is_empty(), process) {
            (false, true) => wrong("", "both socket and process config provided".into()),
            (true, _) if function.prog.is_empty() => wrong("", "must set either prog or socket".into()),
            _ => {}
        }
    }
}

/// S-34.
fn influxdb(databases: &[Influxdb], wrong: &mut Wrong<'_>) {
    let mut names = BTreeSet::new();
    let mut defaults = 0;
    let enabled = databases
        .iter()
        .enumerate()
        .filter(|(_, database)| database.enabled);
    let count = enabled.clone().count();
    for (at, database) in enabled {
        let name = &database.name;
        if name.is_empty() {
            wrong(format!("influxdb.{at}.name"), "must not be empty".into());
        } else if !names.insert(name) {
            wrong(
                format!("influxdb.{at}.name"),
                format!("{name:?} is the name of another one"),
            );
        }
        if database.urls.iter().all(String::is_empty) {
            wrong(format!("influxdb.{at}.urls"), "at least one URL is needed".into());
        }
        urls(&format!("influxdb.{at}.urls"), &database.urls, wrong);
        defaults += usize::from(database.default);
    }
    if count > 1 && defaults != 1 {
        wrong(
            "influxdb".into(),
            format!("exactly one must have default = true, found {defaults}"),
        );
    }
}

fn urls(at: &str, urls: &[String], wrong: &mut Wrong<'_>) {
    for url in urls.iter().filter(|url| !url.is_empty()) {
        let host = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"));
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            wrong(
                at.to_owned(),
                format!("expected a URL such as \"https://host:port\", found {url:?}"),
            );
        }
    }
}

/// S-36.
fn smtp(smtp: &Smtp, wrong: &mut Wrong<'_>) {
    if smtp.host.is_empty() {
        wrong("smtp.host".into(), "host cannot be empty".into());
    }
    if !(1..=65_535).contains(&smtp.port) {
        wrong("smtp.port".into(), format!("invalid port {}", smtp.port));
    }
    if smtp.enabled && smtp.from.is_empty() {
        wrong("smtp.from".into(), "must provide a 'from' address".into());
    }
}

fn httppost(endpoints: &[HttpPost], wrong: &mut Wrong<'_>) {
    let mut names = BTreeSet::new();
    for (at, endpoint) in endpoints.iter().enumerate() {
        let mut wrong = |key: &str, message: String| wrong(format!("httppost.{at}.{key}"), message);
        if endpoint.endpoint.is_empty() {
            wrong("endpoint", "must specify endpoint name".into());
        } else if !names.insert(&endpoint.endpoint) {
            wrong("endpoint", format!("{:?} stands there twice", endpoint.endpoint));
        }
        if endpoint.url.is_empty() {
            wrong("url", "must specify url".into());
        }
        for (name, text, file) in [
            (
                "alert-template",
                &endpoint.alert_template,
                &endpoint.alert_template_file,
            ),
            (
                "row-template",
                &endpoint.row_template,
                &endpoint.row_template_file,
            ),
        ] {
            if !text.is_empty() && !file.is_empty() {
                wrong(name, format!("must specify only one of {name} and {name}-file"));
            }
            if !file.is_empty() && !Path::new(file).is_absolute() {
                wrong(
                    &format!("{name}-file"),
                    format!("must use an absolute path for {name}-file"),
                );
            }
        }
    }
}

fn kubernetes(clusters: &[Kubernetes], wrong: &mut Wrong<'_>) {
    let mut ids = BTreeSet::new();
    for (at, cluster) in clusters.iter().enumerate().filter(|(_, cluster)| cluster.enabled) {
        if !ids.insert(&cluster.id) {
            wrong(
                format!("kubernetes.{at}.id"),
                format!("{:?} is the id of another one", cluster.id),
            );
        }
        if cluster.in_cluster {
            for (name, set) in [
                ("api-servers", !cluster.api_servers.is_empty()),
                ("token", !cluster.token.is_empty()),
                ("token-file", !cluster.token_file.is_empty()),
                ("ca-path", !cluster.ca_path.is_empty()),
                ("namespace", !cluster.namespace.is_empty()),
                ("kubeconfig", !cluster.kubeconfig.is_empty()),
            ] {
                if set {
                    wrong(
                        format!("kubernetes.{at}.{name}"),
                        "cannot be set together with in-cluster".into(),
                    );
                }
            }
        }
        if !cluster.token.is_empty() && !cluster.token_file.is_empty() {
            wrong(
                format!("kubernetes.{at}.token-file"),
                "cannot be set together with token".into(),
            );
        }
        if !cluster.context.is_empty() && cluster.kubeconfig.is_empty() {
            wrong(
                format!("kubernetes.{at}.context"),
                "means nothing without kubeconfig".into(),
            );
        }
        urls(
            &format!("kubernetes.{at}.api-servers"),
            &cluster.api_servers,
            wrong,
        );
        if !["", "node", "pod", "service", "endpoint", "endpoints"].contains(&&*cluster.resource) {
            let message = format!(
                "expected node, pod, service or endpoint, found {:?}",
                cluster.resource
            );
            wrong(format!("kubernetes.{at}.resource"), message);
        }
    }
}

/// S-37.
fn swarm(swarms: &[Swarm], wrong: &mut Wrong<'_>) {
    let mut ids = BTreeSet::new();
    for (at, swarm) in swarms.iter().enumerate().filter(|(_, swarm)| swarm.enabled) {
        let mut wrong = |key: &str, message: String| wrong(format!("swarm.{at}.{key}"), message);
        if !ids.insert(&swarm.id) {
            wrong("id", format!("{:?} is the id of another one", swarm.id));
        }
        if swarm.servers.iter().all(String::is_empty) {
            wrong("servers", "at least one server URL is needed".into());
        }
        for server in swarm.servers.iter().filter(|server| !server.is_empty()) {
            let schemes = ["http://", "https://", "tcp://", "unix:///"];
            if !schemes
                .iter()
                .any(|scheme| server.len() > scheme.len() && server.starts_with(scheme))
            {
                wrong(
                    "servers",
                    format!(
                        "expected a URL such as \"https://host:port\" or \"unix:///path\", found {server:?}"
                    ),
                );
            }
        }
        if swarm.ssl_cert.is_empty() != swarm.ssl_key.is_empty() {
            wrong("ssl-cert", "needs ssl-key, and the other way round".into());
        }
    }
}

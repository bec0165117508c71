//! How the metrics APIs are served: the flags of aggregated API servers, with their defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use capstan_adapter::certificate::{Service, Source};
use capstan_adapter::serve::{Fixed, Options, RequestHeader};
use clap::{ArgAction, Args};

use crate::duration;

/// Where and to whom the metrics APIs are served.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Metrics APIs")]
pub(crate) struct ServingFlags {
    /// Address to listen on, over TLS
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    bind_address: IpAddr,
    /// Port to listen on
    #[arg(long, value_name = "PORT", default_value_t = 443)]
    secure_port: u16,
    /// Where the own authority is kept, so that a restart has the same one
    #[arg(long, value_name = "FOLDER")]
    cert_dir: Option<PathBuf>,
    /// A certificate instead of an own one
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file")]
    tls_cert_file: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    tls_private_key_file: Option<PathBuf>,
    /// The service in front of this server, which the APIServices name
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "kube-system/kube-metrics-adapter", value_parser = service)]
    service: Service,
    /// Serve custom.metrics.k8s.io
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_custom_metrics_api: bool,
    /// Serve external.metrics.k8s.io
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_external_metrics_api: bool,
    /// Serve metrics.k8s.io too, from what Prometheus knows of containers and nodes
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub(crate) enable_resource_metrics_api: bool,
    /// Take no authorities from the config map extension-apiserver-authentication
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    authentication_skip_lookup: bool,
    /// The authority of users' certificates, instead of the config map's
    #[arg(long, value_name = "FILE")]
    client_ca_file: Option<PathBuf>,
    /// The authority of the front proxy's certificate, instead of the config map's
    #[arg(long, value_name = "FILE")]
    requestheader_client_ca_file: Option<PathBuf>,
    /// Names that the front proxy's certificate may have; any if none is given
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        requires = "requestheader_client_ca_file"
    )]
    requestheader_allowed_names: Vec<String>,
    /// Headers with the user's name
    #[arg(
        long,
        value_name = "HEADER",
        value_delimiter = ',',
        default_value = "x-remote-user"
    )]
    requestheader_username_headers: Vec<String>,
    /// Headers with the user's groups
    #[arg(
        long,
        value_name = "HEADER",
        value_delimiter = ',',
        default_value = "x-remote-group"
    )]
    requestheader_group_headers: Vec<String>,
    /// What headers with more about the user begin with
    #[arg(
        long,
        value_name = "PREFIX",
        value_delimiter = ',',
        default_value = "x-remote-extra-"
    )]
    requestheader_extra_headers_prefix: Vec<String>,
    /// How long the answer about a bearer token holds
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    authentication_token_webhook_cache_ttl: Duration,
    /// How long a permission holds
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    authorization_webhook_cache_authorized_ttl: Duration,
    /// How long a refusal holds
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    authorization_webhook_cache_unauthorized_ttl: Duration,
    /// Taken from other servers' command lines; --kubeconfig is used for this too
    #[arg(long, value_name = "FILE", hide = true)]
    authentication_kubeconfig: Option<PathBuf>,
    /// Taken from other servers' command lines; --kubeconfig is used for this too
    #[arg(long, value_name = "FILE", hide = true)]
    authorization_kubeconfig: Option<PathBuf>,
    /// Taken from other servers' command lines
    #[arg(long, short = 'v', value_name = "LEVEL", hide = true)]
    v: Option<String>,
    /// Taken from other servers' command lines
    #[arg(long, value_name = "BOOL", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    logtostderr: Option<bool>,
}

impl ServingFlags {
    /// The settings they stand for.
    ///
    /// # Errors
    /// When a file cannot be read, or nothing is to be served.
    pub(crate) fn options(&self) -> Result<Options> {
        if !self.enable_custom_metrics_api
            && !self.enable_external_metrics_api
            && !self.enable_resource_metrics_api
        {
            bail!("all metrics APIs are switched off: there is nothing to serve");
        }
        let certificate = match (&self.tls_cert_file, &self.tls_private_key_file) {
            (Some(certificate), Some(key)) => Source::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            _ => Source::Own {
                directory: self.cert_dir.clone(),
            },
        };
        let read = |path: &Option<PathBuf>| {
            path.as_ref()
                .map(|path| std::fs::read_to_string(path).with_context(|| path.display().to_string()))
                .transpose()
        };
        let request_header = read(&self.requestheader_client_ca_file)?.map(|authority| RequestHeader {
            authority,
            allowed_names: self.requestheader_allowed_names.clone(),
            username_headers: self.requestheader_username_headers.clone(),
            group_headers: self.requestheader_group_headers.clone(),
            extra_prefixes: self.requestheader_extra_headers_prefix.clone(),
            ..RequestHeader::default()
        });
        Ok(Options {
            bind: Some(SocketAddr::new(self.bind_address, self.secure_port)),
            certificate,
            service: self.service.clone(),
            custom: self.enable_custom_metrics_api,
            external: self.enable_external_metrics_api,
            fixed: Fixed {
                client_authority: read(&self.client_ca_file)?,
                request_header,
            },
            lookup: !self.authentication_skip_lookup,
            allow_ttl: self.authorization_webhook_cache_authorized_ttl,
            deny_ttl: self.authorization_webhook_cache_unauthorized_ttl,
            token_ttl: self.authentication_token_webhook_cache_ttl,
            ..Options::default()
        })
    }
}

/// `NAMESPACE/NAME`.
fn service(text: &str) -> Result<Service, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(Service {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err("expected NAMESPACE/NAME".to_owned()),
    }
}

//! What tests of several collectors need: servers on a free port, a fake API server, metrics from annotations.

use std::sync::Arc;

use axum::Router;
use capstan_base::{SharedClock, VirtualClock};
use capstan_hpa::autoscaling::CrossVersionObjectReference;
use capstan_kube::Cluster;
use serde_json::Value;

use crate::annotations::{self, MetricType};
use crate::collector::Wanted;
use crate::context::Context;
use crate::options::{Options, Server};

/// When tests take place: 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600_000_000_000;

/// Serves for as long as the test's runtime lives.
pub(crate) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    capstan_runtime::spawn("test server", async move {
        axum::serve(listener, router).await.unwrap();
    });
    format!("http://{address}")
}

/// A context with an API server that knows nothing.
pub(crate) fn context(options: Options) -> Arc<Context> {
    context_with(options, Router::new()).0
}

/// A context with an API server, and its clock.
pub(crate) fn context_with(options: Options, api: Router) -> (Arc<Context>, Arc<VirtualClock>) {
    let clock = VirtualClock::at(NOW);
    let shared: SharedClock = Arc::<VirtualClock>::clone(&clock);
    let cluster = Cluster::in_process("test", "default", api, "secret").unwrap();
    let context = Context::new(shared, Arc::new(cluster), options).unwrap();
    (Arc::new(context), clock)
}

/// `--prometheus-server`, and no more.
pub(crate) fn prometheus(url: &str) -> Options {
    Options {
        prometheus: Some(server(url)),
        ..Options::default()
    }
}

pub(crate) fn server(url: &str) -> Server {
    Server {
        url: url.to_owned(),
        token_file: None,
    }
}

/// A metric of the HPA default/app, which scales the Deployment app, and what annotations say of it; their keys are
/// written without `metric-config.`.
pub(crate) fn wanted(metric: Value, annotated: &[(&str, &str)]) -> Wanted {
    let keys: Vec<(String, &str)> = annotated
        .iter()
        .map(|(key, value)| (format!("metric-config.{key}"), *value))
        .collect();
    let parsed = annotations::parse(keys.iter().map(|(key, value)| (key.as_str(), *value)));
    let mut wanted = Wanted {
        namespace: "default".to_owned(),
        hpa: "app".to_owned(),
        target: CrossVersionObjectReference {
            kind: "Deployment".to_owned(),
            name: "app".to_owned(),
            api_version: "apps/v1".to_owned(),
        },
        metric: serde_json::from_value(metric).unwrap(),
        config: annotations::MetricConfig::default(),
    };
    let kind: MetricType = wanted.metric_type().unwrap();
    if let Some(config) = parsed.configs.get(&(kind, wanted.name().to_owned())) {
        wanted.config = config.clone();
    }
    wanted
}

/// An External metric; `selector` may be null.
pub(crate) fn external(name: &str, selector: Value, annotated: &[(&str, &str)]) -> Wanted {
    let metric = serde_json::json!({"type": "External", "external": {
        "metric": {"name": name, "selector": selector},
        "target": {"type": "AverageValue", "averageValue": "1"}}});
    wanted(metric, annotated)
}

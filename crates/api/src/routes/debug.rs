//! The server's counters (H-27).

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use capstan_client::wire::{DebugVars, Stat};
use http::{Method, StatusCode};
use serde_json::Value;

use crate::app::App;
use crate::error::not_found;
use crate::json;

/// `GET /debug/vars`: one counter a line, as Go's expvar prints them.
pub(crate) async fn vars(State(app): State<Arc<App>>, method: Method) -> Response {
    if method != Method::GET {
        return not_found();
    }
    let collected = capstan_runtime::spawn_blocking(move || collect(&app)).await;
    let text = collected
        .map_err(|error| error.to_string())
        .and_then(|vars| lines(&vars).map_err(|error| error.to_string()));
    match text {
        Ok(text) => json::text_response(StatusCode::OK, text),
        Err(error) => crate::error::response(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

fn lines(vars: &DebugVars) -> Result<String, serde_json::Error> {
    let Value::Object(fields) = serde_json::to_value(vars)? else {
        return Ok("{}\n".to_owned());
    };
    let mut text = String::from("{\n");
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            text.push_str(",\n");
        }
        text.push_str(&json::compact(name)?);
        text.push_str(": ");
        text.push_str(&json::compact(value)?);
    }
    text.push_str("\n}\n");
    Ok(text)
}

pub(crate) fn collect(app: &App) -> DebugVars {
    let (tasks, enabled) = app.tasks.counts();
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    DebugVars {
        cluster_id: app.identity.cluster_id.clone(),
        cmdline: std::env::args_os()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect(),
        host: app.identity.host.clone(),
        stats: statistics(app),
        memstats: memory(),
        num_enabled_tasks: count(enabled),
        num_subscriptions: 0,
        num_tasks: count(tasks),
        platform: PLATFORM.to_owned(),
        product: "kapacitor".to_owned(),
        server_id: app.identity.server_id.clone(),
        version: capstan_client::VERSION.to_owned(),
    }
}

/// What Kapacitor's open source edition calls itself; tools tell the editions apart by it.
const PLATFORM: &str = "OSS";

fn statistics(app: &App) -> BTreeMap<String, Stat> {
    let mut all = BTreeMap::new();
    let mut add = |name: &str, tags: Vec<(&str, String)>, values: BTreeMap<String, Value>| {
        let mut tags: BTreeMap<String, String> = tags
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let key = key(name, &tags);
        for (tag, value) in [
            ("cluster_id", &app.identity.cluster_id),
            ("server_id", &app.identity.server_id),
            ("host", &app.identity.host),
        ] {
            tags.insert(tag.to_owned(), value.clone());
        }
        all.insert(
            key,
            Stat {
                name: name.to_owned(),
                tags,
                values,
            },
        );
    };
    for series in app.ingest.ingress() {
        let tags = vec![
            ("task_master", "main".to_owned()),
            ("database", series.database.to_string()),
            ("retention_policy", series.retention_policy.to_string()),
            ("measurement", series.measurement.to_string()),
        ];
        add(
            "ingress",
            tags,
            BTreeMap::from([("points_received".to_owned(), series.points_received.into())]),
        );
    }
    let totals = app.ingest.totals();
    let values = [
        ("write_req", totals.writes),
        ("write_req_bytes", totals.bytes),
        ("write_req_fail", totals.refused),
        ("points_written_ok", totals.points),
        ("points_written_fail", totals.rejected),
        ("points_refused_max_series", totals.series_refused),
        ("series", app.ingest.series() as u64),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value.into()));
    add("httpd", Vec::new(), BTreeMap::from(values));
    let (nodes, edges) = app.tasks.statistics();
    for node in nodes {
        let tags = vec![
            ("task", node.task),
            ("node", node.node),
            ("type", node.task_type.to_owned()),
            ("kind", node.kind.to_string()),
        ];
        add(
            "nodes",
            tags,
            node.values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect(),
        );
    }
    for edge in edges {
        let tags = vec![
            ("task", edge.task),
            ("parent", edge.parent),
            ("child", edge.child),
            ("type", edge.task_type.to_owned()),
        ];
        // An edge holds nothing back: what entered it left it.
        let value = Value::from(edge.collected);
        let values = BTreeMap::from([
            ("collected".to_owned(), value.clone()),
            ("emitted".to_owned(), value),
        ]);
        add("edges", tags, values);
    }
    all
}

/// A UUID that stays the same for the same name and tags.
fn key(name: &str, tags: &BTreeMap<String, String>) -> String {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, name, tags).hash(&mut hasher);
        hasher.finish().to_be_bytes()
    };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&half(0));
    bytes[8..].copy_from_slice(&half(1));
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The process's memory under the names that Go's `memstats` uses for it; empty where the system does not tell.
fn memory() -> BTreeMap<String, Value> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':')
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    };
    [
        ("Sys", "VmSize"),
        ("Alloc", "VmRSS"),
        ("HeapAlloc", "RssAnon"),
        ("HeapInuse", "RssAnon"),
    ]
    .into_iter()
    .filter_map(|(go, linux)| Some((go.to_owned(), Value::from(kibibytes(linux)? * 1024))))
    .chain(capstan_runtime::allocations::counted().map(|count| ("Mallocs".to_owned(), count.into())))
    .collect()
}

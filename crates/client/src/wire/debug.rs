//! The server's counters (H-27).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Body of `GET /debug/vars`; keys are sorted, as Go's expvar prints them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DebugVars {
    pub cluster_id: String,
    pub cmdline: Vec<String>,
    pub host: String,
    /// By a UUID of their own.
    #[serde(rename = "kapacitor")]
    pub stats: BTreeMap<String, Stat>,
    pub memstats: BTreeMap<String, Value>,
    pub num_enabled_tasks: i64,
    pub num_subscriptions: i64,
    pub num_tasks: i64,
    pub platform: String,
    pub product: String,
    pub server_id: String,
    pub version: String,
}

/// One set of counters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stat {
    /// `ingress`, `nodes`, `edges`, ...
    pub name: String,
    pub tags: BTreeMap<String, String>,
    pub values: BTreeMap<String, Value>,
}

//! `metrics.k8s.io` from PromQL: what pods and nodes use, by rules as prometheus-adapter has them (`resourceRules`).
//!
//! A query is asked for a whole namespace and its result kept for a moment, however many HPAs ask. A pod that lacks CPU or
//! memory is left out, because a controller takes what is missing for unknown and what is zero for idle.

mod answers;
mod query;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use futures::future::BoxFuture;
use jiff::Timestamp;

pub use query::Prometheus;

pub(crate) const GROUP: &str = "metrics.k8s.io";
pub(crate) const VERSIONS: [&str; 1] = ["v1beta1"];

/// For how long a result is kept.
const TTL: Duration = Duration::from_secs(5);

/// An element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
    /// When it was true.
    pub at: Timestamp,
}

/// Who answers PromQL.
pub trait InstantQuery: std::fmt::Debug + Send + Sync {
    /// The result of a query now; an error is a text for whoever asked for metrics.
    fn query<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Vec<Element>, String>>;
}

/// How CPU or memory is asked for. `<<.LabelMatchers>>` and `<<.GroupBy>>` stand for what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What containers use.
    pub container_query: String,
    /// What nodes use.
    pub node_query: String,
    /// The label that names the container.
    pub container_label: String,
    /// The label that names the pod.
    pub pod_label: String,
    /// The label that names the namespace.
    pub namespace_label: String,
    /// The label that names the node.
    pub node_label: String,
}

/// How both are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// In cores.
    pub cpu: Rule,
    /// In bytes.
    pub memory: Rule,
    /// Over how long values are averaged.
    pub window: Duration,
}

impl Default for Rules {
    /// prometheus-adapter's (`deploy/manifests/config-map.yaml`).
    fn default() -> Self {
        let rule = |container: &str, node: &str| Rule {
            container_query: container.to_owned(),
            node_query: node.to_owned(),
            container_label: "container".to_owned(),
            pod_label: "pod".to_owned(),
            namespace_label: "namespace".to_owned(),
            node_label: "node".to_owned(),
        };
        Self {
            cpu: rule(
                "sum by (<<.GroupBy>>) (irate(container_cpu_usage_seconds_total{<<.LabelMatchers>>,container!=\"\",pod!=\"\"}[4m]))",
                "sum by (<<.GroupBy>>) (irate(node_cpu_usage_seconds_total{<<.LabelMatchers>>}[4m]))",
            ),
            memory: rule(
                "sum by (<<.GroupBy>>) (container_memory_working_set_bytes{<<.LabelMatchers>>,container!=\"\",pod!=\"\"})",
                "sum by (<<.GroupBy>>) (node_memory_working_set_bytes{<<.LabelMatchers>>})",
            ),
            window: Duration::from_mins(5),
        }
    }
}

impl Rule {
    /// The query for the containers of a namespace, or of all.
    fn containers(&self, namespace: &str) -> String {
        let label = &self.namespace_label;
        let matchers = if namespace.is_empty() {
            format!("{label}!=\"\"")
        } else {
            format!("{label}=\"{}\"", quoted(namespace))
        };
        let by = format!("{label},{},{}", self.pod_label, self.container_label);
        filled(&self.container_query, &matchers, &by)
    }

    /// The query for all nodes.
    fn nodes(&self) -> String {
        let matchers = format!("{}!=\"\"", self.node_label);
        filled(&self.node_query, &matchers, &self.node_label)
    }
}

/// A template with its parts, which may have spaces around them.
fn filled(template: &str, matchers: &str, by: &str) -> String {
    let mut out = String::with_capacity(template.len() + matchers.len() + by.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("<<") {
        out.push_str(before);
        let Some((name, after)) = after.split_once(">>") else {
            out.push_str("<<");
            rest = after;
            continue;
        };
        match name.trim() {
            ".LabelMatchers" => out.push_str(matchers),
            ".GroupBy" => out.push_str(by),
            _ => {
                out.push_str("<<");
                out.push_str(name);
                out.push_str(">>");
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// What pods and nodes use.
#[derive(Debug)]
pub struct Resources {
    rules: Rules,
    queries: Arc<dyn InstantQuery>,
    clock: SharedClock,
    known: crate::serve::Kept<Arc<Vec<Element>>>,
}

impl Resources {
    /// By these rules, asked of this Prometheus.
    pub fn new(rules: Rules, queries: Arc<dyn InstantQuery>, clock: SharedClock) -> Self {
        Self {
            rules,
            queries,
            clock,
            known: crate::serve::Kept::new(1024),
        }
    }

    async fn ask(&self, query: &str) -> Result<Arc<Vec<Element>>, String> {
        let now = self.clock.monotonic();
        if let Some(known) = self.known.get(query, now) {
            return Ok(known);
        }
        let found = Arc::new(self.queries.query(query).await?);
        self.known.put(query.to_owned(), Arc::clone(&found), now, TTL);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_as_prometheus_adapter_fills_them() {
        let rules = Rules::default();
        assert_eq!(
            rules.cpu.containers("default"),
            "sum by (namespace,pod,container) (irate(container_cpu_usage_seconds_total{namespace=\"default\",container!=\"\",pod!=\"\"}[4m]))"
        );
        assert_eq!(
            rules.memory.nodes(),
            "sum by (node) (node_memory_working_set_bytes{node!=\"\"})"
        );
        assert_eq!(filled("a << .GroupBy >> b<<c", "m", "g"), "a g b<<c");
        assert_eq!(filled("x{<<.Other>>}", "m", "g"), "x{<<.Other>>}");
    }
}

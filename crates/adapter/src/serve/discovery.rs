//! What is served: legacy and aggregated discovery, and the list of paths.

use capstan_kubeapi::Status;
use capstan_kubeapi::negotiate::Accept;
use http::request::Parts;
use serde_json::{Value, json};

use super::{Answer, Shared, answer, custom, external};

/// A metric as a resource.
struct Listed {
    name: String,
    kind: &'static str,
    namespaced: bool,
    verbs: &'static [&'static str],
}

/// `/version`.
pub(super) fn version(accept: &Accept) -> Result<Answer, Status> {
    let version = env!("CARGO_PKG_VERSION");
    let mut numbers = version.split('.');
    let document = json!({
        "major": numbers.next().unwrap_or_default(),
        "minor": numbers.next().unwrap_or_default(),
        "gitVersion": format!("v{version}"),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    });
    answer::object(&document, accept)
}

fn group_fields(group: &str, versions: &[&str]) -> Value {
    let entry = |version: &str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    json!({
        "name": group,
        "versions": versions.iter().map(|version| entry(version)).collect::<Vec<_>>(),
        "preferredVersion": entry(versions.first().copied().unwrap_or_default()),
    })
}

impl Shared {
    /// `/`.
    pub(super) fn root(&self, accept: &Accept) -> Result<Answer, Status> {
        let mut paths = vec!["/apis".to_owned()];
        for (group, versions) in &self.groups {
            paths.push(format!("/apis/{group}"));
            paths.extend(versions.iter().map(|version| format!("/apis/{group}/{version}")));
        }
        let others = [
            "/healthz",
            "/livez",
            "/metrics",
            "/openapi/v2",
            "/openapi/v3",
            "/readyz",
            "/version",
        ];
        paths.extend(others.map(str::to_owned));
        answer::object(&json!({ "paths": paths }), accept)
    }

    /// `/apis`, in the form that the client prefers.
    pub(super) fn group_list(&self, parts: &Parts, accept: &Accept) -> Result<Answer, Status> {
        if let Some(version) = accept.discovery() {
            return answer::discovery(&self.aggregated(version), version, parts);
        }
        let groups: Vec<Value> = self
            .groups
            .iter()
            .map(|(group, versions)| group_fields(group, versions))
            .collect();
        let document = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups});
        answer::object(&document, accept)
    }

    /// `/apis/GROUP`.
    pub(super) fn group(&self, name: &str) -> Option<Value> {
        let (group, versions) = self.groups.iter().find(|(group, _)| *group == name)?;
        let mut document = json!({"kind": "APIGroup", "apiVersion": "v1"});
        if let (Value::Object(document), Value::Object(fields)) =
            (&mut document, group_fields(group, versions))
        {
            document.extend(fields);
        }
        Some(document)
    }

    /// `/apis/GROUP/VERSION`.
    pub(super) fn resource_list(&self, group: &str, version: &str) -> Option<Value> {
        self.groups
            .iter()
            .find(|(name, versions)| *name == group && versions.contains(&version))?;
        let resources: Vec<Value> = self
            .listed(group)
            .iter()
            .map(|metric| {
                json!({
                    "name": metric.name,
                    "singularName": "",
                    "namespaced": metric.namespaced,
                    "kind": metric.kind,
                    "verbs": metric.verbs,
                })
            })
            .collect();
        Some(json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": format!("{group}/{version}"),
            "resources": resources,
        }))
    }

    fn listed(&self, group: &str) -> Vec<Listed> {
        match group {
            external::GROUP => {
                let metrics = self.store.external_metrics().into_iter();
                let listed = metrics.map(|name| Listed {
                    name,
                    kind: "ExternalMetricValueList",
                    namespaced: true,
                    verbs: &["get"],
                });
                listed.collect()
            }
            custom::GROUP => {
                let metrics = self.store.object_metrics().into_iter();
                let mut listed: Vec<Listed> = metrics
                    .map(|metric| Listed {
                        name: format!("{}/{}", metric.resource, metric.metric),
                        kind: "MetricValueList",
                        namespaced: metric.namespaced,
                        verbs: &["get"],
                    })
                    .collect();
                listed.sort_by(|a, b| (&a.name, b.namespaced).cmp(&(&b.name, a.namespaced)));
                listed.dedup_by(|a, b| a.name == b.name);
                listed
            }
            _ => [("nodes", "NodeMetrics", false), ("pods", "PodMetrics", true)]
                .map(|(name, kind, namespaced)| Listed {
                    name: name.to_owned(),
                    kind,
                    namespaced,
                    verbs: &["get", "list"],
                })
                .into(),
        }
    }

    fn aggregated(&self, version: &str) -> Value {
        let items: Vec<Value> = self
            .groups
            .iter()
            .map(|(group, versions)| {
                let versions: Vec<Value> = versions
                    .iter()
                    .map(|version| self.aggregated_version(group, version))
                    .collect();
                json!({"metadata": {"name": group}, "versions": versions})
            })
            .collect();
        json!({
            "kind": "APIGroupDiscoveryList",
            "apiVersion": format!("apidiscovery.k8s.io/{version}"),
            "metadata": {},
            "items": items,
        })
    }

    fn aggregated_version(&self, group: &str, version: &str) -> Value {
        let resources: Vec<Value> = self
            .listed(group)
            .iter()
            .map(|metric| {
                json!({
                    "resource": metric.name,
                    "responseKind": {"group": group, "version": version, "kind": metric.kind},
                    "scope": if metric.namespaced { "Namespaced" } else { "Cluster" },
                    "singularResource": "",
                    "verbs": metric.verbs,
                })
            })
            .collect();
        // A version without resources has no such field.
        if resources.is_empty() {
            return json!({"version": version, "freshness": "Current"});
        }
        json!({"version": version, "resources": resources, "freshness": "Current"})
    }
}

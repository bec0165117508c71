//! From the kind in a reference to the resource in a path.

use std::collections::HashMap;

use capstan_kube::{Cluster, Message};
use capstan_kubeapi::resource;
use capstan_metrics::GroupResource;
use parking_lot::Mutex;
use serde_json::Value;

use crate::collector::CollectError;

/// More kinds than this are looked up every time.
const MOST_KINDS: usize = 1000;

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Group and plural.
    pub resource: GroupResource,
    /// `apps/v1`.
    pub api_version: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

impl Kind {
    /// The path of an object of this kind.
    pub fn path(&self, namespace: &str, name: &str) -> String {
        let root = if self.api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        let inside = if self.namespaced {
            format!("namespaces/{namespace}/")
        } else {
            String::new()
        };
        format!(
            "/{root}/{}/{inside}{}/{name}",
            self.api_version, self.resource.resource
        )
    }
}

/// The kinds that were looked up.
#[derive(Debug, Default)]
pub struct Kinds {
    known: Mutex<HashMap<(String, String), Kind>>,
}

impl Kinds {
    /// The resource of a kind: a built-in one, or what the cluster's discovery says. A reference may leave the version
    /// out where the kind is a built-in one.
    ///
    /// # Errors
    /// When the cluster does not know it, or cannot be asked.
    pub async fn find(&self, cluster: &Cluster, api_version: &str, kind: &str) -> Result<Kind, CollectError> {
        let api_version = match (api_version, kind) {
            // As kube-metrics-adapter, which goes by the kind alone.
            ("", "Rollout") => "argoproj.io/v1alpha1",
            _ => api_version,
        };
        if let Some(found) = built_in(api_version, kind) {
            return Ok(found);
        }
        let key = (api_version.to_owned(), kind.to_owned());
        if let Some(found) = self.known.lock().get(&key) {
            return Ok(found.clone());
        }
        let found = discover(cluster, api_version, kind).await?;
        let mut known = self.known.lock();
        if known.len() < MOST_KINDS {
            known.insert(key, found.clone());
        }
        Ok(found)
    }
}

fn built_in(api_version: &str, kind: &str) -> Option<Kind> {
    let found = if api_version.is_empty() {
        resource::builtin().iter().copied().find(|of| of.kind == kind)
    } else {
        resource::find_kind(api_version, kind)
    }?;
    Some(Kind {
        resource: GroupResource::new(found.group, found.plural),
        api_version: found.api_version(),
        namespaced: found.namespaced,
    })
}

async fn discover(cluster: &Cluster, api_version: &str, kind: &str) -> Result<Kind, CollectError> {
    let unknown = || {
        let version = if api_version.is_empty() {
            "any version"
        } else {
            api_version
        };
        CollectError::new(format!(
            "the cluster has no kind {kind} in {version}; check apiVersion and kind"
        ))
    };
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/');
    if api_version.is_empty() || !api_version.chars().all(safe) {
        return Err(unknown());
    }
    let root = if api_version.contains('/') { "apis" } else { "api" };
    let path = format!("/{root}/{api_version}");
    let reply = cluster
        .send(&Message::get(&path))
        .await
        .map_err(|error| CollectError::new(format!("GET {path}: {error}")))?;
    if reply.code == 404 {
        // A version that is served no more, of a kind that moved: extensions/v1beta1 of Deployment.
        return built_in("", kind).ok_or_else(unknown);
    }
    let list: Value = serde_json::from_str(&reply.body)
        .map_err(|error| CollectError::new(format!("GET {path}: {}: {error}", reply.code)))?;
    let found = list["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|resource| {
            resource["kind"] == kind && resource["name"].as_str().is_some_and(|name| !name.contains('/'))
        });
    let found = found.ok_or_else(unknown)?;
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    Ok(Kind {
        resource: GroupResource::new(group, found["name"].as_str().unwrap_or_default()),
        api_version: api_version.to_owned(),
        namespaced: found["namespaced"].as_bool().unwrap_or(true),
    })
}

//! Which resources the cluster has: the mapping of kinds, and the version of the custom metrics API.

use std::collections::HashMap;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_hpa::api_error::ApiError;
use capstan_hpa::reconcile::Mapping;
use capstan_kube::{Cluster, Message};
use serde_json::Value;
use tokio::sync::Mutex;

/// Upstream resets its mapper this often (`startHPAControllerWithRESTClient`).
const MAPPER_AGE: Duration = Duration::from_secs(30);

const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

const CUSTOM_METRICS: &str = "custom.metrics.k8s.io";

/// The versions of that API that the controller can read, as upstream's list of known ones.
const CUSTOM_METRICS_VERSIONS: [&str; 2] = ["v1beta1", "v1beta2"];

/// Groups with their versions, the preferred one first.
type Groups = HashMap<String, Vec<Version>>;

#[derive(Debug)]
struct Version {
    name: String,
    /// Kind and plural; `None` where the document of the groups does not say.
    resources: Option<Vec<(String, String)>>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Discovery {
    clock: SharedClock,
    /// How long the custom metrics API's version is believed.
    period: Duration,
    mapper: Mutex<Mapper>,
    custom: Mutex<Option<(Duration, String)>>,
}

#[derive(Debug, Default)]
struct Mapper {
    at: Option<Duration>,
    groups: Groups,
}

impl Discovery {
    pub(crate) fn new(clock: SharedClock, period: Duration) -> Self {
        Self {
            clock,
            period,
            mapper: Mutex::default(),
            custom: Mutex::default(),
        }
    }

    /// The resources of a kind, of the preferred version first.
    pub(crate) async fn map(
        &self,
        cluster: &Cluster,
        group: &str,
        kind: &str,
    ) -> Result<Vec<Mapping>, ApiError> {
        let mut mapper = self.mapper.lock().await;
        let now = self.clock.monotonic();
        if mapper.at.is_none_or(|at| now.saturating_sub(at) >= MAPPER_AGE) {
            mapper.groups.clear();
            mapper.groups = groups(cluster, "/apis").await?;
            let core = groups(cluster, "/api").await?;
            mapper.groups.extend(core);
            mapper.at = Some(now);
        }
        let mut found = Vec::new();
        for version in mapper.groups.get_mut(group).into_iter().flatten() {
            if version.resources.is_none() {
                // A group whose server is down must not hide the others.
                match resources(cluster, group, &version.name).await {
                    Ok(resources) => version.resources = Some(resources),
                    Err(error) => {
                        tracing::debug!(group, version = version.name, %error, "discovery failed");
                        continue;
                    }
                }
            }
            for (known, plural) in version.resources.iter().flatten() {
                if known == kind {
                    found.push(Mapping {
                        group: group.to_owned(),
                        version: version.name.clone(),
                        resource: plural.clone(),
                    });
                }
            }
        }
        if found.is_empty() {
            return Err(ApiError::text(format!(
                "no matches for kind \"{kind}\" in group \"{group}\""
            )));
        }
        Ok(found)
    }

    /// The version of the custom metrics API to use.
    pub(crate) async fn custom_metrics(&self, cluster: &Cluster) -> Result<String, ApiError> {
        let mut custom = self.custom.lock().await;
        let now = self.clock.monotonic();
        if let Some((at, version)) = &*custom
            && now.saturating_sub(*at) < self.period
        {
            return Ok(version.clone());
        }
        *custom = None;
        let groups = groups(cluster, "/apis").await?;
        let Some(versions) = groups.get(CUSTOM_METRICS) else {
            return Err(ApiError::text(format!(
                "no custom metrics API ({CUSTOM_METRICS}) registered"
            )));
        };
        let known = versions
            .iter()
            .find(|version| CUSTOM_METRICS_VERSIONS.contains(&version.name.as_str()));
        let Some(version) = known else {
            return Err(ApiError::text("no known available metric versions found"));
        };
        *custom = Some((now, version.name.clone()));
        Ok(version.name.clone())
    }
}

async fn read(cluster: &Cluster, path: &str) -> Result<Value, ApiError> {
    let message = Message {
        accept: ACCEPT,
        ..Message::get(path)
    };
    let reply = cluster
        .send(&message)
        .await
        .map_err(|error| ApiError::text(error.message))?;
    if !(200..300).contains(&reply.code) {
        return Err(ApiError::of_response(reply.code, &reply.body, "get", ""));
    }
    serde_json::from_str(&reply.body).map_err(|error| ApiError::text(error.to_string()))
}

async fn groups(cluster: &Cluster, path: &str) -> Result<Groups, ApiError> {
    Ok(read_groups(&read(cluster, path).await?))
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

/// Reads an `APIGroupDiscoveryList`, an `APIGroupList` or an `APIVersions`.
fn read_groups(document: &Value) -> Groups {
    match document["kind"].as_str() {
        Some("APIGroupDiscoveryList") => list(document, "items")
            .iter()
            .map(|group| {
                let versions = list(group, "versions")
                    .iter()
                    // A version whose server does not answer counts as absent.
                    .filter(|version| version["freshness"] != "Stale")
                    .map(|version| Version {
                        name: text(&version["version"]),
                        resources: Some(
                            list(version, "resources")
                                .iter()
                                .map(|of| (text(&of["responseKind"]["kind"]), text(&of["resource"])))
                                .collect(),
                        ),
                    });
                (text(&group["metadata"]["name"]), versions.collect())
            })
            .collect(),
        Some("APIVersions") => {
            let versions = list(document, "versions").iter().map(|version| Version {
                name: text(version),
                resources: None,
            });
            Groups::from([(String::new(), versions.collect())])
        }
        _ => list(document, "groups")
            .iter()
            .map(|group| {
                let preferred = &group["preferredVersion"]["version"];
                let mut versions: Vec<Version> = list(group, "versions")
                    .iter()
                    .map(|version| Version {
                        name: text(&version["version"]),
                        resources: None,
                    })
                    .collect();
                versions.sort_by_key(|version| *preferred != version.name.as_str());
                (text(&group["name"]), versions)
            })
            .collect(),
    }
}

async fn resources(cluster: &Cluster, group: &str, version: &str) -> Result<Vec<(String, String)>, ApiError> {
    let path = if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    };
    let document = read(cluster, &path).await?;
    Ok(list(&document, "resources")
        .iter()
        .filter(|resource| !text(&resource["name"]).contains('/'))
        .map(|resource| (text(&resource["kind"]), text(&resource["name"])))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn versions(groups: &Groups, group: &str) -> Vec<String> {
        groups[group].iter().map(|version| version.name.clone()).collect()
    }

    #[test]
    fn stale_versions_are_left_out_and_the_group_stays() {
        let groups = read_groups(&json!({"kind": "APIGroupDiscoveryList", "items": [
            {"metadata": {"name": CUSTOM_METRICS}, "versions": [
                {"version": "v1beta2", "freshness": "Stale"}]},
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "freshness": "Current", "resources": [
                {"resource": "deployments", "responseKind": {"kind": "Deployment"}}]}]}]}));
        assert!(versions(&groups, CUSTOM_METRICS).is_empty());
        let kinds = groups["apps"][0].resources.as_ref().unwrap();
        assert_eq!(*kinds, [("Deployment".to_owned(), "deployments".to_owned())]);
    }

    #[test]
    fn older_documents_name_the_preferred_version_apart() {
        let groups = read_groups(&json!({"kind": "APIGroupList", "groups": [{"name": "g",
            "versions": [{"version": "v1"}, {"version": "v2"}], "preferredVersion": {"version": "v2"}}]}));
        assert_eq!(versions(&groups, "g"), ["v2", "v1"]);
        let core = read_groups(&json!({"kind": "APIVersions", "versions": ["v1"]}));
        assert_eq!(versions(&core, ""), ["v1"]);
    }
}

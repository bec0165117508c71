//! HPAs of whichever version the cluster serves, as v2.

use capstan_hpa::autoscaling::HorizontalPodAutoscaler;
use capstan_hpa::conversion::{self, Version};
use capstan_kube::{Cluster, Followed, Message};
use serde_json::Value;

/// The best first.
const VERSIONS: [Version; 4] = [Version::V2, Version::V2Beta2, Version::V2Beta1, Version::V1];

/// The best version of HPAs that the cluster serves; `None` while it cannot be asked.
pub(crate) async fn served(cluster: &Cluster) -> Option<Version> {
    for version in VERSIONS {
        let path = format!("/apis/autoscaling/{}", version.name());
        match cluster.send(&Message::get(&path)).await {
            Ok(reply) if reply.code == 200 => return Some(version),
            Ok(reply) if reply.code == 404 => {}
            Ok(reply) => {
                tracing::warn!(
                    code = reply.code,
                    path,
                    "the API server does not tell its versions"
                );
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, "the API server does not tell its versions");
                return None;
            }
        }
    }
    tracing::warn!("the API server serves no HorizontalPodAutoscalers");
    None
}

/// What to watch.
pub(crate) fn followed(version: Version) -> Followed {
    Followed {
        group: "autoscaling",
        version: version.name(),
        plural: "horizontalpodautoscalers",
        kind: "HorizontalPodAutoscaler",
    }
}

/// An object of that version as v2.
///
/// # Errors
/// A text that says which field cannot be read.
pub(crate) fn read(version: Version, object: &Value) -> Result<HorizontalPodAutoscaler, String> {
    let object = conversion::to_v2(version, object).map_err(|error| error.to_string())?;
    serde_json::from_value(object).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn old_spellings_are_the_same_metric() {
        let metadata = json!({"name": "web", "namespace": "default", "annotations": {"a": "b"}});
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let old = json!({"apiVersion": "autoscaling/v2beta1", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
            "spec": {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [{"type": "External", "external": {
                "metricName": "prometheus-query", "metricSelector": {"matchLabels": {"query-name": "q"}},
                "targetAverageValue": "10"}}]}});
        let new = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
            "spec": {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [{"type": "External", "external": {
                "metric": {"name": "prometheus-query", "selector": {"matchLabels": {"query-name": "q"}}},
                "target": {"type": "AverageValue", "averageValue": "10"}}}]}});
        let (old, new) = (
            read(Version::V2Beta1, &old).unwrap(),
            read(Version::V2, &new).unwrap(),
        );
        assert_eq!(old.spec.metrics, new.spec.metrics);
        assert_eq!(old.annotation("a"), Some("b"));
    }
}

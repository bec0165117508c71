//! Reading and writing the scale subresource (N-210, N-211).

use serde_json::{Value, json};

use crate::connect::{Call, Cluster};
use crate::discovery::ScalableKind;
use crate::error::{Error, Reason};

/// What the API server knows our writes by.
pub const FIELD_MANAGER: &str = "capstan";

/// What a scale says at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// `spec.replicas`; the API leaves the field out when it is 0.
    pub replicas: i64,
    pub resource_version: String,
}

/// Who else writes the replica count of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rivals {
    /// The controller that owns the object, as `Kind/name`: it reverts what we write (N-218).
    pub owner: Option<String>,
    /// A HorizontalPodAutoscaler that targets the object.
    pub autoscaler: Option<String>,
}

impl Cluster {
    /// Reads the scale of `name`.
    pub async fn scale(&self, kind: &ScalableKind, namespace: &str, name: &str) -> Result<Scale, Error> {
        let resource = format!("{}/scale", kind.plural);
        let path = format!("{}/scale", kind.path(namespace, name));
        let scale: Value = self
            .request(&Call::get(path, "get", &resource, namespace))
            .await?;
        Ok(parse(&scale))
    }

    /// Sets the replica count if the object is still at `resource_version`; one round trip. A conflict is
    /// [`Reason::Conflict`] and changes nothing.
    pub async fn set_scale(
        &self,
        kind: &ScalableKind,
        namespace: &str,
        name: &str,
        replicas: i64,
        resource_version: &str,
    ) -> Result<Scale, Error> {
        let resource = format!("{}/scale", kind.plural);
        let patch =
            json!({"metadata": {"resourceVersion": resource_version}, "spec": {"replicas": replicas}});
        let call = Call {
            method: "PATCH",
            path: format!(
                "{}/scale?fieldManager={FIELD_MANAGER}",
                kind.path(namespace, name)
            ),
            content_type: Some("application/merge-patch+json"),
            body: patch.to_string().into_bytes(),
            verb: "patch",
            resource: &resource,
            namespace,
        };
        let scale: Value = self.request(&call).await?;
        Ok(parse(&scale))
    }

    /// Looks for others who write the replica count of this object. What we may not read counts as nobody.
    pub async fn rivals(&self, kind: &ScalableKind, namespace: &str, name: &str) -> Rivals {
        let mut rivals = Rivals::default();
        let path = kind.path(namespace, name);
        if let Ok(object) = self
            .request::<Value>(&Call::get(path, "get", &kind.plural, namespace))
            .await
        {
            rivals.owner = controller(&object);
        }
        let path = format!("/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers");
        match self
            .request::<Value>(&Call::get(path, "list", "horizontalpodautoscalers", namespace))
            .await
        {
            Ok(list) => rivals.autoscaler = autoscaler(&list, kind, name),
            Err(error) if error.reason == Reason::NotFound => {}
            Err(error) => tracing::debug!(%error, "horizontal pod autoscalers could not be listed"),
        }
        rivals
    }
}

fn parse(scale: &Value) -> Scale {
    Scale {
        replicas: scale["spec"]["replicas"].as_i64().unwrap_or(0),
        resource_version: scale["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    }
}

/// The owner that is marked as the controller.
pub(crate) fn controller(object: &Value) -> Option<String> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    Some(format!("{}/{}", owner["kind"].as_str()?, owner["name"].as_str()?))
}

fn autoscaler(list: &Value, kind: &ScalableKind, name: &str) -> Option<String> {
    let group = |api_version: &str| {
        api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
            .to_owned()
    };
    list["items"].as_array()?.iter().find_map(|item| {
        let target = &item["spec"]["scaleTargetRef"];
        let same = target["kind"] == *kind.kind
            && target["name"] == *name
            && group(target["apiVersion"].as_str().unwrap_or_default()) == kind.group;
        same.then(|| item["metadata"]["name"].as_str().unwrap_or_default().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_replicas_are_left_out_by_the_api() {
        let scale = parse(&json!({"metadata": {"resourceVersion": "7"}, "spec": {}}));
        assert_eq!(
            scale,
            Scale {
                replicas: 0,
                resource_version: "7".into()
            }
        );
    }

    #[test]
    fn rivals_are_found_by_group_and_kind_and_name() {
        let kind = ScalableKind {
            group: "apps".into(),
            version: "v1".into(),
            plural: "deployments".into(),
            kind: "Deployment".into(),
            watch: true,
        };
        let hpa = |api_version: &str, name: &str| {
            json!({"items": [{"metadata": {"name": "hpa"},
                "spec": {"scaleTargetRef": {"apiVersion": api_version, "kind": "Deployment", "name": name}}}]})
        };
        assert_eq!(
            autoscaler(&hpa("apps/v1beta1", "app"), &kind, "app"),
            Some("hpa".into())
        );
        assert_eq!(autoscaler(&hpa("example.com/v1", "app"), &kind, "app"), None);
        assert_eq!(autoscaler(&hpa("apps/v1", "other"), &kind, "app"), None);
        let owned = json!({"metadata": {"ownerReferences": [
            {"kind": "Deployment", "name": "app", "controller": true}]}});
        assert_eq!(controller(&owned), Some("Deployment/app".into()));
    }
}

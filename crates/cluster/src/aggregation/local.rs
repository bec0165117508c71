//! The `APIService`s of groups that this server serves itself, and the config map by which backends know whom to trust.

use capstan_kubeapi::builtin::{APISERVICES, CONFIGMAPS};
use capstan_kubeapi::discovery;
use capstan_kubeapi::resource::builtin;
use serde_json::json;

use super::{check, documents};
use crate::controllers::timestamp;
use crate::objects::{Objects, Subresource};

/// The label of `APIService`s that nobody made by hand.
pub(crate) const AUTOMANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

/// Makes the objects of the built-in groups.
pub(super) fn publish_builtin(objects: &Objects) {
    let mut all = vec![(String::new(), vec!["v1"])];
    all.extend(
        discovery::groups(builtin())
            .into_iter()
            .map(|(group, versions)| (group.to_owned(), versions)),
    );
    for (group, versions) in all {
        let count = versions.len();
        for (index, version) in versions.into_iter().enumerate() {
            let priority = i64::try_from(count - index).unwrap_or(1) * 10;
            publish(
                objects,
                &group,
                version,
                documents::local_priority(&group),
                priority,
                "onstart",
            );
        }
    }
}

/// Makes the object of a group's version that this server serves.
pub(crate) fn publish(
    objects: &Objects,
    group: &str,
    version: &str,
    group_priority: i64,
    version_priority: i64,
    managed: &str,
) {
    let name = format!("{version}.{group}");
    let mut spec = json!({
        "version": version,
        "groupPriorityMinimum": group_priority,
        "versionPriority": version_priority,
    });
    if !group.is_empty() {
        spec["group"] = json!(group);
    }
    let object = json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": name, "labels": {AUTOMANAGED: managed}},
        "spec": spec,
    });
    let made = objects.create(APISERVICES, None, object).and_then(|_| {
        let now = timestamp(objects.clock().now());
        objects.modify(APISERVICES, None, &name, Subresource::Status, |object| {
            check::set_condition(
                object,
                "True",
                "Local",
                "Local APIServices are always available",
                &now,
            );
        })
    });
    if let Err(error) = made
        && !error.is_already_exists()
    {
        tracing::warn!(%error, name, "an APIService is not published");
    }
}

/// Publishes what a backend needs to verify clients and the front proxy.
pub(crate) fn publish_authentication(
    objects: &Objects,
    client_authority: &str,
    proxy_authority: &str,
    proxy: &str,
) {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "extension-apiserver-authentication", "namespace": "kube-system"},
        "data": {
            "client-ca-file": client_authority,
            "requestheader-allowed-names": json!([proxy]).to_string(),
            "requestheader-client-ca-file": proxy_authority,
            "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
            "requestheader-group-headers": "[\"X-Remote-Group\"]",
            "requestheader-username-headers": "[\"X-Remote-User\"]",
        },
    });
    if let Err(error) = objects.create(CONFIGMAPS, Some("kube-system"), object) {
        tracing::warn!(%error, "what backends need to trust the front proxy is not published");
    }
}

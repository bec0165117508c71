//! How lists and maps of the built-in types merge: the `patchStrategy`, `patchMergeKey` and `listType` tags of the Go
//! types, which the schemas of `k8s-openapi` leave out.

use serde_json::{Map, Value, json};

/// One tagged field.
#[derive(Debug)]
pub struct MergeKey {
    /// Definitions that have it, without the package prefix.
    types: &'static [&'static str],
    field: &'static str,
    /// `x-kubernetes-patch-strategy`; empty for none.
    strategy: &'static str,
    /// `x-kubernetes-patch-merge-key`; empty for none.
    key: &'static str,
    /// `x-kubernetes-list-type` or, for objects, `x-kubernetes-map-type`.
    list: &'static str,
    /// `x-kubernetes-list-map-keys`.
    map_keys: &'static [&'static str],
}

const fn keyed(
    types: &'static [&'static str],
    field: &'static str,
    map_keys: &'static [&'static str],
) -> MergeKey {
    MergeKey {
        types,
        field,
        strategy: "merge",
        key: map_keys[0],
        list: "map",
        map_keys,
    }
}

const fn replacing(
    types: &'static [&'static str],
    field: &'static str,
    map_keys: &'static [&'static str],
) -> MergeKey {
    MergeKey {
        types,
        field,
        strategy: "merge,retainKeys",
        key: map_keys[0],
        list: "map",
        map_keys,
    }
}

const fn set(types: &'static [&'static str], field: &'static str) -> MergeKey {
    MergeKey {
        types,
        field,
        strategy: "merge",
        key: "",
        list: "set",
        map_keys: &[],
    }
}

const CONTAINERS: &[&str] = &["core.v1.Container", "core.v1.EphemeralContainer"];
const POD_SPEC: &[&str] = &["core.v1.PodSpec"];
const WITH_CONDITIONS: &[&str] = &[
    "core.v1.PodStatus",
    "core.v1.NodeStatus",
    "core.v1.ServiceStatus",
    "core.v1.NamespaceStatus",
    "core.v1.ReplicationControllerStatus",
    "apps.v1.DeploymentStatus",
    "apps.v1.ReplicaSetStatus",
    "apps.v1.StatefulSetStatus",
    "autoscaling.v2.HorizontalPodAutoscalerStatus",
    "apiregistration.v1.APIServiceStatus",
    "apiextensions.v1.CustomResourceDefinitionStatus",
];

const KEYS: &[MergeKey] = &[
    keyed(POD_SPEC, "containers", &["name"]),
    keyed(POD_SPEC, "initContainers", &["name"]),
    keyed(POD_SPEC, "ephemeralContainers", &["name"]),
    replacing(POD_SPEC, "volumes", &["name"]),
    replacing(POD_SPEC, "resourceClaims", &["name"]),
    keyed(POD_SPEC, "imagePullSecrets", &["name"]),
    keyed(POD_SPEC, "schedulingGates", &["name"]),
    keyed(POD_SPEC, "hostAliases", &["ip"]),
    keyed(
        POD_SPEC,
        "topologySpreadConstraints",
        &["topologyKey", "whenUnsatisfiable"],
    ),
    keyed(CONTAINERS, "env", &["name"]),
    keyed(CONTAINERS, "ports", &["containerPort", "protocol"]),
    keyed(CONTAINERS, "volumeMounts", &["mountPath"]),
    keyed(CONTAINERS, "volumeDevices", &["devicePath"]),
    keyed(&["core.v1.ServiceSpec"], "ports", &["port", "protocol"]),
    keyed(&["core.v1.PodStatus"], "podIPs", &["ip"]),
    keyed(&["core.v1.NodeStatus"], "addresses", &["type"]),
    keyed(&["core.v1.ServiceAccount"], "secrets", &["name"]),
    keyed(WITH_CONDITIONS, "conditions", &["type"]),
    keyed(&["meta.v1.ObjectMeta"], "ownerReferences", &["uid"]),
    set(&["meta.v1.ObjectMeta"], "finalizers"),
    set(&["core.v1.NodeSpec"], "podCIDRs"),
    MergeKey {
        types: &["core.v1.NodeSpec"],
        field: "taints",
        strategy: "",
        key: "",
        list: "atomic",
        map_keys: &[],
    },
    MergeKey {
        types: &["apps.v1.DeploymentSpec", "extensions.v1beta1.DeploymentSpec"],
        field: "strategy",
        strategy: "retainKeys",
        key: "",
        list: "",
        map_keys: &[],
    },
];

/// Types that are replaced as a whole by server-side apply.
const ATOMIC: &[&str] = &[
    "meta.v1.LabelSelector",
    "meta.v1.OwnerReference",
    "core.v1.ObjectReference",
    "core.v1.LocalObjectReference",
    "core.v1.TypedLocalObjectReference",
    "core.v1.SecretKeySelector",
    "core.v1.ConfigMapKeySelector",
    "core.v1.ObjectFieldSelector",
    "core.v1.ResourceFieldSelector",
    "core.v1.SecretReference",
    "core.v1.NodeSelector",
    "core.v1.NodeSelectorTerm",
    "core.v1.EndpointAddress",
    "core.v1.EndpointPort",
    "core.v1.TopologySelectorTerm",
    "discovery.v1.EndpointPort",
    "autoscaling.v1.ScaleStatus",
];

/// Maps that are replaced as a whole.
const ATOMIC_MAPS: &[(&str, &str)] = &[
    ("core.v1.PodSpec", "nodeSelector"),
    ("core.v1.ReplicationControllerSpec", "selector"),
    ("core.v1.ServiceSpec", "selector"),
];

/// A definition's name without `io.k8s.api.` or `io.k8s.apimachinery.pkg.apis.`.
fn short(definition: &str) -> &str {
    definition
        .strip_prefix("io.k8s.api.")
        .or_else(|| definition.strip_prefix("io.k8s.apimachinery.pkg.apis."))
        .unwrap_or(definition)
}

/// Writes the extensions that upstream's schemas have into the schema of one definition.
pub fn annotate(definition: &str, schema: &mut Map<String, Value>) {
    let name = short(definition);
    if ATOMIC.contains(&name) {
        schema.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (field, property) in properties.iter_mut() {
        let Some(property) = property.as_object_mut() else {
            continue;
        };
        let is_list = property.get("type").and_then(Value::as_str) == Some("array");
        if let Some(row) = KEYS
            .iter()
            .find(|row| row.field == field && row.types.contains(&name))
        {
            if !row.list.is_empty() {
                property.insert("x-kubernetes-list-type".to_owned(), row.list.into());
            }
            if !row.map_keys.is_empty() {
                property.insert("x-kubernetes-list-map-keys".to_owned(), json!(row.map_keys));
            }
            if !row.key.is_empty() {
                property.insert("x-kubernetes-patch-merge-key".to_owned(), row.key.into());
            }
            if !row.strategy.is_empty() {
                property.insert("x-kubernetes-patch-strategy".to_owned(), row.strategy.into());
            }
        } else if is_list {
            property.insert("x-kubernetes-list-type".to_owned(), "atomic".into());
        }
        if ATOMIC_MAPS.contains(&(name, field.as_str())) {
            property.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
        }
    }
}

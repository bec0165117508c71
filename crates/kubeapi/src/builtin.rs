//! The built-in kinds. Names, verbs, categories and hashes are those of Kubernetes 1.36's discovery.

use crate::resource::{ALL_VERBS, Resource, ResourceType, SUBRESOURCE_VERBS, SubresourceType};

const STATUS: SubresourceType = SubresourceType {
    name: "status",
    gvk: None,
    verbs: SUBRESOURCE_VERBS,
};
const SCALE: SubresourceType = SubresourceType {
    name: "scale",
    gvk: Some(("autoscaling", "v1", "Scale")),
    verbs: SUBRESOURCE_VERBS,
};
const OLD_SCALE: SubresourceType = SubresourceType {
    name: "scale",
    gvk: Some(("extensions", "v1beta1", "Scale")),
    verbs: SUBRESOURCE_VERBS,
};
const WITH_STATUS: &[SubresourceType] = &[STATUS];
const SCALABLE: &[SubresourceType] = &[SCALE, STATUS];

const BASE: ResourceType = ResourceType {
    group: "",
    version: "v1",
    plural: "",
    singular: "",
    kind: "",
    namespaced: true,
    short_names: &[],
    categories: &[],
    verbs: ALL_VERBS,
    subresources: &[],
    stored_as: None,
    storage_version_hash: "",
    definition: "",
    custom: None,
};

macro_rules! resource {
    ($(#[$doc:meta])* $name:ident { $($field:ident : $value:expr),* $(,)? }) => {
        $(#[$doc])*
        pub const $name: Resource = Resource(&ResourceType { $($field: $value,)* ..BASE });
    };
}

resource!(/// `configmaps`.
    CONFIGMAPS { plural: "configmaps", singular: "configmap", kind: "ConfigMap", short_names: &["cm"],
    storage_version_hash: "qFsyl6wFWjQ=", definition: "io.k8s.api.core.v1.ConfigMap" });
resource!(/// `endpoints`.
    ENDPOINTS { plural: "endpoints", singular: "endpoints", kind: "Endpoints", short_names: &["ep"],
    storage_version_hash: "fWeeMqaN/OA=", definition: "io.k8s.api.core.v1.Endpoints" });
resource!(/// `events`, the core group's view.
    EVENTS { plural: "events", singular: "event", kind: "Event", short_names: &["ev"],
    storage_version_hash: "r2yiGXH7wu8=", definition: "io.k8s.api.core.v1.Event" });
resource!(/// `namespaces`.
    NAMESPACES { plural: "namespaces", singular: "namespace", kind: "Namespace", namespaced: false, short_names: &["ns"],
    verbs: &["create", "delete", "get", "list", "patch", "update", "watch"],
    subresources: &[SubresourceType { name: "finalize", gvk: None, verbs: &["update"] }, STATUS],
    storage_version_hash: "Q3oi5N2YM8M=", definition: "io.k8s.api.core.v1.Namespace" });
resource!(/// `nodes`.
    NODES { plural: "nodes", singular: "node", kind: "Node", namespaced: false, short_names: &["no"],
    subresources: WITH_STATUS, storage_version_hash: "XwShjMxG9Fs=", definition: "io.k8s.api.core.v1.Node" });
resource!(/// `pods`.
    PODS { plural: "pods", singular: "pod", kind: "Pod", short_names: &["po"], categories: &["all"],
    subresources: &[
        SubresourceType { name: "eviction", gvk: Some(("policy", "v1", "Eviction")), verbs: &["create"] },
        SubresourceType { name: "log", gvk: None, verbs: &["get"] },
        STATUS,
    ],
    storage_version_hash: "xPOwRZ+Yhw8=", definition: "io.k8s.api.core.v1.Pod" });
resource!(/// `replicationcontrollers`.
    REPLICATIONCONTROLLERS { plural: "replicationcontrollers", singular: "replicationcontroller",
    kind: "ReplicationController", short_names: &["rc"], categories: &["all"], subresources: SCALABLE,
    storage_version_hash: "Jond2If31h0=", definition: "io.k8s.api.core.v1.ReplicationController" });
resource!(/// `secrets`.
    SECRETS { plural: "secrets", singular: "secret", kind: "Secret",
    storage_version_hash: "S6u1pOWzb84=", definition: "io.k8s.api.core.v1.Secret" });
resource!(/// `serviceaccounts`.
    SERVICEACCOUNTS { plural: "serviceaccounts", singular: "serviceaccount", kind: "ServiceAccount", short_names: &["sa"],
    storage_version_hash: "pbx9ZvyFpBE=", definition: "io.k8s.api.core.v1.ServiceAccount" });
resource!(/// `services`.
    SERVICES { plural: "services", singular: "service", kind: "Service", short_names: &["svc"], categories: &["all"],
    subresources: WITH_STATUS, storage_version_hash: "0/CO1lhkEBI=", definition: "io.k8s.api.core.v1.Service" });

resource!(/// `apiservices`.
    APISERVICES { group: "apiregistration.k8s.io", plural: "apiservices", singular: "apiservice", kind: "APIService",
    namespaced: false, categories: &["api-extensions"], subresources: WITH_STATUS, storage_version_hash: "InPBPD7+PqM=",
    definition: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService" });

resource!(/// `customresourcedefinitions`.
    CUSTOMRESOURCEDEFINITIONS { group: "apiextensions.k8s.io", plural: "customresourcedefinitions",
    singular: "customresourcedefinition", kind: "CustomResourceDefinition", namespaced: false, short_names: &["crd", "crds"],
    categories: &["api-extensions"], subresources: WITH_STATUS, storage_version_hash: "jfWCUB31mvA=",
    definition: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition" });

resource!(/// `clusterrolebindings`.
    CLUSTERROLEBINDINGS { group: "rbac.authorization.k8s.io", plural: "clusterrolebindings", singular: "clusterrolebinding",
    kind: "ClusterRoleBinding", namespaced: false, storage_version_hash: "48nVGROWEq8=",
    definition: "io.k8s.api.rbac.v1.ClusterRoleBinding" });
resource!(/// `clusterroles`.
    CLUSTERROLES { group: "rbac.authorization.k8s.io", plural: "clusterroles", singular: "clusterrole", kind: "ClusterRole",
    namespaced: false, storage_version_hash: "bYE5ZWDrJ44=", definition: "io.k8s.api.rbac.v1.ClusterRole" });
resource!(/// `rolebindings`.
    ROLEBINDINGS { group: "rbac.authorization.k8s.io", plural: "rolebindings", singular: "rolebinding", kind: "RoleBinding",
    storage_version_hash: "eGsCzGH6b1g=", definition: "io.k8s.api.rbac.v1.RoleBinding" });
resource!(/// `roles`.
    ROLES { group: "rbac.authorization.k8s.io", plural: "roles", singular: "role", kind: "Role",
    storage_version_hash: "7FuwZcIIItM=", definition: "io.k8s.api.rbac.v1.Role" });

resource!(/// `deployments` of `apps/v1`.
    DEPLOYMENTS { group: "apps", plural: "deployments", singular: "deployment", kind: "Deployment", short_names: &["deploy"],
    categories: &["all"], subresources: SCALABLE, storage_version_hash: "8aSe+NMegvE=",
    definition: "io.k8s.api.apps.v1.Deployment" });
resource!(/// `replicasets` of `apps/v1`.
    REPLICASETS { group: "apps", plural: "replicasets", singular: "replicaset", kind: "ReplicaSet", short_names: &["rs"],
    categories: &["all"], subresources: SCALABLE, storage_version_hash: "P1RzHs8/mWQ=",
    definition: "io.k8s.api.apps.v1.ReplicaSet" });
resource!(/// `statefulsets` of `apps/v1`.
    STATEFULSETS { group: "apps", plural: "statefulsets", singular: "statefulset", kind: "StatefulSet", short_names: &["sts"],
    categories: &["all"], subresources: SCALABLE, storage_version_hash: "H+vl74LkKdo=",
    definition: "io.k8s.api.apps.v1.StatefulSet" });

resource!(/// `events`, as `events.k8s.io/v1` shows them.
    EVENTS_V1 { group: "events.k8s.io", plural: "events", singular: "event", kind: "Event", short_names: &["ev"],
    stored_as: Some(EVENTS.0), storage_version_hash: "r2yiGXH7wu8=",
    definition: "io.k8s.api.events.v1.Event" });

resource!(/// `tokenreviews`: answered, not stored.
    TOKENREVIEWS { group: "authentication.k8s.io", plural: "tokenreviews", singular: "tokenreview", kind: "TokenReview",
    namespaced: false, verbs: &["create"], definition: "io.k8s.api.authentication.v1.TokenReview" });
resource!(/// `selfsubjectreviews`: answered, not stored.
    SELFSUBJECTREVIEWS { group: "authentication.k8s.io", plural: "selfsubjectreviews", singular: "selfsubjectreview",
    kind: "SelfSubjectReview", namespaced: false, verbs: &["create"],
    definition: "io.k8s.api.authentication.v1.SelfSubjectReview" });
resource!(/// `localsubjectaccessreviews`: answered, not stored.
    LOCALSUBJECTACCESSREVIEWS { group: "authorization.k8s.io", plural: "localsubjectaccessreviews",
    singular: "localsubjectaccessreview", kind: "LocalSubjectAccessReview", verbs: &["create"],
    definition: "io.k8s.api.authorization.v1.LocalSubjectAccessReview" });
resource!(/// `selfsubjectaccessreviews`: answered, not stored.
    SELFSUBJECTACCESSREVIEWS { group: "authorization.k8s.io", plural: "selfsubjectaccessreviews",
    singular: "selfsubjectaccessreview", kind: "SelfSubjectAccessReview", namespaced: false, verbs: &["create"],
    definition: "io.k8s.api.authorization.v1.SelfSubjectAccessReview" });
resource!(/// `selfsubjectrulesreviews`: answered, not stored.
    SELFSUBJECTRULESREVIEWS { group: "authorization.k8s.io", plural: "selfsubjectrulesreviews",
    singular: "selfsubjectrulesreview", kind: "SelfSubjectRulesReview", namespaced: false, verbs: &["create"],
    definition: "io.k8s.api.authorization.v1.SelfSubjectRulesReview" });
resource!(/// `subjectaccessreviews`: answered, not stored.
    SUBJECTACCESSREVIEWS { group: "authorization.k8s.io", plural: "subjectaccessreviews", singular: "subjectaccessreview",
    kind: "SubjectAccessReview", namespaced: false, verbs: &["create"],
    definition: "io.k8s.api.authorization.v1.SubjectAccessReview" });

resource!(/// `horizontalpodautoscalers` of `autoscaling/v2`, as they are stored.
    HORIZONTALPODAUTOSCALERS { group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers",
    singular: "horizontalpodautoscaler", kind: "HorizontalPodAutoscaler", short_names: &["hpa"], categories: &["all"],
    subresources: WITH_STATUS, storage_version_hash: "qwQve8ut294=",
    definition: "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler" });
resource!(/// `horizontalpodautoscalers` as `autoscaling/v1` shows them.
    HORIZONTALPODAUTOSCALERS_V1 { group: "autoscaling", plural: "horizontalpodautoscalers",
    singular: "horizontalpodautoscaler", kind: "HorizontalPodAutoscaler", short_names: &["hpa"], categories: &["all"],
    subresources: WITH_STATUS, stored_as: Some(HORIZONTALPODAUTOSCALERS.0), storage_version_hash: "qwQve8ut294=",
    definition: "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler" });
resource!(/// `horizontalpodautoscalers` as `autoscaling/v2beta2` showed them before 1.26. Like the other old versions without
    /// short name and category.
    HORIZONTALPODAUTOSCALERS_V2BETA2 { group: "autoscaling", version: "v2beta2", plural: "horizontalpodautoscalers",
    singular: "horizontalpodautoscaler", kind: "HorizontalPodAutoscaler", subresources: WITH_STATUS,
    stored_as: Some(HORIZONTALPODAUTOSCALERS.0), storage_version_hash: "qwQve8ut294=",
    definition: "io.k8s.api.autoscaling.v2beta2.HorizontalPodAutoscaler" });
resource!(/// `horizontalpodautoscalers` as `autoscaling/v2beta1` showed them before 1.25.
    HORIZONTALPODAUTOSCALERS_V2BETA1 { group: "autoscaling", version: "v2beta1", plural: "horizontalpodautoscalers",
    singular: "horizontalpodautoscaler", kind: "HorizontalPodAutoscaler", subresources: WITH_STATUS,
    stored_as: Some(HORIZONTALPODAUTOSCALERS.0), storage_version_hash: "qwQve8ut294=",
    definition: "io.k8s.api.autoscaling.v2beta1.HorizontalPodAutoscaler" });

resource!(/// `leases`.
    LEASES { group: "coordination.k8s.io", plural: "leases", singular: "lease", kind: "Lease",
    storage_version_hash: "gqkMMb/YqFM=", definition: "io.k8s.api.coordination.v1.Lease" });
resource!(/// `endpointslices`.
    ENDPOINTSLICES { group: "discovery.k8s.io", plural: "endpointslices", singular: "endpointslice", kind: "EndpointSlice",
    storage_version_hash: "Nx3SIv6I0mE=", definition: "io.k8s.api.discovery.v1.EndpointSlice" });

resource!(/// `deployments` as `extensions/v1beta1` wrote them before 1.16: a view of `apps/v1`. Without short name and category,
    /// so that `kubectl get deploy` and `get all` mean `apps/v1` alone.
    DEPLOYMENTS_EXTENSIONS { group: "extensions", version: "v1beta1", plural: "deployments", singular: "deployment",
    kind: "Deployment", subresources: &[OLD_SCALE, STATUS],
    stored_as: Some(DEPLOYMENTS.0), storage_version_hash: "8aSe+NMegvE=",
    definition: "io.k8s.api.extensions.v1beta1.Deployment" });
resource!(/// `replicasets` as `extensions/v1beta1` wrote them before 1.16: a view of `apps/v1`.
    REPLICASETS_EXTENSIONS { group: "extensions", version: "v1beta1", plural: "replicasets", singular: "replicaset",
    kind: "ReplicaSet", subresources: &[OLD_SCALE, STATUS],
    stored_as: Some(REPLICASETS.0), storage_version_hash: "P1RzHs8/mWQ=",
    definition: "io.k8s.api.extensions.v1beta1.ReplicaSet" });

/// Every built-in resource: groups in the order of `/apis`, resources alphabetically.
pub(crate) const ALL: &[Resource] = &[
    CONFIGMAPS,
    ENDPOINTS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICATIONCONTROLLERS,
    SECRETS,
    SERVICEACCOUNTS,
    SERVICES,
    APISERVICES,
    DEPLOYMENTS,
    REPLICASETS,
    STATEFULSETS,
    EVENTS_V1,
    SELFSUBJECTREVIEWS,
    TOKENREVIEWS,
    LOCALSUBJECTACCESSREVIEWS,
    SELFSUBJECTACCESSREVIEWS,
    SELFSUBJECTRULESREVIEWS,
    SUBJECTACCESSREVIEWS,
    HORIZONTALPODAUTOSCALERS,
    HORIZONTALPODAUTOSCALERS_V1,
    HORIZONTALPODAUTOSCALERS_V2BETA2,
    HORIZONTALPODAUTOSCALERS_V2BETA1,
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    ROLEBINDINGS,
    ROLES,
    CUSTOMRESOURCEDEFINITIONS,
    LEASES,
    ENDPOINTSLICES,
    DEPLOYMENTS_EXTENSIONS,
    REPLICASETS_EXTENSIONS,
];

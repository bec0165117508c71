//! Rules for the names that references, metrics and resources have.

use capstan_kubeapi::validation as kubernetes;

/// What is wrong with a name as one segment of a path (apimachinery `IsValidPathSegmentName`).
pub(super) fn path_segment(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"]
        .iter()
        .filter(|illegal| name.contains(**illegal))
        .map(|illegal| format!("may not contain '{illegal}'"))
        .collect()
}

/// Names that need no domain (`IsStandardResourceName`).
const STANDARD: &[&str] = &[
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "storage",
];

/// What is wrong with a name as a resource that containers have (`ValidateContainerResourceName`).
pub(super) fn container_resource(name: &str) -> Vec<String> {
    let mut errors = kubernetes::qualified_name(name);
    if name.contains('/') {
        let native = name.contains("kubernetes.io/");
        if !native && !is_extended(name) {
            errors.push("doesn't follow extended resource name standard".to_owned());
        }
        return errors;
    }
    let huge = name.starts_with("hugepages-");
    if errors.is_empty() && !STANDARD.contains(&name) && !huge && !name.starts_with("requests.hugepages-") {
        errors.push("must be a standard resource type or fully qualified".to_owned());
    }
    if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !huge {
        errors.push("must be a standard resource for containers".to_owned());
    }
    errors
}

fn is_extended(name: &str) -> bool {
    // As a quota it is written with a prefix, which has to fit too.
    !name.starts_with("requests.") && kubernetes::qualified_name(&format!("requests.{name}")).is_empty()
}

//! Defaults that Kubernetes fills in, so that what is read back looks like it does there.

use capstan_kubeapi::{Resource, meta};
use serde_json::{Map, Value, json};

mod pods;
mod services;

/// Sets `field` if it is absent or null.
fn default(map: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
    match map.get_mut(field) {
        None => {
            map.insert(field.to_owned(), value.into());
        }
        Some(slot) if slot.is_null() => *slot = value.into(),
        Some(_) => {}
    }
}

/// Completes an object of the stored kind that was written through `resource`.
pub(super) fn apply(resource: Resource, stored: Resource, object: &mut Value) {
    match (stored.group, stored.plural) {
        ("", "pods") => pod(object),
        ("", "services") => services::service(object),
        ("", "namespaces") => namespace(object),
        ("", "nodes") => {
            if let Some(labels) = meta::metadata_mut(object).map(|m| m.get("name").cloned()) {
                let name = labels.unwrap_or(Value::Null);
                if let Some(metadata) = object.get_mut("metadata")
                    && let Some(labels) = meta::object_at(metadata, "labels")
                {
                    default(labels, "kubernetes.io/hostname", name);
                }
            }
            meta::object_at(object, "spec");
            meta::object_at(object, "status");
        }
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => binding(object),
        ("apiextensions.k8s.io", "customresourcedefinitions") => super::custom_resources::complete(object),
        ("apiregistration.k8s.io", "apiservices") => {
            if let Some(service) = object.pointer_mut("/spec/service").and_then(Value::as_object_mut) {
                default(service, "port", 443);
            }
        }
        ("", "secrets") => secret(object),
        ("", "events") => event(object),
        ("", "replicationcontrollers") => replication_controller(object),
        ("apps", "deployments") => deployment(resource, object),
        ("apps", "replicasets") => {
            workload(resource, object);
        }
        ("apps", "statefulsets") => stateful_set(resource, object),
        ("discovery.k8s.io", "endpointslices") => {
            for port in object
                .get_mut("ports")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                if let Some(port) = port.as_object_mut() {
                    default(port, "name", "");
                    default(port, "protocol", "TCP");
                }
            }
        }
        ("", "endpoints") => {
            for subset in object
                .get_mut("subsets")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                for port in subset
                    .get_mut("ports")
                    .and_then(Value::as_array_mut)
                    .into_iter()
                    .flatten()
                {
                    if let Some(port) = port.as_object_mut() {
                        default(port, "protocol", "TCP");
                    }
                }
            }
        }
        _ => {}
    }
}

/// Keeps what an update may leave out.
pub(super) fn keep(stored: Resource, current: &Value, wanted: &mut Value) {
    if (stored.group, stored.plural) == ("", "namespaces")
        && let Some(finalizers) = current.pointer("/spec/finalizers").cloned()
        && let Some(spec) = meta::object_at(wanted, "spec")
    {
        spec.insert("finalizers".to_owned(), finalizers);
    }
    if stored.plural == "pods" {
        for field in ["nodeName", "serviceAccountName", "serviceAccount"] {
            if let Some(value) = current.get("spec").and_then(|s| s.get(field)).cloned()
                && let Some(spec) = meta::object_at(wanted, "spec")
            {
                default(spec, field, value);
            }
        }
    }
}

fn namespace(object: &mut Value) {
    let name = meta::name(object).to_owned();
    if let Some(metadata) = object.get_mut("metadata")
        && let Some(labels) = meta::object_at(metadata, "labels")
    {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
    }
    if !meta::is_deleting(object)
        && let Some(spec) = meta::object_at(object, "spec")
    {
        default(spec, "finalizers", json!(["kubernetes"]));
    }
    if let Some(status) = meta::object_at(object, "status") {
        default(status, "phase", "Active");
    }
}

/// Users and groups, and the roles that bindings refer to, are of one API group.
fn binding(object: &mut Value) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    if let Some(role) = meta::object_at(object, "roleRef") {
        default(role, "apiGroup", GROUP);
    }
    let subjects = object.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten().filter_map(Value::as_object_mut) {
        if matches!(
            subject.get("kind").and_then(Value::as_str),
            Some("User" | "Group")
        ) {
            default(subject, "apiGroup", GROUP);
        }
    }
}

fn secret(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    if let Some(Value::Object(texts)) = map.shift_remove("stringData") {
        let data = map.entry("data").or_insert_with(|| json!({}));
        if data.is_null() {
            *data = json!({});
        }
        if let Some(data) = data.as_object_mut() {
            for (key, text) in texts {
                let bytes = text.as_str().unwrap_or("").as_bytes();
                data.insert(key, capstan_kubeapi::base64::encode(bytes).into());
            }
        }
    }
    default(map, "type", "Opaque");
}

fn event(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    map.entry("source").or_insert_with(|| json!({}));
    for time in ["firstTimestamp", "lastTimestamp", "eventTime"] {
        map.entry(time).or_insert(Value::Null);
    }
    for text in ["reportingComponent", "reportingInstance"] {
        default(map, text, "");
    }
}

/// Pods on their own also get what the scheduler and the service account admission would add.
fn pod(object: &mut Value) {
    meta::object_at(object, "spec");
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        pods::spec(spec);
        default(spec, "serviceAccountName", "default");
        let account = spec
            .get("serviceAccountName")
            .cloned()
            .unwrap_or_else(|| "default".into());
        default(spec, "serviceAccount", account);
        default(spec, "tolerations", pods::default_tolerations());
        default(spec, "priority", 0);
        default(spec, "enableServiceLinks", true);
        default(spec, "preemptionPolicy", "PreemptLowerPriority");
    }
    let qos = pods::quality(object);
    if let Some(status) = meta::object_at(object, "status") {
        default(status, "phase", "Pending");
        default(status, "qosClass", qos);
    }
}

/// Whether `resource` is the old group in which a selector could be left out.
fn is_old(resource: Resource) -> bool {
    resource.group == "extensions"
}

/// The parts that deployments, replica sets and stateful sets share: replicas, selector, template.
fn workload(resource: Resource, object: &mut Value) {
    let labels = object.pointer("/spec/template/metadata/labels").cloned();
    let own = object
        .pointer("/metadata/labels")
        .is_some_and(|l| l.as_object().is_some_and(|l| !l.is_empty()));
    if is_old(resource)
        && let Some(labels) = labels.filter(|l| l.as_object().is_some_and(|l| !l.is_empty()))
    {
        if let Some(spec) = meta::object_at(object, "spec") {
            let empty = spec
                .get("selector")
                .is_none_or(|s| s.is_null() || s.as_object().is_some_and(Map::is_empty));
            if empty {
                spec.insert("selector".to_owned(), json!({"matchLabels": labels}));
            }
        }
        if !own && let Some(metadata) = meta::metadata_mut(object) {
            metadata.insert("labels".to_owned(), labels);
        }
    }
    meta::object_at(object, "spec");
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    default(spec, "replicas", 1);
    template(spec);
    meta::object_at(object, "status");
}

fn template(spec: &mut Map<String, Value>) {
    let template = spec.entry("template").or_insert_with(|| json!({}));
    if let Some(metadata) = meta::metadata_mut(template) {
        // The real server prints creationTimestamp null here up to 1.34; nothing needs it.
        metadata.retain(|_, value| !value.is_null());
    }
    if let Some(pod) = meta::object_at(template, "spec") {
        pods::spec(pod);
    }
}

fn deployment(resource: Resource, object: &mut Value) {
    workload(resource, object);
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    let old = is_old(resource);
    let strategy = spec.entry("strategy").or_insert_with(|| json!({}));
    if strategy.is_null() {
        *strategy = json!({});
    }
    if let Some(strategy) = strategy.as_object_mut() {
        default(strategy, "type", "RollingUpdate");
        if strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate") {
            let mut rolling = strategy
                .shift_remove("rollingUpdate")
                .unwrap_or_else(|| json!({}));
            if rolling.is_null() {
                rolling = json!({});
            }
            if let Some(rolling) = rolling.as_object_mut() {
                let share = || if old { json!(1) } else { json!("25%") };
                default(rolling, "maxUnavailable", share());
                default(rolling, "maxSurge", share());
            }
            strategy.insert("rollingUpdate".to_owned(), rolling);
        }
    }
    // The old group kept every revision and never gave up.
    default(
        spec,
        "revisionHistoryLimit",
        if old { i64::from(i32::MAX) } else { 10 },
    );
    default(
        spec,
        "progressDeadlineSeconds",
        if old { i64::from(i32::MAX) } else { 600 },
    );
}

fn stateful_set(resource: Resource, object: &mut Value) {
    workload(resource, object);
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    default(spec, "podManagementPolicy", "OrderedReady");
    let strategy = spec.entry("updateStrategy").or_insert_with(|| json!({}));
    if let Some(strategy) = strategy.as_object_mut() {
        default(strategy, "type", "RollingUpdate");
        if strategy.get("type").and_then(Value::as_str) == Some("RollingUpdate") {
            default(strategy, "rollingUpdate", json!({"partition": 0}));
        }
    }
    default(spec, "revisionHistoryLimit", 10);
    default(
        spec,
        "persistentVolumeClaimRetentionPolicy",
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
    );
    if let Some(status) = meta::object_at(object, "status") {
        default(status, "replicas", 0);
        default(status, "availableReplicas", 0);
    }
}

fn replication_controller(object: &mut Value) {
    let labels = object.pointer("/spec/template/metadata/labels").cloned();
    meta::object_at(object, "spec");
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    default(spec, "replicas", 1);
    template(spec);
    if let Some(labels) = labels.filter(|l| l.as_object().is_some_and(|l| !l.is_empty())) {
        if spec
            .get("selector")
            .and_then(Value::as_object)
            .is_none_or(Map::is_empty)
        {
            spec.insert("selector".to_owned(), labels.clone());
        }
        if meta::labels(object).is_none_or(Map::is_empty) {
            meta::set(object, "labels", labels);
        }
    }
    if let Some(status) = meta::object_at(object, "status") {
        default(status, "replicas", 0);
    }
}

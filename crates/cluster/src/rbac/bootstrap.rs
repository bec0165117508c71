//! Roles that every cluster has (upstream `plugin/pkg/auth/authorizer/rbac/bootstrappolicy`), as far as there is something
//! here that they are about.

use capstan_kubeapi::Resource;
use capstan_kubeapi::builtin::{CLUSTERROLEBINDINGS, CLUSTERROLES, ROLES};
use serde_json::{Value, json};

use crate::objects::Objects;

const GROUP: &str = "rbac.authorization.k8s.io";

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"verbs": verbs, "apiGroups": groups, "resources": resources})
}

fn paths(paths: &[&str], verbs: &[&str]) -> Value {
    json!({"verbs": verbs, "nonResourceURLs": paths})
}

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// What people work with in a namespace.
fn work(verbs: &[&str]) -> Vec<Value> {
    vec![
        rule(
            &[""],
            &[
                "configmaps",
                "endpoints",
                "pods",
                "pods/log",
                "pods/status",
                "replicationcontrollers",
                "replicationcontrollers/scale",
                "serviceaccounts",
                "services",
            ],
            verbs,
        ),
        rule(
            &["apps", "extensions"],
            &[
                "deployments",
                "deployments/scale",
                "replicasets",
                "replicasets/scale",
                "statefulsets",
                "statefulsets/scale",
            ],
            verbs,
        ),
        rule(&["autoscaling"], &["horizontalpodautoscalers"], verbs),
    ]
}

fn view() -> Vec<Value> {
    let mut rules = work(READ);
    rules.push(rule(&["", "events.k8s.io"], &["events", "namespaces"], READ));
    rules.push(rule(&["discovery.k8s.io"], &["endpointslices"], READ));
    rules.push(rule(&["metrics.k8s.io"], &["pods", "nodes"], READ));
    rules
}

fn edit() -> Vec<Value> {
    let mut rules = view();
    rules.extend(work(WRITE));
    rules.push(rule(&[""], &["secrets"], READ));
    rules.push(rule(&[""], &["secrets", "pods/eviction"], WRITE));
    rules
}

fn admin() -> Vec<Value> {
    let mut rules = edit();
    rules.push(rule(&[GROUP], &["roles", "rolebindings"], READ));
    rules.push(rule(&[GROUP], &["roles", "rolebindings"], WRITE));
    rules.push(rule(
        &["authorization.k8s.io"],
        &["localsubjectaccessreviews"],
        &["create"],
    ));
    rules
}

fn autoscaler() -> Vec<Value> {
    vec![
        rule(&["autoscaling"], &["horizontalpodautoscalers"], READ),
        rule(
            &["autoscaling"],
            &["horizontalpodautoscalers/status"],
            &["update"],
        ),
        rule(&["*"], &["*/scale"], &["get", "update"]),
        rule(&[""], &["pods"], &["list", "watch"]),
        rule(&["metrics.k8s.io"], &["pods"], &["list", "watch"]),
        rule(&["custom.metrics.k8s.io"], &["*"], READ),
        rule(&["external.metrics.k8s.io"], &["*"], READ),
        rule(
            &["", "events.k8s.io"],
            &["events"],
            &["create", "patch", "update"],
        ),
    ]
}

fn delegator() -> Vec<Value> {
    vec![
        rule(&["authentication.k8s.io"], &["tokenreviews"], &["create"]),
        rule(&["authorization.k8s.io"], &["subjectaccessreviews"], &["create"]),
    ]
}

fn make(objects: &Objects, resource: Resource, namespace: Option<&str>, name: &str, rest: Value) {
    let mut object = json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
    });
    if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
        object.extend(rest);
    }
    if let Err(error) = objects.create(resource, namespace, object) {
        tracing::warn!(%error, name, "an initial role is not made");
    }
}

/// Makes them.
pub(crate) fn bootstrap(objects: &Objects) {
    let everything = vec![rule(&["*"], &["*"], &["*"]), paths(&["*"], &["*"])];
    for (name, rules) in [
        ("cluster-admin", everything),
        ("admin", admin()),
        ("edit", edit()),
        ("view", view()),
        ("system:auth-delegator", delegator()),
        ("system:controller:horizontal-pod-autoscaler", autoscaler()),
    ] {
        make(objects, CLUSTERROLES, None, name, json!({ "rules": rules }));
    }
    let reader = json!({"rules": [{
        "verbs": READ, "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["extension-apiserver-authentication"],
    }]});
    make(
        objects,
        ROLES,
        Some("kube-system"),
        "extension-apiserver-authentication-reader",
        reader,
    );
    let account = "system:controller:horizontal-pod-autoscaler";
    for (name, role, subject) in [
        (
            "cluster-admin",
            "cluster-admin",
            json!({"kind": "Group", "apiGroup": GROUP, "name": "system:masters"}),
        ),
        (
            account,
            account,
            json!({"kind": "ServiceAccount", "name": "horizontal-pod-autoscaler", "namespace": "kube-system"}),
        ),
    ] {
        let rest = json!({
            "subjects": [subject],
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        });
        make(objects, CLUSTERROLEBINDINGS, None, name, rest);
    }
}

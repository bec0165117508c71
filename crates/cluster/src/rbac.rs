//! Who may do what: roles and bindings (upstream `plugin/pkg/auth/authorizer/rbac`).
//!
//! Members of `system:masters` may do everything; everybody known may ask about themselves and read discovery. All else
//! comes from the stored roles and bindings, read at every question.

mod bootstrap;
mod grant;

use std::sync::Arc;

use capstan_kubeapi::builtin::{CLUSTERROLEBINDINGS, CLUSTERROLES, ROLEBINDINGS, ROLES};
use capstan_kubeapi::{Selector, meta};
use serde_json::{Value, json};

use crate::http::User;
use crate::objects::Objects;

pub(crate) use bootstrap::bootstrap;
pub(crate) use grant::check as check_grant;

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attributes<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) name: &'a str,
    /// Empty for the whole cluster.
    pub(crate) namespace: &'a str,
    /// A path that is no resource; the fields but the verb are empty then.
    pub(crate) path: Option<&'a str>,
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Why a user may do this; `None` when nothing allows it.
pub(crate) fn allows(objects: &Objects, user: &User, wanted: &Attributes<'_>) -> Option<String> {
    if user.is_admin() {
        return Some("member of system:masters".to_owned());
    }
    if basics(user, wanted) {
        return Some(String::new());
    }
    visit(objects, user, wanted.namespace, |rule, why| {
        rule_allows(rule, wanted).then(|| format!("RBAC: allowed by {why}"))
    })
}

/// What everybody known may do (upstream's roles `system:basic-user` and `system:discovery`).
fn basics(user: &User, wanted: &Attributes<'_>) -> bool {
    if user.is_anonymous() {
        return false;
    }
    match wanted.path {
        Some(path) => wanted.verb == "get" && DISCOVERY.iter().any(|allowed| path_matches(allowed, path)),
        None => {
            wanted.verb == "create"
                && wanted.resource.starts_with("selfsubject")
                && matches!(wanted.group, "authorization.k8s.io" | "authentication.k8s.io")
        }
    }
}

/// Paths that everybody known may read.
const DISCOVERY: &[&str] = &[
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
];

/// Calls `found` with every rule that a user has in a namespace (empty: cluster-wide), and why, until it answers.
fn visit<T>(
    objects: &Objects,
    user: &User,
    namespace: &str,
    mut found: impl FnMut(&Value, &str) -> Option<T>,
) -> Option<T> {
    let mut look = |binding: &Value, kind: &str, within: Option<&str>| {
        let own = meta::namespace(binding);
        let subject = items(binding, "subjects")
            .iter()
            .find(|s| is_subject(s, user, own))?;
        let place = match within {
            Some(namespace) => format!("{}/{namespace}", meta::name(binding)),
            None => meta::name(binding).to_owned(),
        };
        let why = format!(
            "{kind} \"{place}\" of {} \"{}\" to {}",
            text(binding, "/roleRef/kind"),
            text(binding, "/roleRef/name"),
            describe(subject)
        );
        rules_of(objects, binding, within)
            .iter()
            .find_map(|rule| found(rule, &why))
    };
    for binding in objects.list(CLUSTERROLEBINDINGS, None).items {
        if let Some(answer) = look(&binding, "ClusterRoleBinding", None) {
            return Some(answer);
        }
    }
    if namespace.is_empty() {
        return None;
    }
    for binding in objects.list(ROLEBINDINGS, Some(namespace)).items {
        if let Some(answer) = look(&binding, "RoleBinding", Some(namespace)) {
            return Some(answer);
        }
    }
    None
}

/// Whether a subject is this user. A service account without a namespace is in the binding's own.
fn is_subject(subject: &Value, user: &User, own: &str) -> bool {
    let name = text(subject, "/name");
    match text(subject, "/kind") {
        "User" => user.name == name,
        "Group" => user.groups.iter().any(|g| g == name),
        "ServiceAccount" => {
            let namespace = match text(subject, "/namespace") {
                "" => own,
                namespace => namespace,
            };
            user.name == format!("system:serviceaccount:{namespace}:{name}")
        }
        _ => false,
    }
}

fn describe(subject: &Value) -> String {
    let (kind, name) = (text(subject, "/kind"), text(subject, "/name"));
    match kind {
        "ServiceAccount" => format!("ServiceAccount \"{name}/{}\"", text(subject, "/namespace")),
        _ => format!("{kind} \"{name}\""),
    }
}

/// The rules of the role that a binding refers to.
fn rules_of(objects: &Objects, binding: &Value, namespace: Option<&str>) -> Vec<Value> {
    let name = text(binding, "/roleRef/name");
    match (text(binding, "/roleRef/kind"), namespace) {
        ("ClusterRole", _) => objects
            .get(CLUSTERROLES, None, name)
            .map(|role| cluster_rules(objects, &role))
            .unwrap_or_default(),
        ("Role", Some(namespace)) => objects
            .get(ROLES, Some(namespace), name)
            .map(|role| items(&role, "rules").to_vec())
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// A cluster role's rules; one that aggregates has those of the roles it selects.
fn cluster_rules(objects: &Objects, role: &Arc<Value>) -> Vec<Value> {
    let selectors = role
        .pointer("/aggregationRule/clusterRoleSelectors")
        .and_then(Value::as_array)
        .filter(|s| !s.is_empty());
    let Some(selectors) = selectors else {
        return items(role, "rules").to_vec();
    };
    let selectors: Vec<Selector> = selectors
        .iter()
        .filter_map(|s| Selector::of_object(Some(s)).ok())
        .collect();
    objects
        .list(CLUSTERROLES, None)
        .items
        .iter()
        .filter(|other| {
            meta::name(other) != meta::name(role) && selectors.iter().any(|s| s.matches_object(other))
        })
        .flat_map(|other| items(other, "rules").to_vec())
        .collect()
}

fn has(rule: &Value, field: &str, wanted: &str) -> bool {
    meta::strings(rule.get(field))
        .iter()
        .any(|value| *value == "*" || *value == wanted)
}

fn rule_allows(rule: &Value, wanted: &Attributes<'_>) -> bool {
    if !has(rule, "verbs", wanted.verb) {
        return false;
    }
    if let Some(path) = wanted.path {
        return meta::strings(rule.get("nonResourceURLs"))
            .iter()
            .any(|allowed| path_matches(allowed, path));
    }
    let full = if wanted.subresource.is_empty() {
        wanted.resource.to_owned()
    } else {
        format!("{}/{}", wanted.resource, wanted.subresource)
    };
    let resource = meta::strings(rule.get("resources")).iter().any(|value| {
        *value == "*"
            || *value == full
            || (!wanted.subresource.is_empty() && value.strip_prefix("*/") == Some(wanted.subresource))
    });
    let names = meta::strings(rule.get("resourceNames"));
    resource && has(rule, "apiGroups", wanted.group) && (names.is_empty() || names.contains(&wanted.name))
}

fn path_matches(allowed: &str, path: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => allowed == path,
    }
}

/// All rules of a user in a namespace: for resources, and for other paths.
pub(crate) fn rules(objects: &Objects, user: &User, namespace: &str) -> (Vec<Value>, Vec<Value>) {
    if user.is_admin() {
        return (
            vec![json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})],
            vec![json!({"verbs": ["*"], "nonResourceURLs": ["*"]})],
        );
    }
    let mut resources = Vec::new();
    let mut paths = Vec::new();
    if !user.is_anonymous() {
        resources.push(json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]}));
        resources.push(json!({"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]}));
        paths.push(json!({"verbs": ["get"], "nonResourceURLs": DISCOVERY}));
    }
    let all: Option<()> = visit(objects, user, namespace, |rule, _| {
        let part = |fields: &[&str]| -> Value {
            let some = fields
                .iter()
                .filter_map(|f| Some(((*f).to_owned(), rule.get(*f)?.clone())));
            Value::Object(some.collect())
        };
        if items(rule, "nonResourceURLs").is_empty() {
            resources.push(part(&["verbs", "apiGroups", "resources", "resourceNames"]));
        } else {
            paths.push(part(&["verbs", "nonResourceURLs"]));
        }
        None
    });
    debug_assert!(all.is_none(), "nothing ends the visit");
    (resources, paths)
}

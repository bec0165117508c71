//! Nobody hands out rights that they do not have (upstream `pkg/registry/rbac/*/policybased`).

use capstan_kubeapi::{Resource, Status, meta};
use serde_json::Value;

use super::{Attributes, allows, items, rules_of, text};
use crate::http::User;
use crate::objects::Objects;

/// Checks a role or binding that somebody writes. `namespace` is empty for cluster-wide kinds.
pub(crate) fn check(
    objects: &Objects,
    user: &User,
    resource: Resource,
    namespace: &str,
    object: &Value,
) -> Result<(), Status> {
    if user.is_admin() || resource.group != "rbac.authorization.k8s.io" {
        return Ok(());
    }
    let own = |verb: &'static str, resource: &'static str, name: &str| {
        let wanted = Attributes {
            verb,
            group: "rbac.authorization.k8s.io",
            resource,
            name,
            namespace,
            ..Attributes::default()
        };
        allows(objects, user, &wanted).is_some()
    };
    let rules = match resource.plural {
        "roles" | "clusterroles" => {
            if own("escalate", resource.0.plural, meta::name(object)) {
                return Ok(());
            }
            items(object, "rules").to_vec()
        }
        _ => {
            let role = if text(object, "/roleRef/kind") == "Role" {
                "roles"
            } else {
                "clusterroles"
            };
            if own("bind", role, text(object, "/roleRef/name")) {
                return Ok(());
            }
            rules_of(objects, object, Some(namespace).filter(|n| !n.is_empty()))
        }
    };
    match rules.iter().find(|rule| !covers(objects, user, namespace, rule)) {
        None => Ok(()),
        Some(missing) => {
            let why = format!(
                "user \"{}\" (groups={:?}) is attempting to grant RBAC permissions not currently held:\n{missing}",
                user.name, user.groups
            );
            Err(Status::forbidden(resource.0, meta::name(object), &why))
        }
    }
}

/// Whether a user may do everything that a rule allows.
fn covers(objects: &Objects, user: &User, namespace: &str, rule: &Value) -> bool {
    let strings = |field: &str| meta::strings(rule.get(field));
    let names = match strings("resourceNames") {
        names if names.is_empty() => vec![""],
        names => names,
    };
    let may = |wanted: Attributes<'_>| allows(objects, user, &wanted).is_some();
    let paths = strings("verbs").iter().all(|verb| {
        strings("nonResourceURLs").iter().all(|path| {
            may(Attributes {
                verb,
                path: Some(path),
                ..Attributes::default()
            })
        })
    });
    paths
        && strings("verbs").iter().all(|verb| {
            strings("apiGroups").iter().all(|group| {
                strings("resources").iter().all(|resource| {
                    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                    names.iter().all(|name| {
                        may(Attributes {
                            verb,
                            group,
                            resource,
                            subresource,
                            name,
                            namespace,
                            path: None,
                        })
                    })
                })
            })
        })
}

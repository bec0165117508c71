//! Questions that are answered and not stored: who am I, may I, who is this token.

use axum::response::Response;
use capstan_kubeapi::{Resource, Status};
use http::StatusCode;
use serde_json::{Value, json};

use super::auth::{Authentication, User, allowed};
use super::write::Sent;
use super::{Accept, respond};
use crate::admission;
use crate::objects::Objects;

pub(super) fn create(
    objects: &Objects,
    authentication: &Authentication,
    user: &User,
    resource: Resource,
    namespace: Option<&str>,
    sent: Sent,
    accept: &Accept,
) -> Result<Response, Status> {
    let mut review = sent.object(resource.kind)?;
    admission::check_type(resource, &mut review)?;
    if !review.get("metadata").is_some_and(Value::is_object) {
        review["metadata"] = json!({});
    }
    let text = |path: &str| {
        review
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let subject = || {
        let groups = capstan_kubeapi::meta::strings(review.pointer("/spec/groups"));
        User::new(text("/spec/user"), groups)
    };
    let status = match resource.plural {
        "selfsubjectreviews" => {
            let created = capstan_kubeapi::time::rfc3339(objects.clock().now());
            review["metadata"]["creationTimestamp"] = created.into();
            json!({"userInfo": info(user)})
        }
        "tokenreviews" => match authentication.token(&text("/spec/token")) {
            Some(user) => json!({"authenticated": true, "user": info(&user)}),
            None => json!({"authenticated": false, "error": "invalid bearer token"}),
        },
        "selfsubjectaccessreviews" => access(user, &review),
        "subjectaccessreviews" => access(&subject(), &review),
        "localsubjectaccessreviews" => {
            let asked = text("/spec/resourceAttributes/namespace");
            if Some(asked.as_str()) != namespace {
                return Err(Status::bad_request(format!(
                    "spec.resourceAttributes.namespace: Invalid value: \"{asked}\": must match metadata.namespace"
                )));
            }
            access(&subject(), &review)
        }
        _ => rules(user),
    };
    if let Some(map) = review.as_object_mut() {
        if !map.contains_key("spec") && resource.plural != "selfsubjectreviews" {
            map.insert("spec".to_owned(), json!({}));
        }
        map.shift_remove("status");
        map.insert("status".to_owned(), status);
    }
    respond::object(StatusCode::CREATED, &review, accept)
}

fn info(user: &User) -> Value {
    json!({"username": user.name, "groups": user.groups})
}

fn access(user: &User, review: &Value) -> Value {
    let attributes = review.pointer("/spec/resourceAttributes");
    let text = |field: &str| {
        attributes
            .and_then(|a| a.get(field))
            .and_then(Value::as_str)
            .unwrap_or("")
    };
    if attributes.is_some() && allowed(user, text("verb"), text("group"), text("resource")) {
        return json!({"allowed": true, "reason": if user.is_admin() { "member of system:masters" } else { "" }});
    }
    let path = review
        .pointer("/spec/nonResourceAttributes/path")
        .and_then(Value::as_str);
    if path.is_some() && !user.is_anonymous() {
        return json!({"allowed": true});
    }
    json!({"allowed": false, "reason": "only members of system:masters may do this"})
}

fn rules(user: &User) -> Value {
    let resources = if user.is_admin() {
        json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}])
    } else {
        json!([
            {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]},
            {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
        ])
    };
    let paths = if user.is_admin() {
        json!(["*"])
    } else {
        json!([
            "/api",
            "/api/*",
            "/apis",
            "/apis/*",
            "/healthz",
            "/livez",
            "/openapi",
            "/openapi/*",
            "/readyz",
            "/version"
        ])
    };
    let verbs = if user.is_admin() {
        json!(["*"])
    } else {
        json!(["get"])
    };
    json!({
        "resourceRules": resources,
        "nonResourceRules": [{"verbs": verbs, "nonResourceURLs": paths}],
        "incomplete": false,
    })
}

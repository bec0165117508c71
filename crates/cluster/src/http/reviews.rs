//! Questions that are answered and not stored: who am I, may I, who is this token.

use axum::response::Response;
use capstan_kubeapi::{FieldError, Resource, Status};
use http::StatusCode;
use serde_json::{Value, json};

use super::auth::{Authentication, User};
use super::write::Sent;
use super::{Accept, respond};
use crate::admission;
use crate::objects::Objects;
use crate::rbac::{self, Attributes};

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
    let subject = || -> Result<User, Status> {
        let groups = capstan_kubeapi::meta::strings(review.pointer("/spec/groups"));
        let name = text("/spec/user");
        if name.is_empty() && groups.is_empty() {
            let error = FieldError::invalid(
                "spec.user",
                &json!(""),
                "at least one of user or group must be specified",
            );
            return Err(Status::invalid(resource.group, resource.kind, "", &[error]));
        }
        Ok(User::exactly(name, groups))
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
        "selfsubjectaccessreviews" => access(objects, user, resource, &review)?,
        "subjectaccessreviews" => access(objects, &subject()?, resource, &review)?,
        "localsubjectaccessreviews" => {
            let asked = text("/spec/resourceAttributes/namespace");
            if Some(asked.as_str()) != namespace {
                return Err(Status::bad_request(format!(
                    "spec.resourceAttributes.namespace: Invalid value: \"{asked}\": must match metadata.namespace"
                )));
            }
            access(objects, &subject()?, resource, &review)?
        }
        _ => {
            let namespace = text("/spec/namespace");
            if namespace.is_empty() {
                return Err(Status::bad_request("no namespace on request"));
            }
            let (resources, paths) = rbac::rules(objects, user, &namespace);
            json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
        }
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
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = json!(user.uid);
    }
    if !user.extra.is_empty() {
        let extra = user
            .extra
            .iter()
            .map(|(key, values)| (key.clone(), json!(values)))
            .collect();
        info["extra"] = Value::Object(extra);
    }
    info
}

/// Whether a user may do what a review asks about.
fn access(objects: &Objects, user: &User, resource: Resource, review: &Value) -> Result<Value, Status> {
    let of = |field: &str| {
        review
            .pointer(&format!("/spec/{field}"))
            .filter(|a| a.is_object())
    };
    let (attributes, path) = (of("resourceAttributes"), of("nonResourceAttributes"));
    let text = |field: &str| {
        attributes
            .or(path)
            .and_then(|a| a.get(field))
            .and_then(Value::as_str)
            .unwrap_or("")
    };
    if attributes.is_some() == path.is_some() {
        let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        let error = FieldError::invalid(
            "spec.resourceAttributes",
            attributes.unwrap_or(&Value::Null),
            detail,
        );
        return Err(Status::invalid(resource.group, resource.kind, "", &[error]));
    }
    let wanted = Attributes {
        verb: text("verb"),
        group: text("group"),
        resource: text("resource"),
        subresource: text("subresource"),
        name: text("name"),
        namespace: text("namespace"),
        path: path.map(|_| text("path")),
    };
    Ok(match rbac::allows(objects, user, &wanted) {
        Some(reason) if reason.is_empty() => json!({"allowed": true}),
        Some(reason) => json!({"allowed": true, "reason": reason}),
        None => json!({"allowed": false}),
    })
}

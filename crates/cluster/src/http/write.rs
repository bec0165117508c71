//! `create`, `update`, `patch`, `delete`, `deletecollection`.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use capstan_kubeapi::builtin::PODS;
use capstan_kubeapi::table::{self, Include};
use capstan_kubeapi::{PatchKind, Resource, Status, meta};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use super::auth::User;
use super::list::{Filter, List, Untyped};
use super::path::Query;
use super::{Accept, Form, MAX_BODY, respond, rows};
use crate::objects::{DeleteOptions, FieldValidation, Objects, Propagation, Subresource, WriteOptions};
use crate::rbac;

/// Longest field manager name that upstream takes.
const LONGEST_MANAGER: usize = 128;

/// A request's body and the headers that say what it is.
pub(super) struct Sent {
    headers: HeaderMap,
    bytes: Vec<u8>,
}

/// Reads a body, bounded.
pub(super) async fn body(request: Request) -> Result<Sent, Status> {
    let (parts, body) = request.into_parts();
    let bytes = read(body).await?;
    Ok(Sent {
        headers: parts.headers,
        bytes,
    })
}

async fn read(body: Body) -> Result<Vec<u8>, Status> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Status::too_large(MAX_BODY)),
        Err(error) => Err(Status::bad_request(format!("unable to read the body: {error}"))),
    }
}

impl Sent {
    fn content_type(&self) -> &str {
        let text = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("application/json");
        text.split(';').next().unwrap_or("").trim()
    }

    /// The body as an object; `kind` is what it should have been.
    pub(super) fn object(&self, kind: &str) -> Result<Value, Status> {
        match self.content_type() {
            "application/json" | "" | "*/*" => self.json(kind),
            "application/yaml" => self.yaml(kind),
            "application/vnd.kubernetes.protobuf" => {
                capstan_kubeapi::protobuf::decode(&self.bytes).map_err(|error| {
                    Status::bad_request(format!(
                        "the object provided is unrecognized (must be of type {kind}): {error}"
                    ))
                })
            }
            _ => Err(Status::unsupported_media_type(super::negotiate::AVAILABLE)),
        }
    }

    fn json(&self, kind: &str) -> Result<Value, Status> {
        serde_json::from_slice(&self.bytes).map_err(|error| {
            // Go's decoder has its own words for the two commonest mistakes.
            let why = if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() };
            let text = String::from_utf8_lossy(&self.bytes);
            let shown: String = text.chars().take(1024).collect();
            Status::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {why} ({shown})"
            ))
        })
    }

    fn yaml(&self, kind: &str) -> Result<Value, Status> {
        let text = std::str::from_utf8(&self.bytes).map_err(|e| Status::bad_request(e.to_string()))?;
        serde_saphyr::from_str(text).map_err(|error| {
            Status::bad_request(format!("the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; yaml parse error: {error}"))
        })
    }

    /// The field manager: named, or the program that asks.
    fn manager(&self, query: &Query) -> Result<String, Status> {
        if let Some(manager) = query.get("fieldManager") {
            if manager.len() > LONGEST_MANAGER {
                return Err(Status::bad_request(format!(
                    "fieldManager: Too long: may not be more than {LONGEST_MANAGER} bytes"
                )));
            }
            return Ok(manager.to_owned());
        }
        let agent = self
            .headers
            .get(USER_AGENT)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("");
        let program = agent.split('/').next().unwrap_or("");
        Ok(if program.is_empty() {
            "unknown".to_owned()
        } else {
            program.chars().take(LONGEST_MANAGER).collect()
        })
    }

    fn options(&self, query: &Query) -> Result<WriteOptions, Status> {
        let dry_run = dry_run(query.get("dryRun"))?;
        let field_validation = match query.get("fieldValidation") {
            None | Some("Warn") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                return Err(Status::bad_request(format!(
                    "fieldValidation: Unsupported value: \"{other}\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
                )));
            }
        };
        Ok(WriteOptions {
            field_manager: self.manager(query)?,
            force: query.flag("force"),
            dry_run,
            field_validation,
        })
    }
}

fn dry_run(text: Option<&str>) -> Result<bool, Status> {
    match text {
        None => Ok(false),
        Some("All") => Ok(true),
        Some(other) => Err(Status::bad_request(format!(
            "dryRun: Unsupported value: \"{other}\": supported values: \"All\""
        ))),
    }
}

fn subresource(name: Option<&str>) -> Result<Subresource, Status> {
    match name {
        None => Ok(Subresource::None),
        Some("status") => Ok(Subresource::Status),
        Some("scale") => Ok(Subresource::Scale),
        Some("finalize") => Ok(Subresource::Finalize),
        Some(_) => Err(Status::method_not_allowed()),
    }
}

/// A written object in the form asked for.
fn written(
    objects: &Objects,
    resource: Resource,
    code: StatusCode,
    object: &Value,
    warnings: &[String],
    accept: &Accept,
) -> Result<Response, Status> {
    match accept.form() {
        Form::Plain => respond::written(code, object, warnings, accept),
        Form::Partial => respond::written(code, &table::partial(object), warnings, accept),
        Form::Table(version) => {
            let now = objects.clock().now();
            let table = rows::single(resource, object, Include::Metadata, true, now, version);
            respond::written(code, &table, warnings, accept)
        }
    }
}

#[allow(clippy::too_many_arguments)] // the parts of one request
pub(super) async fn create(
    objects: &Objects,
    user: &User,
    resource: Resource,
    namespace: Option<&str>,
    request: Request,
    query: &Query,
    accept: &Accept,
) -> Result<Response, Status> {
    if resource.namespaced && namespace.is_none() {
        return Err(Status::method_not_allowed());
    }
    let sent = body(request).await?;
    let options = sent.options(query)?;
    let object = sent.object(resource.kind)?;
    rbac::check_grant(objects, user, resource, namespace.unwrap_or(""), &object)?;
    let mut done = objects.create_with(resource, namespace, object, &options)?;
    if options.dry_run {
        let object = std::sync::Arc::make_mut(&mut done.object);
        meta::unset(object, "resourceVersion");
    }
    written(
        objects,
        resource,
        StatusCode::CREATED,
        &done.object,
        &done.warnings,
        accept,
    )
}

#[allow(clippy::too_many_arguments)] // the parts of one request
pub(super) async fn update(
    objects: &Objects,
    user: &User,
    resource: Resource,
    namespace: Option<&str>,
    name: &str,
    sub: Option<&str>,
    request: Request,
    query: &Query,
    accept: &Accept,
) -> Result<Response, Status> {
    let subresource = subresource(sub)?;
    let sent = body(request).await?;
    let options = sent.options(query)?;
    let kind = if subresource == Subresource::Scale {
        "Scale"
    } else {
        resource.kind
    };
    let object = sent.object(kind)?;
    rbac::check_grant(objects, user, resource, namespace.unwrap_or(""), &object)?;
    let done = objects.update_with(resource, namespace, name, subresource, object, &options)?;
    written(
        objects,
        resource,
        StatusCode::OK,
        &done.object,
        &done.warnings,
        accept,
    )
}

#[allow(clippy::too_many_arguments)] // the parts of one request
pub(super) async fn patch(
    objects: &Objects,
    user: &User,
    resource: Resource,
    namespace: Option<&str>,
    name: &str,
    sub: Option<&str>,
    request: Request,
    query: &Query,
    accept: &Accept,
) -> Result<Response, Status> {
    let subresource = subresource(sub)?;
    let sent = body(request).await?;
    let kind =
        PatchKind::from_content_type(sent.content_type()).ok_or_else(Status::unsupported_patch_type)?;
    let options = sent.options(query)?;
    let patch = if kind == PatchKind::Apply {
        if query.get("fieldManager").is_none() {
            return Err(Status::invalid(
                "meta.k8s.io",
                "PatchOptions",
                "",
                &[capstan_kubeapi::FieldError::required(
                    "fieldManager",
                    "is required for apply patch",
                )],
            ));
        }
        sent.yaml(resource.kind)?
    } else {
        serde_json::from_slice(&sent.bytes)
            .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?
    };
    if resource.group == "rbac.authorization.k8s.io" {
        // What the patch would make is what is granted.
        let trial = crate::objects::WriteOptions {
            dry_run: true,
            ..options.clone()
        };
        let made = objects.patch(resource, namespace, name, subresource, kind, &patch, &trial)?;
        rbac::check_grant(objects, user, resource, namespace.unwrap_or(""), &made.object)?;
    }
    let done = objects.patch(resource, namespace, name, subresource, kind, &patch, &options)?;
    let code = if done.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    written(objects, resource, code, &done.object, &done.warnings, accept)
}

/// Delete options from the body and the query; the query wins, as upstream.
fn delete_options(sent: &Sent, query: &Query) -> Result<DeleteOptions, Status> {
    let body = if sent.bytes.iter().all(u8::is_ascii_whitespace) {
        json!({})
    } else {
        sent.object("DeleteOptions")?
    };
    let text = |path: &str| {
        body.pointer(path)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    let propagation = match query
        .get("propagationPolicy")
        .map(str::to_owned)
        .or_else(|| text("/propagationPolicy"))
        .as_deref()
    {
        None => None,
        Some("Background") => Some(Propagation::Background),
        Some("Foreground") => Some(Propagation::Foreground),
        Some("Orphan") => Some(Propagation::Orphan),
        Some(other) => {
            return Err(Status::invalid(
                "meta.k8s.io",
                "DeleteOptions",
                "",
                &[capstan_kubeapi::FieldError::not_supported(
                    "propagationPolicy",
                    &json!(other),
                    &["Background", "Foreground", "Orphan", "nil"],
                )],
            ));
        }
    };
    let propagation = match body.get("orphanDependents").and_then(Value::as_bool) {
        Some(true) => Some(Propagation::Orphan),
        Some(false) => Some(Propagation::Background),
        None => propagation,
    };
    let grace_seconds = match query.get("gracePeriodSeconds") {
        Some(text) => Some(text.parse().map_err(|_| {
            Status::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
        })?),
        None => body.get("gracePeriodSeconds").and_then(Value::as_i64),
    };
    let asked = body.get("dryRun").and_then(|d| d.get(0)).and_then(Value::as_str);
    Ok(DeleteOptions {
        propagation,
        grace_seconds,
        uid: text("/preconditions/uid"),
        resource_version: text("/preconditions/resourceVersion"),
        dry_run: dry_run(query.get("dryRun").or(asked))?,
    })
}

/// Kinds whose delete answers with the object itself.
fn returns_object(resource: Resource) -> bool {
    matches!(resource.plural, "pods" | "services" | "serviceaccounts")
}

pub(super) async fn delete(
    objects: &Objects,
    resource: Resource,
    namespace: Option<&str>,
    name: &str,
    request: Request,
    query: &Query,
    accept: &Accept,
) -> Result<Response, Status> {
    let sent = body(request).await?;
    let options = delete_options(&sent, query)?;
    let deleted = objects.delete_with(resource, namespace, name, &options)?;
    if deleted.removed && !returns_object(resource) {
        let status = Status::deleted(resource.0, name, meta::uid(&deleted.object));
        return respond::object(StatusCode::OK, &status, accept);
    }
    written(objects, resource, StatusCode::OK, &deleted.object, &[], accept)
}

pub(super) async fn delete_collection(
    objects: &Objects,
    resource: Resource,
    namespace: Option<&str>,
    request: Request,
    query: &Query,
    accept: &Accept,
) -> Result<Response, Status> {
    let filter = Filter::parse(resource, query)?;
    let sent = body(request).await?;
    let options = delete_options(&sent, query)?;
    let snapshot = objects.list(resource, namespace);
    let mut deleted = Vec::new();
    for item in snapshot.items.iter().filter(|item| filter.matches(item)) {
        let of = Some(meta::namespace(item)).filter(|n| !n.is_empty());
        match objects.delete(resource, of, meta::name(item), &options) {
            Ok(object) => deleted.push(object),
            Err(status) if status.is_not_found() => {}
            Err(status) => return Err(status),
        }
    }
    let list = List {
        kind: format!("{}List", resource.kind),
        api_version: resource.api_version(),
        metadata: json!({"resourceVersion": snapshot.resource_version.to_string()}),
        items: deleted.iter().map(|item| Untyped(item)).collect(),
    };
    respond::object(StatusCode::OK, &list, accept)
}

/// `pods/eviction`: a delete with its own options.
pub(super) async fn evict(
    objects: &Objects,
    namespace: Option<&str>,
    name: &str,
    request: Request,
    accept: &Accept,
) -> Result<Response, Status> {
    let sent = body(request).await?;
    let eviction = sent.object("Eviction")?;
    let options = DeleteOptions {
        grace_seconds: eviction
            .pointer("/deleteOptions/gracePeriodSeconds")
            .and_then(Value::as_i64),
        ..DeleteOptions::default()
    };
    objects.delete(PODS, namespace, name, &options)?;
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    respond::object(StatusCode::CREATED, &status, accept)
}

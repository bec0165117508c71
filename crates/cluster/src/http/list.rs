//! `get` and `list`, in every form.

use std::sync::Arc;

use axum::response::Response;
use capstan_kubeapi::table::{self, Include};
use capstan_kubeapi::{FieldSelector, Resource, Selector, Status, base64, meta};
use http::StatusCode;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::path::Query;
use super::{Accept, Form, respond, rows};
use crate::objects::Objects;

/// The selectors of a request.
#[derive(Debug)]
pub(super) struct Filter {
    labels: Selector,
    fields: FieldSelector,
}

impl Filter {
    pub(super) fn parse(resource: Resource, query: &Query) -> Result<Self, Status> {
        let labels = match query.get("labelSelector") {
            Some(text) => Selector::parse(text).map_err(Status::bad_request)?,
            None => Selector::everything(),
        };
        let fields = match query.get("fieldSelector") {
            Some(text) => FieldSelector::parse(resource.0, text).map_err(Status::bad_request)?,
            None => FieldSelector::default(),
        };
        Ok(Self { labels, fields })
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        (self.labels.is_everything() || self.labels.matches_object(object)) && self.fields.matches(object)
    }

    pub(super) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }
}

pub(super) fn include(query: &Query) -> Result<Include, Status> {
    let text = query.get("includeObject").unwrap_or("");
    Include::parse(text)
        .ok_or_else(|| Status::bad_request(format!("unrecognized includeObject value: \"{text}\"")))
}

/// One object.
pub(super) fn one(
    resource: Resource,
    object: &Value,
    query: &Query,
    accept: &Accept,
    objects: &Objects,
) -> Result<Response, Status> {
    match accept.form() {
        Form::Plain => respond::object(StatusCode::OK, object, accept),
        Form::Partial => respond::object(StatusCode::OK, &table::partial(object), accept),
        Form::Table(version) => {
            let now = objects.clock().now();
            let table = rows::single(resource, object, include(query)?, true, now, version);
            respond::object(StatusCode::OK, &table, accept)
        }
    }
}

/// A decoded continue token.
struct Continue {
    version: u64,
    after: String,
}

impl Continue {
    fn parse(token: &str) -> Result<Self, Status> {
        let bad = || Status::bad_request("continue key is not valid: incorrect encoding");
        let bytes = base64::decode(token).ok_or_else(bad)?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        let version = value.get("rv").and_then(Value::as_u64).ok_or_else(bad)?;
        let after = value.get("start").and_then(Value::as_str).ok_or_else(bad)?;
        Ok(Self {
            version,
            after: after.trim_end_matches('\0').trim_start_matches('/').to_owned(),
        })
    }

    fn token(version: u64, key: &str) -> String {
        let value = json!({"v": "meta.k8s.io/v1", "rv": version, "start": format!("{key}\0")});
        base64::encode_url(value.to_string().as_bytes())
    }
}

/// Where an object stands in a list: its name, below its namespace if the list spans them.
fn position(object: &Value, namespace: Option<&str>, namespaced: bool) -> String {
    if namespaced && namespace.is_none() {
        format!("{}/{}", meta::namespace(object), meta::name(object))
    } else {
        meta::name(object).to_owned()
    }
}

/// Parses a resourceVersion parameter.
pub(super) fn version(text: &str) -> Result<u64, Status> {
    text.parse().map_err(|_| {
        Status::bad_request(format!(
            "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
        ))
    })
}

/// The objects that a list asks for, before paging, and the version at which they were so.
fn selected(
    objects: &Objects,
    resource: Resource,
    namespace: Option<&str>,
    query: &Query,
    token: Option<&Continue>,
) -> Result<(Vec<Arc<Value>>, u64), Status> {
    let current = objects.resource_version();
    let wanted = query.get("resourceVersion").map(version).transpose()?;
    let matching = query.get("resourceVersionMatch");
    if matching.is_some() && wanted.is_none() && !query.flag("sendInitialEvents") {
        return Err(Status::bad_request(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        ));
    }
    let exact = match (token, matching, wanted) {
        (Some(token), ..) => Some(token.version),
        (None, Some("Exact"), Some(version)) => Some(version),
        (None, None, Some(version)) if query.get("limit").is_some() && version > 0 => Some(version),
        _ => None,
    };
    if let Some(version) = exact.or(wanted).filter(|v| *v > current) {
        return Err(Status::future_version(version, current));
    }
    if let Some(version) = exact {
        match objects.list_at(resource, namespace, version) {
            Ok(items) => Ok((items, version)),
            Err(_) if token.is_some() => Err(Status::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
            )),
            Err(oldest) => Err(Status::too_old(version, oldest)),
        }
    } else {
        let snapshot = objects.list(resource, namespace);
        Ok((snapshot.items, snapshot.resource_version))
    }
}

/// A list in the form asked for.
pub(super) fn list(
    objects: &Objects,
    resource: Resource,
    namespace: Option<&str>,
    query: &Query,
    accept: &Accept,
) -> Result<Response, Status> {
    if !accept.is_acceptable() {
        return Err(Status::not_acceptable(super::negotiate::AVAILABLE));
    }
    let filter = Filter::parse(resource, query)?;
    let limit: usize = match query.get("limit") {
        None => 0,
        Some(text) => text
            .parse::<i64>()
            .map_err(|_| Status::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax")))
            .map(|limit| usize::try_from(limit).unwrap_or(0))?,
    };
    let token = query.get("continue").map(Continue::parse).transpose()?;
    let (items, version) = selected(objects, resource, namespace, query, token.as_ref())?;
    let namespaced = resource.namespaced;
    let mut rest = items
        .into_iter()
        .filter(|item| filter.matches(item))
        .filter(|item| {
            token
                .as_ref()
                .is_none_or(|t| position(item, namespace, namespaced) > t.after)
        })
        .peekable();
    let page: Vec<Arc<Value>> = if limit == 0 {
        rest.by_ref().collect()
    } else {
        rest.by_ref().take(limit).collect()
    };
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".to_owned(), version.to_string().into());
    if rest.peek().is_some()
        && let Some(last) = page.last()
    {
        // A list across namespaces starts after namespace/name, one within after /name, as upstream's keys do.
        let key = position(last, namespace, namespaced);
        let key = if namespaced && namespace.is_some() {
            format!("/{key}")
        } else {
            key
        };
        metadata.insert("continue".to_owned(), Continue::token(version, &key).into());
        if filter.is_everything() {
            metadata.insert("remainingItemCount".to_owned(), rest.count().into());
        }
    }
    let metadata = Value::Object(metadata);
    match accept.form() {
        Form::Plain => {
            let list = List {
                kind: format!("{}List", resource.kind),
                api_version: resource.api_version(),
                metadata,
                items: page.iter().map(|item| Untyped(item)).collect(),
            };
            respond::object(StatusCode::OK, &list, accept)
        }
        Form::Partial => {
            let items: Vec<Value> = page.iter().map(|item| table::partial(item)).collect();
            let list = json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": items,
            });
            respond::object(StatusCode::OK, &list, accept)
        }
        Form::Table(version) => {
            let include = include(query)?;
            let now = objects.clock().now();
            let rows = page
                .iter()
                .map(|item| rows::row(resource, item, include, now))
                .collect();
            respond::object(
                StatusCode::OK,
                &table::table(resource, metadata, rows, true, version),
                accept,
            )
        }
    }
}

/// A list on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List<'a> {
    pub(super) kind: String,
    pub(super) api_version: String,
    pub(super) metadata: Value,
    pub(super) items: Vec<Untyped<'a>>,
}

/// An item of a typed list: its kind and version are the list's.
pub(super) struct Untyped<'a>(pub(super) &'a Value);

impl Serialize for Untyped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(map) = self.0.as_object() else {
            return self.0.serialize(serializer);
        };
        let mut out = serializer.serialize_map(None)?;
        for (key, value) in map
            .iter()
            .filter(|(key, _)| *key != "kind" && *key != "apiVersion")
        {
            out.serialize_entry(key, value)?;
        }
        out.end()
    }
}

//! OpenAPI documents, made once at first use from `k8s-openapi`'s schemas: v2 as JSON and protobuf, v3 per group version.

use std::sync::{Arc, OnceLock};

use axum::response::Response;
use bytes::Bytes;
use capstan_kubeapi::resource::builtin;
use capstan_kubeapi::schema::{Definitions, Node};
use capstan_kubeapi::{Resource, Status};
use http::header::{ACCEPT, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::custom::Kinds;
use crate::http::respond;

mod definitions;
mod paths;

/// The content type in which v2 is answered. Clients ask for `…v2@v1.0…`, but Go's parser of media types takes no `@`.
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// The definitions of every built-in type.
pub(crate) fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| Definitions::new(definitions::build()))
}

/// The schema of a kind, built in or custom.
pub(crate) fn node(resource: Resource) -> Option<Node<'static>> {
    match resource.custom {
        Some(custom) => custom.definitions.node(resource.definition),
        None => definitions().node(resource.definition),
    }
}

/// A digest to cache by: not for security.
pub(crate) fn digest(bytes: &[u8]) -> String {
    // FNV-1a, twice with different offsets.
    let fnv = |seed: u64| {
        bytes.iter().fold(seed, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    format!(
        "{:016X}{:016X}",
        fnv(0xcbf2_9ce4_8422_2325),
        fnv(0x8422_2325_cbf2_9ce4)
    )
}

/// Paths and documents of version 3.
type Documents = Arc<Vec<(String, Bytes)>>;

/// The rendered documents. Version 2, which only old clients read, has the built-in kinds.
#[derive(Debug, Default)]
pub(crate) struct OpenApi {
    v2_json: OnceLock<Bytes>,
    v2_protobuf: OnceLock<Bytes>,
    /// Of the kinds as they were at a generation.
    v3: Mutex<Option<(u64, Documents)>>,
}

impl OpenApi {
    /// `/openapi/v2`.
    pub(crate) fn v2(&self, headers: &HeaderMap) -> Result<Response, Status> {
        let accept = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("*/*");
        let protobuf = accept.split(',').map(str::trim).find_map(|range| {
            let kind = range.split(';').next().unwrap_or("");
            if kind.starts_with("application/com.github.") {
                Some(true)
            } else if matches!(kind, "application/json" | "*/*" | "application/*") {
                Some(false)
            } else {
                None
            }
        });
        match protobuf {
            Some(true) => {
                let body = self
                    .v2_protobuf
                    .get_or_init(|| capstan_kubeapi::openapi::encode(&v2_document()).into());
                Ok(tagged(V2_PROTOBUF, body))
            }
            Some(false) => {
                let body = self
                    .v2_json
                    .get_or_init(|| serde_json::to_vec(&v2_document()).unwrap_or_default().into());
                Ok(tagged("application/json", body))
            }
            None => Err(Status::not_acceptable(&format!(
                "application/json, {V2_PROTOBUF}"
            ))),
        }
    }

    fn v3_documents(&self, kinds: &Kinds) -> Documents {
        let mut rendered = self.v3.lock();
        let generation = kinds.generation();
        if let Some((of, documents)) = rendered.as_ref()
            && *of == generation
        {
            return Arc::clone(documents);
        }
        let resources = kinds.all();
        let documents: Documents = Arc::new(
            group_versions(&resources)
                .into_iter()
                .map(|(group, version)| {
                    let path = if group.is_empty() {
                        format!("api/{version}")
                    } else {
                        format!("apis/{group}/{version}")
                    };
                    let document = v3_document(&resources, group, version);
                    (path, serde_json::to_vec(&document).unwrap_or_default().into())
                })
                .collect(),
        );
        *rendered = Some((generation, Arc::clone(&documents)));
        documents
    }

    /// `/openapi/v3`: where the documents are.
    pub(crate) fn v3_index(&self, kinds: &Kinds) -> Result<Response, Status> {
        let mut paths = Map::new();
        for (path, body) in self.v3_documents(kinds).iter() {
            let url = format!("/openapi/v3/{path}?hash={}", digest(body));
            paths.insert(path.clone(), json!({"serverRelativeURL": url}));
        }
        let body = serde_json::to_vec(&json!({ "paths": paths })).map_err(Status::internal)?;
        Ok(respond::bytes(StatusCode::OK, "application/json", body))
    }

    /// One document of v3.
    pub(crate) fn v3(&self, kinds: &Kinds, path: &str) -> Result<Response, Status> {
        match self.v3_documents(kinds).iter().find(|(p, _)| p == path) {
            Some((_, body)) => Ok(tagged("application/json", body)),
            None => Err(Status::no_such_resource()),
        }
    }
}

fn tagged(content_type: &'static str, body: &Bytes) -> Response {
    let mut response = respond::bytes(StatusCode::OK, content_type, body.clone());
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", digest(body))) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn group_versions(resources: &[Resource]) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    for resource in resources {
        if !found.contains(&(resource.group, resource.version)) {
            found.push((resource.group, resource.version));
        }
    }
    found
}

fn info() -> Value {
    json!({"title": "Kubernetes", "version": "v1.36.2"})
}

fn v2_document() -> Value {
    let mut all = Map::new();
    for resource in builtin() {
        paths::v2(*resource, &mut all);
    }
    json!({"swagger": "2.0", "info": info(), "paths": all, "definitions": definitions().map()})
}

fn v3_document(resources: &[Resource], group: &str, version: &str) -> Value {
    let mut all = Map::new();
    let mut wanted: Vec<String> = Vec::new();
    for resource in resources
        .iter()
        .filter(|r| r.group == group && r.version == version)
    {
        paths::v3(*resource, &mut all);
        wanted.push(resource.definition.to_owned());
        for subresource in resource.subresources {
            if let Some(gvk) = subresource.gvk
                && let Some(name) = definitions::of_kind(gvk)
            {
                wanted.push(name.to_owned());
            }
        }
    }
    wanted.push("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions".to_owned());
    wanted.push("io.k8s.apimachinery.pkg.apis.meta.v1.Status".to_owned());
    let mut schemas = Map::new();
    while let Some(name) = wanted.pop() {
        if schemas.contains_key(&name) {
            continue;
        }
        let own = || {
            resources
                .iter()
                .filter(|r| r.group == group && r.version == version)
                .find_map(|r| r.custom?.definitions.map().get(&name))
        };
        let Some(schema) = definitions().map().get(&name).or_else(own) else {
            continue;
        };
        let mut schema = schema.clone();
        definitions::to_v3(&mut schema, &mut wanted);
        schemas.insert(name, schema);
    }
    schemas.sort_keys();
    json!({"openapi": "3.0.0", "info": info(), "paths": all, "components": {"schemas": schemas}})
}

#[cfg(test)]
mod tests;

//! The API server's HTTP face: one tower service that can be served over TLS or called in process.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use capstan_kubeapi::{Resource, Status, discovery};
use http::header::ACCEPT;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use crate::aggregation::{Aggregator, documents};
use crate::http_sd;
use crate::objects::Objects;
use crate::openapi::OpenApi;

mod auth;
mod list;
mod logs;
pub(crate) mod path;
pub(crate) mod respond;
mod reviews;
mod rows;
mod serve;
mod watching;
mod write;

pub use auth::{Authentication, PeerCertificate, User};
pub use logs::{LogOptions, LogSource, LogStream};
pub use serve::serve;

pub(crate) use capstan_kubeapi::negotiate;
use negotiate::{Accept, Form};
use path::{Query, Target};

/// Largest request body, as upstream's.
pub const MAX_BODY: usize = 3 * 1024 * 1024;

/// Everything that a request may need. Cheap to clone.
#[derive(Clone)]
pub struct ServerState {
    shared: Arc<Shared>,
}

struct Shared {
    objects: Objects,
    authentication: Authentication,
    logs: Option<Arc<dyn LogSource>>,
    server_address: String,
    openapi: OpenApi,
    aggregator: Option<Aggregator>,
}

impl std::fmt::Debug for ServerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerState")
            .field("server_address", &self.shared.server_address)
            .finish_non_exhaustive()
    }
}

impl ServerState {
    /// A server over `objects`. `server_address` (`host:port`) is what `/api` tells clients.
    pub fn new(objects: Objects, authentication: Authentication, server_address: impl Into<String>) -> Self {
        Self {
            shared: Arc::new(Shared {
                objects,
                authentication,
                logs: None,
                server_address: server_address.into(),
                openapi: OpenApi::default(),
                aggregator: None,
            }),
        }
    }

    /// The same with a source of pod logs.
    #[must_use]
    pub fn with_logs(self, logs: Arc<dyn LogSource>) -> Self {
        let shared = Shared {
            logs: Some(logs),
            ..self.parts()
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The same with the groups of others.
    #[must_use]
    pub(crate) fn with_aggregator(self, aggregator: Aggregator) -> Self {
        let shared = Shared {
            aggregator: Some(aggregator),
            ..self.parts()
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    fn parts(&self) -> Shared {
        Shared {
            objects: self.shared.objects.clone(),
            authentication: self.shared.authentication.clone(),
            logs: self.shared.logs.clone(),
            server_address: self.shared.server_address.clone(),
            openapi: OpenApi::default(),
            aggregator: self.shared.aggregator.clone(),
        }
    }

    /// The objects behind it.
    pub fn objects(&self) -> &Objects {
        &self.shared.objects
    }
}

/// The API as a service.
pub fn router(state: ServerState) -> Router {
    Router::new().fallback(handle).with_state(state)
}

async fn handle(State(state): State<ServerState>, request: Request) -> Response {
    let accept = accept(request.headers());
    match answer(&state, request, &accept).await {
        Ok(response) => response,
        Err(status) => respond::status(&status, &accept),
    }
}

async fn answer(state: &ServerState, request: Request, accept: &Accept) -> Result<Response, Status> {
    let path = request.uri().path().to_owned();
    if matches!(path.as_str(), "/healthz" | "/livez" | "/readyz")
        || path.starts_with("/livez/")
        || path.starts_with("/readyz/")
    {
        return Ok(respond::text(StatusCode::OK, "ok"));
    }
    let user = state.shared.authentication.identify(&request)?;
    let target = Target::parse(request.method(), &path);
    let query = Query::parse(request.uri().query());
    if let Some(aggregator) = &state.shared.aggregator
        && let Some((group, version)) = group_version(&path)
        && let Some(entry) = aggregator.entry(group, version)
    {
        match &target {
            Target::Resource(place) => {
                let verb = place.verb(request.method(), &query);
                auth::authorize(&state.shared.objects, &user, verb, place, &query)?;
            }
            _ if user.is_anonymous() => return Err(Status::forbidden_path(&user.name, "get", &path)),
            _ => {}
        }
        return Ok(aggregator.proxy(&entry, &user, request).await);
    }
    if path == http_sd::PATH {
        if user.is_anonymous() {
            return Err(Status::forbidden_path(&user.name, "get", &path));
        }
        let targets = http_sd::document(&state.shared.objects);
        return respond::object(StatusCode::OK, &targets, accept);
    }
    match target {
        Target::Document => document(state, &user, &request, &path, accept),
        Target::Unknown => Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n")),
        Target::Resource(place) => {
            let kinds = state.shared.objects.kinds();
            let all = kinds.all();
            let known_version = all
                .iter()
                .any(|r| r.group == place.group && r.version == place.version);
            let known_group = all.iter().any(|r| r.group == place.group);
            if !known_group {
                return Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n"));
            }
            if !known_version {
                return Err(Status::no_such_resource());
            }
            let Some(resource) = kinds.find(&place.group, &place.version, &place.plural) else {
                return Err(Status::no_such_resource());
            };
            if resource.namespaced != place.namespace.is_some()
                && (place.name.is_some() || !resource.namespaced)
            {
                return Err(Status::no_such_resource());
            }
            if let Some(subresource) = &place.subresource
                && resource.subresource(subresource).is_none()
            {
                return Err(Status::no_such_resource());
            }
            let verb = place.verb(request.method(), &query);
            auth::authorize(&state.shared.objects, &user, verb, &place, &query)?;
            serve_resource(state, request, &user, resource, &place, verb, &query, accept).await
        }
    }
}

/// The group and version of a path below `/apis`.
fn group_version(path: &str) -> Option<(&str, &str)> {
    let mut parts = path.strip_prefix("/apis/")?.split('/');
    let (group, version) = (parts.next()?, parts.next()?);
    (!group.is_empty() && !version.is_empty()).then_some((group, version))
}

#[allow(clippy::too_many_arguments)] // the parts of one request
async fn serve_resource(
    state: &ServerState,
    request: Request,
    user: &User,
    resource: Resource,
    place: &path::Place,
    verb: &str,
    query: &Query,
    accept: &Accept,
) -> Result<Response, Status> {
    let objects = &state.shared.objects;
    let namespace = place.namespace.as_deref();
    let allowed = match place.subresource.as_deref() {
        Some(name) => resource.subresource(name).map_or(&[][..], |s| s.verbs),
        None => resource.verbs,
    };
    if !allowed.contains(&verb) {
        return Err(Status::method_not_allowed());
    }
    match (verb, place.name.as_deref(), place.subresource.as_deref()) {
        ("get", Some(name), Some("log")) => logs::answer(
            state.shared.logs.as_deref(),
            objects,
            namespace.unwrap_or("default"),
            name,
            query,
        ),
        ("get", Some(name), Some("scale")) => {
            let scale = objects.scale(resource, namespace, name)?;
            respond::object(StatusCode::OK, &scale, accept)
        }
        ("get", Some(name), _) => {
            let object = objects.get(resource, namespace, name)?;
            list::one(resource, &object, query, accept, objects)
        }
        ("list", ..) => list::list(objects, resource, namespace, query, accept),
        ("watch", name, _) => watching::watch(objects, resource, namespace, name, query, accept),
        ("create", _, _) if !resource.is_stored() => {
            let body = write::body(request).await?;
            reviews::create(
                objects,
                &state.shared.authentication,
                user,
                resource,
                namespace,
                body,
                accept,
            )
        }
        ("create", Some(name), Some("eviction")) => {
            write::evict(objects, namespace, name, request, accept).await
        }
        ("create", ..) => write::create(objects, user, resource, namespace, request, query, accept).await,
        ("update", Some(name), sub) => {
            write::update(
                objects, user, resource, namespace, name, sub, request, query, accept,
            )
            .await
        }
        ("patch", Some(name), sub) => {
            write::patch(
                objects, user, resource, namespace, name, sub, request, query, accept,
            )
            .await
        }
        ("delete", Some(name), _) => {
            write::delete(objects, resource, namespace, name, request, query, accept).await
        }
        ("deletecollection", ..) => {
            write::delete_collection(objects, resource, namespace, request, query, accept).await
        }
        _ => Err(Status::method_not_allowed()),
    }
}

/// Paths that are no resource: discovery, version, OpenAPI.
fn document(
    state: &ServerState,
    user: &User,
    request: &Request,
    path: &str,
    accept: &Accept,
) -> Result<Response, Status> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(Status::method_not_allowed());
    }
    let trimmed = path.trim_end_matches('/');
    if user.is_anonymous() && trimmed != "/version" {
        return Err(Status::forbidden_path(&user.name, "get", path));
    }
    let kinds = state.shared.objects.kinds();
    let all = kinds.all();
    let resources = all.as_slice();
    let aggregator = state.shared.aggregator.as_ref();
    let parts: Vec<&str> = trimmed.split('/').skip(1).collect();
    match parts.as_slice() {
        [] => respond::object(StatusCode::OK, &root_paths(resources), accept),
        ["version"] => respond::object(StatusCode::OK, &version(), accept),
        ["api" | "apis"] => {
            let core = parts[0] == "api";
            match accept.discovery() {
                Some(version) if core => {
                    respond::discovery(&discovery::aggregated(resources, true, version), version, request)
                }
                Some(version) => {
                    let document = documents::aggregated(resources, aggregator, version);
                    respond::discovery(&document, version, request)
                }
                None if core => respond::object(
                    StatusCode::OK,
                    &discovery::api_versions(&state.shared.server_address),
                    accept,
                ),
                None => respond::object(
                    StatusCode::OK,
                    &documents::group_list(resources, aggregator),
                    accept,
                ),
            }
        }
        ["api", version] => match discovery::resource_list(resources, "", version) {
            Some(list) => respond::object(StatusCode::OK, &list, accept),
            None => Err(Status::no_such_resource()),
        },
        ["apis", group] => match documents::group(resources, aggregator, group) {
            Some(document) => respond::object(StatusCode::OK, &document, accept),
            None => Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n")),
        },
        ["apis", group, version] => match discovery::resource_list(resources, group, version) {
            Some(list) => respond::object(StatusCode::OK, &list, accept),
            None if documents::group(resources, aggregator, group).is_some() => {
                Err(Status::no_such_resource())
            }
            None => Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n")),
        },
        ["openapi", "v2"] => state.shared.openapi.v2(request.headers()),
        ["openapi", "v3"] => state.shared.openapi.v3_index(kinds),
        ["openapi", "v3", rest @ ..] => state.shared.openapi.v3(kinds, &rest.join("/")),
        _ => Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n")),
    }
}

fn root_paths(resources: &[Resource]) -> Value {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for (group, versions) in discovery::groups(resources) {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions.iter().map(|version| format!("/apis/{group}/{version}")));
    }
    for path in [
        "/healthz",
        "/livez",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        "/version",
    ] {
        paths.push(path.to_owned());
    }
    json!({ "paths": paths })
}

/// The Kubernetes version whose rules this server follows; the build metadata says who is answering.
fn version() -> Value {
    json!({
        "major": "1",
        "minor": "36",
        "gitVersion": concat!("v1.36.2+capstan-", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, platform_arch()),
    })
}

fn platform_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// What the client reads.
pub(crate) fn accept(headers: &HeaderMap) -> Accept {
    Accept::parse(headers.get(ACCEPT).and_then(|value| value.to_str().ok()))
}

//! A Kubernetes API of the least kind: one config map with a watch, reviews, `APIService`s, objects with labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use capstan_kube::Cluster;
use capstan_kubeapi::Selector;
use capstan_kubeapi::query::Query;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

#[derive(Debug, Default)]
struct Inside {
    trust: Value,
    version: u64,
    /// `user verb resource` that are allowed.
    allowed: Vec<String>,
    tokens: BTreeMap<String, Value>,
    /// Specs of access reviews.
    reviews: Vec<Value>,
    token_reviews: usize,
    services: BTreeMap<String, Value>,
    patches: Vec<Value>,
    /// So many patches meet a conflict.
    conflicts: usize,
    /// By path of the collection.
    objects: BTreeMap<String, Vec<Value>>,
    lists: usize,
    down: bool,
}

/// The API.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    inside: Arc<Mutex<Inside>>,
    changed: watch::Sender<u64>,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self {
            inside: Arc::default(),
            changed: watch::channel(0).0,
        }
    }

    pub(crate) fn cluster(&self) -> Arc<Cluster> {
        let router = Router::new().fallback(handle).with_state(self.clone());
        Arc::new(Cluster::in_process("test", "default", router, "secret").unwrap())
    }

    /// The data of the config map by which backends know whom to trust.
    pub(crate) fn trust(&self, data: Value) {
        let mut inside = self.inside.lock();
        inside.trust = data;
        inside.version += 1;
        self.changed.send_replace(inside.version);
    }

    pub(crate) fn allow(&self, what: &str) {
        self.inside.lock().allowed.push(what.to_owned());
    }

    pub(crate) fn token(&self, token: &str, user: Value) {
        self.inside.lock().tokens.insert(token.to_owned(), user);
    }

    /// Away, as during a restart: watches end, and requests are refused.
    pub(crate) fn down(&self, down: bool) {
        let mut inside = self.inside.lock();
        inside.down = down;
        self.changed.send_replace(inside.version);
    }

    pub(crate) fn reviews(&self) -> Vec<Value> {
        self.inside.lock().reviews.clone()
    }

    pub(crate) fn token_reviews(&self) -> usize {
        self.inside.lock().token_reviews
    }

    pub(crate) fn objects(&self, collection: &str, objects: Vec<Value>) {
        self.inside.lock().objects.insert(collection.to_owned(), objects);
    }

    /// How many lists of objects were asked for.
    pub(crate) fn lists(&self) -> usize {
        self.inside.lock().lists
    }

    pub(crate) fn service(&self, name: &str, spec: Value, conflicts: usize) {
        let mut inside = self.inside.lock();
        inside.conflicts = conflicts;
        let object = json!({"metadata": {"name": name, "resourceVersion": "1"}, "spec": spec});
        inside.services.insert(name.to_owned(), object);
    }

    pub(crate) fn service_spec(&self, name: &str) -> Value {
        self.inside.lock().services[name]["spec"].clone()
    }

    pub(crate) fn patches(&self) -> Vec<Value> {
        self.inside.lock().patches.clone()
    }
}

fn failure(code: u16, message: &str) -> Response {
    let body =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code});
    let code = StatusCode::from_u16(code).unwrap();
    (code, axum::Json(body)).into_response()
}

async fn handle(State(api): State<Api>, method: Method, uri: Uri, body: Bytes) -> Response {
    let query = Query::parse(uri.query());
    if api.inside.lock().down {
        return failure(503, "the API server restarts");
    }
    let path = uri.path();
    if path == "/api/v1/namespaces/kube-system/configmaps" {
        assert_eq!(
            query.get("fieldSelector"),
            Some("metadata.name=extension-apiserver-authentication")
        );
        let since = query.get("resourceVersion").unwrap_or("");
        return api.config_map(query.flag("watch"), since);
    }
    let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(name) = path.strip_prefix("/apis/apiregistration.k8s.io/v1/apiservices/") {
        return api.api_service(&method, name, &sent);
    }
    let mut inside = api.inside.lock();
    match path {
        "/apis/authorization.k8s.io/v1/subjectaccessreviews" => {
            let spec = &sent["spec"];
            inside.reviews.push(spec.clone());
            let of = |pointer: &str| sent.pointer(pointer).and_then(Value::as_str).unwrap_or("");
            let what = if spec["nonResourceAttributes"].is_object() {
                format!(
                    "{} {} {}",
                    of("/spec/user"),
                    of("/spec/nonResourceAttributes/verb"),
                    of("/spec/nonResourceAttributes/path")
                )
            } else {
                format!(
                    "{} {} {}",
                    of("/spec/user"),
                    of("/spec/resourceAttributes/verb"),
                    of("/spec/resourceAttributes/resource")
                )
            };
            let allowed = inside.allowed.contains(&what);
            let mut review = sent.clone();
            review["status"] = json!({ "allowed": allowed });
            (StatusCode::CREATED, axum::Json(review)).into_response()
        }
        "/apis/authentication.k8s.io/v1/tokenreviews" => {
            inside.token_reviews += 1;
            let user = inside.tokens.get(sent["spec"]["token"].as_str().unwrap());
            let mut review = sent.clone();
            review["status"] = match user {
                Some(user) => json!({"authenticated": true, "user": user}),
                None => json!({"authenticated": false, "error": "invalid bearer token"}),
            };
            (StatusCode::CREATED, axum::Json(review)).into_response()
        }
        _ => {
            let Some(objects) = inside.objects.get(path) else {
                return failure(404, "the server could not find the requested resource");
            };
            let selector = Selector::parse(query.get("labelSelector").unwrap_or("")).unwrap();
            let name = query
                .get("fieldSelector")
                .map(|f| f.replace("metadata.name=", ""));
            let items: Vec<Value> = objects
                .iter()
                .filter(|object| selector.matches_object(object))
                .filter(|object| {
                    name.as_ref()
                        .is_none_or(|name| object["metadata"]["name"] == name.as_str())
                })
                .cloned()
                .collect();
            inside.lists += 1;
            let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items});
            axum::Json(list).into_response()
        }
    }
}

impl Api {
    fn object(&self) -> Value {
        let inside = self.inside.lock();
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "extension-apiserver-authentication",
                "namespace": "kube-system",
                "resourceVersion": inside.version.to_string(),
            },
            "data": inside.trust,
        })
    }

    fn config_map(&self, watch: bool, since: &str) -> Response {
        let object = self.object();
        if !watch {
            let version = object["metadata"]["resourceVersion"].clone();
            let list = json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": [object]});
            return axum::Json(list).into_response();
        }
        let mut changed = self.changed.subscribe();
        // What changed since then is told at once.
        if object["metadata"]["resourceVersion"] == since {
            changed.mark_unchanged();
        } else {
            changed.mark_changed();
        }
        let api = self.clone();
        let events = stream::unfold((api, changed), |(api, mut changed)| async move {
            changed.changed().await.ok()?;
            changed.mark_unchanged();
            if api.inside.lock().down {
                return None;
            }
            let event = json!({"type": "MODIFIED", "object": api.object()});
            Some((Ok::<_, std::io::Error>(format!("{event}\n")), (api, changed)))
        });
        Response::new(Body::from_stream(events.boxed()))
    }

    fn api_service(&self, method: &Method, name: &str, sent: &Value) -> Response {
        let mut inside = self.inside.lock();
        if !inside.services.contains_key(name) {
            return failure(404, "not found");
        }
        if *method == Method::PATCH {
            inside.patches.push(sent.clone());
            if inside.conflicts > 0 {
                inside.conflicts -= 1;
                let object = inside.services.get_mut(name).unwrap();
                object["metadata"]["resourceVersion"] = json!("2");
                return failure(409, "the object has been modified");
            }
            let object = inside.services.get_mut(name).unwrap();
            assert_eq!(
                sent["metadata"]["resourceVersion"],
                object["metadata"]["resourceVersion"]
            );
            let spec = object["spec"].as_object_mut().unwrap();
            for (key, value) in sent["spec"].as_object().unwrap() {
                if value.is_null() {
                    spec.shift_remove(key);
                } else {
                    spec.insert(key.clone(), value.clone());
                }
            }
        }
        axum::Json(inside.services[name].clone()).into_response()
    }
}

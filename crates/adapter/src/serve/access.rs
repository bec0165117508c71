//! What the API server says about tokens and rights, remembered for a while (delegated authentication and
//! authorization). Without an answer nobody gets in.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_kube::{Cluster, Message};
use capstan_kubeapi::Status;
use serde_json::{Map, Value, json};

use super::Options;
use super::cache::Cache;
use super::identity::User;
use super::path::Asked;

/// Reviews remembered at most, of each kind.
const MOST: usize = 16_384;
/// A review that takes longer has no answer (upstream's `ClientTimeout`).
const TIMEOUT: Duration = Duration::from_secs(10);
/// Its members may do everything, without asking, as upstream's delegating authorizer has it: the aggregator's own
/// questions must be answered while the API server starts.
const MASTERS: &str = "system:masters";

const TOKEN_REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESS_REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// What an access review said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decision {
    allowed: bool,
    reason: String,
}

/// Reviews by the API server.
#[derive(Debug)]
pub(super) struct Access {
    cluster: Arc<Cluster>,
    clock: SharedClock,
    decisions: Cache<Decision>,
    tokens: Cache<Option<User>>,
    allow_ttl: Duration,
    deny_ttl: Duration,
    token_ttl: Duration,
}

impl Access {
    pub(super) fn new(cluster: Arc<Cluster>, clock: SharedClock, options: &Options) -> Self {
        Self {
            cluster,
            clock,
            decisions: Cache::new(MOST),
            tokens: Cache::new(MOST),
            allow_ttl: options.allow_ttl,
            deny_ttl: options.deny_ttl,
            token_ttl: options.token_ttl,
        }
    }

    /// How many decisions and tokens are remembered.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.decisions.len(), self.tokens.len())
    }

    /// Whose token it is; `None` also if nobody can say now, which is not remembered.
    pub(super) async fn whose(&self, token: &str) -> Option<User> {
        let now = self.clock.monotonic();
        if let Some(known) = self.tokens.get(token, now) {
            return known;
        }
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token},
        });
        let status = match self.review(TOKEN_REVIEWS, &review).await {
            Ok(status) => status,
            Err(error) => {
                tracing::warn!("a bearer token is not accepted, because it cannot be reviewed: {error}");
                return None;
            }
        };
        let user = reviewed(&status);
        self.tokens
            .put(token.to_owned(), user.clone(), now, self.token_ttl);
        user
    }

    /// Lets a request pass, or says why not.
    pub(super) async fn authorize(
        &self,
        user: &User,
        verb: &str,
        asked: &Asked<'_>,
        path: &str,
    ) -> Result<(), Status> {
        if user.groups.iter().any(|group| group == MASTERS) {
            return Ok(());
        }
        let now = self.clock.monotonic();
        let key = key(user, verb, asked, path);
        let decision = if let Some(decision) = self.decisions.get(&key, now) {
            decision
        } else {
            let review = access_review(user, verb, asked, path);
            let status = self.review(ACCESS_REVIEWS, &review).await.map_err(|error| {
                tracing::warn!(user = user.name, path, "access cannot be reviewed: {error}");
                Status::internal(format!("access cannot be reviewed: {error}"))
            })?;
            let allowed = status["allowed"] == true && status["denied"] != true;
            let reason = status["reason"].as_str().unwrap_or_default();
            let decision = Decision {
                allowed,
                // Nobody is told why they may.
                reason: if allowed { String::new() } else { reason.to_owned() },
            };
            let ttl = if decision.allowed {
                self.allow_ttl
            } else {
                self.deny_ttl
            };
            self.decisions.put(key, decision.clone(), now, ttl);
            decision
        };
        if decision.allowed {
            return Ok(());
        }
        Err(forbidden(user, verb, asked, path, &decision.reason))
    }

    async fn review(&self, path: &str, review: &Value) -> Result<Value, String> {
        let message = Message::json("POST", path, review.to_string().into_bytes());
        let reply = tokio::select! {
            reply = self.cluster.send(&message) => reply.map_err(|error| error.to_string())?,
            () = capstan_runtime::sleep(TIMEOUT) => {
                return Err(format!("the API server did not answer in {}s", TIMEOUT.as_secs()));
            }
        };
        let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        if !(200..300).contains(&reply.code) {
            let message = body["message"].as_str().unwrap_or("no reason given");
            return Err(format!("POST {path}: {}: {message}", reply.code));
        }
        let mut body = body;
        match body.get_mut("status") {
            Some(status) if status.is_object() => Ok(status.take()),
            _ => Err(format!("POST {path}: the answer has no status")),
        }
    }
}

fn reviewed(status: &Value) -> Option<User> {
    if status["authenticated"] != true {
        return None;
    }
    let info = &status["user"];
    let text = |field: &str| info[field].as_str().unwrap_or_default().to_owned();
    let strings = |value: &Value| -> Vec<String> {
        capstan_kubeapi::meta::strings(Some(value))
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    let extra = info["extra"].as_object().into_iter().flatten();
    let user = User {
        name: text("username"),
        uid: text("uid"),
        groups: strings(&info["groups"]),
        extra: extra.map(|(key, value)| (key.clone(), strings(value))).collect(),
    };
    (!user.name.is_empty()).then(|| user.known())
}

/// All that a decision depends on. Parts are lengths and texts, so that no two questions have the same key.
fn key(user: &User, verb: &str, asked: &Asked<'_>, path: &str) -> String {
    let mut key = String::with_capacity(256);
    let mut add = |part: &str| {
        // Writing to a text cannot fail.
        let _ = write!(key, "{}:{part}", part.len());
    };
    add(verb);
    match asked {
        Asked::Resource(place) => {
            for part in [
                place.group,
                place.version,
                &place.namespace,
                &place.resource,
                &place.name,
                &place.subresource,
            ] {
                add(part);
            }
        }
        Asked::Path => add(path),
    }
    add(&user.name);
    add(&user.uid);
    for group in &user.groups {
        add(group);
    }
    add("");
    for (name, values) in &user.extra {
        add(name);
        for value in values {
            add(value);
        }
        add("");
    }
    key
}

fn access_review(user: &User, verb: &str, asked: &Asked<'_>, path: &str) -> Value {
    let mut spec = Map::new();
    match asked {
        Asked::Resource(place) => {
            let mut attributes = Map::new();
            for (field, value) in [
                ("namespace", &*place.namespace),
                ("verb", verb),
                ("group", place.group),
                ("version", place.version),
                ("resource", &place.resource),
                ("subresource", &place.subresource),
                ("name", &place.name),
            ] {
                if !value.is_empty() {
                    attributes.insert(field.to_owned(), value.into());
                }
            }
            spec.insert("resourceAttributes".to_owned(), attributes.into());
        }
        Asked::Path => {
            let attributes = json!({"path": path, "verb": verb});
            spec.insert("nonResourceAttributes".to_owned(), attributes);
        }
    }
    spec.insert("user".to_owned(), json!(user.name));
    if !user.groups.is_empty() {
        spec.insert("groups".to_owned(), json!(user.groups));
    }
    if !user.extra.is_empty() {
        let extra: Map<String, Value> = user
            .extra
            .iter()
            .map(|(key, values)| (key.clone(), json!(values)))
            .collect();
        spec.insert("extra".to_owned(), extra.into());
    }
    if !user.uid.is_empty() {
        spec.insert("uid".to_owned(), json!(user.uid));
    }
    json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": spec,
    })
}

/// Upstream's words (`apiserver/pkg/endpoints/handlers/responsewriters`).
fn forbidden(user: &User, verb: &str, asked: &Asked<'_>, path: &str, reason: &str) -> Status {
    let Asked::Resource(place) = asked else {
        let mut status = Status::forbidden_path(&user.name, verb, path);
        if !reason.is_empty() {
            status.message = format!("{}: {reason}", status.message);
        }
        return status;
    };
    let what = if place.subresource.is_empty() {
        place.resource.to_string()
    } else {
        format!("{}/{}", place.resource, place.subresource)
    };
    let scope = if place.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{}\"", place.namespace)
    };
    let mut why = format!(
        "User \"{}\" cannot {verb} resource \"{what}\" in API group \"{}\" {scope}",
        user.name, place.group
    );
    if !reason.is_empty() {
        why = format!("{why}: {reason}");
    }
    Status::forbidden_resource(place.group, &place.resource, &place.name, &why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_questions_have_different_keys() {
        let user = |groups: &[&str], extra: &[(&str, &[&str])]| User {
            name: "bob".to_owned(),
            groups: groups.iter().map(ToString::to_string).collect(),
            extra: extra
                .iter()
                .map(|(key, values)| {
                    let values = values.iter().map(ToString::to_string).collect();
                    ((*key).to_owned(), values)
                })
                .collect(),
            ..User::default()
        };
        let users = [
            user(&[], &[]),
            user(&["a", "b"], &[]),
            user(&["ab"], &[]),
            user(&["a"], &[("b", &[])]),
            user(&["a"], &[("b", &["c"])]),
            user(&[], &[("a", &["b", "c"])]),
            user(&[], &[("a", &["b"]), ("c", &[])]),
            user(&["1:a"], &[]),
        ];
        let paths = [
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/a/b",
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/ab/c",
            "/apis/external.metrics.k8s.io/v1beta1",
            "/apis/external.metrics.k8s.io",
        ];
        let mut keys = std::collections::BTreeSet::new();
        for user in &users {
            for path in paths {
                assert!(keys.insert(key(user, "get", &Asked::parse(path), path)));
            }
        }
        assert_eq!(keys.len(), users.len() * paths.len());
    }
}

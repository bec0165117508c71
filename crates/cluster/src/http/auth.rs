//! Who is asking, and what they may do: client certificates, bearer tokens, impersonation by administrators.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Request;
use capstan_kubeapi::Status;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking_lot::RwLock;

use super::path::{Place, Query, percent_decode};
use crate::objects::Objects;
use crate::rbac::{self, Attributes};

/// Members may do everything.
const MASTERS: &str = "system:masters";
const ANONYMOUS: &str = "system:anonymous";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name, such as `kubernetes-admin` or `system:serviceaccount:default:web`.
    pub name: String,
    /// Groups, such as `system:masters`.
    pub groups: Vec<String>,
    /// What tells apart users of the same name at different times; empty for none.
    pub uid: String,
    /// What else is known about them, such as `authentication.kubernetes.io/credential-id`.
    pub extra: Vec<(String, Vec<String>)>,
}

impl User {
    /// A user in these groups, and among the authenticated.
    pub fn new<S: Into<String>>(name: impl Into<String>, groups: impl IntoIterator<Item = S>) -> Self {
        let mut groups: Vec<String> = groups.into_iter().map(Into::into).collect();
        if !groups.iter().any(|g| g == AUTHENTICATED || g == UNAUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        Self {
            name: name.into(),
            groups,
            uid: String::new(),
            extra: Vec::new(),
        }
    }

    /// A user in exactly these groups, as a review names them.
    pub(super) fn exactly<S: Into<String>>(
        name: impl Into<String>,
        groups: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            name: name.into(),
            groups: groups.into_iter().map(Into::into).collect(),
            uid: String::new(),
            extra: Vec::new(),
        }
    }

    /// Somebody who may do everything.
    pub fn admin(name: impl Into<String>) -> Self {
        Self::new(name, [MASTERS])
    }

    pub(super) fn anonymous() -> Self {
        Self {
            name: ANONYMOUS.to_owned(),
            groups: vec![UNAUTHENTICATED.to_owned()],
            uid: String::new(),
            extra: Vec::new(),
        }
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.groups.iter().any(|g| g == UNAUTHENTICATED)
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.groups.iter().any(|g| g == MASTERS)
    }
}

/// The subject of a verified client certificate; the TLS listener puts it into the request's extensions.
#[derive(Debug, Clone)]
pub struct PeerCertificate {
    /// Common name: the user.
    pub common_name: String,
    /// Organisations: the groups.
    pub organizations: Vec<String>,
}

/// How users are recognised. Clones share the table of tokens.
#[derive(Debug, Clone, Default)]
pub struct Authentication {
    tokens: Arc<RwLock<HashMap<String, User>>>,
    fallback: Option<User>,
}

impl Authentication {
    /// Client certificates only; whoever shows nothing is anonymous.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whoever shows nothing is `user`: for calls within the process, and for tests.
    #[must_use]
    pub fn trusting(user: User) -> Self {
        Self {
            fallback: Some(user),
            ..Self::default()
        }
    }

    /// Lets `token` stand for `user`.
    pub fn add_token(&self, token: impl Into<String>, user: User) {
        self.tokens.write().insert(token.into(), user);
    }

    /// Forgets a token.
    pub fn remove_token(&self, token: &str) {
        self.tokens.write().remove(token);
    }

    /// Whom a token stands for.
    pub fn token(&self, token: &str) -> Option<User> {
        self.tokens.read().get(token).cloned()
    }

    pub(super) fn identify(&self, request: &Request) -> Result<User, Status> {
        let user = self.credentials(request)?;
        impersonated(user, request.headers())
    }

    fn credentials(&self, request: &Request) -> Result<User, Status> {
        if let Some(value) = request.headers().get(AUTHORIZATION) {
            let text = value.to_str().map_err(|_| Status::unauthorized())?;
            if let Some(token) = text
                .strip_prefix("Bearer ")
                .or_else(|| text.strip_prefix("bearer "))
            {
                return self.token(token.trim()).ok_or_else(Status::unauthorized);
            }
        }
        if let Some(peer) = request.extensions().get::<PeerCertificate>() {
            return Ok(User::new(peer.common_name.clone(), peer.organizations.clone()));
        }
        if let Some(user) = request.extensions().get::<User>() {
            return Ok(user.clone());
        }
        Ok(self.fallback.clone().unwrap_or_else(User::anonymous))
    }
}

fn impersonated(user: User, headers: &HeaderMap) -> Result<User, Status> {
    let Some(name) = headers.get("impersonate-user").and_then(|v| v.to_str().ok()) else {
        return Ok(user);
    };
    if !user.is_admin() {
        let why = format!(
            "User \"{}\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope",
            user.name
        );
        let mut status = Status::forbidden(capstan_kubeapi::builtin::NAMESPACES.0, name, &why);
        status.message = format!("users \"{name}\" is forbidden: {why}");
        if let Some(details) = &mut status.details {
            "users".clone_into(&mut details.kind);
        }
        return Err(status);
    }
    let groups: Vec<String> = headers
        .get_all("impersonate-group")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .map(str::to_owned)
        .collect();
    if name == ANONYMOUS {
        return Ok(User::anonymous());
    }
    let mut user = User::new(name, groups);
    for (header, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        match header.as_str().strip_prefix("impersonate-") {
            Some("uid") => value.clone_into(&mut user.uid),
            Some(other) => {
                let Some(key) = other.strip_prefix("extra-").map(percent_decode) else {
                    continue;
                };
                match user.extra.iter_mut().find(|(k, _)| *k == key) {
                    Some((_, values)) => values.push(value.to_owned()),
                    None => user.extra.push((key, vec![value.to_owned()])),
                }
            }
            None => {}
        }
    }
    Ok(user)
}

/// Refuses what no role allows.
pub(super) fn authorize(
    objects: &Objects,
    user: &User,
    verb: &str,
    place: &Place,
    query: &Query,
) -> Result<(), Status> {
    // Whoever lists or watches one object by name needs a right to that name only (upstream `RequestInfo`).
    let selected = matches!(verb, "list" | "watch")
        .then(|| selected_name(query))
        .flatten();
    let name = place.name.as_deref().or(selected).unwrap_or("");
    // A namespace is within itself, for roles that are bound there.
    let namespace = match (&place.namespace, place.plural.as_str(), &place.name) {
        (None, "namespaces", Some(name)) if place.group.is_empty() => name,
        (namespace, ..) => namespace.as_deref().unwrap_or(""),
    };
    let wanted = Attributes {
        verb,
        group: &place.group,
        resource: &place.plural,
        subresource: place.subresource.as_deref().unwrap_or(""),
        name,
        namespace,
        path: None,
    };
    if rbac::allows(objects, user, &wanted).is_some() {
        return Ok(());
    }
    let what = match &place.subresource {
        Some(subresource) => format!("{}/{subresource}", place.plural),
        None => place.plural.clone(),
    };
    let scope = match &place.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let why = format!(
        "User \"{}\" cannot {verb} resource \"{what}\" in API group \"{}\" {scope}",
        user.name, place.group
    );
    Err(Status::forbidden_resource(
        &place.group,
        &place.plural,
        name,
        &why,
    ))
}

/// The one name that a field selector leaves.
fn selected_name(query: &Query) -> Option<&str> {
    let parts = query.get("fieldSelector")?.split(',');
    let mut names = parts.filter_map(|part| {
        let value = part.trim().strip_prefix("metadata.name=")?;
        Some(value.strip_prefix('=').unwrap_or(value))
    });
    names
        .next()
        .filter(|name| !name.is_empty() && !name.contains(['/', '%']))
}

//! What a path and its query ask for.

use http::Method;

pub(crate) use capstan_kubeapi::query::{Query, percent_decode};

/// Where a path leads.
#[derive(Debug)]
pub(crate) enum Target {
    /// Discovery, version, OpenAPI.
    Document,
    /// Objects.
    Resource(Place),
    /// Nowhere.
    Unknown,
}

/// The parts of a resource path.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    /// The path began with the deprecated `watch/`.
    watch: bool,
}

impl Target {
    pub(crate) fn parse(_method: &Method, path: &str) -> Self {
        let parts: Vec<String> = path
            .split('/')
            .filter(|p| !p.is_empty())
            .map(percent_decode)
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (group, version, rest) = match parts.as_slice() {
            [] | ["version"] | ["api" | "apis"] | ["api", _] | ["apis", _] | ["apis", _, _] => {
                return Self::Document;
            }
            ["openapi", ..] => return Self::Document,
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Self::Unknown,
        };
        let mut place = Place {
            group: group.to_owned(),
            version: version.to_owned(),
            ..Place::default()
        };
        let rest = match rest {
            ["watch", rest @ ..] if !rest.is_empty() => {
                place.watch = true;
                rest
            }
            rest => rest,
        };
        let owned = |text: &&str| (*text).to_owned();
        let rest = match rest {
            // A namespace itself, and its own subresources.
            ["namespaces"] | ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => rest,
            ["namespaces", namespace, rest @ ..] => {
                place.namespace = Some((*namespace).to_owned());
                rest
            }
            rest => rest,
        };
        let Some(plural) = rest.first() else {
            return Self::Unknown;
        };
        place.plural = owned(plural);
        place.name = rest.get(1).map(owned);
        place.subresource = match rest.get(2..) {
            None | Some([]) => None,
            Some(parts) => Some(parts.join("/")),
        };
        Self::Resource(place)
    }
}

impl Place {
    /// The verb that authorization and discovery know.
    pub(crate) fn verb(&self, method: &Method, query: &Query) -> &'static str {
        let named = self.name.is_some();
        match *method {
            Method::GET | Method::HEAD => {
                let watch = self.watch || query.flag("watch");
                if watch && self.subresource.is_none() && (!named || self.watch) {
                    "watch"
                } else if named {
                    "get"
                } else {
                    "list"
                }
            }
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if named => "delete",
            Method::DELETE => "deletecollection",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_both_a_place_and_a_kind() {
        let place = |path: &str| match Target::parse(&Method::GET, path) {
            Target::Resource(place) => place,
            other => panic!("{path}: {other:?}"),
        };
        let namespace = place("/api/v1/namespaces/default");
        assert_eq!(
            (
                namespace.plural.as_str(),
                namespace.name.as_deref(),
                namespace.namespace
            ),
            ("namespaces", Some("default"), None)
        );
        let status = place("/api/v1/namespaces/default/status");
        assert_eq!(
            (status.name.as_deref(), status.subresource.as_deref()),
            (Some("default"), Some("status"))
        );
        let pod = place("/api/v1/namespaces/a/pods/b/log");
        assert_eq!(
            (
                pod.namespace.as_deref(),
                pod.name.as_deref(),
                pod.subresource.as_deref()
            ),
            (Some("a"), Some("b"), Some("log"))
        );
        let all = place("/apis/apps/v1/deployments");
        assert_eq!(
            (all.group.as_str(), all.plural.as_str(), all.name),
            ("apps", "deployments", None)
        );
    }
}

//! What a request wants (upstream `apiserver/pkg/endpoints/request.RequestInfo`).

use std::borrow::Cow;

use capstan_kubeapi::query::{Query, percent_decode};
use http::Method;

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Asked<'a> {
    /// Below a version of a group.
    Resource(Place<'a>),
    /// Anything else.
    Path,
}

/// The parts of a path below `/apis/GROUP/VERSION`, empty where there is none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) namespace: Cow<'a, str>,
    pub(crate) resource: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
    pub(crate) subresource: Cow<'a, str>,
    /// There are more parts than mean something.
    pub(crate) longer: bool,
}

impl<'a> Asked<'a> {
    pub(crate) fn parse(path: &'a str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        if parts.next() != Some("apis") {
            return Self::Path;
        }
        let (Some(group), Some(version), Some(first)) = (parts.next(), parts.next(), parts.next()) else {
            return Self::Path;
        };
        let mut place = Place {
            group,
            version,
            ..Place::default()
        };
        let mut next = || parts.next().map(decoded).unwrap_or_default();
        let first = decoded(first);
        if first == "namespaces" {
            let namespace = next();
            let resource = next();
            if resource.is_empty() {
                // A namespace itself.
                place.resource = first;
                place.name = namespace;
            } else {
                place.namespace = namespace;
                place.resource = resource;
                place.name = next();
            }
        } else {
            place.resource = first;
            place.name = next();
        }
        place.subresource = next();
        place.longer = !next().is_empty();
        Self::Resource(place)
    }

    /// The verb that access reviews know.
    pub(crate) fn verb(&self, method: &Method, query: &str) -> &'static str {
        let Self::Resource(place) = self else {
            return match *method {
                Method::GET => "get",
                Method::HEAD => "head",
                Method::POST => "post",
                Method::PUT => "put",
                Method::PATCH => "patch",
                Method::DELETE => "delete",
                Method::OPTIONS => "options",
                _ => "",
            };
        };
        match *method {
            Method::GET | Method::HEAD if !place.name.is_empty() => "get",
            Method::GET | Method::HEAD if watches(query) => "watch",
            Method::GET | Method::HEAD => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if place.name.is_empty() => "deletecollection",
            Method::DELETE => "delete",
            _ => "",
        }
    }
}

/// Whether a query asks for a watch.
pub(crate) fn watches(query: &str) -> bool {
    !query.is_empty() && query.contains("watch") && Query::parse(Some(query)).flag("watch")
}

fn decoded(part: &str) -> Cow<'_, str> {
    if part.contains('%') {
        Cow::Owned(percent_decode(part))
    } else {
        Cow::Borrowed(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Place<'_> {
        match Asked::parse(path) {
            Asked::Resource(place) => place,
            Asked::Path => panic!("{path} is no resource"),
        }
    }

    #[test]
    fn paths_are_taken_apart_as_access_reviews_name_them() {
        let get = |path: &str| {
            let verb = Asked::parse(path).verb(&Method::GET, "");
            let place = place(path);
            format!(
                "{verb} {}/{} {}/{} {} {}",
                place.group, place.version, place.namespace, place.resource, place.name, place.subresource
            )
        };
        for (path, expected) in [
            (
                "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/ea",
                "list external.metrics.k8s.io/v1beta1 default/ea  ",
            ),
            (
                "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/%2A/qps",
                "get custom.metrics.k8s.io/v1beta2 default/pods * qps",
            ),
            (
                "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/qps",
                "get custom.metrics.k8s.io/v1beta2 default/pods * qps",
            ),
            (
                "/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/metrics/jobs",
                "get custom.metrics.k8s.io/v1beta1 default/metrics jobs ",
            ),
            (
                "/apis/custom.metrics.k8s.io/v1beta1/nodes/n1/load",
                "get custom.metrics.k8s.io/v1beta1 /nodes n1 load",
            ),
            (
                "/apis/metrics.k8s.io/v1beta1/pods",
                "list metrics.k8s.io/v1beta1 /pods  ",
            ),
            (
                "/apis/metrics.k8s.io/v1beta1/namespaces/a",
                "get metrics.k8s.io/v1beta1 /namespaces a ",
            ),
        ] {
            assert_eq!(get(path), expected);
        }
        assert!(place("/apis/g/v/namespaces/a/b/c/d/e").longer);
        for path in ["/apis", "/apis/g", "/apis/g/v", "/apis/g/v/", "/healthz", "/"] {
            assert!(matches!(Asked::parse(path), Asked::Path), "{path}");
        }
    }

    #[test]
    fn a_watch_is_its_own_verb() {
        let asked = Asked::parse("/apis/external.metrics.k8s.io/v1beta1/namespaces/default/ea");
        assert_eq!(asked.verb(&Method::GET, "watch=true"), "watch");
        assert_eq!(asked.verb(&Method::GET, "watch=false"), "list");
        assert_eq!(asked.verb(&Method::POST, ""), "create");
        assert_eq!(asked.verb(&Method::DELETE, ""), "deletecollection");
    }
}

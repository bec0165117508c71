//! What the server knows of a kind: the one table behind routing, discovery, tables and OpenAPI.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use crate::custom::Custom;

/// Verbs of an ordinary kind, in discovery's (alphabetical) order.
pub const ALL_VERBS: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
/// Verbs of a subresource that is read and written.
pub const SUBRESOURCE_VERBS: &[&str] = &["get", "patch", "update"];

/// A part of an object with its own path, such as `scale`.
#[derive(Debug)]
pub struct SubresourceType {
    /// The last path segment.
    pub name: &'static str,
    /// Group, version and kind of what it returns; `None` when that is the parent's.
    pub gvk: Option<(&'static str, &'static str, &'static str)>,
    /// Verbs in discovery's order.
    pub verbs: &'static [&'static str],
}

/// One kind at one version.
#[derive(Debug)]
pub struct ResourceType {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version within the group.
    pub version: &'static str,
    /// Plural name, as in paths.
    pub plural: &'static str,
    /// Singular name, as kubectl accepts it.
    pub singular: &'static str,
    /// Kind, as in manifests.
    pub kind: &'static str,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Short names, as kubectl accepts them.
    pub short_names: &'static [&'static str],
    /// Categories, such as `all`.
    pub categories: &'static [&'static str],
    /// Verbs in discovery's order.
    pub verbs: &'static [&'static str],
    /// Subresources in discovery's order.
    pub subresources: &'static [SubresourceType],
    /// The resource in whose table its objects are stored; `None` when that is itself.
    pub stored_as: Option<&'static ResourceType>,
    /// Discovery's `storageVersionHash`; empty for kinds that are not stored.
    pub storage_version_hash: &'static str,
    /// Name of the kind's schema in OpenAPI.
    pub definition: &'static str,
    /// What a kind that somebody defined brings; `None` for a built-in one.
    pub custom: Option<&'static Custom>,
}

/// A handle to a [`ResourceType`] of the table; cheap to copy.
#[derive(Clone, Copy)]
pub struct Resource(pub &'static ResourceType);

impl Deref for Resource {
    type Target = ResourceType;
    fn deref(&self) -> &ResourceType {
        self.0
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.plural == other.plural && self.group == other.group && self.version == other.version
    }
}
impl Eq for Resource {}

impl Hash for Resource {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.group, self.version, self.plural).hash(state);
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.qualified(), self.version)
    }
}

impl ResourceType {
    /// `apps/v1`, or `v1` for the core group: what `apiVersion` says.
    pub fn api_version(&self) -> String {
        api_version(self.group, self.version)
    }

    /// `deployments.apps`, or `pods` for the core group: how messages name it.
    pub fn qualified(&self) -> String {
        qualified(self.group, self.plural)
    }

    /// `Deployment.apps`, or `Pod` for the core group: how validation messages name it.
    pub fn qualified_kind(&self) -> String {
        qualified(self.group, self.kind)
    }

    /// The subresource of this name.
    pub fn subresource(&self, name: &str) -> Option<&'static SubresourceType> {
        self.subresources.iter().find(|s| s.name == name)
    }

    /// Whether the kind is stored, as opposed to answered (a review).
    pub fn is_stored(&self) -> bool {
        self.verbs.contains(&"get")
    }
}

/// `group/version`, or the version alone for the core group.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// The group and version of an `apiVersion`.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// `name.group`, or the name alone for the core group.
pub fn qualified(group: &str, name: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{group}")
    }
}

/// Every built-in resource, group by group in discovery's order.
pub fn builtin() -> &'static [Resource] {
    crate::builtin::ALL
}

/// The resource at a path's group, version and plural name.
pub fn find(group: &str, version: &str, plural: &str) -> Option<Resource> {
    builtin()
        .iter()
        .copied()
        .find(|r| r.plural == plural && r.group == group && r.version == version)
}

/// The built-in resource of a kind.
pub fn find_kind(api_version: &str, kind: &str) -> Option<Resource> {
    find_kind_in(builtin(), api_version, kind)
}

/// The resource of a kind among some.
pub fn find_kind_in(resources: &[Resource], api_version: &str, kind: &str) -> Option<Resource> {
    let (group, version) = split_api_version(api_version);
    resources
        .iter()
        .copied()
        .find(|r| r.kind == kind && r.group == group && r.version == version)
}

/// The resource that stores this one's objects: itself, unless it is another version's view of a table.
pub fn storage_of(resource: Resource) -> Resource {
    resource.stored_as.map_or(resource, Resource)
}

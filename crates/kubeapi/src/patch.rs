//! The four ways to change an object in part.

pub mod apply;
pub mod fields;
pub mod strategic;

pub use apply::Manager;
pub use strategic::{PatchError, strategic_merge};

/// How a patch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 6902: a list of operations.
    Json,
    /// RFC 7386: objects are merged, everything else replaced, null removes.
    Merge,
    /// Merge with lists keyed by Kubernetes' merge keys, and `$patch` directives.
    Strategic,
    /// Server-side apply: the fields the sender wants to own.
    Apply,
}

impl PatchKind {
    /// The kind that a `Content-Type` names, parameters ignored.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or("").trim() {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch+json" => Some(Self::Apply),
            _ => None,
        }
    }
}

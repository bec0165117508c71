//! Names: rules by kind, and generated ones.

use capstan_kubeapi::{Resource, validation};

/// Letters that make no words (apimachinery `util/rand`).
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// A base longer than this is cut, so that the whole fits a label.
const LONGEST_BASE: usize = 58;

/// `base` and five random characters.
pub(super) fn generate(base: &str) -> String {
    let base: String = base.chars().take(LONGEST_BASE).collect();
    let random = uuid::Uuid::new_v4();
    let suffix = random
        .as_bytes()
        .iter()
        .take(5)
        .map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()]));
    base.chars().chain(suffix).collect()
}

/// What is wrong with a name of this kind.
pub(super) fn check(stored: Resource, name: &str) -> Vec<String> {
    match (stored.group, stored.plural) {
        ("", "namespaces") => validation::dns1123_label(name),
        ("", "services") => validation::dns1035_label(name),
        // Core events may be called anything that fits a path.
        ("", "events") => validation::dns1123_subdomain(&name.to_lowercase()),
        // These name versions and groups (`v1.`), or users (`system:masters`): anything that fits a path.
        ("apiregistration.k8s.io", "apiservices") | ("rbac.authorization.k8s.io", _) => path_segment(name),
        ("apps", "statefulsets") => validation::dns1123_label(name),
        _ => validation::dns1123_subdomain(name),
    }
}

/// What is wrong with a name as one segment of a path (apimachinery `IsValidPathSegmentName`).
fn path_segment(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"]
        .iter()
        .filter(|illegal| name.contains(**illegal))
        .map(|illegal| format!("may not contain '{illegal}'"))
        .collect()
}

//! Field selectors: `metadata.name=web,status.phase!=Running`.

use serde_json::Value;

use crate::resource::ResourceType;

/// A conjunction of comparisons of fields with texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<(String, bool, String)>,
}

const ALWAYS: &[&str] = &["metadata.name", "metadata.namespace"];

/// Fields that a kind can be selected by besides its name and namespace.
fn supported(resource: &ResourceType) -> &'static [&'static str] {
    match (resource.group, resource.plural) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") => &["status.replicas"],
        ("apps" | "extensions", "replicasets") => &["status.replicas"],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        _ => &[],
    }
}

impl FieldSelector {
    /// Parses a selector and checks that the kind knows its fields; the error is upstream's text.
    pub fn parse(resource: &ResourceType, text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for term in split(text) {
            if term.is_empty() {
                continue;
            }
            let (key, equal, value) = if let Some((key, value)) = term.split_once("!=") {
                (key, false, value)
            } else if let Some((key, value)) = term.split_once("==") {
                (key, true, value)
            } else if let Some((key, value)) = term.split_once('=') {
                (key, true, value)
            } else {
                return Err(format!("invalid selector: '{text}'; can't understand '{term}'"));
            };
            if !ALWAYS.contains(&key) && !supported(resource).contains(&key) {
                return Err(match supported(resource) {
                    [] => format!(
                        "\"{key}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                    ),
                    _ => format!("field label not supported: {key}"),
                });
            }
            terms.push((key.to_owned(), equal, unescape(value)));
        }
        Ok(Self { terms })
    }

    /// Whether there is nothing to check.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// The name it asks for, if it asks for one.
    pub fn name(&self) -> Option<&str> {
        self.terms
            .iter()
            .find(|(key, equal, _)| *equal && key == "metadata.name")
            .map(|(_, _, value)| value.as_str())
    }

    /// Whether an object satisfies every term. An absent field is the empty text, 0 or false.
    pub fn matches(&self, object: &Value) -> bool {
        self.terms.iter().all(|(key, equal, value)| {
            let mut found = Some(object);
            for part in key.split('.') {
                found = found.and_then(|o| o.get(part));
            }
            // An event's source is selected by its component.
            if key == "source" {
                found = found.and_then(|s| s.get("component"));
            }
            let is = match found {
                None | Some(Value::Null) => {
                    value.is_empty()
                        || (value == "false"
                            && matches!(key.as_str(), "spec.unschedulable" | "spec.hostNetwork"))
                        || (value == "0" && key == "status.replicas")
                }
                Some(Value::String(text)) => text == value,
                Some(Value::Bool(set)) => (if *set { "true" } else { "false" }) == value,
                Some(Value::Number(number)) => number.as_i64().is_some_and(|n| value.parse() == Ok(n)),
                Some(_) => false,
            };
            is == *equal
        })
    }
}

/// Splits at commas that no backslash escapes.
fn split(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, c) in text.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            ',' if !escaped => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => escaped = false,
        }
    }
    terms.push(&text[start..]);
    terms
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            out.push(c);
            escaped = false;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::builtin::{CONFIGMAPS, PODS};

    #[test]
    fn unknown_fields_are_refused_in_upstreams_words() {
        let error = FieldSelector::parse(CONFIGMAPS.0, "spec.maxReplicas=1").unwrap_err();
        assert_eq!(
            error,
            "\"spec.maxReplicas\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        );
        assert_eq!(
            FieldSelector::parse(PODS.0, "spec.x=1").unwrap_err(),
            "field label not supported: spec.x"
        );
    }

    #[test]
    fn an_absent_field_is_the_empty_text() {
        let selector = FieldSelector::parse(PODS.0, "spec.nodeName=,status.phase!=Running").unwrap();
        assert!(selector.matches(&json!({"status": {"phase": "Pending"}})));
        assert!(!selector.matches(&json!({"spec": {"nodeName": "a"}})));
    }
}

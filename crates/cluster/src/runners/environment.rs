//! A container's variables: what the pod sets, with references resolved, and what a cluster adds.

use std::collections::HashMap;

use capstan_kubeapi::builtin::{CONFIGMAPS, SECRETS};
use capstan_kubeapi::{Resource, meta};
use serde_json::Value;

use super::rewrite::{Lookup, Mount, rewrite};
use crate::objects::Objects;

/// What fields of the pod say once it runs.
#[derive(Debug, Clone)]
pub(crate) struct Downward {
    pub(crate) pod_ip: String,
    pub(crate) host_ip: String,
    pub(crate) node: String,
}

/// A container's variables in order, and what was rewritten.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    pub(crate) variables: Vec<(String, String)>,
    /// One sentence per rewritten variable.
    pub(crate) notes: Vec<String>,
}

impl Environment {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Sets a variable; one that is there keeps its place.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        match self.variables.iter_mut().find(|(key, _)| key == name) {
            Some((_, present)) => *present = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    /// Sets a variable unless it is there.
    pub(crate) fn set_default(&mut self, name: &str, value: impl FnOnce() -> String) {
        if self.get(name).is_none() {
            let value = value();
            self.variables.push((name.to_owned(), value));
        }
    }

    /// Replaces `$(NAME)` by that variable's value; `$$(NAME)` is a plain `$(NAME)`, an unknown name stays as it is.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(escaped) = after.strip_prefix('$') {
                out.push('$');
                rest = escaped;
            } else if let Some((name, left)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')'))
            {
                if let Some(value) = self.get(name) {
                    out.push_str(value);
                } else {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
                rest = left;
            } else {
                out.push('$');
                rest = after;
            }
        }
        out.push_str(rest);
        out
    }
}

/// The variables of `container`, added to `base` (what the cluster sets).
///
/// # Errors
/// The text for `CreateContainerConfigError`: a reference leads nowhere.
pub(crate) fn build(
    objects: &Objects,
    pod: &Value,
    container: &Value,
    downward: &Downward,
    base: Environment,
    mounts: &[Mount],
    lookup: &Lookup<'_>,
) -> Result<Environment, String> {
    let namespace = meta::namespace(pod);
    let mut environment = base;
    let list = |field: &str| {
        container
            .get(field)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    for source in list("envFrom") {
        let prefix = source.get("prefix").and_then(Value::as_str).unwrap_or("");
        let mut pairs: Vec<(String, String)> = if let Some(reference) = source.get("configMapRef") {
            texts(objects, CONFIGMAPS, namespace, reference)?
                .into_iter()
                .collect()
        } else if let Some(reference) = source.get("secretRef") {
            texts(objects, SECRETS, namespace, reference)?
                .into_iter()
                .collect()
        } else {
            continue;
        };
        pairs.sort();
        for (name, value) in pairs {
            set(
                &mut environment,
                &format!("{prefix}{name}"),
                &value,
                mounts,
                lookup,
            );
        }
    }
    for variable in list("env") {
        let Some(name) = variable.get("name").and_then(Value::as_str) else {
            continue;
        };
        let value = match variable.get("valueFrom").filter(|from| from.is_object()) {
            None => {
                let text = variable.get("value").and_then(Value::as_str).unwrap_or("");
                Some(environment.expand(text))
            }
            Some(from) => referenced(objects, pod, from, downward)?,
        };
        if let Some(value) = value {
            set(&mut environment, name, &value, mounts, lookup);
        }
    }
    Ok(environment)
}

fn set(environment: &mut Environment, name: &str, value: &str, mounts: &[Mount], lookup: &Lookup<'_>) {
    let (local, changes) = rewrite(value, mounts, lookup);
    for (before, after) in changes {
        environment
            .notes
            .push(format!("variable {name}: {before} is {after} on this machine"));
    }
    environment.set(name, local);
}

fn referenced(
    objects: &Objects,
    pod: &Value,
    from: &Value,
    downward: &Downward,
) -> Result<Option<String>, String> {
    let namespace = meta::namespace(pod);
    if let Some(reference) = from.get("fieldRef") {
        let path = reference.get("fieldPath").and_then(Value::as_str).unwrap_or("");
        return field(pod, path, downward)
            .map(Some)
            .ok_or_else(|| format!("fieldPath \"{path}\" is not supported"));
    }
    for (member, resource) in [("configMapKeyRef", CONFIGMAPS), ("secretKeyRef", SECRETS)] {
        if let Some(reference) = from.get(member) {
            let key = reference.get("key").and_then(Value::as_str).unwrap_or("");
            let optional = reference.get("optional").and_then(Value::as_bool) == Some(true);
            return match texts(objects, resource, namespace, reference)?.remove(key) {
                Some(value) => Ok(Some(value)),
                None if optional => Ok(None),
                None => {
                    let name = reference.get("name").and_then(Value::as_str).unwrap_or("");
                    Err(format!(
                        "couldn't find key {key} in {} {namespace}/{name}",
                        resource.kind
                    ))
                }
            };
        }
    }
    if from.get("resourceFieldRef").is_some() {
        return Err("resourceFieldRef is not supported: pods here have no resource limits".to_owned());
    }
    Ok(None)
}

/// A field of the pod, as `fieldRef` and downward volumes name it.
pub(crate) fn field(pod: &Value, path: &str, downward: &Downward) -> Option<String> {
    let metadata = &pod["metadata"];
    if let Some((part, key)) = path.strip_suffix("']").and_then(|p| p.split_once("['")) {
        let map = match part {
            "metadata.labels" => metadata.get("labels"),
            "metadata.annotations" => metadata.get("annotations"),
            _ => return None,
        };
        return Some(
            map.and_then(|map| map.get(key))
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned(),
        );
    }
    let text = |value: Option<&Value>| Some(value.and_then(Value::as_str).unwrap_or("").to_owned());
    match path {
        "metadata.name" => text(metadata.get("name")),
        "metadata.namespace" => text(metadata.get("namespace")),
        "metadata.uid" => text(metadata.get("uid")),
        "metadata.labels" => Some(lines(metadata.get("labels"))),
        "metadata.annotations" => Some(lines(metadata.get("annotations"))),
        "spec.nodeName" => Some(downward.node.clone()),
        "spec.serviceAccountName" => text(pod.pointer("/spec/serviceAccountName")),
        "status.podIP" | "status.podIPs" => Some(downward.pod_ip.clone()),
        "status.hostIP" | "status.hostIPs" => Some(downward.host_ip.clone()),
        _ => None,
    }
}

/// `key="value"` lines, sorted, as downward volumes show maps.
fn lines(map: Option<&Value>) -> String {
    let mut all: Vec<String> = map
        .and_then(Value::as_object)
        .map(|map| map.iter().map(|(key, value)| format!("{key}={value}")).collect())
        .unwrap_or_default();
    all.sort();
    all.join("\n")
}

/// The entries of a config map or secret that are text. An optional one that does not exist is empty.
fn texts(
    objects: &Objects,
    resource: Resource,
    namespace: &str,
    reference: &Value,
) -> Result<HashMap<String, String>, String> {
    let bytes = entries(objects, resource, namespace, reference)?;
    Ok(bytes
        .into_iter()
        .filter_map(|(key, value)| Some((key, String::from_utf8(value).ok()?)))
        .collect())
}

/// The entries of a config map or secret, decoded. An optional one that does not exist is empty.
pub(crate) fn entries(
    objects: &Objects,
    resource: Resource,
    namespace: &str,
    reference: &Value,
) -> Result<HashMap<String, Vec<u8>>, String> {
    let name = reference
        .get("name")
        .or_else(|| reference.get("secretName"))
        .and_then(Value::as_str)
        .unwrap_or("");
    let optional = reference.get("optional").and_then(Value::as_bool) == Some(true);
    let object = match objects.get(resource, Some(namespace), name) {
        Ok(object) => object,
        Err(_) if optional => return Ok(HashMap::new()),
        Err(status) => return Err(status.to_string()),
    };
    let mut found = HashMap::new();
    let encoded = resource == SECRETS;
    for (member, base64) in [("data", encoded), ("binaryData", true)] {
        for (key, value) in object
            .get(member)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let text = value.as_str().unwrap_or("");
            let bytes = if base64 {
                decode_base64(text)
            } else {
                Some(text.as_bytes().to_vec())
            };
            let bytes = bytes
                .ok_or_else(|| format!("key {key} of {} {namespace}/{name} is not base64", resource.kind))?;
            found.insert(key.clone(), bytes);
        }
    }
    Ok(found)
}

/// Standard base64 with padding, line breaks ignored.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .take_while(|byte| *byte != b'=')
    {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_between_variables_expand_and_escapes_do_not() {
        let mut environment = Environment::default();
        environment.set("A", "1".into());
        assert_eq!(environment.expand("x$(A)$(B)$$(A)$A$"), "x1$(B)$(A)$A$");
    }

    #[test]
    fn base64_is_decoded() {
        assert_eq!(decode_base64("aGVsbG8=").unwrap(), b"hello");
        assert_eq!(decode_base64("/+8=").unwrap(), [0xff, 0xef]);
        assert_eq!(decode_base64("a!"), None);
    }

    #[test]
    fn fields_of_the_pod_are_read() {
        let pod = json!({"metadata": {"name": "p", "labels": {"b": "2", "a/x": "1"}}});
        let downward = Downward {
            pod_ip: "127.1.0.1".into(),
            host_ip: "127.0.0.1".into(),
            node: "n".into(),
        };
        assert_eq!(field(&pod, "metadata.name", &downward).unwrap(), "p");
        assert_eq!(field(&pod, "metadata.labels['a/x']", &downward).unwrap(), "1");
        assert_eq!(
            field(&pod, "metadata.labels", &downward).unwrap(),
            "a/x=\"1\"\nb=\"2\""
        );
        assert_eq!(field(&pod, "status.podIP", &downward).unwrap(), "127.1.0.1");
        assert_eq!(field(&pod, "spec.containers", &downward), None);
    }
}

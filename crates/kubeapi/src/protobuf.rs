//! Reading objects in Kubernetes' protobuf form, which kubectl's `create` subcommands send from 1.32 on.
//!
//! Answers stay JSON: every client that sends protobuf reads JSON too. The table of messages lists, for each message
//! that a built-in kind reaches, number, JSON name and type of its fields (`*` repeated, `%` map), as the published
//! `generated.proto` files define them.

use std::collections::HashMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::base64;

/// What every protobuf body begins with.
pub const MAGIC: &[u8] = b"k8s\0";

const TABLE: &str = include_str!("protobuf/messages.txt");
const DEEPEST: usize = 64;

/// Why bytes are no object; the text says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// The magic number is missing.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    Magic,
    /// The bytes end early, or a number is malformed.
    #[error("unexpected EOF in a protobuf message")]
    Truncated,
    /// The kind is not in the table.
    #[error("no kind \"{1}\" is registered for version \"{0}\"")]
    Unknown(String, String),
    /// A field has a wire type that its type cannot have, or nests too deeply.
    #[error("proto: wrong wireType for field {0}")]
    WireType(String),
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    kind: &'static str,
    repeated: bool,
    map: bool,
}

type Messages = HashMap<&'static str, HashMap<u64, Field>>;

fn messages() -> &'static Messages {
    static MESSAGES: OnceLock<Messages> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        let mut messages = Messages::new();
        let mut current = "";
        for line in TABLE.lines() {
            let Some(field) = line.strip_prefix(' ') else {
                current = line;
                messages.insert(current, HashMap::new());
                continue;
            };
            let mut parts = field.split(' ');
            if let (Some(Ok(number)), Some(name), Some(kind)) =
                (parts.next().map(str::parse), parts.next(), parts.next())
            {
                let field = Field {
                    name,
                    kind: kind.trim_start_matches(['*', '%']),
                    repeated: kind.starts_with('*'),
                    map: kind.starts_with('%'),
                };
                messages.entry(current).or_default().insert(number, field);
            }
        }
        messages
    })
}

/// The object in a protobuf body.
pub fn decode(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let envelope = bytes.strip_prefix(MAGIC).ok_or(ProtobufError::Magic)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    let mut reader = Reader(envelope);
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => {
                let mut reader = Reader(bytes);
                while let Some((number, wire)) = reader.next()? {
                    match (number, wire) {
                        (1, Wire::Bytes(bytes)) => api_version = String::from_utf8_lossy(bytes).into_owned(),
                        (2, Wire::Bytes(bytes)) => kind = String::from_utf8_lossy(bytes).into_owned(),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let name = message_name(&api_version, &kind);
    if !messages().contains_key(name.as_str()) {
        return Err(ProtobufError::Unknown(api_version, kind));
    }
    let mut object = Map::new();
    object.insert("kind".to_owned(), kind.into());
    object.insert("apiVersion".to_owned(), api_version.into());
    message(&name, raw, &mut object, 0)?;
    Ok(Value::Object(object))
}

fn message_name(api_version: &str, kind: &str) -> String {
    if kind == "DeleteOptions" {
        return "meta.v1.DeleteOptions".to_owned();
    }
    let (group, version) = crate::resource::split_api_version(api_version);
    let group = if group.is_empty() {
        "core"
    } else {
        group.split('.').next().unwrap_or("")
    };
    // The old group's messages are those of apps/v1 in all fields that still mean something.
    if (group, version) == ("extensions", "v1beta1") {
        return format!("apps.v1.{kind}");
    }
    format!("{group}.{version}.{kind}")
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed64(u64),
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, ProtobufError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(ProtobufError::Truncated)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ProtobufError::Truncated)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ProtobufError> {
        if self.0.len() < length {
            return Err(ProtobufError::Truncated);
        }
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    /// The next field's number and contents; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, ProtobufError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        let wire = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => {
                let bytes = self.take(8)?;
                Wire::Fixed64(bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| ProtobufError::Truncated)?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Number(u64::from(
                self.take(4)?
                    .iter()
                    .rev()
                    .fold(0u32, |n, b| n << 8 | u32::from(*b)),
            )),
            _ => return Err(ProtobufError::WireType(number.to_string())),
        };
        Ok(Some((number, wire)))
    }
}

/// Messages that JSON writes in the place of their parent's fields.
const INLINE: &[&str] = &[
    "volumeSource",
    "handler",
    "localObjectReference",
    "ephemeralContainerCommon",
];
/// Fields whose zero means something: pointers in Go. Others are absent when they are zero.
const ZERO_COUNTS: &[&str] = &[
    "replicas",
    "minReplicas",
    "terminationGracePeriodSeconds",
    "gracePeriodSeconds",
    "revisionHistoryLimit",
    "partition",
    "runAsUser",
    "runAsGroup",
    "fsGroup",
    "tolerationSeconds",
    "stabilizationWindowSeconds",
    "averageUtilization",
    "progressDeadlineSeconds",
    "controller",
    "blockOwnerDeletion",
    "automountServiceAccountToken",
    "enableServiceLinks",
    "allowPrivilegeEscalation",
    "optional",
    "immutable",
    "ready",
    "serving",
    "terminating",
    "allocateLoadBalancerNodePorts",
];

fn message(
    name: &str,
    bytes: &[u8],
    out: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), ProtobufError> {
    if depth > DEEPEST {
        return Err(ProtobufError::WireType(name.to_owned()));
    }
    let Some(fields) = messages().get(name) else {
        return Ok(());
    };
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.next()? {
        let Some(field) = fields.get(&number) else {
            continue;
        };
        if field.map {
            let Wire::Bytes(entry) = wire else {
                return Err(ProtobufError::WireType(field.name.to_owned()));
            };
            let (mut key, mut item) = (String::new(), Value::String(String::new()));
            let mut reader = Reader(entry);
            while let Some((number, wire)) = reader.next()? {
                match (number, wire) {
                    (1, Wire::Bytes(bytes)) => key = String::from_utf8_lossy(bytes).into_owned(),
                    (2, wire) => item = value(field, wire, depth)?.unwrap_or(Value::Null),
                    _ => {}
                }
            }
            let map = out.entry(field.name).or_insert_with(|| json!({}));
            if let Some(map) = map.as_object_mut() {
                map.insert(key, item);
            }
            continue;
        }
        if INLINE.contains(&field.name)
            && let Wire::Bytes(bytes) = wire
        {
            message(field.kind, bytes, out, depth + 1)?;
            continue;
        }
        let Some(item) = value(field, wire, depth)? else {
            continue;
        };
        if field.repeated {
            let list = out.entry(field.name).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(item);
            }
            continue;
        }
        let empty = match &item {
            Value::String(text) => text.is_empty(),
            Value::Number(number) => number.as_i64() == Some(0),
            Value::Bool(set) => !set,
            _ => false,
        };
        if !empty || ZERO_COUNTS.contains(&field.name) {
            out.insert(field.name.to_owned(), item);
        }
    }
    Ok(())
}

fn value(field: &Field, wire: Wire<'_>, depth: usize) -> Result<Option<Value>, ProtobufError> {
    let wrong = || ProtobufError::WireType(field.name.to_owned());
    Ok(Some(match (field.kind, wire) {
        ("string", Wire::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned().into(),
        ("bytes", Wire::Bytes(bytes)) => base64::encode(bytes).into(),
        ("bool", Wire::Number(number)) => (number != 0).into(),
        ("int32" | "int64", Wire::Number(number)) => (number as i64).into(),
        ("uint32" | "uint64", Wire::Number(number)) => number.into(),
        ("double", Wire::Fixed64(bits)) => f64::from_bits(bits).into(),
        (kind, Wire::Bytes(bytes)) => match kind.rsplit('.').next().unwrap_or("") {
            "Time" | "MicroTime" => match time(bytes)? {
                Some(time) if kind.ends_with("MicroTime") => crate::time::rfc3339_micros(time).into(),
                Some(time) => crate::time::rfc3339(time).into(),
                None => return Ok(None),
            },
            "Quantity" => string_field(bytes, 1)?.into(),
            "IntOrString" => int_or_string(bytes)?,
            "FieldsV1" | "RawExtension" => {
                let mut reader = Reader(bytes);
                let mut parsed = json!({});
                while let Some((number, wire)) = reader.next()? {
                    if let (1, Wire::Bytes(raw)) = (number, wire) {
                        parsed = serde_json::from_slice(raw).unwrap_or_else(|_| json!({}));
                    }
                }
                parsed
            }
            // A list of texts wrapped in a message.
            "ExtraValue" => {
                let mut reader = Reader(bytes);
                let mut items = Vec::new();
                while let Some((_, wire)) = reader.next()? {
                    if let Wire::Bytes(bytes) = wire {
                        items.push(Value::from(String::from_utf8_lossy(bytes).into_owned()));
                    }
                }
                Value::Array(items)
            }
            _ => {
                let mut object = Map::new();
                message(kind, bytes, &mut object, depth + 1)?;
                Value::Object(object)
            }
        },
        _ => return Err(wrong()),
    }))
}

fn string_field(bytes: &[u8], wanted: u64) -> Result<String, ProtobufError> {
    let mut reader = Reader(bytes);
    let mut text = String::new();
    while let Some((number, wire)) = reader.next()? {
        if let (true, Wire::Bytes(bytes)) = (number == wanted, wire) {
            text = String::from_utf8_lossy(bytes).into_owned();
        }
    }
    Ok(text)
}

fn int_or_string(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let mut reader = Reader(bytes);
    let (mut is_string, mut number, mut text) = (false, 0i64, String::new());
    while let Some((field, wire)) = reader.next()? {
        match (field, wire) {
            (1, Wire::Number(kind)) => is_string = kind == 1,
            (2, Wire::Number(value)) => number = value as i64,
            (3, Wire::Bytes(bytes)) => text = String::from_utf8_lossy(bytes).into_owned(),
            _ => {}
        }
    }
    Ok(if is_string { text.into() } else { number.into() })
}

fn time(bytes: &[u8]) -> Result<Option<Timestamp>, ProtobufError> {
    let mut reader = Reader(bytes);
    let (mut seconds, mut nanos) = (None, 0);
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (1, Wire::Number(value)) => seconds = Some(value as i64),
            (2, Wire::Number(value)) => nanos = value as i32,
            _ => {}
        }
    }
    Ok(seconds.and_then(|seconds| Timestamp::new(seconds, nanos).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend_from_slice(bytes);
        out
    }

    #[test]
    fn a_review_reads_as_json() {
        let attributes = [field(1, b"default"), field(2, b"create"), field(5, b"pods")].concat();
        let review = field(2, &field(1, &attributes));
        let kind = [
            field(1, b"authorization.k8s.io/v1"),
            field(2, b"SelfSubjectAccessReview"),
        ]
        .concat();
        let body = [MAGIC.to_vec(), field(1, &kind), field(2, &review)].concat();
        assert_eq!(
            decode(&body).unwrap(),
            json!({
                "kind": "SelfSubjectAccessReview",
                "apiVersion": "authorization.k8s.io/v1",
                "spec": {"resourceAttributes": {"namespace": "default", "verb": "create", "resource": "pods"}},
            })
        );
    }

    #[test]
    fn rubbish_is_refused_without_a_panic() {
        assert_eq!(decode(b"{}"), Err(ProtobufError::Magic));
        assert_eq!(decode(b"k8s\0\x0a\xff"), Err(ProtobufError::Truncated));
        assert!(matches!(decode(b"k8s\0"), Err(ProtobufError::Unknown(..))));
        for length in 0..40 {
            let bytes: Vec<u8> = MAGIC
                .iter()
                .copied()
                .chain((0..length).map(|n: u8| n.wrapping_mul(83)))
                .collect();
            let _ = decode(&bytes);
        }
    }
}

//! The records as they are on disk. A change that old files cannot be read with raises the record's version and adds a step
//! to its `upgrade`; `tests/fixtures` holds a value of every version.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;

/// Version of the file's layout: which namespaces there are and what their keys are.
pub const SCHEMA: u64 = 1;

/// The largest stored value.
pub const MAX_VALUE: usize = 64 << 20;

/// Something that is kept under a key.
pub trait Record: Serialize + DeserializeOwned {
    /// Table it is in.
    const NAMESPACE: &'static str;
    /// Version that is written now.
    const VERSION: u8;

    /// Its key within the namespace.
    fn key(&self) -> &str;

    /// Turns the JSON of an older version into that of [`Record::VERSION`].
    fn upgrade(from: u8, value: Value) -> Result<Value, String> {
        if from == Self::VERSION {
            Ok(value)
        } else {
            Err(format!("unknown version {from}"))
        }
    }
}

/// The bytes of a record: a version byte, then JSON.
pub(crate) fn encode<R: Record>(record: &R) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![R::VERSION];
    serde_json::to_writer(&mut bytes, record)
        .map_err(|error| Error::Internal(format!("cannot write {} as JSON: {error}", R::NAMESPACE)))?;
    if bytes.len() > MAX_VALUE {
        let key = record.key().to_owned();
        return Err(Error::TooLarge {
            namespace: R::NAMESPACE,
            key,
            bytes: bytes.len(),
            limit: MAX_VALUE,
        });
    }
    Ok(bytes)
}

/// The record of some bytes, upgraded if they are of an older version.
pub(crate) fn decode<R: Record>(key: &str, bytes: &[u8]) -> Result<R, Error> {
    let malformed = |reason| Error::Malformed {
        namespace: R::NAMESPACE,
        key: key.to_owned(),
        reason,
    };
    let (&version, json) = bytes
        .split_first()
        .ok_or_else(|| malformed("it is empty".to_owned()))?;
    if version == R::VERSION {
        return serde_json::from_slice(json).map_err(|error| malformed(error.to_string()));
    }
    let value = serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
    let value = R::upgrade(version, value).map_err(malformed)?;
    serde_json::from_value(value).map_err(|error| malformed(error.to_string()))
}

/// A database and a retention policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DbRp {
    pub db: String,
    pub rp: String,
}

/// A defined task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct TaskRecord {
    pub id: String,
    /// `stream` or `batch`.
    #[serde(rename = "type")]
    pub kind: String,
    pub script: String,
    /// The template it was made from; empty when none.
    pub template_id: String,
    pub dbrps: Vec<DbRp>,
    /// Values of variables in the API's form, by name.
    pub vars: Map<String, Value>,
    pub enabled: bool,
    /// Nanoseconds since the Unix epoch; 0 is never.
    pub created: i64,
    pub modified: i64,
    pub last_enabled: i64,
    /// Made by the load directory (S-72).
    pub loaded: bool,
}

impl Record for TaskRecord {
    const NAMESPACE: &'static str = "task";
    const VERSION: u8 = 1;

    fn key(&self) -> &str {
        &self.id
    }
}

/// A defined template.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct TemplateRecord {
    pub id: String,
    /// `stream` or `batch`.
    #[serde(rename = "type")]
    pub kind: String,
    pub script: String,
    /// Nanoseconds since the Unix epoch.
    pub created: i64,
    pub modified: i64,
    /// Made by the load directory (S-72).
    pub loaded: bool,
}

impl Record for TemplateRecord {
    const NAMESPACE: &'static str = "template";
    const VERSION: u8 = 1;

    fn key(&self) -> &str {
        &self.id
    }
}

/// The last state of an event in a topic, as long as it is not OK.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct TopicEventRecord {
    /// See [`TopicEventRecord::key_of`].
    pub key: String,
    pub topic: String,
    pub id: String,
    pub message: String,
    pub details: String,
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
    /// Nanoseconds.
    pub duration: i64,
    /// `INFO`, `WARNING` or `CRITICAL`.
    pub level: String,
}

impl TopicEventRecord {
    /// The key of an event; those of one topic have the key of the empty id as their prefix.
    pub fn key_of(topic: &str, id: &str) -> String {
        // The length keeps a topic that is the beginning of another apart from it.
        format!("{}:{topic}:{id}", topic.len())
    }
}

impl Record for TopicEventRecord {
    const NAMESPACE: &'static str = "topic-event";
    const VERSION: u8 = 1;

    fn key(&self) -> &str {
        &self.key
    }
}

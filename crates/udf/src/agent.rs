//! The messages of Kapacitor's `udf/agent/udf.proto`. Field numbers are the contract; names are the file's.

use std::collections::BTreeMap;

/// Asks what the function is.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct InfoRequest {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum EdgeType {
    Stream = 0,
    Batch = 1,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct InfoResponse {
    #[prost(enumeration = "EdgeType", tag = "1")]
    pub wants: i32,
    #[prost(enumeration = "EdgeType", tag = "2")]
    pub provides: i32,
    #[prost(btree_map = "string, message", tag = "3")]
    pub options: BTreeMap<String, OptionInfo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum ValueType {
    Bool = 0,
    Int = 1,
    Double = 2,
    String = 3,
    Duration = 4,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct OptionInfo {
    #[prost(enumeration = "ValueType", repeated, tag = "1")]
    pub value_types: Vec<i32>,
}

/// Makes the function ready with the script's options.
#[derive(Clone, PartialEq, prost::Message)]
pub struct InitRequest {
    #[prost(message, repeated, tag = "1")]
    pub options: Vec<Option_>,
    #[prost(string, tag = "2")]
    pub task_id: String,
    #[prost(string, tag = "3")]
    pub node_id: String,
}

/// `Option` of the file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Option_ {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<OptionValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct OptionValue {
    #[prost(enumeration = "ValueType", tag = "1")]
    pub r#type: i32,
    #[prost(oneof = "option_value::Value", tags = "2, 3, 4, 5, 6")]
    pub value: Option<option_value::Value>,
}

pub mod option_value {
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        #[prost(bool, tag = "2")]
        BoolValue(bool),
        #[prost(int64, tag = "3")]
        IntValue(i64),
        #[prost(double, tag = "4")]
        DoubleValue(f64),
        #[prost(string, tag = "5")]
        StringValue(String),
        #[prost(int64, tag = "6")]
        DurationValue(i64),
    }
}

/// Answers `InitRequest`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct InitResponse {
    #[prost(bool, tag = "1")]
    pub success: bool,
    #[prost(string, tag = "2")]
    pub error: String,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct SnapshotRequest {}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SnapshotResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub snapshot: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RestoreRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub snapshot: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RestoreResponse {
    #[prost(bool, tag = "1")]
    pub success: bool,
    #[prost(string, tag = "2")]
    pub error: String,
}

/// Asks for a sign of life; `KeepaliveResponse` has the same form.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Keepalive {
    /// Nanoseconds since the Unix epoch; for people only.
    #[prost(int64, tag = "1")]
    pub time: i64,
}

/// The function failed and is to be stopped.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ErrorResponse {
    #[prost(string, tag = "1")]
    pub error: String,
}

/// Points from here to `EndBatch` are one batch.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct BeginBatch {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub group: String,
    #[prost(btree_map = "string, string", tag = "3")]
    pub tags: BTreeMap<String, String>,
    /// How many points follow; 0: not known.
    #[prost(int64, tag = "4")]
    pub size: i64,
    #[prost(bool, tag = "5")]
    pub by_name: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Point {
    #[prost(int64, tag = "1")]
    pub time: i64,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, tag = "3")]
    pub database: String,
    #[prost(string, tag = "4")]
    pub retention_policy: String,
    #[prost(string, tag = "5")]
    pub group: String,
    #[prost(string, repeated, tag = "6")]
    pub dimensions: Vec<String>,
    #[prost(btree_map = "string, string", tag = "7")]
    pub tags: BTreeMap<String, String>,
    #[prost(btree_map = "string, double", tag = "8")]
    pub fields_double: BTreeMap<String, f64>,
    #[prost(btree_map = "string, int64", tag = "9")]
    pub fields_int: BTreeMap<String, i64>,
    #[prost(btree_map = "string, string", tag = "10")]
    pub fields_string: BTreeMap<String, String>,
    #[prost(bool, tag = "11")]
    pub by_name: bool,
    #[prost(btree_map = "string, bool", tag = "12")]
    pub fields_bool: BTreeMap<String, bool>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct EndBatch {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub group: String,
    #[prost(int64, tag = "3")]
    pub tmax: i64,
    #[prost(btree_map = "string, string", tag = "4")]
    pub tags: BTreeMap<String, String>,
    #[prost(bool, tag = "5")]
    pub by_name: bool,
}

/// What is written to a function.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    #[prost(oneof = "request::Message", tags = "1, 2, 3, 4, 5, 16, 17, 18")]
    pub message: Option<request::Message>,
}

pub mod request {
    #[derive(Clone, PartialEq, prost::Oneof)]
    #[allow(clippy::large_enum_variant)] // points are the rule
    pub enum Message {
        #[prost(message, tag = "1")]
        Info(super::InfoRequest),
        #[prost(message, tag = "2")]
        Init(super::InitRequest),
        #[prost(message, tag = "3")]
        Keepalive(super::Keepalive),
        #[prost(message, tag = "4")]
        Snapshot(super::SnapshotRequest),
        #[prost(message, tag = "5")]
        Restore(super::RestoreRequest),
        #[prost(message, tag = "16")]
        Begin(super::BeginBatch),
        #[prost(message, tag = "17")]
        Point(super::Point),
        #[prost(message, tag = "18")]
        End(super::EndBatch),
    }
}

/// What a function writes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Response {
    #[prost(oneof = "response::Message", tags = "1, 2, 3, 4, 5, 6, 16, 17, 18")]
    pub message: Option<response::Message>,
}

pub mod response {
    #[derive(Clone, PartialEq, prost::Oneof)]
    #[allow(clippy::large_enum_variant)] // points are the rule
    pub enum Message {
        #[prost(message, tag = "1")]
        Info(super::InfoResponse),
        #[prost(message, tag = "2")]
        Init(super::InitResponse),
        #[prost(message, tag = "3")]
        Keepalive(super::Keepalive),
        #[prost(message, tag = "4")]
        Snapshot(super::SnapshotResponse),
        #[prost(message, tag = "5")]
        Restore(super::RestoreResponse),
        #[prost(message, tag = "6")]
        Error(super::ErrorResponse),
        #[prost(message, tag = "16")]
        Begin(super::BeginBatch),
        #[prost(message, tag = "17")]
        Point(super::Point),
        #[prost(message, tag = "18")]
        End(super::EndBatch),
    }
}

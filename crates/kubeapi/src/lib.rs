//! Kubernetes' wire rules as pure functions: values in, values out.
//!
//! Serves the embedded API server, and whoever reads or writes Kubernetes objects. Deliberately absent: HTTP,
//! storage, time of day, tasks; nothing here does I/O or knows which objects exist.
//!
//! | module | what |
//! |---|---|
//! | [`resource`], [`builtin`] | the table of kinds behind routing, discovery and tables |
//! | [`base64`] | as secrets and continue tokens use it |
//! | [`discovery`], [`table`] | documents and rows from the table of kinds |
//! | [`schema`], [`merge_keys`], [`openapi`] | types: reading objects by them, how they merge, protobuf form |
//! | [`meta`] | reading and writing what every object has |
//! | [`negotiate`], [`query`] | what a client reads and asks for, from its headers and query |
//! | [`patch`] | JSON, merge, strategic merge, apply |
//! | [`protobuf`] | objects in the form that newer kubectl sends |
//! | [`custom`], [`structural`], [`jsonpath`] | kinds that somebody defined: schemas, columns, paths |
//! | [`quantity`] | exact resource quantities |
//! | [`selector`] | label and field selectors |
//! | [`time`], [`validation`] | timestamps, ages; rules for names and labels |
//! | [`status`] | `Status` errors and validation findings in upstream's words |

pub mod base64;
pub mod builtin;
pub mod custom;
pub mod discovery;
pub mod jsonpath;
pub mod merge_keys;
pub mod meta;
pub mod negotiate;
pub mod openapi;
#[cfg(test)]
mod oracle;
pub mod patch;
pub mod protobuf;
pub mod quantity;
pub mod query;
pub mod resource;
pub mod schema;
pub mod selector;
pub mod status;
pub mod structural;
pub mod table;
pub mod time;
pub mod validation;

pub use patch::PatchKind;
pub use quantity::{Format, Quantity, QuantityError};
pub use resource::{Resource, ResourceType, SubresourceType};
pub use selector::{FieldSelector, Selector};
pub use status::{Cause, Details, FieldError, Status};

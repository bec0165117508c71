//! The Kubernetes client: connecting, finding kinds by discovery, reading, writing and watching the scale of any
//! object that has one, and leaving Events on it.
//!
//! Deliberately absent: when to scale and to what. This crate carries out one request at a time and says exactly how
//! it ended; who asks, and in which order, is the caller's business. It is the only crate that names kube-rs.
//!
//! | module | what |
//! |---|---|
//! | [`connect`] | credentials and API servers of one configured cluster |
//! | [`discovery`] | which resource a script's word for a kind means |
//! | [`scale`] | reading and writing `/scale` with a precondition |
//! | [`observe`] | changes of an object's replica count, as they happen |
//! | [`event`] | Kubernetes Events |
//! | [`follow`] | all objects of a resource, as they change |
//! | [`raw`] | requests whose answers the caller reads; an API in this process |

pub mod connect;
pub mod discovery;
pub mod error;
pub mod event;
pub mod follow;
pub mod observe;
pub mod raw;
mod read;
pub mod scale;

pub use connect::{Cluster, Credentials, Options};
pub use discovery::ScalableKind;
pub use error::{Error, Reason};
pub use event::{Event, EventType};
pub use follow::{Followed, Seen};
pub use observe::Observation;
pub use raw::{Message, Reply};
pub use scale::{FIELD_MANAGER, Rivals, Scale};

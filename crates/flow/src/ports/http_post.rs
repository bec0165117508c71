//! Posting to web services: what `httpPost` sends, and the configured endpoints (S-42).

use std::fmt::Debug;
use std::time::Duration;

/// A section `[[httppost]]` as nodes need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostEndpoint {
    /// A template.
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// User and password.
    pub basic_auth: Option<(String, String)>,
    /// Template of the body of rows; none: the usual JSON.
    pub row_template: Option<RowTemplate>,
}

/// A template from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowTemplate {
    pub text: String,
    /// Whether it may call `json` and `jsonCompact`: only where it stands in the configuration itself (S-42).
    pub functions: bool,
}

/// One POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostRequest {
    pub url: String,
    /// A later header of the same name replaces an earlier one.
    pub headers: Vec<(String, String)>,
    pub basic_auth: Option<(String, String)>,
    pub body: String,
    /// How long it may take; none: as long as the port allows.
    pub timeout: Option<Duration>,
    /// Whether the body of an answer that is no success is wanted.
    pub capture: bool,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostAnswer {
    pub status: u16,
    /// When it was wanted; cut to a sensible length.
    pub body: String,
}

/// Where the answer goes, once, from any thread.
pub type PostSink = Box<dyn FnOnce(Result<PostAnswer, String>) + Send>;

/// Posts. Every call returns at once.
pub trait HttpPost: Debug + Send + Sync {
    /// A configured endpoint.
    fn endpoint(&self, name: &str) -> Option<PostEndpoint>;

    /// Sends a request and gives the answer to `sink`.
    fn post(&self, request: PostRequest, sink: PostSink);
}

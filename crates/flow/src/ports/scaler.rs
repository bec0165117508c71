//! Changing how many replicas an object has.

use std::fmt::Debug;
use std::sync::Arc;

use capstan_hpa::record::Record;

/// The object whose scale is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScaleTarget {
    /// Id of the configured orchestrator; empty for the default one (N-180).
    pub cluster: Arc<str>,
    /// Namespace; empty means the one the configuration or the pod's own account names, else `default` (N-181).
    pub namespace: Arc<str>,
    /// The script's word for the kind: plural, singular or kind name; `group/plural` names one group (N-182).
    pub kind: Arc<str>,
    pub name: Arc<str>,
}

/// What a scale says at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleState {
    /// `spec.replicas`.
    pub replicas: i64,
    /// The version this was read at; a write carries it as its precondition.
    pub resource_version: String,
    /// Who else may write it, as `Kind/name`: the controller that owns the object (N-218).
    pub owner: Option<String>,
    /// An autoscaler that targets the object; writing beside it would be a fight.
    pub autoscaler: Option<String>,
    /// Who changed it last, when known.
    pub changed_by: Option<String>,
    /// The object as the API names it: apiVersion, kind, namespace, name; for the decision record.
    pub api_version: String,
    pub kind: String,
    pub namespace: String,
}

/// What a node asks for.
#[derive(Debug, Clone)]
pub enum ScaleRequest {
    /// Read the scale now and answer `Observed`; if that worked, tell of every later change as well, as long as the
    /// sink is held elsewhere (the scaler keeps it weakly). After an error nothing is watched: ask again.
    Observe,
    /// Write `replicas` if the object still has `expected.replicas`. If it has others by now, the answer is an
    /// `Observed` with what it says now, followed by `Written` with [`ScaleReason::Conflict`].
    Write {
        replicas: i64,
        expected: ScaleState,
        record: Box<Record>,
    },
}

/// What comes back. A node gets any number of `Observed` and exactly one `Written` per write.
#[derive(Debug, Clone)]
pub enum ScaleAnswer {
    /// The first answer to `Observe`, or a change seen by the watch.
    Observed(Result<ScaleState, ScaleError>),
    /// The write's result.
    Written(Result<ScaleState, ScaleError>),
}

/// Why the scale could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScaleError {
    pub reason: ScaleReason,
    /// What happened and how to mend it.
    pub message: String,
}

/// The kinds of failure a node treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleReason {
    /// The object does not exist.
    NotFound,
    /// The account lacks a right; the message says which.
    Forbidden,
    /// Somebody changed the object meanwhile.
    Conflict,
    /// The API server does not answer.
    Unavailable,
    /// Anything else.
    Other,
}

/// Where answers go. Called from any thread; never blocks.
pub type ScaleSink = Arc<dyn Fn(ScaleAnswer) + Send + Sync>;

/// Reads and writes scales of any kind that has a scale subresource. Every call returns at once.
pub trait Scaler: Debug + Send + Sync {
    /// Whether `cluster` is configured; the text is the reason why not (N-180, N-206).
    fn check(&self, cluster: &str) -> Result<(), String>;

    /// Sends a request for one object. Requests for one object are carried out in order, one at a time.
    fn send(&self, target: &ScaleTarget, request: ScaleRequest, sink: ScaleSink);

    /// Keeps the record of a decision that wrote nothing, or of a write that was answered.
    fn record(&self, record: &Record);
}

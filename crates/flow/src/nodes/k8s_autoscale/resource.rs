//! What the node knows about one object (N-191: shared by all groups of the node).

use std::collections::VecDeque;
use std::sync::Arc;

use capstan_hpa::cooldown::{Decision, State};
use capstan_hpa::record::{Record, Target};

use super::mail::Mail;
use super::point::Point;
use super::telling::Telling;
use crate::engine::mailbox::Mailbox;
use crate::ports::{ScaleSink, ScaleState, ScaleTarget};

/// How long after our own write an older version is taken for a late echo, in wall-clock nanoseconds. Afterwards it
/// means that versions start anew, as after a cluster was made again, and what is seen counts.
const ECHO: i64 = 60_000_000_000;

#[derive(Debug)]
pub(super) struct Resource {
    pub(super) target: ScaleTarget,
    pub(super) mail: Arc<Mail>,
    /// Held for as long as the task runs: the scaler tells of changes while somebody holds it.
    pub(super) sink: ScaleSinkHandle,
    /// What it has, as we wrote it last or a watch showed; `None` as long as nobody knows.
    pub(super) current: Option<ScaleState>,
    pub(super) cooldown: State,
    pub(super) flight: Option<Flight>,
    /// Points that wait for the answer, oldest first.
    pub(super) waiting: VecDeque<Point>,
    /// The owner that is scaled instead; holds until a state with another owner is seen.
    pub(super) forward: Option<u32>,
    /// What was logged last of what is logged only once.
    pub(super) complaint: Option<String>,
    pub(super) telling: Telling,
    /// Wall-clock time of our last write.
    written: Option<i64>,
}

/// A sink that can be printed.
#[derive(Clone)]
pub(super) struct ScaleSinkHandle(pub(super) ScaleSink);

impl std::fmt::Debug for ScaleSinkHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScaleSink")
    }
}

/// What is under way.
#[derive(Debug)]
pub(super) enum Flight {
    Read,
    Write(Box<Writing>),
}

/// A change that was sent and not answered.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) point: Point,
    pub(super) decision: Decision,
    pub(super) record: Record,
    /// What a watch, or the answer to a conflict, showed meanwhile.
    pub(super) seen: Option<ScaleState>,
}

impl Resource {
    pub(super) fn new(at: u32, target: ScaleTarget, mailbox: Mailbox) -> Self {
        let mail = Arc::new(Mail::default());
        let sink = ScaleSinkHandle(mail.sink(at, mailbox));
        Self {
            target,
            mail,
            sink,
            current: None,
            cooldown: State::default(),
            flight: None,
            waiting: VecDeque::new(),
            forward: None,
            complaint: None,
            telling: Telling::default(),
            written: None,
        }
    }

    /// What it has, when a point need not wait for anything.
    #[inline]
    pub(super) fn ready(&self) -> Option<&ScaleState> {
        let idle = self.flight.is_none() && self.waiting.is_empty() && self.mail.is_empty();
        self.current.as_ref().filter(|_| idle)
    }

    /// `namespace/kind/name`, as errors name it. A namespace that only the scaler knows is there once it was told.
    pub(super) fn id(&self) -> String {
        let ScaleTarget { kind, name, .. } = &self.target;
        match self.namespace() {
            "" => format!("{kind}/{name}"),
            namespace => format!("{namespace}/{kind}/{name}"),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        let told = self.current.as_ref().map_or("", |state| &state.namespace);
        if told.is_empty() {
            &self.target.namespace
        } else {
            told
        }
    }

    /// As decision records name it.
    pub(super) fn record_target(&self, state: &ScaleState) -> Target {
        Target::new(
            &state.api_version,
            &state.kind,
            &state.namespace,
            &*self.target.name,
        )
    }

    /// Takes in what was seen without having been asked for. Late echoes of what we overwrote are passed over.
    pub(super) fn see(&mut self, state: ScaleState, now: i64) {
        let echo = self
            .written
            .is_some_and(|written| now.saturating_sub(written) < ECHO);
        if echo && self.current.as_ref().is_some_and(|known| older(&state, known)) {
            return;
        }
        self.know(state);
    }

    /// Takes in the answer to our write, unless something newer was seen already.
    pub(super) fn wrote(&mut self, state: ScaleState, now: i64) {
        self.written = Some(now);
        if !self.current.as_ref().is_some_and(|known| older(&state, known)) {
            self.know(state);
        }
    }

    /// Takes in a state whatever was known before.
    pub(super) fn know(&mut self, state: ScaleState) {
        if self
            .current
            .as_ref()
            .is_none_or(|known| known.owner != state.owner)
        {
            self.forward = None;
        }
        self.current = Some(state);
    }
}

/// Whether `a` is from before `b`. Versions are opaque by contract and numbers in fact; where they are not, what comes
/// later is newer.
fn older(a: &ScaleState, b: &ScaleState) -> bool {
    match (
        a.resource_version.parse::<u64>(),
        b.resource_version.parse::<u64>(),
    ) {
        (Ok(a), Ok(b)) => a < b,
        _ => false,
    }
}

//! One look at an HPA: a sync, driven to its end, and what is noted of it.

use std::sync::Arc;
use std::time::Duration;

use capstan_hpa::memory::Memory;
use capstan_hpa::reconcile::{self, Event, Outcome, Progress, Start};
use capstan_hpa::record::{Age, LastGood, Record, Source};
use jiff::Timestamp;
use serde_json::Value;

use crate::controller::Shared;
use crate::shadow;
use crate::standing::Standing;
use crate::subject::{Key, Kind, Subject};
use crate::world::Visit;

/// Recommendations that are not worth looking through.
const COMPACT: usize = 16;

/// Looks in a row that have to find a metric missing before the fallback counts: one failure is no outage.
const PATIENCE: u32 = 3;

/// Bytes of an event's message.
const LONGEST_MESSAGE: usize = 1024;

/// What is kept of an HPA from look to look.
#[derive(Debug, Default)]
pub(crate) struct State {
    memory: Memory,
    /// Version of the target at our last write.
    wrote: Option<u64>,
    /// How many looks in a row found a metric missing.
    missed: u32,
    /// The last value of each metric, and when it was measured.
    good: Vec<(Box<str>, f64, Timestamp)>,
}

/// A look to be taken.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) shared: Arc<Shared>,
    pub(crate) subject: Arc<Subject>,
    pub(crate) state: State,
    /// When it was due, by the monotonic clock.
    pub(crate) due: Duration,
}

/// What came of one.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) key: Key,
    /// After how long to look again.
    pub(crate) period: Duration,
    pub(crate) state: State,
    /// The object as the server gave it back after a write.
    pub(crate) written: Option<Arc<Subject>>,
}

impl Look {
    pub(crate) async fn run(self) -> Looked {
        let Self {
            shared,
            subject,
            mut state,
            due,
        } = self;
        let clock = &shared.world.clock;
        let began = clock.monotonic();
        let standing = Standing::of(&subject, &shared.world.targets);
        let mut visit = Visit {
            least: state.wrote,
            withhold: standing != Standing::Acts,
            ..Visit::default()
        };
        let told = tell(&shared, &subject, &standing, &mut visit).await;
        let subject = told.clone().unwrap_or(subject);
        let start = Start {
            hpa: Arc::clone(&subject.hpa),
            memory: std::mem::take(&mut state.memory),
            options: Arc::clone(match &subject.fallback {
                Some(fallback) if state.missed >= PATIENCE => fallback,
                _ => &subject.arithmetic,
            }),
            keep_inputs: true,
        };
        let mut progress = reconcile::Sync::start(start, clock.now());
        let mut outcome = loop {
            match progress {
                Progress::Request(request, sync) => {
                    let answer = shared.world.answer(&subject, request, &mut visit).await;
                    progress = sync.resume(answer, clock.now());
                }
                Progress::Done(outcome) => break *outcome,
            }
        };
        let took = clock.monotonic().saturating_sub(began);
        let result = outcome.reconciliation;
        shared.stats.synced(result, began.saturating_sub(due), took);
        state.wrote = visit.least;
        let written = visit
            .written
            .take()
            .and_then(|object| read(&shared, &subject, object));
        state.missed = if has_missing(&outcome.record) {
            state.missed.saturating_add(1)
        } else {
            0
        };
        state.look_back(&mut outcome.record);
        if let Some(event) = visit.rescaled.take() {
            shared
                .world
                .recorder
                .note(&subject, with_summary(event, &outcome.record));
        }
        state.memory = finish(&shared, &subject, outcome, &visit);
        Looked {
            key: subject.key.clone(),
            period: subject.period,
            state,
            written: written.or(told),
        }
    }
}

impl State {
    /// Notes the values of a decision, and says beside those that are missing what they were last.
    fn look_back(&mut self, record: &mut Record) {
        let now = record.time;
        for input in &mut record.inputs {
            let known = self.good.iter_mut().find(|(name, ..)| **name == *input.name);
            match (input.value, known) {
                (Some(value), Some(known)) => (known.1, known.2) = (value, input.time.unwrap_or(now)),
                (Some(value), None) => {
                    let time = input.time.unwrap_or(now);
                    self.good.push((input.name.as_str().into(), value, time));
                }
                (None, Some(&mut (_, value, time))) => {
                    let age = now.as_nanosecond() - time.as_nanosecond();
                    let age = Age(i64::try_from(age).unwrap_or(i64::MAX));
                    input.last_good = Some(LastGood { value, time, age });
                }
                (None, None) => {}
            }
        }
        // The spec may name others by now.
        if self.good.len() > record.inputs.len() && !record.inputs.is_empty() {
            self.good
                .retain(|(name, ..)| record.inputs.iter().any(|input| *input.name == **name));
        }
    }
}

/// Says on the object whether we act on it, unless it says so already. Gives the object to go on from, if that is
/// another one now.
async fn tell(
    shared: &Shared,
    subject: &Arc<Subject>,
    standing: &Standing,
    visit: &mut Visit,
) -> Option<Arc<Subject>> {
    let (hpa, event) = standing.news(subject, shared.world.clock.now())?;
    shared.world.put_status(subject, "", &hpa, visit).await;
    // If it could not be written, the next look tries again.
    let written = visit.written.take()?;
    if let Some(event) = event {
        shared.world.recorder.note(subject, event);
    }
    read(shared, subject, written)
}

/// The object that the server gave back, if it is not an older one.
fn read(shared: &Shared, subject: &Subject, object: Value) -> Option<Arc<Subject>> {
    let written = Subject::read(subject.key.kind, object, &shared.options).ok()??;
    (!written.is_older(subject)).then(|| Arc::new(written))
}

/// The event about a new number of replicas with the whole decision in one line. HPAs' events say what upstream's say.
fn with_summary(event: Event, record: &Record) -> Event {
    let summary = record.summary();
    let both = format!("{}; {summary}", event.message);
    let message = if both.len() <= LONGEST_MESSAGE {
        both
    } else {
        summary
    };
    Event { message, ..event }
}

/// Whether a metric could not be had.
fn has_missing(record: &Record) -> bool {
    record.inputs.iter().any(|input| input.value.is_none())
}

/// Notes what came of a look, and gives what to remember.
fn finish(shared: &Shared, subject: &Subject, outcome: Outcome, visit: &Visit) -> Memory {
    for (at, result) in outcome.metric_results.iter().enumerate() {
        let took = visit.metrics.get(at).copied().unwrap_or_default();
        shared.stats.computed(result, took);
    }
    if let Some(desired) = outcome.desired {
        shared.stats.desired(&subject.key, desired);
    }
    if let Some(error) = &outcome.error {
        tracing::debug!(hpa = %subject.key, error, "a look at an HPA ended with an error");
    }
    let mut record = outcome.record;
    if subject.shadow && subject.key.kind == Kind::Hpa {
        let status = &subject.hpa.status;
        let look = shadow::Look {
            time: record.time,
            current: i32::try_from(record.current_replicas).unwrap_or(i32::MAX),
            ours: outcome.desired,
            theirs: (!status.conditions.is_empty()).then_some(status.desired_replicas),
        };
        // Without a scale there is nothing to compare.
        if record.arithmetic.as_ref().is_some_and(|all| all.max_replicas > 0) {
            shared.comparisons.look(&subject.key, look);
        }
    }
    if subject.key.kind == Kind::Autoscaler {
        record.source = Source::autoscaler(&*subject.key.name);
    }
    shared.decisions.push(&record);
    let mut memory = outcome.memory;
    if memory.recommendations().len() >= COMPACT {
        memory.compact();
    }
    memory
}

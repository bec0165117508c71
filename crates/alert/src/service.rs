//! Topics in motion: collects events, remembers states, delivers to handlers.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::sync::{Arc, Weak};

use capstan_gocompat::path_match;
use parking_lot::Mutex;

use crate::event::{Event, EventState};
use crate::inhibit::Inhibitors;
use crate::level::Level;
use crate::matching::Match;
use crate::spec::{HandlerSpec, Sends};
use crate::topics::{TopicState, Topics};

/// How many topics one event may pass through one after another.
const MAX_HOPS: usize = 32;
/// How many topics one event may reach in all.
const MAX_REACHED: usize = 1_000;

/// Takes the events of one topic. Never blocks: it queues.
pub trait Handler: Debug + Send + Sync {
    /// Takes an event.
    ///
    /// # Errors
    /// The queue is full and the event is lost.
    fn handle(&self, event: &Event) -> Result<(), String>;
}

/// Whose handler is made.
#[derive(Debug, Clone)]
pub struct Owner {
    pub topic: Arc<str>,
    /// Id of the handler; empty for a script's.
    pub id: Arc<str>,
    /// The service, for handlers that make events themselves.
    pub service: Weak<Service>,
}

/// A handler that every alert node has unless its script has one of the same kind.
#[derive(Debug, Clone)]
pub struct Global {
    pub spec: HandlerSpec,
    /// Whether it makes all alert nodes tell changes of state only.
    pub state_changes_only: bool,
}

/// Makes handlers.
pub trait Factory: Debug + Send + Sync {
    /// Makes a handler.
    ///
    /// # Errors
    /// It cannot send, or its settings do not fit the configuration.
    fn make(&self, spec: &HandlerSpec, owner: &Owner) -> Result<Arc<dyn Handler>, String>;

    /// Handlers that every alert node has.
    fn globals(&self) -> Vec<Global> {
        Vec::new()
    }
}

/// Where states are kept beyond the process. Never blocks for long.
pub trait Journal: Debug + Send + Sync {
    /// The state of an event that is not OK.
    fn keep(&self, topic: &Arc<str>, state: &EventState);
    /// An event is OK again.
    fn forget(&self, topic: &Arc<str>, id: &Arc<str>);
    /// A topic was deleted.
    fn forget_topic(&self, topic: &str);
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn keep(&self, _topic: &Arc<str>, _state: &EventState) {}
    fn forget(&self, _topic: &Arc<str>, _id: &Arc<str>) {}
    fn forget_topic(&self, _topic: &str) {}
}

/// Makes handlers that drop every event, for runs without effects; refuses what could not send anyway.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Factory for Discard {
    fn make(&self, _spec: &HandlerSpec, _owner: &Owner) -> Result<Arc<dyn Handler>, String> {
        Ok(Arc::new(Self))
    }
}

impl Handler for Discard {
    fn handle(&self, _event: &Event) -> Result<(), String> {
        Ok(())
    }
}

/// What is attached to a topic.
#[derive(Debug, Clone)]
struct Attached {
    /// Id of the handler; empty for a script's.
    id: Arc<str>,
    /// Which opening of the topic it came with; 0 for those with an id.
    opening: u64,
    matching: Option<Arc<Match>>,
    target: Target,
}

#[derive(Debug, Clone)]
enum Target {
    Handler(Arc<dyn Handler>),
    Publish(Arc<[Arc<str>]>),
}

#[derive(Debug, Default)]
struct Inner {
    topics: Topics,
    attached: BTreeMap<Arc<str>, Vec<Attached>>,
    openings: u64,
}

/// The topics of a process.
#[derive(Debug)]
pub struct Service {
    inner: Mutex<Inner>,
    inhibitors: Inhibitors,
    factory: Arc<dyn Factory>,
    journal: Arc<dyn Journal>,
    me: Weak<Self>,
}

impl Service {
    /// No topics yet.
    pub fn new(factory: Arc<dyn Factory>, journal: Arc<dyn Journal>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            inner: Mutex::default(),
            inhibitors: Inhibitors::default(),
            factory,
            journal,
            me: me.clone(),
        })
    }

    /// Topics for runs without effects: states are kept, nothing is sent.
    pub fn offline() -> Arc<Self> {
        Self::new(Arc::new(Discard), Arc::new(NoJournal))
    }

    /// Alerts that silence others.
    pub fn inhibitors(&self) -> &Inhibitors {
        &self.inhibitors
    }

    /// Handlers that every alert node has.
    pub fn globals(&self) -> Vec<Global> {
        self.factory.globals()
    }

    /// Takes up the state of an event that an earlier run kept.
    pub fn restore(&self, topic: &Arc<str>, state: EventState) {
        let mut inner = self.inner.lock();
        inner.topics.update(topic, state);
    }

    /// Opens the topic of an alert node with the handlers of its script. The number is for [`Service::close`].
    ///
    /// # Errors
    /// A handler cannot be made; the text says which.
    pub fn open(&self, topic: &Arc<str>, handlers: &[HandlerSpec]) -> Result<u64, String> {
        let id: Arc<str> = Arc::from("");
        let targets: Vec<Target> = handlers
            .iter()
            .map(|spec| self.target(topic, &id, spec))
            .collect::<Result<_, _>>()?;
        let mut inner = self.inner.lock();
        inner.openings += 1;
        let opening = inner.openings;
        inner.topics.open(topic);
        let attached = inner.attached.entry(Arc::clone(topic)).or_default();
        attached.extend(targets.into_iter().map(|target| Attached {
            id: Arc::clone(&id),
            opening,
            matching: None,
            target,
        }));
        Ok(opening)
    }

    /// Takes the handlers of one opening off a topic; it is hidden when nothing else is attached.
    pub fn close(&self, topic: &str, opening: u64) {
        let mut inner = self.inner.lock();
        let Some(attached) = inner.attached.get_mut(topic) else {
            return;
        };
        attached.retain(|attached| attached.opening != opening);
        if attached.is_empty() {
            inner.attached.remove(topic);
            inner.topics.close(topic);
        }
    }

    /// Attaches a handler with an id to a topic; one with the same id is replaced.
    ///
    /// # Errors
    /// It cannot be made, or the condition has mistakes.
    pub fn attach(
        &self,
        topic: &Arc<str>,
        id: &Arc<str>,
        spec: &HandlerSpec,
        condition: &str,
    ) -> Result<(), String> {
        let matching = if condition.trim().is_empty() {
            None
        } else {
            Some(Arc::new(
                Match::parse(condition).map_err(|error| error.to_string())?,
            ))
        };
        let target = self.target(topic, id, spec)?;
        let mut inner = self.inner.lock();
        inner.topics.open(topic);
        let attached = inner.attached.entry(Arc::clone(topic)).or_default();
        attached.retain(|attached| attached.id != *id);
        attached.push(Attached {
            id: Arc::clone(id),
            opening: 0,
            matching,
            target,
        });
        Ok(())
    }

    /// Takes a handler with an id off its topic.
    pub fn detach(&self, topic: &str, id: &str) {
        if let Some(attached) = self.inner.lock().attached.get_mut(topic) {
            attached.retain(|attached| attached.id.is_empty() || *attached.id != *id);
        }
    }

    fn target(&self, topic: &Arc<str>, id: &Arc<str>, spec: &HandlerSpec) -> Result<Target, String> {
        let name = if id.is_empty() {
            spec.kind.method
        } else {
            spec.kind.kind
        };
        match spec.kind.sends {
            Sends::NotYet => {
                return Err(format!(
                    "alert handler {name} cannot send yet; take it out or use post, tcp, exec, log or email"
                ));
            }
            Sends::Gone => {
                return Err(format!(
                    "alert handler {name} sends to a service that no longer exists; take it out"
                ));
            }
            Sends::Yes | Sends::Inside => {}
        }
        (spec.kind.check_start)(&spec.options)?;
        if std::ptr::eq(spec.kind, &raw const crate::kinds::PUBLISH) {
            let topics = spec.texts("topics").into_iter().map(Arc::from).collect();
            return Ok(Target::Publish(topics));
        }
        let owner = Owner {
            topic: Arc::clone(topic),
            id: Arc::clone(id),
            service: self.me.clone(),
        };
        self.factory.make(spec, &owner).map(Target::Handler)
    }

    /// Takes an event into a topic and whatever topics it is published to from there. Every topic is reached, whatever
    /// goes wrong in another.
    ///
    /// # Errors
    /// A handler's queue is full, a condition failed, or topics publish to each other in a circle; the texts of all.
    pub fn collect(&self, topic: &Arc<str>, event: &Event) -> Result<(), String> {
        let mut problems = Vec::new();
        let mut reached = 0;
        let mut waiting = VecDeque::from([(vec![Arc::clone(topic)], event.clone())]);
        while let Some((path, mut event)) = waiting.pop_front() {
            let Some(topic) = path.last() else { continue };
            reached += 1;
            if reached > MAX_REACHED {
                problems.push(format!(
                    "event {:?} reached more than {MAX_REACHED} topics",
                    event.state.id
                ));
                break;
            }
            let attached = {
                let mut inner = self.inner.lock();
                event.previous = inner
                    .topics
                    .collect(topic, event.state.clone())
                    .unwrap_or_default();
                // Under the lock, so that what is kept last is what happened last.
                if event.state.level == Level::Ok {
                    self.journal.forget(topic, &event.state.id);
                } else {
                    self.journal.keep(topic, &event.state);
                }
                inner.attached.get(topic).cloned().unwrap_or_default()
            };
            for attached in attached {
                match attached
                    .matching
                    .as_ref()
                    .map(|matching| matching.matches(&event))
                {
                    None | Some(Ok(true)) => {}
                    Some(Ok(false)) => continue,
                    Some(Err(error)) => {
                        problems.push(format!("failed to evaluate match expression: {error}"));
                        continue;
                    }
                }
                match attached.target {
                    Target::Handler(handler) => problems.extend(handler.handle(&event).err()),
                    Target::Publish(topics) => {
                        for next in topics.iter() {
                            if path.contains(next) || path.len() >= MAX_HOPS {
                                let path: Vec<&str> = path.iter().map(|topic| &**topic).collect();
                                problems.push(format!(
                                    "topics publish in a circle: {} -> {next}",
                                    path.join(" -> ")
                                ));
                                continue;
                            }
                            let mut path = path.clone();
                            path.push(Arc::clone(next));
                            waiting.push_back((path, event.clone()));
                        }
                    }
                }
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("; "))
        }
    }

    /// Sets the state of an event without telling handlers.
    pub fn update(&self, topic: &Arc<str>, state: EventState) {
        let mut inner = self.inner.lock();
        if state.level != Level::Ok {
            self.journal.keep(topic, &state);
        }
        inner.topics.update(topic, state);
    }

    /// The state of one event.
    pub fn event(&self, topic: &str, id: &str) -> Option<EventState> {
        self.inner.lock().topics.event(topic, id).cloned()
    }

    /// Events of a topic that are at least this bad, by id; `None` when there is no such topic.
    pub fn events(&self, topic: &str, minimum: Level) -> Option<Vec<EventState>> {
        self.inner.lock().topics.events(topic, minimum)
    }

    /// A topic.
    pub fn topic(&self, topic: &str) -> Option<TopicState> {
        self.inner.lock().topics.topic(topic)
    }

    /// Topics that match a pattern and are at least this bad, by name. An empty pattern matches all.
    pub fn topics(&self, pattern: &str, minimum: Level) -> Vec<(Arc<str>, TopicState)> {
        let mut topics = self.inner.lock().topics.topics(minimum);
        topics.retain(|(name, _)| pattern.is_empty() || path_match(pattern, name).unwrap_or(false));
        topics
    }

    /// Forgets a topic and the states in it; its handlers stay attached.
    pub fn delete(&self, topic: &str) {
        self.inner.lock().topics.delete(topic);
        self.journal.forget_topic(topic);
    }

    /// Forgets every topic that starts with `prefix`: those of a deleted task's nodes.
    pub fn delete_all(&self, prefix: &str) {
        let names = self.inner.lock().topics.names(prefix);
        for name in names {
            self.delete(&name);
        }
    }
}

#[cfg(test)]
mod tests;

//! `match` expressions of handlers (A-49, E-70 to E-75).

use std::sync::Arc;

use capstan_expr::{
    CallError, Compiled, Environment, Function, Scope, ScopeValue, Signature, State, Type, Value,
};
use capstan_tick::ast::{Kind, Node};
use parking_lot::Mutex;

use crate::event::Event;
use crate::level::Level;

/// Why an expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    /// It is no expression, or uses what there is not.
    #[error("invalid match expression: {0}")]
    Invalid(String),
    /// A name that is no level.
    #[error("unknown identifier {0:?}")]
    UnknownName(String),
}

impl capstan_base::Classify for MatchError {
    fn class(&self) -> capstan_base::Class {
        capstan_base::Class::User
    }
}

static CHANGED: Function = Function::scoped(
    "changed",
    &[Signature::new(&[], Type::Bool)],
    "Whether the level differs from that of the same id's last event in the topic.",
);
static LEVEL: Function = Function::scoped(
    "level",
    &[Signature::new(&[], Type::Int)],
    "The level: OK, INFO, WARNING or CRITICAL.",
);
static NAME: Function = Function::scoped("name", &[Signature::new(&[], Type::String)], "The measurement.");
static TASK_NAME: Function =
    Function::scoped("taskName", &[Signature::new(&[], Type::String)], "The task's id.");
static ALERT_DURATION: Function = Function::scoped(
    "alertDuration",
    &[Signature::new(&[], Type::Duration)],
    "Time since the id was last OK.",
);

/// The functions that only match expressions have.
pub static FUNCTIONS: &[&Function] = &[&CHANGED, &LEVEL, &NAME, &TASK_NAME, &ALERT_DURATION];

/// A condition on events.
#[derive(Debug)]
pub struct Match {
    compiled: Compiled,
    /// One for all events, as in Kapacitor.
    state: Mutex<State>,
}

impl Match {
    /// Reads an expression, with or without the word `lambda:`.
    ///
    /// # Errors
    /// It has mistakes.
    pub fn parse(text: &str) -> Result<Self, MatchError> {
        let text = text.trim();
        let mut body = capstan_tick::parse_lambda(text.strip_prefix("lambda:").unwrap_or(text))
            .map_err(|error| MatchError::Invalid(error.to_string()))?;
        if let Kind::Lambda(inner) = body.kind {
            body = *inner;
        }
        name_levels(&mut body)?;
        let environment =
            Arc::new(Environment::new(capstan_base::SystemClock::shared()).with_functions(FUNCTIONS));
        let compiled = Compiled::with_environment(&body, environment)
            .map_err(|error| MatchError::Invalid(error.to_string()))?;
        let state = Mutex::new(compiled.state());
        Ok(Self { compiled, state })
    }

    /// Whether an event matches.
    ///
    /// # Errors
    /// A tag is missing, or the result is no boolean; the event is not handled then.
    pub fn matches(&self, event: &Event) -> Result<bool, String> {
        let tags = &event.data.tags;
        let missing = |name: &&Arc<str>| tags.get(name).is_none();
        if let Some(name) = self.compiled.references().iter().find(missing) {
            return Err(format!("no tag exists for {name}"));
        }
        let scope = EventScope {
            event,
            names: self.compiled.references(),
        };
        self.compiled
            .eval_bool(&mut self.state.lock(), &scope)
            .map_err(|error| error.to_string())
    }
}

/// `OK`, `INFO`, `WARNING`, `CRITICAL` are their numbers (E-71).
fn name_levels(node: &mut Node) -> Result<(), MatchError> {
    match &mut node.kind {
        Kind::Identifier(name) => {
            let level = Level::ALL
                .into_iter()
                .find(|level| level.as_str() == name)
                .ok_or_else(|| MatchError::UnknownName(name.clone()))?;
            node.kind = Kind::Int {
                value: i64::from(level.number()),
                octal: false,
            };
            Ok(())
        }
        Kind::Unary { operand, .. } => name_levels(operand),
        Kind::Binary(binary) => {
            name_levels(&mut binary.left)?;
            name_levels(&mut binary.right)
        }
        Kind::Call(call) => call.args.iter_mut().try_for_each(name_levels),
        Kind::Lambda(body) => name_levels(body),
        _ => Ok(()),
    }
}

struct EventScope<'a> {
    event: &'a Event,
    names: &'a [Arc<str>],
}

impl Scope for EventScope<'_> {
    fn get(&self, slot: usize) -> ScopeValue<'_> {
        let tag = self
            .names
            .get(slot)
            .and_then(|name| self.event.data.tags.get(name));
        tag.map_or(ScopeValue::Missing, ScopeValue::String)
    }

    fn call(&self, function: &str, _arguments: &[Value]) -> Result<Value, CallError> {
        let Event {
            state,
            previous,
            data,
            ..
        } = self.event;
        Ok(match function {
            "changed" => Value::Bool(state.level != *previous),
            "level" => Value::Int(i64::from(state.level.number())),
            "name" => Value::String(data.name.to_string().into()),
            "taskName" => Value::String(data.task.to_string().into()),
            "alertDuration" => Value::Duration(state.duration),
            other => return Err(CallError::Other(format!("function {other} has no meaning here"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use capstan_model::Tags;

    use super::*;
    use crate::event::{EventData, EventState};

    fn event() -> Event {
        let state = EventState {
            id: "id".into(),
            message: "".into(),
            details: "".into(),
            time: 0,
            duration: 30_000_000_000,
            level: Level::Warning,
        };
        let data = EventData {
            name: "cpu".into(),
            task: "t".into(),
            tags: Tags::from_pairs([("host", "a")]),
            ..EventData::default()
        };
        Event::new(state, Arc::new(data))
    }

    #[test]
    fn events_are_matched_by_level_change_tags_and_names() {
        for (text, wanted) in [
            ("changed() == TRUE", true),
            ("changed()", true),
            ("level() == CRITICAL", false),
            ("lambda: level() >= WARNING AND \"host\" == 'a'", true),
            ("name() == 'cpu' AND taskName() == 't'", true),
            ("alertDuration() < 1m", true),
            ("\"host\" =~ /^b/", false),
        ] {
            let expression = Match::parse(text).expect(text);
            assert_eq!(expression.matches(&event()), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn missing_tags_other_types_and_unknown_names_are_errors() {
        let error = |text: &str| Match::parse(text).expect(text).matches(&event()).unwrap_err();
        assert_eq!(error("\"zone\" == 'a'"), "no tag exists for zone");
        assert!(!error("level()").is_empty());
        assert_eq!(
            Match::parse("level() == BAD").unwrap_err(),
            MatchError::UnknownName("BAD".to_owned())
        );
        assert!(Match::parse("level( ==").is_err());
    }
}

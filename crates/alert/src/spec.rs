//! How a kind of handler is declared, and a handler with its options.

use capstan_gocompat::duration;
use serde_json::{Map, Value as Json};

use crate::kinds::HANDLERS;

/// One kind of handler (section 7.5 of the parity rows).
#[derive(Debug)]
pub struct HandlerKind {
    /// The word of handler files and of the API; empty when only scripts have it.
    pub kind: &'static str,
    /// The property of alert nodes that makes one; empty when scripts have none.
    pub method: &'static str,
    /// What the arguments of that property are.
    pub takes: Method,
    pub options: &'static [HandlerOption],
    /// Whether it reaches anybody.
    pub sends: Sends,
    /// What must hold when a script or handler file is read; the text is Kapacitor's.
    pub check: fn(&Map<String, Json>) -> Result<(), String>,
    /// What must hold before it can be made; the text is Kapacitor's.
    pub check_start: fn(&Map<String, Json>) -> Result<(), String>,
    /// The manual entry; the first sentence stands in lists.
    pub doc: &'static str,
}

/// Arguments of the property that makes a handler. The words are option names.
#[derive(Debug, Clone, Copy)]
pub enum Method {
    Nothing,
    /// One text.
    First(&'static str),
    /// Any number of texts; the first counts.
    AtMostFirst(&'static str),
    /// Any number of texts.
    Rest(&'static str),
    /// One text and any number of further ones.
    FirstAndRest(&'static str, &'static str),
}

/// An option of a handler: in handler files by `name`, in scripts by the property `property`.
#[derive(Debug)]
pub struct HandlerOption {
    /// Empty when handler files do not have it.
    pub name: &'static str,
    /// Empty when scripts do not have it.
    pub property: &'static str,
    /// Another spelling of the property; empty when there is none.
    pub alias: &'static str,
    pub fill: Fill,
    pub doc: &'static str,
}

/// What a call of the property does to the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Without arguments: true.
    Flag,
    /// The last call counts.
    Set(Type),
    /// Any number of texts; the last call counts.
    List,
    /// Any number of texts; all calls count.
    Extend,
    /// A key and a value; all calls count.
    Entry(Type),
    /// An object of texts with these keys, of which the first `required` are needed; all calls count.
    Row {
        keys: &'static [&'static str],
        required: usize,
    },
}

/// Type of an option's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Int,
    Flag,
    /// Nanoseconds, or in handler files also text such as `10s`.
    Duration,
    /// Any literal.
    Any,
}

/// Whether a kind of handler reaches anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    Yes,
    /// It works within the topics, and needs nobody outside.
    Inside,
    /// Its settings are known, its sender is not built.
    NotYet,
    /// The service it sent to no longer exists.
    Gone,
}

/// Why a handler cannot be described so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    #[error("unsupported action kind: {kind:?}{hint}")]
    UnknownKind { kind: String, hint: String },
    #[error("handler {kind}: unknown option {option:?}; its options are {known}")]
    UnknownOption {
        kind: &'static str,
        option: String,
        known: String,
    },
    #[error("handler {kind}: option {option} must be {wanted}")]
    WrongType {
        kind: &'static str,
        option: &'static str,
        wanted: String,
    },
    #[error("{0}")]
    Refused(String),
}

impl capstan_base::Classify for SpecError {
    fn class(&self) -> capstan_base::Class {
        capstan_base::Class::User
    }
}

impl HandlerOption {
    /// The key of the option's value.
    pub const fn key(&self) -> &'static str {
        if self.name.is_empty() {
            self.property
        } else {
            self.name
        }
    }

    fn accepts(&self, value: &Json) -> bool {
        let texts = |value: &Json| {
            value
                .as_array()
                .is_some_and(|items| items.iter().all(Json::is_string))
        };
        match self.fill {
            Fill::Flag => value.is_boolean(),
            Fill::Set(kind) => kind.accepts(value),
            Fill::List | Fill::Extend => texts(value),
            Fill::Entry(kind) => value
                .as_object()
                .is_some_and(|entries| entries.values().all(|value| kind.accepts(value))),
            Fill::Row { keys, .. } => value.as_array().is_some_and(|rows| {
                rows.iter().all(|row| {
                    row.as_object().is_some_and(|row| {
                        row.iter()
                            .all(|(key, value)| keys.contains(&key.as_str()) && value.is_string())
                    })
                })
            }),
        }
    }

    fn wanted(&self) -> String {
        match self.fill {
            Fill::Flag => "true or false".to_owned(),
            Fill::Set(kind) => kind.wanted().to_owned(),
            Fill::List | Fill::Extend => "a list of strings".to_owned(),
            Fill::Entry(kind) => format!("a map, each value {}", kind.wanted()),
            Fill::Row { keys, .. } => format!("a list of objects with the keys {}", keys.join(", ")),
        }
    }
}

impl Type {
    fn accepts(self, value: &Json) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Int => value.is_i64(),
            Self::Flag => value.is_boolean(),
            Self::Duration => nanoseconds(value).is_some(),
            Self::Any => !value.is_null(),
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Int => "an integer",
            Self::Flag => "true or false",
            Self::Duration => "a duration such as \"10s\", or a number of nanoseconds",
            Self::Any => "a value",
        }
    }
}

/// A duration of an option in nanoseconds: a number of them, or text as Go writes it.
pub fn nanoseconds(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => number.as_i64(),
        Json::String(text) => duration::parse_go(text).ok(),
        _ => None,
    }
}

impl HandlerKind {
    /// The kind of a handler file or of the API.
    pub fn of_topic(kind: &str) -> Option<&'static Self> {
        HANDLERS
            .iter()
            .find(|known| !known.kind.is_empty() && known.kind == kind)
            .copied()
    }

    /// The kind that a property of alert nodes makes.
    pub fn of_method(method: &str) -> Option<&'static Self> {
        HANDLERS
            .iter()
            .find(|known| !known.method.is_empty() && known.method == method)
            .copied()
    }

    /// The option that a property sets.
    pub fn property(&self, property: &str) -> Option<&'static HandlerOption> {
        self.options
            .iter()
            .find(|option| !property.is_empty() && (option.property == property || option.alias == property))
    }

    /// The word of error texts: as the script or the handler file has it.
    pub const fn name(&self) -> &'static str {
        if self.kind.is_empty() {
            self.method
        } else {
            self.kind
        }
    }
}

/// A handler with its options, checked.
#[derive(Debug, Clone)]
pub struct HandlerSpec {
    pub kind: &'static HandlerKind,
    /// By [`HandlerOption::key`].
    pub options: Map<String, Json>,
}

/// Equal specifications make equal handlers.
impl PartialEq for HandlerSpec {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.kind, other.kind) && self.options == other.options
    }
}

impl HandlerSpec {
    /// The handler of a handler file or of the API; names of options are checked strictly.
    ///
    /// # Errors
    /// There is no such kind or option, or a value has another type.
    pub fn from_options(kind: &str, options: &Map<String, Json>) -> Result<Self, SpecError> {
        let Some(kind) = HandlerKind::of_topic(kind) else {
            let known: Vec<&str> = HANDLERS
                .iter()
                .map(|known| known.kind)
                .filter(|known| !known.is_empty())
                .collect();
            return Err(SpecError::UnknownKind {
                kind: kind.to_owned(),
                hint: format!("; kinds are {}", known.join(", ")),
            });
        };
        for (name, value) in options {
            let Some(option) = kind
                .options
                .iter()
                .find(|option| !option.name.is_empty() && option.name == name)
            else {
                let known = kind.options.iter().map(|option| option.name);
                return Err(SpecError::UnknownOption {
                    kind: kind.name(),
                    option: name.clone(),
                    known: known
                        .filter(|name| !name.is_empty())
                        .collect::<Vec<_>>()
                        .join(", "),
                });
            };
            if !option.accepts(value) {
                return Err(SpecError::WrongType {
                    kind: kind.name(),
                    option: option.name,
                    wanted: option.wanted(),
                });
            }
        }
        Self::checked(kind, options.clone())
    }

    /// The handler of a script: arguments of the property that makes it, and the calls of its own properties in order.
    /// Number and types of arguments were checked before.
    ///
    /// # Errors
    /// The settings contradict each other.
    pub fn from_calls<'a>(
        kind: &'static HandlerKind,
        arguments: &[Json],
        calls: impl Iterator<Item = (&'a HandlerOption, &'a [Json])>,
    ) -> Result<Self, SpecError> {
        let mut options = Map::new();
        let first = |options: &mut Map<String, Json>, name: &str| {
            if let Some(value) = arguments.first() {
                options.insert(name.to_owned(), value.clone());
            }
        };
        match kind.takes {
            Method::Nothing => {}
            Method::First(name) | Method::AtMostFirst(name) => first(&mut options, name),
            Method::Rest(name) => {
                options.insert(name.to_owned(), Json::Array(arguments.to_vec()));
            }
            Method::FirstAndRest(name, rest) => {
                first(&mut options, name);
                let others = arguments.get(1..).unwrap_or_default().to_vec();
                options.insert(rest.to_owned(), Json::Array(others));
            }
        }
        for (option, arguments) in calls {
            fill(&mut options, option, arguments);
        }
        Self::checked(kind, options)
    }

    fn checked(kind: &'static HandlerKind, options: Map<String, Json>) -> Result<Self, SpecError> {
        (kind.check)(&options).map_err(SpecError::Refused)?;
        Ok(Self { kind, options })
    }

    /// A text option; empty when it is not given.
    pub fn text(&self, option: &str) -> &str {
        self.options
            .get(option)
            .and_then(Json::as_str)
            .unwrap_or_default()
    }

    /// Texts of a list option.
    pub fn texts(&self, option: &str) -> Vec<String> {
        let items = self.options.get(option).and_then(Json::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    }

    /// Whether a flag is set.
    pub fn flag(&self, option: &str) -> bool {
        self.options
            .get(option)
            .and_then(Json::as_bool)
            .unwrap_or_default()
    }

    /// A duration in nanoseconds; 0 when it is not given.
    pub fn duration(&self, option: &str) -> i64 {
        self.options.get(option).and_then(nanoseconds).unwrap_or_default()
    }
}

fn fill(options: &mut Map<String, Json>, option: &HandlerOption, arguments: &[Json]) {
    let key = option.key().to_owned();
    match option.fill {
        Fill::Flag => {
            options.insert(key, Json::Bool(true));
        }
        Fill::Set(_) => {
            if let Some(value) = arguments.first() {
                options.insert(key, value.clone());
            }
        }
        Fill::List => {
            options.insert(key, Json::Array(arguments.to_vec()));
        }
        Fill::Extend => {
            if let Json::Array(items) = options.entry(key).or_insert_with(|| Json::Array(Vec::new())) {
                items.extend_from_slice(arguments);
            }
        }
        Fill::Entry(_) => {
            if let ([Json::String(name), value], Json::Object(entries)) = (
                arguments,
                options.entry(key).or_insert_with(|| Json::Object(Map::new())),
            ) {
                entries.insert(name.clone(), value.clone());
            }
        }
        Fill::Row { keys, .. } => {
            let row = keys
                .iter()
                .zip(arguments)
                .map(|(&key, value)| (key.to_owned(), value.clone()))
                .collect();
            if let Json::Array(rows) = options.entry(key).or_insert_with(|| Json::Array(Vec::new())) {
                rows.push(Json::Object(row));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_unique_and_everything_is_documented() {
        for (at, kind) in HANDLERS.iter().enumerate() {
            assert!(kind.doc.ends_with('.'), "{}", kind.name());
            assert!(!kind.name().is_empty());
            for other in &HANDLERS[..at] {
                assert!(kind.kind.is_empty() || kind.kind != other.kind, "{}", kind.kind);
                assert!(
                    kind.method.is_empty() || kind.method != other.method,
                    "{}",
                    kind.method
                );
            }
            for (at, option) in kind.options.iter().enumerate() {
                assert!(option.doc.ends_with('.'), "{}.{}", kind.name(), option.key());
                assert!(!option.key().is_empty());
                for other in &kind.options[..at] {
                    assert_ne!(option.key(), other.key(), "{}", kind.name());
                    assert!(option.property.is_empty() || option.property != other.property);
                }
            }
            let named: &[&str] = match kind.takes {
                Method::Nothing => &[],
                Method::First(a) | Method::AtMostFirst(a) | Method::Rest(a) => &[a],
                Method::FirstAndRest(a, b) => &[a, b],
            };
            for name in named {
                assert!(kind.options.iter().any(|option| option.key() == *name), "{name}");
            }
        }
    }

    #[test]
    fn a_script_and_a_handler_file_can_say_the_same() {
        let kind = HandlerKind::of_method("post").expect("post is a handler");
        let property = |name| kind.property(name).expect("a property");
        let (header, timeout) = ([json!("a"), json!("b")], [json!(10_000_000_000_i64)]);
        let calls: [(&HandlerOption, &[Json]); 3] = [
            (property("header"), &header),
            (property("captureResponse"), &[]),
            (property("timeout"), &timeout),
        ];
        let inline =
            HandlerSpec::from_calls(kind, &[json!("http://x")], calls.into_iter()).expect("a handler");
        let options = json!({"url": "http://x", "headers": {"a": "b"}, "capture-response": true,
            "timeout": 10_000_000_000_i64});
        let file = HandlerSpec::from_options("post", options.as_object().expect("an object"));
        assert_eq!(Ok(inline), file);
    }

    #[test]
    fn options_are_checked_strictly() {
        let from = |kind: &str, options: Json| {
            HandlerSpec::from_options(kind, options.as_object().expect("an object"))
                .map(drop)
                .map_err(|error| error.to_string())
        };
        assert_eq!(from("slack", json!({"channel": "#a"})), Ok(()));
        assert!(from("slack", json!({"chanel": "#a"})).is_err_and(|error| error.contains("chanel")));
        assert!(from("slack", json!({"channel": 1})).is_err_and(|error| error.contains("a string")));
        assert!(from("slak", json!({})).is_err_and(|error| error.contains("slak")));
        assert!(from("aggregate", json!({"interval": "10s", "topic": "t", "id": "i"})).is_ok());
        assert!(from("post", json!({"headers": {"Authenticate": "x"}})).is_err());
    }
}

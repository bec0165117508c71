//! Values while they are computed with.

use std::borrow::Cow;

use serde_json::Value;

use super::JsonError;

/// A value of a document, or one that was computed.
#[derive(Debug, Clone)]
pub(super) enum Node<'v> {
    /// What a path found nothing for. Not the same as null.
    Nothing,
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number; may be NaN or infinite when it was computed.
    Number(f64),
    /// A string.
    Text(Cow<'v, str>),
    /// An array or object of the document.
    Container(&'v Value),
    /// An array of what a path found.
    Found(Vec<Node<'v>>),
}

impl<'v> Node<'v> {
    pub(super) fn of(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(_) | Value::Object(_) => Self::Container(value),
        }
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self, Self::Container(Value::Array(_)) | Self::Found(_))
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Container(Value::Object(_)))
    }

    pub(super) fn is_container(&self) -> bool {
        matches!(self, Self::Container(_) | Self::Found(_))
    }

    /// How many values are in it.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Container(Value::Array(items)) => items.len(),
            Self::Container(Value::Object(fields)) => fields.len(),
            Self::Found(nodes) => nodes.len(),
            _ => 0,
        }
    }

    /// The values in it; of an object in the order of their keys.
    pub(super) fn children(&self) -> Vec<Self> {
        match self {
            Self::Container(Value::Array(items)) => items.iter().map(Node::of).collect(),
            Self::Container(Value::Object(fields)) => {
                let mut sorted: Vec<_> = fields.iter().collect();
                sorted.sort_unstable_by_key(|(key, _)| *key);
                sorted.into_iter().map(|(_, value)| Node::of(value)).collect()
            }
            Self::Found(nodes) => nodes.clone(),
            _ => Vec::new(),
        }
    }

    /// The value of a key of an object.
    pub(super) fn key(&self, key: &str) -> Option<Self> {
        match self {
            Self::Container(Value::Object(fields)) => fields.get(key).map(Node::of),
            _ => None,
        }
    }

    /// An element of an array, from the end if negative.
    pub(super) fn index(&self, index: i64) -> Option<Self> {
        let size = i64::try_from(self.size()).ok()?;
        let at = if index < 0 {
            index.checked_add(size)?
        } else {
            index
        };
        let at = usize::try_from(at).ok()?;
        match self {
            Self::Container(Value::Array(items)) => items.get(at).map(Node::of),
            Self::Found(nodes) => nodes.get(at).cloned(),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Result<f64, JsonError> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Nothing => Err(JsonError::Absent),
            _ => Err(JsonError::Type),
        }
    }

    pub(super) fn integer(&self) -> Result<i64, JsonError> {
        let Self::Number(number) = self else {
            return Err(JsonError::Type);
        };
        if number.fract() != 0.0 || !number.is_finite() {
            return Err(JsonError::request("node is not INT"));
        }
        Ok(*number as i64)
    }

    pub(super) fn natural(&self) -> Result<u64, JsonError> {
        u64::try_from(self.integer()?).map_err(|_| JsonError::request("node is not UINT"))
    }

    pub(super) fn as_text(&self) -> Result<&str, JsonError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Nothing => Err(JsonError::Absent),
            _ => Err(JsonError::Type),
        }
    }

    /// What counts as true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nothing | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Container(_) | Self::Found(_) => self.size() > 0,
        }
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Number(one), Self::Number(two)) => one == two,
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Container(one @ Value::Object(_)), Self::Container(two @ Value::Object(_))) => {
                let (one, two) = (one.as_object(), two.as_object());
                one.zip(two).is_some_and(|(one, two)| {
                    one.len() == two.len()
                        && one.iter().all(|(key, value)| {
                            two.get(key).is_some_and(|of| Node::of(value).same(&Node::of(of)))
                        })
                })
            }
            (one, two) if one.is_array() && two.is_array() => {
                one.size() == two.size()
                    && one
                        .children()
                        .iter()
                        .zip(&two.children())
                        .all(|(one, two)| one.same(two))
            }
            _ => false,
        }
    }

    /// For messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nothing | Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Container(Value::Object(_)) => "object",
            Self::Container(_) | Self::Found(_) => "array",
        }
    }
}

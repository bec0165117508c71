//! Values as Go programs hand them to templates and to `fmt`: each stands for one Go type and behaves as that type does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::duration;
use crate::time_layout;

/// A value of a template or of a `fmt` verb.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// An untyped nil: what a null field or an absent value is.
    #[default]
    Nil,
    /// Go's `bool`.
    Bool(bool),
    /// Go's `int64`: what integer fields are.
    Int(i64),
    /// Go's `int`: literals, lengths and indexes.
    NativeInt(i64),
    /// Go's `uint8`: a byte of a string.
    Byte(u8),
    /// Go's `float64`.
    Float(f64),
    /// Go's `string`.
    String(Arc<str>),
    /// Go's `time.Duration` in nanoseconds.
    Duration(i64),
    /// Go's `time.Time` in UTC, nanoseconds since the Unix epoch.
    Time(i64),
    /// A Go integer type with a `String` method, such as `time.Month`.
    Named(Named),
    /// A string that `html/template` trusts in one context.
    Content(ContentKind, Arc<str>),
    /// Go's `[]byte`.
    Bytes(Arc<[u8]>),
    /// A slice.
    List(Arc<List>),
    /// A map with string keys; templates and printing see them sorted.
    Map(Arc<Map>),
    /// A struct with exported fields and methods.
    Struct(Arc<Struct>),
    /// A function that `call` may call.
    Function(Function),
}

/// An integer type with a `String` method.
#[derive(Clone, Debug)]
pub struct Named {
    /// `time.Month`.
    pub type_name: &'static str,
    /// The integer.
    pub value: i64,
    /// What `String` returns.
    pub text: Arc<str>,
}

/// The string types of `html/template` whose content is used as it is in their own context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// `template.CSS`.
    Css,
    /// `template.HTML`.
    Html,
    /// `template.HTMLAttr`.
    HtmlAttr,
    /// `template.JS`; what Kapacitor's `json` returns.
    Js,
    /// `template.JSStr`.
    JsStr,
    /// `template.URL`.
    Url,
    /// `template.Srcset`.
    Srcset,
}

impl ContentKind {
    /// The name as Go prints the type.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Css => "template.CSS",
            Self::Html => "template.HTML",
            Self::HtmlAttr => "template.HTMLAttr",
            Self::Js => "template.JS",
            Self::JsStr => "template.JSStr",
            Self::Url => "template.URL",
            Self::Srcset => "template.Srcset",
        }
    }
}

/// The element type of a list or map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// `interface {}`.
    Any,
    /// `string`.
    String,
    /// `int64`.
    Int,
    /// `float64`.
    Float,
    /// A named type, such as a struct.
    Named(Arc<str>),
}

impl Element {
    fn type_name(&self) -> &str {
        match self {
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Int => "int64",
            Self::Float => "float64",
            Self::Named(name) => name,
        }
    }

    /// What `index` yields for a missing key.
    pub(crate) fn zero(&self) -> Value {
        match self {
            Self::Any | Self::Named(_) => Value::Nil,
            Self::String => Value::from(""),
            Self::Int => Value::Int(0),
            Self::Float => Value::Float(0.0),
        }
    }
}

/// A slice: elements and their static type.
#[derive(Clone, Debug)]
pub struct List {
    /// The static type of the elements.
    pub element: Element,
    /// The elements.
    pub items: Vec<Value>,
}

/// A map from strings: entries and their static type.
#[derive(Clone, Debug)]
pub struct Map {
    /// The static type of the entries.
    pub element: Element,
    /// The entries.
    pub entries: BTreeMap<Arc<str>, Value>,
}

/// One field of a struct.
#[derive(Clone, Debug)]
pub struct Field {
    /// The Go name.
    pub name: &'static str,
    /// The name in JSON; `None` leaves the field out of JSON.
    pub json: Option<&'static str>,
    /// The value.
    pub value: Value,
}

/// A struct: named fields in their order, and methods.
#[derive(Clone, Debug)]
pub struct Struct {
    /// The name as Go prints the type, `alert.EventData`.
    pub type_name: &'static str,
    /// The fields.
    pub fields: Vec<Field>,
    /// The methods by name; they have their receiver bound.
    pub methods: Vec<(&'static str, Function)>,
}

impl Struct {
    /// A struct without fields.
    pub fn new(type_name: &'static str) -> Self {
        Self {
            type_name,
            fields: Vec::new(),
            methods: Vec::new(),
        }
    }

    /// Adds a field that has the same name in JSON.
    #[must_use]
    pub fn field(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.tagged(name, Some(name), value)
    }

    /// Adds a field with a JSON tag; `None` stands for `json:"-"`.
    #[must_use]
    pub fn tagged(mut self, name: &'static str, json: Option<&'static str>, value: impl Into<Value>) -> Self {
        self.fields.push(Field {
            name,
            json,
            value: value.into(),
        });
        self
    }

    /// Adds a method.
    #[must_use]
    pub fn method(mut self, name: &'static str, function: Function) -> Self {
        self.methods.push((name, function));
        self
    }
}

/// The static type of a function's parameter; what templates check arguments against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `interface {}`: anything.
    Any,
    /// `bool`.
    Bool,
    /// `int`.
    NativeInt,
    /// `int64`.
    Int,
    /// `float64`.
    Float,
    /// `string`.
    String,
    /// `time.Duration`.
    Duration,
    /// `time.Time`.
    Time,
    /// `reflect.Value`: anything, as builtins take it.
    Reflect,
}

impl Parameter {
    /// The name as Go prints the type.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Bool => "bool",
            Self::NativeInt => "int",
            Self::Int => "int64",
            Self::Float => "float64",
            Self::String => "string",
            Self::Duration => "time.Duration",
            Self::Time => "time.Time",
            Self::Reflect => "reflect.Value",
        }
    }
}

type Body = dyn Fn(&[Value]) -> Result<Value, String> + Send + Sync;

/// A function or bound method that templates may call. Arguments have been checked against the parameters before.
#[derive(Clone)]
pub struct Function {
    pub(crate) parameters: Arc<[Parameter]>,
    pub(crate) variadic: Option<Parameter>,
    /// How many results the Go function has; templates call only those with one.
    pub(crate) results: u8,
    body: Arc<Body>,
}

impl Function {
    /// A function with fixed parameters. An `Err` stops the template with `error calling NAME: TEXT`.
    pub fn new(
        parameters: &[Parameter],
        body: impl Fn(&[Value]) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            parameters: parameters.into(),
            variadic: None,
            results: 1,
            body: Arc::new(body),
        }
    }

    /// Accepts any number of further arguments of one type.
    #[must_use]
    pub fn variadic(mut self, parameter: Parameter) -> Self {
        self.variadic = Some(parameter);
        self
    }

    /// A Go method with several results, which templates refuse to call.
    pub(crate) fn uncallable(results: u8) -> Self {
        Self {
            parameters: Arc::new([]),
            variadic: None,
            results,
            body: Arc::new(|_| Ok(Value::Nil)),
        }
    }

    pub(crate) fn call(&self, arguments: &[Value]) -> Result<Value, String> {
        (self.body)(arguments)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("parameters", &self.parameters)
            .field("variadic", &self.variadic)
            .finish_non_exhaustive()
    }
}

impl Value {
    /// A `map[string]interface {}`.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(Arc::new(Map {
            element: Element::Any,
            entries: entries
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        }))
    }

    /// A `map[string]string`, such as tags.
    pub fn string_map<K: Into<Arc<str>>, V: Into<Arc<str>>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self::Map(Arc::new(Map {
            element: Element::String,
            entries: entries
                .into_iter()
                .map(|(key, value)| (key.into(), Self::String(value.into())))
                .collect(),
        }))
    }

    /// A `[]interface {}`.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(Arc::new(List {
            element: Element::Any,
            items: items.into_iter().collect(),
        }))
    }

    /// A `[]string`.
    pub fn string_list<S: Into<Arc<str>>>(items: impl IntoIterator<Item = S>) -> Self {
        Self::List(Arc::new(List {
            element: Element::String,
            items: items.into_iter().map(|item| Self::String(item.into())).collect(),
        }))
    }

    /// The name of the Go type as `%T` prints it.
    pub fn type_name(&self) -> String {
        let fixed = match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int64",
            Self::NativeInt(_) => "int",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::Duration(_) => "time.Duration",
            Self::Time(_) => "time.Time",
            Self::Named(named) => named.type_name,
            Self::Content(kind, _) => kind.type_name(),
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => return format!("[]{}", list.element.type_name()),
            Self::Map(map) => return format!("map[string]{}", map.element.type_name()),
            Self::Struct(value) => value.type_name,
            Self::Function(_) => "func()",
        };
        fixed.to_owned()
    }

    /// What the type's `String` method returns; `None` for types without one.
    pub(crate) fn stringer(&self) -> Option<String> {
        match self {
            Self::Duration(nanos) => Some(duration::format_go(*nanos)),
            Self::Time(nanos) => Some(time_layout::format_string(*nanos)),
            Self::Named(named) => Some(named.text.to_string()),
            Self::Struct(value) => {
                let (_, method) = value.methods.iter().find(|(name, _)| *name == "String")?;
                match method.call(&[]) {
                    Ok(Self::String(text)) => Some(text.to_string()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The text of the types whose kind is string.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Content(_, text) => Some(text),
            _ => None,
        }
    }

    /// The number of the types whose kind is a signed integer.
    pub(crate) fn as_signed(&self) -> Option<i64> {
        match self {
            Self::Int(value) | Self::NativeInt(value) | Self::Duration(value) => Some(*value),
            Self::Named(named) => Some(named.value),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<Struct> for Value {
    fn from(value: Struct) -> Self {
        Self::Struct(Arc::new(value))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

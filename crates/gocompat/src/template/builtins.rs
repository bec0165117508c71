//! The functions that every template has: `and or not eq ne lt le gt ge len index slice print printf println html js urlquery
//! call`, and the escapers that `html/template` puts behind pipelines.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::MAX_OUTPUT_BYTES;
use super::exec::Operand;
use super::html::escapers::Escaper;
use crate::fmt::{sprint, sprintf, sprintln};
use crate::unicode::is_print;
use crate::value::{Parameter, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Len,
    Index,
    Slice,
    Print,
    Printf,
    Println,
    Html,
    Js,
    UrlQuery,
    Call,
    Escaper(Escaper),
}

/// Whether a text may call a builtin of this name; the escapers are not for texts.
pub(super) fn exists(name: &str) -> bool {
    !matches!(Builtin::named(name), None | Some(Builtin::Escaper(_)))
}

/// Whether `if` takes the value for true: not nil, zero or empty.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Nil => false,
        Value::Bool(flag) => *flag,
        Value::Float(number) => *number != 0.0,
        Value::Byte(byte) => *byte != 0,
        Value::List(list) => !list.items.is_empty(),
        Value::Bytes(bytes) => !bytes.is_empty(),
        Value::Map(map) => !map.entries.is_empty(),
        Value::Struct(_) | Value::Time(_) | Value::Function(_) => true,
        Value::String(text) | Value::Content(_, text) => !text.is_empty(),
        Value::Int(_) | Value::NativeInt(_) | Value::Duration(_) | Value::Named(_) => {
            value.as_signed().is_some_and(|number| number != 0)
        }
    }
}

impl Builtin {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "and" => Self::And,
            "or" => Self::Or,
            "not" => Self::Not,
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "lt" => Self::Lt,
            "le" => Self::Le,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "len" => Self::Len,
            "index" => Self::Index,
            "slice" => Self::Slice,
            "print" => Self::Print,
            "printf" => Self::Printf,
            "println" => Self::Println,
            "html" => Self::Html,
            "js" => Self::Js,
            "urlquery" => Self::UrlQuery,
            "call" => Self::Call,
            name => Self::Escaper(Escaper::named(name)?),
        })
    }

    pub(super) fn parameters(self) -> &'static [Parameter] {
        const REFLECT: Parameter = Parameter::Reflect;
        match self {
            Self::And
            | Self::Or
            | Self::Not
            | Self::Eq
            | Self::Len
            | Self::Index
            | Self::Slice
            | Self::Call => &[REFLECT],
            Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => &[REFLECT, REFLECT],
            Self::Printf => &[Parameter::String],
            Self::Print | Self::Println | Self::Html | Self::Js | Self::UrlQuery | Self::Escaper(_) => &[],
        }
    }

    pub(super) fn variadic(self) -> Option<Parameter> {
        match self {
            Self::And | Self::Or | Self::Eq | Self::Index | Self::Slice | Self::Call => {
                Some(Parameter::Reflect)
            }
            Self::Not | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge | Self::Len => None,
            Self::Print
            | Self::Printf
            | Self::Println
            | Self::Html
            | Self::Js
            | Self::UrlQuery
            | Self::Escaper(_) => Some(Parameter::Any),
        }
    }

    /// Calls with checked arguments; `and` and `or` are evaluated where their arguments are.
    pub(super) fn call(self, args: &[Operand]) -> Result<Operand, String> {
        let values = || args.iter().map(|arg| arg.value.clone()).collect::<Vec<_>>();
        let (first, rest) = match args.split_first() {
            Some((first, rest)) => (first.value.clone(), rest),
            None => (Value::Nil, args),
        };
        let second = rest.first().map(|arg| arg.value.clone()).unwrap_or_default();
        let value = match self {
            Self::And | Self::Or => first,
            Self::Not => Value::Bool(!truth(&first)),
            Self::Eq => Value::Bool(equal_to_any(&first, rest)?),
            Self::Ne => Value::Bool(!equal_to_any(&first, rest)?),
            Self::Lt => Value::Bool(less(&first, &second)?),
            Self::Le => Value::Bool(less_or_equal(&first, &second)?),
            Self::Gt => Value::Bool(!less_or_equal(&first, &second)?),
            Self::Ge => Value::Bool(!less(&first, &second)?),
            Self::Len => Value::NativeInt(length(args)?),
            Self::Index => return index(first, rest),
            Self::Slice => slice(&first, rest)?,
            Self::Print => Value::from(sprint(&values())),
            Self::Println => Value::from(sprintln(&values())),
            Self::Printf => {
                let values = values();
                let (format, arguments) = values.split_first().ok_or("missing format")?;
                Value::from(sprintf(format.as_text().unwrap_or(""), arguments))
            }
            Self::Html => Value::from(escape_html(&text_of(&values()))),
            Self::Js => Value::from(escape_js(&text_of(&values()))),
            Self::UrlQuery => Value::from(escape_query(&text_of(&values()))),
            Self::Call => call(&first, rest)?,
            Self::Escaper(escaper) => Value::from(escaper.apply(&values())),
        };
        match value.as_text() {
            Some(text) if text.len() > MAX_OUTPUT_BYTES => {
                Err(format!("result has more than {MAX_OUTPUT_BYTES} bytes"))
            }
            _ => Ok(Operand::new(value)),
        }
    }
}

/// The arguments as `print` shows them; a nil is shown as in a text.
fn text_of(values: &[Value]) -> String {
    if let [Value::String(text)] = values {
        return text.to_string();
    }
    let shown: Vec<Value> = values
        .iter()
        .map(|value| match value {
            Value::Nil => Value::from("<no value>"),
            value => value.clone(),
        })
        .collect();
    sprint(&shown)
}

#[derive(PartialEq, Eq)]
enum BasicKind {
    None,
    Bool,
    Signed,
    Unsigned,
    Float,
    Text,
}

fn basic_kind(value: &Value) -> BasicKind {
    match value {
        Value::Bool(_) => BasicKind::Bool,
        Value::Int(_) | Value::NativeInt(_) | Value::Duration(_) | Value::Named(_) => BasicKind::Signed,
        Value::Byte(_) => BasicKind::Unsigned,
        Value::Float(_) => BasicKind::Float,
        Value::String(_) | Value::Content(..) => BasicKind::Text,
        _ => BasicKind::None,
    }
}

const BAD_TYPE: &str = "invalid type for comparison";
const INCOMPATIBLE: &str = "incompatible types for comparison";

fn equal_to_any(first: &Value, rest: &[Operand]) -> Result<bool, String> {
    if rest.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in rest {
        if equal(first, &other.value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    let (a_kind, b_kind) = (basic_kind(a), basic_kind(b));
    if a_kind != b_kind {
        return match (a, b) {
            (Value::Byte(byte), other) | (other, Value::Byte(byte)) if other.as_signed().is_some() => {
                Ok(other.as_signed() == Some(i64::from(*byte)))
            }
            (Value::Nil, _) | (_, Value::Nil) => Ok(false),
            _ => Err(INCOMPATIBLE.to_owned()),
        };
    }
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => return Ok(a == b),
        (Value::Byte(a), Value::Byte(b)) => return Ok(a == b),
        (Value::Float(a), Value::Float(b)) => return Ok(a == b),
        (Value::Time(a), Value::Time(b)) => return Ok(a == b),
        (Value::Nil, Value::Nil) => return Ok(true),
        _ => {}
    }
    if let (Some(a), Some(b)) = (a.as_signed(), b.as_signed()) {
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (a.as_text(), b.as_text()) {
        return Ok(a == b);
    }
    let shown = |value: &Value| sprintf("%s", std::slice::from_ref(value));
    if matches!(a, Value::Nil) || matches!(b, Value::Nil) {
        return Ok(false);
    }
    if std::mem::discriminant(a) != std::mem::discriminant(b) {
        // Go prints type and value the wrong way round here.
        return Err(format!(
            "non-comparable types {}: {}, {}: {}",
            shown(a),
            a.type_name(),
            b.type_name(),
            sprint(std::slice::from_ref(b))
        ));
    }
    Err(format!("non-comparable type {}: {}", shown(b), b.type_name()))
}

fn less(a: &Value, b: &Value) -> Result<bool, String> {
    let (a_kind, b_kind) = (basic_kind(a), basic_kind(b));
    if a_kind == BasicKind::None || b_kind == BasicKind::None {
        return Err(BAD_TYPE.to_owned());
    }
    let integer = |value: &Value| match value {
        Value::Byte(byte) => Some(i64::from(*byte)),
        other => other.as_signed(),
    };
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Ok(a < b);
    }
    if a_kind != b_kind {
        return Err(INCOMPATIBLE.to_owned());
    }
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => Ok(a < b),
        (Value::Bool(_), _) => Err(BAD_TYPE.to_owned()),
        _ => Ok(a.as_text().cmp(&b.as_text()) == Ordering::Less),
    }
}

fn less_or_equal(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(less(a, b)? || equal(a, b)?)
}

fn length(args: &[Operand]) -> Result<i64, String> {
    let operand = args.first().cloned().unwrap_or_default();
    if operand.is_invalid() {
        return Err("reflect: call of reflect.Value.Type on zero Value".to_owned());
    }
    let length = match &operand.value {
        Value::Nil => return Err("len of nil pointer".to_owned()),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.entries.len(),
        Value::Bytes(bytes) => bytes.len(),
        other => match other.as_text() {
            Some(text) => text.len(),
            None => return Err(format!("len of type {}", other.type_name())),
        },
    };
    Ok(length as i64)
}

fn position(index: &Value, capacity: usize) -> Result<usize, String> {
    let number = match index {
        Value::Byte(byte) => i64::from(*byte),
        Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        other => other
            .as_signed()
            .ok_or_else(|| format!("cannot index slice/array with type {}", other.type_name()))?,
    };
    match usize::try_from(number) {
        Ok(at) if at <= capacity => Ok(at),
        _ => Err(format!("index out of range: {number}")),
    }
}

fn index(item: Value, indexes: &[Operand]) -> Result<Operand, String> {
    if matches!(item, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    let mut item = Operand::new(item);
    for index in indexes {
        let index = &index.value;
        item = match &item.value {
            Value::Nil => return Err("index of nil pointer".to_owned()),
            Value::List(list) => {
                let at = position(index, list.items.len())?;
                let found = list.items.get(at).ok_or("reflect: slice index out of range")?;
                Operand::element(found.clone(), &list.element)
            }
            Value::Bytes(bytes) => {
                let at = position(index, bytes.len())?;
                let found = bytes.get(at).ok_or("reflect: slice index out of range")?;
                Operand::new(Value::Byte(*found))
            }
            Value::Map(map) => {
                let key = match index {
                    Value::String(key) => key,
                    Value::Nil => return Err("value is nil; should be of type string".to_owned()),
                    other => {
                        return Err(format!("value has type {}; should be string", other.type_name()));
                    }
                };
                let found = map.entries.get(key).cloned();
                Operand::element(found.unwrap_or_else(|| map.element.zero()), &map.element)
            }
            other => match other.as_text() {
                Some(text) => {
                    let at = position(index, text.len())?;
                    let found = text
                        .as_bytes()
                        .get(at)
                        .ok_or("reflect: string index out of range")?;
                    Operand::new(Value::Byte(*found))
                }
                None => return Err(format!("can't index item of type {}", other.type_name())),
            },
        };
    }
    Ok(item)
}

fn slice(item: &Value, indexes: &[Operand]) -> Result<Value, String> {
    if matches!(item, Value::Nil) {
        return Err("slice of untyped nil".to_owned());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match item {
        Value::List(list) => list.items.len(),
        Value::Bytes(bytes) => bytes.len(),
        other => match other.as_text() {
            Some(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".to_owned()),
            Some(text) => text.len(),
            None => return Err(format!("can't slice item of type {}", other.type_name())),
        },
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(&index.value, length)?;
    }
    let [from, to, end] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if indexes.len() == 3 && to > end {
        return Err(format!("invalid slice index: {to} > {end}"));
    }
    Ok(match item {
        Value::List(list) => {
            let mut list = (**list).clone();
            list.items = list.items[from..to].to_vec();
            Value::List(list.into())
        }
        Value::Bytes(bytes) => Value::Bytes(bytes[from..to].into()),
        Value::Content(kind, text) => Value::Content(*kind, cut(text, from, to).into()),
        other => Value::from(cut(other.as_text().unwrap_or(""), from, to)),
    })
}

/// Bytes of a text; a character cut in two becomes U+FFFD, since our strings hold only whole ones.
fn cut(text: &str, from: usize, to: usize) -> String {
    String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned()
}

fn call(function: &Value, args: &[Operand]) -> Result<Value, String> {
    let function = match function {
        Value::Function(function) => function,
        Value::Nil => return Err("call of nil".to_owned()),
        other => return Err(format!("non-function of type {}", other.type_name())),
    };
    let fixed = function.parameters.len();
    if function.variadic.is_some() {
        if args.len() < fixed {
            return Err(format!(
                "wrong number of args: got {} want at least {fixed}",
                args.len()
            ));
        }
    } else if args.len() != fixed {
        return Err(format!("wrong number of args: got {} want {fixed}", args.len()));
    }
    let mut values = Vec::with_capacity(args.len());
    for (index, arg) in args.iter().enumerate() {
        let parameter = function.parameters.get(index).copied().or(function.variadic);
        let value = prepared(&arg.value, parameter.unwrap_or(Parameter::Any));
        values.push(value.map_err(|message| format!("arg {index}: {message}"))?);
    }
    function.call(&values)
}

/// An argument of `call` as the parameter's type; integer types convert into each other.
fn prepared(value: &Value, parameter: Parameter) -> Result<Value, String> {
    let integer = match value {
        Value::Byte(byte) => Some(i64::from(*byte)),
        other => other.as_signed(),
    };
    let converted = match (parameter, value) {
        (Parameter::Any | Parameter::Reflect, value) => Some(value.clone()),
        (_, Value::Nil) => {
            return Err(format!(
                "value is nil; should be of type {}",
                parameter.type_name()
            ));
        }
        (Parameter::Int, _) => integer.map(Value::Int),
        (Parameter::NativeInt, _) => integer.map(Value::NativeInt),
        (Parameter::Duration, _) => integer.map(Value::Duration),
        (Parameter::Bool, Value::Bool(_))
        | (Parameter::Float, Value::Float(_))
        | (Parameter::String, Value::String(_))
        | (Parameter::Time, Value::Time(_)) => Some(value.clone()),
        _ => None,
    };
    converted.ok_or_else(|| {
        format!(
            "value has type {}; should be {}",
            value.type_name(),
            parameter.type_name()
        )
    })
}

/// `template.HTMLEscapeString`.
pub(super) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// `template.JSEscapeString`.
fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c if c.is_ascii() || is_print(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
        }
    }
    out
}

/// `url.QueryEscape`.
fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

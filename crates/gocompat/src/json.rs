//! `json.Marshal` of template values: sorted map keys, Go's floats, `<`, `>` and `&` as `\u003c` and so on.

use std::fmt::Write as _;

use crate::strconv;
use crate::time_layout;
use crate::value::Value;

/// Deepest nesting encoded.
const MAX_DEPTH: usize = 200;

/// Encodes as `json.Marshal`; the error is Go's text. (`json.Encoder` puts a newline behind it.)
pub fn marshal(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    write_value(&mut out, value, 0)?;
    Ok(out)
}

fn write_value(out: &mut String, value: &Value, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("json: unsupported value: nested too deeply".to_owned());
    }
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) | Value::NativeInt(number) | Value::Duration(number) => {
            // Writing to a String cannot fail, here and below.
            let _ = write!(out, "{number}");
        }
        Value::Named(named) => {
            let _ = write!(out, "{}", named.value);
        }
        Value::Byte(byte) => {
            let _ = write!(out, "{byte}");
        }
        Value::Float(number) => match strconv::format_float_json(*number) {
            Some(text) => out.push_str(&text),
            None => {
                return Err(format!(
                    "json: unsupported value: {}",
                    strconv::format_float_g(*number)
                ));
            }
        },
        Value::String(text) | Value::Content(_, text) => write_text(out, text),
        Value::Time(nanos) => {
            let _ = write!(out, "\"{}\"", time_layout::format_rfc3339_nano(*nanos));
        }
        Value::Bytes(bytes) => {
            out.push('"');
            push_base64(out, bytes);
            out.push('"');
        }
        Value::List(list) => {
            out.push('[');
            for (index, item) in list.items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(out, item, depth + 1)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (index, (key, item)) in map.entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(out, key);
                out.push(':');
                write_value(out, item, depth + 1)?;
            }
            out.push('}');
        }
        Value::Struct(data) => {
            out.push('{');
            let mut first = true;
            for field in &data.fields {
                let Some(name) = field.json else { continue };
                if !std::mem::replace(&mut first, false) {
                    out.push(',');
                }
                write_text(out, name);
                out.push(':');
                write_value(out, &field.value, depth + 1)?;
            }
            out.push('}');
        }
        Value::Function(_) => return Err(format!("json: unsupported type: {}", value.type_name())),
    }
    Ok(())
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn push_base64(out: &mut String, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(char::from(ALPHABET[(word >> (18 - 6 * place) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
}

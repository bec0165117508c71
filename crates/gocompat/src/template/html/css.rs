//! Styles: escapes, and which values may stand in them.

use super::escapers::FAILSAFE;

/// Whether the text ends with the keyword and no longer word.
pub(super) fn ends_with_keyword(text: &[u8], keyword: &str) -> bool {
    let Some(start) = text.len().checked_sub(keyword.len()) else {
        return false;
    };
    if let Some(before) = text[..start].last()
        && is_name_byte(*before)
    {
        return false;
    }
    text[start..].eq_ignore_ascii_case(keyword.as_bytes())
}

/// Whether a byte can be part of a CSS name; those of characters beyond ASCII can.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || byte >= 0x80
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// Decodes CSS escapes.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let backslash = rest.iter().position(|byte| *byte == b'\\').unwrap_or(rest.len());
        out.extend_from_slice(&rest[..backslash]);
        rest = &rest[backslash..];
        if rest.len() < 2 {
            break;
        }
        let digits = rest[1..]
            .iter()
            .take(6)
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        if digits == 0 {
            // Whatever follows stands for itself; a longer character's other bytes are copied next.
            out.push(rest[1]);
            rest = &rest[2..];
            continue;
        }
        let mut end = 1 + digits;
        let mut code = rest[1..end].iter().fold(0u32, |code, byte| {
            code << 4 | char::from(*byte).to_digit(16).unwrap_or(0)
        });
        if code > 0x10_ffff {
            code /= 16;
            end -= 1;
        }
        let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        rest = skip_space(&rest[end..]);
    }
    out
}

fn skip_space(text: &[u8]) -> &[u8] {
    match text {
        [b'\r', b'\n', rest @ ..] | [b'\t' | b'\n' | 0x0c | b'\r' | b' ', rest @ ..] => rest,
        _ => text,
    }
}

/// Escapes for a CSS string, so that it can also stand in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let replacement = match c {
            '\0' => "\\0",
            '\t' => "\\9",
            '\n' => "\\a",
            '\x0c' => "\\c",
            '\r' => "\\d",
            '"' => "\\22",
            '&' => "\\26",
            '\'' => "\\27",
            '(' => "\\28",
            ')' => "\\29",
            '+' => "\\2b",
            '/' => "\\2f",
            ':' => "\\3a",
            ';' => "\\3b",
            '<' => "\\3c",
            '>' => "\\3e",
            '\\' => "\\\\",
            '{' => "\\7b",
            '}' => "\\7d",
            c => {
                out.push(c);
                continue;
            }
        };
        out.push_str(replacement);
        // A digit or space behind the escape would be read as part of it.
        let joins = chars
            .peek()
            .is_none_or(|next| next.is_ascii_hexdigit() || u8::try_from(*next).is_ok_and(is_space));
        if replacement != "\\\\" && joins {
            out.push(' ');
        }
    }
    out
}

/// Lets through values that cannot end the declaration or run a script.
pub(super) fn filter(text: &str) -> String {
    let decoded = decode(text.as_bytes());
    let mut name = Vec::new();
    let mut before = 0;
    for byte in &decoded {
        match byte {
            0 | b'"' | b'\'' | b'(' | b')' | b'/' | b';' | b'@' | b'[' | b'\\' | b']' | b'`' | b'{'
            | b'}' => {
                return FAILSAFE.to_owned();
            }
            b'-' if before == b'-' => return FAILSAFE.to_owned(),
            byte if *byte < 0x80 && *byte != b'-' && is_name_byte(*byte) => {
                name.push(byte.to_ascii_lowercase());
            }
            _ => {}
        }
        before = *byte;
    }
    let name = String::from_utf8_lossy(&name);
    if name.contains("expression") || name.contains("mozbinding") {
        return FAILSAFE.to_owned();
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

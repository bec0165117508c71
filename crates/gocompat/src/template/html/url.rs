//! URLs in attributes and styles.

use std::fmt::Write as _;

use super::escapers::FAILSAFE;

/// Whether the URL is relative or has one of the schemes that do nothing by being followed.
pub(super) fn is_safe(url: &str) -> bool {
    match url.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => ["http", "https", "mailto"]
            .iter()
            .any(|safe| scheme.eq_ignore_ascii_case(safe)),
        _ => true,
    }
}

/// Percent-encodes: all but unreserved characters, or with `normalize` only what has no place in a URL.
pub(super) fn encode(url: &str, normalize: bool) -> String {
    let bytes = url.as_bytes();
    let mut out = String::with_capacity(url.len() + 16);
    for (index, byte) in bytes.iter().enumerate() {
        let keep = match byte {
            b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@'
            | b'[' | b']' => normalize,
            b'-' | b'.' | b'_' | b'~' => true,
            b'%' => {
                normalize
                    && bytes
                        .get(index + 1..index + 3)
                        .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
            }
            byte => byte.is_ascii_alphanumeric(),
        };
        if keep {
            out.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02x}");
        }
    }
    out
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

/// Filters each URL of a `srcset`.
pub(super) fn filter_srcset(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, candidate) in text.split(',').enumerate() {
        if index > 0 {
            out.push(',');
        }
        let trimmed = candidate.trim_start_matches(is_space);
        let lead = &candidate[..candidate.len() - trimmed.len()];
        let (url, rest) = trimmed.split_at(trimmed.find(is_space).unwrap_or(trimmed.len()));
        if is_safe(url) && rest.chars().all(|c| is_space(c) || c.is_ascii_alphanumeric()) {
            out.push_str(lead);
            out.push_str(&encode(url, true));
            out.push_str(rest);
        } else {
            out.push('#');
            out.push_str(FAILSAFE);
        }
    }
    out
}

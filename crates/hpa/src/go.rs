//! Go's arithmetic where it differs from Rust's, and how it writes URLs.
//!
//! Upstream's controller runs on amd64; conversions that overflow there give what that processor gives.

use std::fmt::Write;

use jiff::Timestamp;

/// `int32(f)` on amd64 (CVTTSD2SL): towards zero; out of range, infinite or not a number gives the smallest `int32`.
pub fn to_i32(number: f64) -> i32 {
    if number > -2_147_483_649.0 && number < 2_147_483_648.0 {
        number as i32
    } else {
        i32::MIN
    }
}

/// `int64(f)` on amd64 (CVTTSD2SQ): towards zero; out of range, infinite or not a number gives the smallest `int64`.
pub fn to_i64(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// Go's zero time, 0001-01-01T00:00:00Z: what an absent time reads as.
pub fn zero_time() -> Timestamp {
    Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::MIN)
}

/// `url.URL{Path: …}.EscapedPath` of one segment: note that `*` is escaped.
pub fn escape_path(segment: &str) -> String {
    escape(segment, |byte| {
        matches!(
            byte,
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b',' | b':' | b';' | b'=' | b'@'
        )
    })
}

/// `url.QueryEscape`.
pub fn escape_query(text: &str) -> String {
    escape(text, |byte| matches!(byte, b'-' | b'_' | b'.' | b'~' | b' ')).replace(' ', "+")
}

fn escape(text: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain(byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_overflow_as_on_amd64() {
        for (number, expected) in [
            (2.9, 2),
            (-2.9, -2),
            (2_147_483_647.9, i32::MAX),
            (2_147_483_648.0, i32::MIN),
            (-2_147_483_648.9, i32::MIN),
            (1e300, i32::MIN),
            (f64::NAN, i32::MIN),
            (f64::NEG_INFINITY, i32::MIN),
        ] {
            assert_eq!(to_i32(number), expected, "{number}");
        }
        for (number, expected) in [
            (9.0e18, 9_000_000_000_000_000_000),
            (9_223_372_036_854_775_808.0, i64::MIN),
            (f64::INFINITY, i64::MIN),
            (f64::NAN, i64::MIN),
            (-1.5, -1),
        ] {
            assert_eq!(to_i64(number), expected, "{number}");
        }
    }

    #[test]
    fn urls_are_escaped_as_go_escapes_them() {
        assert_eq!(escape_path("*"), "%2A");
        assert_eq!(escape_path("a b:c"), "a%20b:c");
        assert_eq!(escape_query("k in (a,b)"), "k+in+%28a%2Cb%29");
        assert_eq!(escape_query("a=b"), "a%3Db");
        assert_eq!(escape_query("!k"), "%21k");
    }
}

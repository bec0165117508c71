//! Formats, durations, regular expressions, patterns and quoting take any text.
//!
//! The first line is the format, pattern or duration; what follows is what it is applied to.

#![no_main]

use capstan_gocompat::{Regexp, Value, duration, fmt, path_match, strconv, time_layout};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));

    let number = rest.len() as i64 - 20;
    let arguments = [
        Value::NativeInt(number),
        Value::from(rest),
        Value::Float(number as f64 * 1e37),
        Value::Int(i64::MIN),
        Value::Bytes(rest.as_bytes().into()),
        Value::map([("k", Value::list([Value::Nil, Value::Time(number), Value::Duration(number)]))]),
        Value::Bool(false),
    ];
    assert!(fmt::sprintf(first, &arguments).len() <= fmt::MAX_OUTPUT_BYTES + 4);
    let _ = fmt::sprintln(&arguments);

    if let Ok(nanos) = duration::parse_go(first) {
        assert_eq!(duration::parse_go(&duration::format_go(nanos)), Ok(nanos));
    }
    if let Ok(nanos) = duration::parse_influx(first) {
        assert_eq!(duration::parse_influx(&duration::format_influx(nanos)), Ok(nanos));
    }

    if let Ok(regexp) = Regexp::new(first) {
        let found = regexp.find_submatch(rest);
        assert_eq!(found.is_some(), regexp.is_match(rest));
        if let Some(groups) = found {
            assert_eq!(groups.len(), regexp.captures_len() + 1);
        }
        if let Some(text) = regexp.replace_all(rest, first, 1 << 20) {
            assert!(text.len() <= 1 << 20);
        }
    }
    let _ = path_match(first, rest);
    let _ = strconv::quote(text);
    let _ = time_layout::format(number.wrapping_mul(1 << 56), first);
});

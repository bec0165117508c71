//! Any text is a template or an error in Go's words; output and time are bounded.

#![no_main]

use capstan_gocompat::Value;
use capstan_gocompat::template::{Functions, MAX_OUTPUT_BYTES, MissingKey, Template, html};
use capstan_gocompat::value::Struct;
use libfuzzer_sys::fuzz_target;

/// What an alert's templates are given, more or less, and a value of every other kind.
fn data() -> Value {
    let inner = Struct::new("alert.EventData")
        .field("Name", "cpu")
        .field("Tags", Value::string_map([("host", "a"), ("b", "<x>")]))
        .field("Time", Value::Time(1_600_000_000_123_456_789));
    Value::map([
        ("ID", Value::from("cpu:nil")),
        ("Level", Value::from("CRITICAL")),
        ("Fields", Value::map([("value", Value::Float(-1.5)), ("i", Value::Int(i64::MIN))])),
        ("Duration", Value::Duration(90_000_000_000)),
        ("List", Value::list([Value::Float(f64::NAN), Value::Nil, Value::from("é'\"")])),
        ("Bytes", Value::Bytes(b"\xff<".as_slice().into())),
        ("Bool", Value::Bool(true)),
        ("Data", Value::from(inner)),
    ])
}

fuzz_target!(|body: &str| {
    let data = data();
    let functions = Functions::new();
    if let Ok(template) = Template::parse("t", body, &functions) {
        for option in [MissingKey::Default, MissingKey::Error] {
            if let Ok(text) = template.clone().missing_key(option).execute(&data) {
                assert!(text.len() <= MAX_OUTPUT_BYTES);
            }
        }
    }
    if let Ok(template) = html::Template::parse("t", body, &functions) {
        if let Ok(text) = template.execute(&data) {
            assert!(text.len() <= MAX_OUTPUT_BYTES);
        }
    }
});

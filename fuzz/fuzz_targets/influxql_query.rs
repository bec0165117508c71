//! Any text is a query or an error; a query that is printed means the same when it is read again.

#![no_main]

use capstan_influxql::query::{Dimension, Query};
use libfuzzer_sys::fuzz_target;

const START: i64 = -1_234_567_890_123_456_789;
const STOP: i64 = 1_987_654_321_098_765_432;

fuzz_target!(|text: &str| {
    let mut query = match Query::parse(text) {
        Ok(query) => query,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let _ = query.sources();
    let printed = query.text(START, STOP);
    let again = Query::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(query.sources(), again.sources());
    assert!(!again.had_group_by());
    // The bounds are there twice now; everything else is as it was.
    let bounds = Query::parse("SELECT v FROM m").expect("a query").text(START, STOP);
    let bounds = bounds.trim_start_matches("SELECT v FROM m WHERE ");
    let twice = printed.replacen(bounds, &format!("{bounds} AND {bounds}"), 1);
    assert_eq!(again.text(START, STOP), twice);

    let time = Dimension::Time { length: 60, offset: 7 };
    // InfluxQL knows no carriage return: every kind of line end is a line feed.
    let tag = Dimension::Tag(text.replace('\r', ""));
    query.group_by(vec![time, Dimension::Star, tag]).expect("one time");
    query.align_group();
    let grouped = query.text(START, STOP);
    assert!(Query::parse(&grouped).unwrap_or_else(|error| panic!("{error}\n{grouped}")).had_group_by());
});

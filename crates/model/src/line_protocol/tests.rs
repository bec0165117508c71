use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::value::Value;

/// One row in a form that can be compared and printed.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    name: String,
    tags: BTreeMap<String, String>,
    fields: BTreeMap<String, Value>,
    time: i64,
}

fn rows(batches: &[Batch]) -> Vec<Row> {
    let mut out = Vec::new();
    for batch in batches {
        for run in batch.runs() {
            let block = &batch.blocks[run.block as usize];
            for row in run.start as usize..(run.start + run.len) as usize {
                let tags = block.tags(row);
                out.push(Row {
                    name: block.name.to_string(),
                    tags: tags.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
                    fields: block
                        .fields(row)
                        .map(|(k, v)| (k.to_owned(), v.to_value()))
                        .collect(),
                    time: block.time[row],
                });
            }
        }
    }
    out
}

fn options(precision: Precision) -> ParseOptions {
    ParseOptions {
        precision,
        default_time: 1_234_567_890_123_456_789,
        ..ParseOptions::default()
    }
}

fn parse_ns(body: &str) -> Parsed {
    parse(
        &mut SeriesIndex::new("db", "rp"),
        body.as_bytes(),
        &options(Precision::Nanosecond),
    )
}

fn one(line: &str) -> Row {
    let parsed = parse_ns(line);
    assert_eq!(parsed.outcome.rejected, [], "{line}");
    let mut rows = rows(&parsed.batches);
    assert_eq!(rows.len(), 1, "{line}");
    rows.remove(0)
}

fn reason(line: &str) -> String {
    let parsed = parse_ns(line);
    assert!(
        parsed.batches.is_empty(),
        "{line:?} was accepted: {:?}",
        rows(&parsed.batches)
    );
    assert_eq!(parsed.outcome.rejected_total, 1, "{line:?}");
    parsed.outcome.rejected[0].reason.to_string()
}

#[test]
fn values_of_every_type() {
    for (text, value) in [
        ("1i", Value::Int(1)),
        ("-9223372036854775808i", Value::Int(i64::MIN)),
        ("9223372036854775807i", Value::Int(i64::MAX)),
        ("1", Value::Float(1.0)),
        ("-1.5e-3", Value::Float(-0.0015)),
        (".5", Value::Float(0.5)),
        ("5.", Value::Float(5.0)),
        ("1e-400", Value::Float(0.0)),
        (
            "12345678901234567890123456789",
            Value::Float(1.234_567_890_123_456_8e28),
        ),
        ("t", Value::Bool(true)),
        ("T", Value::Bool(true)),
        ("true", Value::Bool(true)),
        ("True", Value::Bool(true)),
        ("TRUE", Value::Bool(true)),
        ("f", Value::Bool(false)),
        ("F", Value::Bool(false)),
        ("False", Value::Bool(false)),
        ("FALSE", Value::Bool(false)),
        (r#""""#, Value::Str("".into())),
        (r#""a b, c=d""#, Value::Str("a b, c=d".into())),
        (r#""say \"x\" \\ \n""#, Value::Str("say \"x\" \\ \\n".into())),
        ("\"two\nlines\"", Value::Str("two\nlines".into())),
    ] {
        let body = format!("m v={text} 1\nm v={text} 2");
        let parsed = parse_ns(&body);
        assert_eq!(parsed.outcome.rejected, [], "{text}");
        for row in rows(&parsed.batches) {
            assert_eq!(row.fields["v"], value, "{text}");
        }
        assert_eq!(parsed.outcome.accepted, 2);
    }
}

#[test]
fn escapes_in_names_tags_and_field_keys() {
    let row = one(r#"my\ m\,x,ta\ g=v\,a\=l\ u\e,b==c f\ i\=e\,l\"d=1i 5"#);
    assert_eq!(row.name, "my m,x");
    assert_eq!(row.tags["ta g"], "v,a=l u\\e");
    assert_eq!(row.tags["b"], "=c");
    assert_eq!(row.fields["f i=e,l\"d"], Value::Int(1));
    assert_eq!(row.time, 5);
    // Text after a closing quote becomes part of the value, less its last byte.
    assert_eq!(one(r#"m v="abc"x"#).fields["v"], Value::Str("abc\"".into()));
    // The last value of a repeated field stays.
    assert_eq!(one("m v=1i,w=2i,v=3i").fields["v"], Value::Int(3));
    assert_eq!(one("m v=1i 5   ").time, 5);
    assert_eq!(one("  \tm   v=1i   7").time, 7);
    assert_eq!(one("m v=1i -7").time, -7);
}

#[test]
fn comments_and_blank_lines_are_skipped_but_counted() {
    let parsed = parse_ns("# hello\n\n  \t\nm v=1i\n  # x\nbad\n\"\nm v=2i");
    assert_eq!(parsed.outcome.accepted, 2);
    let lines: Vec<usize> = parsed
        .outcome
        .rejected
        .iter()
        .map(|rejected| rejected.line)
        .collect();
    assert_eq!(lines, [6, 7]);
    assert_eq!(
        parsed.outcome.rejected[0].to_string(),
        "line 6: unable to parse 'bad': missing fields"
    );
}

#[test]
fn a_line_break_in_a_string_counts_as_a_line() {
    let parsed = parse_ns("m v=\"a\nb\"\nm v=\"a\nb\"\nbad\nm v=1");
    assert_eq!(parsed.outcome.rejected[0].line, 5);
    assert_eq!(parsed.outcome.accepted, 3);
}

#[test]
fn what_influxdb_refuses_is_refused_with_its_words() {
    for (line, expected) in [
        (",a=b v=1", "missing measurement"),
        ("m", "missing fields"),
        ("m ", "invalid field format"),
        ("m,a=b", "missing fields"),
        ("m, v=1", "missing tag key"),
        ("m,a v=1", "missing tag value"),
        ("m,a= v=1", "missing tag value"),
        ("m,a=b=c v=1", "invalid tag format"),
        ("m,a=1,a=2 v=1", "duplicate tags"),
        ("m,b=1,a=2,b=3 v=1", "duplicate tags"),
        ("m =1", "missing field key"),
        ("m v=", "missing field value"),
        ("m v=,w=1", "missing field value"),
        ("m v=1,=2", "missing field key"),
        ("m v", "invalid field format"),
        ("m v=1,w", "invalid field format"),
        ("m v=1u", "invalid number"),
        ("m v=1i2", "invalid number"),
        ("m v=1.5i", "invalid number"),
        ("m v=1.1.1", "invalid number"),
        ("m v=-", "invalid number"),
        ("m v=.", "invalid number"),
        ("m v=NaN", "invalid number"),
        ("m v=nan", "invalid number"),
        ("m v=0x10", "invalid number"),
        ("m v=+1", "invalid boolean"),
        ("m v=Inf", "invalid boolean"),
        ("m v=1e", "invalid float"),
        ("m v=1e400", "invalid float"),
        ("m v=-e5", "invalid float"),
        ("m v=tru", "invalid boolean"),
        ("m v=tRUE", "invalid boolean"),
        ("m v=x", "invalid boolean"),
        ("m v=\"a", "unbalanced quotes"),
        ("m v=1 x", "bad timestamp"),
        ("m v=1 1.5", "bad timestamp"),
        ("m v=1 5\r", "bad timestamp"),
        ("m v=1 5 x", "point is invalid"),
        ("m v=1 -", "strconv.ParseInt: parsing \"-\": invalid syntax"),
        (
            "m v=1 9223372036854775808",
            "strconv.ParseInt: parsing \"9223372036854775808\": value out of range",
        ),
        (
            "m v=1 9223372036854775807",
            "time outside range -9223372036854775806 - 9223372036854775806",
        ),
        (
            "m v=9223372036854775808i",
            "unable to parse integer 9223372036854775808: strconv.ParseInt: parsing \"9223372036854775808\": value out of range",
        ),
    ] {
        assert_eq!(reason(line), expected, "{line:?}");
    }
    let long = format!("m,t={} v=1", "x".repeat(70_000));
    assert_eq!(reason(&long), "max key length exceeded: 70004 > 65535");
    let long = format!("m,t={} v=1", "x".repeat(65_527));
    assert_eq!(reason(&long), "max key length exceeded: 65536 > 65535");
}

#[test]
fn times_follow_the_precision() {
    for (precision, given, nanos, default) in [
        (
            "n",
            "1700000000123456789",
            1_700_000_000_123_456_789,
            1_234_567_890_123_456_789,
        ),
        (
            "u",
            "1700000000123456",
            1_700_000_000_123_456_000,
            1_234_567_890_123_456_000,
        ),
        (
            "ms",
            "1700000000123",
            1_700_000_000_123_000_000,
            1_234_567_890_123_000_000,
        ),
        (
            "s",
            "1700000000",
            1_700_000_000_000_000_000,
            1_234_567_890_000_000_000,
        ),
        (
            "m",
            "28333333",
            1_699_999_980_000_000_000,
            1_234_567_860_000_000_000,
        ),
        (
            "h",
            "-472222",
            -1_699_999_200_000_000_000,
            1_234_566_000_000_000_000,
        ),
    ] {
        let precision = Precision::parse(precision).expect("known");
        let body = format!("m v=1 {given}\nm v=1 {given}\nm v=2");
        let parsed = parse(
            &mut SeriesIndex::new("", ""),
            body.as_bytes(),
            &options(precision),
        );
        let times: Vec<i64> = rows(&parsed.batches).iter().map(|row| row.time).collect();
        assert_eq!(times, [nanos, nanos, default]);
    }
    assert_eq!(Precision::parse("d"), None);
    let parsed = parse(
        &mut SeriesIndex::new("", ""),
        b"m v=1 9223372036854775",
        &options(Precision::Second),
    );
    assert_eq!(parsed.outcome.rejected[0].reason, Reason::TimeRange);
}

#[test]
fn every_spelling_of_a_series_has_one_key() {
    let mut index = SeriesIndex::new("db", "rp");
    let body = "m,a=1,b=2 v=1 1\nm,b=2,a=1 v=2 2\nm,a=1,b=2 v=3 3\nm,b=2,a=1 v=4 4\nm,b=2 v=5 5\n";
    let parsed = parse(&mut index, body.as_bytes(), &options(Precision::Nanosecond));
    let block = &parsed.batches[0].blocks[0];
    assert_eq!(block.key[..4], [block.key[0]; 4]);
    assert_ne!(block.key[4], block.key[0]);
    assert_eq!((&*block.database, &*block.retention_policy), ("db", "rp"));
    // The same keys in the next body.
    let again = parse(&mut index, body.as_bytes(), &options(Precision::Nanosecond));
    assert_eq!(again.batches[0].blocks[0].key, block.key);
    assert_eq!(again.batches[0].blocks[0].keys.id(), block.keys.id());
}

/// Found by the fuzz target `line_protocol`: the line break passed for an equals sign.
#[test]
fn a_field_without_a_value_does_not_take_the_next_line_for_it() {
    let mut index = SeriesIndex::new("", "");
    parse(&mut index, b"m v=1,w=2 1\n", &options(Precision::Nanosecond));
    for body in ["m v\n1\nm v=1 7", "m w\n1 5\nm v=1 7"] {
        let parsed = parse(&mut index, body.as_bytes(), &options(Precision::Nanosecond));
        let times: Vec<i64> = rows(&parsed.batches).iter().map(|row| row.time).collect();
        assert_eq!(times, [7], "{body:?}");
        assert_eq!(parsed.outcome.rejected_total, 2);
    }
}

#[test]
fn runs_restore_the_order_of_arrival() {
    let parsed = parse_ns("a v=1 1\na v=2 2\nb v=3 3\na v=4 4\nb v=5 5\nb v=6 6");
    let batch = &parsed.batches[0];
    assert_eq!(batch.blocks.len(), 2);
    assert_eq!(batch.runs.len(), 4);
    let times: Vec<i64> = rows(&parsed.batches).iter().map(|row| row.time).collect();
    assert_eq!(times, [1, 2, 3, 4, 5, 6]);
    assert!(parse_ns("a v=1 1\na v=2 2").batches[0].runs.is_empty());
}

#[test]
fn a_rejected_line_leaves_no_trace_in_the_batch() {
    let parsed = parse_ns("m a=1i 1\nm a=2i,b=x 2\nm a=3i 3\n");
    let block = &parsed.batches[0].blocks[0];
    assert_eq!(block.len(), 2);
    assert_eq!(block.columns.len(), 1);
    assert!(block.columns[0].is_dense());
}

#[test]
fn bounds_cut_batches_and_lists() {
    let body: String = (0..50).fold(String::new(), |body, i| body + &format!("m f{i}=1 {i}\n"));
    let limits = ParseOptions {
        max_cells: 100,
        ..options(Precision::Nanosecond)
    };
    let parsed = parse(&mut SeriesIndex::new("", ""), body.as_bytes(), &limits);
    assert!(parsed.batches.len() > 2);
    assert_eq!(rows(&parsed.batches).len(), 50);

    let limits = ParseOptions {
        max_fields: 10,
        max_rejected: 3,
        ..options(Precision::Nanosecond)
    };
    let parsed = parse(&mut SeriesIndex::new("", ""), body.as_bytes(), &limits);
    assert_eq!(parsed.outcome.rejected_total, 40);
    assert_eq!(parsed.outcome.rejected.len(), 3);
    assert_eq!(parsed.outcome.rejected[0].reason, Reason::TooManyFields(10));

    let long = format!("{}\n", "é".repeat(300));
    assert!(parse_ns(&long).outcome.rejected[0].text.len() < 220);
}

#[test]
fn very_many_series_that_take_turns_are_not_forgotten() {
    let mut index = SeriesIndex::new("", "").with_keep(1 << 14);
    let mut tables = std::collections::BTreeSet::new();
    let mut last = 0;
    for round in 0..8 {
        for part in 0..10 {
            let mut body = String::new();
            for host in part * 10_000..(part + 1) * 10_000 {
                let _ = writeln!(body, "m,host=h{host} v={host}i {round}");
            }
            let parsed = parse(&mut index, body.as_bytes(), &options(Precision::Nanosecond));
            last = parsed.batches[0].blocks[0].keys.id();
            if round > 3 {
                tables.insert(last);
            }
        }
    }
    assert_eq!(
        tables.into_iter().collect::<Vec<_>>(),
        [last],
        "the index still starts over"
    );
    assert_eq!(index.len(), 100_000);
}

#[test]
fn series_that_are_gone_are_forgotten_and_live_ones_stay_right() {
    let mut index = SeriesIndex::new("", "").with_keep(1 << 14);
    let mut largest = 0;
    let mut tables = std::collections::BTreeSet::new();
    for round in 0..400 {
        let mut body = String::new();
        for host in 0..100 {
            let _ = writeln!(body, "m,host=live{host} v={host}i {round}");
        }
        for pod in 0..500 {
            let _ = writeln!(body, "m,pod=p{round}-{pod} v=1i {round}");
        }
        let parsed = parse(&mut index, body.as_bytes(), &options(Precision::Nanosecond));
        let block = &parsed.batches[0].blocks[0];
        tables.insert(block.keys.id());
        assert_eq!(block.tags(7).get("host"), Some("live7"));
        assert_eq!(block.tags(599).get("pod"), Some(format!("p{round}-499").as_str()));
        largest = largest.max(index.len());
    }
    assert!(largest < 100_000, "{largest} of 200100 spellings are kept");
    assert!(tables.len() > 1);
}

#[test]
fn a_parser_that_is_dropped_midway_does_no_harm() {
    let mut index = SeriesIndex::new("", "");
    let mut parser = Parser::new(&mut index, options(Precision::Nanosecond));
    parser.feed(b"a v=1\nb v=2\nc v=", &mut |_| {});
    drop(parser);
    let parsed = parse(
        &mut index,
        b"c v=1 1\nb v=2 2\na v=3 3",
        &options(Precision::Nanosecond),
    );
    assert_eq!(rows(&parsed.batches).len(), 3);
}

/// A line-protocol printer for the round trip.
fn print(row: &Row) -> String {
    let escape = |text: &str, special: &str| {
        let mut out = String::new();
        for c in text.chars() {
            if special.contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        out
    };
    let mut line = escape(&row.name, ", ");
    for (key, value) in &row.tags {
        let _ = write!(line, ",{}={}", escape(key, ",= "), escape(value, ",= "));
    }
    for (at, (key, value)) in row.fields.iter().enumerate() {
        let value = match value {
            Value::Int(v) => format!("{v}i"),
            Value::Float(v) => format!("{v:e}"),
            Value::Bool(v) => v.to_string(),
            Value::Str(v) => format!("\"{}\"", escape(v, "\"\\")),
            other => unreachable!("{other:?} does not occur in line protocol"),
        };
        let comma = if at == 0 { ' ' } else { ',' };
        let _ = write!(line, "{comma}{}={value}", escape(key, ",= "));
    }
    format!("{line} {}\n", row.time)
}

fn any_row() -> impl Strategy<Value = Row> {
    // Names neither begin with a character that hides the line nor end with a backslash, which cannot be written.
    let name = "[a-c ,=é][a-b ,=éx.]{0,3}";
    let value = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<f64>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        "[a-c ,=é\"\\\\\n]{0,6}".prop_map(|text| Value::Str(text.into())),
    ];
    (
        "[a-c][a-b ,=éx.]{0,2}",
        proptest::collection::btree_map(name, name, 0..4),
        proptest::collection::btree_map(name, value, 1..4),
        MIN_TIME..=MAX_TIME,
    )
        .prop_map(|(name, tags, fields, time)| Row {
            name,
            tags,
            fields,
            time,
        })
}

/// Text that often is line protocol or nearly so.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => "[a-b]",
        6 => Just(",".to_owned()),
        6 => Just("=".to_owned()),
        6 => Just(" ".to_owned()),
        4 => Just("\n".to_owned()),
        2 => Just("\\".to_owned()),
        2 => Just("\"".to_owned()),
        4 => Just(" v=1i ".to_owned()),
        4 => Just("m,a=b v=2".to_owned()),
        2 => Just("a v=\"x\" 12345678901\n".to_owned()),
        1 => "[-+.0-9eintTfF#\t\r]{1,5}",
        1 => "\\PC",
    ];
    let pieces = proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![6 => pieces, 1 => proptest::collection::vec(any::<u8>(), 0..60)]
}

/// Where the first blank that no backslash precedes stands.
fn series_end(line: &str) -> usize {
    let bytes = line.as_bytes();
    (1..bytes.len())
        .find(|&at| bytes[at] == b' ' && bytes[at - 1] != b'\\')
        .expect("a point has fields")
}

/// The measurement and the tags.
fn split_at_commas(series: &str) -> Vec<&str> {
    let bytes = series.as_bytes();
    let mut parts = Vec::new();
    let mut from = 0;
    for at in 1..bytes.len() {
        if bytes[at] == b',' && bytes[at - 1] != b'\\' {
            parts.push(&series[from..at]);
            from = at + 1;
        }
    }
    parts.push(&series[from..]);
    parts
}

/// As many cases as `PROPTEST_CASES` says, for long runs.
fn cases() -> ProptestConfig {
    if std::env::var_os("PROPTEST_CASES").is_some() {
        ProptestConfig::default()
    } else {
        ProptestConfig::with_cases(400)
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_we_print_is_read_back_as_the_same_series(points in proptest::collection::vec(any_row(), 1..6)) {
        let mut index = SeriesIndex::new("", "");
        let print = |row: &Row, reversed: bool| {
            let mut out = String::new();
            let tags = crate::Tags::from_pairs(&row.tags);
            let fields: Vec<_> = row.fields.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect();
            assert!(append_point(&mut out, &row.name, &tags, fields, row.time));
            if reversed {
                // The same series with its tags in the other order.
                let body = out.split_off(series_end(&out));
                let mut parts = split_at_commas(&out);
                parts[1..].reverse();
                return parts.join(",") + &body;
            }
            out
        };
        let body: String = points.iter().flat_map(|row| [print(row, false), print(row, true)]).collect();
        let parsed = parse(&mut index, body.as_bytes(), &options(Precision::Nanosecond));
        prop_assert_eq!(&parsed.outcome.rejected, &[], "{}", body);
        let twice: Vec<Row> = points.iter().flat_map(|row| [row.clone(), row.clone()]).collect();
        prop_assert_eq!(rows(&parsed.batches), twice);
        let mut keys = Vec::new();
        for batch in &parsed.batches {
            for run in batch.runs() {
                let block = &batch.blocks[run.block as usize];
                keys.extend_from_slice(&block.key[run.start as usize..(run.start + run.len) as usize]);
            }
        }
        for pair in keys.chunks(2) {
            prop_assert_eq!(pair[0], pair[1]);
        }
    }

    #[test]
    fn printed_points_are_read_back(points in proptest::collection::vec(any_row(), 1..6)) {
        let body: String = points.iter().chain(&points).map(print).collect();
        let parsed = parse_ns(&body);
        prop_assert_eq!(&parsed.outcome.rejected, &[]);
        let twice: Vec<Row> = points.iter().chain(&points).cloned().collect();
        prop_assert_eq!(rows(&parsed.batches), twice);
    }

    #[test]
    fn the_fast_path_and_pieces_change_nothing(text in any_text(), cut in 0_usize..64) {
        let fresh = parse(&mut SeriesIndex::new("", ""), &text, &options(Precision::Nanosecond));
        let expected = rows(&fresh.batches);

        // Once more, now that every series and field is known.
        let mut index = SeriesIndex::new("", "");
        parse(&mut index, &text, &options(Precision::Nanosecond));
        let known = parse(&mut index, &text, &options(Precision::Nanosecond));
        prop_assert_eq!(rows(&known.batches), expected.clone());
        prop_assert_eq!(&known.outcome, &fresh.outcome);

        // In three pieces.
        let mut batches = Vec::new();
        let mut parser = Parser::new(&mut index, options(Precision::Nanosecond));
        let cut = cut.min(text.len());
        let middle = cut + (text.len() - cut) / 2;
        for piece in [&text[..cut], &text[cut..middle], &text[middle..]] {
            parser.feed(piece, &mut |batch| batches.push(batch));
        }
        let outcome = parser.finish(&mut |batch| batches.push(batch));
        prop_assert_eq!(rows(&batches), expected);
        prop_assert_eq!(&outcome, &fresh.outcome);
    }
}

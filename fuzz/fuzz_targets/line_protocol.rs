//! Any body is points and named mistakes; the fast path, the exact path and pieces agree; what is printed reads back.
//!
//! The first byte is the precision, the second where the body is cut.

#![no_main]

use capstan_model::line_protocol::{Outcome, append_point, parse};
use capstan_model::{Batch, ParseOptions, Parser, Precision, RowKey, SeriesIndex, Tags, Value};
use libfuzzer_sys::fuzz_target;

/// A point, with the number of its series.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    tags: Tags,
    fields: Vec<(String, Value)>,
    time: i64,
}

impl Row {
    /// Whether line protocol can say its names wherever they stand: a line break is printed as a space, and what is
    /// skipped before the first field is skipped at the beginning of its name. A field key has no backslash before a
    /// special character.
    fn is_sayable(&self) -> bool {
        let tags = self.tags.iter().flat_map(|(key, value)| [key, value]);
        let fields = || self.fields.iter().map(|(name, _)| name.as_str());
        let mut names = tags.chain(fields()).chain([self.name.as_str()]);
        !names.any(|name| name.contains(['\n', '\r'])) && !fields().any(|name| {
                name.starts_with(['\t', '\0']) || ["\\,", "\\ ", "\\="].iter().any(|pair| name.contains(pair))
            })
    }
}

fn rows(batches: &[Batch]) -> (Vec<Row>, Vec<(u32, RowKey)>) {
    let (mut rows, mut keys) = (Vec::new(), Vec::new());
    for batch in batches {
        for run in batch.runs() {
            let block = &batch.blocks[run.block as usize];
            for row in run.start as usize..(run.start + run.len) as usize {
                rows.push(Row {
                    name: block.name.to_string(),
                    tags: block.tags(row),
                    fields: block.fields(row).map(|(k, v)| (k.to_owned(), v.to_value())).collect(),
                    time: block.time[row],
                });
                keys.push((block.keys.id(), block.key[row]));
            }
        }
    }
    (rows, keys)
}

fn pieces(index: &mut SeriesIndex, options: &ParseOptions, pieces: &[&[u8]]) -> (Vec<Batch>, Outcome) {
    let mut batches = Vec::new();
    let mut parser = Parser::new(index, options.clone());
    for piece in pieces {
        parser.feed(piece, &mut |batch| batches.push(batch));
    }
    let outcome = parser.finish(&mut |batch| batches.push(batch));
    (batches, outcome)
}

fuzz_target!(|data: &[u8]| {
    let &[precision, cut, ref body @ ..] = data else {
        return;
    };
    let units = ["n", "u", "ms", "s", "m", "h"];
    let precision = Precision::parse(units[usize::from(precision) % units.len()]).expect("it is known");
    let options = ParseOptions {
        precision,
        default_time: 1_234_567_890_123_456_789,
        ..ParseOptions::default()
    };
    let mut index = SeriesIndex::new("db", "rp");
    let fresh = parse(&mut index, body, &options);
    let (points, _) = rows(&fresh.batches);
    assert_eq!(points.len(), fresh.outcome.accepted);
    for rejected in &fresh.outcome.rejected {
        assert!(!rejected.to_string().is_empty());
    }

    let known = parse(&mut index, body, &options);
    let (points_again, keys) = rows(&known.batches);
    assert_eq!(points, points_again);
    assert_eq!(fresh.outcome, known.outcome);

    let (first, second) = body.split_at(usize::from(cut).min(body.len()));
    let (batches, outcome) = pieces(&mut index, &options, &[first, second]);
    assert_eq!(points, rows(&batches).0);
    assert_eq!(fresh.outcome, outcome);

    // Printed in the one way we print, each point is the same point of the same series.
    let options = ParseOptions::default();
    for (point, key) in points.iter().zip(keys).filter(|(point, _)| point.is_sayable()) {
        let mut text = String::new();
        let fields = point.fields.iter().map(|(name, value)| (name.as_str(), value.as_ref()));
        assert!(append_point(&mut text, &point.name, &point.tags, fields, point.time));
        let printed = parse(&mut index, text.as_bytes(), &options);
        assert_eq!(printed.outcome.rejected, [], "{text:?} of {point:?}");
        let (read, read_keys) = rows(&printed.batches);
        assert_eq!(&read[..], std::slice::from_ref(point), "{text:?}");
        assert_eq!(read_keys, [key]);
    }
});

//! Line protocol, and stream recordings, which are made of it.

use std::fmt::Write as _;
use std::sync::Arc;

use capstan_model::line_protocol;
use capstan_model::{Batch, ParseOptions, Precision, SeriesIndex};

use super::{ReadOptions, Wrong};

/// How many wrong lines are named.
const NAMED: usize = 5;

/// Reads a stream recording: three lines per point. Lines without a point are passed over (R-05 FIX).
pub(super) fn recording(text: &str, precision: Precision) -> Result<Vec<Batch>, Wrong> {
    // Runs of points of one database, each with the number of its first point.
    let mut runs: Vec<(&str, &str, usize, String)> = Vec::new();
    let mut lines = text.lines();
    let mut number = 0;
    while let Some(database) = lines.next() {
        if database.trim().is_empty() && lines.clone().all(|line| line.trim().is_empty()) {
            break;
        }
        let (Some(policy), Some(point)) = (lines.next(), lines.next()) else {
            let message = "the recording ends within a point: a database, a retention policy and a point are three lines";
            return Err((Some(text.lines().count()), message.to_owned()));
        };
        match runs.last_mut() {
            Some((db, rp, _, body)) if *db == database && *rp == policy => {
                body.push('\n');
                body.push_str(point);
            }
            _ => runs.push((database, policy, number, point.to_owned())),
        }
        number += 1;
    }
    let mut batches = Vec::new();
    for (database, policy, first, body) in runs {
        let line = |line: usize| (first + line - 1) * 3 + 3;
        batches.extend(parse(&body, database, policy, precision, line)?);
    }
    Ok(batches)
}

/// Reads line protocol. A point without a time is refused: in a recording there is no "now".
pub(super) fn line_protocol(text: &str, options: &ReadOptions) -> Result<Vec<Batch>, Wrong> {
    let (database, policy) = &options.dbrp;
    parse(text, database, policy, options.precision, |line| line)
}

fn parse(
    body: &str,
    database: &str,
    policy: &str,
    precision: Precision,
    line_of: impl Fn(usize) -> usize,
) -> Result<Vec<Batch>, Wrong> {
    let options = ParseOptions {
        precision,
        max_rejected: NAMED,
        ..ParseOptions::default()
    };
    let mut index = SeriesIndex::new(Arc::<str>::from(database), Arc::<str>::from(policy));
    let parsed = line_protocol::parse(&mut index, body.as_bytes(), &options);
    let rejected = &parsed.outcome.rejected;
    if let Some(first) = rejected.first() {
        let mut message = format!("{}: {:?}", first.reason, first.text);
        for other in &rejected[1..] {
            let line = line_of(other.line);
            // Writing to a String cannot fail, here and below.
            let _ = write!(message, "\n  line {line}: {}: {:?}", other.reason, other.text);
        }
        let more = parsed.outcome.rejected_total.saturating_sub(rejected.len());
        if more > 0 {
            let _ = write!(message, "\n  and {more} more lines");
        }
        return Err((Some(line_of(first.line)), message));
    }
    let timeless = body.lines().position(|line| {
        let line = line.trim();
        let is_point = !line.is_empty() && !line.starts_with('#');
        is_point
            && line
                .rsplit(' ')
                .next()
                .is_none_or(|word| word.parse::<i64>().is_err())
    });
    match timeless {
        Some(at) => Err((
            Some(line_of(at + 1)),
            "the point has no time, and recorded data has no \"now\"".to_owned(),
        )),
        None => Ok(parsed.batches),
    }
}

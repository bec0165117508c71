//! Stream recordings (`.srpl`): three lines per point, read with the product's own line protocol parser.

use std::path::Path;
use std::sync::Arc;

use capstan_model::line_protocol;
use capstan_model::{Batch, Block, ParseOptions, Precision, Run, SeriesIndex};

/// The points of a recording, shifted so that the first one is at `zero`; one batch per run of one database.
pub(super) fn stream(file: &Path, zero: i64) -> Result<Vec<Batch>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut runs: Vec<(&str, &str, String)> = Vec::new();
    let mut lines = text.lines();
    while let Some(database) = lines.next() {
        let (Some(policy), Some(point)) = (lines.next(), lines.next()) else {
            return Err("the recording ends within a point".to_owned());
        };
        match runs.last_mut() {
            Some((db, rp, body)) if *db == database && *rp == policy => {
                body.push('\n');
                body.push_str(point);
            }
            _ => runs.push((database, policy, point.to_owned())),
        }
    }
    let options = ParseOptions {
        precision: Precision::Second,
        ..ParseOptions::default()
    };
    let mut batches = Vec::new();
    for (database, policy, body) in runs {
        let mut index = SeriesIndex::new(database, policy);
        let parsed = line_protocol::parse(&mut index, body.as_bytes(), &options);
        if let Some(rejected) = parsed.outcome.rejected.first() {
            return Err(rejected.to_string());
        }
        batches.extend(parsed.batches);
    }
    let first = batches.first().and_then(|batch| {
        let run = batch.runs().next()?;
        batch
            .blocks
            .get(run.block as usize)?
            .time
            .get(run.start as usize)
            .copied()
    });
    let by = zero - first.unwrap_or(zero);
    Ok(batches.into_iter().map(|batch| shifted(batch, by)).collect())
}

fn shifted(batch: Batch, by: i64) -> Batch {
    let shift = |block: &Arc<Block>| {
        let time = Arc::new(block.time.iter().map(|time| time + by).collect());
        Arc::new(Block {
            time,
            ..(**block).clone()
        })
    };
    Batch {
        blocks: batch.blocks.iter().map(shift).collect(),
        runs: batch.runs,
    }
}

/// The same points, each in a batch of its own.
pub(super) fn points(batch: &Batch) -> Vec<Batch> {
    let rows = |run: Run| (run.start..run.start + run.len).map(move |row| (run.block, row));
    let single = |(block, row): (u32, u32)| Batch::single(batch.blocks[block as usize].gather(&[row]));
    batch.runs().flat_map(rows).map(single).collect()
}

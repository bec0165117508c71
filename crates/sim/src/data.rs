//! Recorded data: recordings of streams and of batches, line protocol, CSV, each as it is or compressed.

mod archive;
mod batches;
mod csv;
mod lines;
mod table;

use std::sync::Arc;

use capstan_base::{Class, Classify};
use capstan_flow::recording::RecordedBatch;
use capstan_model::{Batch, Block, Precision, Run};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A stream recording: database, retention policy and a point, each on a line of its own.
    Srpl,
    /// A batch recording: JSON objects, alone or in a zip archive with one file per query node.
    Brpl,
    /// Line protocol.
    Line,
    /// A table with a header.
    Csv,
}

impl Format {
    /// The words of the command line.
    pub const ALL: [(&'static str, Self); 4] = [
        ("srpl", Self::Srpl),
        ("brpl", Self::Brpl),
        ("line", Self::Line),
        ("csv", Self::Csv),
    ];

    /// By the end of a file's name; `.gz` does not count.
    fn by_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "srpl" => Some(Self::Srpl),
            "brpl" => Some(Self::Brpl),
            "lp" | "line" | "influx" => Some(Self::Line),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// By how the text begins.
    fn by_text(text: &str) -> Self {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
        let is_line = first.contains('=') && first.contains(' ');
        if first.starts_with('{') {
            Self::Brpl
        } else if first.starts_with("#datatype") || first.starts_with("#group") {
            Self::Csv
        } else if is_line || first.starts_with('#') {
            Self::Line
        } else if first.split(',').any(|column| column.trim_matches('"') == "time") {
            Self::Csv
        } else {
            Self::Srpl
        }
    }
}

/// How data is read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// `None`: by the file's name, else by how it begins.
    pub format: Option<Format>,
    /// Where points belong that do not say: line protocol and CSV.
    pub dbrp: (Arc<str>, Arc<str>),
    /// Unit of times that are numbers.
    pub precision: Precision,
    /// Columns of a table that are tags.
    pub tags: Vec<String>,
    /// Measurement of a table that has no column for it.
    pub measurement: Option<String>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            dbrp: (Arc::from("test"), Arc::from("autogen")),
            precision: Precision::Nanosecond,
            tags: Vec::new(),
            measurement: None,
        }
    }
}

/// What is wrong with data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {message}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct DataError {
    pub file: String,
    /// From 1.
    pub line: Option<usize>,
    pub message: String,
}

impl Classify for DataError {
    fn class(&self) -> Class {
        Class::User
    }
}

/// An error before the file's name is known: line and message.
type Wrong = (Option<usize>, String);

/// Recorded data.
#[derive(Debug, Clone)]
pub enum Data {
    /// Points in their order.
    Stream(Vec<Batch>),
    /// Batches, one list for each query node.
    Batches(Vec<Vec<RecordedBatch>>),
}

/// Reads a file. `name` is what messages call it; its end may say the format.
pub fn read(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> Result<Data, DataError> {
    let error = |(line, message): Wrong| DataError {
        file: name.to_owned(),
        line,
        message,
    };
    parse(name, bytes, options).map_err(error)
}

fn parse(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> Result<Data, Wrong> {
    let bytes = archive::gunzip(bytes).map_err(|message| (None, message))?;
    if archive::is_zip(&bytes) {
        let files = archive::unzip(&bytes).map_err(|message| (None, message))?;
        let read = |(name, bytes): (String, Vec<u8>)| {
            batches::read(&text(bytes)?).map_err(|(line, message)| (line, format!("in {name}: {message}")))
        };
        return Ok(Data::Batches(
            files.into_iter().map(read).collect::<Result<_, _>>()?,
        ));
    }
    let text = text(bytes)?;
    let format = options
        .format
        .or_else(|| Format::by_name(name))
        .unwrap_or_else(|| Format::by_text(&text));
    Ok(match format {
        Format::Srpl => Data::Stream(lines::recording(&text, options.precision)?),
        Format::Brpl => Data::Batches(vec![batches::read(&text)?]),
        Format::Line => Data::Stream(lines::line_protocol(&text, options)?),
        Format::Csv => Data::Stream(csv::read(&text, options)?),
    })
}

fn text(bytes: Vec<u8>) -> Result<String, Wrong> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let good = String::from_utf8_lossy(good);
        (Some(1 + good.matches('\n').count()), "not valid UTF-8".to_owned())
    })
}

impl Data {
    /// How many points there are.
    pub fn points(&self) -> usize {
        match self {
            Self::Stream(batches) => batches.iter().map(Batch::points).sum(),
            Self::Batches(all) => all.iter().flatten().map(|batch| batch.points.len()).sum(),
        }
    }

    /// The time of the first point: where a run begins.
    pub fn first_time(&self) -> Option<i64> {
        match self {
            Self::Stream(batches) => rows(batches.first()?)
                .next()
                .map(|(block, row)| block.time[row as usize]),
            Self::Batches(all) => {
                let first = |batches: &Vec<RecordedBatch>| capstan_flow::recording::first_time(batches);
                all.iter().filter_map(first).min()
            }
        }
    }

    /// Databases and retention policies that points come from, in order.
    pub fn dbrps(&self) -> crate::tasks::Dbrps {
        let mut found = crate::tasks::Dbrps::new();
        if let Self::Stream(batches) = self {
            for block in batches.iter().flat_map(|batch| &batch.blocks) {
                let dbrp = (Arc::clone(&block.database), Arc::clone(&block.retention_policy));
                if !found.contains(&dbrp) {
                    found.push(dbrp);
                }
            }
        }
        found
    }
}

/// The rows of a batch in their order.
fn rows(batch: &Batch) -> impl Iterator<Item = (&Arc<Block>, u32)> {
    let rows = |run: Run| (run.start..run.start + run.len).map(move |row| (run.block, row));
    batch
        .runs()
        .flat_map(rows)
        .map(|(block, row)| (&batch.blocks[block as usize], row))
}

/// The same points, each in a batch of its own, with its time.
pub fn single_points(batch: &Batch) -> impl Iterator<Item = (i64, Batch)> {
    rows(batch).map(|(block, row)| {
        let single = Batch::single(block.gather(&[row]));
        (block.time[row as usize], single)
    })
}

/// The batch with its times moved.
#[must_use]
pub fn shifted(batch: &Batch, by: i64) -> Batch {
    let shift = |block: &Arc<Block>| {
        let time = Arc::new(block.time.iter().map(|time| time.saturating_add(by)).collect());
        Arc::new(Block {
            time,
            ..(**block).clone()
        })
    };
    Batch {
        blocks: batch.blocks.iter().map(shift).collect(),
        runs: batch.runs.clone(),
    }
}

#[cfg(test)]
mod tests;

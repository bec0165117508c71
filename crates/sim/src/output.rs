//! What an offline run prints: one thing after the other as it happens, and for people a summary at the end.

mod json;
mod line;
mod table;

use std::io::{self, Write};

use crate::journal::Entry;
use crate::offline::Summary;

pub(crate) use json::level_word;
pub use json::object;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JSON object per line.
    Json,
    /// Line protocol; what are no points are comments.
    Line,
    /// For people.
    Table,
}

impl Form {
    /// Writes one entry.
    pub fn entry(self, out: &mut dyn Write, entry: &Entry) -> io::Result<()> {
        match self {
            Self::Json => writeln!(out, "{}", json::object(entry)),
            Self::Line => line::entry(out, entry),
            Self::Table => table::entry(out, entry),
        }
    }

    /// Writes what there is to say at the end.
    pub fn summary(self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        match self {
            Self::Json => writeln!(out, "{}", json::summary(summary)),
            Self::Line => Ok(()),
            Self::Table => table::summary(out, summary),
        }
    }
}

//! Results as line protocol: points as they are, everything else as comments, so that the output can be written anywhere.

use std::io::{self, Write};

use capstan_model::line_protocol::append_point;

use super::table::told;
use crate::journal::{Entry, Happened};

pub(super) fn entry(out: &mut dyn Write, entry: &Entry) -> io::Result<()> {
    match &entry.what {
        Happened::Point(row) => {
            let fields = row.fields.iter().map(|(name, value)| (&**name, value.as_ref()));
            let mut text = String::new();
            append_point(&mut text, &row.name, &row.tags, fields, row.time);
            out.write_all(text.as_bytes())
        }
        _ => {
            for line in told(entry).lines() {
                writeln!(out, "# {line}")?;
            }
            Ok(())
        }
    }
}

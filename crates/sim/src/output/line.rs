//! Results as line protocol: points as they are, everything else as comments, so that the output can be written anywhere.

use std::io::{self, Write};

use capstan_model::line_protocol::append_point;

use super::table::told;
use crate::journal::{Entry, Happened};

pub(super) fn entry(out: &mut dyn Write, entry: &Entry) -> io::Result<()> {
    if let Happened::Point(row) = &entry.what {
        let fields = row.fields.iter().map(|(name, value)| (&**name, value.as_ref()));
        let mut text = String::new();
        append_point(&mut text, &row.name, &row.tags, fields, row.time);
        return out.write_all(text.as_bytes());
    }
    for line in told(entry).lines() {
        writeln!(out, "# {line}")?;
    }
    Ok(())
}

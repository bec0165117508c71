//! The batch under construction.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::scan::FieldValue;
use super::series::{Entry, Field, SeriesIndex};
use super::{ParseOptions, Reason};
use crate::batch::{Batch, Run};
use crate::block::Block;
use crate::builder::{ColumnBuilder, Numbers};
use crate::keys::RowKey;

/// Rows that a block makes room for before they come.
const MAX_RESERVED: usize = 1 << 16;

/// The blocks of the batch under construction and the order of their rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) blocks: Vec<OpenBlock>,
    runs: Vec<Run>,
    /// Block of the last row.
    current: u32,
    /// First row of the run that goes on.
    run_start: u32,
    points: usize,
    /// Rows times columns, over blocks.
    cells: usize,
}

#[derive(Debug)]
pub(super) struct OpenBlock {
    measurement: u32,
    time: Vec<i64>,
    key: Vec<RowKey>,
    /// In the order of the measurement's fields; those this batch does not have are empty.
    pub(super) columns: Vec<OpenColumn>,
}

#[derive(Debug)]
pub(super) struct OpenColumn {
    pub(super) field: Field,
    pub(super) prefix: Prefix,
    pub(super) builder: ColumnBuilder,
}

impl OpenColumn {
    fn new(field: Field, rows: usize) -> Self {
        Self {
            builder: ColumnBuilder::new(Arc::clone(&field.name)).with_capacity(rows),
            prefix: Prefix::of(&field),
            field,
        }
    }
}

/// What stands before the value of a field: its name and an equals sign, as far as they fit into a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix {
    word: u64,
    /// Which bits of the word there are. None if the name is too long, or is not written as it is.
    bits: u64,
    len: usize,
}

impl Prefix {
    fn of(field: &Field) -> Self {
        let (mut word, mut bits) = (0, 0);
        if field.plain && field.name.len() < 8 {
            for byte in field.name.bytes().chain([b'=']).rev() {
                word = word << 8 | u64::from(byte);
                bits = bits << 8 | 0xFF;
            }
        }
        let len = field.name.len() + 1;
        Self { word, bits, len }
    }

    /// Where the value begins, if `text` begins so and is eight bytes long.
    #[inline]
    pub(super) fn value_at(self, text: &[u8]) -> Option<usize> {
        let word = u64::from_le_bytes(*text.first_chunk::<8>()?);
        (self.bits != 0 && word & self.bits == self.word).then_some(self.len)
    }
}

/// Rows that are added to a block while they are like those before them.
#[derive(Debug)]
pub(super) struct Alike<'r> {
    pub(super) time: &'r mut Vec<i64>,
    pub(super) key: &'r mut Vec<RowKey>,
    /// The fields, in the order in which they are expected.
    pub(super) lanes: SmallVec<[Lane<'r>; 8]>,
    /// How many rows may be added.
    pub(super) room: usize,
    /// Rows of the block when this began.
    pub(super) rows: usize,
}

/// A field of [`Alike`].
#[derive(Debug)]
pub(super) struct Lane<'r> {
    pub(super) prefix: Prefix,
    pub(super) numbers: Numbers<'r>,
}

impl Rows {
    /// Whether the batch should be handed over before more is added.
    #[inline]
    pub(super) fn is_full(&self, options: &ParseOptions) -> bool {
        self.points >= options.max_rows || self.cells >= options.max_cells
    }

    /// The block of `measurement`, begun if need be.
    #[inline]
    pub(super) fn block(&mut self, index: &mut SeriesIndex, measurement: u32) -> u32 {
        if let Some(block) = self.blocks.get(self.current as usize)
            && block.measurement == measurement
        {
            return self.current;
        }
        self.other_block(index, measurement)
    }

    fn other_block(&mut self, index: &mut SeriesIndex, measurement: u32) -> u32 {
        if let Some(slot) = index.slot(measurement) {
            return slot;
        }
        let slot = self.blocks.len() as u32;
        index.set_slot(measurement, slot);
        let known = &index.measurements[measurement as usize];
        // As many rows as last time, within reason.
        let rows = known.last_rows.min(MAX_RESERVED);
        self.blocks.push(OpenBlock {
            measurement,
            time: Vec::with_capacity(rows),
            key: Vec::with_capacity(rows),
            columns: Vec::with_capacity(known.fields.len()),
        });
        self.add_columns(index, slot);
        slot
    }

    /// Gives the block a column for each field its measurement is known to have.
    fn add_columns(&mut self, index: &SeriesIndex, slot: u32) {
        let block = &mut self.blocks[slot as usize];
        let known = &index.measurements[block.measurement as usize];
        for field in &known.fields[block.columns.len()..] {
            block
                .columns
                .push(OpenColumn::new(field.clone(), known.last_rows.min(MAX_RESERVED)));
        }
    }

    /// A run of rows at the end of a block, if every row it has so far has the same number fields.
    pub(super) fn alike<'r>(&'r mut self, slot: u32, options: &ParseOptions) -> Option<Alike<'r>> {
        if slot != self.current {
            self.end_run();
            self.current = slot;
            self.run_start = self.blocks[slot as usize].time.len() as u32;
        }
        let block = &mut self.blocks[slot as usize];
        let columns = block.columns.len();
        let room = options.max_rows.saturating_sub(self.points);
        let room = room.min(options.max_cells.saturating_sub(self.cells) / columns.max(1));
        let rows = block.time.len();
        let lanes: SmallVec<_> = block
            .columns
            .iter_mut()
            .map_while(|column| {
                Some(Lane {
                    prefix: column.prefix,
                    numbers: column.builder.numbers(rows)?,
                })
            })
            .collect();
        (!lanes.is_empty()).then_some(Alike {
            time: &mut block.time,
            key: &mut block.key,
            lanes,
            room,
            rows,
        })
    }

    /// Takes note of the rows that were added to [`Rows::alike`].
    pub(super) fn grown(&mut self, slot: u32, lanes: usize, rows: usize) {
        let block = &mut self.blocks[slot as usize];
        block.columns[..lanes]
            .iter_mut()
            .for_each(|column| column.builder.grown());
        self.points += rows;
        self.cells += rows * block.columns.len();
    }

    /// Begins a row; its fields are to be set by the caller. Returns its number in the block.
    #[inline]
    pub(super) fn begin_row(&mut self, slot: u32, time: i64, key: RowKey) -> usize {
        if slot != self.current {
            self.end_run();
            self.current = slot;
            self.run_start = self.blocks[slot as usize].time.len() as u32;
        }
        let block = &mut self.blocks[slot as usize];
        let row = block.time.len();
        block.time.push(time);
        block.key.push(key);
        self.points += 1;
        self.cells += block.columns.len();
        row
    }

    fn end_run(&mut self) {
        let Some(block) = self.blocks.get(self.current as usize) else {
            return;
        };
        let len = block.time.len() as u32 - self.run_start;
        if len > 0 {
            self.runs.push(Run {
                block: self.current,
                start: self.run_start,
                len,
            });
        }
    }

    /// Adds a row that took the exact way.
    pub(super) fn add(
        &mut self,
        index: &mut SeriesIndex,
        entry: Entry,
        time: i64,
        fields: &[(Cow<'_, str>, FieldValue<'_>)],
        max_fields: usize,
    ) -> Result<(), Reason> {
        let known = index.measurements[entry.measurement as usize].fields.len();
        let new = fields
            .iter()
            .filter(|(name, _)| index.find_field(entry.measurement, name).is_none())
            .count();
        if new > 0 && known + new > max_fields {
            return Err(Reason::TooManyFields(max_fields));
        }
        let slot = self.block(index, entry.measurement);
        let mut columns = SmallVec::<[u32; 16]>::new();
        columns.extend(
            fields
                .iter()
                .map(|(name, _)| index.field(entry.measurement, name)),
        );
        if new > 0 {
            self.add_columns(index, slot);
            // Earlier rows get a cell in each new column.
            self.cells += new * self.blocks[slot as usize].time.len();
        }
        let row = self.begin_row(slot, time, entry.key);
        let block = &mut self.blocks[slot as usize];
        for (column, (_, value)) in columns.into_iter().zip(fields) {
            block.columns[column as usize].builder.set(row, value.as_value());
        }
        Ok(())
    }

    /// The batch, if it has rows.
    pub(super) fn take_batch(&mut self, index: &mut SeriesIndex) -> Option<Batch> {
        if self.points == 0 {
            return None;
        }
        self.end_run();
        let done = std::mem::take(self);
        index.count_rows(done.points);
        let runs = if done.blocks.len() == 1 {
            Vec::new()
        } else {
            done.runs
        };
        let blocks = done
            .blocks
            .into_iter()
            .map(|block| Arc::new(block.finish(index)))
            .collect();
        Some(Batch { blocks, runs })
    }
}

impl OpenBlock {
    fn finish(self, index: &mut SeriesIndex) -> Block {
        let rows = self.time.len();
        let known = &mut index.measurements[self.measurement as usize];
        known.last_rows = rows;
        let columns = self
            .columns
            .into_iter()
            .filter(|column| !column.builder.is_empty());
        let mut columns: Vec<_> = columns.filter_map(|column| column.builder.finish(rows)).collect();
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        Block {
            database: Arc::clone(&index.database),
            retention_policy: Arc::clone(&index.retention_policy),
            name: Arc::clone(&known.name),
            keys: Arc::clone(&index.keys),
            time: Arc::new(self.time),
            key: Arc::new(self.key),
            columns,
        }
    }
}

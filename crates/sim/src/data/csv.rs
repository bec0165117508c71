//! Tables of points.
//!
//! A header names the columns: `time` (a number in the precision given, or RFC 3339), `name` or `measurement`, `tags`
//! (`host=a,region=b`, as `influx -format csv` prints them), columns that the caller says are tags, and fields. A field
//! column may say its type: `value:int`, else numbers are floats, `12i` is an int, `true` and `false` are booleans, and the
//! rest is text. Empty cells are absent. After an empty line a new header may follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_gocompat::time_layout::parse_rfc3339;
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, Value};

use super::table::{Record, records};
use super::{ReadOptions, Wrong};

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
enum Column {
    Time,
    Measurement,
    Tags,
    Tag(String),
    Field(String, Option<Type>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Type {
    Int,
    Float,
    Bool,
    Text,
}

/// A point in its row.
struct Point {
    time: i64,
    tags: Tags,
    fields: Vec<(String, Value)>,
}

/// Reads a table.
pub(super) fn read(text: &str, options: &ReadOptions) -> Result<Vec<Batch>, Wrong> {
    if text.starts_with("#datatype") || text.starts_with("#group") {
        let message = "annotated CSV (InfluxDB 2) is not read; export line protocol, or a table with a header that has \
                       a column time";
        return Err((Some(1), message.to_owned()));
    }
    let all = records(text).map_err(|(line, message)| (Some(line), message))?;
    let keys = Arc::new(KeyTable::new());
    let mut batches = Vec::new();
    let mut header: Option<Vec<Column>> = None;
    // One block per run of rows of one measurement.
    let mut open: Option<(String, BlockBuilder)> = None;
    for record in &all {
        if record.is_blank() {
            header = None;
            continue;
        }
        let Some(columns) = &header else {
            header = Some(columns(record, options)?);
            continue;
        };
        if record.cells.len() != columns.len() {
            let message = format!(
                "the row has {} cells, the header {}",
                record.cells.len(),
                columns.len()
            );
            return Err((Some(record.line), message));
        }
        let (name, point) = point(record, columns, options)?;
        if open.as_ref().is_none_or(|(open, _)| *open != name) {
            if let Some((_, rows)) = open.take() {
                batches.push(Batch::single(rows.finish()));
            }
            let (database, policy) = options.dbrp.clone();
            let rows = BlockBuilder::new(&*name, Arc::clone(&keys)).from_source(database, policy);
            open = Some((name, rows));
        }
        if let Some((_, rows)) = &mut open {
            rows.row(point.time, keys.intern(&point.tags));
            for (field, value) in &point.fields {
                rows.field(field, value.as_ref());
            }
        }
    }
    batches.extend(open.map(|(_, rows)| Batch::single(rows.finish())));
    Ok(batches)
}

fn columns(record: &Record, options: &ReadOptions) -> Result<Vec<Column>, Wrong> {
    let wrong = |message: String| (Some(record.line), message);
    let column = |cell: &String| {
        let name = cell.trim();
        if options.tags.iter().any(|tag| tag == name) {
            return Column::Tag(name.to_owned());
        }
        let typed = name.rsplit_once(':').and_then(|(name, word)| {
            let kind = match word {
                "int" => Type::Int,
                "float" => Type::Float,
                "bool" => Type::Bool,
                "string" => Type::Text,
                _ => return None,
            };
            Some(Column::Field(name.to_owned(), Some(kind)))
        });
        match name {
            "time" => Column::Time,
            "name" | "measurement" => Column::Measurement,
            "tags" => Column::Tags,
            _ => typed.unwrap_or_else(|| Column::Field(name.to_owned(), None)),
        }
    };
    let columns: Vec<Column> = record.cells.iter().map(column).collect();
    if !columns.contains(&Column::Time) {
        return Err(wrong("the header has no column time".to_owned()));
    }
    if !columns.contains(&Column::Measurement) && options.measurement.is_none() {
        return Err(wrong(
            "the header has no column name or measurement, and no --measurement is given".to_owned(),
        ));
    }
    if !columns.iter().any(|column| matches!(column, Column::Field(..))) {
        return Err(wrong("the header has no column for a field".to_owned()));
    }
    let missing = |tag: &&String| !columns.contains(&Column::Tag((*tag).clone()));
    if let Some(tag) = options.tags.iter().find(missing) {
        return Err(wrong(format!(
            "the header has no column {tag}, which is to be a tag"
        )));
    }
    Ok(columns)
}

fn point(record: &Record, columns: &[Column], options: &ReadOptions) -> Result<(String, Point), Wrong> {
    let wrong = |message: String| (Some(record.line), message);
    let mut name = options.measurement.clone().unwrap_or_default();
    let mut time = None;
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    let mut fields = Vec::new();
    for (cell, column) in record.cells.iter().zip(columns) {
        if cell.is_empty() {
            continue;
        }
        match column {
            Column::Time => {
                let read = match cell.parse::<i64>() {
                    Ok(number) => number.checked_mul(options.precision.nanos()),
                    Err(_) => parse_rfc3339(cell),
                };
                time = Some(read.ok_or_else(|| wrong(format!("{cell:?} is no time")))?);
            }
            Column::Measurement => name.clone_from(cell),
            Column::Tags => {
                for pair in cell.split(',').filter(|pair| !pair.is_empty()) {
                    let (key, value) = pair
                        .split_once('=')
                        .ok_or_else(|| wrong(format!("{pair:?} is no tag: expected key=value")))?;
                    tags.insert(key.to_owned(), value.to_owned());
                }
            }
            Column::Tag(key) => {
                tags.insert(key.clone(), cell.clone());
            }
            Column::Field(field, kind) => {
                let value = value(cell, *kind)
                    .ok_or_else(|| wrong(format!("{cell:?} in column {field} does not have its type")))?;
                fields.push((field.clone(), value));
            }
        }
    }
    let time = time.ok_or_else(|| wrong("the row has no time".to_owned()))?;
    if name.is_empty() {
        return Err(wrong("the row has no measurement".to_owned()));
    }
    if fields.is_empty() {
        return Err(wrong("the row has no field".to_owned()));
    }
    let tags = Tags::from_pairs(tags);
    Ok((name, Point { time, tags, fields }))
}

fn value(cell: &str, kind: Option<Type>) -> Option<Value> {
    let float = |cell: &str| cell.parse::<f64>().ok().filter(|value| value.is_finite());
    match kind {
        Some(Type::Int) => cell.trim_end_matches('i').parse().ok().map(Value::Int),
        Some(Type::Float) => float(cell).map(Value::Float),
        Some(Type::Bool) => cell.to_lowercase().parse().ok().map(Value::Bool),
        Some(Type::Text) => Some(Value::Str(cell.into())),
        None => Some(match cell {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => {
                let int = cell.strip_suffix('i').and_then(|digits| digits.parse().ok());
                int.map(Value::Int)
                    .or_else(|| float(cell).map(Value::Float))
                    .unwrap_or_else(|| Value::Str(cell.into()))
            }
        }),
    }
}

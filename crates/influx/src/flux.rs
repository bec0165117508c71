//! Answers to Flux: tables as CSV with annotations `datatype` and `group`.
//!
//! Columns of the group key are tags, the others fields; `_time` is the time, `_measurement` the name, `_start` and
//! `_stop` are left out.

use capstan_gocompat::{strconv, time_layout::parse_rfc3339};
use capstan_model::{Tags, Value};

use crate::error::Error;
use crate::series::Series;

/// Annotation, result and table number: columns before the data.
const BEFORE_DATA: usize = 3;

/// The tables of an answer.
pub fn series(body: &str) -> Result<Vec<Series>, Error> {
    let mut tables = Tables::default();
    let mut records = Records { rest: body };
    while let Some(record) = records.next() {
        let record = record?;
        if record.get(1).is_some_and(|word| word == "error") {
            let message = records.next().transpose()?.and_then(|row| row.into_iter().nth(1));
            let message = message.unwrap_or_else(|| "unexpected EOF in query tables".to_owned());
            return Err(Error::Query(format!("flux query error: {message}")));
        }
        tables.record(record)?;
    }
    Ok(tables.done)
}

#[derive(Default)]
struct Tables {
    types: Vec<String>,
    group: Vec<bool>,
    names: Vec<String>,
    /// The next record holds the names.
    names_follow: bool,
    /// Number of the table under way.
    number: Option<String>,
    done: Vec<Series>,
}

impl Tables {
    fn record(&mut self, mut record: Vec<String>) -> Result<(), Error> {
        if record.len() < BEFORE_DATA {
            return Ok(());
        }
        let data = record.split_off(BEFORE_DATA);
        match &*record[0] {
            "#datatype" => self.types = data,
            "#group" => {
                self.group = data.iter().map(|word| word == "true").collect();
                self.names_follow = true;
            }
            "" if self.names_follow => {
                self.names = data;
                self.names_follow = false;
                self.number = None;
            }
            "" => return self.row(&record[2], &data),
            _ => {}
        }
        Ok(())
    }

    fn row(&mut self, number: &str, data: &[String]) -> Result<(), Error> {
        let fields = |at: &usize| {
            !matches!(&*self.names[*at], "_measurement" | "_start" | "_stop" | "_time")
                && !self.group.get(*at).copied().unwrap_or(false)
        };
        let width = self.names.len().min(data.len());
        let fields: Vec<usize> = (0..width).filter(fields).collect();
        if self.number.as_deref() != Some(number) {
            self.number = Some(number.to_owned());
            let is_tag = |at: &usize| {
                self.group.get(*at).copied().unwrap_or(false)
                    && !matches!(&*self.names[*at], "_measurement" | "_start" | "_stop" | "_time")
            };
            let tags = (0..width).filter(is_tag).map(|at| (&*self.names[at], &*data[at]));
            let name = self.names.iter().position(|name| name == "_measurement");
            self.done.push(Series {
                name: name.and_then(|at| data.get(at)).cloned().unwrap_or_default(),
                tags: Tags::from_pairs(tags),
                columns: fields.iter().map(|&at| self.names[at].clone()).collect(),
                rows: Vec::new(),
            });
        }
        let time = match self.names.iter().position(|name| name == "_time") {
            Some(at) => {
                let text = data.get(at).map_or("", String::as_str);
                Some(
                    parse_rfc3339(text)
                        .ok_or_else(|| Error::Answer(format!("unexpected time format: {text:?}")))?,
                )
            }
            None => None,
        };
        let values = fields.iter().map(|&at| {
            let kind = self.types.get(at).map_or("", String::as_str);
            cell(kind, &data[at])
        });
        let values = values.collect::<Result<_, _>>()?;
        if let Some(table) = self.done.last_mut() {
            table.rows.push((time, values));
        }
        Ok(())
    }
}

/// A value of a type; nothing is no value, except in a text.
fn cell(kind: &str, text: &str) -> Result<Option<Value>, Error> {
    let wrong = |error: strconv::NumberError| Error::Answer(error.to_string());
    Ok(Some(match kind {
        "string" | "dateTime" | "dateTime:RFC3339" | "dateTime:RFC3339Nano" | "duration" => {
            Value::Str(text.into())
        }
        "double" | "boolean" | "long" | "unsignedLong" if text.is_empty() => return Ok(None),
        "double" => Value::Float(strconv::parse_float(text).map_err(wrong)?),
        "boolean" => Value::Bool(text != "false"),
        "long" => Value::Int(strconv::parse_int_base(text, 10).map_err(wrong)?),
        // There are no unsigned fields; what is too large for an int keeps its size.
        "unsignedLong" => match text.parse() {
            Ok(value) => Value::Int(value),
            Err(_) => Value::Float(strconv::parse_float(text).map_err(wrong)?),
        },
        other => return Err(Error::Answer(format!("{text} has unknown data type {other}"))),
    }))
}

/// Records of CSV with quotes (RFC 4180).
struct Records<'a> {
    rest: &'a str,
}

impl Iterator for Records<'_> {
    type Item = Result<Vec<String>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let mut fields = Vec::new();
        loop {
            let field = if let Some(quoted) = self.rest.strip_prefix('"') {
                self.quoted(quoted)
            } else {
                let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
                let (field, rest) = self.rest.split_at(end);
                self.rest = rest;
                Some(field.trim_end_matches('\r').to_owned())
            };
            let Some(field) = field else {
                self.rest = "";
                return Some(Err(Error::Answer(
                    "a quoted text in the answer does not end".to_owned(),
                )));
            };
            fields.push(field);
            let mut rest = self.rest.chars();
            match rest.next() {
                Some(',') => self.rest = rest.as_str(),
                Some(_) => {
                    self.rest = rest.as_str();
                    return Some(Ok(fields));
                }
                None => return Some(Ok(fields)),
            }
        }
    }
}

impl<'a> Records<'a> {
    /// The field whose first quote was taken; what follows its last quote up to the separator is dropped.
    fn quoted(&mut self, mut text: &'a str) -> Option<String> {
        let mut field = String::new();
        loop {
            let end = text.find('"')?;
            field.push_str(&text[..end]);
            text = &text[end + 1..];
            match text.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    text = after;
                }
                None => break,
            }
        }
        let end = text.find([',', '\n']).unwrap_or(text.len());
        self.rest = &text[end..];
        Some(field)
    }
}

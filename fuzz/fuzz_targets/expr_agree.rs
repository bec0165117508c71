//! An expression by column gives the answers of the same expression by row; no value makes either panic.
//!
//! The first line is the expression; the bytes behind it become the values of what it refers to.

#![no_main]

use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_expr::{ColumnRef, ColumnRow, Compiled, Environment, Value};
use capstan_model::{StrValues, Values};
use libfuzzer_sys::fuzz_target;

/// A column of each type, as long as `rows`.
enum Column {
    Float(Vec<f64>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
    Duration(Vec<i64>),
    Time(Vec<i64>),
    Text(StrValues),
}

/// Bytes to take values from; zeros when they are used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn int(&mut self) -> i64 {
        match self.byte() {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => -1,
            3 => i64::from_le_bytes(std::array::from_fn(|_| self.byte())),
            small => i64::from(small) - 10,
        }
    }

    fn float(&mut self) -> f64 {
        match self.byte() {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => -0.0,
            3 => f64::from_le_bytes(std::array::from_fn(|_| self.byte())),
            4 => -1e300,
            small => f64::from(small) / 4.0 - 10.0,
        }
    }

    fn text(&mut self) -> String {
        let len = usize::from(self.byte() % 8);
        let bytes: Vec<u8> = (0..len).map(|_| self.byte()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn column(&mut self, rows: usize) -> Column {
        match self.byte() % 6 {
            0 => Column::Float((0..rows).map(|_| self.float()).collect()),
            1 => Column::Int((0..rows).map(|_| self.int()).collect()),
            2 => Column::Bool((0..rows).map(|_| self.byte() % 2 == 0).collect()),
            3 => Column::Duration((0..rows).map(|_| self.int()).collect()),
            4 => Column::Time((0..rows).map(|_| self.int()).collect()),
            _ => {
                let mut texts = StrValues::default();
                (0..rows).for_each(|_| texts.push(&self.text()));
                Column::Text(texts)
            }
        }
    }

    fn value(&mut self) -> Value {
        match self.byte() % 8 {
            0 => Value::Float(self.float()),
            1 => Value::Int(self.int()),
            2 => Value::Bool(self.byte() % 2 == 0),
            3 => Value::Duration(self.int()),
            4 => Value::Time(self.int()),
            5 => Value::String(self.text().into()),
            6 => Value::Missing,
            _ => Value::Null,
        }
    }
}

impl Column {
    fn as_ref(&self) -> ColumnRef<'_> {
        match self {
            Self::Float(values) => ColumnRef::Float(values),
            Self::Int(values) => ColumnRef::Int(values),
            Self::Bool(values) => ColumnRef::Bool(values),
            Self::Duration(values) => ColumnRef::Duration(values),
            Self::Time(values) => ColumnRef::Time(values),
            Self::Text(values) => ColumnRef::Text(values),
        }
    }
}

fn same(values: &Values, row: usize, value: &Value) -> bool {
    match (values, value) {
        (Values::Float(v), Value::Float(w)) => v[row].to_bits() == w.to_bits() || (v[row].is_nan() && w.is_nan()),
        (Values::Int(v), Value::Int(w)) | (Values::Duration(v), Value::Duration(w)) => v[row] == *w,
        (Values::Bool(v), Value::Bool(w)) => v[row] == *w,
        (Values::Str(v), Value::String(w)) => v.get(row) == w,
        _ => false,
    }
}

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let Ok(text) = std::str::from_utf8(&data[..end]) else {
        return;
    };
    let Ok(tree) = capstan_tick::parse_lambda(text) else {
        return;
    };
    let clock = VirtualClock::at(1_600_000_000_123_456_789);
    let environment = Arc::new(Environment::with_zone(clock, jiff::tz::TimeZone::UTC).seeded(7));
    let Ok(compiled) = Compiled::with_environment(&tree, environment) else {
        return;
    };
    let mut bytes = Bytes(data.get(end + 1..).unwrap_or_default());
    let rows = usize::from(bytes.byte() % 4) + 1;
    let columns: Vec<Column> = compiled.references().iter().map(|_| bytes.column(rows)).collect();
    let columns: Vec<ColumnRef<'_>> = columns.iter().map(Column::as_ref).collect();

    let by_column = compiled.eval_columns(rows, &columns);
    let mut state = compiled.state();
    for row in 0..rows {
        let scope = ColumnRow { columns: &columns, row };
        let by_row = compiled.eval(&mut state, &scope);
        if let Some(values) = &by_column {
            assert_eq!(values.len(), rows);
            let value = by_row.as_ref().unwrap_or_else(|error| panic!("{error}, but {values:?}"));
            assert!(same(values, row, value), "{value:?}, but {values:?}");
        }
    }

    // A point of any values: a value of the predicted type, or an error.
    let values: Vec<Value> = compiled.references().iter().map(|_| bytes.value()).collect();
    let predicted = compiled.type_in(&values);
    match compiled.eval(&mut state, &values) {
        Ok(value) => assert_eq!(predicted, Ok(value.type_of()), "{value:?}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let _ = compiled.eval_predicate(&mut state, &values);
    let _ = compiled.eval_int(&mut state, &values);
    let _ = compiled.eval_float(&mut state, &values);
    let _ = compiled.eval_string(&mut state, &values);
    let _ = compiled.eval_duration(&mut state, &values);
    let cells = state.cells().to_vec();
    assert!(compiled.restore(&cells).is_some());
});

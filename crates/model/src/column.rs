//! One field of a block.

use std::sync::Arc;

use crate::mask::Mask;
use crate::value::{Value, ValueRef};

/// A named column. The data is shared: renaming a field copies nothing.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: Arc<str>,
    pub values: Arc<Values>,
    /// Rows that do not have this field. `None`: every row has it.
    pub absent: Option<Arc<Mask>>,
    /// Rows that have the field without a value (join's fill). `None`: no row.
    pub null: Option<Arc<Mask>>,
}

/// The values of a column, one per row; what stands in rows that are absent or null means nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Float(Vec<f64>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
    Duration(Vec<i64>),
    Str(StrValues),
    /// The field changed type within the block.
    Mixed(Vec<Value>),
}

/// Strings of a column in one piece of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StrValues {
    text: String,
    ends: Vec<u32>,
}

impl StrValues {
    /// Adds a row.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
    }

    /// The text of `row`; empty beyond the end.
    pub fn get(&self, row: usize) -> &str {
        let start = if row == 0 {
            0
        } else {
            self.ends.get(row - 1).map_or(0, |&end| end as usize)
        };
        self.ends
            .get(row)
            .map_or("", |&end| &self.text[start..end as usize])
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of text.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl Values {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(v) => v.len(),
            Self::Int(v) | Self::Duration(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Str(v) => v.len(),
            Self::Mixed(v) => v.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how much memory the values take. Strings of mixed columns are not followed.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Float(_) | Self::Int(_) | Self::Duration(_) => self.len() * size_of::<i64>(),
            Self::Bool(v) => v.len(),
            Self::Str(v) => v.len() * size_of::<u32>() + v.text_len(),
            Self::Mixed(v) => v.len() * size_of::<Value>(),
        }
    }

    /// The value in `row`, which must exist.
    pub fn get(&self, row: usize) -> ValueRef<'_> {
        match self {
            Self::Float(v) => ValueRef::Float(v[row]),
            Self::Int(v) => ValueRef::Int(v[row]),
            Self::Bool(v) => ValueRef::Bool(v[row]),
            Self::Duration(v) => ValueRef::Duration(v[row]),
            Self::Str(v) => ValueRef::Str(v.get(row)),
            Self::Mixed(v) => v[row].as_ref(),
        }
    }

    /// The values of `rows`, in that order.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        fn pick<T: Clone>(values: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|&row| values[row as usize].clone()).collect()
        }
        match self {
            Self::Float(v) => Self::Float(pick(v, rows)),
            Self::Int(v) => Self::Int(pick(v, rows)),
            Self::Bool(v) => Self::Bool(pick(v, rows)),
            Self::Duration(v) => Self::Duration(pick(v, rows)),
            Self::Mixed(v) => Self::Mixed(pick(v, rows)),
            Self::Str(v) => {
                let mut out = StrValues::default();
                for &row in rows {
                    out.push(v.get(row as usize));
                }
                Self::Str(out)
            }
        }
    }
}

impl Column {
    /// A column in which every row has a value.
    pub fn dense(name: impl Into<Arc<str>>, values: Values) -> Self {
        Self {
            name: name.into(),
            values: Arc::new(values),
            absent: None,
            null: None,
        }
    }

    /// The value in `row`: `None` when the row does not have this field.
    pub fn get(&self, row: usize) -> Option<ValueRef<'_>> {
        if self.absent.as_ref().is_some_and(|mask| mask.get(row)) {
            return None;
        }
        if self.null.as_ref().is_some_and(|mask| mask.get(row)) {
            return Some(ValueRef::Null);
        }
        Some(self.values.get(row))
    }

    /// Whether every row has a value, so that [`Column::values`] can be read without masks.
    pub fn is_dense(&self) -> bool {
        self.absent.is_none() && self.null.is_none()
    }

    /// The same data under another name.
    #[must_use]
    pub fn renamed(&self, name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            ..self.clone()
        }
    }

    /// The column of `rows`, in that order. Masks that no picked row needs are left out.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        let pick = |mask: &Option<Arc<Mask>>| {
            let mask = mask.as_ref()?;
            let picked = Mask::from_fn(rows.len(), |i| mask.get(rows[i] as usize));
            picked.any().then(|| Arc::new(picked))
        };
        Self {
            name: Arc::clone(&self.name),
            values: Arc::new(self.values.gather(rows)),
            absent: pick(&self.absent),
            null: pick(&self.null),
        }
    }
}

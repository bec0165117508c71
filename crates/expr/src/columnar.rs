//! Whole columns at once: when every reference has one type throughout a block and nothing depends on the order of rows, an
//! expression is a few tight loops. Where that does not hold, or a row would be an error, it declines and rows decide.

use std::sync::Arc;

use capstan_model::{Column, StrValues, Values};
use capstan_tick::ast::{BinaryOperator, UnaryOperator};

use crate::compile::{Call, Kind, Node};
use crate::compiled::Compiled;
use crate::evaluate;
use crate::functions::Body;
use crate::kernels::{self, Operand, Texts, Vals};
use crate::operators;
use crate::scope::Scope;
use crate::value::{Datum, ScopeValue, Type, truncate};

/// Texts by row, wherever they live: a column, or a tag's dictionary.
pub trait TextColumn {
    /// The text of a row.
    fn text(&self, row: usize) -> &str;
}

impl TextColumn for StrValues {
    fn text(&self, row: usize) -> &str {
        self.get(row)
    }
}

impl TextColumn for [Arc<str>] {
    fn text(&self, row: usize) -> &str {
        self.get(row).map_or("", |text| text)
    }
}

/// The values of one reference in a block. Every row has one; columns with gaps are for the row interpreter.
#[derive(Clone, Copy)]
pub enum ColumnRef<'a> {
    Float(&'a [f64]),
    Int(&'a [i64]),
    Bool(&'a [bool]),
    /// Nanoseconds.
    Duration(&'a [i64]),
    /// Nanoseconds since the Unix epoch.
    Time(&'a [i64]),
    Text(&'a dyn TextColumn),
    /// The same value in every row.
    Constant(ScopeValue<'a>),
}

impl std::fmt::Debug for ColumnRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Float(_) => "Float",
            Self::Int(_) => "Int",
            Self::Bool(_) => "Bool",
            Self::Duration(_) => "Duration",
            Self::Time(_) => "Time",
            Self::Text(_) => "Text",
            Self::Constant(_) => "Constant",
        })
    }
}

impl<'a> ColumnRef<'a> {
    /// A field of a block; `None` when rows lack it or its type changes.
    pub fn of(column: &'a Column) -> Option<Self> {
        if !column.is_dense() {
            return None;
        }
        Some(match &*column.values {
            Values::Float(v) => Self::Float(v),
            Values::Int(v) => Self::Int(v),
            Values::Bool(v) => Self::Bool(v),
            Values::Duration(v) => Self::Duration(v),
            Values::Str(v) => Self::Text(v),
            Values::Mixed(_) => return None,
        })
    }

    /// The value in a row.
    pub fn get(&self, row: usize) -> ScopeValue<'a> {
        let value = match *self {
            Self::Float(v) => v.get(row).map(|v| ScopeValue::Float(*v)),
            Self::Int(v) => v.get(row).map(|v| ScopeValue::Int(*v)),
            Self::Bool(v) => v.get(row).map(|v| ScopeValue::Bool(*v)),
            Self::Duration(v) => v.get(row).map(|v| ScopeValue::Duration(*v)),
            Self::Time(v) => v.get(row).map(|v| ScopeValue::Time(*v)),
            Self::Text(v) => Some(ScopeValue::String(v.text(row))),
            Self::Constant(value) => Some(value),
        };
        value.unwrap_or(ScopeValue::Missing)
    }
}

/// One row of bound columns, for the row interpreter.
#[derive(Debug, Clone, Copy)]
pub struct ColumnRow<'a> {
    /// By slot.
    pub columns: &'a [ColumnRef<'a>],
    /// Which row.
    pub row: usize,
}

impl Scope for ColumnRow<'_> {
    fn get(&self, slot: usize) -> ScopeValue<'_> {
        self.columns
            .get(slot)
            .map_or(ScopeValue::Undefined, |column| column.get(self.row))
    }
}

impl Compiled {
    /// Evaluates all `rows` rows at once; `columns` are by slot and have at least that many values.
    /// `None`: evaluate row by row instead, because types do not fit, the expression is stateful, or some row is an error.
    /// The answers are those of [`Compiled::eval`] for each row.
    pub fn eval_columns(&self, rows: usize, columns: &[ColumnRef<'_>]) -> Option<Values> {
        if self.is_stateful() || columns.len() < self.references().len() {
            return None;
        }
        Block {
            compiled: self,
            rows,
            columns,
        }
        .eval(&self.root)?
        .into_values(rows)
    }

    /// As [`Compiled::eval_columns`], for a condition: `None` also when the result is no boolean.
    pub fn eval_bool_columns(&self, rows: usize, columns: &[ColumnRef<'_>]) -> Option<Vec<bool>> {
        match self.eval_columns(rows, columns)? {
            Values::Bool(values) => Some(values),
            _ => None,
        }
    }
}

struct Block<'a> {
    compiled: &'a Compiled,
    rows: usize,
    columns: &'a [ColumnRef<'a>],
}

impl<'a> Block<'a> {
    fn eval(&self, node: &'a Node) -> Option<Operand<'a>> {
        match &node.kind {
            Kind::Literal(value) => Operand::one(evaluate::literal(value)),
            Kind::Reference { slot } => self.reference(*slot),
            Kind::Unary { operator, operand } => match (operator, self.eval(operand)?) {
                (UnaryOperator::Not, Operand::Bool(v)) => Some(Operand::Bool(kernels::map(&v, |v| !v))),
                (UnaryOperator::Minus, Operand::Float(v)) => Some(Operand::Float(kernels::map(&v, |v| -v))),
                (UnaryOperator::Minus, Operand::Int(v)) => {
                    Some(Operand::Int(kernels::map(&v, i64::wrapping_neg)))
                }
                (UnaryOperator::Minus, Operand::Duration(v)) => {
                    Some(Operand::Duration(kernels::map(&v, i64::wrapping_neg)))
                }
                _ => None,
            },
            Kind::Binary {
                operator, operands, ..
            } => {
                let (left, right) = (self.eval(&operands.0)?, self.eval(&operands.1)?);
                operators::result_type(*operator, left.type_of(), right.type_of())?;
                kernels::binary(*operator, left, right, self.rows)
            }
            Kind::Chain {
                operator, operands, ..
            } => {
                let mut all: Option<Vals<'a, bool>> = None;
                for operand in operands {
                    let Operand::Bool(next) = self.eval(operand)? else {
                        return None;
                    };
                    all = Some(match all {
                        None => next,
                        Some(so_far) if *operator == BinaryOperator::And => {
                            kernels::zip(&so_far, &next, |a, b| a & b)
                        }
                        Some(so_far) => kernels::zip(&so_far, &next, |a, b| a | b),
                    });
                }
                all.map(Operand::Bool)
            }
            Kind::Call(call) => self.call(call),
            Kind::Lambda(body) => self.eval(body),
        }
    }

    fn reference(&self, slot: usize) -> Option<Operand<'a>> {
        Some(match *self.columns.get(slot)? {
            ColumnRef::Float(v) => Operand::Float(Vals::Slice(v.get(..self.rows)?)),
            ColumnRef::Int(v) => Operand::Int(Vals::Slice(v.get(..self.rows)?)),
            ColumnRef::Bool(v) => Operand::Bool(Vals::Slice(v.get(..self.rows)?)),
            ColumnRef::Duration(v) => Operand::Duration(Vals::Slice(v.get(..self.rows)?)),
            ColumnRef::Time(v) => Operand::Time(Vals::Slice(v.get(..self.rows)?)),
            ColumnRef::Text(v) => Operand::Text(Texts::Column(v)),
            ColumnRef::Constant(value) => Operand::one(match value {
                ScopeValue::Float(v) => Datum::Float(v),
                ScopeValue::Int(v) => Datum::Int(v),
                ScopeValue::Bool(v) => Datum::Bool(v),
                ScopeValue::String(v) => Datum::String(v.into()),
                ScopeValue::Regex(v) => Datum::Regex(v),
                ScopeValue::Time(v) => Datum::Time(v),
                ScopeValue::Duration(v) => Datum::Duration(v),
                ScopeValue::Undefined | ScopeValue::Missing | ScopeValue::Null => return None,
            })?,
        })
    }

    fn call(&self, call: &'a Call) -> Option<Operand<'a>> {
        let function = call.function?;
        let args: Vec<Operand<'a>> = call
            .args
            .iter()
            .map(|arg| self.eval(arg))
            .collect::<Option<_>>()?;
        let types: Vec<Type> = args.iter().map(Operand::type_of).collect();
        let result = function.result_type(&types)?;
        // The loops that are worth having: no call per row, so that they vectorise.
        match (function.name, args.as_slice()) {
            ("ceil", [Operand::Float(v)]) => return Some(Operand::Float(kernels::map(v, f64::ceil))),
            ("floor", [Operand::Float(v)]) => return Some(Operand::Float(kernels::map(v, f64::floor))),
            ("trunc", [Operand::Float(v)]) => return Some(Operand::Float(kernels::map(v, f64::trunc))),
            ("abs", [Operand::Float(v)]) => return Some(Operand::Float(kernels::map(v, f64::abs))),
            ("sqrt", [Operand::Float(v)]) => return Some(Operand::Float(kernels::map(v, f64::sqrt))),
            ("float", [Operand::Int(v)]) => return Some(Operand::Float(kernels::map(v, |v| v as f64))),
            ("int", [Operand::Float(v)]) => {
                let finite = v.as_slice().iter().all(|v| v.is_finite());
                return finite.then(|| Operand::Int(kernels::map(v, truncate)));
            }
            ("if", [Operand::Bool(condition), Operand::Float(yes), Operand::Float(no)]) => {
                return Some(Operand::Float(kernels::select(condition, yes, no, self.rows)));
            }
            ("if", [Operand::Bool(condition), Operand::Int(yes), Operand::Int(no)]) => {
                return Some(Operand::Int(kernels::select(condition, yes, no, self.rows)));
            }
            _ => {}
        }
        match (function.body, args.as_slice()) {
            (Body::Float1(f), [Operand::Float(v)]) => Some(Operand::Float(kernels::map(v, f))),
            (Body::Float2(f), [Operand::Float(a), Operand::Float(b)]) => {
                Some(Operand::Float(kernels::zip(a, b, f)))
            }
            (Body::Pure(f), args) => self.each(args, result, |row| f(row).ok()),
            (Body::World(f), args) => self.each(args, result, |row| f(&self.compiled.environment, row).ok()),
            _ => None,
        }
    }

    /// Any other function, row by row; once if no argument changes.
    fn each(
        &self,
        args: &[Operand<'a>],
        result: Type,
        f: impl for<'b> Fn(&[Datum<'b>]) -> Option<Datum<'b>>,
    ) -> Option<Operand<'a>> {
        let constant = args.iter().all(Operand::is_one);
        let mut out = kernels::Output::new(result, if constant { 1 } else { self.rows })?;
        for row in 0..if constant { 1 } else { self.rows } {
            let values: smallvec::SmallVec<[Datum<'_>; 4]> = args.iter().map(|arg| arg.get(row)).collect();
            out.push(&f(&values)?)?;
        }
        Some(out.finish(constant))
    }
}

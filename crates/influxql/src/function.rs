//! The table of functions: one source of truth for binding, errors and documentation.

use crate::functions as f;
use crate::value::{Emitted, FieldType, Value};

/// A function: what it is called, what it takes, what it gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// The chaining method in a script.
    pub name: &'static str,
    /// What the node and the emitted field are called when the script says nothing (N-130): the method's name, except
    /// for `holtWintersWithFit` (N-158).
    pub default_as: &'static str,
    /// Parameters in the order a script gives them.
    pub parameters: &'static [Parameter],
    /// Whether more strings may follow the parameters (`top`, `bottom`).
    pub rest: Option<&'static str>,
    /// Field types it takes.
    pub inputs: TypeSet,
    /// Type of what it gives.
    pub output: Output,
    /// How many values it gives, and when.
    pub shape: Shape,
    /// What of the chosen point is passed on (N-135).
    pub keeps: Keeps,
    /// Whether the point's own time is always used (N-157).
    pub point_times: bool,
    /// What an empty batch gives (N-133).
    pub empty: Empty,
    /// One sentence for the manual.
    pub doc: &'static str,
}

/// When and how many values come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value over many points.
    Aggregate,
    /// One of the points.
    Selector,
    /// Any number of values; the output is a batch.
    MultiRow,
    /// At most one value for each point; the output has the edge type of the input.
    Transform,
}

/// What of a chosen point goes out with the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Only the group's tags.
    Nothing,
    /// All tags of the point, none of its other fields (`top`, `bottom`).
    Tags,
    /// All tags and all fields, with the field renamed (`first`, `last`, `min`, `max`, `percentile`).
    Point,
}

/// The answer to an empty batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// No answer.
    Nothing,
    /// Integer zero.
    Int0,
    /// Float zero.
    Float0,
}

/// The type of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The type of the input.
    Same,
    /// Always a float.
    Float,
    /// Always an integer.
    Int,
}

/// One parameter of a function.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// As in the manual.
    pub name: &'static str,
    /// What may be given.
    pub kind: ParameterKind,
}

/// What may be given for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// The name of a field, a string.
    Field,
    /// An integer literal.
    Int,
    /// A float literal.
    Float,
    /// A duration literal.
    Duration,
}

/// A set of field types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeSet(u8);

impl TypeSet {
    /// Floats and integers.
    pub const NUMERIC: Self = Self(Self::bit(FieldType::Float) | Self::bit(FieldType::Int));
    /// Floats, integers, strings and booleans.
    pub const ALL: Self = Self(Self::NUMERIC.0 | Self::bit(FieldType::String) | Self::bit(FieldType::Bool));

    const fn bit(of: FieldType) -> u8 {
        1 << of as u8
    }

    /// Whether the type is in the set.
    pub const fn contains(self, of: FieldType) -> bool {
        self.0 & Self::bit(of) != 0
    }
}

impl Function {
    /// Whether it takes fields of this type (N-138).
    pub const fn accepts(&self, input: FieldType) -> bool {
        self.inputs.contains(input)
    }

    /// The type it gives for an input of this type.
    pub const fn output_type(&self, input: FieldType) -> FieldType {
        match self.output {
            Output::Same => input,
            Output::Float => FieldType::Float,
            Output::Int => FieldType::Int,
        }
    }

    /// Whether it provides batches: `top`, `bottom`, `distinct` and the forecasts do, transforms keep the edge type of
    /// their input, all others provide streams.
    pub const fn provides_batch(&self) -> bool {
        matches!(self.shape, Shape::MultiRow)
    }

    /// What an empty batch gives (N-133). Its point time is the epoch (N-131).
    pub fn empty(&self) -> Option<Emitted> {
        let value = match self.empty {
            Empty::Nothing => return None,
            Empty::Int0 => Value::Int(0),
            Empty::Float0 => Value::Float(0.0),
        };
        Some(Emitted {
            value,
            time: Some(0),
            row: None,
        })
    }

    /// The signature in words, as error texts and the manual show it: `percentile(field, percentile)`.
    pub fn signature(&self) -> String {
        let names: Vec<&str> = self.parameters.iter().map(|p| p.name).collect();
        let rest = self.rest.map(|rest| format!(", {rest}...")).unwrap_or_default();
        format!("{}({}{rest})", self.name, names.join(", "))
    }
}

const FIELD: Parameter = Parameter {
    name: "field",
    kind: ParameterKind::Field,
};

/// Parameters of the functions that take a field and nothing else.
pub(crate) const FIELD_ONLY: &[Parameter] = &[FIELD];

/// A parameter list that starts with the field.
macro_rules! parameters {
    ($($name:literal: $kind:ident),*) => {
        &[$($crate::function::Parameter { name: $name, kind: $crate::function::ParameterKind::$kind }),*]
    };
}
pub(crate) use parameters;

impl Function {
    /// The common case, to be changed by the rows of the table: one field, numeric in, same type out, one value.
    pub(crate) const fn row(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            default_as: name,
            parameters: FIELD_ONLY,
            rest: None,
            inputs: TypeSet::NUMERIC,
            output: Output::Same,
            shape,
            keeps: Keeps::Nothing,
            point_times: false,
            empty: Empty::Nothing,
            doc,
        }
    }
}

/// All functions, in the order of the manual (N-141…N-158).
pub static FUNCTIONS: [&Function; 21] = [
    &f::count::COUNT,
    &f::distinct::DISTINCT,
    &f::mean::MEAN,
    &f::median::MEDIAN,
    &f::mode::MODE,
    &f::spread::SPREAD,
    &f::sum::SUM,
    &f::pick::FIRST,
    &f::pick::LAST,
    &f::pick::MIN,
    &f::pick::MAX,
    &f::percentile::PERCENTILE,
    &f::rank::TOP,
    &f::rank::BOTTOM,
    &f::stddev::STDDEV,
    &f::elapsed::ELAPSED,
    &f::difference::DIFFERENCE,
    &f::moving_average::MOVING_AVERAGE,
    &f::cumulative_sum::CUMULATIVE_SUM,
    &f::holt_winters::HOLT_WINTERS,
    &f::holt_winters::HOLT_WINTERS_WITH_FIT,
];

/// The function of this name.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name).copied()
}

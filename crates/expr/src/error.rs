//! Why an expression is refused or has no value for a point. Texts are Kapacitor's (E-05, E-20, E-31), because clients read them.

use capstan_base::{Class, Classify};
use capstan_gocompat::strconv::NumberError;
use capstan_tick::ast::{BinaryOperator, Position};
use thiserror::Error;

use crate::value::Type;

/// Operands that an operator does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OperatorError {
    /// The operator takes no operand of this type.
    #[error("invalid {} operator {operator} for type {operand}", operator_kind(*.operator))]
    Invalid {
        /// As written.
        operator: BinaryOperator,
        /// The type refused.
        operand: Type,
    },
    /// The operator takes both types, but not together (E-02).
    #[error(
        "mismatched type to binary operator. got {left} {operator} {right}. see bool(), int(), float(), string(), duration()"
    )]
    Mismatch {
        /// Type of the left operand.
        left: Type,
        /// As written.
        operator: BinaryOperator,
        /// Type of the right operand.
        right: Type,
    },
}

impl OperatorError {
    /// A stable word for the kind of failure.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_operator",
            Self::Mismatch { .. } => "type_mismatch",
        }
    }
}

const fn operator_kind(operator: BinaryOperator) -> &'static str {
    use BinaryOperator as B;
    match operator {
        B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo => "math",
        B::And | B::Or => "logical",
        _ => "comparison",
    }
}

/// Why an expression can not be used at all; known before any data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct CompileError {
    /// The part of the script at fault.
    pub position: Position,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// Operands whose types are known do not fit their operator.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// Something that has no value, such as an identifier or a list.
    #[error("Given node type is not valid evaluation node: {node}")]
    NotEvaluable {
        /// Kapacitor's name of the node type.
        node: &'static str,
    },
    /// A regular expression that Go would refuse.
    #[error("error parsing regexp: {message}")]
    Regex {
        /// Go's words.
        message: String,
    },
    /// Deeper nesting than is sensible.
    #[error("expression is nested more than {limit} levels deep")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// The fault lies in a part.
    #[error("Failed to handle {part}: {source}")]
    Part {
        /// `left node`, `right node`, `1 argument`, `node`.
        part: String,
        /// What is wrong there.
        source: Box<Problem>,
    },
}

impl CompileError {
    /// A stable word for the kind of failure.
    pub fn kind(&self) -> &'static str {
        self.problem.kind()
    }
}

impl Problem {
    /// A stable word for the kind of failure.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Operator(error) => error.kind(),
            Self::NotEvaluable { .. } | Self::TooDeep { .. } => "other",
            Self::Regex { .. } => "syntax",
            Self::Part { source, .. } => source.kind(),
        }
    }
}

impl Classify for CompileError {
    fn class(&self) -> Class {
        Class::User
    }
}

/// What a function had to say about its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// A text that is no number or boolean.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A value that has no equal in the wanted type.
    #[error("{0}")]
    Conversion(String),
    /// An index outside of the text.
    #[error("{0}")]
    Index(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
    /// A range that ends before it starts.
    #[error("runtime error: slice bounds out of range [{start}:{stop}]")]
    SliceBounds {
        /// First byte.
        start: i64,
        /// Byte after the last.
        stop: i64,
    },
}

impl CallError {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) | Self::Conversion(_) => "conversion",
            Self::Index(_) | Self::SliceBounds { .. } => "range",
            Self::Other(_) => "other",
        }
    }
}

/// On which side of an operator something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
    /// Alone, or under `-` or `!`.
    Alone,
}

impl Side {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Left => "left reference value",
            Self::Right => "right reference value",
            Self::Alone => "reference",
        }
    }
}

/// Why an expression has no value for one point. The point is dropped and the error counted; nothing here ends a task (E-30).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvalError {
    /// The scope does not know the name.
    #[error("name {name:?} is undefined. Names in scope: {scope}")]
    UndefinedName {
        /// As referenced.
        name: String,
        /// The names it does know, separated by commas.
        scope: String,
    },
    /// The field has no value (E-06).
    #[error("referenced value {name:?} is nil.")]
    Nil {
        /// As referenced.
        name: String,
    },
    /// The point does not have the field or tag (E-05).
    #[error("{} \"{name}\" is missing value", .side.prefix())]
    Missing {
        /// Where it stands.
        side: Side,
        /// As referenced.
        name: String,
    },
    /// The point does not have a field or tag that a function needs (E-31).
    #[error("Cannot call function \"{function}\" argument{} {arguments} {} missing, values in scope are [{scope}]",
        if *.several { "s" } else { "" }, if *.several { "are" } else { "is" })]
    MissingArgument {
        /// Its name.
        function: &'static str,
        /// The missing ones, as written.
        arguments: String,
        /// More than one.
        several: bool,
        /// What the scope has.
        scope: String,
    },
    /// No signature of the function takes these types.
    #[error(
        "Cannot call function \"{function}\" with args ({arguments}), available signatures are [{signatures}]."
    )]
    Signature {
        /// Its name.
        function: &'static str,
        /// `text: type`, separated by commas.
        arguments: String,
        /// All signatures, sorted.
        signatures: String,
    },
    /// There is no such function.
    #[error("undefined function: {name:?}{}", suggestion(*.similar))]
    UndefinedFunction {
        /// As written.
        name: String,
        /// A function that is spelt almost so.
        similar: Option<&'static str>,
    },
    /// Operands that an operator does not take.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// An argument has no value.
    #[error("Failed to handle {index} argument: {source}")]
    Argument {
        /// From 1.
        index: usize,
        /// Why.
        source: Box<EvalError>,
    },
    /// A function refused its arguments.
    #[error("error calling \"{function}\": {source}")]
    Call {
        /// Its name.
        function: &'static str,
        /// Why.
        source: CallError,
    },
    /// What would stop Go: a range that ends before it starts.
    #[error(transparent)]
    Range(CallError),
    /// An integer or a duration divided by zero (E-30).
    #[error("runtime error: integer divide by zero")]
    DivisionByZero,
    /// The result is of a type that no node can use (E-15).
    #[error("expression returned unexpected type {found}")]
    UnexpectedType {
        /// What it is.
        found: &'static str,
    },
    /// The result is not of the type asked for (E-31).
    #[error("TypeGuard: expression returned unexpected type {found}, expected {expected}")]
    TypeGuard {
        /// What it is.
        found: Type,
        /// What was asked for.
        expected: Type,
    },
    /// The point has a field and a tag of the name (E-04); raised by whoever builds the scope.
    #[error("cannot have field and tags with same name {name:?}")]
    FieldAndTag {
        /// The name.
        name: String,
    },
}

fn suggestion(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |name| format!(", did you mean \"{name}\"?"))
}

impl EvalError {
    /// A stable word for the kind of failure.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UndefinedName { .. } => "undefined_name",
            Self::Nil { .. } => "nil_value",
            Self::Missing { .. } | Self::MissingArgument { .. } => "missing_value",
            Self::Signature { .. } => "no_matching_signature",
            Self::UndefinedFunction { .. } => "undefined_function",
            Self::Operator(error) => error.kind(),
            Self::Argument { source, .. } => source.kind(),
            Self::Call { source, .. } | Self::Range(source) => source.kind(),
            Self::DivisionByZero => "division_by_zero",
            Self::UnexpectedType { .. } | Self::TypeGuard { .. } => "unexpected_result_type",
            Self::FieldAndTag { .. } => "other",
        }
    }

    /// The error as seen by the call whose argument it befell. What would be a panic in Go passes unchanged.
    pub(crate) fn in_argument(self, index: usize) -> Self {
        match self {
            Self::DivisionByZero | Self::Range(_) => self,
            other => Self::Argument {
                index,
                source: Box::new(other),
            },
        }
    }
}

impl Classify for EvalError {
    fn class(&self) -> Class {
        Class::User
    }
}

/// Either failure, for expressions that are compiled and evaluated at once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConstantError {
    /// It does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It has no value.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

impl Classify for ConstantError {
    fn class(&self) -> Class {
        Class::User
    }
}

//! `if` and `isPresent` (E-55, E-59).

use super::{Body, Function, Signature, unexpected};
use crate::error::CallError;
use crate::value::{Datum, Type};

#[allow(clippy::trivially_copy_pass_by_ref)] // a signature keeps the reference
const fn branch(types: &'static [Type; 3]) -> Signature {
    Signature::new(types, types[1])
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "if",
        signatures: &[
            branch(&[Type::Bool, Type::Float, Type::Float]),
            branch(&[Type::Bool, Type::Int, Type::Int]),
            branch(&[Type::Bool, Type::String, Type::String]),
            branch(&[Type::Bool, Type::Bool, Type::Bool]),
            branch(&[Type::Bool, Type::Regex, Type::Regex]),
            branch(&[Type::Bool, Type::Time, Type::Time]),
            branch(&[Type::Bool, Type::Duration, Type::Duration]),
        ],
        doc: "The second argument when the first is true, else the third. All three are always evaluated.",
        body: Body::Pure(choose),
    },
    Function {
        name: "isPresent",
        signatures: &[
            Signature::new(&[Type::Missing], Type::Bool),
            Signature::new(&[Type::Bool], Type::Bool),
            Signature::new(&[Type::String], Type::Bool),
            Signature::new(&[Type::Int], Type::Bool),
            Signature::new(&[Type::Float], Type::Bool),
        ],
        doc: "Whether the point has the field or tag.",
        body: Body::Pure(is_present),
    },
];

fn choose<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    match args {
        [Datum::Bool(condition), yes, no] => Ok(if *condition { yes.clone() } else { no.clone() }),
        _ => Err(unexpected(args)),
    }
}

fn is_present<'a>(args: &[Datum<'a>]) -> Result<Datum<'a>, CallError> {
    match args {
        [value] => Ok(Datum::Bool(!matches!(value, Datum::Missing))),
        _ => Err(unexpected(args)),
    }
}

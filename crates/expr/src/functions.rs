//! The functions that expressions can call (E-40 to E-68): one slice that signature errors, suggestions and the manual read.

mod bytes;
mod conditional;
mod conversion;
mod math;
mod stateful;
mod strings;
mod time;

use std::sync::LazyLock;

use crate::environment::Environment;
use crate::error::CallError;
use crate::state::CellKind;
use crate::value::{Datum, Type};

pub(crate) use stateful::step;

/// A function: its name, what it takes and returns, and one sentence for the manual.
#[derive(Debug)]
pub struct Function {
    /// As written in scripts.
    pub name: &'static str,
    /// All that it accepts; argument types are exact.
    pub signatures: &'static [Signature],
    /// What it does, in one sentence.
    pub doc: &'static str,
    pub(crate) body: Body,
}

/// One way to call a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Types of the arguments.
    pub args: &'static [Type],
    /// Type of the result.
    pub result: Type,
}

/// How a function gets its result.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    Float1(fn(f64) -> f64),
    Float2(fn(f64, f64) -> f64),
    Pure(for<'a> fn(&[Datum<'a>]) -> Result<Datum<'a>, CallError>),
    /// Needs the clock or the zone.
    World(for<'a> fn(&Environment, &[Datum<'a>]) -> Result<Datum<'a>, CallError>),
    Stateful(CellKind),
    /// Answered by the caller's scope.
    Scope,
}

impl Function {
    /// A function that the caller's scopes answer (E-70 to E-73).
    pub const fn scoped(name: &'static str, signatures: &'static [Signature], doc: &'static str) -> Self {
        Self {
            name,
            signatures,
            doc,
            body: Body::Scope,
        }
    }

    /// The type of the result for arguments of these types.
    pub fn result_type(&self, args: &[Type]) -> Option<Type> {
        self.signatures
            .iter()
            .find(|signature| signature.args == args)
            .map(|signature| signature.result)
    }

    /// Whether the result depends on earlier calls.
    pub const fn is_stateful(&self) -> bool {
        matches!(self.body, Body::Stateful(_))
    }

    /// All argument lists, sorted, as error texts print them.
    pub(crate) fn signature_list(&self) -> String {
        let mut all: Vec<String> = self
            .signatures
            .iter()
            .map(|signature| arguments(signature.args))
            .collect();
        all.sort_unstable();
        all.join(", ")
    }
}

impl Signature {
    /// Takes `args`, returns `result`.
    pub const fn new(args: &'static [Type], result: Type) -> Self {
        Self { args, result }
    }
}

fn arguments(types: &[Type]) -> String {
    let names: Vec<&str> = types.iter().map(|t| t.as_str()).collect();
    format!("({})", names.join(","))
}

static BUILTIN: LazyLock<Vec<&'static Function>> = LazyLock::new(|| {
    let mut all: Vec<&'static Function> = [
        bytes::FUNCTIONS,
        conditional::FUNCTIONS,
        conversion::FUNCTIONS,
        math::FUNCTIONS,
        stateful::FUNCTIONS,
        strings::FUNCTIONS,
        time::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
    .collect();
    all.sort_unstable_by_key(|function| function.name);
    all
});

/// All built-in functions, sorted by name.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    BUILTIN.iter().copied()
}

/// A function by name: a built-in one, else one of the environment's.
pub(crate) fn lookup(name: &str, environment: &Environment) -> Option<&'static Function> {
    match BUILTIN.binary_search_by(|function| function.name.cmp(name)) {
        Ok(at) => BUILTIN.get(at).copied(),
        Err(_) => environment
            .functions
            .iter()
            .find(|function| function.name == name)
            .copied(),
    }
}

/// The function whose name is nearest to `name`, if any is near enough to be meant.
pub(crate) fn similar(name: &str, environment: &Environment) -> Option<&'static str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    functions()
        .chain(environment.functions.iter().copied())
        .map(|function| {
            (
                distance(&name.to_lowercase(), &function.name.to_lowercase()),
                function.name,
            )
        })
        .filter(|&(distance, _)| distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance; names are short, so a row of numbers is enough. Overlong names are never near.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    if a.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// What a body says when it meets a type that its signatures rule out.
pub(crate) fn unexpected(args: &[Datum<'_>]) -> CallError {
    let types: Vec<Type> = args.iter().map(Datum::type_of).collect();
    CallError::Other(format!("unexpected arguments {}", arguments(&types)))
}

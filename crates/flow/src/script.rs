//! From script to pipeline: evaluates a syntax tree against the registry.
//!
//! [`define`] is for tasks and templates; [`variables`] evaluates a script that need not build anything. Evaluation goes
//! on after an error where it can, so that one answer names all mistakes (T-71); the first in Kapacitor's one-line form
//! is what [`DefineError`] prints.

mod arguments;
mod binder;
mod error;
mod expression;
mod functions;
mod literal;
mod methods;
pub(crate) mod places;
mod suggest;
mod value;
mod vars;

use capstan_tick::DatabaseRetentionPolicy;
pub use capstan_tick::ScriptType;
use capstan_tick::ast::{ChainOperator, Kind as Ast, Node};

pub use error::DefineError;
pub(crate) use places::Places;
pub use suggest::closest;
pub use value::{Type, Value};
pub use vars::{Var, Vars};

use crate::pipeline::Pipeline;
use crate::ports::UdfCatalog;
use crate::registry::NodeSpec;
use binder::Binder;

/// What a script is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A task: every variable needs a value (T-33).
    Task,
    /// A template: a variable without a value is its type's zero, so that the pipeline can be drawn.
    Template,
}

/// The type of the task, as far as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// What the script says (T-96).
    Auto,
    Stream,
    Batch,
}

/// What a script means.
#[derive(Debug, Clone)]
pub struct Definition {
    pub pipeline: Pipeline,
    /// `dbrp` statements in order (T-37).
    pub dbrps: Vec<DatabaseRetentionPolicy>,
    /// The variables the script declares, by name (T-36).
    pub vars: std::collections::BTreeMap<String, Var>,
    pub script_type: ScriptType,
    /// Where in the script things come from.
    pub(crate) places: Places,
}

/// Reads a script. `vars` are values given from outside (T-34).
///
/// # Errors
/// The script has mistakes, is of neither type or of both, or builds nothing.
pub fn define(script: &str, kind: TaskKind, vars: &Vars, mode: Mode) -> Result<Definition, DefineError> {
    define_with(script, kind, vars, mode, &UdfCatalog::default())
}

/// As [`define`], with functions of the user's that the script may call (T-40).
///
/// # Errors
/// Those of [`define`], and a function that it calls is not there or takes other options.
pub fn define_with(
    script: &str,
    kind: TaskKind,
    vars: &Vars,
    mode: Mode,
    functions: &UdfCatalog,
) -> Result<Definition, DefineError> {
    let program = capstan_tick::parse(script).map_err(|error| DefineError::syntax(&error))?;
    let script_type = match kind {
        TaskKind::Stream => ScriptType::Stream,
        TaskKind::Batch => ScriptType::Batch,
        TaskKind::Auto => match capstan_tick::script_type(&program) {
            Some(script_type) => script_type,
            // An empty script is told what it lacks, not that its type is unknown.
            None if statements(&program).is_empty() => return Err(DefineError::bare("task does nothing")),
            None => {
                return Err(DefineError::bare("invalid task type: invalid")
                    .with_hint("a script starts from either `stream` or `batch`, and never from both"));
            }
        },
    };
    let Some(source) = NodeSpec::source(script_type.as_str()) else {
        return Err(DefineError::bare(format!(
            "{script_type} tasks are not supported yet"
        )));
    };
    let mut binder = Binder::new(Some(Pipeline::new(source)), vars, mode, functions);
    binder.run(&program);
    let bound = binder.finish()?;
    let pipeline = bound.pipeline.unwrap_or_default();
    if pipeline.nodes().len() <= 1 {
        return Err(DefineError::bare("task does nothing"));
    }
    Ok(Definition {
        pipeline,
        dbrps: capstan_tick::dbrps(&program),
        vars: bound.declared,
        script_type,
        places: bound.places,
    })
}

/// Evaluates a script that has no source in scope, and gives the variables it declares.
///
/// # Errors
/// The script has mistakes.
pub fn variables(
    script: &str,
    vars: &Vars,
    mode: Mode,
) -> Result<std::collections::BTreeMap<String, Var>, DefineError> {
    let program = capstan_tick::parse(script).map_err(|error| DefineError::syntax(&error))?;
    let functions = UdfCatalog::default();
    let mut binder = Binder::new(None, vars, mode, &functions);
    binder.run(&program);
    binder.finish().map(|bound| bound.declared)
}

/// The names of the user's functions that a script calls, each once. None when it cannot be read.
pub fn functions(script: &str) -> Vec<String> {
    let Ok(program) = capstan_tick::parse(script) else {
        return Vec::new();
    };
    let mut names: Vec<String> = Vec::new();
    capstan_tick::walk::walk(&program, &mut |node| {
        if let Ast::Chain { operator, right, .. } = &node.kind
            && *operator == ChainOperator::At
            && let Ast::Call(call) = &right.kind
            && !names.contains(&call.name)
        {
            names.push(call.name.clone());
        }
    });
    names
}

fn statements(program: &Node) -> &[Node] {
    match &program.kind {
        Ast::Program(statements) => statements,
        _ => std::slice::from_ref(program),
    }
}

#[cfg(test)]
mod tests;

//! Calls of functions and methods: which one, and its arguments by their types.

use super::{At, Execution, Operand, Result};
use crate::strconv;
use crate::template::builtins::{self, Builtin};
use crate::template::node::{Arg, ArgKind};
use crate::value::{Function, Parameter, Value};

/// What is called.
pub(super) enum Callee {
    Builtin(Builtin),
    Function(Function),
}

impl Callee {
    fn parameters(&self) -> &[Parameter] {
        match self {
            Self::Builtin(builtin) => builtin.parameters(),
            Self::Function(function) => &function.parameters,
        }
    }

    fn variadic(&self) -> Option<Parameter> {
        match self {
            Self::Builtin(builtin) => builtin.variadic(),
            Self::Function(function) => function.variadic,
        }
    }

    /// The type of the argument at `index`.
    fn parameter(&self, index: usize) -> Parameter {
        let fixed = self.parameters().get(index).copied();
        fixed.or(self.variadic()).unwrap_or(Parameter::Any)
    }
}

impl<'t> Execution<'t> {
    pub(super) fn function(
        &mut self,
        dot: &Operand,
        name: &'t str,
        node: At<'t>,
        args: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        let callee = match self.functions.get(name) {
            Some(function) => Callee::Function(function.clone()),
            None => match Builtin::named(name) {
                Some(builtin) => Callee::Builtin(builtin),
                None => return self.error(format!("{} is not a defined function", strconv::quote(name))),
            },
        };
        self.call(dot, &callee, node, name, args, last)
    }

    /// Calls a function or method. `args` begins with what is called.
    pub(super) fn call(
        &mut self,
        dot: &Operand,
        callee: &Callee,
        node: At<'t>,
        name: &str,
        args: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        let args = args.get(1..).unwrap_or(&[]);
        let count = args.len() + usize::from(last.is_some());
        let fixed = callee.parameters().len();
        if callee.variadic().is_some() {
            if count < fixed {
                return self.error(format!(
                    "wrong number of args for {name}: want at least {fixed} got {}",
                    args.len()
                ));
            }
        } else if count != fixed {
            return self.error(format!(
                "wrong number of args for {name}: want {fixed} got {count}"
            ));
        }
        if let Callee::Function(function) = callee
            && function.results != 1
        {
            return self.error(format!(
                "can't call method/function {} with {} results",
                strconv::quote(name),
                function.results
            ));
        }
        if let Callee::Builtin(builtin @ (Builtin::And | Builtin::Or)) = callee {
            let mut value = Operand::default();
            for arg in args {
                value = self.argument(dot, Some(Parameter::Reflect), arg)?;
                if builtins::truth(&value.value) == (*builtin == Builtin::Or) {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }
        let mut values = Vec::with_capacity(count);
        for (index, arg) in args.iter().enumerate() {
            let parameter = callee.parameter(index);
            values.push(self.argument(dot, Some(parameter), arg)?);
        }
        if let Some(last) = last {
            let parameter = callee.parameter(values.len());
            values.push(self.validated(last, Some(parameter))?);
        }
        let result = match callee {
            Callee::Builtin(builtin) => builtin.call(&values),
            Callee::Function(function) => {
                let values: Vec<Value> = values.into_iter().map(|operand| operand.value).collect();
                function.call(&values).map(Operand::new)
            }
        };
        result.or_else(|message| {
            self.at = node;
            self.error(format!("error calling {name}: {message}"))
        })
    }

    /// Checks that a value can be given to a parameter.
    pub(super) fn validated(&self, operand: Operand, parameter: Option<Parameter>) -> Result<Operand> {
        let Some(parameter) = parameter else {
            return Ok(operand);
        };
        if matches!(parameter, Parameter::Any) {
            return Ok(operand.concrete());
        }
        if matches!(parameter, Parameter::Reflect) {
            return Ok(operand);
        }
        let fits = matches!(
            (parameter, &operand.value),
            (Parameter::Bool, Value::Bool(_))
                | (Parameter::NativeInt, Value::NativeInt(_))
                | (Parameter::Int, Value::Int(_))
                | (Parameter::Float, Value::Float(_))
                | (Parameter::String, Value::String(_))
                | (Parameter::Duration, Value::Duration(_))
                | (Parameter::Time, Value::Time(_))
        );
        if fits {
            return Ok(operand.concrete());
        }
        let expected = parameter.type_name();
        if operand.is_invalid() {
            return self.error(format!("invalid value; expected {expected}"));
        }
        let got = if matches!(operand.value, Value::Nil) {
            operand.type_name()
        } else {
            operand.value.type_name()
        };
        self.error(format!("wrong type for value; expected {expected}; got {got}"))
    }

    /// Evaluates one argument for a parameter; without one, as the receiver of a chain.
    pub(super) fn argument(
        &mut self,
        dot: &Operand,
        parameter: Option<Parameter>,
        arg: &'t Arg,
    ) -> Result<Operand> {
        self.deeper()?;
        self.at = At::Arg(arg);
        let one = std::slice::from_ref(arg);
        let operand = match &arg.kind {
            ArgKind::Dot => Some(dot.clone()),
            ArgKind::Nil => {
                return match parameter {
                    Some(Parameter::Any | Parameter::Reflect) => {
                        self.depth -= 1;
                        Ok(Operand::default())
                    }
                    Some(parameter) => self.error(format!("cannot assign nil to {}", parameter.type_name())),
                    None => self.error(format!("indirection through explicit nil in {arg}")),
                };
            }
            ArgKind::Field(names) => {
                Some(self.field_chain(dot, dot.clone(), At::Arg(arg), names, one, None)?)
            }
            ArgKind::Variable(_) => Some(self.variable(dot, arg, &[], None)?),
            ArgKind::Pipe(pipe) => Some(self.pipeline(dot, pipe)?),
            ArgKind::Identifier(name) => Some(self.function(dot, name, At::Arg(arg), &[], None)?),
            ArgKind::Chain { .. } => Some(self.chain(dot, arg, &[], None)?),
            _ => None,
        };
        let operand = match operand {
            Some(operand) => self.validated(operand, parameter)?,
            None => Operand::new(self.literal(parameter.unwrap_or(Parameter::Any), arg)?),
        };
        self.depth -= 1;
        Ok(operand)
    }

    /// A literal as a value of the parameter's type.
    pub(super) fn literal(&self, parameter: Parameter, arg: &Arg) -> Result<Value> {
        let (int, float) = match &arg.kind {
            ArgKind::Number(number) => (number.int, number.float),
            _ => (None, None),
        };
        let found = match (parameter, &arg.kind) {
            (Parameter::Any | Parameter::Reflect, ArgKind::Bool(flag))
            | (Parameter::Bool, ArgKind::Bool(flag)) => Some(Value::Bool(*flag)),
            (Parameter::Any | Parameter::Reflect, ArgKind::Number(number)) => {
                Some(self.constant(number)?.value)
            }
            (Parameter::Any | Parameter::Reflect | Parameter::String, ArgKind::Text { text, .. }) => {
                Some(Value::from(text.as_str()))
            }
            (Parameter::NativeInt, _) => int.map(Value::NativeInt),
            (Parameter::Int, _) => int.map(Value::Int),
            (Parameter::Duration, _) => int.map(Value::Duration),
            (Parameter::Float, _) => float.map(Value::Float),
            _ => None,
        };
        if let Some(value) = found {
            return Ok(value);
        }
        let expected = match parameter {
            Parameter::Bool => "bool",
            Parameter::NativeInt | Parameter::Int | Parameter::Duration => "integer",
            Parameter::Float => "float",
            Parameter::String => "string",
            other => {
                return self.error(format!(
                    "can't handle {arg} for arg of type {}",
                    other.type_name()
                ));
            }
        };
        self.error(format!("expected {expected}; found {arg}"))
    }
}

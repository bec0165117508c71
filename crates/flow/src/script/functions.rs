//! Functions of the user's: `left@name()` and their options (T-40, N-101). Both are spelt exactly.

use capstan_tick::ast::{ChainOperator, Position};

use super::binder::{Arg, Binder, Object, Reported};
use super::error::DefineError;
use super::suggest;
use super::value::Value;
use crate::pipeline::{EdgeType, NodeId};
use crate::ports::udf::{UdfOption, UdfType, UdfValue};

impl Binder<'_> {
    /// `left@name()`, if there is a function of this name. Arguments mean nothing, as in Kapacitor.
    pub(super) fn call_function(
        &mut self,
        parent: NodeId,
        name: &str,
        position: Position,
    ) -> Option<Result<Object, Reported>> {
        let functions = self.functions;
        let (name, info) = functions.get(name)?;
        let info = match info {
            Ok(info) => info,
            Err(problem) => {
                let message = format!("function {name:?} cannot be used: {problem}");
                return Some(Err(self.report("function-failed", position, message)));
            }
        };
        let pipeline = self.pipeline.as_mut()?;
        let above = pipeline.node(parent);
        if above.spec.kind == "batch" || above.provides == EdgeType::None {
            let message = format!("cannot call {name} on {}", above.kind());
            return Some(Err(self.report("no-method", position, message)));
        }
        let id = pipeline.add_function(parent, name, info);
        self.places.nodes.push((id, position));
        Some(Ok(Object::Node(id)))
    }

    /// `node.name(…)`, if the node is a function that has this option.
    pub(super) fn set_function_option(
        &mut self,
        id: NodeId,
        name: &str,
        position: Position,
        args: &[Arg],
    ) -> bool {
        let Some(call) = self
            .pipeline
            .as_mut()
            .and_then(|pipeline| pipeline.node_mut(id).function.as_mut())
        else {
            return false;
        };
        let Some(types) = call.info.options.get(name) else {
            return false;
        };
        match values(name, types, args) {
            Ok(values) => call.options.push(UdfOption {
                name: name.into(),
                values,
            }),
            Err(message) => drop(self.report("bad-arguments", position, message)),
        }
        true
    }

    /// The mistake behind a name that is no method and no property, if functions have to do with it.
    pub(super) fn unknown_function(
        &self,
        operator: ChainOperator,
        id: NodeId,
        name: &str,
        position: Position,
    ) -> Option<DefineError> {
        let kind = self.kind(id);
        let missing = || {
            let message = format!("no method or property {name:?} on {kind}");
            DefineError::at("no-method", position, message)
        };
        if operator == ChainOperator::At {
            let known: Vec<&str> = self.functions.names().collect();
            let configure = format!(
                "`@{name}` calls a function of your own: the server's configuration names it in [udf.functions.{name}]"
            );
            let hint = match (suggest::closest(name, known.iter().copied()), known.is_empty()) {
                (Some(similar), _) => format!("did you mean `@{similar}()`?"),
                (None, true) => configure,
                (None, false) => format!("{configure}; it has {}", known.join(", ")),
            };
            return Some(missing().with_hint(hint));
        }
        if self.functions.get(name).is_some() {
            let wanted = match operator {
                ChainOperator::Pipe => "chaining method",
                _ => "property method",
            };
            let message = format!(
                "no {wanted} {name:?} on {kind}, but dynamic method does exist. Use '@' operator instead: 'node@{name}(..)'."
            );
            return Some(
                DefineError::at("wrong-operator", position, message).with_hint(format!("write `@{name}(…)`")),
            );
        }
        let call = self.pipeline.as_ref()?.node(id).function.as_ref()?;
        let options: Vec<&str> = call.info.options.keys().map(String::as_str).collect();
        if operator != ChainOperator::Dot || options.is_empty() {
            return None;
        }
        let hint = match suggest::closest(name, options.iter().copied()) {
            Some(similar) => format!("did you mean `.{similar}(…)`?"),
            None => format!("options of {} are {}", call.name, options.join(", ")),
        };
        Some(missing().with_hint(hint))
    }
}

/// The values of an option, or what is wrong with them in Kapacitor's words.
fn values(name: &str, types: &[UdfType], args: &[Arg]) -> Result<Vec<UdfValue>, String> {
    let (got, expected) = (args.len(), types.len());
    if got != expected {
        return Err(format!(
            "unexpected number of args to {name}, got {got} expected {expected}"
        ));
    }
    let checked = |(arg, wanted): (&Arg, &UdfType)| {
        let value = match &arg.object {
            Object::Value(Value::Bool(value)) => Some(UdfValue::Bool(*value)),
            Object::Value(Value::Int(value)) => Some(UdfValue::Int(*value)),
            Object::Value(Value::Float(value)) => Some(UdfValue::Double(*value)),
            Object::Value(Value::String(value)) => Some(UdfValue::String(value.clone())),
            Object::Value(Value::Duration(value)) => Some(UdfValue::Duration(*value)),
            _ => None,
        };
        let found = value
            .as_ref()
            .map_or_else(|| arg.object.described(), |value| value.type_of().as_str());
        value.filter(|value| value.type_of() == *wanted).ok_or_else(|| {
            format!(
                "unexpected arg to {name}, got {found} expected {}",
                wanted.as_str()
            )
        })
    };
    args.iter().zip(types).map(checked).collect()
}

//! Calls of chaining methods, properties and global functions.

use capstan_tick::ast::{ChainOperator, Position};

use super::arguments;
use super::binder::{Arg, Binder, Object, Reported};
use super::error::DefineError;
use super::suggest;
use super::value::Value;
use crate::pipeline::NodeId;
use crate::registry::{NodeSpec, Parents, Property, QUIET, REGISTRY, Repeat};

/// Upper- and lower-case first letters are the same (T-52).
fn canonical(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

impl Binder<'_> {
    /// `left|name(…)`, `left.name(…)`, `left@name(…)`.
    pub(super) fn call_method(
        &mut self,
        left: &Object,
        operator: ChainOperator,
        name: &str,
        position: Position,
        args: &[Arg],
    ) -> Result<Object, Reported> {
        let id = match left {
            Object::Node(id) => *id,
            Object::Poison => return Err(Reported),
            other => {
                let message = format!("no method or property {name:?} on {}", other.described());
                return Err(self.report("no-method", position, message));
            }
        };
        let word = canonical(name);
        let spec = self.node_spec(id);
        let chained = NodeSpec::chained(spec, &word);
        let property = spec.property(&word);
        // A single list stands for the arguments it holds (T-50).
        let spread = spread(args);
        let args = spread.as_deref().unwrap_or(args);
        match (operator, chained, property) {
            (ChainOperator::Pipe, Some(made), _) => self.add_node(id, made, name, position, args),
            (ChainOperator::Dot, _, Some(property)) => {
                self.set_property(id, property, name, position, args);
                Ok(Object::Node(id))
            }
            (_, Some(_), _) | (_, _, Some(_)) => {
                let error = wrong_operator(operator, chained.is_some(), name, spec.kind, position);
                self.report_error(error);
                // A property by the wrong sign still leaves the node.
                if chained.is_none() {
                    Ok(Object::Node(id))
                } else {
                    Err(Reported)
                }
            }
            (_, None, None) => {
                let error = DefineError::at(
                    "no-method",
                    position,
                    format!("no method or property {name:?} on {}", spec.kind),
                );
                Err(self.report_error(match similar(spec, &word) {
                    Some(similar) => error.with_hint(format!("did you mean `{similar}`?")),
                    None => error,
                }))
            }
        }
    }

    fn node_spec(&self, id: NodeId) -> &'static NodeSpec {
        self.pipeline
            .as_ref()
            .map_or(REGISTRY[0], |pipeline| pipeline.node(id).spec)
    }

    fn add_node(
        &mut self,
        parent: NodeId,
        spec: &'static NodeSpec,
        name: &str,
        position: Position,
        args: &[Arg],
    ) -> Result<Object, Reported> {
        let arguments = match arguments::check(name, spec.arguments, args, position) {
            Ok(arguments) => Some(arguments),
            Err(error) => {
                self.report_error(error);
                None
            }
        };
        let Some(pipeline) = &mut self.pipeline else {
            return Err(Reported);
        };
        if let Some(wants) = pipeline_mismatch(spec, pipeline.node(parent).provides) {
            let capital = capitalised(name);
            return Err(self.report(
                "wrong-edge",
                position,
                format!(
                    "error calling func {name:?} on {}: cannot {capital} {wants} edge",
                    self.node_spec(parent).kind
                ),
            ));
        }
        let others: Vec<NodeId> = arguments
            .iter()
            .flat_map(|given| given.nodes.iter().copied())
            .collect();
        let id = if spec.parents == Parents::Watched {
            pipeline.add_watcher(parent, spec)
        } else {
            // The node it is called on is the first parent, except of a union, whose last it is (N-90).
            let mut parents = others;
            let at = if spec.method == "union" { parents.len() } else { 0 };
            parents.insert(at, parent);
            pipeline.add_under(parent, &parents, spec)
        };
        if let Some(given) = arguments {
            pipeline.node_mut(id).arguments = given.values;
        }
        self.places.push((id, position));
        Ok(Object::Node(id))
    }

    fn set_property(
        &mut self,
        id: NodeId,
        property: &'static Property,
        name: &str,
        position: Position,
        args: &[Arg],
    ) {
        let values = match arguments::check(name, property.arguments, args, position) {
            Ok(given) => given.values,
            Err(error) => {
                self.report_error(error);
                return;
            }
        };
        let Some(pipeline) = &mut self.pipeline else {
            return;
        };
        let config = pipeline.node_mut(id);
        match property.repeat {
            Repeat::Append => config.properties.push((property.name, values)),
            Repeat::Replace => {
                config.properties.retain(|(known, _)| *known != property.name);
                config.properties.push((property.name, values));
            }
            Repeat::And => {
                let earlier = config.lambda(property.name);
                let joined = match (earlier, values.first()) {
                    (Some(left), Some(Value::Lambda(right))) => vec![arguments::and(&left, right)],
                    _ => values,
                };
                config.properties.retain(|(known, _)| *known != property.name);
                config.properties.push((property.name, joined));
            }
        }
    }

    /// `left.name`: what a property of one value is set to.
    pub(super) fn read_property(
        &mut self,
        left: &Object,
        name: &str,
        position: Position,
    ) -> Result<Object, Reported> {
        let Object::Node(id) = left else {
            return Err(self.report(
                "no-property",
                position,
                format!("{} has no property {name}", left.described()),
            ));
        };
        let word = canonical(name);
        let spec = self.node_spec(*id);
        let set = self
            .pipeline
            .as_ref()
            .and_then(|pipeline| pipeline.node(*id).property(&word)?.first().cloned());
        match (spec.property(&word), set) {
            (Some(property), Some(value)) if property.arguments.required.len() == 1 => {
                Ok(Object::Value(value))
            }
            (Some(_), _) => Err(self.report(
                "no-property",
                position,
                format!("property {name} of {} has no value", spec.kind),
            )),
            (None, _) => Err(self.report(
                "no-property",
                position,
                format!("object {} has no property {name}", spec.kind),
            )),
        }
    }

    /// A call without an object (T-51, T-65).
    pub(super) fn call_global(
        &mut self,
        name: &str,
        position: Position,
        args: &[Arg],
    ) -> Result<Object, Reported> {
        let spread = spread(args);
        let args = spread.as_deref().unwrap_or(args);
        if name != "time" || self.pipeline.is_none() {
            return Err(self.report(
                "no-function",
                position,
                format!("no global function {name:?} defined"),
            ));
        }
        let problem = match args {
            [] => "time: expected a duration".to_owned(),
            [
                Arg {
                    object: Object::Value(Value::Duration(length)),
                    ..
                },
            ] => {
                return Ok(Object::Value(Value::TimeDimension {
                    length: *length,
                    offset: 0,
                }));
            }
            [
                Arg {
                    object: Object::Value(Value::Duration(length)),
                    ..
                },
                Arg {
                    object: Object::Value(Value::Duration(offset)),
                    ..
                },
            ] => {
                return Ok(Object::Value(Value::TimeDimension {
                    length: *length,
                    offset: *offset,
                }));
            }
            [_] | [_, _] => "time: arguments must be durations".to_owned(),
            more => format!("time() function expects 1 or 2 args, got {}", more.len()),
        };
        Err(self.report("bad-arguments", position, problem))
    }
}

/// The arguments that a single list stands for.
fn spread(args: &[Arg]) -> Option<Vec<Arg>> {
    match args {
        [
            Arg {
                object: Object::Value(Value::List(values)),
                position,
            },
        ] => Some(
            values
                .iter()
                .map(|value| Arg {
                    position: *position,
                    object: Object::Value(value.clone()),
                })
                .collect(),
        ),
        _ => None,
    }
}

/// The sign that would have been right (T-63).
fn wrong_operator(
    used: ChainOperator,
    chained: bool,
    name: &str,
    kind: &str,
    position: Position,
) -> DefineError {
    let wanted = match used {
        ChainOperator::Pipe => "chaining method",
        ChainOperator::Dot => "property method",
        ChainOperator::At => "dynamic method",
    };
    let (exists, sign) = if chained {
        ("chaining method", '|')
    } else {
        ("property", '.')
    };
    DefineError::at(
        "wrong-operator",
        position,
        format!(
            "no {wanted} {name:?} on {kind}, but {exists} does exist. Use '{sign}' operator instead: 'node{sign}{name}(..)'."
        ),
    )
    .with_hint(format!("write `{sign}{name}(…)`"))
}

/// What the node has that is spelt almost so.
fn similar(spec: &NodeSpec, word: &str) -> Option<String> {
    let methods = REGISTRY
        .iter()
        .filter(|made| made.follows(spec))
        .map(|made| made.method);
    let properties = spec
        .properties
        .iter()
        .map(|property| property.name)
        .chain([QUIET.name]);
    let sign = |found: &str| if spec.property(found).is_some() { '.' } else { '|' };
    suggest::closest(word, methods.chain(properties)).map(|found| format!("{}{found}(…)", sign(found)))
}

/// The edge that a node with a fixed input cannot take, if it is known already (T-72).
fn pipeline_mismatch(spec: &NodeSpec, parent: crate::pipeline::EdgeType) -> Option<&'static str> {
    let (wants, _) = spec.edges(parent);
    (matches!(spec.method, "window" | "trickle") && wants != parent).then(|| parent.as_str())
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

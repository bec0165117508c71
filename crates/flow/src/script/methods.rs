//! Calls of chaining methods, properties and global functions.

use std::sync::Arc;

use capstan_alert::{HandlerKind, HandlerOption};
use capstan_tick::ast::{ChainOperator, Position};

use super::arguments;
use super::binder::{Arg, Binder, Object, Reported};
use super::error::DefineError;
use super::places::PropertyPlace;
use super::suggest;
use super::value::Value;
use crate::nodes::alert::handlers;
use crate::nodes::alert::spec::DEADMAN;
use crate::nodes::derivative::spec::DERIVATIVE;
use crate::nodes::stats::spec::STATS;
use crate::pipeline::{HandlerCall, NodeId};
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
            Object::Node(id) | Object::Handler(id, _) => *id,
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
        if let (Object::Handler(_, at), ChainOperator::Dot) = (left, operator)
            && let Some(option) = self.handler_kind(id, *at).and_then(|kind| kind.property(&word))
        {
            self.set_option(id, *at, option, name, position, args);
            return Ok(left.clone());
        }
        if operator == ChainOperator::At
            && let Some(made) = self.call_function(id, name, position)
        {
            return made;
        }
        if operator == ChainOperator::Dot && self.set_function_option(id, name, position, args) {
            return Ok(Object::Node(id));
        }
        match (operator, chained, property) {
            (ChainOperator::Pipe, Some(made), _) if made.method == DEADMAN.method => {
                self.add_deadman(id, made, name, position, args)
            }
            (ChainOperator::Pipe, Some(made), _) => self.add_node(id, made, name, position, args),
            (ChainOperator::Dot, _, Some(property)) => {
                self.places.properties.push(PropertyPlace {
                    node: id,
                    name: property.name,
                    position,
                });
                if let Repeat::Handler(kind) = property.repeat {
                    return self.add_handler(id, kind, property, name, position, args);
                }
                self.set_property(id, property, name, position, args);
                // A handler has its node's plain properties too; methods lead back to the node.
                let plain = property.arguments.required.len() == 1 && property.arguments.rest.is_none();
                Ok(if plain { left.clone() } else { Object::Node(id) })
            }
            (_, Some(_), _) | (_, _, Some(_)) => {
                let kind = self.kind(id);
                let error = wrong_operator(operator, chained.is_some(), name, &kind, position);
                self.report_error(error);
                // A property by the wrong sign still leaves the node.
                if chained.is_none() {
                    Ok(left.clone())
                } else {
                    Err(Reported)
                }
            }
            (_, None, None) => {
                let kind = self.kind(id);
                if let Some(error) = self.unknown_function(operator, id, name, position) {
                    return Err(self.report_error(error));
                }
                let error = DefineError::at(
                    "no-method",
                    position,
                    format!("no method or property {name:?} on {kind}"),
                );
                let handler = match left {
                    Object::Handler(_, at) => self.handler_kind(id, *at),
                    _ => None,
                };
                Err(self.report_error(match similar(spec, handler, &word) {
                    Some(similar) => error.with_hint(format!("did you mean `{similar}`?")),
                    None => error,
                }))
            }
        }
    }

    /// The word that error texts call a node.
    pub(super) fn kind(&self, id: NodeId) -> String {
        let pipeline = self.pipeline.as_ref();
        pipeline.map_or_else(String::new, |pipeline| pipeline.node(id).kind().to_owned())
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
                    self.kind(parent)
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
        self.places.nodes.push((id, position));
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
            // Made by whoever calls this.
            Repeat::Handler(_) => {}
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

    fn handler_kind(&self, id: NodeId, at: usize) -> Option<&'static HandlerKind> {
        let config = self.pipeline.as_ref()?.node(id);
        config.handlers.get(at).map(|handler| handler.kind)
    }

    /// `alert.slack()`: what follows are the handler's properties, or the node's.
    fn add_handler(
        &mut self,
        id: NodeId,
        kind: &'static HandlerKind,
        property: &'static Property,
        name: &str,
        position: Position,
        args: &[Arg],
    ) -> Result<Object, Reported> {
        let arguments = match arguments::check(name, property.arguments, args, position) {
            Ok(given) => given.values,
            Err(error) => {
                // The chain goes on, so that its other mistakes are told too.
                self.report_error(error);
                Vec::new()
            }
        };
        let Some(pipeline) = &mut self.pipeline else {
            return Err(Reported);
        };
        let handlers = &mut pipeline.node_mut(id).handlers;
        handlers.push(HandlerCall {
            kind,
            arguments,
            calls: Vec::new(),
        });
        Ok(Object::Handler(id, handlers.len() - 1))
    }

    fn set_option(
        &mut self,
        id: NodeId,
        at: usize,
        option: &'static HandlerOption,
        name: &str,
        position: Position,
        args: &[Arg],
    ) {
        match arguments::check(name, handlers::option_arguments(option.fill), args, position) {
            Ok(given) => {
                let config = self.pipeline.as_mut().map(|pipeline| pipeline.node_mut(id));
                if let Some(handler) = config.and_then(|config| config.handlers.get_mut(at)) {
                    handler.calls.push((option, given.values));
                }
            }
            Err(error) => drop(self.report_error(error)),
        }
    }

    /// `node|deadman(threshold, interval, lambda…)`: statistics, their rate, and an alert on it (N-98).
    fn add_deadman(
        &mut self,
        watched: NodeId,
        alert: &'static NodeSpec,
        name: &str,
        position: Position,
        args: &[Arg],
    ) -> Result<Object, Reported> {
        let values = match arguments::check(name, alert.arguments, args, position) {
            Ok(given) => given.values,
            Err(error) => return Err(self.report_error(error)),
        };
        let (Some(pipeline), Some(interval)) = (&mut self.pipeline, values.get(1).cloned()) else {
            return Err(Reported);
        };
        let stats = pipeline.add_watcher(watched, &STATS);
        let config = pipeline.node_mut(stats);
        config.arguments = vec![interval.clone()];
        config.properties.push(("align", Vec::new()));
        let rate = pipeline.add_child(stats, &DERIVATIVE);
        let config = pipeline.node_mut(rate);
        config.arguments = vec![Value::String(Arc::from("emitted"))];
        config.properties.push(("nonNegative", Vec::new()));
        config.properties.push(("unit", vec![interval]));
        let id = pipeline.add_child(rate, alert);
        pipeline.node_mut(id).arguments = values;
        self.places
            .nodes
            .extend([stats, rate, id].map(|node| (node, position)));
        Ok(Object::Node(id))
    }

    /// `left.name`: what a property of one value is set to.
    pub(super) fn read_property(
        &mut self,
        left: &Object,
        name: &str,
        position: Position,
    ) -> Result<Object, Reported> {
        let (Object::Node(id) | Object::Handler(id, _)) = left else {
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
                format!("property {name} of {} has no value", self.kind(*id)),
            )),
            (None, _) => Err(self.report(
                "no-property",
                position,
                format!("object {} has no property {name}", self.kind(*id)),
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
fn similar(spec: &NodeSpec, handler: Option<&HandlerKind>, word: &str) -> Option<String> {
    let methods = REGISTRY
        .iter()
        .filter(|made| made.follows(spec))
        .map(|made| made.method);
    let properties = spec
        .properties
        .iter()
        .map(|property| property.name)
        .chain([QUIET.name]);
    let options = handler.into_iter().flat_map(|kind| kind.options.iter());
    let options = options
        .map(|option| option.property)
        .filter(|name| !name.is_empty());
    let is_property = |found: &str| {
        spec.property(found).is_some() || handler.is_some_and(|kind| kind.property(found).is_some())
    };
    let sign = |found: &str| if is_property(found) { '.' } else { '|' };
    suggest::closest(word, methods.chain(properties).chain(options))
        .map(|found| format!("{}{found}(…)", sign(found)))
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

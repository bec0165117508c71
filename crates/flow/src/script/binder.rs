//! Evaluates statements in order.

use std::collections::BTreeMap;

use capstan_tick::ast::{Call, CallKind, ChainOperator, Kind, Node, Position};

use super::error::DefineError;
use super::literal;
use super::places::Places;
use super::value::{Type, Value};
use super::vars::{Var, Vars};
use super::{Mode, statements};
use crate::pipeline::{NodeId, Pipeline};
use crate::ports::UdfCatalog;

/// Nested deeper than any script: guards the stack.
const MAX_DEPTH: usize = 1_000;
/// Items of a list with those of the lists in it, which can double with every line.
const MAX_ITEMS: usize = 1 << 16;

/// A mistake was noted; whoever sees this only gives up what depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported;

/// What an expression of a script can be.
#[derive(Debug, Clone)]
pub(super) enum Object {
    Value(Value),
    Node(NodeId),
    /// An alert handler: the node and the handler's place in it.
    Handler(NodeId, usize),
    /// `"name"`.
    Reference(String),
    /// A name that is not looked up yet.
    Identifier {
        name: String,
        position: Position,
    },
    /// A call without an object: a global function that was not called yet.
    Unbound {
        name: String,
        position: Position,
        args: Vec<Arg>,
    },
    /// The function `time`.
    TimeFunction,
    /// Nothing, because a mistake was noted.
    Poison,
}

/// An argument with its place.
#[derive(Debug, Clone)]
pub(super) struct Arg {
    pub(super) position: Position,
    pub(super) object: Object,
}

impl Object {
    /// With its article, for error texts.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Self::Value(value) => value.described(),
            Self::Node(_) | Self::Handler(..) => "a node",
            Self::Reference(_) => "a reference",
            Self::Identifier { .. } => "a name",
            Self::Unbound { .. } | Self::TimeFunction => "a function",
            Self::Poison => "nothing",
        }
    }
}

/// A script under evaluation.
pub(super) struct Binder<'a> {
    pub(super) pipeline: Option<Pipeline>,
    scope: BTreeMap<String, Object>,
    given: &'a Vars,
    mode: Mode,
    /// What `@name()` may call.
    pub(super) functions: &'a UdfCatalog,
    declared: BTreeMap<String, Var>,
    errors: Vec<DefineError>,
    depth: usize,
    pub(super) places: Places,
}

/// What came of a script without mistakes.
pub(super) struct Bound {
    pub(super) pipeline: Option<Pipeline>,
    pub(super) declared: BTreeMap<String, Var>,
    pub(super) places: Places,
}

impl<'a> Binder<'a> {
    pub(super) fn new(
        pipeline: Option<Pipeline>,
        given: &'a Vars,
        mode: Mode,
        functions: &'a UdfCatalog,
    ) -> Self {
        let mut scope = BTreeMap::new();
        if let Some(pipeline) = &pipeline {
            let source = pipeline.source();
            scope.insert(pipeline.node(source).spec.kind.to_owned(), Object::Node(source));
            scope.insert("time".to_owned(), Object::TimeFunction);
        }
        Self {
            pipeline,
            scope,
            given,
            mode,
            functions,
            declared: BTreeMap::new(),
            errors: Vec::new(),
            depth: 0,
            places: Places::default(),
        }
    }

    /// Evaluates all statements.
    pub(super) fn run(&mut self, program: &Node) {
        for statement in statements(program) {
            // A call that nothing uses is made all the same.
            if let Ok(Object::Unbound { name, position, args }) = self.eval(statement) {
                let _ = self.call_global(&name, position, &args);
            }
        }
        self.check_nodes();
    }

    /// What every node has to say about its settings, in the order of the graph.
    fn check_nodes(&mut self) {
        // Settings that a mistake kept from being made would be reported a second time.
        if !self.errors.is_empty() {
            return;
        }
        let Some(pipeline) = &self.pipeline else { return };
        for id in pipeline.order() {
            let config = pipeline.node(id);
            if let Err(message) = (config.spec.check)(config) {
                self.errors.push(match self.places.node(id) {
                    Some(place) => DefineError::unplaced("bad-settings", place, message),
                    None => DefineError::bare(message),
                });
            }
        }
    }

    pub(super) fn finish(self) -> Result<Bound, DefineError> {
        match DefineError::join(self.errors) {
            Some(error) => Err(error),
            None => Ok(Bound {
                pipeline: self.pipeline,
                declared: self.declared,
                places: self.places,
            }),
        }
    }

    /// Notes a mistake with the usual `line L char C: …` text.
    pub(super) fn report(
        &mut self,
        code: &'static str,
        position: Position,
        message: impl Into<String>,
    ) -> Reported {
        self.errors.push(DefineError::at(code, position, message));
        Reported
    }

    /// Notes a mistake whose text has no place in Kapacitor.
    pub(super) fn report_unplaced(
        &mut self,
        code: &'static str,
        position: Position,
        message: impl Into<String>,
    ) -> Reported {
        self.errors.push(DefineError::unplaced(code, position, message));
        Reported
    }

    /// As [`report_unplaced`](Self::report_unplaced), with a hint.
    pub(super) fn report_hint(
        &mut self,
        code: &'static str,
        position: Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Reported {
        self.errors
            .push(DefineError::unplaced(code, position, message).with_hint(hint));
        Reported
    }

    /// Notes a mistake with a place and a hint.
    pub(super) fn report_error(&mut self, error: DefineError) -> Reported {
        self.errors.push(error);
        Reported
    }

    /// What a name stands for (T-66).
    pub(super) fn lookup(&mut self, name: &str, position: Position) -> Result<Object, Reported> {
        match self.scope.get(name) {
            Some(Object::Poison) => Err(Reported),
            Some(object) => Ok(object.clone()),
            None => {
                let names: Vec<&str> = self.scope.keys().map(String::as_str).collect();
                let message = format!("name {name:?} is undefined. Names in scope: {}", names.join(","));
                let error = DefineError::unplaced("undefined-name", position, message);
                let error = match super::suggest::closest(name, names.iter().copied()) {
                    Some(similar) => error.with_hint(format!("did you mean `{similar}`?")),
                    None => error,
                };
                Err(self.report_error(error))
            }
        }
    }

    /// The object behind a name; others stay.
    pub(super) fn resolved(&mut self, object: Object) -> Result<Object, Reported> {
        match object {
            Object::Identifier { name, position } => self.lookup(&name, position),
            other => Ok(other),
        }
    }

    /// Evaluates a node of the tree.
    pub(super) fn eval(&mut self, node: &Node) -> Result<Object, Reported> {
        self.depth += 1;
        let result = if self.depth > MAX_DEPTH {
            Err(self.report(
                "too-deep",
                node.position,
                format!("nested more than {MAX_DEPTH} levels deep"),
            ))
        } else {
            self.eval_inner(node)
        };
        self.depth -= 1;
        result
    }

    fn eval_inner(&mut self, node: &Node) -> Result<Object, Reported> {
        if let Some(value) = literal::value(&node.kind) {
            return Ok(Object::Value(value));
        }
        match &node.kind {
            Kind::Identifier(name) => Ok(Object::Identifier {
                name: name.clone(),
                position: node.position,
            }),
            Kind::Reference(name) => Ok(Object::Reference(name.clone())),
            Kind::Unary { operator, operand } => self.unary(node, *operator, operand),
            Kind::Binary(_) => self.arithmetic(node),
            Kind::Lambda(body) => self.lambda(body),
            Kind::List(items) => self.list(items),
            Kind::Call(call) => {
                let args = self.args(&call.args)?;
                Ok(Object::Unbound {
                    name: call.name.clone(),
                    position: node.position,
                    args,
                })
            }
            Kind::Chain { .. } => self.chain(node),
            Kind::Declaration { name, value } => self.declare(node, name, value),
            Kind::TypeDeclaration { name, type_name } => self.declare_type(node, name, type_name),
            _ => Ok(Object::Poison),
        }
    }

    fn list(&mut self, items: &[Node]) -> Result<Object, Reported> {
        let mut values = Vec::with_capacity(items.len());
        let mut failed = false;
        for item in items {
            let object = self.eval(item).and_then(|object| self.resolved(object));
            match object {
                Ok(Object::Value(value)) => values.push(value),
                Ok(other) => {
                    let message = format!("a list cannot hold {}", other.described());
                    self.report("bad-list", item.position, message);
                    failed = true;
                }
                Err(Reported) => failed = true,
            }
        }
        if failed {
            return Err(Reported);
        }
        let list = Value::List(values);
        match items.first() {
            Some(first) if list.items() > MAX_ITEMS => Err(self.report(
                "too-large",
                first.position,
                format!("list of more than {MAX_ITEMS} items"),
            )),
            _ => Ok(Object::Value(list)),
        }
    }

    /// Arguments of a call, names resolved and inner functions called. All are evaluated, so that all mistakes are told.
    pub(super) fn args(&mut self, nodes: &[Node]) -> Result<Vec<Arg>, Reported> {
        let mut args = Vec::with_capacity(nodes.len());
        let mut failed = false;
        for node in nodes {
            let object = self.eval(node).and_then(|object| match object {
                Object::Unbound { name, position, args } => self.call_global(&name, position, &args),
                other => self.resolved(other),
            });
            match object {
                Ok(object) => args.push(Arg {
                    position: node.position,
                    object,
                }),
                Err(Reported) => failed = true,
            }
        }
        if failed { Err(Reported) } else { Ok(args) }
    }

    /// `left|f()`, `left.f()`, `left@f()`, `left.name`. The left side is walked without recursion.
    fn chain(&mut self, node: &Node) -> Result<Object, Reported> {
        let (root, links) = capstan_tick::walk::chain(node);
        let object = self.eval(root);
        let mut object = object.and_then(|object| self.resolved(object));
        for (operator, right) in links.into_iter().rev() {
            object = self.link(object, operator, right);
        }
        object
    }

    fn link(
        &mut self,
        left: Result<Object, Reported>,
        operator: ChainOperator,
        right: &Node,
    ) -> Result<Object, Reported> {
        match &right.kind {
            Kind::Call(Call { name, args, kind, .. }) => {
                let args = self.args(args);
                let left = left?;
                // A mistake in a property's arguments leaves the node usable for the rest of the chain.
                let args = match (args, kind, &left) {
                    (Ok(args), ..) => args,
                    (Err(Reported), CallKind::Property, Object::Node(_) | Object::Handler(..)) => {
                        return Ok(left);
                    }
                    (Err(Reported), ..) => return Err(Reported),
                };
                self.call_method(&left, operator, name, right.position, &args)
            }
            Kind::Identifier(name) => {
                let left = left?;
                self.read_property(&left, name, right.position)
            }
            _ => Err(self.report(
                "bad-chain",
                right.position,
                format!("invalid right operand to '{}' operator", operator.as_str()),
            )),
        }
    }

    /// `var x = value` (T-31, T-34).
    fn declare(&mut self, node: &Node, name: &Node, value: &Node) -> Result<Object, Reported> {
        let Kind::Identifier(name) = &name.kind else {
            return Ok(Object::Poison);
        };
        let object = self.eval(value);
        if self.scope.contains_key(name) {
            let message = format!("attempted to redefine {name}, vars are immutable");
            return Err(self.report_unplaced("redefined", node.position, message));
        }
        let Ok(object) = object.and_then(|object| self.resolved(object)) else {
            self.scope.insert(name.clone(), Object::Poison);
            return Err(Reported);
        };
        let kind = match &object {
            Object::Value(value) => value.type_of(),
            _ => None,
        };
        let given = self.given.get(name).cloned();
        if let Some(value) = &given {
            self.check_given(name, value, kind, node.position)?;
        }
        if let (Object::Value(default), Some(kind)) = (&object, kind) {
            let var = Var {
                kind,
                default: Some(default.clone()),
                value: given.clone().unwrap_or_else(|| default.clone()),
                description: description(node),
            };
            self.declared.insert(name.clone(), var);
        }
        self.scope
            .insert(name.clone(), given.map_or(object, Object::Value));
        Ok(Object::Poison)
    }

    /// `var x type` (T-32, T-33).
    fn declare_type(&mut self, node: &Node, name: &Node, type_name: &Node) -> Result<Object, Reported> {
        let (Kind::Identifier(name), Kind::Identifier(word)) = (&name.kind, &type_name.kind) else {
            return Ok(Object::Poison);
        };
        let Some(kind) = Type::from_name(word) else {
            self.scope.insert(name.clone(), Object::Poison);
            let error = DefineError::unplaced(
                "bad-type",
                type_name.position,
                format!("invalid var type {word:?}"),
            );
            return Err(self.report_error(
                error.with_hint("types are int, float, bool, string, regex, duration, lambda, list and star"),
            ));
        };
        let given = self.given.get(name).cloned();
        if let Some(value) = &given {
            self.check_given(name, value, Some(kind), node.position)?;
        }
        let value = match (given, self.mode) {
            (Some(value), _) => value,
            (None, Mode::Template) => {
                self.places.unset.insert(name.clone());
                kind.zero()
            }
            (None, Mode::Task) => {
                self.scope.insert(name.clone(), Object::Poison);
                let message = format!("missing value for var {name:?}.");
                return Err(self.report_unplaced("missing-value", node.position, message));
            }
        };
        let var = Var {
            kind,
            default: None,
            value: value.clone(),
            description: description(node),
        };
        self.declared.insert(name.clone(), var);
        self.scope.insert(name.clone(), Object::Value(value));
        Ok(Object::Poison)
    }

    fn check_given(
        &mut self,
        name: &str,
        value: &Value,
        kind: Option<Type>,
        position: Position,
    ) -> Result<(), Reported> {
        if value.type_of() == kind {
            return Ok(());
        }
        let word = |kind: Option<Type>| kind.map_or("invalid type", Type::error_name);
        let message = format!(
            "invalid type supplied for {name}, got {} exp {}",
            word(value.type_of()),
            word(kind)
        );
        self.scope.insert(name.to_owned(), Object::Poison);
        Err(self.report_unplaced("wrong-type", position, message))
    }
}

/// The comment above a declaration (T-35).
fn description(node: &Node) -> String {
    node.comment
        .as_ref()
        .map(|comment| comment.lines.join("\n"))
        .unwrap_or_default()
}

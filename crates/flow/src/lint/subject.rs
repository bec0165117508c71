//! What rules look at, and where they say what they found.

use std::collections::{BTreeMap, BTreeSet};

use capstan_expr::functions;
use capstan_tick::ast::{Call, CallKind, Kind, Node, Position};
use capstan_tick::{Diagnostic, walk};

use super::facts::{self, Facts};
use super::{Rule, Warning};
use crate::pipeline::{NodeConfig, NodeId, Pipeline};
use crate::script::Definition;
use crate::script::places::PropertyPlace;

/// A part of the script.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) position: Position,
    pub(super) end: usize,
}

/// A call of a node's chaining method or of one of its properties.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) id: NodeId,
    pub(super) config: &'a NodeConfig,
    /// `None` for the chaining method.
    pub(super) property: Option<&'static str>,
    pub(super) span: Span,
    pub(super) args: &'a [Node],
}

/// A script and what it means.
pub(super) struct Subject<'a> {
    pub(super) script: &'a str,
    pub(super) program: &'a Node,
    pub(super) definition: &'a Definition,
    pub(super) pipeline: &'a Pipeline,
    /// Calls of nodes and properties by their place.
    calls: BTreeMap<usize, &'a Call>,
    /// Where each node was made.
    made: BTreeMap<NodeId, Position>,
    /// Calls of properties by node.
    set: BTreeMap<NodeId, Vec<PropertyPlace>>,
    /// Variables whose values come from others that are not set.
    unset: BTreeSet<&'a str>,
    facts: Vec<Facts>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(script: &'a str, program: &'a Node, definition: &'a Definition) -> Self {
        let mut calls = BTreeMap::new();
        walk::walk(program, &mut |node| {
            if let Kind::Call(call) = &node.kind
                && call.kind != CallKind::Global
            {
                calls.insert(node.position.byte, call);
            }
        });
        let mut subject = Self {
            script,
            program,
            definition,
            pipeline: &definition.pipeline,
            calls,
            made: definition.places.nodes.iter().copied().collect(),
            set: BTreeMap::new(),
            unset: unset(program, definition),
            facts: Vec::new(),
        };
        for place in &definition.places.properties {
            subject.set.entry(place.node).or_default().push(*place);
        }
        subject.facts = facts::all(&subject);
        subject
    }

    /// The nodes of the pipeline.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (NodeId, &'a NodeConfig)> {
        let nodes = self.pipeline.nodes().iter().enumerate();
        nodes.map(|(at, config)| (NodeId(u32::try_from(at).unwrap_or(u32::MAX)), config))
    }

    /// The nodes whose names start with one of these words.
    pub(super) fn of_kind(&self, kinds: &'static [&str]) -> impl Iterator<Item = (NodeId, &'a NodeConfig)> {
        self.nodes()
            .filter(|(_, config)| kinds.contains(&config.spec.kind))
    }

    /// What is known of the data a node gives.
    pub(super) fn facts(&self, id: NodeId) -> &Facts {
        &self.facts[id.index()]
    }

    /// The same for what a node takes from its first parent; the source knows nothing.
    pub(super) fn input(&self, id: NodeId) -> &Facts {
        let parent = self.pipeline.node(id).parents.first();
        self.facts(*parent.unwrap_or(&self.pipeline.source()))
    }

    /// Everything above some nodes, nearest first.
    pub(super) fn above(&self, ids: impl IntoIterator<Item = NodeId>) -> Vec<NodeId> {
        let mut seen = vec![false; self.pipeline.nodes().len()];
        let mut found = Vec::new();
        let mut add = |found: &mut Vec<NodeId>, of: NodeId| {
            for parent in &self.pipeline.node(of).parents {
                if !std::mem::replace(&mut seen[parent.index()], true) {
                    found.push(*parent);
                }
            }
        };
        for id in ids {
            add(&mut found, id);
        }
        let mut at = 0;
        while let Some(&next) = found.get(at) {
            at += 1;
            add(&mut found, next);
        }
        found
    }

    /// The call that made a node; the beginning of the script for a source.
    pub(super) fn place(&self, id: NodeId) -> Span {
        self.span(self.made.get(&id).copied().unwrap_or(Position {
            byte: 0,
            line: 1,
            char: 1,
        }))
    }

    /// The last call that set a property; else the one that made the node.
    pub(super) fn property_place(&self, id: NodeId, property: &str) -> Span {
        let found = self.set_on(id).iter().rfind(|place| place.name == property);
        found.map_or_else(|| self.place(id), |place| self.span(place.position))
    }

    fn set_on(&self, id: NodeId) -> &[PropertyPlace] {
        self.set.get(&id).map_or(&[], Vec::as_slice)
    }

    fn span(&self, position: Position) -> Span {
        let name = self.calls.get(&position.byte).map_or(0, |call| call.name.len());
        Span {
            position,
            end: position.byte + name,
        }
    }

    /// Whether what a node is called with depends on a variable that has no value yet.
    pub(super) fn is_open(&self, id: NodeId) -> bool {
        self.made
            .get(&id)
            .is_some_and(|position| self.is_open_at(*position))
    }

    /// Whether what any of these properties is set to depends on a variable that has no value yet.
    pub(super) fn is_open_in(&self, id: NodeId, properties: &[&str]) -> bool {
        let mut places = self.set_on(id).iter();
        places.any(|place| properties.contains(&place.name) && self.is_open_at(place.position))
    }

    /// Whether anything of a node depends on a variable that has no value yet.
    pub(super) fn is_open_anywhere(&self, id: NodeId) -> bool {
        let mut places = self.set_on(id).iter();
        self.is_open(id) || places.any(|place| self.is_open_at(place.position))
    }

    /// Every call that made a node or set a property.
    pub(super) fn written(&self) -> Vec<Written<'a>> {
        let places = &self.definition.places;
        let nodes = places.nodes.iter().map(|(id, position)| (*id, None, *position));
        let properties = places
            .properties
            .iter()
            .map(|place| (place.node, Some(place.name), place.position));
        let written = |(id, property, position): (NodeId, _, Position)| Written {
            id,
            config: self.pipeline.node(id),
            property,
            span: self.span(position),
            args: self.calls.get(&position.byte).map_or(&[], |call| &call.args),
        };
        nodes.chain(properties).map(written).collect()
    }

    fn is_open_at(&self, position: Position) -> bool {
        !self.unset.is_empty()
            && self
                .calls
                .get(&position.byte)
                .is_some_and(|call| call.args.iter().any(|arg| mentions(arg, &self.unset)))
    }

    /// The body of every lambda the script holds.
    pub(super) fn lambdas(&self) -> Vec<&'a Node> {
        let mut found = Vec::new();
        walk::walk(self.program, &mut |node| {
            if let Kind::Lambda(body) = &node.kind {
                found.push(&**body);
            }
        });
        found
    }

    /// A node of a lambda by its text; falls back to `otherwise` when it does not stand in this script, as the value of a
    /// variable that was given from outside.
    pub(super) fn text_span(&self, position: Position, text: &str, otherwise: Span) -> Span {
        let here = self.script.get(position.byte..);
        if here.is_some_and(|rest| rest.starts_with(text)) {
            Span {
                position,
                end: position.byte + text.len(),
            }
        } else {
            otherwise
        }
    }
}

/// Functions in a tree whose results depend on earlier evaluations. Random numbers do not suffer from being drawn more or
/// less often.
pub(super) fn stateful(node: &Node) -> Vec<&str> {
    let is_stateful = |name: &&str| {
        *name != "rand" && functions().any(|function| function.name == *name && function.is_stateful())
    };
    walk::calls(node).into_iter().filter(is_stateful).collect()
}

/// Variables without a value, and those computed from them.
fn unset<'a>(program: &'a Node, definition: &'a Definition) -> BTreeSet<&'a str> {
    let mut unset: BTreeSet<&str> = definition.places.unset.iter().map(String::as_str).collect();
    if unset.is_empty() {
        return unset;
    }
    if let Kind::Program(statements) = &program.kind {
        for statement in statements {
            if let Kind::Declaration { name, value } = &statement.kind
                && let Kind::Identifier(name) = &name.kind
                && definition.vars.contains_key(name)
                && mentions(value, &unset)
            {
                unset.insert(name);
            }
        }
    }
    unset
}

/// Whether a tree names one of these variables.
fn mentions(node: &Node, names: &BTreeSet<&str>) -> bool {
    let mut found = false;
    walk::walk(node, &mut |node| {
        found |= matches!(&node.kind, Kind::Identifier(name) if names.contains(name.as_str()));
    });
    found
}

/// What one rule found.
#[derive(Debug)]
pub(super) struct Findings {
    rule: &'static Rule,
    warnings: Vec<Warning>,
}

impl Findings {
    pub(super) fn new(rule: &'static Rule) -> Self {
        Self {
            rule,
            warnings: Vec::new(),
        }
    }

    /// Says what is the matter with a place, and what to do about it.
    pub(super) fn warn(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.warnings.push(Warning {
            diagnostic: Diagnostic::warning(self.rule.name, span.position, message)
                .until(span.end)
                .hint(hint),
            rows: self.rule.rows,
        });
    }

    pub(super) fn into_warnings(self) -> Vec<Warning> {
        self.warnings
    }
}

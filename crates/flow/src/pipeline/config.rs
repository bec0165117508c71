//! The settings of one node.

use std::fmt::Write;
use std::sync::Arc;

use capstan_alert::{HandlerKind, HandlerOption};
use capstan_tick::ast;

use super::{EdgeType, NodeId};
use crate::nodes::udf::spec::UDF;
use crate::ports::udf::{UdfInfo, UdfOption};
use crate::registry::{NodeSpec, QUIET};
use crate::script::Value;

/// One node of a pipeline as the script describes it.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    pub spec: &'static NodeSpec,
    /// The running number in its name.
    pub number: u32,
    pub wants: EdgeType,
    pub provides: EdgeType,
    pub parents: Vec<NodeId>,
    pub children: Vec<NodeId>,
    /// The node whose output it counts (N-97).
    pub watches: Option<NodeId>,
    /// Arguments of the chaining method, nodes left out.
    pub arguments: Vec<Value>,
    /// Calls of property methods in order, with their arguments.
    pub properties: Vec<(&'static str, Vec<Value>)>,
    /// Alert handlers of the script, in order.
    pub handlers: Vec<HandlerCall>,
    /// The function of the user's that the node calls (N-101).
    pub function: Option<FunctionCall>,
}

/// A call of a function of the user's as the script describes it.
#[derive(Debug, Clone)]
pub struct FunctionCall {
    pub name: Arc<str>,
    /// What the function said about itself when the script was read.
    pub info: Arc<UdfInfo>,
    /// Calls of its options in order.
    pub options: Vec<UdfOption>,
}

/// A handler as the script describes it.
#[derive(Debug, Clone)]
pub struct HandlerCall {
    pub kind: &'static HandlerKind,
    /// Arguments of the property that makes it.
    pub arguments: Vec<Value>,
    /// Calls of its own properties in order.
    pub calls: Vec<(&'static HandlerOption, Vec<Value>)>,
}

impl NodeConfig {
    pub(crate) fn new(spec: &'static NodeSpec, wants: EdgeType, provides: EdgeType) -> Self {
        Self {
            spec,
            number: 0,
            wants,
            provides,
            parents: Vec::new(),
            children: Vec::new(),
            watches: None,
            arguments: Vec::new(),
            properties: Vec::new(),
            handlers: Vec::new(),
            function: None,
        }
    }

    /// The node of a call of a function; its edges are what the function says.
    pub(crate) fn of_function(name: Arc<str>, info: Arc<UdfInfo>) -> Self {
        let mut config = Self::new(&UDF, info.wants, info.provides);
        config.function = Some(FunctionCall {
            name,
            info,
            options: Vec::new(),
        });
        config
    }

    /// The word its name starts with (N-03): a function's own name for those of the user's.
    pub fn kind(&self) -> &str {
        self.function.as_ref().map_or(self.spec.kind, |call| &call.name)
    }

    /// The name in `show`, statistics and logs: the kind and the running number (N-01).
    pub fn name(&self) -> String {
        format!("{}{}", self.kind(), self.number)
    }

    /// Arguments of the last call of a property; `None` when it was not called.
    pub fn property(&self, name: &str) -> Option<&[Value]> {
        self.properties
            .iter()
            .rev()
            .find(|(property, _)| *property == name)
            .map(|(_, arguments)| &**arguments)
    }

    /// Arguments of every call of a property.
    pub fn calls<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [Value]> {
        self.properties
            .iter()
            .filter(move |(property, _)| *property == name)
            .map(|(_, arguments)| &**arguments)
    }

    /// Whether a flag is set.
    pub fn flag(&self, name: &str) -> bool {
        self.property(name).is_some()
    }

    /// Whether errors stay out of the log (N-25).
    pub fn quiet(&self) -> bool {
        self.flag(QUIET.name)
    }

    /// A string property.
    pub fn string(&self, name: &str) -> Option<Arc<str>> {
        match self.property(name)?.first()? {
            Value::String(text) => Some(Arc::clone(text)),
            _ => None,
        }
    }

    /// A property of any number of strings.
    pub fn strings(&self, name: &str) -> Vec<Arc<str>> {
        self.property(name).map(strings).unwrap_or_default()
    }

    /// A duration property in nanoseconds; 0 when it was not called.
    pub fn duration(&self, name: &str) -> i64 {
        match self.property(name).and_then(<[Value]>::first) {
            Some(Value::Duration(nanos)) => *nanos,
            _ => 0,
        }
    }

    /// An int property; 0 when it was not called.
    pub fn int(&self, name: &str) -> i64 {
        match self.property(name).and_then(<[Value]>::first) {
            Some(Value::Int(value)) => *value,
            _ => 0,
        }
    }

    /// A lambda property.
    pub fn lambda(&self, name: &str) -> Option<Arc<ast::Node>> {
        match self.property(name)?.first()? {
            Value::Lambda(body) => Some(Arc::clone(body)),
            _ => None,
        }
    }

    /// A string argument of the chaining method; empty when it is another type.
    pub fn string_argument(&self, at: usize) -> Arc<str> {
        match self.arguments.get(at) {
            Some(Value::String(text)) => Arc::clone(text),
            _ => Arc::from(""),
        }
    }

    /// The lambda arguments of the chaining method.
    pub fn lambda_arguments(&self) -> Vec<Arc<ast::Node>> {
        let lambda = |value: &Value| match value {
            Value::Lambda(body) => Some(Arc::clone(body)),
            _ => None,
        };
        self.arguments.iter().filter_map(lambda).collect()
    }

    /// What of the settings decides whether a snapshot of this node still fits.
    pub(crate) fn fingerprint(&self) -> String {
        let words = |values: &[Value]| {
            values
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(",")
        };
        let mut text = format!("{}({})", self.spec.method, words(&self.arguments));
        for (name, arguments) in &self.properties {
            // Writing to a String cannot fail.
            let _ = write!(text, ".{name}({})", words(arguments));
        }
        if let Some(call) = &self.function {
            let _ = write!(text, "@{}", call.name);
            for option in &call.options {
                let _ = write!(text, ".{}", option.name);
                for value in &option.values {
                    let _ = write!(text, ",{value}");
                }
            }
        }
        text
    }
}

/// The strings of a list of values.
pub(crate) fn strings(values: &[Value]) -> Vec<Arc<str>> {
    let string = |value: &Value| match value {
        Value::String(text) => Some(Arc::clone(text)),
        _ => None,
    };
    values.iter().filter_map(string).collect()
}

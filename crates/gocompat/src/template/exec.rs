//! Runs a tree on data: Go's rules for fields, methods, arguments and variables, and its errors.

mod call;

use std::fmt;

use super::builtins;
use super::node::{Arg, ArgKind, Branch, Command, List, Node, Number, Pipe, TreeSet};
use super::{Functions, MAX_DEPTH, MAX_OUTPUT_BYTES, MAX_STEPS, MissingKey, methods};
use crate::fmt::sprint;
use crate::strconv;
use crate::value::{Element, Value};
use call::Callee;

/// A value on its way through a pipeline, as `reflect.Value` is in Go.
#[derive(Clone, Debug, Default)]
pub(super) struct Operand {
    pub(super) value: Value,
    /// It was read from a container of interfaces and not looked into yet: errors call its type `interface {}`, and a nil in
    /// it is a value, unlike an absent one.
    pub(super) interface: bool,
}

impl Operand {
    pub(super) fn new(value: Value) -> Self {
        Self {
            value,
            interface: false,
        }
    }

    /// An element of a container.
    pub(super) fn element(value: Value, element: &Element) -> Self {
        let interface = *element == Element::Any;
        Self { value, interface }
    }

    /// No value at all.
    pub(super) fn is_invalid(&self) -> bool {
        !self.interface && matches!(self.value, Value::Nil)
    }

    pub(super) fn type_name(&self) -> String {
        if self.interface {
            "interface {}".to_owned()
        } else {
            self.value.type_name()
        }
    }

    fn concrete(self) -> Self {
        Self::new(self.value)
    }
}

/// The node that an error is about.
#[derive(Clone, Copy)]
enum At<'t> {
    Nowhere,
    Node(&'t Node, usize),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Arg(&'t Arg),
}

impl At<'_> {
    fn position(self) -> usize {
        match self {
            Self::Nowhere => 0,
            Self::Node(_, position) => position,
            Self::Pipe(pipe) => pipe.position,
            Self::Command(command) => command.position,
            Self::Arg(arg) => arg.position,
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => Ok(()),
            Self::Node(node, _) => node.fmt(f),
            Self::Pipe(pipe) => pipe.fmt(f),
            Self::Command(command) => command.fmt(f),
            Self::Arg(arg) => arg.fmt(f),
        }
    }
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

type Result<T> = std::result::Result<T, String>;

pub(super) struct Execution<'t> {
    trees: &'t TreeSet,
    functions: &'t Functions,
    missing_key: MissingKey,
    template: &'t str,
    at: At<'t>,
    variables: Vec<(&'t str, Operand)>,
    out: String,
    steps: u64,
    depth: u32,
}

impl<'t> Execution<'t> {
    pub(super) fn new(trees: &'t TreeSet, functions: &'t Functions, missing_key: MissingKey) -> Self {
        Self {
            trees,
            functions,
            missing_key,
            template: "",
            at: At::Nowhere,
            variables: Vec::new(),
            out: String::new(),
            steps: 0,
            depth: 0,
        }
    }

    pub(super) fn run(mut self, name: &'t str, data: &Value) -> Result<String> {
        self.template = name;
        let Some(root) = self.trees.trees.get(name) else {
            let quoted = strconv::quote(name);
            return Err(format!(
                "template: {name}: {quoted} is an incomplete or empty template"
            ));
        };
        let dot = Operand::new(data.clone());
        self.variables.push(("$", dot.clone()));
        self.list(&dot, root)?;
        Ok(self.out)
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Result<T> {
        Err(format!(
            "template: {}: executing {} at <{}>: {}",
            self.trees.location(self.at.position()),
            strconv::quote(self.template),
            self.at,
            message.as_ref()
        ))
    }

    fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return self.error(format!("exceeded {MAX_STEPS} steps"));
        }
        Ok(())
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.error(format!("exceeded maximum template depth ({MAX_DEPTH})"));
        }
        Ok(())
    }

    fn print(&mut self, text: &str) -> Result<()> {
        if self.out.len() + text.len() > MAX_OUTPUT_BYTES {
            return self.error(format!("output has more than {MAX_OUTPUT_BYTES} bytes"));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn list(&mut self, dot: &Operand, list: &'t List) -> Result<Flow> {
        for node in &list.nodes {
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Operand, node: &'t Node) -> Result<Flow> {
        self.step()?;
        match node {
            Node::Text { text, .. } => self.print(text)?,
            Node::Action { position, pipe, .. } => {
                self.at = At::Node(node, *position);
                let value = self.pipeline(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.at = At::Node(node, *position);
                    self.print_value(node, &value)?;
                }
            }
            Node::If(branch) => return self.branch(dot, node, branch, false),
            Node::With(branch) => return self.branch(dot, node, branch, true),
            Node::Range(branch) => return self.range(dot, node, branch),
            Node::Template {
                position, name, pipe, ..
            } => {
                self.at = At::Node(node, *position);
                self.call_template(dot, name, pipe.as_ref())?;
            }
            Node::Break { .. } => return Ok(Flow::Break),
            Node::Continue { .. } => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn print_value(&mut self, node: &Node, operand: &Operand) -> Result<()> {
        match &operand.value {
            Value::Nil => self.print(if operand.interface { "<nil>" } else { "<no value>" }),
            Value::String(text) | Value::Content(_, text) => self.print(text),
            Value::Function(_) => self.error(format!("can't print {node} of type {}", operand.type_name())),
            value => {
                let text = sprint(std::slice::from_ref(value));
                self.print(&text)
            }
        }
    }

    fn branch(&mut self, dot: &Operand, node: &'t Node, branch: &'t Branch, sets_dot: bool) -> Result<Flow> {
        self.deeper()?;
        let mark = self.variables.len();
        self.at = At::Node(node, branch.position);
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = if builtins::truth(&value.value) {
            self.list(if sets_dot { &value } else { dot }, &branch.list)?
        } else if let Some(list) = &branch.else_list {
            self.list(dot, list)?
        } else {
            Flow::Next
        };
        self.variables.truncate(mark);
        self.depth -= 1;
        Ok(flow)
    }

    fn range(&mut self, dot: &Operand, node: &'t Node, branch: &'t Branch) -> Result<Flow> {
        self.deeper()?;
        let outer = self.variables.len();
        self.at = At::Node(node, branch.position);
        let value = self.pipeline(dot, &branch.pipe)?;
        let mark = self.variables.len();
        let mut entered = false;
        match &value.value {
            Value::List(list) => {
                for (index, item) in list.items.iter().enumerate() {
                    entered = true;
                    let item = Operand::element(item.clone(), &list.element);
                    let index = Operand::new(Value::NativeInt(index as i64));
                    if self.iteration(branch, mark, index, item)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Bytes(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    entered = true;
                    let item = Operand::new(Value::Byte(*byte));
                    let index = Operand::new(Value::NativeInt(index as i64));
                    if self.iteration(branch, mark, index, item)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, item) in &map.entries {
                    entered = true;
                    let item = Operand::element(item.clone(), &map.element);
                    let key = Operand::new(Value::String(key.clone()));
                    if self.iteration(branch, mark, key, item)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Nil => {}
            other => {
                let text = sprint(std::slice::from_ref(other));
                return self.error(format!("range can't iterate over {text}"));
            }
        }
        let mut flow = Flow::Next;
        if !entered && let Some(list) = &branch.else_list {
            flow = self.list(dot, list)?;
        }
        self.variables.truncate(outer);
        self.depth -= 1;
        Ok(flow)
    }

    fn iteration(&mut self, branch: &'t Branch, mark: usize, index: Operand, item: Operand) -> Result<Flow> {
        let declared = branch.pipe.variables.len();
        // Go sets the topmost variables even if the pipeline assigned to others.
        if declared > 0
            && let Some((_, slot)) = self.variables.get_mut(mark - 1)
        {
            *slot = item.clone();
        }
        if declared > 1
            && let Some((_, slot)) = mark.checked_sub(2).and_then(|top| self.variables.get_mut(top))
        {
            *slot = index;
        }
        self.step()?;
        let flow = self.list(&item, &branch.list)?;
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn call_template(&mut self, dot: &Operand, name: &'t str, pipe: Option<&'t Pipe>) -> Result<()> {
        let trees = self.trees;
        let Some((name, root)) = trees.trees.get_key_value(name) else {
            return self.error(format!("template {} not defined", strconv::quote(name)));
        };
        self.deeper()?;
        let dot = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Operand::default(),
        };
        // Variables declared by the pipeline stay with the caller.
        let variables = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        let template = std::mem::replace(&mut self.template, name);
        self.list(&dot, root)?;
        self.template = template;
        self.variables = variables;
        self.depth -= 1;
        Ok(())
    }

    fn pipeline(&mut self, dot: &Operand, pipe: &'t Pipe) -> Result<Operand> {
        self.deeper()?;
        self.at = At::Pipe(pipe);
        let mut value = None;
        for command in &pipe.commands {
            self.step()?;
            value = Some(self.command(dot, command, value)?.concrete());
        }
        let value = value.unwrap_or_default();
        for name in &pipe.variables {
            if pipe.assigns {
                let slot = self
                    .variables
                    .iter_mut()
                    .rev()
                    .find(|(declared, _)| declared == name);
                match slot {
                    Some((_, slot)) => *slot = value.clone(),
                    None => return self.error(format!("undefined variable: {name}")),
                }
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        self.depth -= 1;
        Ok(value)
    }

    fn not_a_function(&self, args: &[Arg], last: Option<&Operand>) -> Result<()> {
        match args.first() {
            Some(first) if args.len() > 1 || last.is_some() => {
                self.error(format!("can't give argument to non-function {first}"))
            }
            _ => Ok(()),
        }
    }

    fn command(&mut self, dot: &Operand, command: &'t Command, last: Option<Operand>) -> Result<Operand> {
        let args = command.args.as_slice();
        let Some(first) = args.first() else {
            return self.error("empty command");
        };
        match &first.kind {
            ArgKind::Field(names) => {
                self.at = At::Arg(first);
                return self.field_chain(dot, dot.clone(), At::Arg(first), names, args, last);
            }
            ArgKind::Chain { .. } => return self.chain(dot, first, args, last),
            ArgKind::Identifier(name) => {
                self.at = At::Arg(first);
                return self.function(dot, name, At::Command(command), args, last);
            }
            ArgKind::Pipe(pipe) => {
                self.not_a_function(args, last.as_ref())?;
                return self.pipeline(dot, pipe);
            }
            ArgKind::Variable(_) => return self.variable(dot, first, args, last),
            _ => {}
        }
        self.at = At::Arg(first);
        self.not_a_function(args, last.as_ref())?;
        match &first.kind {
            ArgKind::Bool(flag) => Ok(Operand::new(Value::Bool(*flag))),
            ArgKind::Dot => Ok(dot.clone()),
            ArgKind::Number(number) => self.constant(number),
            ArgKind::Text { text, .. } => Ok(Operand::new(Value::from(text.as_str()))),
            _ => self.error("nil is not a command"),
        }
    }

    /// The value of a number where nothing says which type it should have.
    fn constant(&self, number: &Number) -> Result<Operand> {
        let text = number.text.as_str();
        let hexadecimal = (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
        if let Some(float) = number.float
            && !hexadecimal
            && !text.starts_with('\'')
            && text.contains(['.', 'e', 'E', 'p', 'P'])
        {
            return Ok(Operand::new(Value::Float(float)));
        }
        match number.int {
            Some(int) => Ok(Operand::new(Value::NativeInt(int))),
            None => self.error(format!("{text} overflows int")),
        }
    }

    fn chain(
        &mut self,
        dot: &Operand,
        arg: &'t Arg,
        args: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        self.at = At::Arg(arg);
        let ArgKind::Chain { node, fields } = &arg.kind else {
            return self.error("no fields in chain");
        };
        let receiver = self.argument(dot, None, node)?;
        self.field_chain(dot, receiver, At::Arg(arg), fields, args, last)
    }

    fn variable(
        &mut self,
        dot: &Operand,
        arg: &'t Arg,
        args: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        self.at = At::Arg(arg);
        let ArgKind::Variable(names) = &arg.kind else {
            return self.error("no variable");
        };
        let Some((name, fields)) = names.split_first() else {
            return self.error("no variable");
        };
        let found = self.variables.iter().rev().find(|(declared, _)| declared == name);
        let Some((_, value)) = found else {
            return self.error(format!("undefined variable: {name}"));
        };
        let value = value.clone();
        if fields.is_empty() {
            self.not_a_function(args, last.as_ref())?;
            return Ok(value);
        }
        self.field_chain(dot, value, At::Arg(arg), fields, args, last)
    }

    /// `.a.b.c`, the last of which gets the arguments.
    fn field_chain(
        &mut self,
        dot: &Operand,
        mut receiver: Operand,
        node: At<'t>,
        names: &'t [String],
        args: &'t [Arg],
        mut last: Option<Operand>,
    ) -> Result<Operand> {
        for (index, name) in names.iter().enumerate() {
            let is_last = index + 1 == names.len();
            let args = if is_last { args } else { &[] };
            let last = if is_last { last.take() } else { None };
            receiver = self.field(dot, name, node, args, last, receiver)?;
        }
        Ok(receiver)
    }

    fn field(
        &mut self,
        dot: &Operand,
        name: &'t str,
        node: At<'t>,
        args: &'t [Arg],
        last: Option<Operand>,
        receiver: Operand,
    ) -> Result<Operand> {
        if receiver.is_invalid() {
            if self.missing_key == MissingKey::Error {
                return self.error(format!("nil data; no entry for key {}", strconv::quote(name)));
            }
            return Ok(Operand::default());
        }
        let type_name = receiver.type_name();
        if matches!(receiver.value, Value::Nil) {
            return self.error(format!("nil pointer evaluating {type_name}.{name}"));
        }
        if let Some(method) = methods::find(&receiver.value, name) {
            return self.call(dot, &Callee::Function(method), node, name, args, last);
        }
        let has_arguments = args.len() > 1 || last.is_some();
        match &receiver.value {
            Value::Struct(data) => {
                if let Some(field) = data.fields.iter().find(|field| field.name == name) {
                    if has_arguments {
                        return self.error(format!("{name} has arguments but cannot be invoked as function"));
                    }
                    let interface = matches!(field.value, Value::Nil);
                    return Ok(Operand {
                        value: field.value.clone(),
                        interface,
                    });
                }
            }
            Value::Map(map) => {
                if has_arguments {
                    return self.error(format!("{name} is not a method but has arguments"));
                }
                return match (map.entries.get(name), self.missing_key) {
                    (Some(value), _) => Ok(Operand::element(value.clone(), &map.element)),
                    (None, MissingKey::Default) => Ok(Operand::default()),
                    (None, MissingKey::Zero) => Ok(Operand::element(map.element.zero(), &map.element)),
                    (None, MissingKey::Error) => {
                        self.error(format!("map has no entry for key {}", strconv::quote(name)))
                    }
                };
            }
            _ => {}
        }
        self.error(format!("can't evaluate field {name} in type {type_name}"))
    }
}

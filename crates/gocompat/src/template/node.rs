//! The parse tree of templates, and how its nodes print in errors.

use std::collections::HashMap;
use std::fmt;

use crate::strconv;

/// All templates that one text defines.
#[derive(Clone, Debug)]
pub(super) struct TreeSet {
    /// The name given to the parser, for locations.
    pub(super) parse_name: String,
    pub(super) text: String,
    pub(super) trees: HashMap<String, List>,
    /// Ids from here on are free.
    pub(super) next_id: u32,
}

impl TreeSet {
    /// The line of a byte position.
    pub(super) fn line(&self, position: usize) -> usize {
        let newlines = self.text.match_indices('\n');
        1 + newlines.take_while(|(at, _)| *at < position).count()
    }

    /// `NAME:LINE:COLUMN` of a byte position.
    pub(super) fn location(&self, position: usize) -> String {
        let mut end = position.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let column = before.rfind('\n').map_or(end, |newline| end - newline - 1);
        format!("{}:{}:{column}", self.parse_name, self.line(end))
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub(super) position: usize,
    pub(super) nodes: Vec<Node>,
}

impl List {
    /// Whether there is nothing but space, which makes a definition replaceable.
    pub(super) fn is_blank(&self) -> bool {
        self.nodes
            .iter()
            .all(|node| matches!(node, Node::Text { text, .. } if text.chars().all(char::is_whitespace)))
    }

    /// Gives every node that escaping may change a new id.
    pub(super) fn renumber(&mut self, next_id: &mut u32) {
        for node in &mut self.nodes {
            match node {
                Node::Text { id, .. } | Node::Action { id, .. } | Node::Template { id, .. } => {
                    *id = *next_id;
                    *next_id += 1;
                }
                Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                    branch.list.renumber(next_id);
                    if let Some(list) = &mut branch.else_list {
                        list.renumber(next_id);
                    }
                }
                Node::Break { .. } | Node::Continue { .. } => {}
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text {
        id: u32,
        text: String,
    },
    Action {
        id: u32,
        position: usize,
        pipe: Pipe,
    },
    If(Box<Branch>),
    Range(Box<Branch>),
    With(Box<Branch>),
    Template {
        id: u32,
        position: usize,
        name: String,
        pipe: Option<Pipe>,
    },
    Break {
        position: usize,
    },
    Continue {
        position: usize,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) position: usize,
    pub(super) pipe: Pipe,
    pub(super) list: List,
    pub(super) else_list: Option<List>,
}

#[derive(Clone, Debug)]
pub(super) struct Pipe {
    pub(super) position: usize,
    pub(super) assigns: bool,
    /// Names of the variables declared or assigned, with their `$`.
    pub(super) variables: Vec<String>,
    pub(super) commands: Vec<Command>,
}

#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) position: usize,
    pub(super) args: Vec<Arg>,
}

#[derive(Clone, Debug)]
pub(super) struct Arg {
    pub(super) position: usize,
    pub(super) kind: ArgKind,
}

#[derive(Clone, Debug)]
pub(super) enum ArgKind {
    Bool(bool),
    Dot,
    Nil,
    Number(Number),
    Text {
        quoted: String,
        text: String,
    },
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`: the variable and its fields.
    Variable(Vec<String>),
    Identifier(String),
    Pipe(Pipe),
    /// `(pipe).a.b` or `function.a.b`
    Chain {
        node: Box<Arg>,
        fields: Vec<String>,
    },
}

/// A number with every type that can hold it, as Go's untyped constants.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) text: String,
    pub(super) int: Option<i64>,
    pub(super) unsigned: bool,
    pub(super) float: Option<f64>,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nodes.iter().try_for_each(|node| write!(f, "{node}"))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => f.write_str(text),
            Self::Action { pipe, .. } => write!(f, "{{{{{pipe}}}}}"),
            Self::If(branch) => branch.write(f, "if"),
            Self::Range(branch) => branch.write(f, "range"),
            Self::With(branch) => branch.write(f, "with"),
            Self::Template { name, pipe, .. } => {
                write!(f, "{{{{template {}", strconv::quote(name))?;
                if let Some(pipe) = pipe {
                    write!(f, " {pipe}")?;
                }
                f.write_str("}}")
            }
            Self::Break { .. } => f.write_str("{{break}}"),
            Self::Continue { .. } => f.write_str("{{continue}}"),
        }
    }
}

impl Branch {
    fn write(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        write!(f, "{{{{{name} {}}}}}{}", self.pipe, self.list)?;
        if let Some(list) = &self.else_list {
            write!(f, "{{{{else}}}}{list}")?;
        }
        f.write_str("{{end}}")
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            // Go 1.19 prints assignments like declarations.
            write!(f, "{} := ", self.variables.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{command}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match &arg.kind {
                ArgKind::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => write!(f, "{arg}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ArgKind::Bool(flag) => write!(f, "{flag}"),
            ArgKind::Dot => f.write_str("."),
            ArgKind::Nil => f.write_str("nil"),
            ArgKind::Number(number) => f.write_str(&number.text),
            ArgKind::Text { quoted, .. } => f.write_str(quoted),
            ArgKind::Field(fields) => fields.iter().try_for_each(|field| write!(f, ".{field}")),
            ArgKind::Variable(names) => f.write_str(&names.join(".")),
            ArgKind::Identifier(name) => f.write_str(name),
            ArgKind::Pipe(pipe) => write!(f, "{pipe}"),
            ArgKind::Chain { node, fields } => {
                match &node.kind {
                    ArgKind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => write!(f, "{node}")?,
                }
                fields.iter().try_for_each(|field| write!(f, ".{field}"))
            }
        }
    }
}

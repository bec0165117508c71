//! Tree to text (T-80 … T-92): Kapacitor's formatting.

use std::fmt::Write as _;

use capstan_gocompat::{duration, strconv};

use crate::ast::{Binary, Call, ChainOperator, Comment, Kind, Node};
use crate::comment::GAP;
use crate::error::SyntaxError;
use crate::parser::parse;

/// Blanks per level.
const STEP: usize = 4;
/// A comment in an odd place can move twice before it stays; nothing known moves more often.
const MAX_PASSES: usize = 8;

/// Formats a script. Formatting the result again changes nothing (T-90).
pub fn format(source: &str) -> Result<String, SyntaxError> {
    let mut text = format_node(&parse(source)?);
    for _ in 0..MAX_PASSES {
        let again = format_node(&parse(&text)?);
        if again == text {
            break;
        }
        text = again;
    }
    Ok(text)
}

/// Prints a tree, or a part of one such as the value of a variable.
pub fn format_node(node: &Node) -> String {
    let mut printer = Printer { out: String::new() };
    printer.node(node, 0, false);
    printer.out
}

struct Printer {
    out: String,
}

impl Printer {
    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// Prints a node whose following lines are indented by `indent`; `on_new_line` says that its first line is not yet.
    fn node(&mut self, node: &Node, indent: usize, mut on_new_line: bool) {
        match &node.kind {
            Kind::Chain { .. } => return self.chain(node, indent, on_new_line),
            Kind::Program(statements) => return self.program(statements, indent),
            Kind::Comment(comment) => return self.comment(comment, indent, on_new_line),
            _ => {}
        }
        if let Some(comment) = &node.comment {
            self.comment(comment, indent, on_new_line);
            on_new_line = true;
        }
        if on_new_line {
            self.indent(indent);
        }
        match &node.kind {
            Kind::Int { value, octal } => self.integer(*value, *octal),
            Kind::Float(value) => self.float(*value),
            Kind::Duration { nanos, literal } => {
                if literal.is_empty() {
                    self.out.push_str(&duration::format_influx(*nanos));
                } else {
                    self.out.push_str(literal);
                }
            }
            Kind::Bool(value) => self.out.push_str(if *value { "TRUE" } else { "FALSE" }),
            Kind::String { value, triple: true } => {
                self.out.push_str("'''");
                self.out.push_str(value);
                self.out.push_str("'''");
            }
            Kind::String { value, triple: false } => self.quoted('\'', value),
            Kind::Regex(pattern) => {
                self.out.push('/');
                self.out.push_str(&pattern.replace('/', "\\/"));
                self.out.push('/');
            }
            Kind::Star => self.out.push('*'),
            Kind::Identifier(name) => self.out.push_str(name),
            Kind::Reference(name) => self.quoted('"', name),
            Kind::List(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    self.node(item, indent, false);
                }
                self.out.push(']');
            }
            Kind::Unary { operator, operand } => {
                self.out.push_str(operator.as_str());
                self.node(operand, indent, false);
            }
            Kind::Binary(binary) => self.binary(binary, indent),
            Kind::Call(call) => self.call(call, indent),
            Kind::Lambda(body) => {
                self.out.push_str("lambda: ");
                self.node(body, indent, false);
            }
            Kind::Declaration { name, value } => {
                self.out.push_str("var ");
                self.node(name, indent, false);
                self.out.push_str(" = ");
                self.node(value, indent, false);
            }
            Kind::TypeDeclaration { name, type_name } => {
                self.out.push_str("var ");
                self.node(name, indent, false);
                self.out.push(' ');
                self.node(type_name, indent, false);
            }
            Kind::Dbrp {
                database,
                retention_policy,
            } => {
                self.out.push_str("dbrp ");
                self.node(database, indent, false);
                self.out.push('.');
                self.node(retention_policy, indent, false);
            }
            Kind::Chain { .. } | Kind::Comment(_) | Kind::Program(_) => {}
        }
    }

    fn program(&mut self, statements: &[Node], indent: usize) {
        for (index, statement) in statements.iter().enumerate() {
            if index > 0 {
                self.out.push('\n');
            }
            self.node(statement, indent, true);
            self.out.push('\n');
        }
    }

    /// A chain: its root, then every link on a line of its own. Not recursive, because chains are long.
    fn chain(&mut self, node: &Node, indent: usize, on_new_line: bool) {
        let mut links = Vec::new();
        let mut root = node;
        while let Kind::Chain {
            operator,
            left,
            right,
        } = &root.kind
        {
            links.push((*operator, root.comment.as_deref(), right));
            root = left;
        }
        self.node(root, indent, on_new_line);
        for (operator, comment, right) in links.into_iter().rev() {
            self.out.push('\n');
            let indent = indent
                + if operator == ChainOperator::Dot {
                    2 * STEP
                } else {
                    STEP
                };
            if let Some(comment) = comment {
                self.comment(comment, indent, true);
            }
            self.indent(indent);
            self.out.push_str(operator.as_str());
            self.node(right, indent, false);
        }
    }

    fn binary(&mut self, binary: &Binary, mut indent: usize) {
        if binary.parens {
            self.out.push('(');
            indent += STEP;
        }
        self.node(&binary.left, indent, false);
        self.out.push(' ');
        self.out.push_str(binary.operator.as_str());
        self.out.push(if binary.multi_line { '\n' } else { ' ' });
        self.node(&binary.right, indent, binary.multi_line);
        if binary.parens {
            self.out.push(')');
        }
    }

    fn call(&mut self, call: &Call, indent: usize) {
        self.out.push_str(&call.name);
        self.out.push('(');
        for (index, argument) in call.args.iter().enumerate() {
            if index > 0 {
                self.out.push_str(if call.multi_line { "," } else { ", " });
            }
            if call.multi_line {
                self.out.push('\n');
            }
            self.node(argument, indent + STEP, call.multi_line);
        }
        if call.multi_line && !call.args.is_empty() {
            self.out.push('\n');
            self.indent(indent);
        }
        self.out.push(')');
    }

    fn comment(&mut self, comment: &Comment, indent: usize, on_new_line: bool) {
        if !on_new_line {
            self.out.push('\n');
        }
        for line in &comment.lines {
            if line == GAP {
                self.out.push('\n');
                continue;
            }
            self.indent(indent);
            self.out.push_str("//");
            if !line.is_empty() {
                self.out.push(' ');
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }

    fn integer(&mut self, value: i64, octal: bool) {
        // Writing to a String cannot fail.
        let _ = if octal {
            write!(self.out, "0{value:o}")
        } else {
            write!(self.out, "{value}")
        };
    }

    fn float(&mut self, value: f64) {
        let text = strconv::format_float_f(value);
        self.out.push_str(&text);
        if !text.contains('.') {
            self.out.push_str(".0");
        }
    }

    fn quoted(&mut self, quote: char, value: &str) {
        self.out.push(quote);
        for c in value.chars() {
            if c == quote {
                self.out.push('\\');
            }
            self.out.push(c);
        }
        self.out.push(quote);
    }
}

#[cfg(test)]
mod tests;

//! Pipelines: declarations, commands, operands and terms.

use super::{Parser, Result};
use crate::strconv;
use crate::template::lexer::Kind;
use crate::template::node::{Arg, ArgKind, Command, Pipe};
use crate::template::{builtins, literal};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        self.deeper()?;
        let mut pipe = Pipe {
            position: self.peek_non_space().position,
            assigns: false,
            variables: Vec::new(),
            commands: Vec::new(),
        };
        self.declarations(&mut pipe, context)?;
        loop {
            let item = self.next_non_space();
            match item.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&item, context),
            }
        }
        if pipe.commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            let first = command.args.first().map(|arg| &arg.kind);
            if let Some(
                ArgKind::Bool(_) | ArgKind::Dot | ArgKind::Nil | ArgKind::Number(_) | ArgKind::Text { .. },
            ) = first
            {
                return self.error(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        self.nesting -= 1;
        Ok(pipe)
    }

    /// Reads `$x :=`, `$x =` and `$i, $x :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            // A space is a token: the one after the variable may have to be pushed back.
            let after = self.peek();
            let next = self.peek_non_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.assigns = next.kind == Kind::Assign;
                    self.next_non_space();
                    pipe.variables.push(variable.text.clone());
                    self.tree.variables.push(variable.text);
                    return Ok(());
                }
                Kind::Char if next.text == "," => {
                    self.next_non_space();
                    pipe.variables.push(variable.text.clone());
                    self.tree.variables.push(variable.text);
                    if context == "range" && pipe.variables.len() < 2 {
                        match self.peek_non_space().kind {
                            Kind::Variable | Kind::RightDelim | Kind::RightParen => continue,
                            _ => return self.error("range can only initialize variables"),
                        }
                    }
                    return self.error(format!("too many declarations in {context}"));
                }
                _ if after.kind == Kind::Space => {
                    self.tree.tokens[1] = after;
                    self.tree.tokens[2] = variable;
                    self.tree.peeked = 3;
                    return Ok(());
                }
                _ => {
                    self.tree.tokens[1] = variable;
                    self.tree.peeked = 2;
                    return Ok(());
                }
            }
        }
    }

    fn command(&mut self) -> Result<Command> {
        let mut command = Command {
            position: self.peek_non_space().position,
            args: Vec::new(),
        };
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                command.args.push(operand);
            }
            let item = self.next();
            match item.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(&item, "operand"),
            }
            break;
        }
        if command.args.is_empty() {
            return self.error("empty command");
        }
        Ok(command)
    }

    fn operand(&mut self) -> Result<Option<Arg>> {
        let Some(mut node) = self.term()? else {
            return Ok(None);
        };
        if self.peek().kind != Kind::Field {
            return Ok(Some(node));
        }
        let position = self.peek().position;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            let item = self.next();
            fields.push(item.text.trim_start_matches('.').to_owned());
        }
        match &mut node.kind {
            ArgKind::Field(names) | ArgKind::Variable(names) => {
                names.append(&mut fields);
                node.position = position;
                Ok(Some(node))
            }
            ArgKind::Bool(_) | ArgKind::Text { .. } | ArgKind::Number(_) | ArgKind::Nil | ArgKind::Dot => {
                let text = strconv::quote(&node.to_string());
                self.error(format!("unexpected . after term {text}"))
            }
            _ => Ok(Some(Arg {
                position,
                kind: ArgKind::Chain {
                    node: Box::new(node),
                    fields,
                },
            })),
        }
    }

    fn term(&mut self) -> Result<Option<Arg>> {
        let item = self.next_non_space();
        let kind = match item.kind {
            Kind::Identifier => {
                if !self.functions.contains(&item.text) && !builtins::exists(&item.text) {
                    return self.error(format!("function {} not defined", strconv::quote(&item.text)));
                }
                ArgKind::Identifier(item.text)
            }
            Kind::Dot => ArgKind::Dot,
            Kind::Nil => ArgKind::Nil,
            Kind::Variable => {
                if !self.tree.variables.contains(&item.text) {
                    return self.error(format!("undefined variable {}", strconv::quote(&item.text)));
                }
                ArgKind::Variable(vec![item.text])
            }
            Kind::Field => ArgKind::Field(vec![item.text.trim_start_matches('.').to_owned()]),
            Kind::Bool => ArgKind::Bool(item.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let number = if item.kind == Kind::CharConstant {
                    literal::character(&item.text)
                } else {
                    literal::number(&item.text)
                };
                ArgKind::Number(number.or_else(|message| self.error(message))?)
            }
            Kind::LeftParen => ArgKind::Pipe(self.pipeline("parenthesized pipeline", Kind::RightParen)?),
            Kind::String | Kind::RawString => {
                let text = self.unquote(&item)?;
                ArgKind::Text {
                    quoted: item.text,
                    text,
                }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Arg {
            position: item.position,
            kind,
        }))
    }
}

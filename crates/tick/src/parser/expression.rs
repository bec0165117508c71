//! Expressions: chains, calls, lists, lambdas, operators.

use super::{Parser, Tree};
use crate::ast::{Binary, BinaryOperator, Call, CallKind, ChainOperator, Kind, UnaryOperator};
use crate::comment;
use crate::error::SyntaxError;
use crate::token::TokenKind;

/// What may begin a primary expression, in Kapacitor's words and order.
const PRIMARY: [TokenKind; 10] = [
    TokenKind::Number,
    TokenKind::String,
    TokenKind::Duration,
    TokenKind::Ident,
    TokenKind::True,
    TokenKind::False,
    TokenKind::Operator(BinaryOperator::Equal),
    TokenKind::LParen,
    TokenKind::Operator(BinaryOperator::Subtract),
    TokenKind::Not,
];

/// How tightly an operator binds (T-43).
const fn precedence(operator: BinaryOperator) -> u8 {
    match operator {
        BinaryOperator::Or => 0,
        BinaryOperator::And => 1,
        BinaryOperator::Equal
        | BinaryOperator::NotEqual
        | BinaryOperator::RegexMatch
        | BinaryOperator::RegexNoMatch => 2,
        BinaryOperator::Less
        | BinaryOperator::LessEqual
        | BinaryOperator::Greater
        | BinaryOperator::GreaterEqual => 3,
        BinaryOperator::Add | BinaryOperator::Subtract => 4,
        BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => 5,
    }
}

impl Parser<'_> {
    /// An expression where chains, lists and lambdas are allowed: a statement, a value, an argument.
    pub(super) fn expression(&mut self) -> Result<Tree, SyntaxError> {
        match self.peek() {
            TokenKind::Ident => match self.peek_second() {
                TokenKind::LParen => {
                    let call = self.call(CallKind::Global, true)?;
                    match self.peek() {
                        TokenKind::Dot
                        | TokenKind::Pipe
                        | TokenKind::At
                        | TokenKind::Var
                        | TokenKind::Ident => self.chain(call),
                        _ => self.operators(call, 0),
                    }
                }
                TokenKind::Dot | TokenKind::Pipe | TokenKind::At | TokenKind::Var | TokenKind::Ident => {
                    let root = self.identifier()?;
                    self.chain(root)
                }
                _ => self.primary_expression(),
            },
            TokenKind::Lambda => {
                let keyword = self.next();
                let above = self.claim(keyword);
                let body = self.nested(Self::primary_expression)?;
                self.tree(keyword, Kind::Lambda(Box::new(body.node)), above, body.height)
            }
            TokenKind::LSBracket => self.list(),
            _ => self.primary_expression(),
        }
    }

    /// `|f()`, `.f()`, `.name` and `@f()` behind `left`.
    fn chain(&mut self, mut left: Tree) -> Result<Tree, SyntaxError> {
        loop {
            let (operator, call_kind) = match self.peek() {
                TokenKind::Pipe => (ChainOperator::Pipe, CallKind::Chain),
                TokenKind::Dot => (ChainOperator::Dot, CallKind::Property),
                TokenKind::At => (ChainOperator::At, CallKind::Dynamic),
                _ => return Ok(left),
            };
            let token = self.next();
            let above = self.claim(token);
            let right = if call_kind == CallKind::Chain || self.peek_second() == TokenKind::LParen {
                self.call(call_kind, true)?
            } else {
                self.identifier()?
            };
            let height = left.height.max(right.height);
            let kind = Kind::Chain {
                operator,
                left: Box::new(left.node),
                right: Box::new(right.node),
            };
            left = self.tree(token, kind, above, height)?;
        }
    }

    /// `name(args…)`; in a script the arguments may be any expression, within a lambda only what operators apply to.
    fn call(&mut self, kind: CallKind, script: bool) -> Result<Tree, SyntaxError> {
        let name = self.expect(TokenKind::Ident)?;
        let above = self.claim(name);
        self.expect(TokenKind::LParen)?;
        let (mut args, mut height) = (Vec::new(), 0);
        while self.peek() != TokenKind::RParen {
            let argument = self.nested(|parser| {
                if script {
                    parser.expression()
                } else {
                    parser.primary_expression()
                }
            })?;
            height = height.max(argument.height);
            args.push(argument.node);
            if self.peek() != TokenKind::Comma {
                break;
            }
            self.next();
        }
        self.expect(TokenKind::RParen)?;
        let token = &self.tokens[name];
        let multi_line = args
            .last()
            .is_some_and(|last| self.lines.breaks_between(token.start, last.position.byte));
        let call = Call {
            name: token.text.clone().into_owned(),
            args,
            kind,
            multi_line,
        };
        self.tree(name, Kind::Call(call), above, height)
    }

    /// `[a, 'b', *]`.
    fn list(&mut self) -> Result<Tree, SyntaxError> {
        let bracket = self.expect(TokenKind::LSBracket)?;
        let above = self.claim(bracket);
        let mut items = Vec::new();
        while self.peek() != TokenKind::RSBracket {
            let item = match self.peek() {
                TokenKind::Ident => self.identifier()?,
                TokenKind::String => self.string()?,
                TokenKind::Star => self.star()?,
                _ => return Err(self.unexpected(&[TokenKind::Ident, TokenKind::String, TokenKind::Star])),
            };
            items.push(item.node);
            if self.peek() != TokenKind::Comma {
                break;
            }
            self.next();
        }
        self.expect(TokenKind::RSBracket)?;
        self.tree(bracket, Kind::List(items), above, 1)
    }

    /// Operands and operators.
    pub(super) fn primary_expression(&mut self) -> Result<Tree, SyntaxError> {
        let operand = self.primary()?;
        self.operators(operand, 0)
    }

    /// Operators behind `left` that bind at least as tightly as `minimum`; all are left-associative.
    fn operators(&mut self, mut left: Tree, minimum: u8) -> Result<Tree, SyntaxError> {
        while let TokenKind::Operator(operator) = self.peek() {
            if precedence(operator) < minimum {
                break;
            }
            let token = self.next();
            let above = self.claim(token);
            let mut right = self.primary()?;
            while let TokenKind::Operator(next) = self.peek() {
                if precedence(next) <= precedence(operator) {
                    break;
                }
                right = self.operators(right, precedence(next))?;
            }
            // Behind a left side that is itself broken after its operator, formatting would make a break here: make it now,
            // so that formatting again changes nothing.
            let left_breaks = matches!(&left.node.kind, Kind::Binary(binary) if binary.multi_line);
            let multi_line = left_breaks
                || self
                    .lines
                    .breaks_between(left.node.position.byte, right.node.position.byte);
            let height = left.height.max(right.height);
            let operator_position = self.position(self.tokens[token].start);
            let binary = Binary {
                operator,
                operator_position,
                left: left.node,
                right: right.node,
                parens: false,
                multi_line,
            };
            left = self.tree(token, Kind::Binary(Box::new(binary)), above, height)?;
        }
        Ok(left)
    }

    fn primary(&mut self) -> Result<Tree, SyntaxError> {
        match self.peek() {
            TokenKind::LParen => {
                let paren = self.next();
                let above = self.claim(paren);
                let mut inner = self.nested(Self::primary_expression)?;
                if let Kind::Binary(binary) = &mut inner.node.kind {
                    binary.parens = true;
                }
                inner.node.comment = comment::join(above, inner.node.comment.take());
                self.expect(TokenKind::RParen)?;
                Ok(inner)
            }
            TokenKind::Number => self.number(),
            TokenKind::String => self.string(),
            TokenKind::True | TokenKind::False => self.boolean(),
            TokenKind::Duration => self.duration(),
            TokenKind::Regex => self.regex(),
            TokenKind::Star => self.star(),
            TokenKind::Reference => self.reference(),
            TokenKind::Ident if self.peek_second() == TokenKind::LParen => self.call(CallKind::Global, false),
            TokenKind::Ident => self.identifier(),
            TokenKind::Not => self.unary(UnaryOperator::Not),
            TokenKind::Operator(BinaryOperator::Subtract) => self.unary(UnaryOperator::Minus),
            _ => Err(self.unexpected(&PRIMARY)),
        }
    }

    fn unary(&mut self, operator: UnaryOperator) -> Result<Tree, SyntaxError> {
        let token = self.next();
        let above = self.claim(token);
        let operand = self.nested(Self::primary)?;
        let kind = Kind::Unary {
            operator,
            operand: Box::new(operand.node),
        };
        self.tree(token, kind, above, operand.height)
    }
}

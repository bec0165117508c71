//! From a syntax tree to an expression that can be evaluated: references become slots, functions are looked up once, and
//! operands whose types are known are checked (E-02).

use std::sync::Arc;

use capstan_gocompat::{duration, regexp::Regexp, strconv};
use capstan_tick::ast::{self, BinaryOperator, UnaryOperator};

use crate::environment::Environment;
use crate::error::{CompileError, Problem};
use crate::evaluate;
use crate::functions::{self, Body, Function};
use crate::operators;
use crate::state::CellKind;
use crate::value::{Type, Value};

/// Deeper expressions would exhaust a thread's stack. Chains of one operator count as one level.
const DEEPEST: usize = 200;

/// A part of an expression with what is known of it before any data.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Its type, if that can not change.
    pub(crate) constant: Option<Type>,
    /// Its type depends on the point, so its operator must look each time.
    pub(crate) dynamic: bool,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Literal(Value),
    Reference {
        slot: usize,
    },
    Unary {
        operator: UnaryOperator,
        operand: Box<Node>,
    },
    Binary {
        operator: BinaryOperator,
        operands: Box<(Node, Node)>,
        /// Types of the operands if neither can change.
        fixed: Option<(Type, Type)>,
    },
    /// `a AND b AND c`, `a OR b OR c`: the left spine laid flat, so that long lists cost no stack.
    Chain {
        operator: BinaryOperator,
        operands: Vec<Node>,
        /// Some operand is a bare reference or call, whose type must be looked up first.
        dynamic: bool,
    },
    Call(Box<Call>),
    Lambda(Box<Node>),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) function: Option<&'static Function>,
    pub(crate) args: Vec<Node>,
    /// The arguments as error texts print them.
    pub(crate) texts: Vec<String>,
    /// Where a stateful function keeps its state.
    pub(crate) cell: usize,
}

/// Turns one tree into nodes, and gathers what they refer to.
pub(crate) struct Compiler<'a> {
    environment: &'a Environment,
    pub(crate) references: Vec<Arc<str>>,
    pub(crate) cells: Vec<CellKind>,
    /// Cells of the lambda being compiled, by function name.
    level: Vec<(&'static str, usize)>,
    depth: usize,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            references: Vec::new(),
            cells: Vec::new(),
            level: Vec::new(),
            depth: 0,
        }
    }

    /// Compiles a part.
    pub(crate) fn node(&mut self, node: &ast::Node) -> Result<Node, CompileError> {
        if self.depth >= DEEPEST {
            return Err(CompileError {
                position: node.position,
                problem: Problem::TooDeep { limit: DEEPEST },
            });
        }
        self.depth += 1;
        let compiled = self.node_inner(node);
        self.depth -= 1;
        compiled
    }

    fn node_inner(&mut self, node: &ast::Node) -> Result<Node, CompileError> {
        let refuse = |name| CompileError {
            position: node.position,
            problem: Problem::NotEvaluable { node: name },
        };
        Ok(match &node.kind {
            ast::Kind::Int { value, .. } => literal(Value::Int(*value)),
            ast::Kind::Float(value) => literal(Value::Float(*value)),
            ast::Kind::Duration { nanos, .. } => literal(Value::Duration(*nanos)),
            ast::Kind::Bool(value) => literal(Value::Bool(*value)),
            ast::Kind::String { value, .. } => literal(Value::String(value.as_str().into())),
            ast::Kind::Regex(pattern) => match Regexp::new(pattern) {
                Ok(regex) => literal(Value::Regex(Arc::new(regex))),
                Err(error) => {
                    let problem = Problem::Regex {
                        message: error.to_string(),
                    };
                    return Err(CompileError {
                        position: node.position,
                        problem,
                    });
                }
            },
            ast::Kind::Reference(name) => Node {
                kind: Kind::Reference {
                    slot: self.slot(name),
                },
                constant: None,
                dynamic: true,
            },
            ast::Kind::Unary { operator, operand } => self.unary(*operator, operand)?,
            ast::Kind::Binary(binary) => match binary.operator {
                BinaryOperator::And | BinaryOperator::Or => self.chain(binary)?,
                _ => self.binary(binary)?,
            },
            ast::Kind::Call(call) => self.call(call)?,
            ast::Kind::Lambda(body) => {
                // A lambda variable counts for itself (E-11c), but within the state of the group.
                let outer = std::mem::take(&mut self.level);
                let body = self.node(body).map_err(|error| part("node", error));
                self.level = outer;
                let body = body?;
                Node {
                    constant: body.constant,
                    dynamic: body.dynamic,
                    kind: Kind::Lambda(Box::new(body)),
                }
            }
            ast::Kind::Star => return Err(refuse("*ast.StarNode")),
            ast::Kind::Identifier(_) => return Err(refuse("*ast.IdentifierNode")),
            ast::Kind::List(_) => return Err(refuse("*ast.ListNode")),
            ast::Kind::Chain { .. } => return Err(refuse("*ast.ChainNode")),
            ast::Kind::Declaration { .. } => return Err(refuse("*ast.DeclarationNode")),
            ast::Kind::TypeDeclaration { .. } => return Err(refuse("*ast.TypeDeclarationNode")),
            ast::Kind::Dbrp { .. } => return Err(refuse("*ast.DBRPNode")),
            ast::Kind::Comment(_) => return Err(refuse("*ast.CommentNode")),
            ast::Kind::Program(_) => return Err(refuse("*ast.ProgramNode")),
        })
    }

    fn slot(&mut self, name: &str) -> usize {
        self.references
            .iter()
            .position(|known| &**known == name)
            .unwrap_or_else(|| {
                self.references.push(name.into());
                self.references.len() - 1
            })
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &ast::Node) -> Result<Node, CompileError> {
        let operand = self.node(operand).map_err(|error| part("node", error))?;
        let constant = match operator {
            UnaryOperator::Not => Some(Type::Bool),
            UnaryOperator::Minus => operand.constant,
        };
        let folded = match (operator, &operand.kind) {
            (UnaryOperator::Minus, Kind::Literal(Value::Int(value))) => {
                Some(Value::Int(value.wrapping_neg()))
            }
            (UnaryOperator::Minus, Kind::Literal(Value::Float(value))) => Some(Value::Float(-value)),
            (UnaryOperator::Minus, Kind::Literal(Value::Duration(value))) => {
                Some(Value::Duration(value.wrapping_neg()))
            }
            (UnaryOperator::Not, Kind::Literal(Value::Bool(value))) => Some(Value::Bool(!value)),
            _ => None,
        };
        if let Some(value) = folded {
            return Ok(literal(value));
        }
        let dynamic = constant.is_none() && operand.dynamic;
        Ok(Node {
            kind: Kind::Unary {
                operator,
                operand: Box::new(operand),
            },
            constant,
            dynamic,
        })
    }

    fn binary(&mut self, binary: &ast::Binary) -> Result<Node, CompileError> {
        let operator = binary.operator;
        let left = self
            .node(&binary.left)
            .map_err(|error| part("left node", error))?;
        let right = self
            .node(&binary.right)
            .map_err(|error| part("right node", error))?;
        let fixed = Self::fixed(binary, &left, &right)?;
        let constant = if operators::is_boolean(operator) {
            Some(Type::Bool)
        } else {
            let (l, r) = (
                left.constant.unwrap_or(Type::Invalid),
                right.constant.unwrap_or(Type::Invalid),
            );
            operators::result_type(operator, l, r)
        };
        let dynamic = constant.is_none() && (left.dynamic || right.dynamic);
        // The outermost operator stays: errors about the type of a result depend on whether an operator made it.
        if self.depth > 1
            && let (Kind::Literal(a), Kind::Literal(b)) = (&left.kind, &right.kind)
            && let Ok(value) = operators::apply(operator, evaluate::literal(a), evaluate::literal(b))
        {
            return Ok(literal(value.into_value()));
        }
        Ok(Node {
            kind: Kind::Binary {
                operator,
                operands: Box::new((left, right)),
                fixed,
            },
            constant,
            dynamic,
        })
    }

    /// Checks operands of known types.
    fn fixed(binary: &ast::Binary, left: &Node, right: &Node) -> Result<Option<(Type, Type)>, CompileError> {
        if left.dynamic || right.dynamic {
            return Ok(None);
        }
        let (l, r) = (
            left.constant.unwrap_or(Type::Invalid),
            right.constant.unwrap_or(Type::Invalid),
        );
        if operators::result_type(binary.operator, l, r).is_none() {
            let problem = operators::refuse(binary.operator, l, r).into();
            return Err(CompileError {
                position: binary.operator_position,
                problem,
            });
        }
        Ok(Some((l, r)))
    }

    /// Lays `a AND b AND c` flat.
    fn chain(&mut self, outermost: &ast::Binary) -> Result<Node, CompileError> {
        let operator = outermost.operator;
        // The spine from the outside in; its innermost left operand is the first of the chain.
        let mut spine = vec![outermost];
        while let Some(ast::Node {
            kind: ast::Kind::Binary(inner),
            ..
        }) = spine.last().map(|binary| &binary.left)
            && inner.operator == operator
        {
            spine.push(inner);
        }
        let levels = spine.len();
        let mut operands: Vec<Node> = Vec::with_capacity(levels + 1);
        for (inside, binary) in spine.into_iter().rev().enumerate() {
            let outer = levels - 1 - inside;
            // Each level of the spine would have said that the fault is in its left operand.
            let outward = |mut error: CompileError| {
                for _ in 0..outer.min(8) {
                    error = part("left node", error);
                }
                error
            };
            if operands.is_empty() {
                let first = self
                    .node(&binary.left)
                    .map_err(|error| outward(part("left node", error)))?;
                operands.push(first);
            }
            let right = self
                .node(&binary.right)
                .map_err(|error| outward(part("right node", error)))?;
            if let [first] = operands.as_slice() {
                Self::fixed(binary, first, &right).map_err(outward)?;
            } else {
                let so_far = Node {
                    kind: Kind::Literal(Value::Bool(true)),
                    constant: Some(Type::Bool),
                    dynamic: false,
                };
                Self::fixed(binary, &so_far, &right).map_err(outward)?;
            }
            operands.push(right);
        }
        let dynamic = operands.iter().any(|operand| operand.dynamic);
        Ok(Node {
            kind: Kind::Chain {
                operator,
                operands,
                dynamic,
            },
            constant: Some(Type::Bool),
            dynamic: false,
        })
    }

    fn call(&mut self, call: &ast::Call) -> Result<Node, CompileError> {
        let mut args = Vec::with_capacity(call.args.len());
        for (index, arg) in call.args.iter().enumerate() {
            args.push(
                self.node(arg)
                    .map_err(|error| part(&format!("{} argument", index + 1), error))?,
            );
        }
        let function = functions::lookup(&call.name, self.environment);
        let cell = match function.map(|function| (function.name, function.body)) {
            Some((name, Body::Stateful(kind))) => self.cell(name, kind),
            _ => 0,
        };
        let texts = call.args.iter().map(text).collect();
        let call = Call {
            name: call.name.clone(),
            function,
            args,
            texts,
            cell,
        };
        Ok(Node {
            kind: Kind::Call(Box::new(call)),
            constant: None,
            dynamic: true,
        })
    }

    fn cell(&mut self, name: &'static str, kind: CellKind) -> usize {
        if let Some(&(_, cell)) = self.level.iter().find(|(known, _)| *known == name) {
            return cell;
        }
        self.cells.push(kind);
        self.level.push((name, self.cells.len() - 1));
        self.cells.len() - 1
    }
}

fn part(name: &str, error: CompileError) -> CompileError {
    let problem = Problem::Part {
        part: name.to_owned(),
        source: Box::new(error.problem),
    };
    CompileError {
        position: error.position,
        problem,
    }
}

const fn literal(value: Value) -> Node {
    let constant = Some(value.type_of());
    Node {
        kind: Kind::Literal(value),
        constant,
        dynamic: false,
    }
}

/// The expression as error texts print an argument: no quotes around strings, no parentheses, durations as Go prints them.
fn text(node: &ast::Node) -> String {
    match &node.kind {
        ast::Kind::Int { value, .. } => value.to_string(),
        ast::Kind::Float(value) => strconv::format_float_g(*value),
        ast::Kind::Duration { nanos, .. } => duration::format_go(*nanos),
        ast::Kind::Bool(value) => value.to_string(),
        ast::Kind::String { value, .. } => value.clone(),
        ast::Kind::Regex(pattern) => pattern.clone(),
        ast::Kind::Reference(name) => format!("\"{name}\""),
        ast::Kind::Unary { operator, operand } => format!("{}{}", operator.as_str(), text(operand)),
        ast::Kind::Binary(binary) => format!(
            "{} {} {}",
            text(&binary.left),
            binary.operator,
            text(&binary.right)
        ),
        ast::Kind::Call(call) => {
            let args: Vec<String> = call.args.iter().map(text).collect();
            format!("{}({})", call.name, args.join(", "))
        }
        ast::Kind::Lambda(body) => text(body),
        _ => String::new(),
    }
}

//! Expressions (ajson, `rpn` of buffer.go and `eval` of jsonpath.go).

use std::cell::{Cell, RefCell};

use capstan_gocompat::Regexp;
use serde_json::Value;

use super::JsonError;
use super::functions::{Function, constant, function};
use super::node::Node;
use super::operators::operate;
use super::path::Path;
use super::scan::{Scan, begins_operator, unquote};

/// How many values one evaluation may look at.
const MOST_STEPS: usize = 2_000_000;

/// One evaluation over one document.
#[derive(Debug)]
pub(super) struct Run<'v> {
    pub(super) root: &'v Value,
    steps: Cell<usize>,
    /// The regular expression that was used last.
    regexp: RefCell<Option<Regexp>>,
}

impl<'v> Run<'v> {
    pub(super) fn over(root: &'v Value) -> Self {
        Self {
            root,
            steps: Cell::new(0),
            regexp: RefCell::default(),
        }
    }

    /// Counts values that are looked at.
    pub(super) fn step(&self, count: usize) -> Result<(), JsonError> {
        let steps = self.steps.get().saturating_add(count);
        self.steps.set(steps);
        if steps > MOST_STEPS {
            return Err(JsonError::Other(format!(
                "the expression looks at more than {MOST_STEPS} values of this document"
            )));
        }
        Ok(())
    }

    /// Whether a text has a match.
    pub(super) fn matches(&self, pattern: &str, text: &str) -> Result<bool, JsonError> {
        let mut last = self.regexp.borrow_mut();
        if let Some(regexp) = last.as_ref().filter(|regexp| regexp.as_str() == pattern) {
            return Ok(regexp.is_match(text));
        }
        let regexp = Regexp::new(pattern).map_err(|error| JsonError::Other(error.to_string()))?;
        let found = regexp.is_match(text);
        *last = Some(regexp);
        Ok(found)
    }
}

/// An expression in the order of its evaluation.
#[derive(Debug)]
pub(super) struct Script {
    program: Vec<Instruction>,
    text: String,
}

#[derive(Debug)]
enum Instruction {
    Value(Node<'static>),
    Path(Path),
    Call(Function),
    Operate(&'static str),
}

/// What waits for its operands.
#[derive(Debug)]
enum Waiting {
    Open,
    Call(Function),
    Operator(&'static str),
}

/// Go's precedence, and `**` above all.
fn precedence(operator: &str) -> u8 {
    match operator {
        "**" => 6,
        "*" | "/" | "%" | "<<" | ">>" | "&" | "&^" => 5,
        "+" | "-" | "|" | "^" => 4,
        "==" | "!=" | "<" | "<=" | ">" | ">=" | "=~" => 3,
        "&&" => 2,
        _ => 1,
    }
}

/// Whether an operator is applied before the one that follows it.
fn goes_first(waiting: &'static str, next: &'static str) -> bool {
    // ajson takes `^` for the beginning of a function's name here, and so it always goes first.
    waiting == "^"
        || precedence(waiting) > precedence(next)
        || (precedence(waiting) == precedence(next) && waiting != "**")
}

impl Script {
    pub(super) fn parse(text: &str) -> Result<Self, JsonError> {
        let mut scan = Scan::new(text);
        let (mut program, mut waiting) = (Vec::new(), Vec::new());
        // Whether an operand was just read, so that an operator may follow.
        let mut operand = false;
        while let Some(c) = scan.first() {
            if operand && begins_operator(c) {
                let Some(next) = scan.operator() else {
                    return Err(scan.wrong());
                };
                loop {
                    match waiting.pop() {
                        Some(Waiting::Call(function)) => program.push(Instruction::Call(function)),
                        Some(Waiting::Operator(before)) if goes_first(before, next) => {
                            program.push(Instruction::Operate(before));
                        }
                        Some(other) => {
                            waiting.push(other);
                            break;
                        }
                        None => break,
                    }
                }
                waiting.push(Waiting::Operator(next));
                operand = false;
                continue;
            }
            match c {
                b'0'..=b'9' | b'.' | b'-' | b'+' => {
                    let number = scan.number()?;
                    let number = number.parse().map_err(|_| scan.wrong())?;
                    program.push(Instruction::Value(Node::Number(number)));
                    operand = true;
                }
                c if begins_operator(c) => return Err(scan.wrong()),
                b'"' | b'\'' => {
                    let string = unquote(scan.string()?);
                    program.push(Instruction::Value(Node::text(string)));
                    operand = true;
                }
                b'$' | b'@' => {
                    program.push(Instruction::Path(Path::parse(scan.operand()?)?));
                    operand = true;
                }
                b'(' => {
                    scan.at += 1;
                    waiting.push(Waiting::Open);
                    operand = false;
                }
                b')' => {
                    scan.at += 1;
                    close(&mut program, &mut waiting)?;
                    operand = true;
                }
                _ => {
                    let (name, called) = scan.name();
                    if called {
                        let found = function(&name).ok_or_else(|| {
                            JsonError::Request(format!("wrong formula, '{name}' is not a function"))
                        })?;
                        waiting.push(Waiting::Call(found));
                    } else {
                        let found = constant(&name).ok_or_else(|| {
                            JsonError::Request(format!("wrong formula, '{name}' is not a constant"))
                        })?;
                        program.push(Instruction::Value(found));
                    }
                    operand = !called;
                }
            }
        }
        while let Some(left) = waiting.pop() {
            program.push(match left {
                Waiting::Call(function) => Instruction::Call(function),
                Waiting::Operator(operator) => Instruction::Operate(operator),
                Waiting::Open => {
                    return Err(JsonError::request(
                        "wrong formula, '(' is not an operation or function",
                    ));
                }
            });
        }
        if program.is_empty() {
            return Err(JsonError::End);
        }
        let script = Self {
            program,
            text: text.to_owned(),
        };
        script.check()?;
        Ok(script)
    }

    /// Whether every operator and function has its operands, and one value is left.
    fn check(&self) -> Result<(), JsonError> {
        let mut depth = 0_usize;
        for instruction in &self.program {
            let (takes, gives) = match instruction {
                Instruction::Value(_) | Instruction::Path(_) => (0, 1),
                Instruction::Call(_) => (1, 1),
                Instruction::Operate(_) => (2, 1),
            };
            depth = depth.checked_sub(takes).ok_or_else(|| self.wrong())? + gives;
        }
        if depth == 1 { Ok(()) } else { Err(self.wrong()) }
    }

    fn wrong(&self) -> JsonError {
        JsonError::Request(format!("wrong request: {}", self.text))
    }

    /// Its value; `current` is what `@` means.
    pub(super) fn eval<'v>(&self, run: &Run<'v>, current: &Node<'v>) -> Result<Node<'v>, JsonError> {
        let mut stack: Vec<Node<'v>> = Vec::new();
        run.step(self.program.len())?;
        for instruction in &self.program {
            let value = match instruction {
                Instruction::Value(value) => value.clone(),
                Instruction::Path(path) => {
                    let mut found = path.apply(run, current)?;
                    match found.len() {
                        0 => Node::Nothing,
                        1 => found.swap_remove(0),
                        _ => Node::Found(found),
                    }
                }
                Instruction::Call(function) => {
                    let operand = stack.pop().ok_or_else(|| self.wrong())?;
                    function.call(operand, run)?
                }
                Instruction::Operate(operator) => {
                    let (right, left) = (stack.pop(), stack.pop());
                    let (left, right) = left.zip(right).ok_or_else(|| self.wrong())?;
                    operate(operator, &left, &right, run)?
                }
            };
            stack.push(value);
        }
        stack.pop().ok_or_else(|| self.wrong())
    }
}

/// What waits since the last open parenthesis has its operands.
fn close(program: &mut Vec<Instruction>, waiting: &mut Vec<Waiting>) -> Result<(), JsonError> {
    loop {
        match waiting.pop() {
            Some(Waiting::Open) => return Ok(()),
            Some(Waiting::Call(function)) => program.push(Instruction::Call(function)),
            Some(Waiting::Operator(operator)) => program.push(Instruction::Operate(operator)),
            None => return Err(JsonError::request("formula has no left parentheses")),
        }
    }
}

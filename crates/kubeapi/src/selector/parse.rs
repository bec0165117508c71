//! The selector grammar, token by token as upstream's lexer and parser do it, so that errors read the same.

use super::{Operator, Requirement, check_key};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    End,
    Identifier,
    ClosedPar,
    Comma,
    DoesNotExist,
    DoubleEquals,
    Equals,
    GreaterThan,
    In,
    LessThan,
    NotEquals,
    NotIn,
    OpenPar,
    Error,
}

fn symbol(text: &str) -> Option<Kind> {
    Some(match text {
        ")" => Kind::ClosedPar,
        "," => Kind::Comma,
        "!" => Kind::DoesNotExist,
        "==" => Kind::DoubleEquals,
        "=" => Kind::Equals,
        ">" => Kind::GreaterThan,
        "in" => Kind::In,
        "<" => Kind::LessThan,
        "!=" => Kind::NotEquals,
        "notin" => Kind::NotIn,
        "(" => Kind::OpenPar,
        _ => return None,
    })
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_special(c: char) -> bool {
    matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn tokens(text: &str) -> Vec<(Kind, String)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(is_space);
        let Some(first) = rest.chars().next() else { break };
        if is_special(first) {
            // The longest run of special characters that is a symbol.
            let run = rest.find(|c| !is_special(c)).unwrap_or(rest.len());
            let mut length = 0;
            for end in 1..=run {
                if symbol(&rest[..end]).is_some() {
                    length = end;
                } else if length > 0 {
                    break;
                }
            }
            if length == 0 {
                tokens.push((
                    Kind::Error,
                    format!("error expected: keyword found '{}'", &rest[..run]),
                ));
                break;
            }
            let (text, after) = rest.split_at(length);
            tokens.push((symbol(text).unwrap_or(Kind::Error), text.to_owned()));
            rest = after;
        } else {
            let end = rest.find(|c| is_special(c) || is_space(c)).unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            tokens.push((symbol(text).unwrap_or(Kind::Identifier), text.to_owned()));
            rest = after;
        }
    }
    tokens.push((Kind::End, String::new()));
    tokens
}

struct Parser {
    tokens: Vec<(Kind, String)>,
    position: usize,
}

impl Parser {
    /// The next token; where a value may stand, `in` and `notin` are ordinary words.
    fn look(&self) -> (Kind, &str) {
        let (kind, text) = self.raw();
        (
            if matches!(kind, Kind::In | Kind::NotIn) {
                Kind::Identifier
            } else {
                kind
            },
            text,
        )
    }

    fn raw(&self) -> (Kind, &str) {
        self.tokens
            .get(self.position)
            .map_or((Kind::End, ""), |(kind, text)| (*kind, text))
    }

    fn take(&mut self) -> (Kind, String) {
        let (kind, text) = self.look();
        let text = text.to_owned();
        self.position += 1;
        (kind, text)
    }

    fn take_raw(&mut self) -> (Kind, String) {
        let (kind, text) = self.raw();
        let text = text.to_owned();
        self.position += 1;
        (kind, text)
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut kind, mut key) = self.take();
        let mut operator = None;
        if kind == Kind::DoesNotExist {
            operator = Some(Operator::DoesNotExist);
            (kind, key) = self.take();
        }
        if kind != Kind::Identifier {
            return Err(format!("found '{key}', expected: identifier"));
        }
        check_key("<nil>", &key)?;
        if operator.is_none() && matches!(self.look().0, Kind::End | Kind::Comma) {
            operator = Some(Operator::Exists);
        }
        if let Some(operator) = operator {
            return Requirement::new(&key, operator, Vec::new());
        }
        let (kind, text) = self.take_raw();
        let operator = match kind {
            Kind::In => Operator::In,
            Kind::NotIn => Operator::NotIn,
            Kind::Equals => Operator::Equals,
            Kind::DoubleEquals => Operator::DoubleEquals,
            Kind::NotEquals => Operator::NotEquals,
            Kind::GreaterThan => Operator::GreaterThan,
            Kind::LessThan => Operator::LessThan,
            _ => return Err(format!("found '{text}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        let mut values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.exact_value()?],
        };
        values.sort();
        values.dedup();
        Requirement::new(&key, operator, values)
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let (kind, text) = self.take();
        if kind != Kind::OpenPar {
            return Err(format!("found '{text}' expected: '('"));
        }
        match self.look() {
            (Kind::Identifier | Kind::Comma, _) => {
                let values = self.identifiers()?;
                let (kind, text) = self.take();
                if kind != Kind::ClosedPar {
                    return Err(format!("found '{text}', expected: ')'"));
                }
                Ok(values)
            }
            (Kind::ClosedPar, _) => {
                self.take();
                Ok(vec![String::new()])
            }
            (_, text) => Err(format!("found '{text}', expected: ',', ')' or identifier")),
        }
    }

    fn identifiers(&mut self) -> Result<Vec<String>, String> {
        let mut values = Vec::new();
        loop {
            let (kind, text) = self.take();
            match kind {
                Kind::Identifier => {
                    values.push(text);
                    match self.look() {
                        (Kind::Comma, _) => {}
                        (Kind::ClosedPar, _) => return Ok(values),
                        (_, text) => return Err(format!("found '{text}', expected: ',' or ')'")),
                    }
                }
                Kind::Comma => {
                    // "(," and "a,," mean an empty value.
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    match self.look().0 {
                        Kind::ClosedPar => {
                            values.push(String::new());
                            return Ok(values);
                        }
                        Kind::Comma => {
                            self.take();
                            values.push(String::new());
                        }
                        _ => {}
                    }
                }
                _ => return Err(format!("found '{text}', expected: ',', or identifier")),
            }
        }
    }

    fn exact_value(&mut self) -> Result<String, String> {
        if matches!(self.look().0, Kind::End | Kind::Comma) {
            return Ok(String::new());
        }
        match self.take() {
            (Kind::Identifier, text) => Ok(text),
            (_, text) => Err(format!("found '{text}', expected: identifier")),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser {
        tokens: tokens(text),
        position: 0,
    };
    let mut requirements = Vec::new();
    loop {
        match parser.look() {
            (Kind::Identifier | Kind::DoesNotExist, _) => {
                let requirement = parser
                    .requirement()
                    .map_err(|e| format!("unable to parse requirement: {e}"))?;
                requirements.push(requirement);
                match parser.take() {
                    (Kind::End, _) => return Ok(requirements),
                    (Kind::Comma, _) => {
                        let (kind, text) = parser.look();
                        if !matches!(kind, Kind::Identifier | Kind::DoesNotExist) {
                            return Err(format!("found '{text}', expected: identifier after ','"));
                        }
                    }
                    (_, text) => return Err(format!("found '{text}', expected: ',' or 'end of string'")),
                }
            }
            (Kind::End, _) => return Ok(requirements),
            (_, text) => {
                return Err(format!(
                    "found '{text}', expected: !, identifier, or 'end of string'"
                ));
            }
        }
    }
}

//! YAML and JSON (which is YAML) as a tree in which every value knows its place, so that a wrong one can be shown.

use std::collections::HashMap;

use capstan_flow::script::closest;
use capstan_tick::Diagnostic;
use capstan_tick::ast::Position;
use granit_parser::{Event, Parser, ScalarStyle};

/// The most values a file may have, aliases counted as often as they are used.
const MAX_VALUES: usize = 1_000_000;

/// A value.
#[derive(Debug, Clone)]
pub struct Node {
    pub at: Position,
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text as written; `plain` when it stands without quotes, so that it may be a number.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// In the file's order; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Debug, Clone)]
pub struct Key {
    pub at: Position,
    pub text: String,
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub at: Position,
    pub message: String,
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the line of the file and a mark below the place.
    pub fn render(&self, source: &str, file: &str) -> String {
        let mut diagnostic = Diagnostic::error("scenario", self.at, self.message.clone());
        diagnostic.hint.clone_from(&self.hint);
        diagnostic.render(source, file)
    }
}

/// Reads a file of one document.
pub fn parse(source: &str) -> Result<Node, Problem> {
    let mut reader = Reader {
        source,
        line_starts: std::iter::once(0)
            .chain(source.match_indices('\n').map(|(at, _)| at + 1))
            .collect(),
        anchors: HashMap::new(),
        values: 0,
    };
    let mut documents = Vec::new();
    let mut stack: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(source) {
        let (event, span) = event.map_err(|error| {
            let at = reader.position(error.marker().line(), error.marker().col());
            let problem = Problem::new(at, error.info());
            // The mistake that inline scripts invite.
            if problem.message.contains("mapping values") {
                problem.hint("a text with \": \" in it, such as a lambda, needs quotes or a block: `tick: |` and the script below")
            } else {
                problem
            }
        })?;
        let at = reader.position(span.start.line(), span.start.col());
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = matches!(style, ScalarStyle::Plain);
                let text = text.into_owned();
                let value = Value::Scalar { text, plain };
                (Node { at, value }, anchor)
            }
            Event::Alias(anchor) => {
                let known = reader.anchors.get(&anchor).cloned();
                let (node, size) =
                    known.ok_or_else(|| Problem::new(at, "the alias stands for nothing complete"))?;
                reader.values += size;
                (node, 0)
            }
            Event::SequenceStart(_, anchor, _) => {
                stack.push(Open::new(at, anchor, false));
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                stack.push(Open::new(at, anchor, true));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(open) => open.close(),
                None => continue,
            },
            _ => continue,
        };
        reader.values += 1;
        if reader.values > MAX_VALUES {
            return Err(Problem::new(at, format!("more than {MAX_VALUES} values")));
        }
        if anchor != 0 {
            let size = count(&node);
            reader.anchors.insert(anchor, (node.clone(), size));
        }
        match stack.last_mut() {
            Some(open) => open.add(node)?,
            None => documents.push(node),
        }
    }
    let mut documents = documents.into_iter();
    match (documents.next(), documents.next()) {
        (Some(node), None) => Ok(node),
        (None, _) => Err(Problem::new(
            Position {
                byte: 0,
                line: 1,
                char: 1,
            },
            "the file is empty",
        )),
        (_, Some(second)) => Err(Problem::new(second.at, "a second document in one file")),
    }
}

struct Reader<'a> {
    source: &'a str,
    line_starts: Vec<usize>,
    /// Values by anchor, with how many values each is made of.
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
}

impl Reader<'_> {
    /// A place from a line, from 1, and a character in it, from 0.
    fn position(&self, line: usize, character: usize) -> Position {
        let line = line.clamp(1, self.line_starts.len());
        let start = self.line_starts[line - 1];
        let rest = &self.source[start..];
        let byte = start
            + rest
                .char_indices()
                .nth(character)
                .map_or(rest.len(), |(at, _)| at);
        Position {
            byte,
            line,
            char: character + 1,
        }
    }
}

/// A list or map that did not end yet.
struct Open {
    at: Position,
    anchor: usize,
    value: Value,
    key: Option<Key>,
}

impl Open {
    fn new(at: Position, anchor: usize, map: bool) -> Self {
        Self {
            at,
            anchor,
            value: if map {
                Value::Map(Vec::new())
            } else {
                Value::List(Vec::new())
            },
            key: None,
        }
    }

    fn add(&mut self, node: Node) -> Result<(), Problem> {
        match &mut self.value {
            Value::List(items) => items.push(node),
            Value::Map(members) => match (self.key.take(), node.value) {
                (Some(key), value) => members.push((key, Node { at: node.at, value })),
                (None, Value::Scalar { text, .. }) => {
                    if members.iter().any(|(known, _)| known.text == text) {
                        return Err(Problem::new(node.at, format!("{text} is said twice")));
                    }
                    self.key = Some(Key { at: node.at, text });
                }
                (None, _) => return Err(Problem::new(node.at, "a key must be a word")),
            },
            Value::Scalar { .. } => {}
        }
        Ok(())
    }

    fn close(self) -> (Node, usize) {
        let node = Node {
            at: self.at,
            value: self.value,
        };
        (node, self.anchor)
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(members) => members.iter().map(|(_, value)| count(value)).sum(),
    }
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Result<&str, Problem> {
        match &self.value {
            Value::Scalar { text, plain } if !(*plain && is_null(text)) => Ok(text),
            Value::Scalar { .. } => Err(self.expected("a value")),
            _ => Err(self.expected("a text")),
        }
    }

    /// Whether there is no value: `key:` or `key: null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if is_null(text))
    }

    /// The members of a map.
    pub fn map(&self) -> Result<&[(Key, Node)], Problem> {
        match &self.value {
            Value::Map(members) => Ok(members),
            _ => Err(self.expected("keys with values")),
        }
    }

    /// The items of a list; a single value is a list of one, nothing is an empty list.
    pub fn list(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ if self.is_null() => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// A whole number.
    pub fn int(&self) -> Result<i64, Problem> {
        self.plain()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.expected("a whole number"))
    }

    /// A number.
    pub fn number(&self) -> Result<f64, Problem> {
        self.plain()
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.expected("a number"))
    }

    /// `true` or `false`.
    pub fn bool(&self) -> Result<bool, Problem> {
        self.plain()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.expected("true or false"))
    }

    /// The text of a scalar without quotes.
    pub fn plain(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain: true } => Some(text),
            _ => None,
        }
    }

    /// A problem: something else should stand here.
    pub fn expected(&self, what: &str) -> Problem {
        let got = match &self.value {
            Value::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, .. } => format!("{text:?}"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "keys with values".to_owned(),
        };
        Problem::new(self.at, format!("expected {what}, got {got}"))
    }

    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(members) => members
                .iter()
                .find(|(known, _)| known.text == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Refuses keys that are not known, with the known one that is spelt most like it. `what` has these keys.
    pub fn only(&self, what: &str, known: &[&str]) -> Result<&[(Key, Node)], Problem> {
        let members = self.map()?;
        match members
            .iter()
            .find(|(key, _)| !known.contains(&key.text.as_str()))
        {
            None => Ok(members),
            Some((key, _)) => Err(unknown(key, what, known)),
        }
    }
}

/// A problem: a key that nobody knows.
pub fn unknown(key: &Key, what: &str, known: &[&str]) -> Problem {
    let problem = Problem::new(key.at, format!("{what} has no key {}", key.text));
    match closest(&key.text, known.iter().copied()) {
        Some(meant) => problem.hint(format!("did you mean {meant}?")),
        None => problem.hint(format!("known keys: {}", known.join(", "))),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_places() {
        let node = parse("a: 1\nlist:\n  - x\n  - {b: 'two', c: }\n").unwrap();
        assert_eq!(node.get("a").unwrap().int().unwrap(), 1);
        let list = node.get("list").unwrap().list();
        assert_eq!((list[0].at.line, list[0].at.char), (3, 5));
        assert_eq!(list[1].get("b").unwrap().text().unwrap(), "two");
        assert!(list[1].get("b").unwrap().int().is_err());
        assert!(list[1].get("c").unwrap().is_null());
        assert_eq!(node.get("a").unwrap().list().len(), 1);
    }

    #[test]
    fn json_is_read_too() {
        let node = parse("{\"a\": [1.5, \"x\\n\"],\n\t\"b\": true}").unwrap();
        assert_eq!(node.get("a").unwrap().list()[0].number().unwrap(), 1.5);
        assert_eq!(node.get("a").unwrap().list()[1].text().unwrap(), "x\n");
        assert!(node.get("b").unwrap().bool().unwrap());
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_line() {
        let source = "a: 1\nlevle: 2\n";
        let problem = parse(source)
            .unwrap()
            .only("a case", &["a", "level"])
            .unwrap_err();
        let text = problem.render(source, "x.yaml");
        assert!(
            text.contains("x.yaml:2:1") && text.contains("did you mean level?"),
            "{text}"
        );
        assert_eq!(parse("a: 1\na: 2").unwrap_err().at.line, 2);
        assert_eq!(parse("a: [1\nb: }").unwrap_err().at.line, 2);
        assert!(parse("").is_err());
        assert!(parse("a: 1\n---\nb: 1").is_err());
    }

    #[test]
    fn aliases_are_bounded() {
        let level = |n: usize| format!("a{n}: &a{n} [{}]\n", format!("*a{}, ", n - 1).repeat(10));
        let first = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        let text = first + &(1..10).map(level).collect::<String>();
        assert!(parse(&text).unwrap_err().message.contains("values"));
    }
}

//! Paths (ajson, jsonpath.go).

use super::JsonError;
use super::node::Node;
use super::scan::{Scan, split, unquote};
use super::script::{Run, Script};

/// A path that was read.
#[derive(Debug)]
pub(super) struct Path {
    from_root: bool,
    commands: Vec<Command>,
}

/// A step of a path: from the values so far to the next ones.
#[derive(Debug)]
enum Command {
    /// `..`: also all arrays and objects below.
    Descend,
    /// `*`
    Wildcard,
    /// `[1:4:2]`
    Slice([Option<Index>; 3]),
    /// `[?(…)]`
    Filter(Script),
    /// `[(…)]`
    Calculated(Script),
    /// `.a`, `['a', 'b']`, `[0,-1]`
    Union(Vec<Key>),
}

#[derive(Debug)]
enum Index {
    Number(i64),
    Calculated(Script),
}

#[derive(Debug)]
enum Key {
    /// Of an object, and its number if it may be of an array.
    Name(String, Option<i64>),
    /// Of an object; or how many elements an array has.
    Length(String),
    /// Of an array.
    Calculated(Script),
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Self, JsonError> {
        let mut scan = Scan::new(text);
        let from_root = match scan.peek() {
            Some(b'$') => true,
            Some(b'@') => false,
            Some(b'.' | b'[') => return Err(JsonError::request("a path has to begin with $")),
            _ => return Err(scan.wrong()),
        };
        scan.at = 1;
        let mut commands = Vec::new();
        while let Some(c) = scan.peek() {
            match c {
                b'.' => {
                    scan.at += 1;
                    if scan.peek() == Some(b'.') {
                        // The second dot may begin a name.
                        commands.push(Command::Descend);
                        continue;
                    }
                    let from = scan.at;
                    while scan
                        .peek()
                        .is_some_and(|c| !matches!(c, b'.' | b'[') || scan.escaped())
                    {
                        scan.at += 1;
                    }
                    if scan.at > from {
                        commands.push(dotted(scan.slice(from, scan.at))?);
                    }
                }
                b'[' => commands.push(bracketed(bracket(&mut scan)?)?),
                _ => return Err(scan.wrong()),
            }
        }
        Ok(Self { from_root, commands })
    }

    /// What it leads to; `current` is what `@` means.
    pub(super) fn apply<'v>(&self, run: &Run<'v>, current: &Node<'v>) -> Result<Vec<Node<'v>>, JsonError> {
        let first = if self.from_root {
            Node::of(run.root)
        } else {
            current.clone()
        };
        let mut found = vec![first];
        for command in &self.commands {
            run.step(found.len())?;
            found = command.apply(run, found)?;
        }
        Ok(found)
    }
}

/// Reads what is between brackets.
fn bracket<'t>(scan: &mut Scan<'t>) -> Result<&'t str, JsonError> {
    scan.at += 1;
    let from = scan.at;
    let (mut depth, mut quote) = (1, None);
    while let Some(c) = scan.peek() {
        match quote {
            Some(end) => {
                if c == end && !scan.escaped() {
                    quote = None;
                }
            }
            None => match c {
                b'"' | b'\'' => quote = Some(c),
                b'[' if !scan.escaped() => depth += 1,
                b']' if !scan.escaped() => depth -= 1,
                _ => {}
            },
        }
        scan.at += 1;
        if depth == 0 {
            return Ok(scan.slice(from, scan.at - 1).trim());
        }
    }
    Err(JsonError::End)
}

fn dotted(text: &str) -> Result<Command, JsonError> {
    if text == "*" {
        return Ok(Command::Wildcard);
    }
    if let Some(inner) = parenthesised(text) {
        return Ok(Command::Calculated(script(inner, text)?));
    }
    // Names with a colon are common, slices after a dot are not.
    let slice = text.contains(':')
        && text
            .bytes()
            .all(|c| c.is_ascii_digit() || matches!(c, b':' | b'-'));
    if slice { bracketed(text) } else { union(text) }
}

fn bracketed(text: &str) -> Result<Command, JsonError> {
    if text == "*" {
        return Ok(Command::Wildcard);
    }
    if let Some(filter) = text.strip_prefix('?') {
        return Ok(Command::Filter(script(filter, text)?));
    }
    let bounds = split(text, b':');
    if bounds.len() > 1 {
        if bounds.len() > 3 {
            return Err(JsonError::Request(format!(
                "slice must contains no more than 2 colons, got '{text}'"
            )));
        }
        let mut slice = [None, None, None];
        for (index, bound) in slice.iter_mut().zip(bounds) {
            *index = Index::parse(bound, text)?;
        }
        return Ok(Command::Slice(slice));
    }
    match parenthesised(text) {
        Some(inner) if split(text, b',').len() == 1 => Ok(Command::Calculated(script(inner, text)?)),
        _ => union(text),
    }
}

fn union(text: &str) -> Result<Command, JsonError> {
    let keys: Result<Vec<Key>, JsonError> = split(text, b',')
        .into_iter()
        .map(|key| Key::parse(key, text))
        .collect();
    Ok(Command::Union(keys?))
}

fn parenthesised(text: &str) -> Option<&str> {
    text.strip_prefix('(')?.strip_suffix(')')
}

/// An expression within a path; what is wrong with it is said by its text.
fn script(text: &str, whole: &str) -> Result<Script, JsonError> {
    Script::parse(text).map_err(|error| JsonError::Request(format!("wrong request: {whole}: {error}")))
}

impl Index {
    fn parse(text: &str, whole: &str) -> Result<Option<Self>, JsonError> {
        if text.is_empty() {
            return Ok(None);
        }
        if let Some(inner) = parenthesised(text) {
            return Ok(Some(Self::Calculated(script(inner, whole)?)));
        }
        text.parse()
            .map(|number| Some(Self::Number(number)))
            .map_err(|_| JsonError::Request(format!("wrong request: {whole}")))
    }

    fn of<'v>(index: Option<&Self>, run: &Run<'v>, of: &Node<'v>) -> Result<Option<i64>, JsonError> {
        match index {
            None => Ok(None),
            Some(Self::Number(number)) => Ok(Some(*number)),
            Some(Self::Calculated(script)) => script.eval(run, of)?.integer().map(Some),
        }
    }
}

impl Key {
    fn parse(text: &str, whole: &str) -> Result<Self, JsonError> {
        if let Some(inner) = parenthesised(text) {
            return Ok(Self::Calculated(script(inner, whole)?));
        }
        let name = unquote(text);
        if matches!(name.as_str(), "length" | "length()") {
            return Ok(Self::Length(name));
        }
        let number = name.parse().ok();
        Ok(Self::Name(name, number))
    }

    fn of<'v>(&self, run: &Run<'v>, of: &Node<'v>) -> Result<Option<Node<'v>>, JsonError> {
        Ok(match self {
            Self::Length(_) if of.is_array() => Some(Node::Number(of.size() as f64)),
            Self::Name(name, _) | Self::Length(name) if of.is_object() => of.key(name),
            Self::Name(_, Some(number)) => of.index(*number),
            Self::Calculated(script) if of.is_array() => of.index(script.eval(run, of)?.integer()?),
            _ => None,
        })
    }
}

impl Command {
    fn apply<'v>(&self, run: &Run<'v>, mut found: Vec<Node<'v>>) -> Result<Vec<Node<'v>>, JsonError> {
        let mut next = Vec::new();
        match self {
            Self::Descend => {
                for at in 0..found.len() {
                    let below = containers_below(run, &found[at])?;
                    found.extend(below);
                }
                return Ok(found);
            }
            Self::Wildcard => {
                for node in &found {
                    run.step(node.size())?;
                    next.extend(node.children());
                }
            }
            Self::Slice(bounds) => {
                for node in found.iter().filter(|node| node.is_array() && node.size() > 0) {
                    run.step(node.size())?;
                    slice(bounds, run, node, &mut next)?;
                }
            }
            Self::Filter(script) => {
                for node in found.iter().filter(|node| node.is_container()) {
                    for child in node.children() {
                        if script.eval(run, &child)?.truth() {
                            next.push(child);
                        }
                    }
                }
            }
            Self::Calculated(script) => {
                for node in found.iter().filter(|node| node.is_container()) {
                    match script.eval(run, node)? {
                        Node::Text(key) => next.extend(node.key(&key)),
                        Node::Bool(true) => next.extend(node.children()),
                        number @ Node::Number(_) => {
                            if let Ok(index) = number.integer() {
                                next.extend(node.index(index).or_else(|| node.key(&index.to_string())));
                            }
                        }
                        _ => {}
                    }
                }
            }
            Self::Union(keys) => {
                for key in keys {
                    for node in &found {
                        next.extend(key.of(run, node)?);
                    }
                }
            }
        }
        Ok(next)
    }
}

/// All arrays and objects below a value: those in it, then those below each of them.
fn containers_below<'v>(run: &Run<'v>, node: &Node<'v>) -> Result<Vec<Node<'v>>, JsonError> {
    run.step(1 + node.size())?;
    let mut below: Vec<Node<'v>> = node.children();
    below.retain(Node::is_container);
    for at in 0..below.len() {
        // As deep as the document, which serde_json bounds.
        let deeper = containers_below(run, &below[at])?;
        below.extend(deeper);
    }
    Ok(below)
}

fn slice<'v>(
    [from, to, step]: &[Option<Index>; 3],
    run: &Run<'v>,
    node: &Node<'v>,
    next: &mut Vec<Node<'v>>,
) -> Result<(), JsonError> {
    let size = i64::try_from(node.size()).unwrap_or(i64::MAX);
    let step = Index::of(step.as_ref(), run, node)?.unwrap_or(1);
    if step == 0 {
        return Err(JsonError::request("wrong request: a slice with the step 0"));
    }
    let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let from = Index::of(from.as_ref(), run, node)?.map(from_end);
    let to = Index::of(to.as_ref(), run, node)?.map(from_end);
    let nodes = node.children();
    let mut take = |at: i64| next.extend(usize::try_from(at).ok().and_then(|at| nodes.get(at)).cloned());
    if step > 0 {
        let (mut at, end) = (from.unwrap_or(0).max(0), to.unwrap_or(size).min(size));
        while at < end {
            take(at);
            at = at.saturating_add(step);
        }
    } else {
        let (mut at, end) = (from.unwrap_or(size - 1).min(size - 1), to.unwrap_or(-1).max(-1));
        while at > end {
            take(at);
            at = at.saturating_add(step);
        }
    }
    Ok(())
}

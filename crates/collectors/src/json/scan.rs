//! The tokens of paths and expressions (ajson, buffer.go). Places count bytes from 0.

use super::JsonError;

/// A text and a place in it.
#[derive(Debug, Clone)]
pub(super) struct Scan<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// The next byte.
    pub(super) at: usize,
}

/// All operators, the longer ones first.
const OPERATORS: [&str; 21] = [
    "**", "<<", ">>", "&^", "==", "!=", "<=", ">=", "=~", "&&", "||", "*", "/", "%", "<", ">", "&", "|", "^",
    "+", "-",
];

/// Whether operators begin with it.
pub(super) fn begins_operator(c: u8) -> bool {
    b"*/%<>&|^+-=!".contains(&c)
}

/// What ajson takes for a letter: also what stands between upper and lower case in ASCII.
pub(super) fn is_letter(c: u8) -> bool {
    (b'A'..=b'z').contains(&c)
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The next byte that is no space.
    pub(super) fn first(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.peek()
    }

    /// The text between two places; what is cut within a character is left out.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to.min(self.bytes.len())).unwrap_or_default()
    }

    /// What is wrong at this place.
    pub(super) fn wrong(&self) -> JsonError {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) => JsonError::Symbol(c, self.at),
            None => JsonError::End,
        }
    }

    /// Whether the byte before this place is escaped by a backslash that is not escaped itself.
    pub(super) fn escaped(&self) -> bool {
        let before = &self.bytes[..self.at.min(self.bytes.len())];
        before.iter().rev().take_while(|c| **c == b'\\').count() % 2 == 1
    }

    /// Reads an operator.
    pub(super) fn operator(&mut self) -> Option<&'static str> {
        let rest = &self.bytes[self.at..];
        let found = OPERATORS.into_iter().find(|of| rest.starts_with(of.as_bytes()))?;
        self.at += found.len();
        Some(found)
    }

    /// Reads a number of JSON.
    pub(super) fn number(&mut self) -> Result<&'t str, JsonError> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.wrong()),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.slice(from, self.at))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == from {
            Err(self.wrong())
        } else {
            Ok(())
        }
    }

    /// Reads a string in single or double quotes, with them.
    pub(super) fn string(&mut self) -> Result<&'t str, JsonError> {
        let (from, quote) = (self.at, self.peek());
        self.at += 1;
        while let Some(c) = self.peek() {
            if Some(c) == quote {
                self.at += 1;
                return Ok(self.slice(from, self.at));
            }
            if c < b' ' {
                break;
            }
            self.at += 1 + usize::from(c == b'\\');
        }
        Err(JsonError::End)
    }

    /// Reads a path within an expression: `@.length`, `$['a b'].c[(@.length - 1)].d`.
    pub(super) fn operand(&mut self) -> Result<&'t str, JsonError> {
        let from = self.at;
        let mut open: Vec<u8> = Vec::new();
        while let Some(c) = self.peek() {
            match c {
                b'"' | b'\'' => {
                    self.at += 1;
                    while self.peek().is_some_and(|found| found != c || self.escaped()) {
                        self.at += 1;
                    }
                    if self.peek().is_none() {
                        return Err(JsonError::End);
                    }
                }
                b'[' | b'(' => open.push(c),
                b']' | b')' => {
                    let wants = if c == b']' { b'[' } else { b'(' };
                    match open.pop() {
                        Some(found) if found == wants => {}
                        Some(_) => return Err(self.wrong()),
                        None => break,
                    }
                }
                b'.' | b'@' | b'$' | b'?' | b'*' => {
                    // A star after a name multiplies, unless it stands for all children.
                    if c == b'*' && open.is_empty() && self.at > from && self.byte(self.at - 1) != Some(b'.')
                    {
                        break;
                    }
                }
                c if is_letter(c) && c != b'^' || c.is_ascii_digit() => {}
                _ if !open.is_empty() || c >= 0x80 => {}
                _ => break,
            }
            self.at += 1;
        }
        if open.is_empty() {
            Ok(self.slice(from, self.at))
        } else {
            Err(JsonError::End)
        }
    }

    /// Reads a name, and whether a parenthesis follows: then it is that of a function.
    pub(super) fn name(&mut self) -> (String, bool) {
        let from = self.at;
        while let Some(c) = self.peek() {
            if c == b'(' {
                return (self.slice(from, self.at).to_ascii_lowercase(), true);
            }
            if !(is_letter(c) && c != b'^' || c.is_ascii_digit()) {
                break;
            }
            self.at += 1;
        }
        (self.slice(from, self.at).to_ascii_lowercase(), false)
    }
}

/// The text of a quoted string, by JSON's escapes; a text without quotes is itself.
pub(super) fn unquote(text: &str) -> String {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    if text.len() < 2 {
        return text.to_owned();
    }
    let json = if inner('"').is_some() {
        text.to_owned()
    } else if let Some(inner) = inner('\'') {
        format!(
            "\"{}\"",
            inner
                .replace("\\'", "'")
                .replace('"', "\\\"")
                .replace("\\\\\"", "\\\"")
        )
    } else {
        return text.to_owned();
    };
    serde_json::from_str(&json).unwrap_or_else(|_| text[1..text.len() - 1].to_owned())
}

/// The parts of the inside of brackets between separators that are outside of strings and brackets, without spaces
/// around them.
pub(super) fn split(text: &str, separator: u8) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth, mut quote) = (0, 0_usize, None);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let c = bytes[at];
        match quote {
            Some(_) if c == b'\\' => at += 1,
            Some(end) if c == end => quote = None,
            Some(_) => {}
            None => match c {
                b'"' | b'\'' => quote = Some(c),
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.saturating_sub(1),
                c if c == separator && depth == 0 => {
                    parts.push(text[from..at].trim());
                    from = at + 1;
                }
                _ => {}
            },
        }
        at += 1;
    }
    parts.push(text[from..].trim());
    parts
}

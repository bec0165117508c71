//! Go regular expressions (RE2 syntax) on the `regex` crate.
//!
//! Both engines are finite automata with leftmost-first matching, but they read different syntaxes: [`translate`] reads
//! Go's, refuses what Go refuses in Go's words, and writes the pattern that means the same to `regex`.

mod translate;

use std::fmt;

use thiserror::Error;

/// Longest pattern accepted, in bytes.
pub const MAX_PATTERN_BYTES: usize = 64 << 10;
/// Largest compiled program, in bytes.
const MAX_PROGRAM_BYTES: usize = 4 << 20;
/// Deepest nesting of groups.
const MAX_DEPTH: u32 = 500;

/// Why a pattern was refused; prints as Go's `*syntax.Error`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("error parsing regexp: {reason}: `{expression}`")]
pub struct RegexpError {
    /// Go's phrase for what is wrong.
    pub reason: String,
    /// The part of the pattern it is about.
    pub expression: String,
}

/// A compiled Go regular expression. Equality and printing are those of the pattern.
#[derive(Clone)]
pub struct Regexp {
    source: String,
    compiled: regex::Regex,
    /// Name of each capture group, by number; empty for unnamed ones and for group 0.
    names: Vec<String>,
}

impl Regexp {
    /// Compiles a pattern in Go's syntax.
    pub fn new(pattern: &str) -> Result<Self, RegexpError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            let expression = pattern.chars().take(40).collect();
            return Err(RegexpError {
                reason: "expression too large".to_owned(),
                expression,
            });
        }
        let translated = translate::translate(pattern)?;
        let compiled = regex::RegexBuilder::new(&translated.pattern)
            .size_limit(MAX_PROGRAM_BYTES)
            .nest_limit(MAX_DEPTH)
            .build()
            .map_err(|error| {
                let reason = match error {
                    regex::Error::CompiledTooBig(_) => "expression too large".to_owned(),
                    other => other
                        .to_string()
                        .lines()
                        .last()
                        .unwrap_or("invalid")
                        .trim()
                        .to_owned(),
                };
                RegexpError {
                    reason,
                    expression: pattern.to_owned(),
                }
            })?;
        Ok(Self {
            source: pattern.to_owned(),
            compiled,
            names: translated.names,
        })
    }

    /// The pattern as given.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the pattern matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }

    /// Number of capture groups.
    pub fn captures_len(&self) -> usize {
        self.names.len() - 1
    }

    /// Byte ranges of the first match and of its groups (`None` for a group that took no part), or `None` without a match.
    pub fn find_submatch(&self, text: &str) -> Option<Vec<Option<(usize, usize)>>> {
        let captures = self.compiled.captures(text)?;
        Some(
            captures
                .iter()
                .map(|group| group.map(|group| (group.start(), group.end())))
                .collect(),
        )
    }

    /// `ReplaceAllString`: replaces every match; `$1`, `$name` and `${name}` in `replacement` stand for groups, `$$` for `$`.
    /// A name is the longest run of letters, digits and `_`; an unknown group is empty. `None` when the result would be
    /// longer than `limit` bytes: a replacement can be many times what it replaces, and that again and again.
    pub fn replace_all(&self, text: &str, replacement: &str, limit: usize) -> Option<String> {
        let mut out = String::new();
        let mut copied = 0;
        for captures in self.compiled.captures_iter(text) {
            let Some(found) = captures.get(0) else { continue };
            out.push_str(&text[copied..found.start()]);
            self.expand(replacement, &captures, limit, &mut out)?;
            copied = found.end();
        }
        out.push_str(&text[copied..]);
        (out.len() <= limit).then_some(out)
    }

    /// Appends the replacement for one match; `None` beyond `limit`.
    fn expand(
        &self,
        template: &str,
        captures: &regex::Captures<'_>,
        limit: usize,
        out: &mut String,
    ) -> Option<()> {
        let mut rest = template;
        while let Some(dollar) = rest.find('$') {
            out.push_str(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            match reference(rest) {
                None => out.push('$'),
                Some((name, length)) => {
                    out.push_str(self.group(name, captures));
                    rest = &rest[length..];
                }
            }
            if out.len() > limit {
                return None;
            }
        }
        out.push_str(rest);
        (out.len() <= limit).then_some(())
    }

    fn group<'t>(&self, name: &str, captures: &regex::Captures<'t>) -> &'t str {
        let numeric = name.bytes().all(|c| c.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
        let found = if numeric {
            name.parse().ok().and_then(|index| captures.get(index))
        } else {
            let mut named = self.names.iter().enumerate().filter(|(_, group)| *group == name);
            named.find_map(|(index, _)| captures.get(index))
        };
        found.map_or("", |group| group.as_str())
    }
}

/// The group name at the start of `text` (after its `$`) and how much of the text it takes.
fn reference(text: &str) -> Option<(&str, usize)> {
    let (braced, body) = match text.strip_prefix('{') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let end = body
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(body.len());
    if end == 0 || braced && !body[end..].starts_with('}') {
        return None;
    }
    Some((&body[..end], end + if braced { 2 } else { 0 }))
}

impl PartialEq for Regexp {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Regexp {}

impl fmt::Debug for Regexp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regexp({:?})", self.source)
    }
}

impl fmt::Display for Regexp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests;

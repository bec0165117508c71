//! Reads Go's regular expression syntax and writes that of the `regex` crate.
//!
//! The reading follows Go's `regexp/syntax` with its Perl flags: what is an error there is an error here, with the same words.

use std::fmt::Write as _;

use super::RegexpError;

/// Largest repeat count, alone and multiplied through nesting.
const MAX_REPEAT: u64 = 1_000;

/// A pattern for the `regex` crate, and the names of its groups by number.
pub(super) struct Translated {
    pub(super) pattern: String,
    pub(super) names: Vec<String>,
}

pub(super) fn translate(pattern: &str) -> Result<Translated, RegexpError> {
    let mut translator = Translator {
        whole: pattern,
        at: 0,
        out: String::with_capacity(pattern.len() + 8),
        names: vec![String::new()],
        open: Vec::new(),
        item: None,
        heaviest: 1,
    };
    translator.run()?;
    Ok(Translated {
        pattern: translator.out,
        names: translator.names,
    })
}

fn error(reason: &str, expression: &str) -> RegexpError {
    RegexpError {
        reason: reason.to_owned(),
        expression: expression.to_owned(),
    }
}

/// What a repetition operator would apply to.
#[derive(Clone, Copy)]
struct Item {
    /// Where it starts in the output.
    start: usize,
    /// Product of the repeat counts inside it.
    weight: u64,
}

struct Translator<'p> {
    whole: &'p str,
    at: usize,
    out: String,
    names: Vec<String>,
    /// Open groups: where their `(` stands in the output, and the heaviest item before them in their parent.
    open: Vec<(usize, u64)>,
    /// The item just read.
    item: Option<Item>,
    /// The heaviest item of the current group so far.
    heaviest: u64,
}

impl<'p> Translator<'p> {
    fn rest(&self) -> &'p str {
        &self.whole[self.at..]
    }

    fn run(&mut self) -> Result<(), RegexpError> {
        // Where the repetition just read starts: a second one right behind it is an error.
        let mut last_repeat: Option<usize> = None;
        while let Some(c) = self.rest().chars().next() {
            let before = self.at;
            let mut repeated = None;
            match c {
                '(' if self.rest().starts_with("(?") => self.perl_group()?,
                '(' => {
                    self.names.push(String::new());
                    self.open_group("(");
                    self.at += 1;
                }
                ')' => self.close_group()?,
                '|' => {
                    self.at += 1;
                    self.out.push('|');
                    self.item = None;
                }
                '[' => {
                    let start = self.out.len();
                    self.class()?;
                    self.set_item(start);
                }
                '^' | '$' | '.' => {
                    self.at += 1;
                    self.emit(c.encode_utf8(&mut [0; 4]));
                }
                '*' | '+' | '?' => {
                    self.at += 1;
                    self.repeat(before, last_repeat, c.encode_utf8(&mut [0; 4]), 1)?;
                    repeated = Some(before);
                }
                '{' => match counted(self.rest()) {
                    Some((min, max, length)) => {
                        self.at += length;
                        let text = &self.whole[before..self.at];
                        let over = |n: Option<u64>| n.is_none_or(|n| n > MAX_REPEAT);
                        let bad = match max {
                            Max::Unlimited => over(min),
                            Max::Count(max) => over(min) || over(max) || max < min,
                        };
                        if bad {
                            return Err(error("invalid repeat count", text));
                        }
                        let count = match max {
                            Max::Unlimited => min.unwrap_or(0),
                            Max::Count(max) => max.unwrap_or(0),
                        };
                        self.repeat(before, last_repeat, text, count)?;
                        repeated = Some(before);
                    }
                    None => self.literal('{'),
                },
                '\\' => self.escape()?,
                c => self.literal(c),
            }
            last_repeat = repeated;
        }
        if self.open.is_empty() {
            Ok(())
        } else {
            Err(error("missing closing )", self.whole))
        }
    }

    fn set_item(&mut self, start: usize) {
        self.item = Some(Item { start, weight: 1 });
    }

    /// Writes `text` as one item; moves nothing in the input.
    fn emit(&mut self, text: &str) {
        let start = self.out.len();
        self.out.push_str(text);
        self.set_item(start);
    }

    fn literal(&mut self, c: char) {
        self.at += c.len_utf8();
        self.emit_char(c);
    }

    fn emit_char(&mut self, c: char) {
        let escaped = regex_syntax::escape(c.encode_utf8(&mut [0; 4]));
        self.emit(&escaped);
    }

    fn open_group(&mut self, text: &str) {
        self.open.push((self.out.len(), self.heaviest));
        self.out.push_str(text);
        self.heaviest = 1;
        self.item = None;
    }

    fn close_group(&mut self) -> Result<(), RegexpError> {
        let Some((start, outer)) = self.open.pop() else {
            return Err(error("unexpected )", self.whole));
        };
        self.at += 1;
        self.out.push(')');
        self.item = Some(Item {
            start,
            weight: self.heaviest,
        });
        self.heaviest = outer.max(self.heaviest);
        Ok(())
    }

    /// A repetition operator `text` that repeats up to `count` times (1 for `*`, `+`, `?`).
    fn repeat(
        &mut self,
        before: usize,
        last_repeat: Option<usize>,
        text: &str,
        count: u64,
    ) -> Result<(), RegexpError> {
        let lazy = self.rest().starts_with('?');
        if lazy {
            self.at += 1;
        }
        if let Some(last) = last_repeat {
            return Err(error(
                "invalid nested repetition operator",
                &self.whole[last..self.at],
            ));
        }
        let Some(item) = self.item else {
            return Err(error(
                "missing argument to repetition operator",
                &self.whole[before..self.at],
            ));
        };
        let weight = item.weight.saturating_mul(count.max(1));
        if count >= 2 && weight > MAX_REPEAT {
            return Err(error("invalid repeat count", &self.whole[before..self.at]));
        }
        self.heaviest = self.heaviest.max(weight);
        self.out.push_str(text);
        if lazy {
            self.out.push('?');
        }
        self.item = Some(Item {
            start: item.start,
            weight,
        });
        Ok(())
    }

    /// `(?:…`, `(?flags)`, `(?P<name>…`, `(?<name>…`.
    fn perl_group(&mut self) -> Result<(), RegexpError> {
        let text = self.rest();
        for prefix in ["(?P<", "(?<"] {
            if text.starts_with(prefix) && text.len() > prefix.len() {
                let Some(end) = text.find('>') else {
                    return Err(error("invalid named capture", text));
                };
                let name = &text[prefix.len()..end];
                if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
                    return Err(error("invalid named capture", &text[..=end]));
                }
                // `regex` is stricter about names and refuses doubles: names stay on our side.
                self.names.push(name.to_owned());
                self.open_group("(");
                self.at += end + 1;
                return Ok(());
            }
        }
        let (mut negated, mut seen) = (false, false);
        for (offset, c) in text.char_indices().skip(2) {
            match c {
                'i' | 'm' | 's' | 'U' => seen = true,
                '-' if !negated => {
                    negated = true;
                    seen = false;
                }
                ':' | ')' if !negated || seen => {
                    self.at += offset + 1;
                    if c == ':' {
                        self.open_group(&text[..=offset]);
                    } else if offset > 2 {
                        self.out.push_str(&text[..=offset]);
                    }
                    return Ok(());
                }
                c => {
                    let end = offset + c.len_utf8();
                    return Err(error("invalid or unsupported Perl syntax", &text[..end]));
                }
            }
        }
        Err(error("missing closing )", self.whole))
    }

    /// A backslash outside a class.
    fn escape(&mut self) -> Result<(), RegexpError> {
        let text = self.rest();
        match text.as_bytes().get(1) {
            Some(b'A') => {
                self.at += 2;
                self.emit("\\A");
            }
            Some(b'z') => {
                self.at += 2;
                self.emit("\\z");
            }
            // Go's word boundary knows ASCII words only.
            Some(b'b') => {
                self.at += 2;
                self.emit("(?-u:\\b)");
            }
            Some(b'B') => {
                self.at += 2;
                self.emit("(?-u:\\B)");
            }
            Some(b'Q') => {
                let body = &text[2..];
                let end = body.find("\\E");
                for c in body[..end.unwrap_or(body.len())].chars() {
                    self.emit_char(c);
                }
                self.at += 2 + end.map_or(body.len(), |end| end + 2);
            }
            _ => {
                let start = self.out.len();
                if let Some(set) = self.set_escape()? {
                    self.out.push('[');
                    self.out.push_str(&set);
                    self.out.push(']');
                    self.set_item(start);
                } else {
                    let c = self.char_escape()?;
                    self.emit_char(c);
                }
            }
        }
        Ok(())
    }

    /// `\d`, `\pL`, `\p{Greek}` and the like, as the inside of a bracketed class; `None` if no such escape stands here.
    fn set_escape(&mut self) -> Result<Option<String>, RegexpError> {
        const DIGIT: &str = "0-9";
        const SPACE: &str = "\\t\\n\\x0C\\r\\x20";
        const WORD: &str = "0-9A-Za-z_";
        let text = self.rest();
        let set = match text.as_bytes().get(1) {
            Some(b'd') => DIGIT.to_owned(),
            Some(b's') => SPACE.to_owned(),
            Some(b'w') => WORD.to_owned(),
            Some(b'D') => format!("[^{DIGIT}]"),
            Some(b'S') => format!("[^{SPACE}]"),
            Some(b'W') => format!("[^{WORD}]"),
            Some(b'p' | b'P') => return self.unicode_class().map(Some),
            _ => return Ok(None),
        };
        self.at += 2;
        Ok(Some(set))
    }

    /// `\pL`, `\p{Greek}`, `\P{^Greek}`.
    fn unicode_class(&mut self) -> Result<String, RegexpError> {
        const REASON: &str = "invalid character class range";
        let text = self.rest();
        let mut negated = text.as_bytes()[1] == b'P';
        let (mut name, length) = match text[2..].chars().next() {
            Some('{') => match text.find('}') {
                Some(end) => (&text[3..end], end + 1),
                None => return Err(error(REASON, text)),
            },
            Some(c) => (&text[2..2 + c.len_utf8()], 2 + c.len_utf8()),
            None => return Err(error(REASON, text)),
        };
        if let Some(positive) = name.strip_prefix('^') {
            negated = !negated;
            name = positive;
        }
        let Some(class) = unicode_table(name) else {
            return Err(error(REASON, &text[..length]));
        };
        self.at += length;
        Ok(if negated { format!("[^{class}]") } else { class })
    }

    /// An escape that stands for one character, in a class or outside.
    fn char_escape(&mut self) -> Result<char, RegexpError> {
        let text = self.rest();
        let mut chars = text.chars();
        chars.next();
        let Some(c) = chars.next() else {
            return Err(error("trailing backslash at end of expression", ""));
        };
        let octal = |skip: usize| {
            let digits = text[skip..]
                .bytes()
                .take(3 - (skip - 1))
                .take_while(|d| (b'0'..=b'7').contains(d))
                .count();
            (
                u32::from_str_radix(&text[1..skip + digits], 8).ok(),
                skip + digits,
            )
        };
        let (code, length) = match c {
            // A single digit other than 0 would be a back-reference, which RE2 has not.
            '1'..='7' if text[2..].starts_with(|d: char| ('0'..='7').contains(&d)) => octal(2),
            '0' => octal(2),
            'x' => hexadecimal(text),
            'a' => (Some(7), 2),
            'f' => (Some(12), 2),
            'n' => (Some(10), 2),
            'r' => (Some(13), 2),
            't' => (Some(9), 2),
            'v' => (Some(11), 2),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => (Some(u32::from(c)), 2),
            c => (None, 1 + c.len_utf8()),
        };
        match code.and_then(char::from_u32) {
            Some(c) => {
                self.at += length;
                Ok(c)
            }
            None => Err(error("invalid escape sequence", &text[..length])),
        }
    }

    /// A bracketed class.
    fn class(&mut self) -> Result<(), RegexpError> {
        let whole_class = self.rest();
        self.at += 1;
        let mut class = String::from("[");
        if self.rest().starts_with('^') {
            self.at += 1;
            class.push('^');
        }
        let mut first = true;
        while first || !self.rest().starts_with(']') {
            first = false;
            let text = self.rest();
            let posix = text.strip_prefix("[:").and_then(|name| name.find(":]"));
            if let Some(end) = posix {
                let name = &text[..end + 4];
                if !is_posix_class(&name[2..name.len() - 2]) {
                    return Err(error("invalid character class range", name));
                }
                class.push_str(name);
                self.at += name.len();
                continue;
            }
            if text.starts_with('\\')
                && let Some(set) = self.set_escape()?
            {
                class.push_str(&set);
                continue;
            }
            let range_start = self.at;
            let low = self.class_char(whole_class)?;
            push_class_char(&mut class, low);
            let after = self.rest();
            if after.len() >= 2 && after.starts_with('-') && !after.starts_with("-]") {
                self.at += 1;
                let high = self.class_char(whole_class)?;
                if high < low {
                    let range = &self.whole[range_start..self.at];
                    return Err(error("invalid character class range", range));
                }
                class.push('-');
                push_class_char(&mut class, high);
            }
        }
        self.at += 1;
        class.push(']');
        self.out.push_str(&class);
        Ok(())
    }

    fn class_char(&mut self, whole_class: &str) -> Result<char, RegexpError> {
        match self.rest().chars().next() {
            None => Err(error("missing closing ]", whole_class)),
            Some('\\') => self.char_escape(),
            Some(c) => {
                self.at += c.len_utf8();
                Ok(c)
            }
        }
    }
}

/// Letters and digits stand for themselves; all else is written by number, so that no set operator can arise.
fn push_class_char(class: &mut String, c: char) {
    if c.is_ascii_alphanumeric() {
        class.push(c);
    } else {
        // Writing to a String cannot fail.
        let _ = write!(class, "\\x{{{:x}}}", u32::from(c));
    }
}

fn hexadecimal(text: &str) -> (Option<u32>, usize) {
    let body = &text[2..];
    if let Some(braced) = body.strip_prefix('{') {
        let digits = braced.bytes().take_while(u8::is_ascii_hexdigit).count();
        let closed = braced[digits..].starts_with('}');
        let end = 3 + digits + usize::from(closed);
        let value = if closed {
            u32::from_str_radix(&braced[..digits], 16).ok()
        } else {
            None
        };
        return (value, end);
    }
    let digits = body.bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
    let value = if digits == 2 {
        u32::from_str_radix(&body[..2], 16).ok()
    } else {
        None
    };
    (value, 2 + digits)
}

/// Upper bound of `{n,m}`.
#[derive(Clone, Copy)]
enum Max {
    Unlimited,
    /// `None`: a number too large to care.
    Count(Option<u64>),
}

/// `{n}`, `{n,}` or `{n,m}` at the start of `text`: bounds and length. Anything else is a literal brace.
fn counted(text: &str) -> Option<(Option<u64>, Max, usize)> {
    let (min, after) = count(text.strip_prefix('{')?)?;
    let (max, after) = match after.strip_prefix(',') {
        None => (Max::Count(min), after),
        Some(after) if after.starts_with('}') => (Max::Unlimited, after),
        Some(after) => {
            let (max, after) = count(after)?;
            (Max::Count(max), after)
        }
    };
    let after = after.strip_prefix('}')?;
    Some((min, max, text.len() - after.len()))
}

/// A decimal number without leading zeros; `None` inside for one that is too large.
fn count(text: &str) -> Option<(Option<u64>, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 1 && text.starts_with('0') {
        return None;
    }
    Some((text[..digits].parse().ok(), &text[digits..]))
}

fn is_posix_class(name: &str) -> bool {
    matches!(
        name.strip_prefix('^').unwrap_or(name),
        "alnum"
            | "alpha"
            | "ascii"
            | "blank"
            | "cntrl"
            | "digit"
            | "graph"
            | "lower"
            | "print"
            | "punct"
            | "space"
            | "upper"
            | "word"
            | "xdigit"
    )
}

/// What `regex` calls Go's table `name` (`L`, `Lu`, `Greek`, `Any`), as the inside of a class.
fn unicode_table(name: &str) -> Option<String> {
    Some(match name {
        "Any" => "\\x{0}-\\x{10FFFF}".to_owned(),
        // Surrogates are no characters in Rust: nothing matches.
        "Cs" => "[^\\x{0}-\\x{10FFFF}]".to_owned(),
        // Go's C has no unassigned code points.
        "C" => "\\p{Cc}\\p{Cf}\\p{Co}".to_owned(),
        "Cc" | "Cf" | "Co" | "L" | "Ll" | "Lm" | "Lo" | "Lt" | "Lu" | "M" | "Mc" | "Me" | "Mn" | "N"
        | "Nd" | "Nl" | "No" | "P" | "Pc" | "Pd" | "Pe" | "Pf" | "Pi" | "Po" | "Ps" | "S" | "Sc" | "Sk"
        | "Sm" | "So" | "Z" | "Zl" | "Zp" | "Zs" => format!("\\p{{{name}}}"),
        script => {
            let plain = script.len() > 2
                && script.starts_with(|c: char| c.is_ascii_uppercase())
                && script.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
            let class = format!("\\p{{Script={script}}}");
            if !plain || regex_syntax::parse(&class).is_err() {
                return None;
            }
            class
        }
    })
}

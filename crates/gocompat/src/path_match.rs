//! Shell patterns as Go's `path.Match` understands them.

use thiserror::Error;

/// The pattern is malformed: an open class, an empty range, a backslash at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// Whether the whole of `name` matches `pattern`: `*` is any run without `/`, `?` one character but `/`, `[^a-z]` a class
/// (`^` negates), `\c` the character itself.
pub fn path_match(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let elements = parse(pattern)?;
    let name: Vec<char> = name.chars().collect();
    // One remembered star is enough: a star never needs to take back what an earlier one gave up.
    let (mut element, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let advanced = match elements.get(element) {
            Some(Element::Star) => {
                star = Some((element, at));
                element += 1;
                continue;
            }
            Some(single) => name.get(at).is_some_and(|c| single.matches(*c)),
            None if at == name.len() => return Ok(true),
            None => false,
        };
        if advanced {
            element += 1;
            at += 1;
            continue;
        }
        match star {
            Some((star_element, star_at)) if name.get(star_at).is_some_and(|c| *c != '/') => {
                star = Some((star_element, star_at + 1));
                element = star_element + 1;
                at = star_at + 1;
            }
            _ => return Ok(false),
        }
    }
}

#[derive(Debug)]
enum Element {
    Star,
    Any,
    Literal(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Element {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => c != '/',
            Self::Literal(literal) => *literal == c,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

fn parse(pattern: &str) -> Result<Vec<Element>, BadPattern> {
    let mut elements = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        elements.push(match c {
            '*' => Element::Star,
            '?' => Element::Any,
            '\\' => Element::Literal(chars.next().ok_or(BadPattern)?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
                    let low = class_char(&mut chars)?;
                    let high = if chars.next_if_eq(&'-').is_some() {
                        class_char(&mut chars)?
                    } else {
                        low
                    };
                    ranges.push((low, high));
                }
                Element::Class { negated, ranges }
            }
            c => Element::Literal(c),
        });
    }
    Ok(elements)
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, BadPattern> {
    match chars.next() {
        None | Some('-' | ']') => Err(BadPattern),
        Some('\\') => chars.next().ok_or(BadPattern),
        Some(c) => Ok(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_pattern_panics_and_a_name_matches_itself(pattern in r"[*?\[\]^\\a-c/é-]{0,12}", name in "[a-c/é]{0,12}") {
            let _ = path_match(&pattern, &name);
            proptest::prop_assert_eq!(path_match(&name, &name), Ok(true));
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_few() {
        let pattern = "a*".repeat(200) + "b";
        assert_eq!(path_match(&pattern, &"a".repeat(2_000)), Ok(false));
    }

    #[test]
    fn the_cases_of_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", Ok(true)),
            ("*", "abc", Ok(true)),
            ("*c", "abc", Ok(true)),
            ("a*", "ab/c", Ok(false)),
            ("a*/b", "abc/b", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", Ok(false)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Ok(false)),
            ("ab[c]", "abc", Ok(true)),
            ("ab[b-d]", "abc", Ok(true)),
            ("ab[^e-g]", "abc", Ok(true)),
            ("ab[^b-d]", "abc", Ok(false)),
            ("a\\*b", "a*b", Ok(true)),
            ("a\\*b", "ab", Ok(false)),
            ("a?b", "a☺b", Ok(true)),
            ("a[^a]b", "a☺b", Ok(true)),
            ("a???b", "a☺b", Ok(false)),
            ("[\\]a]", "]", Ok(true)),
            ("[\\-x]", "-", Ok(true)),
            ("[-x]", "x", Err(BadPattern)),
            ("[a-", "a", Err(BadPattern)),
            ("[]a]", "]", Err(BadPattern)),
            ("[", "a", Err(BadPattern)),
            ("a[", "x", Err(BadPattern)),
            ("a\\", "a", Err(BadPattern)),
            ("a?b", "a/b", Ok(false)),
            ("*x", "xxx", Ok(true)),
            ("", "", Ok(true)),
            ("", "a", Ok(false)),
        ] {
            assert_eq!(path_match(pattern, name), expected, "{pattern} {name}");
        }
    }
}

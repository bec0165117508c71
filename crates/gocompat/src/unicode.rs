//! Character classes as Go's `unicode` package draws them.

use std::sync::OnceLock;

use regex::Regex;

/// `unicode.IsLetter`: category L.
pub fn is_letter(c: char) -> bool {
    static LETTER: OnceLock<Option<Regex>> = OnceLock::new();
    c.is_ascii_alphabetic() || !c.is_ascii() && in_class(&LETTER, r"^\pL$", c)
}

/// `unicode.IsDigit`: category Nd.
pub fn is_digit(c: char) -> bool {
    static DIGIT: OnceLock<Option<Regex>> = OnceLock::new();
    c.is_ascii_digit() || !c.is_ascii() && in_class(&DIGIT, r"^\p{Nd}$", c)
}

/// `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_print(c: char) -> bool {
    static PRINTABLE: OnceLock<Option<Regex>> = OnceLock::new();
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    in_class(&PRINTABLE, r"^[\pL\pM\pN\pP\pS]$", c)
}

/// `unicode.IsSpace`: the White_Space property.
pub fn is_space(c: char) -> bool {
    c.is_whitespace()
}

fn in_class(cell: &OnceLock<Option<Regex>>, pattern: &str, c: char) -> bool {
    let class = cell.get_or_init(|| Regex::new(pattern).ok());
    class
        .as_ref()
        .is_some_and(|class| class.is_match(c.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_go() {
        assert!(is_letter('é') && is_letter('λ') && is_letter('語') && is_letter('ª'));
        // Alphabetic to Rust, but no letters to Go.
        assert!(!is_letter('\u{345}') && !is_letter('Ⅷ') && !is_letter('_'));
        assert!(is_digit('٣') && !is_digit('²'));
        assert!(is_space('\u{a0}') && is_space('\u{85}') && !is_space('\u{200b}'));
        assert!(is_print('☺') && !is_print('\u{a0}') && !is_print('\u{200b}'));
    }
}

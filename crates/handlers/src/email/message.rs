//! The text of a mail, as Kapacitor's library writes it.

use std::fmt::Write;

use capstan_gocompat::time_layout;

/// RFC 5322's date.
const DATE: &str = "Mon, 02 Jan 2006 15:04:05 -0700";
/// Longest line of a body, without its end.
const MAX_LINE: usize = 76;

/// Headers and quoted-printable body, lines ended by CR LF.
pub(super) fn text(from: &str, to: &[String], subject: &str, body: &str, now: i64) -> String {
    let mut text = String::with_capacity(body.len() + 512);
    let to: Vec<String> = to.iter().map(|to| header(to)).collect();
    for (name, value) in [
        ("Mime-Version", "1.0".to_owned()),
        ("Date", time_layout::format(now, DATE)),
        ("From", header(from)),
        ("To", to.join(", ")),
        ("Subject", header(subject)),
        ("Content-Type", "text/html; charset=UTF-8".to_owned()),
        ("Content-Transfer-Encoding", "quoted-printable".to_owned()),
    ] {
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    quoted_printable(&mut text, body);
    text
}

/// A header's value: as it is if it is plain, else as encoded words (RFC 2047). A line break cannot start a new header.
fn header(value: &str) -> String {
    let plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
    if value.bytes().all(plain) {
        return value.to_owned();
    }
    // An address keeps what stands in angle brackets.
    if let Some((name, address)) = value.rsplit_once(" <")
        && address.bytes().all(plain)
    {
        return format!("{} <{address}", encoded_words(name));
    }
    encoded_words(value)
}

/// Words of at most 75 bytes, never cut within a character.
fn encoded_words(value: &str) -> String {
    const START: &str = "=?UTF-8?q?";
    const ROOM: usize = 75 - START.len() - 2;
    let mut text = String::from(START);
    let mut used = 0;
    for c in value.chars() {
        let mut word = String::new();
        match c {
            ' ' => word.push('_'),
            '!'..='~' if !matches!(c, '=' | '?' | '_') => word.push(c),
            c => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(word, "={byte:02X}");
                }
            }
        }
        if used + word.len() > ROOM {
            text.push_str("?=\r\n ");
            text.push_str(START);
            used = 0;
        }
        used += word.len();
        text.push_str(&word);
    }
    text.push_str("?=");
    text
}

/// RFC 2045: lines stay lines, blanks at their ends and everything beyond ASCII are encoded.
fn quoted_printable(text: &mut String, body: &str) {
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    for (at, line) in body.split('\n').enumerate() {
        if at > 0 {
            text.push_str("\r\n");
        }
        let mut used = 0;
        let bytes = line.as_bytes();
        for (at, &byte) in bytes.iter().enumerate() {
            let last = at + 1 == bytes.len();
            let plain = match byte {
                b'=' => false,
                b' ' | b'\t' => !last,
                b'!'..=b'~' => true,
                _ => false,
            };
            let width = if plain { 1 } else { 3 };
            // One place is for the sign of the soft break.
            if used + width > MAX_LINE - 1 {
                text.push_str("=\r\n");
                used = 0;
            }
            if plain {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "={byte:02X}");
            }
            used += width;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(body: &str) -> String {
        let mut text = String::new();
        quoted_printable(&mut text, body);
        text
    }

    #[test]
    fn bodies_are_quoted_printable() {
        assert_eq!(encoded("a=b\n\u{e9} \nend\t"), "a=3Db\r\n=C3=A9=20\r\nend=09");
        let long = encoded(&"x".repeat(200));
        assert!(long.split("\r\n").all(|line| line.len() <= MAX_LINE), "{long}");
        assert_eq!(long.replace("=\r\n", ""), "x".repeat(200));
    }

    #[test]
    fn headers_are_ascii_and_one_line_each() {
        assert_eq!(header("cpu is CRITICAL"), "cpu is CRITICAL");
        assert_eq!(header("caf\u{e9} <a@b>"), "=?UTF-8?q?caf=C3=A9?= <a@b>");
        let text = text("a@b", &["c@d".into(), "e@f".into()], "x\r\nBcc: g@h", "", 0);
        assert!(!text.contains("\r\nBcc"), "{text}");
        assert!(text.contains("To: c@d, e@f\r\n"));
        assert!(text.contains("Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"));
        for line in header(&"\u{fc}".repeat(100)).split("\r\n") {
            assert!(line.trim_start().len() <= 75, "{line}");
        }
    }
}

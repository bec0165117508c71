//! What the values of HTML attributes are.

/// The kind of content of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Plain,
    Css,
    Html,
    Js,
    Url,
    Srcset,
    /// It changes how other content is read, or what is sent with it.
    Unsafe,
}

const URLS: [&str; 17] = [
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
];

const UNSAFE: [&str; 20] = [
    "accept-charset",
    "async",
    "challenge",
    "charset",
    "content",
    "crossorigin",
    "defer",
    "enctype",
    "form",
    "formenctype",
    "formmethod",
    "formnovalidate",
    "http-equiv",
    "keytype",
    "language",
    "method",
    "novalidate",
    "pattern",
    "rel",
    "sandbox",
];

/// Plain attributes that the rules for unknown names would take for something else.
const PLAIN: [&str; 1] = ["srclang"];

/// The content of the attribute with this lower-case name; guesses for unknown names are on the safe side.
pub(super) fn content(name: &str) -> Content {
    let name = if let Some(rest) = name.strip_prefix("data-") {
        rest
    } else if let Some((prefix, short)) = name.split_once(':') {
        if prefix == "xmlns" {
            return Content::Url;
        }
        short
    } else {
        name
    };
    match name {
        "style" => return Content::Css,
        "srcdoc" => return Content::Html,
        "srcset" => return Content::Srcset,
        "type" | "value" => return Content::Unsafe,
        _ => {}
    }
    if URLS.contains(&name) {
        Content::Url
    } else if UNSAFE.contains(&name) {
        Content::Unsafe
    } else if PLAIN.contains(&name) {
        Content::Plain
    } else if name.starts_with("on") {
        Content::Js
    } else if name.contains("src") || name.contains("uri") || name.contains("url") {
        Content::Url
    } else {
        Content::Plain
    }
}

/// The character references of HTML that stand for ASCII characters, which alone matter to what surrounds a value.
const REFERENCES: [(&str, char); 49] = [
    ("AMP", '&'),
    ("DiacriticalGrave", '`'),
    ("GT", '>'),
    ("Hat", '^'),
    ("LT", '<'),
    ("NewLine", '\n'),
    ("QUOT", '"'),
    ("Tab", '\t'),
    ("UnderBar", '_'),
    ("VerticalLine", '|'),
    ("amp", '&'),
    ("apos", '\''),
    ("ast", '*'),
    ("bsol", '\\'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dollar", '$'),
    ("equals", '='),
    ("excl", '!'),
    ("grave", '`'),
    ("gt", '>'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lcub", '{'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lsqb", '['),
    ("lt", '<'),
    ("midast", '*'),
    ("nbsp", '\u{a0}'),
    ("num", '#'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("quest", '?'),
    ("quot", '"'),
    ("rbrace", '}'),
    ("rbrack", ']'),
    ("rcub", '}'),
    ("rpar", ')'),
    ("rsqb", ']'),
    ("semi", ';'),
    ("sol", '/'),
    ("verbar", '|'),
    ("vert", '|'),
    ("copy", '\u{a9}'),
    ("reg", '\u{ae}'),
    ("middot", '\u{b7}'),
];

/// Those that HTML also reads without their semicolon.
const BARE: [&str; 9] = ["AMP", "GT", "LT", "QUOT", "amp", "gt", "lt", "nbsp", "quot"];

/// Decodes the character references of an attribute's text.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        if first == b'&'
            && let Some((c, length)) = reference(after)
        {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &after[length..];
        } else {
            out.push(first);
            rest = after;
        }
    }
    out
}

/// The character of a reference after its `&`, and its length.
fn reference(text: &[u8]) -> Option<(char, usize)> {
    if let Some(number) = text.strip_prefix(b"#") {
        let (digits, base, prefix) = match number.first() {
            Some(b'x' | b'X') => (&number[1..], 16, 2),
            _ => (number, 10, 1),
        };
        let count = digits
            .iter()
            .take_while(|byte| char::from(**byte).is_digit(base))
            .count();
        let value = std::str::from_utf8(digits.get(..count)?).ok()?;
        if value.is_empty() {
            return None;
        }
        let code = u32::from_str_radix(value, base).unwrap_or(0);
        let c = char::from_u32(code)
            .filter(|c| *c != '\0')
            .unwrap_or(char::REPLACEMENT_CHARACTER);
        let length = prefix + count + usize::from(digits.get(count) == Some(&b';'));
        // Go takes a single digit without a semicolon for text.
        return (length > 2).then_some((c, length));
    }
    let count = text
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let name = std::str::from_utf8(&text[..count]).ok()?;
    if text.get(count) == Some(&b';')
        && let Some((_, c)) = REFERENCES.iter().find(|(known, _)| *known == name)
    {
        return Some((*c, count + 1));
    }
    let bare = BARE.iter().find(|known| name.starts_with(**known))?;
    let (_, c) = REFERENCES.iter().find(|(known, _)| known == bare)?;
    Some((*c, bare.len()))
}

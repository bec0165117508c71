//! Digits of integers, and the decimal point that `#` forces on floats.

use super::printer::Flags;

/// The digits with sign, prefix and leading zeros; `None` prints nothing but padding.
pub(super) fn format(flags: &Flags, negative: bool, magnitude: u64, base: u32, verb: char) -> Option<String> {
    let least = match flags.precision {
        Some(0) if magnitude == 0 => return None,
        Some(precision) => precision,
        None if flags.zero => {
            let signed = negative || flags.plus || flags.space;
            flags
                .width
                .map_or(0, |width| width.saturating_sub(usize::from(signed)))
        }
        None => 0,
    };
    let digits = match (base, verb) {
        (2, _) => format!("{magnitude:b}"),
        (8, _) => format!("{magnitude:o}"),
        (16, 'X') => format!("{magnitude:X}"),
        (16, _) => format!("{magnitude:x}"),
        _ => magnitude.to_string(),
    };
    let mut out = String::with_capacity(least.max(digits.len()) + 3);
    if negative {
        out.push('-');
    } else if flags.plus {
        out.push('+');
    } else if flags.space {
        out.push(' ');
    }
    let zeros = least.saturating_sub(digits.len());
    if verb == 'O' {
        out.push_str("0o");
    }
    if flags.sharp {
        match base {
            2 => out.push_str("0b"),
            8 if zeros == 0 && !digits.starts_with('0') => out.push('0'),
            16 => out.push_str(if verb == 'X' { "0X" } else { "0x" }),
            _ => {}
        }
    }
    out.extend(std::iter::repeat_n('0', zeros));
    out.push_str(&digits);
    Some(out)
}

/// The character of a code point; U+FFFD where there is none.
pub(super) fn character(code: u64) -> char {
    u32::try_from(code)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The number with a decimal point and the zeros that `%g` drops, as the flag `#` asks.
pub(super) fn with_point(text: &str, layout: char, precision: Option<usize>) -> String {
    let mut wanted = match layout {
        'g' | 'G' | 'x' => precision.map_or(6, |digits| digits as i64),
        _ => 0,
    };
    let hexadecimal = matches!(layout, 'x' | 'X');
    let cut = text
        .find(|c: char| matches!(c, 'p' | 'P') || !hexadecimal && matches!(c, 'e' | 'E'))
        .unwrap_or(text.len());
    let (body, tail) = text.split_at(cut);
    let mut nonzero = false;
    for c in body.chars().filter(|c| *c != '.') {
        nonzero |= c != '0';
        wanted -= i64::from(nonzero);
    }
    let mut out = body.to_owned();
    if !body.contains('.') {
        if body == "0" {
            wanted -= 1;
        }
        out.push('.');
    }
    out.extend(std::iter::repeat_n('0', wanted.max(0) as usize));
    out.push_str(tail);
    out
}

//! `strconv.FormatFloat` for float64.

use crate::strconv;

/// Beyond this many digits a float64 has only zeros.
const MAX_DIGITS: usize = 1_100;

/// Prints as `strconv.FormatFloat(value, verb, precision, 64)`; `None` stands for -1, the shortest that reads back the same.
/// Verbs are `e E f F g G b x X`; any other prints as `%` and the verb.
pub fn format_float(value: f64, verb: char, precision: Option<usize>) -> String {
    if !value.is_finite() {
        return strconv::format_float_f(value);
    }
    match verb {
        'f' | 'F' => match precision {
            None => strconv::format_float_f(value),
            Some(digits) => padded(&format!("{value:.0$}", digits.min(MAX_DIGITS)), digits, ""),
        },
        'e' | 'E' => {
            let text = match precision {
                None => strconv::format_float_e(value),
                Some(digits) => exponent_text(value, digits),
            };
            upper_if(verb == 'E', text)
        }
        'g' | 'G' => {
            let text = match precision {
                None => strconv::format_float_g(value),
                Some(digits) => general(value, digits.max(1)),
            };
            upper_if(verb == 'G', text)
        }
        'b' => binary(value),
        'x' | 'X' => upper_if(verb == 'X', hexadecimal(value, precision)),
        other => format!("%{other}"),
    }
}

fn upper_if(upper: bool, text: String) -> String {
    if upper { text.to_uppercase() } else { text }
}

/// Appends the zeros that were not asked of the formatter, then the tail.
fn padded(text: &str, digits: usize, tail: &str) -> String {
    let zeros = digits.saturating_sub(MAX_DIGITS);
    let mut out = String::with_capacity(text.len() + zeros + tail.len());
    out.push_str(text);
    out.extend(std::iter::repeat_n('0', zeros));
    out.push_str(tail);
    out
}

/// The mantissa with `digits` places and the decimal exponent.
fn split_exponent(value: f64, digits: usize) -> (String, i32) {
    let text = format!("{value:.0$e}", digits.min(MAX_DIGITS));
    match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa.to_owned(), exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

fn exponent_tail(exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("e{sign}{:02}", exponent.unsigned_abs())
}

fn exponent_text(value: f64, digits: usize) -> String {
    let (mantissa, exponent) = split_exponent(value, digits);
    padded(&mantissa, digits, &exponent_tail(exponent))
}

/// `%g` with `precision` significant digits; trailing zeros are dropped.
fn general(value: f64, precision: usize) -> String {
    if value == 0.0 {
        return strconv::format_float_f(value);
    }
    let (mantissa, exponent) = split_exponent(value, precision - 1);
    let trimmed = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        &mantissa
    };
    let digits = trimmed.bytes().filter(u8::is_ascii_digit).count();
    let point = i64::from(exponent) + 1;
    let mut limit = precision as i64;
    if precision > digits && digits as i64 >= point {
        limit = digits as i64;
    }
    if exponent < -4 || i64::from(exponent) >= limit {
        return format!("{trimmed}{}", exponent_tail(exponent));
    }
    // The mantissa is rounded already: place its digits around the point.
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let all: String = trimmed.chars().filter(char::is_ascii_digit).collect();
    if point <= 0 {
        let zeros = "0".repeat((-point) as usize);
        format!("{sign}0.{zeros}{all}")
    } else if point as usize >= all.len() {
        let zeros = "0".repeat(point as usize - all.len());
        format!("{sign}{all}{zeros}")
    } else {
        let (whole, fraction) = all.split_at(point as usize);
        format!("{sign}{whole}.{fraction}")
    }
}

/// The integer mantissa and binary exponent of a finite float.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let mantissa = bits & ((1 << 52) - 1);
    if exponent == 0 {
        (mantissa, -1_074)
    } else {
        (mantissa | 1 << 52, exponent - 1_075)
    }
}

fn binary(value: f64) -> String {
    let (mantissa, exponent) = parts(value);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    format!("{sign}{mantissa}p{exponent:+}")
}

fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (mut mantissa, mut exponent) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    } else {
        exponent += 52;
        // Denormal numbers are printed with a leading 1 like all others.
        let shift = mantissa.leading_zeros() - 11;
        mantissa <<= shift;
        exponent -= shift as i32;
    }
    if let Some(digits) = precision.filter(|digits| *digits < 13) {
        let drop = (13 - digits as u32) * 4;
        let (kept, lost) = (mantissa >> drop, mantissa & ((1 << drop) - 1));
        let half = 1 << (drop - 1);
        let up = lost > half || lost == half && kept & 1 == 1;
        mantissa = (kept + u64::from(up)) << drop;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let fraction = format!("{:013x}", mantissa & ((1 << 52) - 1));
    let fraction = match precision {
        None => fraction.trim_end_matches('0').to_owned(),
        Some(digits) if digits <= 13 => fraction[..digits].to_owned(),
        Some(digits) => format!("{fraction}{}", "0".repeat(digits - 13)),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!(
        "{sign}0x{}{point}{fraction}p{exponent_sign}{:02}",
        mantissa >> 52,
        exponent.unsigned_abs()
    )
}

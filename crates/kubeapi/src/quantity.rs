//! Resource quantities: exact arithmetic and canonical form of apimachinery `pkg/api/resource`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a quantity is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `12e6`.
    DecimalExponent,
    /// `12Mi`.
    BinarySI,
    /// `12M`, `500m`.
    DecimalSI,
}

/// Why a text is no quantity; the wording is upstream's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not of the form number, suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The number part.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// The suffix.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

const NANO: i128 = 1_000_000_000;
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: [(&str, i32); 6] = [
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];

/// The two forms upstream computes with; they differ in how they round.
#[derive(Debug, Clone, Copy)]
enum Amount {
    /// `value * 10^scale`.
    Scaled { value: i64, scale: i32 },
    /// Billionths.
    Nanos(i128),
}

/// An exact decimal number with a preferred way of being written.
#[derive(Debug, Clone)]
pub struct Quantity {
    amount: Amount,
    format: Format,
    /// The original spelling, kept when it needed no work.
    text: Option<Box<str>>,
}

impl Quantity {
    /// Parses `1500m`, `1.5Gi`, `12e6`, …
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        if text == "0" {
            return Ok(Self {
                amount: Amount::Scaled { value: 0, scale: 0 },
                format: Format::DecimalSI,
                text: Some("0".into()),
            });
        }
        let parts = Parts::split(text)?;
        let (base2, exponent, format) = interpret_suffix(parts.suffix).ok_or(QuantityError::Suffix)?;
        let digits = i32::try_from(parts.whole.len() + parts.fraction.len()).unwrap_or(i32::MAX);
        let places = i32::try_from(parts.fraction.len()).unwrap_or(i32::MAX);
        let (scale, factor, precision) = if base2 {
            if parts.fraction.is_empty() {
                let whole = i32::try_from(parts.whole.len()).unwrap_or(i32::MAX);
                let lost = (f64::from(exponent) * 3.0 / 10.0) as i32;
                (
                    0,
                    1i64 << exponent.clamp(0, 62),
                    15i32.saturating_sub(whole).saturating_sub(lost) - 1,
                )
            } else {
                (0, 1, -1)
            }
        } else {
            (exponent, 1, 18i32.saturating_sub(digits))
        };
        if precision >= 0 {
            let scale = scale - places;
            if scale >= -9 {
                let shifted = format!("{}{}", parts.whole, parts.fraction);
                let value: i64 = shifted.parse().map_err(|_| QuantityError::Numeric)?;
                if let Some(product) = value.checked_mul(factor) {
                    let signed = if parts.positive { product } else { -product };
                    let as_written = if base2 {
                        exponent % 10 == 0 && value & 7 != 0
                    } else {
                        scale % 3 == 0 && !shifted.ends_with("000") && !shifted.starts_with('0')
                    };
                    return Ok(Self {
                        amount: Amount::Scaled { value: signed, scale },
                        format,
                        text: as_written.then(|| text.into()),
                    });
                }
            }
        }
        let mut nanos = if base2 {
            binary_nanos(&parts, exponent)
        } else {
            decimal_nanos(&parts, exponent)
        };
        let mut format = format;
        if format == Format::BinarySI {
            nanos = nanos.min(i128::from(i64::MAX) * NANO);
            if nanos > 0 && nanos < NANO {
                format = Format::DecimalSI;
            }
        }
        let nanos = if parts.positive { nanos } else { -nanos };
        Ok(Self {
            amount: Amount::Nanos(nanos),
            format,
            text: None,
        })
    }

    /// So many thousandths.
    pub fn from_milli(milli: i64, format: Format) -> Self {
        Self {
            amount: Amount::Scaled {
                value: milli,
                scale: -3,
            },
            format,
            text: None,
        }
    }

    /// So many units.
    pub fn from_value(value: i64, format: Format) -> Self {
        Self {
            amount: Amount::Scaled { value, scale: 0 },
            format,
            text: None,
        }
    }

    /// How it prefers to be written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Thousandths, fractions rounded away from zero; beyond `i64` it wraps or is 0, as upstream.
    pub fn milli_value(&self) -> i64 {
        self.scaled(-3)
    }

    /// Units, fractions rounded away from zero; beyond `i64` it wraps or is 0, as upstream.
    pub fn value(&self) -> i64 {
        self.scaled(0)
    }

    /// The nearest double, up to rounding.
    pub fn approximate(&self) -> f64 {
        match self.amount {
            Amount::Scaled { value, scale: 0 } => value as f64,
            Amount::Scaled { value, scale } => times_power(value as f64, scale),
            Amount::Nanos(nanos) => times_power(nanos as f64, -9),
        }
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        match self.amount {
            Amount::Scaled { value, .. } => value.signum() as i32,
            Amount::Nanos(nanos) => nanos.signum() as i32,
        }
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.sign() == 0
    }

    /// The sum, in the format of `self` (of `other` if `self` is 0).
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self {
            amount: Amount::Nanos(self.nanos().saturating_add(other.nanos())),
            format,
            text: None,
        }
    }

    fn nanos(&self) -> i128 {
        match self.amount {
            Amount::Nanos(nanos) => nanos,
            Amount::Scaled { value, scale } => {
                let power = u32::try_from(scale + 9).unwrap_or(0);
                10i128
                    .checked_pow(power)
                    .and_then(|factor| i128::from(value).checked_mul(factor))
                    .unwrap_or(if value < 0 { i128::MIN } else { i128::MAX })
            }
        }
    }

    fn scaled(&self, to: i32) -> i64 {
        match self.amount {
            Amount::Scaled { value, scale } if scale < to => {
                let Some(divisor) = 10i64.checked_pow((to - scale).unsigned_abs()) else {
                    return value.signum();
                };
                value / divisor + if value % divisor == 0 { 0 } else { value.signum() }
            }
            Amount::Scaled { value, scale } => {
                let power = (scale - to).unsigned_abs();
                match 10i64.checked_pow(power) {
                    // Upstream multiplies these at once, and so wraps; the others digit by digit, and gives up.
                    Some(factor) if matches!(power, 0 | 1 | 2 | 3 | 6 | 9) => value.wrapping_mul(factor),
                    factor => factor.and_then(|factor| value.checked_mul(factor)).unwrap_or(0),
                }
            }
            // Upstream's big path adds one to the truncated quotient whatever the sign, and wraps.
            Amount::Nanos(nanos) => {
                let divisor = 10i128.pow((to + 9).unsigned_abs());
                // It also takes every number below 2^63 for an int64, however negative.
                let nanos = if nanos <= i128::from(i64::MAX) {
                    i128::from(nanos as i64)
                } else {
                    nanos
                };
                (nanos / divisor + i128::from(nanos % divisor != 0)) as i64
            }
        }
    }

    /// Mantissa without trailing zeros, adjusted so that the exponent is a multiple of three.
    fn canonical(&self) -> (i128, i32) {
        let (mut mantissa, mut exponent) = match self.amount {
            Amount::Scaled { value, scale } => (i128::from(value), scale),
            Amount::Nanos(nanos) => (nanos, -9),
        };
        while mantissa != 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        let excess = exponent.rem_euclid(3);
        (
            mantissa.saturating_mul(10i128.pow(excess.unsigned_abs())),
            exponent - excess,
        )
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            return f.write_str(text);
        }
        if self.is_zero() {
            return f.write_str("0");
        }
        let mut format = self.format;
        if format == Format::BinarySI {
            let nanos = self.nanos();
            if nanos.abs() < 1024 * NANO || nanos % NANO != 0 {
                format = Format::DecimalSI;
            } else {
                let (mut number, mut power) = (nanos / NANO, 0usize);
                while number % 1024 == 0 && power < BINARY.len() {
                    number /= 1024;
                    power += 1;
                }
                let suffix = power.checked_sub(1).map_or("", |i| BINARY[i].0);
                return write!(f, "{number}{suffix}");
            }
        }
        let (mantissa, exponent) = self.canonical();
        match DECIMAL.iter().find(|(_, e)| *e == exponent) {
            Some((suffix, _)) if format == Format::DecimalSI => write!(f, "{mantissa}{suffix}"),
            _ if exponent == 0 => write!(f, "{mantissa}"),
            _ => write!(f, "{mantissa}e{exponent}"),
        }
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// From a string, or from a number as upstream allows.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = match serde_json::Value::deserialize(from)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            other => return Err(D::Error::custom(format!("{other} is no quantity"))),
        };
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos() == other.nanos()
    }
}
impl Eq for Quantity {}
impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos().cmp(&other.nanos())
    }
}

/// Multiplied by a power of ten that is itself correctly rounded, as Go's `math.Pow10`.
fn times_power(base: f64, exponent: i32) -> f64 {
    base * format!("1e{exponent}").parse::<f64>().unwrap_or(f64::INFINITY)
}

struct Parts<'a> {
    positive: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, QuantityError> {
        let (positive, rest) = match text.as_bytes()[0] {
            b'-' => (false, &text[1..]),
            b'+' => (true, &text[1..]),
            _ => (true, text),
        };
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let rest = rest.trim_start_matches('0');
        let (whole, rest) = rest.split_at(digits(rest));
        let whole = if whole.is_empty() { "0" } else { whole };
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at(digits(rest)),
            None => ("", rest),
        };
        let letters = suffix.bytes().take_while(|b| b"eEinumkKMGTP".contains(b)).count();
        let tail = &suffix[letters..];
        let tail = tail.strip_prefix(['-', '+']).unwrap_or(tail);
        if !tail.bytes().all(|b| b.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        Ok(Self {
            positive,
            whole,
            fraction,
            suffix,
        })
    }
}

/// Whether the base is 2, the exponent, and the format of a suffix.
fn interpret_suffix(suffix: &str) -> Option<(bool, i32, Format)> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        return Some((false, *exponent, Format::DecimalSI));
    }
    if let Some((_, exponent)) = BINARY.iter().find(|(s, _)| *s == suffix) {
        return Some((true, *exponent, Format::BinarySI));
    }
    let number = suffix.strip_prefix(['e', 'E'])?;
    let exponent: i64 = number.parse().ok()?;
    // A scale further out is as good as infinite either way.
    Some((
        false,
        exponent.clamp(-100_000, 100_000) as i32,
        Format::DecimalExponent,
    ))
}

/// `digits * 10^power`, rounded up, saturating.
fn shift(digits: &str, power: i64) -> i128 {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return 0;
    }
    let length = digits.len() as i64 + power;
    if length > 38 {
        return i128::MAX;
    }
    if length <= 0 {
        return 1;
    }
    if power >= 0 {
        // At most 38 digits, so the product fits.
        digits
            .parse::<i128>()
            .unwrap_or(i128::MAX)
            .saturating_mul(10i128.pow(power as u32))
    } else {
        let (kept, cut) = digits.split_at(length as usize);
        kept.parse::<i128>()
            .unwrap_or(i128::MAX)
            .saturating_add(i128::from(cut.bytes().any(|b| b != b'0')))
    }
}

fn decimal_nanos(parts: &Parts<'_>, exponent: i32) -> i128 {
    let digits = format!("{}{}", parts.whole, parts.fraction);
    shift(&digits, i64::from(exponent) - parts.fraction.len() as i64 + 9)
}

fn binary_nanos(parts: &Parts<'_>, exponent: i32) -> i128 {
    let factor = 1i128 << exponent.clamp(0, 62);
    let whole: i128 = parts.whole.parse().unwrap_or(i128::MAX);
    let whole = whole.saturating_mul(factor).saturating_mul(NANO);
    // 18 places times 2^60 fit; whatever is behind them only decides the rounding.
    let places = parts.fraction.len().min(18);
    let fraction: i128 = parts.fraction[..places].parse().unwrap_or(0);
    let behind = parts.fraction[places..].bytes().any(|b| b != b'0');
    let numerator = fraction * factor;
    let (quotient, remainder) = if places <= 9 {
        (numerator * 10i128.pow(9 - places as u32), 0)
    } else {
        let divisor = 10i128.pow(places as u32 - 9);
        (numerator / divisor, numerator % divisor)
    };
    whole.saturating_add(quotient + i128::from(remainder != 0 || behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle;

    fn format_of(name: &str) -> Format {
        match name {
            "BinarySI" => Format::BinarySI,
            "DecimalExponent" => Format::DecimalExponent,
            _ => Format::DecimalSI,
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_is_read_back(text in r"[+-]?[0-9]{1,12}(\.[0-9]{0,6})?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e-?[0-9]|E[0-9])?") {
            if let Ok(quantity) = Quantity::parse(&text) {
                let printed = quantity.to_string();
                let again = Quantity::parse(&printed).unwrap();
                proptest::prop_assert_eq!(again.to_string(), printed.clone());
                proptest::prop_assert_eq!(again.cmp(&quantity), Ordering::Equal, "{} of {}", printed, text);
            }
        }

        #[test]
        fn no_text_panics(text in "[-+.0-9eEinumkKMGTPx]{0,24}", other in "[0-9]{1,20}[kMGTPE]?i?") {
            if let Ok(quantity) = Quantity::parse(&text) {
                let _ = (quantity.to_string(), quantity.value(), quantity.milli_value(), quantity.approximate());
                if let Ok(other) = Quantity::parse(&other) {
                    let _ = quantity.add(&other).to_string();
                    let _ = quantity.cmp(&other);
                }
            }
        }
    }

    #[test]
    fn parses_like_upstream() {
        let Some(cases) = oracle::lines("quantities.jsonl") else {
            return;
        };
        for case in cases {
            let text = case["in"].as_str().unwrap();
            match Quantity::parse(text) {
                Err(error) => assert_eq!(Some(error.to_string().as_str()), case["error"].as_str(), "{text}"),
                Ok(quantity) => {
                    assert_eq!(case.get("error"), None, "{text}");
                    assert_eq!(
                        quantity.to_string(),
                        case["string"].as_str().unwrap(),
                        "{text}: string"
                    );
                    assert_eq!(
                        quantity.milli_value().to_string(),
                        case["milliValue"].as_str().unwrap(),
                        "{text}: milli"
                    );
                    assert_eq!(
                        quantity.value().to_string(),
                        case["value"].as_str().unwrap(),
                        "{text}: value"
                    );
                    assert_eq!(
                        quantity.format(),
                        format_of(case["format"].as_str().unwrap()),
                        "{text}: format"
                    );
                    assert_eq!(
                        i64::from(quantity.sign()),
                        case["sign"].as_i64().unwrap(),
                        "{text}: sign"
                    );
                    let float: f64 = case["approxFloat"].as_str().unwrap().parse().unwrap();
                    let difference = (quantity.approximate() - float).abs();
                    assert!(
                        difference <= float.abs() * 1e-15,
                        "{text}: {} {float}",
                        quantity.approximate()
                    );
                }
            }
        }
    }

    #[test]
    fn formats_thousandths_like_upstream() {
        let Some(cases) = oracle::lines("milli_quantities.jsonl") else {
            return;
        };
        for case in cases {
            let milli: i64 = case["milliValue"].as_str().unwrap().parse().unwrap();
            let quantity = Quantity::from_milli(milli, format_of(case["format"].as_str().unwrap()));
            assert_eq!(quantity.to_string(), case["string"].as_str().unwrap(), "{case}");
        }
    }

    #[test]
    fn absurd_exponents_and_digits_neither_panic_nor_hang() {
        for text in [
            "1e99999999999999999999",
            "1e-999999999",
            "9".repeat(400).as_str(),
            "0.0000000000000000000000000000001Ki",
        ] {
            if let Ok(quantity) = Quantity::parse(text) {
                let _ = (quantity.to_string(), quantity.milli_value(), quantity.value());
            }
        }
    }
}

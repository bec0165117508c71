//! From floating-point numbers to quantities.

use capstan_kubeapi::{Format, Quantity};

/// 2^63: the first number that is too large for an `i64`.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// A number as kube-metrics-adapter publishes it: cut to thousandths. Numbers that do not fit in thousandths are cut to
/// units, and larger ones still become the largest quantity; `None` for NaN and infinity, which are no values.
pub fn quantity(number: f64) -> Option<Quantity> {
    if !number.is_finite() {
        return None;
    }
    let milli = number * 1000.0;
    Some(if milli.abs() < TOO_LARGE {
        Quantity::from_milli(milli as i64, Format::DecimalSI)
    } else {
        // `as` stops at the ends.
        Quantity::from_value(number as i64, Format::DecimalSI)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_thousandths_and_large_ones_stay_large() {
        let text = |number| quantity(number).map(|quantity| quantity.to_string());
        assert_eq!(text(1.5).as_deref(), Some("1500m"));
        assert_eq!(text(0.0019).as_deref(), Some("1m"), "cut, not rounded");
        assert_eq!(text(-2.0).as_deref(), Some("-2"));
        assert_eq!(text(9e15).as_deref(), Some("9P"));
        assert_eq!(text(1e17).as_deref(), Some("100P"));
        assert_eq!(text(1e300).as_deref(), Some("9223372036854775807"));
        assert_eq!(text(-1e300).as_deref(), Some("-9223372036854775808"));
        assert_eq!(text(f64::NAN), None);
        assert_eq!(text(f64::INFINITY), None);
    }
}

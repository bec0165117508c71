//! `oracle/quantities.jsonl` and `oracle/milli_quantities.jsonl`.

use capstan_kubeapi::{Format, Quantity};

use super::text;
use super::{Case, equal};

fn format_name(format: Format) -> &'static str {
    match format {
        Format::BinarySI => "BinarySI",
        Format::DecimalExponent => "DecimalExponent",
        Format::DecimalSI => "DecimalSI",
    }
}

pub(super) fn parse(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let quantity = match (Quantity::parse(text(case, "in")), case["error"].as_str()) {
        (Err(error), expected) => return equal("error", &expected, &Some(error.to_string().as_str())),
        (Ok(quantity), Some(expected)) => {
            return Err(format!("expected the error {expected:?}, got {quantity}"));
        }
        (Ok(quantity), None) => quantity,
    };
    equal("string", &text(case, "string"), &quantity.to_string().as_str())?;
    equal(
        "milliValue",
        &text(case, "milliValue"),
        &quantity.milli_value().to_string().as_str(),
    )?;
    equal(
        "value",
        &text(case, "value"),
        &quantity.value().to_string().as_str(),
    )?;
    equal("format", &text(case, "format"), &format_name(quantity.format()))?;
    equal("sign", &case["sign"].as_i64(), &Some(i64::from(quantity.sign())))?;
    equal(
        "approxFloat",
        &text(case, "approxFloat").parse().ok(),
        &Some(quantity.approximate()),
    )
}

pub(super) fn milli(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let milli: i64 = text(case, "milliValue")
        .parse()
        .map_err(|_| "milliValue is no number")?;
    let format = match text(case, "format") {
        "BinarySI" => Format::BinarySI,
        "DecimalExponent" => Format::DecimalExponent,
        _ => Format::DecimalSI,
    };
    let quantity = Quantity::from_milli(milli, format);
    equal("string", &text(case, "string"), &quantity.to_string().as_str())
}

//! A loaded value as the type of its default (N-95).

use capstan_gocompat::strconv;
use capstan_model::Value;
use serde_json::Value as Json;

/// Converts; the text is Kapacitor's.
pub(super) fn convert(loaded: &Json, default: &Value) -> Result<Value, String> {
    let converted = match (default, loaded) {
        (Value::Int(_), Json::Number(number)) => whole(number).map(Value::Int),
        (Value::Int(_), Json::String(text)) => {
            let value = strconv::parse_int_base(text, 10);
            return value
                .map(Value::Int)
                .map_err(|error| format!("cannot convert string to int64: {error}"));
        }
        (Value::Float(_), Json::Number(number)) => number.as_f64().map(Value::Float),
        (Value::Float(_), Json::String(text)) => {
            let value = strconv::parse_float(text);
            return value
                .map(Value::Float)
                .map_err(|error| format!("cannot convert string to float64: {error}"));
        }
        (Value::Bool(_), Json::Bool(value)) => Some(Value::Bool(*value)),
        (Value::Bool(_), Json::String(text)) => {
            let value = strconv::parse_bool(text);
            return value
                .map(Value::Bool)
                .map_err(|error| format!("cannot convert string to bool: {error}"));
        }
        (Value::Str(_), Json::String(text)) => Some(Value::Str(text.as_str().into())),
        (Value::Str(_), Json::Bool(value)) => Some(Value::Str(value.to_string().into())),
        (Value::Str(_), Json::Number(number)) => {
            let text = match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => value.to_string(),
                (None, Some(value)) => strconv::format_float_f(value),
                _ => number.to_string(),
            };
            Some(Value::Str(text.into()))
        }
        _ => None,
    };
    converted.ok_or_else(|| {
        format!(
            "cannot convert value of type {} to type {}",
            go_type(loaded),
            default.as_ref().type_name()
        )
    })
}

/// A number without a fraction.
fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let value = number.as_f64()?;
        let int = value as i64;
        (int as f64 == value).then_some(int)
    })
}

/// Go's name of a decoded value.
pub(super) fn go_type(loaded: &Json) -> &'static str {
    match loaded {
        Json::Null => "<nil>",
        Json::Bool(_) => "bool",
        Json::Number(_) => "float64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_take_the_type_of_the_default() {
        let text = |text: &str| Value::Str(text.into());
        for (loaded, default, wanted) in [
            (json!(3), Value::Int(0), Value::Int(3)),
            (json!(3.0), Value::Int(0), Value::Int(3)),
            (json!("7"), Value::Int(0), Value::Int(7)),
            (json!(3), Value::Float(0.0), Value::Float(3.0)),
            (json!("1e3"), Value::Float(0.0), Value::Float(1000.0)),
            (json!(true), Value::Bool(false), Value::Bool(true)),
            (json!("t"), Value::Bool(false), Value::Bool(true)),
            (json!(2.5), text(""), text("2.5")),
            (json!(false), text(""), text("false")),
        ] {
            assert_eq!(convert(&loaded, &default), Ok(wanted), "{loaded}");
        }
        assert_eq!(
            convert(&json!(3.5), &Value::Int(0)),
            Err("cannot convert value of type float64 to type int64".to_owned())
        );
        assert_eq!(
            convert(&json!([1]), &text("")),
            Err("cannot convert value of type []interface {} to type string".to_owned())
        );
    }
}

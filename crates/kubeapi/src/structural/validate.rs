//! Validation by schema, in the words of upstream's validator.

use capstan_gocompat::Regexp;
use serde_json::{Value, json};

use super::{DEEPEST, flag, join};
use crate::FieldError;

/// What is wrong with an object. Its own metadata, apiVersion and kind are not looked at.
pub fn validate(schema: &Value, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check(schema, object, "", &mut errors, 0);
    errors
}

/// The name of a value's type; whole numbers are integers.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() && number.as_f64().is_none_or(|f| f.fract() != 0.0) => {
            "number"
        }
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn invalid(errors: &mut Vec<FieldError>, path: &str, value: &Value, detail: &str) {
    errors.push(FieldError::invalid(
        path,
        value,
        &format!("{path} in body {detail}"),
    ));
}

fn wrong_type(errors: &mut Vec<FieldError>, path: &str, value: &Value, wanted: &str) {
    let found = type_of(value);
    errors.push(FieldError {
        field: path.to_owned(),
        reason: "FieldValueTypeInvalid",
        message: format!("Invalid value: \"{found}\": {path} in body must be of type {wanted}: \"{found}\""),
    });
}

fn check(schema: &Value, value: &Value, path: &str, errors: &mut Vec<FieldError>, depth: usize) {
    if depth > DEEPEST {
        errors.push(FieldError::forbidden(path, "the object is nested too deeply"));
        return;
    }
    if value.is_null() && flag(schema, "nullable") {
        return;
    }
    let found = type_of(value);
    if flag(schema, "x-kubernetes-int-or-string") {
        if !matches!(found, "integer" | "string") {
            wrong_type(errors, path, value, "integer,string");
            return;
        }
    } else if let Some(wanted) = schema.get("type").and_then(Value::as_str)
        && wanted != found
        && !(wanted == "number" && found == "integer")
    {
        wrong_type(errors, path, value, wanted);
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let texts: Vec<String> = allowed
            .iter()
            .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        errors.push(FieldError::not_supported(path, value, &texts));
    }
    match value {
        Value::Object(map) => {
            for field in crate::meta::strings(schema.get("required")) {
                if !map.contains_key(field) {
                    errors.push(FieldError::required(join(path, field), ""));
                }
            }
            count(schema, path, map.len(), "Properties", "properties", value, errors);
            let properties = schema.get("properties").and_then(Value::as_object);
            // In the schema's order, so that the findings have one.
            for (key, schema) in properties.into_iter().flatten() {
                if path.is_empty() && key == "metadata" {
                    continue;
                }
                if let Some(child) = map.get(key) {
                    check(schema, child, &join(path, key), errors, depth + 1);
                }
            }
            if let Some(schema) = schema.get("additionalProperties").filter(|s| s.is_object()) {
                for (key, child) in map {
                    if !properties.is_some_and(|p| p.contains_key(key)) {
                        check(schema, child, &join(path, key), errors, depth + 1);
                    }
                }
            }
        }
        Value::Array(items) => {
            count(schema, path, items.len(), "Items", "items", value, errors);
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    check(schema, item, &format!("{path}[{index}]"), errors, depth + 1);
                }
            }
            unique(schema, path, items, errors);
        }
        Value::String(text) => texts(schema, path, text, value, errors),
        Value::Number(_) => numbers(schema, path, value, errors),
        _ => {}
    }
    combinations(schema, path, value, errors, depth);
}

fn count(
    schema: &Value,
    path: &str,
    length: usize,
    of: &str,
    noun: &str,
    value: &Value,
    errors: &mut Vec<FieldError>,
) {
    let bound = |side: &str| {
        schema
            .get(format!("{side}{of}"))
            .and_then(Value::as_u64)
            .and_then(|bound| usize::try_from(bound).ok())
    };
    if let Some(least) = bound("min").filter(|least| length < *least) {
        invalid(
            errors,
            path,
            value,
            &format!("should have at least {least} {noun}"),
        );
    }
    if let Some(most) = bound("max").filter(|most| length > *most) {
        let item = if most == 1 { "item" } else { "items" };
        errors.push(FieldError {
            field: path.to_owned(),
            reason: "FieldValueTooMany",
            message: format!("Too many: {length}: must have at most {most} {item}"),
        });
    }
}

/// Lists that are sets or maps hold nothing twice.
fn unique(schema: &Value, path: &str, items: &[Value], errors: &mut Vec<FieldError>) {
    let keys = crate::meta::strings(schema.get("x-kubernetes-list-map-keys"));
    let identity: Box<dyn Fn(&Value) -> Value> =
        match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => Box::new(Value::clone),
            Some("map") => Box::new(|item| {
                let part = |key: &&str| ((*key).to_owned(), item.get(*key).cloned().unwrap_or(Value::Null));
                Value::Object(keys.iter().map(part).collect())
            }),
            _ => return,
        };
    let mut seen: Vec<Value> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let id = identity(item);
        if seen.contains(&id) {
            errors.push(FieldError::duplicate(format!("{path}[{index}]"), &id));
        } else {
            seen.push(id);
        }
    }
}

fn texts(schema: &Value, path: &str, text: &str, value: &Value, errors: &mut Vec<FieldError>) {
    let length = text.chars().count() as u64;
    if let Some(least) = schema
        .get("minLength")
        .and_then(Value::as_u64)
        .filter(|l| length < *l)
    {
        invalid(
            errors,
            path,
            value,
            &format!("should be at least {least} chars long"),
        );
    }
    if let Some(most) = schema
        .get("maxLength")
        .and_then(Value::as_u64)
        .filter(|m| length > *m)
    {
        errors.push(FieldError {
            field: path.to_owned(),
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {most} bytes"),
        });
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        match Regexp::new(pattern) {
            Ok(regexp) if regexp.is_match(text) => {}
            Ok(_) => invalid(errors, path, value, &format!("should match '{pattern}'")),
            Err(error) => invalid(
                errors,
                path,
                value,
                &format!("should match '{pattern}', which is no pattern: {error}"),
            ),
        }
    }
    if schema.get("format").and_then(Value::as_str) == Some("date-time") && crate::time::parse(text).is_none()
    {
        invalid(
            errors,
            path,
            value,
            &format!("must be of type date-time: \"{text}\""),
        );
    }
}

fn numbers(schema: &Value, path: &str, value: &Value, errors: &mut Vec<FieldError>) {
    let Some(number) = value.as_f64() else { return };
    let shown = |bound: &Value| bound.to_string();
    if let Some(bound) = schema.get("minimum")
        && let Some(least) = bound.as_f64()
    {
        if flag(schema, "exclusiveMinimum") {
            if number <= least {
                invalid(
                    errors,
                    path,
                    value,
                    &format!("should be greater than {}", shown(bound)),
                );
            }
        } else if number < least {
            invalid(
                errors,
                path,
                value,
                &format!("should be greater than or equal to {}", shown(bound)),
            );
        }
    }
    if let Some(bound) = schema.get("maximum")
        && let Some(most) = bound.as_f64()
    {
        if flag(schema, "exclusiveMaximum") {
            if number >= most {
                invalid(
                    errors,
                    path,
                    value,
                    &format!("should be less than {}", shown(bound)),
                );
            }
        } else if number > most {
            invalid(
                errors,
                path,
                value,
                &format!("should be less than or equal to {}", shown(bound)),
            );
        }
    }
    if let Some(bound) = schema.get("multipleOf")
        && let Some(of) = bound.as_f64().filter(|of| *of > 0.0)
    {
        let times = number / of;
        if (times - times.round()).abs() > 1e-9 {
            invalid(
                errors,
                path,
                value,
                &format!("should be a multiple of {}", shown(bound)),
            );
        }
    }
    if schema.get("format").and_then(Value::as_str) == Some("int32")
        && value.as_i64().is_none_or(|n| i32::try_from(n).is_err())
    {
        invalid(
            errors,
            path,
            value,
            &format!("must be of type int32: {}", json!(value)),
        );
    }
}

fn combinations(schema: &Value, path: &str, value: &Value, errors: &mut Vec<FieldError>, depth: usize) {
    let list = |key: &str| {
        schema
            .get(key)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    let fits = |schema: &Value| {
        let mut inner = Vec::new();
        check(schema, value, path, &mut inner, depth + 1);
        inner.is_empty()
    };
    for schema in list("allOf") {
        check(schema, value, path, errors, depth + 1);
    }
    let any = list("anyOf");
    if !any.is_empty() && !any.iter().any(fits) {
        invalid(errors, path, value, "must validate at least one schema (anyOf)");
    }
    let one = list("oneOf");
    if !one.is_empty() {
        let valid = one.iter().filter(|schema| fits(schema)).count();
        let found = match valid {
            1 => return not(schema, path, value, errors, fits),
            0 => "Found none valid".to_owned(),
            many => format!("Found {many} valid alternatives"),
        };
        invalid(
            errors,
            path,
            value,
            &format!("must validate one and only one schema (oneOf). {found}"),
        );
    }
    not(schema, path, value, errors, fits);
}

fn not(
    schema: &Value,
    path: &str,
    value: &Value,
    errors: &mut Vec<FieldError>,
    fits: impl Fn(&Value) -> bool,
) {
    if schema.get("not").is_some_and(fits) {
        invalid(errors, path, value, "must not validate the schema (not)");
    }
}

//! Checking a body against its kind's schema: types, unknown fields.

use capstan_kubeapi::{Resource, Status, schema};
use serde_json::Value;

use super::{check_type, is_checked};
use crate::objects::FieldValidation;
use crate::openapi;

/// The object with its type set, unknown fields dropped (or refused) unless it is trusted.
pub(crate) fn decode(
    resource: Resource,
    mut object: Value,
    field_validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Value, Status> {
    if !object.is_object() {
        return Err(Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of type struct",
            resource.kind
        )));
    }
    check_type(resource, &mut object)?;
    if !is_checked(field_validation) {
        return Ok(object);
    }
    let Some(node) = openapi::definitions().node(resource.definition) else {
        return Ok(object);
    };
    let refused = |why: &dyn std::fmt::Display| {
        Status::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {kind}: {why}",
            resource.version,
            kind = resource.kind
        ))
    };
    let mut unknown = Vec::new();
    let decoded = schema::decode(node, object, &mut unknown).map_err(|error| refused(&error))?;
    let fields = unknown.iter().map(|path| format!("unknown field \"{path}\""));
    match field_validation {
        FieldValidation::Strict if !unknown.is_empty() => {
            let all: Vec<String> = fields.collect();
            return Err(refused(&format!("strict decoding error: {}", all.join(", "))));
        }
        FieldValidation::Warn => warnings.extend(fields),
        _ => {}
    }
    Ok(decoded)
}

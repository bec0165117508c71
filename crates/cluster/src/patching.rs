//! Applying patches to stored objects, and keeping track of who owns which field.

use capstan_base::SharedClock;
use capstan_kubeapi::patch::{Manager, apply, strategic_merge};
use capstan_kubeapi::resource::storage_of;
use capstan_kubeapi::schema::Node;
use capstan_kubeapi::{PatchKind, Resource, Status, meta, time};
use serde_json::Value;

use crate::admission;
use crate::objects::{FieldValidation, Objects, Subresource, WriteOptions, Written};
use crate::{openapi, scale};

/// Operations in one JSON patch, as upstream.
const MAX_OPERATIONS: usize = 10_000;

fn schema_of(resource: Resource) -> Option<Node<'static>> {
    openapi::node(resource)
}

fn scale_schema(resource: Resource) -> Option<Node<'static>> {
    let name = if resource.group == "extensions" {
        "io.k8s.api.extensions.v1beta1.Scale"
    } else {
        "io.k8s.api.autoscaling.v1.Scale"
    };
    openapi::definitions().node(name)
}

/// What a patch of any kind but apply makes of an object.
pub(crate) fn patched(
    resource: Resource,
    subresource: Subresource,
    kind: PatchKind,
    current: &Value,
    patch: &Value,
) -> Result<Value, Status> {
    let mut next = current.clone();
    let mut names_version = patch.pointer("/metadata/resourceVersion").is_some();
    match kind {
        PatchKind::Json => {
            let operations: json_patch::Patch = serde_json::from_value(patch.clone())
                .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
            if operations.0.len() > MAX_OPERATIONS {
                return Err(Status::too_large(MAX_OPERATIONS));
            }
            names_version = operations
                .0
                .iter()
                .any(|o| o.path().as_str() == "/metadata/resourceVersion");
            json_patch::patch(&mut next, &operations).map_err(|error| {
                Status::unprocessable(format!(
                    "the server rejected our request due to an error in our request: {error}"
                ))
            })?;
        }
        PatchKind::Strategic if resource.custom.is_some() && subresource != Subresource::Scale => {
            return Err(Status::unsupported_media_type(
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            ));
        }
        PatchKind::Strategic => {
            let node = if subresource == Subresource::Scale {
                scale_schema(resource)
            } else {
                schema_of(resource)
            };
            next = strategic_merge(node, current, patch).map_err(|e| Status::bad_request(e.to_string()))?;
        }
        PatchKind::Merge | PatchKind::Apply => json_patch::merge(&mut next, patch),
    }
    // A patch acts on the object as it is now, unless it names a version itself.
    if !names_version {
        meta::unset(&mut next, "resourceVersion");
    }
    Ok(next)
}

/// Server-side apply.
pub(crate) fn apply(
    objects: &Objects,
    resource: Resource,
    namespace: Option<&str>,
    name: &str,
    subresource: Subresource,
    patch: &Value,
    options: &WriteOptions,
) -> Result<Written, Status> {
    if patch
        .pointer("/metadata/managedFields")
        .is_some_and(|m| m.as_array().is_none_or(|a| !a.is_empty()))
    {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    let now = time::rfc3339(objects.clock().now());
    let api_version = resource.api_version();
    let manager = Manager {
        name: &options.field_manager,
        operation: "Apply",
        api_version: &api_version,
        subresource: subresource_name(subresource),
        time: &now,
    };
    // What the merge makes is complete: nothing of it is to be dropped, and it carries its own record of owners.
    let quiet = WriteOptions {
        field_manager: String::new(),
        field_validation: FieldValidation::Trusted,
        ..options.clone()
    };
    if subresource == Subresource::Scale {
        let Some(node) = scale_schema(resource) else {
            return Err(Status::no_such_resource());
        };
        return objects.write(resource, namespace, name, subresource, &quiet, |current| {
            let merged = apply::apply(node, current, patch, &manager, options.force)?;
            scale::check_type(patch)?;
            Ok(merged)
        });
    }
    let Some(node) = schema_of(resource) else {
        return Err(Status::no_such_resource());
    };
    let mut warnings = Vec::new();
    let mut applied = admission::decode(resource, patch.clone(), options.field_validation, &mut warnings)?;
    // The main path takes no status, so that nobody comes to own one there.
    if subresource == Subresource::None
        && resource.subresource("status").is_some()
        && let Some(map) = applied.as_object_mut()
    {
        map.shift_remove("status");
    }
    let given = meta::name(&applied);
    if !given.is_empty() && given != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        )));
    }
    let conditional = !meta::resource_version(&applied).is_empty();
    let written = objects.write(resource, namespace, name, subresource, &quiet, |current| {
        let mut merged = apply::apply(node, current, &applied, &manager, options.force)?;
        if !conditional {
            meta::unset(&mut merged, "resourceVersion");
        }
        Ok(merged)
    });
    let mut written = match written {
        Err(status) if status.is_not_found() && subresource == Subresource::None => {
            if !meta::uid(&applied).is_empty() {
                return Err(Status::conflict(
                    resource.0,
                    name,
                    &format!(
                        "uid mismatch: the provided object specified uid {}, and no existing object was found",
                        meta::uid(&applied)
                    ),
                ));
            }
            meta::set(&mut applied, "name", name);
            let entry = apply::first_entry(node, &applied, &manager);
            meta::set(&mut applied, "managedFields", vec![entry]);
            objects.create_with(resource, namespace, applied, &quiet)?
        }
        other => other?,
    };
    written.warnings.extend(warnings);
    Ok(written)
}

fn subresource_name(subresource: Subresource) -> &'static str {
    match subresource {
        Subresource::Status => "status",
        Subresource::Scale => "scale",
        Subresource::None | Subresource::Finalize => "",
    }
}

/// Notes who made an object.
pub(crate) fn track_create(
    resource: Resource,
    object: &mut Value,
    options: &WriteOptions,
    clock: &SharedClock,
) {
    if options.field_manager.is_empty() {
        return;
    }
    meta::unset(object, "managedFields");
    let node = if resource.custom.is_some() {
        schema_of(resource)
    } else {
        schema_of(storage_of(resource))
    };
    let Some(node) = node else {
        return;
    };
    let (now, api_version) = (time::rfc3339(clock.now()), resource.api_version());
    // The status of a new object is the server's.
    let status = object.as_object_mut().and_then(|map| map.shift_remove("status"));
    let manager = Manager {
        name: &options.field_manager,
        operation: "Update",
        api_version: &api_version,
        subresource: "",
        time: &now,
    };
    apply::track(node, None, object, &manager);
    if let (Some(status), Some(map)) = (status, object.as_object_mut()) {
        map.insert("status".to_owned(), status);
    }
}

/// Notes who changed what.
pub(crate) fn track_update(
    resource: Resource,
    subresource: Subresource,
    current: &Value,
    next: &mut Value,
    options: &WriteOptions,
    clock: &SharedClock,
) {
    if options.field_manager.is_empty() {
        return;
    }
    let Some(node) = schema_of(resource) else { return };
    let now = if subresource == Subresource::Scale {
        String::new()
    } else {
        time::rfc3339(clock.now())
    };
    let api_version = resource.api_version();
    let manager = Manager {
        name: &options.field_manager,
        operation: "Update",
        api_version: &api_version,
        subresource: subresource_name(subresource),
        time: &now,
    };
    apply::track(node, Some(current), next, &manager);
}

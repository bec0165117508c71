//! Applying patches to stored objects, and keeping track of who owns which field.

use capstan_base::SharedClock;
use capstan_kubeapi::patch::strategic_merge;
use capstan_kubeapi::{PatchKind, Resource, Status, meta};
use serde_json::Value;

use crate::openapi;
use crate::objects::{Objects, Subresource, WriteOptions, Written};

pub(crate) fn patched(
    resource: Resource,
    subresource: Subresource,
    kind: PatchKind,
    current: &Value,
    patch: &Value,
) -> Result<Value, Status> {
    let mut next = current.clone();
    match kind {
        PatchKind::Json => {
            let operations: json_patch::Patch =
                serde_json::from_value(patch.clone()).map_err(|e| Status::bad_request(e.to_string()))?;
            json_patch::patch(&mut next, &operations).map_err(|e| Status::unprocessable(e.to_string()))?;
        }
        PatchKind::Strategic => {
            let name = if subresource == Subresource::Scale { "io.k8s.api.autoscaling.v1.Scale" } else { resource.definition };
            let node = openapi::definitions().node(name);
            next = strategic_merge(node, current, patch).map_err(|e| Status::bad_request(e.to_string()))?;
        }
        PatchKind::Merge | PatchKind::Apply => json_patch::merge(&mut next, patch),
    }
    // A patch acts on the object as it is now, unless it names a version itself.
    if patch.pointer("/metadata/resourceVersion").is_none() && kind != PatchKind::Json {
        meta::unset(&mut next, "resourceVersion");
    }
    Ok(next)
}

pub(crate) fn apply(
    objects: &Objects,
    resource: Resource,
    namespace: Option<&str>,
    name: &str,
    subresource: Subresource,
    patch: &Value,
    options: &WriteOptions,
) -> Result<Written, Status> {
    objects.write(resource, namespace, name, subresource, options, |current| {
        patched(resource, subresource, PatchKind::Merge, current, patch)
    })
}

pub(crate) fn track_create(_: Resource, _: &mut Value, _: &WriteOptions, _: &SharedClock) {}

pub(crate) fn track_update(
    _: Resource,
    _: Subresource,
    _: &Value,
    _: &mut Value,
    _: &WriteOptions,
    _: &SharedClock,
) {
}

//! What happens to an object between the request and the table: decoding, identity, defaults, rules, lifecycle.

use capstan_hpa::options::Gates;
use capstan_kubeapi::builtin::{CUSTOMRESOURCEDEFINITIONS, HORIZONTALPODAUTOSCALERS, NAMESPACES, SERVICES};
use capstan_kubeapi::{FieldError, Resource, Status, meta, time, validation};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::objects::{FieldValidation, Objects, Subresource};
use crate::views;

pub(crate) mod addresses;
mod autoscalers;
mod custom_resources;
mod decode;
mod defaults;
mod deletion;
mod names;
mod validate;

pub(crate) use decode::decode;
pub(crate) use deletion::{check_preconditions, is_finished, prepare_delete};

/// State that admission keeps between writes.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    addresses: Mutex<addresses::Addresses>,
    gates: Gates,
}

impl Admission {
    /// Nothing is given out yet.
    pub(crate) fn new(gates: Gates) -> Self {
        Self {
            gates,
            ..Self::default()
        }
    }

    /// Gives back what `old` held and `new` no longer does.
    pub(crate) fn release(&self, resource: Resource, old: &Value, new: Option<&Value>) {
        if resource == SERVICES {
            self.addresses.lock().release(old, new);
        }
    }
}

/// The objects that every cluster starts with.
pub(crate) fn bootstrap(objects: &Objects) {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        let namespace = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}});
        if let Err(error) = objects.create(NAMESPACES, None, namespace) {
            tracing::error!(%error, name, "initial namespace not created");
        }
    }
}

/// Fields of metadata that only the server writes.
const SERVER_SET: &[&str] = &[
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
];

/// Completes and checks a new object. `object` is in the stored version already.
pub(crate) fn prepare_create(
    objects: &Objects,
    resource: Resource,
    stored: Resource,
    namespace: Option<&str>,
    object: &mut Value,
    warnings: &mut Vec<String>,
) -> Result<(), Status> {
    let Some(metadata) = meta::metadata_mut(object) else {
        return Err(Status::bad_request("metadata must be an object"));
    };
    for field in SERVER_SET {
        metadata.shift_remove(*field);
    }
    if stored.namespaced {
        let namespace = namespace.unwrap_or("default");
        match metadata.get("namespace").and_then(Value::as_str) {
            None | Some("") => {}
            Some(given) if given == namespace => {}
            Some(_) => {
                return Err(Status::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
        }
        metadata.insert("namespace".to_owned(), namespace.into());
        check_namespace(objects, resource, namespace, metadata)?;
    } else {
        metadata.shift_remove("namespace");
    }
    let generate = metadata
        .get("generateName")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    if metadata
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("")
        .is_empty()
        && !generate.is_empty()
    {
        metadata.insert("name".to_owned(), names::generate(&generate).into());
    }
    let created = time::rfc3339(objects.clock().now());
    metadata.insert("uid".to_owned(), uuid::Uuid::new_v4().to_string().into());
    metadata.insert("creationTimestamp".to_owned(), created.into());
    if has_generation(stored) {
        metadata.insert("generation".to_owned(), 1.into());
    }
    order_metadata(metadata);
    if drops_status_on_create(stored)
        && let Some(map) = object.as_object_mut()
    {
        if stored.custom.is_some() {
            map.shift_remove("status");
        } else {
            map.insert("status".to_owned(), json!({}));
        }
    }
    if stored == CUSTOMRESOURCEDEFINITIONS {
        custom_resources::hold(object);
    }
    if stored == HORIZONTALPODAUTOSCALERS {
        autoscalers::prepare_create(object, objects.shared.admission.gates);
    }
    defaults::apply(resource, stored, object);
    if stored == SERVICES {
        objects.shared.admission.addresses.lock().assign(object, None)?;
    }
    let mut errors = check_metadata(stored, object);
    errors.extend(validate::create(
        resource,
        stored,
        object,
        objects.shared.admission.gates,
    ));
    if errors.is_empty() {
        validate::warnings(stored, object, warnings);
        if stored == HORIZONTALPODAUTOSCALERS {
            autoscalers::complete(object)?;
        }
        Ok(())
    } else {
        objects.shared.admission.release(stored, object, None);
        Err(Status::invalid(
            resource.group,
            resource.kind,
            meta::name(object),
            &errors,
        ))
    }
}

fn check_namespace(
    objects: &Objects,
    resource: Resource,
    namespace: &str,
    metadata: &Map<String, Value>,
) -> Result<(), Status> {
    let found = objects.get(NAMESPACES, None, namespace)?;
    if found.pointer("/status/phase").and_then(Value::as_str) == Some("Terminating")
        || meta::is_deleting(&found)
    {
        let name = metadata.get("name").and_then(Value::as_str).unwrap_or("");
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut status = Status::forbidden(resource.0, name, &why);
        if let Some(details) = &mut status.details {
            details.causes.push(capstan_kubeapi::Cause {
                reason: "NamespaceTerminating",
                message: format!("namespace {namespace} is being terminated"),
                field: "metadata.namespace".to_owned(),
            });
        }
        return Err(status);
    }
    Ok(())
}

/// Whether an update names the object that the path names.
pub(crate) fn check_identity(
    resource: Resource,
    namespace: Option<&str>,
    current: &Value,
    wanted: &Value,
) -> Result<(), Status> {
    let name = meta::name(current);
    let given = meta::name(wanted);
    if !given.is_empty() && given != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        )));
    }
    let given = meta::namespace(wanted);
    if resource.namespaced && !given.is_empty() && namespace.is_some_and(|n| n != given) {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let uid = meta::uid(wanted);
    if !uid.is_empty() && uid != meta::uid(current) {
        let stored = capstan_kubeapi::resource::storage_of(resource);
        let place = if stored.namespaced {
            format!("{}/{name}", meta::namespace(current))
        } else {
            name.to_owned()
        };
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{place}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            stored.plural,
            meta::uid(current)
        );
        return Err(Status::conflict(stored.0, name, &why));
    }
    let version = meta::resource_version(wanted);
    if !version.is_empty() && version != "0" && version != meta::resource_version(current) {
        return Err(Status::modified(
            capstan_kubeapi::resource::storage_of(resource).0,
            name,
        ));
    }
    Ok(())
}

/// Completes and checks the next state of an object.
pub(crate) fn prepare_update(
    objects: &Objects,
    resource: Resource,
    subresource: Subresource,
    current: &Value,
    wanted: &mut Value,
    warnings: &mut Vec<String>,
) -> Result<(), Status> {
    let stored = capstan_kubeapi::resource::storage_of(resource);
    if meta::metadata_mut(wanted).is_none() {
        return Err(Status::bad_request("metadata must be an object"));
    }
    match subresource {
        Subresource::Status => {
            // A status write changes the status and nothing else.
            let status = wanted.get_mut("status").map(Value::take);
            let mut next = current.clone();
            if let (Some(status), Some(map)) = (status, next.as_object_mut()) {
                map.insert("status".to_owned(), status);
            }
            *wanted = next;
            if stored == HORIZONTALPODAUTOSCALERS {
                autoscalers::complete(wanted)?;
            }
            let errors = validate::status(resource, stored, wanted);
            if !errors.is_empty() {
                return Err(Status::invalid(
                    resource.group,
                    resource.kind,
                    meta::name(current),
                    &errors,
                ));
            }
            return Ok(());
        }
        Subresource::Finalize => {
            let finalizers = wanted.pointer("/spec/finalizers").cloned();
            let mut next = current.clone();
            if let Some(spec) = meta::object_at(&mut next, "spec") {
                match finalizers {
                    Some(list) if list.as_array().is_some_and(|l| !l.is_empty()) => {
                        spec.insert("finalizers".to_owned(), list);
                    }
                    _ => {
                        spec.shift_remove("finalizers");
                    }
                }
            }
            *wanted = next;
            return Ok(());
        }
        Subresource::None | Subresource::Scale => {}
    }
    let was = current
        .get("metadata")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    if let Some(metadata) = meta::metadata_mut(wanted) {
        for field in SERVER_SET.iter().chain(&["name", "namespace", "generateName"]) {
            match was.get(*field) {
                Some(value) => metadata.insert((*field).to_owned(), value.clone()),
                None => metadata.shift_remove(*field),
            };
        }
        // Whoever sends none, as a controller that strips them does, does not disown anybody.
        if !metadata.contains_key("managedFields")
            && let Some(fields) = was.get("managedFields")
        {
            metadata.insert("managedFields".to_owned(), fields.clone());
        }
        order_metadata(metadata);
    }
    if has_status(stored)
        && let Some(map) = wanted.as_object_mut()
    {
        match current.get("status") {
            Some(status) => {
                map.insert("status".to_owned(), status.clone());
            }
            None => {
                map.shift_remove("status");
            }
        }
    }
    if stored == HORIZONTALPODAUTOSCALERS {
        autoscalers::prepare_update(wanted, current, objects.shared.admission.gates);
    }
    defaults::apply(resource, stored, wanted);
    defaults::keep(stored, current, wanted);
    if stored == SERVICES {
        objects
            .shared
            .admission
            .addresses
            .lock()
            .assign(wanted, Some(current))?;
    }
    if has_generation(stored) && differs_beyond_status(current, wanted) {
        let generation = meta::generation(current) + 1;
        meta::set(wanted, "generation", generation);
    }
    let mut errors = check_metadata(stored, wanted);
    if meta::is_deleting(current) {
        let before = meta::finalizers(current);
        let added: Vec<&str> = meta::finalizers(wanted)
            .into_iter()
            .filter(|f| !before.contains(f))
            .collect();
        if !added.is_empty() {
            errors.push(FieldError::forbidden(
                "metadata.finalizers",
                &format!("no new finalizers can be added if the object is being deleted, found new finalizers []string{added:?}"),
            ));
        }
    }
    errors.extend(validate::update(
        resource,
        stored,
        current,
        wanted,
        objects.shared.admission.gates,
    ));
    if errors.is_empty() {
        validate::warnings(stored, wanted, warnings);
        if stored == HORIZONTALPODAUTOSCALERS {
            autoscalers::complete(wanted)?;
        }
        Ok(())
    } else {
        Err(Status::invalid(
            resource.group,
            resource.kind,
            meta::name(current),
            &errors,
        ))
    }
}

/// Kinds whose `metadata.generation` counts changes of the spec.
fn has_generation(stored: Resource) -> bool {
    matches!(
        (stored.group, stored.plural),
        ("apps", _)
            | ("", "replicationcontrollers" | "pods")
            | ("discovery.k8s.io" | "apiextensions.k8s.io", _)
    ) || stored.custom.is_some()
}

fn has_status(stored: Resource) -> bool {
    stored.subresource("status").is_some()
}

/// Kinds whose status a create cannot set. (Pods' and nodes' can: runners and tools make them with one.)
fn drops_status_on_create(stored: Resource) -> bool {
    has_status(stored) && !matches!(stored.plural, "pods" | "nodes" | "namespaces")
}

fn differs_beyond_status(current: &Value, wanted: &Value) -> bool {
    let (Some(before), Some(after)) = (current.as_object(), wanted.as_object()) else {
        return true;
    };
    let parts = |map: &Map<String, Value>| -> Vec<(String, Value)> {
        map.iter()
            .filter(|(key, _)| !matches!(key.as_str(), "metadata" | "status" | "kind" | "apiVersion"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    // Order of fields means nothing.
    let (before, after) = (parts(before), parts(after));
    before.len() != after.len()
        || before
            .iter()
            .any(|(key, value)| !after.iter().any(|(k, v)| k == key && v == value))
}

/// Metadata in the order in which the real server writes it.
fn order_metadata(metadata: &mut Map<String, Value>) {
    const ORDER: &[&str] = &[
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "labels",
        "annotations",
        "ownerReferences",
        "finalizers",
        "managedFields",
    ];
    // Empty maps and lists are left out on the wire.
    metadata.retain(|_, value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    });
    let mut ordered = Map::with_capacity(metadata.len());
    for field in ORDER {
        if let Some(value) = metadata.shift_remove(*field) {
            ordered.insert((*field).to_owned(), value);
        }
    }
    ordered.append(metadata);
    *metadata = ordered;
}

fn check_metadata(stored: Resource, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = meta::name(object);
    if name.is_empty() {
        errors.push(FieldError::required(
            "metadata.name",
            "name or generateName is required",
        ));
    } else {
        for error in names::check(stored, name) {
            errors.push(FieldError::invalid("metadata.name", &json!(name), &error));
        }
    }
    errors.extend(validate::labels("metadata.labels", meta::labels(object)));
    if let Some(annotations) = object.pointer("/metadata/annotations").and_then(Value::as_object) {
        let mut size = 0;
        for (key, value) in annotations {
            size += key.len() + value.as_str().map_or(0, str::len);
            for error in validation::qualified_name(&key.to_lowercase()) {
                errors.push(FieldError::invalid("metadata.annotations", &json!(key), &error));
            }
        }
        if size > 256 * 1024 {
            errors.push(FieldError {
                field: "metadata.annotations".to_owned(),
                reason: "FieldValueTooLong",
                message: "Too long: may not be more than 262144 bytes".to_owned(),
            });
        }
    }
    for (index, finalizer) in meta::finalizers(object).into_iter().enumerate() {
        for error in validation::qualified_name(finalizer) {
            errors.push(FieldError::invalid(
                format!("metadata.finalizers[{index}]"),
                &json!(finalizer),
                &error,
            ));
        }
    }
    for (index, owner) in meta::owner_references(object).iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.get(field).and_then(Value::as_str).unwrap_or("").is_empty() {
                let detail = if field == "apiVersion" {
                    "version must not be empty"
                } else {
                    "must not be empty"
                };
                let path = format!("metadata.ownerReferences[{index}].{field}");
                errors.push(FieldError::invalid(path, &json!(""), detail));
            }
        }
    }
    errors
}

/// What a body must be to stand for a kind, before anything else is looked at.
pub(crate) fn check_type(resource: Resource, object: &mut Value) -> Result<(), Status> {
    let given = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
    let (api_version, kind) = (given("apiVersion"), given("kind"));
    let same_kind = kind.is_empty() || kind == resource.kind;
    let same_version = api_version.is_empty() || api_version == resource.api_version();
    if same_kind && same_version {
        views::set_type(object, &resource.api_version(), resource.kind);
        return Ok(());
    }
    let (group, version) = capstan_kubeapi::resource::split_api_version(&api_version);
    if same_kind && !same_version {
        let known = capstan_kubeapi::resource::find_kind(&api_version, &kind).is_some();
        if known || group == resource.group {
            return Err(Status::bad_request(format!(
                "the API version in the data ({api_version}) does not match the expected API version ({})",
                resource.api_version()
            )));
        }
    }
    if capstan_kubeapi::resource::find_kind(&api_version, &kind).is_none() {
        return Err(Status::bad_request(format!(
            "no kind \"{kind}\" is registered for version \"{api_version}\" in scheme \"pkg/api/legacyscheme/scheme.go:30\""
        )));
    }
    let package = if resource.group.is_empty() {
        "core"
    } else {
        resource.group.split('.').next().unwrap_or("")
    };
    Err(Status::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a {}: converting ({version}.{kind}) to ({package}.{}): unknown conversion",
        resource.kind, resource.kind
    )))
}

/// Whether a write wants its fields checked.
pub(crate) fn is_checked(field_validation: FieldValidation) -> bool {
    field_validation != FieldValidation::Trusted
}

//! From a `CustomResourceDefinition` to the resources it makes.

use capstan_kubeapi::builtin::CUSTOMRESOURCEDEFINITIONS;
use capstan_kubeapi::custom::{Custom, ScalePaths};
use capstan_kubeapi::jsonpath::JsonPath;
use capstan_kubeapi::resource::{ALL_VERBS, SUBRESOURCE_VERBS, SubresourceType};
use capstan_kubeapi::schema::Definitions;
use capstan_kubeapi::table::Column;
use capstan_kubeapi::{Resource, ResourceType, meta, structural};
use serde_json::{Value, json};

use crate::aggregation::documents::maturity;
use crate::openapi;

/// Finds or makes what lives as long as the process, by the text it is made from.
pub(super) type Intern<'a> = dyn FnMut(String, &dyn Fn() -> ResourceType) -> Option<Resource> + 'a;

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

fn forever(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn texts(value: Option<&Value>) -> &'static [&'static str] {
    let texts: Vec<&'static str> = meta::strings(value).into_iter().map(forever).collect();
    Box::leak(texts.into_boxed_slice())
}

/// The table of a definition's objects, and its served versions, the preferred one first. `None` when it has no storage
/// version, or there is no room.
pub(super) fn resources(definition: &Value, intern: &mut Intern<'_>) -> Option<(Resource, Vec<Resource>)> {
    let spec = definition.get("spec")?;
    let mut versions: Vec<&Value> = spec.get("versions")?.as_array()?.iter().collect();
    let is = |version: &Value, field: &str| version.get(field).and_then(Value::as_bool) == Some(true);
    let stored = versions.iter().copied().find(|v| is(v, "storage"))?;
    let names = json!([spec.get("group"), spec.get("names"), spec.get("scope")]);
    let storage = intern(format!("table {names} {stored}"), &|| {
        resource_type(spec, stored, "", None)
    })?;
    versions.retain(|version| is(version, "served"));
    versions.sort_by_key(|version| std::cmp::Reverse(maturity(text(version, "/name"))));
    let mut served = Vec::with_capacity(versions.len());
    for version in versions {
        let key = format!(
            "version {names} {version} {}",
            std::ptr::from_ref(storage.0).addr()
        );
        served.push(intern(key, &|| {
            resource_type(spec, version, text(version, "/name"), Some(storage.0))
        })?);
    }
    Some((storage, served))
}

fn resource_type(
    spec: &Value,
    version: &Value,
    name: &str,
    table: Option<&'static ResourceType>,
) -> ResourceType {
    let group = text(spec, "/group");
    let kind = text(spec, "/names/kind");
    let definition = {
        let mut parts: Vec<&str> = group.split('.').collect();
        parts.reverse();
        format!("{}.{}.{kind}", parts.join("."), text(version, "/name"))
    };
    let custom = custom(spec, version, &definition);
    ResourceType {
        group: forever(group),
        version: forever(name),
        plural: forever(text(spec, "/names/plural")),
        singular: forever(text(spec, "/names/singular")),
        kind: forever(kind),
        namespaced: text(spec, "/scope") != "Cluster",
        short_names: texts(spec.pointer("/names/shortNames")),
        categories: texts(spec.pointer("/names/categories")),
        verbs: ALL_VERBS,
        subresources: subresources(version),
        stored_as: table,
        storage_version_hash: "",
        definition: forever(&definition),
        custom: Some(Box::leak(Box::new(custom))),
    }
}

fn subresources(version: &Value) -> &'static [SubresourceType] {
    let mut all = Vec::new();
    if version
        .pointer("/subresources/scale")
        .is_some_and(Value::is_object)
    {
        all.push(SubresourceType {
            name: "scale",
            gvk: Some(("autoscaling", "v1", "Scale")),
            verbs: SUBRESOURCE_VERBS,
        });
    }
    if version
        .pointer("/subresources/status")
        .is_some_and(Value::is_object)
    {
        all.push(SubresourceType {
            name: "status",
            gvk: None,
            verbs: SUBRESOURCE_VERBS,
        });
    }
    Box::leak(all.into_boxed_slice())
}

fn custom(spec: &Value, version: &Value, name: &str) -> Custom {
    let schema = version
        .pointer("/schema/openAPIV3Schema")
        .cloned()
        .unwrap_or_else(|| json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    let definitions = structural::definitions(
        name,
        &schema,
        text(spec, "/group"),
        text(version, "/name"),
        text(spec, "/names/kind"),
        openapi::definitions().map(),
    );
    let (columns, paths) = columns(version);
    Custom {
        schema,
        definitions: Definitions::new(definitions),
        columns,
        paths,
        scale: scale(version),
    }
}

fn scale(version: &Value) -> Option<ScalePaths> {
    let scale = version.pointer("/subresources/scale")?;
    let path = |field: &str| -> Option<Vec<String>> {
        let path = JsonPath::parse(scale.get(field)?.as_str()?)?;
        Some(path.fields()?.into_iter().map(str::to_owned).collect())
    };
    Some(ScalePaths {
        spec_replicas: path("specReplicasPath")?,
        status_replicas: path("statusReplicasPath")?,
        label_selector: path("labelSelectorPath"),
    })
}

/// Columns of tables; without any of its own a kind shows its age.
fn columns(version: &Value) -> (Vec<Column>, Vec<JsonPath>) {
    // The name reads the same everywhere.
    let mut columns: Vec<Column> = capstan_kubeapi::table::columns(CUSTOMRESOURCEDEFINITIONS)[..1].to_vec();
    let mut paths = Vec::new();
    let own = version.get("additionalPrinterColumns").and_then(Value::as_array);
    for column in own.into_iter().flatten() {
        let Some(path) = JsonPath::parse(text(column, "/jsonPath")) else {
            continue;
        };
        columns.push(Column {
            name: forever(text(column, "/name")),
            type_: forever(text(column, "/type")),
            format: forever(text(column, "/format")),
            description: match text(column, "/description") {
                "" => forever(&format!(
                    "Custom resource definition column (in JSONPath format): {}",
                    text(column, "/jsonPath")
                )),
                description => forever(description),
            },
            priority: column
                .get("priority")
                .and_then(Value::as_i64)
                .and_then(|p| i32::try_from(p).ok())
                .unwrap_or(0),
        });
        paths.push(path);
    }
    if paths.is_empty()
        && let Some(path) = JsonPath::parse(".metadata.creationTimestamp")
    {
        columns.push(Column {
            name: "Age",
            type_: "date",
            format: "",
            description: "CreationTimestamp is a timestamp representing the server time when this object was created.",
            priority: 0,
        });
        paths.push(path);
    }
    (columns, paths)
}

//! Definitions as OpenAPI v2 has them, from `k8s-openapi`'s schemas.

use capstan_hpa::conversion::Version;
use capstan_hpa::wire;
use capstan_kubeapi::merge_keys;
use capstan_kubeapi::resource::builtin;
use k8s_openapi::api::{
    apps, authentication, authorization, autoscaling, coordination, core, discovery, events, policy, rbac,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

const APPS: &str = "io.k8s.api.apps.v1.";
const EXTENSIONS: &str = "io.k8s.api.extensions.v1beta1.";
const GVK: &str = "x-kubernetes-group-version-kind";

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// The definition of what a subresource returns.
pub(super) fn of_kind((group, version, kind): (&str, &str, &str)) -> Option<&'static str> {
    match (group, version, kind) {
        ("autoscaling", "v1", "Scale") => Some("io.k8s.api.autoscaling.v1.Scale"),
        ("extensions", "v1beta1", "Scale") => Some("io.k8s.api.extensions.v1beta1.Scale"),
        ("policy", "v1", "Eviction") => Some("io.k8s.api.policy.v1.Eviction"),
        _ => None,
    }
}

/// Every definition, with references, merge keys and kinds as upstream's document has them.
pub(super) fn build() -> Map<String, Value> {
    let mut settings = SchemaSettings::default();
    settings.definitions_path = "/definitions".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    add::<apiregistration::v1::APIService>(&mut generator);
    add::<apiextensions::v1::CustomResourceDefinition>(&mut generator);
    add::<core::v1::ConfigMap>(&mut generator);
    add::<core::v1::Endpoints>(&mut generator);
    add::<core::v1::Event>(&mut generator);
    add::<core::v1::Namespace>(&mut generator);
    add::<core::v1::Node>(&mut generator);
    add::<core::v1::Pod>(&mut generator);
    add::<core::v1::ReplicationController>(&mut generator);
    add::<core::v1::Secret>(&mut generator);
    add::<core::v1::Service>(&mut generator);
    add::<core::v1::ServiceAccount>(&mut generator);
    add::<apps::v1::Deployment>(&mut generator);
    add::<apps::v1::ReplicaSet>(&mut generator);
    add::<apps::v1::StatefulSet>(&mut generator);
    add::<events::v1::Event>(&mut generator);
    add::<authentication::v1::SelfSubjectReview>(&mut generator);
    add::<authentication::v1::TokenReview>(&mut generator);
    add::<authorization::v1::LocalSubjectAccessReview>(&mut generator);
    add::<authorization::v1::SelfSubjectAccessReview>(&mut generator);
    add::<authorization::v1::SelfSubjectRulesReview>(&mut generator);
    add::<authorization::v1::SubjectAccessReview>(&mut generator);
    add::<autoscaling::v1::Scale>(&mut generator);
    add::<autoscaling::v1::HorizontalPodAutoscaler>(&mut generator);
    add::<autoscaling::v2::HorizontalPodAutoscaler>(&mut generator);
    add::<coordination::v1::Lease>(&mut generator);
    add::<discovery::v1::EndpointSlice>(&mut generator);
    add::<rbac::v1::ClusterRole>(&mut generator);
    add::<rbac::v1::ClusterRoleBinding>(&mut generator);
    add::<rbac::v1::Role>(&mut generator);
    add::<rbac::v1::RoleBinding>(&mut generator);
    add::<policy::v1::Eviction>(&mut generator);
    add::<meta::v1::DeleteOptions>(&mut generator);
    add::<meta::v1::Status>(&mut generator);
    let mut definitions: Map<String, Value> = generator.take_definitions(true);
    for (name, schema) in &mut definitions {
        if let Some(schema) = schema.as_object_mut() {
            schema.shift_remove("title");
            simplify(name, schema);
            merge_keys::annotate(name, schema);
        }
    }
    extensions(&mut definitions);
    autoscalers(&mut definitions);
    kinds(&mut definitions);
    definitions.sort_keys();
    definitions
}

/// What may be of any type has none in upstream's document (as the defaults and shapes that a custom resource's schema
/// holds), else older clients refuse it; names are without their package.
const UNTYPED: [&str; 4] = [
    "JSON",
    "JSONSchemaPropsOrArray",
    "JSONSchemaPropsOrBool",
    "JSONSchemaPropsOrStringArray",
];

/// Quantities and the like are texts in upstream's document.
fn simplify(name: &str, schema: &mut Map<String, Value>) {
    if name
        .strip_prefix("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.")
        .is_some_and(|name| UNTYPED.contains(&name))
    {
        schema.retain(|key, _| key == "description");
    }
    if schema.shift_remove("x-kubernetes-int-or-string").is_some() {
        schema.insert("type".to_owned(), "string".into());
        if name.ends_with(".IntOrString") {
            schema.insert("format".to_owned(), "int-or-string".into());
        }
    }
}

/// `extensions/v1beta1`: the same shapes under their old names, the selector optional, and the old `Scale`.
fn extensions(definitions: &mut Map<String, Value>) {
    let meta = |field: &str| {
        definitions
            .get(&format!("{APPS}Deployment"))
            .and_then(|d| d.pointer(&format!("/properties/{field}")).cloned())
    };
    let (api_version, kind, metadata) = (meta("apiVersion"), meta("kind"), meta("metadata"));
    for kind in ["Deployment", "ReplicaSet"] {
        for part in ["", "Spec"] {
            let Some(mut schema) = definitions.get(&format!("{APPS}{kind}{part}")).cloned() else {
                continue;
            };
            if part.is_empty() {
                if let Some(reference) = schema.pointer_mut("/properties/spec/$ref") {
                    *reference = format!("#/definitions/{EXTENSIONS}{kind}Spec").into();
                }
            } else if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
                required.retain(|field| field != "selector");
            }
            definitions.insert(format!("{EXTENSIONS}{kind}{part}"), schema);
        }
    }
    let replicas = json!({"description": "Number of instances.", "type": "integer", "format": "int32"});
    definitions.insert(
        format!("{EXTENSIONS}ScaleSpec"),
        json!({"description": "The wanted size.", "type": "object", "properties": {"replicas": replicas}}),
    );
    definitions.insert(
        format!("{EXTENSIONS}ScaleStatus"),
        json!({
            "description": "The size as it is.",
            "type": "object",
            "required": ["replicas"],
            "properties": {
                "replicas": replicas,
                "selector": {
                    "description": "Labels of the pods that are counted.",
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                },
                "targetSelector": {
                    "description": "The same as query text, which can say more than labels.",
                    "type": "string",
                },
            },
        }),
    );
    definitions.insert(
        format!("{EXTENSIONS}Scale"),
        json!({
            "description": "A request for a size of a deployment or replica set.",
            "type": "object",
            "properties": {
                "apiVersion": api_version,
                "kind": kind,
                "metadata": metadata,
                "spec": {"$ref": format!("#/definitions/{EXTENSIONS}ScaleSpec")},
                "status": {"$ref": format!("#/definitions/{EXTENSIONS}ScaleStatus")},
            },
        }),
    );
}

/// The versions of `HorizontalPodAutoscaler` that no crate has types of any more.
fn autoscalers(definitions: &mut Map<String, Value>) {
    for version in [Version::V2Beta2, Version::V2Beta1] {
        let mut schema = wire::schema(version.kind());
        if let Some(metadata) = schema.pointer_mut("/properties/metadata") {
            *metadata = json!({"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"});
        }
        if let Some(map) = schema.as_object_mut() {
            let text = "Scales the resource behind scaleTargetRef by metrics. Use autoscaling/v2.";
            map.insert("description".to_owned(), text.into());
        }
        let name = format!(
            "io.k8s.api.autoscaling.{}.HorizontalPodAutoscaler",
            version.name()
        );
        definitions.insert(name, schema);
    }
}

fn kinds(definitions: &mut Map<String, Value>) {
    let mut put = |name: &str, group: &str, version: &str, kind: &str| {
        if let Some(schema) = definitions.get_mut(name).and_then(Value::as_object_mut) {
            let entry = json!({"group": group, "kind": kind, "version": version});
            match schema.get_mut(GVK).and_then(Value::as_array_mut) {
                Some(list) => list.push(entry),
                None => {
                    schema.insert(GVK.to_owned(), json!([entry]));
                }
            }
        }
    };
    let mut seen = Vec::new();
    for resource in builtin() {
        put(
            resource.definition,
            resource.group,
            resource.version,
            resource.kind,
        );
        if !seen.contains(&(resource.group, resource.version)) {
            seen.push((resource.group, resource.version));
            put(
                "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
                resource.group,
                resource.version,
                "DeleteOptions",
            );
        }
    }
    for gvk in [
        ("autoscaling", "v1", "Scale"),
        ("extensions", "v1beta1", "Scale"),
        ("policy", "v1", "Eviction"),
    ] {
        if let Some(name) = of_kind(gvk) {
            put(name, gvk.0, gvk.1, gvk.2);
        }
    }
    put("io.k8s.apimachinery.pkg.apis.meta.v1.Status", "", "v1", "Status");
}

/// A definition as OpenAPI v3 writes it; the names it refers to go to `wanted`.
pub(super) fn to_v3(schema: &mut Value, wanted: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                let name = reference.rsplit('/').next().unwrap_or("").to_owned();
                let target = json!({"$ref": format!("#/components/schemas/{name}")});
                wanted.push(name);
                map.shift_remove("$ref");
                if map.is_empty() {
                    *schema = target;
                    return;
                }
                // Version 3 ignores what stands beside a reference.
                map.insert("allOf".to_owned(), json!([target]));
                return;
            }
            for value in map.values_mut() {
                to_v3(value, wanted);
            }
        }
        Value::Array(list) => {
            for value in list {
                to_v3(value, wanted);
            }
        }
        _ => {}
    }
}

//! Custom resources: served as they are defined, and gone with their definition.

use axum::body::Body;
use axum::extract::Request;
use capstan_cluster::DeleteOptions;
use capstan_kubeapi::builtin::{CONFIGMAPS, CUSTOMRESOURCEDEFINITIONS};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{DEADLINE, Running, cluster};

async fn send(cluster: &Running, method: &str, path: &str, kind: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", cluster.admin_token()))
        .header("content-type", kind)
        .body(Body::from(if body.is_null() {
            String::new()
        } else {
            body.to_string()
        }))
        .unwrap();
    let response = cluster.router().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn get(cluster: &Running, path: &str) -> (u16, Value) {
    send(cluster, "GET", path, "application/json", &Value::Null).await
}

async fn post(cluster: &Running, path: &str, body: &Value) -> (u16, Value) {
    send(cluster, "POST", path, "application/json", body).await
}

fn definition(group: &str, plural: &str, kind: &str, scope: &str) -> Value {
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 1},
            "mode": {"type": "string", "enum": ["Own", "Shadow"], "default": "Own"},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        }},
        "status": {"type": "object", "properties": {"size": {"type": "integer"}}},
    }});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": scope, "names": {"plural": plural, "kind": kind}, "versions": [
            {"name": "v1beta1", "served": true, "storage": false, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}},
            {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}}},
        ]},
    })
}

/// Waits until a condition of a definition is as wanted.
async fn condition(cluster: &Running, name: &str, kind: &str, status: &str) -> Value {
    let mut watch = cluster
        .objects()
        .watch(CUSTOMRESOURCEDEFINITIONS, None, None)
        .unwrap();
    tokio::time::timeout(DEADLINE, async {
        loop {
            let event = watch.next().await.unwrap();
            let conditions = event.object["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let found = conditions
                .into_iter()
                .find(|c| c["type"] == kind && c["status"] == status);
            if let Some(found) = found.filter(|_| event.object["metadata"]["name"] == name) {
                return found;
            }
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{name} never became {kind}={status}"))
}

const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_makes_a_kind_and_takes_its_objects_with_it() {
    let cluster = cluster("127.196.0.0/16").await;
    assert_eq!(get(&cluster, WIDGETS).await.0, 404);
    let (code, made) = post(
        &cluster,
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        &definition("example.com", "widgets", "Widget", "Namespaced"),
    )
    .await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(made["spec"]["names"]["listKind"], "WidgetList");
    let established = condition(&cluster, "widgets.example.com", "Established", "True").await;
    assert_eq!(established["reason"], "InitialNamesAccepted");

    let widget = |name: &str, spec: Value| json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name, "frob": 1}, "spec": spec});
    let (code, made) = post(
        &cluster,
        WIDGETS,
        &widget("a", json!({"size": 3, "unknown": 1, "free": {"x": {"y": 1}}})),
    )
    .await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(
        made["spec"],
        json!({"size": 3, "free": {"x": {"y": 1}}, "mode": "Own"})
    );
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(
        made["metadata"]["managedFields"][0]["apiVersion"],
        "example.com/v1"
    );
    assert_eq!(made.get("status"), None);
    let (code, refused) = post(&cluster, WIDGETS, &widget("b", json!({"size": 0, "mode": "X"}))).await;
    assert_eq!(code, 422);
    assert_eq!(
        refused["message"],
        "Widget.example.com \"b\" is invalid: [spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1, spec.mode: Unsupported value: \"X\": supported values: \"Own\", \"Shadow\"]"
    );
    let (code, refused) = post(
        &cluster,
        &format!("{WIDGETS}?fieldValidation=Strict"),
        &widget("b", json!({"size": 1, "unknown": 1})),
    )
    .await;
    assert_eq!(code, 400);
    assert_eq!(
        refused["message"],
        "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \"metadata.frob\", unknown field \"spec.unknown\""
    );

    // Every version shows the same object.
    let (_, old) = get(&cluster, "/apis/example.com/v1beta1/namespaces/default/widgets/a").await;
    assert_eq!(old["apiVersion"], "example.com/v1beta1");
    assert_eq!(old["spec"], made["spec"]);
    let (code, _) = send(
        &cluster,
        "PATCH",
        &format!("{WIDGETS}/a/status"),
        "application/merge-patch+json",
        &json!({"status": {"size": 2}, "spec": {"size": 9}}),
    )
    .await;
    assert_eq!(code, 200);
    let (_, scale) = get(&cluster, &format!("{WIDGETS}/a/scale")).await;
    assert_eq!(
        (&scale["spec"], &scale["status"]),
        (&json!({"replicas": 3}), &json!({"replicas": 2}))
    );
    let (code, _) = send(
        &cluster,
        "PATCH",
        &format!("{WIDGETS}/a/scale"),
        "application/merge-patch+json",
        &json!({"spec": {"replicas": 7}}),
    )
    .await;
    assert_eq!(code, 200);
    let (_, now) = get(&cluster, &format!("{WIDGETS}/a")).await;
    assert_eq!(
        (
            &now["spec"]["size"],
            &now["status"]["size"],
            &now["metadata"]["generation"]
        ),
        (&json!(7), &json!(2), &json!(2))
    );
    let (code, _) = send(
        &cluster,
        "PATCH",
        &format!("{WIDGETS}/a"),
        "application/strategic-merge-patch+json",
        &json!({"spec": {"size": 1}}),
    )
    .await;
    assert_eq!(code, 415);

    // What belongs to a custom object goes with it.
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "ownerReferences": [
        {"apiVersion": "example.com/v1", "kind": "Widget", "name": "a", "uid": now["metadata"]["uid"]}]}});
    cluster
        .objects()
        .create(CONFIGMAPS, Some("default"), map)
        .unwrap();
    let mut maps = cluster
        .objects()
        .watch(CONFIGMAPS, Some("default"), None)
        .unwrap();
    let (_, group) = get(&cluster, "/apis/example.com").await;
    assert_eq!(group["preferredVersion"]["version"], "v1");
    let (_, list) = get(&cluster, "/apis/example.com/v1").await;
    assert_eq!(list["resources"].as_array().unwrap().len(), 3);
    let (code, openapi) = get(&cluster, "/openapi/v3/apis/example.com/v1").await;
    assert_eq!(code, 200);
    assert!(openapi["components"]["schemas"]["com.example.v1.Widget"]["properties"]["spec"].is_object());
    let (_, service) = get(
        &cluster,
        "/apis/apiregistration.k8s.io/v1/apiservices/v1.example.com",
    )
    .await;
    assert_eq!(service["status"]["conditions"][0]["reason"], "Local");

    cluster
        .objects()
        .delete(
            CUSTOMRESOURCEDEFINITIONS,
            None,
            "widgets.example.com",
            &DeleteOptions::default(),
        )
        .unwrap();
    tokio::time::timeout(DEADLINE, async {
        loop {
            let event = maps.next().await.unwrap();
            if event.kind == capstan_cluster::EventKind::Deleted
                && event.object["metadata"]["name"] == "owned"
            {
                return;
            }
        }
    })
    .await
    .unwrap();
    tokio::time::timeout(DEADLINE, async {
        while get(&cluster, WIDGETS).await.0 != 404 || get(&cluster, "/apis/example.com").await.0 != 404 {
            capstan_runtime::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    // The same kind again begins empty.
    cluster
        .objects()
        .create(
            CUSTOMRESOURCEDEFINITIONS,
            None,
            definition("example.com", "widgets", "Widget", "Namespaced"),
        )
        .unwrap();
    condition(&cluster, "widgets.example.com", "Established", "True").await;
    assert_eq!(get(&cluster, WIDGETS).await.1["items"], json!([]));
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_have_rules_and_names_are_taken_once() {
    let cluster = cluster("127.197.0.0/16").await;
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let mut bad = definition("example.com", "things", "Thing", "Namespaced");
    bad["metadata"]["name"] = json!("other.example.com");
    bad["spec"]["versions"][0]["storage"] = json!(true);
    bad["spec"]["versions"][1]["schema"] = json!(null);
    let (code, refused) = post(&cluster, path, &bad).await;
    assert_eq!(code, 422);
    let fields: Vec<&str> = refused["details"]["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "metadata.name",
            "spec.versions",
            "spec.versions[1].schema.openAPIV3Schema"
        ]
    );
    assert_eq!(
        post(
            &cluster,
            path,
            &definition("example.com", "things", "Thing", "Cluster")
        )
        .await
        .0,
        201
    );
    condition(&cluster, "things.example.com", "Established", "True").await;
    let (code, _) = post(&cluster, "/apis/example.com/v1/things", &json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"size": 1}})).await;
    assert_eq!(code, 201);
    // Another kind of the same name has to wait until the name is free.
    assert_eq!(
        post(
            &cluster,
            path,
            &definition("example.com", "thingies", "Thing", "Cluster")
        )
        .await
        .0,
        201
    );
    let taken = condition(&cluster, "thingies.example.com", "NamesAccepted", "False").await;
    assert_eq!(
        (&taken["reason"], &taken["message"]),
        (&json!("SingularConflict"), &json!("\"thing\" is already in use"))
    );
    assert_eq!(get(&cluster, "/apis/example.com/v1/thingies").await.0, 404);
    cluster
        .objects()
        .delete(
            CUSTOMRESOURCEDEFINITIONS,
            None,
            "things.example.com",
            &DeleteOptions::default(),
        )
        .unwrap();
    condition(&cluster, "thingies.example.com", "Established", "True").await;
    assert_eq!(get(&cluster, "/apis/example.com/v1/thingies").await.0, 200);
    cluster.shutdown().await;
}

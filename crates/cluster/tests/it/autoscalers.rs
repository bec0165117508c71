//! `HorizontalPodAutoscaler`s through the API, against what the real server answered.

use axum::body::Body;
use capstan_kubeapi::builtin::HORIZONTALPODAUTOSCALERS;
use serde_json::{Value, json};

use crate::wire::{Answer, Api, api, golden};

const V2: &str = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";
const V1: &str = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";

/// Without what differs from run to run.
fn neutral(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["uid", "resourceVersion", "creationTimestamp"] {
            if metadata.contains_key(field) {
                metadata.insert(field.to_owned(), json!("set by the server"));
            }
        }
        for entry in metadata
            .get_mut("managedFields")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            entry["time"] = json!("set by the server");
        }
    }
    object
}

/// Sends what a golden file sent; the body may be changed before.
async fn replay(api: &Api, file: &Value, change: impl FnOnce(&mut Value)) -> Answer {
    let request = &file["request"];
    let mut body = request["body"].clone();
    change(&mut body);
    let kind = request["headers"]["Content-Type"]
        .as_str()
        .unwrap_or("application/json");
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let method = request["method"].as_str().unwrap();
    api.send(
        method,
        request["path"].as_str().unwrap(),
        &[("content-type", kind)],
        Body::from(text),
    )
    .await
}

/// The identity of an object as it is now, in the body of a replayed write.
fn identify(api: &Api, name: &str, body: &mut Value) {
    let now = api
        .objects
        .get(HORIZONTALPODAUTOSCALERS, Some("default"), name)
        .unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        body["metadata"][field] = now["metadata"][field].clone();
    }
}

#[tokio::test]
async fn writes_give_what_the_real_server_gives() {
    if golden("writes/create-minimal.json").is_none() {
        return;
    }
    let api = api();
    // In the order in which they were recorded: each builds on the one before.
    for (name, object) in [
        ("create-minimal", None),
        ("merge-patch", None),
        ("json-patch", None),
        ("strategic-merge-patch", None),
        ("apply", None),
        ("put-status", Some("ssa")),
        ("put-spec-ignores-status", Some("ssa")),
        ("dry-run-create", None),
    ] {
        let file = golden(&format!("writes/{name}.json")).unwrap();
        let answer = replay(&api, &file, |body| {
            if let Some(object) = object {
                identify(&api, object, body);
            }
        })
        .await;
        let real = &file["response"];
        assert_eq!(json!(answer.code), real["status"], "{name}: {}", answer.text);
        assert_eq!(neutral(&answer.json()), neutral(&real["body"]), "{name}");
        // Even the order of the fields is the real one.
        assert_eq!(
            answer.json()["spec"].to_string(),
            real["body"]["spec"].to_string(),
            "{name}"
        );
    }
    let file = golden("errors/422-negative-status.json").unwrap();
    let answer = replay(&api, &file, |body| identify(&api, "ssa", body)).await;
    assert_eq!(answer.json(), file["response"]["body"]);
}

#[tokio::test]
async fn failures_read_as_the_real_server_words_them() {
    let api = api();
    for name in [
        "422-invalid-hpa",
        "400-bad-quantity",
        "field-validation-Strict",
        "field-validation-Warn",
    ] {
        let Some(file) = golden(&format!("errors/{name}.json")) else {
            return;
        };
        let answer = replay(&api, &file, |_| {}).await;
        assert_eq!(
            neutral(&answer.json()),
            neutral(&file["response"]["body"]),
            "{name}"
        );
    }
}

#[tokio::test]
async fn every_object_of_the_unit_tests_is_judged_as_by_the_real_server() {
    let Some(file) = golden("validation_live.json") else {
        return;
    };
    let api = api();
    for case in file["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let answer = api
            .post(&format!("{V2}?dryRun=All"), case["posted"].clone())
            .await;
        assert_eq!(json!(answer.code), case["status"], "{name}: {}", answer.text);
        match case.get("response") {
            Some(response) => assert_eq!(answer.json(), *response, "{name}"),
            None => assert_eq!(answer.json()["spec"], case["responseSpec"], "{name}"),
        }
    }
}

#[tokio::test]
async fn objects_are_read_back_in_either_version_as_from_the_real_server() {
    let (Some(file), Some(corpus)) = (golden("conversion_live.json"), golden("../conversion.json")) else {
        return;
    };
    let api = api();
    for case in file["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let entry = corpus["corpus"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["name"] == case["name"])
            .unwrap();
        let mut input = entry["input"].clone();
        input["metadata"]["name"] = json!("a");
        let path = if input["apiVersion"] == "autoscaling/v1" {
            V1
        } else {
            V2
        };
        let answer = api.post(path, input).await;
        assert_eq!(
            json!(answer.code),
            case["createStatus"],
            "{name}: {}",
            answer.text
        );
        // Nobody creates a status; it was written afterwards.
        if let Some(status) = entry["input"].get("status") {
            let mut object = answer.json();
            object["status"] = status.clone();
            assert_eq!(
                api.put(&format!("{path}/a/status"), object).await.code,
                200,
                "{name}"
            );
        }
        for (version, path) in [("v2", V2), ("v1", V1)] {
            let object = api.get(&format!("{path}/a")).await.json();
            let real = &case[version];
            assert_eq!(object["apiVersion"], real["apiVersion"], "{name}");
            assert_eq!(object["spec"], real["spec"], "{name} {version}");
            assert_eq!(
                object["metadata"].get("annotations"),
                real["metadata"].get("annotations"),
                "{name} {version}"
            );
        }
        assert_eq!(
            api.send("DELETE", &format!("{V2}/a"), &[], Body::empty())
                .await
                .code,
            200
        );
    }
}

#[tokio::test]
async fn old_versions_are_views_of_the_same_object() {
    let api = api();
    let base = "/apis/autoscaling";
    let list = |version: &str| format!("{base}/{version}/namespaces/default/horizontalpodautoscalers");
    let old = json!({
        "apiVersion": "autoscaling/v2beta1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 4, "metrics": [
            {"type": "Object", "object": {"target": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "main"},
                "metricName": "hits", "targetValue": "10"}}]},
    });
    assert_eq!(api.post(&list("v2beta1"), old.clone()).await.code, 201);
    let new = api.get(&format!("{}/a", list("v2"))).await.json();
    assert_eq!(
        new["spec"]["metrics"][0]["object"]["target"],
        json!({"type": "Value", "value": "10"})
    );
    let mut changed = new.clone();
    changed["spec"]["behavior"] = json!({"scaleDown": {"tolerance": "0.2"}});
    assert_eq!(api.put(&format!("{}/a", list("v2")), changed).await.code, 200);
    let seen = api.get(&format!("{}/a", list("v2beta2"))).await.json();
    assert_eq!(
        seen["metadata"]["annotations"],
        json!({"autoscaling.alpha.kubernetes.io/scale-down-tolerance": "200m"})
    );
    assert_eq!(seen["spec"]["behavior"]["scaleDown"].get("tolerance"), None);
    // Writing back what was read changes nothing.
    for version in ["v1", "v2beta1", "v2beta2"] {
        let path = format!("{}/a", list(version));
        let before = api.get(&format!("{}/a", list("v2"))).await.json();
        let shown = api.get(&path).await.json();
        assert_eq!(api.put(&path, shown).await.code, 200);
        assert_eq!(
            api.get(&format!("{}/a", list("v2"))).await.json()["spec"],
            before["spec"],
            "{version}"
        );
    }
    // A status belongs to its subresource, in every version.
    let mut status = api.get(&format!("{}/a", list("v1"))).await.json();
    status["status"] =
        json!({"currentReplicas": 3, "desiredReplicas": 4, "currentCPUUtilizationPercentage": 70});
    status["spec"]["maxReplicas"] = json!(99);
    assert_eq!(
        api.put(&format!("{}/a/status", list("v1")), status).await.code,
        200
    );
    let new = api.get(&format!("{}/a", list("v2"))).await.json();
    assert_eq!(new["spec"]["maxReplicas"], 4);
    assert_eq!(new["status"]["currentReplicas"], 3);
    assert_eq!(
        new["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"],
        70
    );
}

use serde_json::{Value, json};

use super::*;
use crate::builtin;
use crate::oracle;

fn golden(name: &str) -> Option<Value> {
    let Some(root) = oracle::shared() else {
        println!("skipped: no shared test data for {name}");
        return None;
    };
    let text = std::fs::read_to_string(root.join("hpa/golden/tables").join(name)).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    Some(file["response"]["body"].clone())
}

#[test]
fn columns_are_the_real_ones() {
    for (file, resource) in [
        ("pods-list.json", builtin::PODS),
        ("deployments-list.json", builtin::DEPLOYMENTS),
        ("replicasets-list.json", builtin::REPLICASETS),
        ("events-list.json", builtin::EVENTS),
        ("apiservices-list.json", builtin::APISERVICES),
        ("hpa-v2-list.json", builtin::HORIZONTALPODAUTOSCALERS),
        ("hpa-v1-list.json", builtin::HORIZONTALPODAUTOSCALERS_V1),
    ] {
        let Some(real) = golden(file) else { return };
        let ours: Vec<Value> = columns(resource).iter().map(Column::to_value).collect();
        assert_eq!(Value::Array(ours), real["columnDefinitions"], "{file}");
    }
}

#[test]
fn every_kind_has_as_many_cells_as_columns() {
    let now = Timestamp::UNIX_EPOCH;
    for resource in crate::resource::builtin() {
        assert_eq!(
            cells(*resource, &json!({}), now).len(),
            columns(*resource).len(),
            "{resource:?}"
        );
    }
}

#[test]
fn a_real_pod_and_deployment_print_as_the_real_server_prints_them() {
    let Some(root) = oracle::shared() else { return };
    let object = |name: &str| -> Value {
        let text = std::fs::read_to_string(root.join("hpa/golden/objects").join(name)).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["response"]["body"].clone()
    };
    let pod = object("pod.json");
    let now: Timestamp = "2026-11-21T17:59:44Z".parse().unwrap();
    assert_eq!(
        Value::Array(cells(builtin::PODS, &pod, now)),
        json!([
            "web-6566f5f6d9-4wb78",
            "1/1",
            "Running",
            "0",
            "4m56s",
            "10.1.0.226",
            "<none>",
            "<none>",
            "<none>"
        ])
    );
    let deployment = object("deployment.json");
    let row = cells(builtin::DEPLOYMENTS, &deployment, now);
    assert_eq!(row[1], json!(format!("{0}/{0}", deployment["spec"]["replicas"])));
    assert_eq!(row[7], "app=web");
}

#[test]
fn a_pod_says_why_it_is_not_running() {
    for (status, expected) in [
        (json!({"phase": "Pending"}), "Pending"),
        (
            json!({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
            "ImagePullBackOff",
        ),
        (
            json!({"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}),
            "ExitCode:3",
        ),
        (
            json!({"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}]}),
            "Completed",
        ),
    ] {
        assert_eq!(pod_status(&json!({"status": status})), expected);
    }
    let deleting =
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}});
    assert_eq!(pod_status(&deleting), "Terminating");
}

#[test]
fn real_autoscalers_print_as_the_real_server_prints_them() {
    let (Some(root), Some(table)) = (oracle::shared(), golden("hpa-v2-all-rows.json")) else {
        return;
    };
    // Those whose status had settled when the table was taken.
    for name in [
        "s-cont",
        "s-cpu-norequest",
        "s-cpu-util",
        "s-ext-empty",
        "s-ext-value",
        "s-mem-raw",
        "s-multi-max",
        "s-notarget",
        "s-obj-ns",
        "s-obj-value",
        "s-pods-sel",
        "s-zero",
    ] {
        let path = root.join(format!("hpa/golden/objects/hpa-v2-{name}.json"));
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let object = &file["response"]["body"];
        let ours = cells(builtin::HORIZONTALPODAUTOSCALERS, object, Timestamp::UNIX_EPOCH);
        let rows = table["rows"].as_array().unwrap();
        let theirs = rows.iter().find(|row| row["cells"][0] == name).unwrap();
        assert_eq!(ours[..6], theirs["cells"].as_array().unwrap()[..6], "{name}");
    }
}

#[test]
fn more_than_two_metrics_are_counted() {
    let metric = json!({"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}}});
    let object = json!({"spec": {"metrics": [metric, metric, metric, metric]}});
    let cells = cells(builtin::HORIZONTALPODAUTOSCALERS, &object, Timestamp::UNIX_EPOCH);
    assert_eq!(cells[2], "<unknown>/1, <unknown>/1 + 2 more...");
}

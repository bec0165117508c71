//! H-40 to H-53 where the recorded conversations say nothing.

use axum::body::Body;
use capstan_store::Store;
use serde_json::json;

use crate::fixture::Server;

const TASKS: &str = "/kapacitor/v1/tasks";
const SCRIPT: &str = "stream|from().measurement('m')|httpOut('out')";

#[tokio::test]
async fn definitions_that_make_no_sense_are_400() {
    let server = Server::new();
    let dbrps = json!([{"db": "d", "rp": "r"}]);
    for (body, error) in [
        (json!({"id": "a"}), "must provide TICKscript"),
        (json!({"id": "a", "script": SCRIPT}), "must specify dbrp"),
        (
            json!({"id": "a", "script": "var x = 1", "dbrps": dbrps}),
            "invalid task type: invalid",
        ),
        (
            json!({"id": "a", "template-id": "t"}),
            "unknown template t: err: no template exists",
        ),
    ] {
        assert_eq!(
            server.json("POST", TASKS, body).await.error(),
            (400, error.to_owned())
        );
    }
    for (body, start) in [
        (
            json!({"id": "a", "script": "stream|", "dbrps": dbrps}).to_string(),
            "invalid TICKscript: parser: ",
        ),
        (
            json!({"id": "a", "script": "stream|from()\n  .nothing()", "dbrps": dbrps}).to_string(),
            "invalid TICKscript: line 2 char 4: ",
        ),
        ("{".to_owned(), "invalid JSON: "),
        (String::new(), "invalid JSON: "),
        (
            r#"{"vars":{"x":{"type":"int","value":"a"}}}"#.to_owned(),
            "invalid var x: ",
        ),
    ] {
        let (status, error) = server.call("POST", TASKS, body).await.error();
        assert_eq!(status, 400);
        assert!(error.starts_with(start), "{error}");
    }
    assert_eq!(server.define("a", SCRIPT, "disabled").await.status, 200);
    assert_eq!(
        server.define("a", SCRIPT, "disabled").await.error(),
        (400, "task a already exists".to_owned())
    );
}

#[tokio::test]
async fn what_does_not_exist_is_404_except_to_delete_it() {
    let server = Server::new();
    assert_eq!(
        server.get("/kapacitor/v1/tasks/a").await.error(),
        (404, "no task exists".into())
    );
    assert_eq!(
        server.get("/kapacitor/v1/tasks/a/out").await.error(),
        (404, "no task exists".into())
    );
    let patched = server.json("PATCH", "/kapacitor/v1/tasks/a", json!({})).await;
    assert_eq!(
        patched.error(),
        (404, "task does not exist, cannot update".into())
    );
    assert_eq!(
        server
            .call("DELETE", "/kapacitor/v1/tasks/a", Body::empty())
            .await
            .status,
        204
    );
    let nameless = server.get("/kapacitor/v1/tasks/").await;
    assert_eq!(nameless.error(), (400, "must specify task id on path".into()));
}

#[tokio::test]
async fn a_task_without_an_id_gets_one() {
    let answer = Server::new()
        .json(
            "POST",
            TASKS,
            json!({"script": format!("dbrp \"d\".\"r\"\n{SCRIPT}")}),
        )
        .await;
    assert_eq!(answer.json()["id"].as_str().unwrap().len(), 36);
    assert_eq!(answer.json()["dbrps"], json!([{"db": "d", "rp": "r"}]));
}

#[tokio::test]
async fn points_reach_the_endpoint_of_an_enabled_task_until_it_is_disabled() {
    let server = Server::new();
    server.define("a", SCRIPT, "enabled").await;
    let uri = "/kapacitor/v1/tasks/a/out";
    assert_eq!(server.get(uri).await.text(), "{\"series\":null}");
    server
        .call(
            "POST",
            "/write?db=db&rp=rp&precision=s",
            "m value=7i 1\nother value=8i 1",
        )
        .await;
    let answer = server.until(uri, |answer| answer.text().contains('7')).await;
    assert_eq!(
        answer.text(),
        "{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"value\"],\"values\":[[\"1970-01-01T00:00:01Z\",7]]}]}"
    );
    let shown = server.get("/kapacitor/v1/tasks/a").await;
    assert_eq!(shown.json()["stats"]["node-stats"]["from1"]["collected"], 1);
    assert!(
        shown
            .text()
            .contains("from1 -\\u003e http_out2 [processed=\\\"1\\\"];"),
        "{}",
        shown.text()
    );
    let routes = server.get("/kapacitor/v1/:routes").await;
    assert_eq!(routes.json()[uri], json!(["GET"]));

    let disabled = server
        .json("PATCH", "/kapacitor/v1/tasks/a", json!({"status": "disabled"}))
        .await;
    assert_eq!(
        (&disabled.json()["executing"], &disabled.json()["stats"]),
        (&json!(false), &json!({}))
    );
    assert_eq!(server.get(uri).await.status, 404);
}

#[tokio::test]
async fn a_changed_script_runs_after_a_reload() {
    let server = Server::new();
    server.define("a", SCRIPT, "enabled").await;
    let uri = "/kapacitor/v1/tasks/a";
    let script = SCRIPT.replace("out", "new");
    let patched = server.json("PATCH", uri, json!({"script": script})).await.json();
    assert!(patched["script"].as_str().unwrap().contains("'new'"));
    assert_eq!(
        server.get("/kapacitor/v1/tasks/a/out").await.status,
        200,
        "the old script goes on"
    );
    server
        .json("PATCH", &format!("{uri}?reload=true"), json!({}))
        .await;
    assert_eq!(server.get("/kapacitor/v1/tasks/a/out").await.status, 404);
    assert_eq!(server.get("/kapacitor/v1/tasks/a/new").await.status, 200);
}

#[tokio::test]
async fn tasks_come_back_after_a_restart_and_run_if_they_were_enabled() {
    let store = Store::in_memory();
    let server = Server::with_store(store.clone());
    server.define("on", SCRIPT, "enabled").await;
    let body = json!({"id": "off", "script": format!("dbrp \"d\".\"r\"\nvar x = 1\n{SCRIPT}"),
        "vars": {"x": {"type": "int", "value": 5}}});
    let before = server.json("POST", TASKS, body).await.json();
    drop(server);
    let server = Server::with_store(store);
    assert_eq!(server.get("/kapacitor/v1/tasks/off").await.json(), before);
    assert_eq!(
        server.get("/kapacitor/v1/tasks/on").await.json()["executing"],
        true
    );
}

#[tokio::test]
async fn lists_page_and_filter() {
    let server = Server::new();
    for id in ["a1", "a2", "b1"] {
        server.define(id, SCRIPT, "disabled").await;
    }
    let ids = |answer: crate::fixture::Answer| {
        let tasks = answer.json()["tasks"].as_array().unwrap().clone();
        tasks
            .iter()
            .map(|task| task["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(server.get("/kapacitor/v1/tasks?pattern=a*").await),
        ["a1", "a2"]
    );
    assert_eq!(
        ids(server.get("/kapacitor/v1/tasks?offset=1&limit=1").await),
        ["a2"]
    );
    let row = server.get("/kapacitor/v1/tasks?pattern=b1&fields=status").await;
    assert_eq!(
        row.json()["tasks"],
        json!([{"id": "b1", "link": {"rel": "self", "href": "/kapacitor/v1/tasks/b1"}, "status": "disabled"}])
    );
    for (query, error) in [
        ("fields=size", "unsupported field \"size\""),
        (
            "offset=x",
            "invalid offset parameter \"x\" must be an integer: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        ("script-format=x", "invalid script-format parameter \"x\""),
        ("dot-view=x", "invalid dot-view parameter \"x\""),
    ] {
        let answer = server.get(&format!("{TASKS}?{query}")).await;
        assert_eq!(answer.error(), (400, error.to_owned()));
    }
    let (status, error) = server.get(&format!("{TASKS}?pattern=[")).await.error();
    assert_eq!(
        (status, error.as_str()),
        (
            400,
            "failed to list tasks with pattern \"[\": syntax error in pattern"
        )
    );
    let answer = server.get("/kapacitor/v1/tasks/a1?replay-id=r").await;
    assert_eq!(answer.error(), (400, "no running replay with ID: r".to_owned()));
}

#[tokio::test]
async fn a_node_that_cannot_start_leaves_the_task_stored_and_enabled() {
    let server = Server::new();
    let script = "stream|from()|k8sAutoscale().resourceName('app').replicas(lambda: 1)";
    let (status, error) = server.define("a", script, "enabled").await.error();
    assert_eq!(status, 500);
    assert!(error.contains("service is not enabled"), "{error}");
    let task = server.get("/kapacitor/v1/tasks/a").await.json();
    assert_eq!(
        (&task["status"], &task["executing"]),
        (&json!("enabled"), &json!(false))
    );
    assert_eq!(task["error"], error);
}

#[tokio::test]
async fn decisions_are_served() {
    let answer = Server::new().get("/capstan/v1/decisions?task=a").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"decisions": []})));
}

#[tokio::test]
async fn traps_in_a_script_are_told_in_headers_and_not_in_the_body() {
    let server = Server::new();
    let script = "var n = 010\nstream|from().measurement('m')|sample(n)|httpOut('é')";
    let answer = server.define("a", script, "disabled").await;
    assert_eq!(answer.status, 200);
    let warning: serde_json::Value = serde_json::from_str(answer.header("x-capstan-warning")).unwrap();
    assert_eq!(
        (&warning["rule"], &warning["line"], &warning["char"]),
        (&json!("octal-literal"), &json!(1), &json!(9))
    );
    assert!(!answer.text().contains("octal"));

    // What does not touch the script does not repeat it.
    let enabled = server
        .json("PATCH", "/kapacitor/v1/tasks/a", json!({"status": "enabled"}))
        .await;
    assert_eq!((enabled.status, enabled.header("x-capstan-warning")), (200, ""));
    let changed = server
        .json("PATCH", "/kapacitor/v1/tasks/a", json!({"script": script}))
        .await;
    assert!(changed.header("x-capstan-warning").contains("octal-literal"));
    assert_eq!(
        server
            .define("b", SCRIPT, "disabled")
            .await
            .header("x-capstan-warning"),
        ""
    );
}

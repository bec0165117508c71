//! H-01 to H-09, H-24 to H-27.

use axum::body::Body;
use axum::extract::Request;

use crate::fixture::Server;

#[tokio::test]
async fn every_answer_has_the_common_headers() {
    let server = Server::new();
    let answer = server.get("/kapacitor/v1/ping").await;
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("x-kapacitor-version"), capstan_client::VERSION);
    assert_eq!(answer.header("request-id").len(), 36);
    assert_eq!(
        server
            .call("HEAD", "/kapacitor/v1/ping", Body::empty())
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn unknown_paths_and_methods_are_404() {
    let server = Server::new();
    for (method, uri) in [
        ("GET", "/"),
        ("GET", "/kapacitor/v1"),
        ("GET", "/kapacitor/v1/nothing"),
        ("PUT", "/kapacitor/v1/tasks"),
        ("GET", "/write"),
        ("HEAD", "/kapacitor/v1/tasks"),
        ("TRACE", "/kapacitor/v1/ping"),
    ] {
        let answer = server.call(method, uri, Body::empty()).await;
        assert_eq!(answer.status, 404, "{method} {uri}");
        if method != "HEAD" {
            assert_eq!(
                answer.text(),
                "{\n    \"error\": \"Not Found\"\n}",
                "{method} {uri}"
            );
        }
    }
}

#[tokio::test]
async fn unclean_paths_are_redirected() {
    let answer = Server::new().get("/kapacitor//v1/../v1/ping?x=1").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (301, "/kapacitor/v1/ping?x=1")
    );
}

#[tokio::test]
async fn preview_paths_are_the_same_api() {
    assert_eq!(Server::new().get("/kapacitor/v1preview/ping").await.status, 204);
}

#[tokio::test]
async fn other_origins_are_welcome() {
    let server = Server::new();
    let request = |method: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/kapacitor/v1/tasks")
            .header("Origin", "http://ui");
        request.body(Body::empty()).unwrap()
    };
    let answer = server.send(request("OPTIONS")).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(answer.header("access-control-allow-origin"), "http://ui");
    assert_eq!(
        answer.header("access-control-allow-methods"),
        "DELETE, GET, OPTIONS, POST, PATCH"
    );
    assert_eq!(
        server
            .send(request("GET"))
            .await
            .header("access-control-allow-origin"),
        "http://ui"
    );
    assert_eq!(
        server
            .get("/kapacitor/v1/tasks")
            .await
            .header("access-control-allow-origin"),
        ""
    );
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_accept_it() {
    let server = Server::new();
    let request = Request::builder()
        .uri("/kapacitor/v1/tasks")
        .header("Accept-Encoding", "gzip");
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*answer.bytes), &mut text).unwrap();
    assert_eq!(text, "{\n    \"tasks\": []\n}");
}

#[tokio::test]
async fn the_log_level_is_checked() {
    let server = Server::new();
    let answer = server
        .call("POST", "/kapacitor/v1/loglevel", r#"{"level":"debug"}"#)
        .await;
    assert_eq!(answer.status, 204);
    for body in [r#"{"level":"loud"}"#, "{", ""] {
        let answer = server.call("POST", "/kapacitor/v1/loglevel", body).await;
        assert_eq!(answer.status, 400, "{body}");
    }
}

#[tokio::test]
async fn routes_are_listed() {
    let routes = Server::new().get("/kapacitor/v1/:routes").await.json();
    assert_eq!(routes["/kapacitor/v1/ping"], serde_json::json!(["GET", "HEAD"]));
}

#[tokio::test]
async fn the_counters_have_kapacitors_names() {
    let server = Server::new();
    server
        .define("a", "stream|from().measurement('m')", "enabled")
        .await;
    server
        .define("b", "stream|from().measurement('m')", "disabled")
        .await;
    server
        .call("POST", "/write?db=db&rp=rp", "m value=1\nm value=2")
        .await;
    let uri = "/kapacitor/v1/debug/vars";
    let collected = |answer: &crate::fixture::Answer| {
        let vars = answer.json();
        let stats = vars["kapacitor"].as_object().unwrap().clone();
        let edge = stats.values().find(|stat| stat["name"] == "edges").cloned();
        edge.is_some_and(|edge| edge["values"]["collected"] == 2)
    };
    let answer = server.until(uri, collected).await;
    let vars = answer.json();
    let keys: Vec<&String> = vars.as_object().unwrap().keys().collect();
    let expected = "cluster_id cmdline host kapacitor memstats num_enabled_tasks num_subscriptions num_tasks platform \
                    product server_id version";
    assert_eq!(keys, expected.split(' ').collect::<Vec<_>>());
    assert!(
        answer
            .text()
            .starts_with("{\n\"cluster_id\": \"c\",\n\"cmdline\": [")
    );
    assert_eq!(
        (&vars["num_tasks"], &vars["num_enabled_tasks"]),
        (&2.into(), &1.into())
    );
    let stats = vars["kapacitor"].as_object().unwrap();
    let named = |name: &str| stats.values().find(|stat| stat["name"] == name).unwrap();
    let ingress = named("ingress");
    assert_eq!(ingress["values"]["points_received"], 2);
    assert_eq!(ingress["tags"]["task_master"], "main");
    assert_eq!(ingress["tags"]["measurement"], "m");
    assert_eq!(named("edges")["tags"]["child"], "from1");
    assert_eq!(named("nodes")["tags"]["task"], "a");
}

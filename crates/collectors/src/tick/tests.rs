use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::json;

use super::*;
use crate::choose::build;
use crate::options::Options;
use crate::testing::{context, external, serve, server};

#[derive(Clone)]
struct Fake {
    pages: Arc<Map<String, Value>>,
    asked: Arc<AtomicUsize>,
}

async fn fake(pages: Value) -> (Arc<Context>, Arc<AtomicUsize>) {
    let fake = Fake {
        pages: Arc::new(pages.as_object().unwrap().clone()),
        asked: Arc::default(),
    };
    let asked = Arc::clone(&fake.asked);
    let answer = |State(fake): State<Fake>, uri: Uri| async move {
        fake.asked.fetch_add(1, Ordering::Relaxed);
        match fake.pages.get(uri.path()) {
            Some(page) => (StatusCode::OK, page.to_string()),
            None => (
                StatusCode::NOT_FOUND,
                json!({"error": "no task exists"}).to_string(),
            ),
        }
    };
    let url = serve(Router::new().fallback(answer).with_state(fake)).await;
    let options = Options {
        capstan: Some(server(&url)),
        ..Options::default()
    };
    (context(options), asked)
}

fn metric(labels: Value, keys: &[(&str, &str)]) -> crate::Wanted {
    let keys: Vec<(String, &str)> = keys
        .iter()
        .map(|(key, value)| (format!("external.load.tick/{key}"), *value))
        .collect();
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let mut all = json!({"type": "tick"});
    all.as_object_mut()
        .unwrap()
        .extend(labels.as_object().unwrap().clone());
    external("load", json!({"matchLabels": all}), &keys)
}

fn row(host: &str, value: f64) -> Value {
    json!({"name": "requests", "tags": {"host": host, "zone": "x"}, "columns": ["time", "p99", "rate"],
        "values": [["2025-12-31T23:59:00Z", 0, 0], ["2025-12-31T23:59:50Z", 9, value]]})
}

const OUT: &str = "/kapacitor/v1/tasks/load/rate";

async fn collect(context: &Arc<Context>, wanted: &crate::Wanted) -> Result<Collected, String> {
    let built = build(wanted, context).map_err(|error| error.0)?;
    assert_eq!(built.remarks, Vec::<String>::new());
    built.collector.collect().await.map_err(|error| error.message)
}

#[tokio::test]
async fn the_last_row_of_the_chosen_group_is_the_value_at_its_own_time() {
    let (context, asked) = fake(json!({OUT: {"series": [row("a", 1.5), row("b", 2.5)]}})).await;
    let keys = [("task", "load"), ("endpoint", "rate"), ("field", "rate")];
    let by_key = [keys.as_slice(), &[("tag-host", "b")]].concat();
    let found = collect(&context, &metric(json!({}), &by_key)).await.unwrap();
    let (series, sample) = &found.samples[0];
    assert_eq!(sample.value.to_string(), "2500m");
    assert_eq!(sample.at.to_string(), "2025-12-31T23:59:50Z");
    assert_eq!(series.labels()["type"], "tick");
    let by_label = metric(
        json!({"host": "a", "task": "load", "endpoint": "rate", "field": "rate"}),
        &[],
    );
    let found = collect(&context, &by_label).await.unwrap();
    assert_eq!(found.samples[0].1.value.to_string(), "1500m");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "both read the same page");

    let error =
        async |labels, keys: &[(&str, &str)]| collect(&context, &metric(labels, keys)).await.unwrap_err();
    let all = error(json!({}), &keys).await;
    assert!(
        all.contains("2 groups are there")
            && all.contains("requests{host=a,zone=x}, requests{host=b,zone=x}"),
        "{all}"
    );
    let none = error(json!({"host": "c"}), &keys).await;
    assert!(none.contains("no group has the tags {host=c}"), "{none}");
    let host = ("tag-host", "a");
    let fields = error(json!({}), &[keys[0], keys[1], host]).await;
    assert!(
        fields.contains("more than one number, such as p99 and rate"),
        "{fields}"
    );
    let other = error(json!({}), &[keys[0], keys[1], host, ("field", "p50")]).await;
    assert!(other.contains("has no p50, it has p99, rate, time"), "{other}");
    let elsewhere = error(json!({}), &[keys[0], ("endpoint", "other")]).await;
    assert!(elsewhere.contains("has no httpOut of that name"), "{elsewhere}");
}

#[tokio::test]
async fn the_only_output_and_field_need_no_name() {
    let series = json!([{"name": "m", "columns": ["time", "v"], "values": [["2025-12-31T23:59:50Z", 3]]}]);
    let (context, _) = fake(json!({
        OUT: {"series": series},
        "/kapacitor/v1/:routes": {OUT: ["GET"], "/kapacitor/v1/tasks": ["GET"], "/kapacitor/v1/tasks/two/a": ["GET"],
            "/kapacitor/v1/tasks/two/b": ["GET"], "/kapacitor/v1/tasks/loader/x": ["GET"]},
    }))
    .await;
    let run = async |task| collect(&context, &metric(json!({}), &[("task", task)])).await;
    assert_eq!(run("load").await.unwrap().samples[0].1.value.to_string(), "3");
    assert!(run("two").await.unwrap_err().contains("has the outputs a, b"));
    assert!(run("none").await.unwrap_err().contains("publishes nothing"));
}

#[tokio::test]
async fn what_is_no_value_is_an_error() {
    let page = |body: Value| async move {
        let (context, _) = fake(json!({OUT: body})).await;
        let keys = [("task", "load"), ("endpoint", "rate"), ("field", "v")];
        collect(&context, &metric(json!({}), &keys)).await.unwrap_err()
    };
    let series = |value: Value| json!({"series": [{"columns": ["time", "v"], "values": [["2025-12-31T23:59:50Z", value]]}]});
    assert!(
        page(json!({"series": null}))
            .await
            .contains("nothing was published yet")
    );
    assert!(page(json!({})).await.contains("nothing was published yet"));
    assert!(page(json!([1])).await.contains("it is no result of a task"));
    assert!(page(series(Value::Null)).await.contains("has no v"));
    assert!(page(series(json!("high"))).await.contains("no number"));
    let timeless = json!({"series": [{"columns": ["time", "v"], "values": [["soon", 1]]}]});
    assert!(page(timeless).await.contains("the time of the last row"));
}

#[tokio::test]
async fn a_task_has_to_be_named() {
    let options = Options {
        capstan: Some(server("http://capstan")),
        ..Options::default()
    };
    let error = build(&metric(json!({}), &[]), &context(options)).unwrap_err();
    assert!(error.0.starts_with("no task defined"), "{error}");
    let error = build(&metric(json!({}), &[("task", "x")]), &context(Options::default())).unwrap_err();
    assert!(error.0.contains("--capstan-server"), "{error}");
}

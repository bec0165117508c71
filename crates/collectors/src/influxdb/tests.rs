use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use parking_lot::Mutex;
use serde_json::Value as Json;

use super::*;
use crate::choose::build;
use crate::options::{InfluxServer, Options};
use crate::testing::{NOW, context, external, serve};

const FLUX: &str = "from(bucket: \"apps\") |> range(start: -1m)";

fn options(address: &str) -> Options {
    Options {
        influxdb: Some(InfluxServer {
            address: address.to_owned(),
            token: "secret".to_owned(),
            org: "org".to_owned(),
        }),
        ..Options::default()
    }
}

fn metric(labels: Json, keys: &[(&str, &str)]) -> crate::Wanted {
    let keys: Vec<(String, &str)> = keys
        .iter()
        .map(|(key, value)| (format!("external.flux-query.influxdb/{key}"), *value))
        .collect();
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    external("flux-query", json!({"matchLabels": labels}), &keys)
}

/// Method, path with query, `Authorization` and body of the last request.
type Asked = Arc<Mutex<(String, String, String, String)>>;

async fn fake(status: u16, body: &'static str) -> (String, Asked) {
    let asked = Asked::default();
    let answer = move |State(asked): State<Asked>,
                       method: axum::http::Method,
                       uri: Uri,
                       headers: HeaderMap,
                       sent: String| async move {
        let token = headers
            .get("authorization")
            .map_or("", |token| token.to_str().unwrap());
        *asked.lock() = (method.to_string(), uri.to_string(), token.to_owned(), sent);
        (StatusCode::from_u16(status).unwrap(), body)
    };
    let router = Router::new().fallback(answer).with_state(Arc::clone(&asked));
    (serve(router).await, asked)
}

async fn run(status: u16, body: &'static str, keys: &[(&str, &str)]) -> (Result<Collected, String>, Asked) {
    let (url, asked) = fake(status, body).await;
    let built = build(&metric(json!({"query-name": "q"}), keys), &context(options(&url))).unwrap();
    let collected = built.collector.collect().await.map_err(|error| error.message);
    (collected, asked)
}

const CSV: &str = "#datatype,string,long,dateTime:RFC3339,double,string\r\n\
#group,false,false,false,false,true\r\n\
#default,_result,,,,\r\n\
,result,table,_time,metricvalue,host\r\n\
,,0,2025-12-31T23:59:50Z,42.5,a\r\n\
,,0,2025-12-31T23:59:40Z,1,a\r\n";

#[tokio::test]
async fn rows_of_flux_are_decoded() {
    let (collected, asked) = run(200, CSV, &[("q", FLUX)]).await;
    let collected = collected.unwrap();
    let (series, sample) = &collected.samples[0];
    assert_eq!(sample.value.to_string(), "42500m");
    assert_eq!(sample.at.to_string(), "2025-12-31T23:59:50Z");
    assert_eq!(series.labels()["query-name"], "q");
    assert!(collected.missing.unwrap().contains("2 rows"));
    let (method, path, token, body) = asked.lock().clone();
    assert_eq!(
        (method.as_str(), path.as_str()),
        ("POST", "/api/v2/query?org=org")
    );
    assert_eq!(token, "Token secret");
    let body: Json = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["query"], &body["type"]), (&json!(FLUX), &json!("flux")));
}

#[tokio::test]
async fn values_without_a_time_are_of_now() {
    let csv = "#datatype,string,long,long\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n,,0,7\n";
    let (collected, _) = run(200, csv, &[("q", FLUX)]).await;
    let sample = collected.unwrap().samples.remove(0).1;
    assert_eq!(sample.value.to_string(), "7");
    assert_eq!(sample.at.as_nanosecond(), i128::from(NOW));
}

#[tokio::test]
async fn what_is_no_value_is_an_error() {
    let error = async |status, body| run(status, body, &[("q", FLUX)]).await.0.unwrap_err();
    assert!(error(200, "\r\n").await.contains("empty result returned"));
    assert!(
        error(400, r#"{"code":"invalid","message":"no"}"#)
            .await
            .contains("400")
    );
    let failed = "#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,failed to create physical plan,897\n";
    assert!(error(200, failed).await.contains("error in query result"));
    let text = "#datatype,string,long,string\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n,,0,x\n";
    assert!(error(200, text).await.contains("holds no number"));
    let empty = "#datatype,string,long,double\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n,,0,\n";
    assert!(error(200, empty).await.contains("is empty"));
    let nan = "#datatype,string,long,double\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n,,0,NaN\n";
    assert!(error(200, nan).await.contains("is NaN"));
    let two = "#datatype,string,long,double,double\n#group,false,false,false,false\n#default,_result,,,\n,result,table,a,b\n,,0,1,2\n";
    assert!(error(200, two).await.contains("it has a, b"));
}

#[tokio::test]
async fn with_a_database_it_is_influxql() {
    let body = r#"{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","mean"],
        "values":[["2025-12-31T23:50:00Z",1],["2025-12-31T23:55:00Z",2.5]]}]}]}"#;
    let keys = [("q", "SELECT mean(v) FROM m"), ("db", "apps")];
    let (collected, asked) = run(200, body, &keys).await;
    let sample = collected.unwrap().samples.remove(0).1;
    assert_eq!(sample.value.to_string(), "2500m");
    assert_eq!(sample.at.as_nanosecond(), i128::from(NOW));
    let (method, path, token, _) = asked.lock().clone();
    assert_eq!(method, "GET");
    assert_eq!(path, "/query?db=apps&q=SELECT+mean%28v%29+FROM+m");
    assert_eq!(token, "Token secret");
    let error = async |body| run(200, body, &keys).await.0.unwrap_err();
    assert!(
        error(r#"{"results":[{"statement_id":0}]}"#)
            .await
            .contains("empty result returned")
    );
    assert!(
        error(r#"{"results":[{"error":"database not found"}]}"#)
            .await
            .contains("database not found")
    );
}

#[tokio::test]
async fn influxql_may_only_read() {
    let context = context(options("http://influx:8086"));
    let refused = |query: &str| {
        let keys = [("q", query), ("database", "apps")];
        match build(&metric(json!({"query-name": "q"}), &keys), &context) {
            Ok(_) => false,
            Err(error) => error.0.contains("one SELECT without INTO"),
        }
    };
    for good in [
        "SELECT mean(v) FROM m",
        " select v from \"a\";\n",
        "SHOW SERIES CARDINALITY",
        "SELECT intox FROM m",
    ] {
        assert!(!refused(good), "{good}");
    }
    for bad in [
        "DROP DATABASE apps",
        "SELECT v FROM m; DROP DATABASE apps",
        "SELECT v FROM m -- '\n; DROP DATABASE apps --'",
        "SELECT v INTO n FROM m",
        "SELECT v/**/into/**/n FROM m",
        "-- SELECT\nDROP DATABASE apps",
        "/*SELECT*/DROP DATABASE apps",
        "SELECTED",
        "",
    ] {
        assert!(refused(bad), "{bad}");
    }
}

/// `TestInfluxDBCollector_New`.
#[tokio::test]
async fn queries_are_named_and_servers_overridden() {
    let context = context(Options {
        allowed_urls: vec!["http://localhost:9999".to_owned()],
        ..options("http://influx:8086")
    });
    let all = [
        ("range1m", "from(1m)"),
        ("range2m", "from(2m)"),
        ("address", "http://localhost:9999"),
        ("token", "sEcr3TT0ken"),
        ("org", "deadbeef"),
    ];
    let named = |name: &str, keys| build(&metric(json!({"query-name": name}), keys), &context);
    let built = named("range2m", &all).unwrap();
    assert!(
        built
            .collector
            .question()
            .starts_with("http://localhost:9999/ Flux from(2m)")
    );
    assert!(!format!("{built:?}").contains("sEcr3TT0ken"));
    let error = build(&metric(json!({"type": "influxdb"}), &all), &context).unwrap_err();
    assert!(
        error.0.starts_with("selector for Flux query is not specified"),
        "{error}"
    );
    let error = named("rangeXm", &all).unwrap_err();
    assert!(error.0.starts_with("no Flux query defined for metric"), "{error}");
    let elsewhere = [("range1m", "x"), ("address", "http://169.254.169.254")];
    assert!(
        named("range1m", &elsewhere)
            .unwrap_err()
            .0
            .contains("--allow-url")
    );

    // The example of kube-metrics-adapter's README.
    let built = build(&metric(json!({"type": "influxdb"}), &[("query", FLUX)]), &context).unwrap();
    assert!(
        built
            .remarks
            .iter()
            .any(|remark| remark.contains("no query-name")),
        "{:?}",
        built.remarks
    );

    let object = crate::testing::wanted(
        json!({"type": "Object", "object": {"describedObject": {"kind": "Pod", "name": "p"},
            "metric": {"name": "m"}, "target": {"type": "Value", "value": "1"}}}),
        &[("object.m.influxdb/query", FLUX)],
    );
    let error = build(&object, &context).unwrap_err();
    assert!(error.0.starts_with("InfluxDB does not support object"), "{error}");
}

#[tokio::test]
async fn our_token_stays_at_home() {
    let (url, asked) = fake(200, CSV).await;
    let options = Options {
        allowed_urls: vec![url.clone()],
        ..options("http://influx:8086")
    };
    let keys = [("q", FLUX), ("address", url.as_str()), ("org-id", "deadbeef")];
    let built = build(&metric(json!({"query-name": "q"}), &keys), &context(options)).unwrap();
    built.collector.collect().await.unwrap();
    let (_, path, token, _) = asked.lock().clone();
    assert_eq!(
        (path.as_str(), token.as_str()),
        ("/api/v2/query?orgID=deadbeef", "")
    );
}

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use capstan_model::{Tags, Value};
use tokio::sync::Mutex;

use crate::{Client, Credentials, Error, FluxQuery, Options, WriteTo, flux, json};

const FLUX: &str = "\
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,long\r
#group,false,false,true,true,false,false,true,true,false\r
#default,_result,,,,,,,,\r
,result,table,_start,_stop,_time,_value,_field,_measurement,n\r
,,0,1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,1970-01-01T00:00:01Z,1.5,\"a,\"\"b\",cpu,7\r
,,0,1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,1970-01-01T00:00:02Z,,\"a,\"\"b\",cpu,\r
,,1,1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,1970-01-01T00:00:01Z,3,c,mem,8\r
\r
";

#[test]
fn flux_tables_are_series() {
    let tables = flux::series(FLUX).expect("tables");
    assert_eq!(tables.len(), 2);
    assert_eq!(tables[0].name, "cpu");
    assert_eq!(tables[0].tags, Tags::from_pairs([("_field", "a,\"b")]));
    assert_eq!(tables[0].columns, ["_value", "n"]);
    assert_eq!(
        tables[0].rows,
        [
            (
                Some(1_000_000_000),
                vec![Some(Value::Float(1.5)), Some(Value::Int(7))]
            ),
            (Some(2_000_000_000), vec![None, None]),
        ]
    );
    assert_eq!(tables[1].name, "mem");
    let error = flux::series("#datatype,string,string\n,error,reference\n,\"bad query, very\",897\n");
    assert_eq!(
        error,
        Err(Error::Query("flux query error: bad query, very".to_owned()))
    );
    assert!(flux::series(",a,\"b").is_err());
    assert_eq!(flux::series("\n\n"), Ok(Vec::new()));
}

#[test]
fn influxql_answers_are_series_and_numbers_floats() {
    let body = br#"{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"host":"a"},"columns":["time","mean","s"],
        "values":[["1970-01-01T00:00:01Z",3,"x"],["1970-01-01T00:00:02.5Z",null,null]]}]}]}"#;
    let series = json::series(body).expect("series");
    assert_eq!(series[0].columns, ["mean", "s"]);
    assert_eq!(
        series[0].rows,
        [
            (
                Some(1_000_000_000),
                vec![Some(Value::Float(3.0)), Some(Value::Str("x".into()))]
            ),
            (Some(2_500_000_000), vec![None, None]),
        ]
    );
    let failed = json::series(br#"{"results":[{"statement_id":0,"error":"database not found: x"}]}"#);
    assert_eq!(failed, Err(Error::Query("database not found: x".to_owned())));
    assert!(json::series(br#"{"results":[{"series":[{"columns":["time"],"values":[[1]]}]}]}"#).is_err());
    assert_eq!(json::series(b"{\"results\":[{}]}"), Ok(Vec::new()));
}

type Seen = Arc<Mutex<Vec<(String, HashMap<String, String>, HeaderMap, Bytes)>>>;

/// A stand-in that notes what it is asked.
async fn stand_in() -> (String, Seen) {
    async fn note(
        State((path, seen, status, answer)): State<(&'static str, Seen, StatusCode, &'static str)>,
        Query(query): Query<HashMap<String, String>>,
        headers: HeaderMap,
        body: Bytes,
    ) -> impl IntoResponse {
        seen.lock().await.push((path.to_owned(), query, headers, body));
        (status, [("X-Influxdb-Version", "1.6.7")], answer)
    }
    let seen = Seen::default();
    let state = |path, status, answer| (path, Arc::clone(&seen), status, answer);
    let router = axum::Router::new()
        .route(
            "/ping",
            get(note).with_state(state("ping", StatusCode::NO_CONTENT, "")),
        )
        .route(
            "/query",
            post(note).with_state(state("query", StatusCode::OK, "{\"results\":[{}]}")),
        )
        .route(
            "/api/v2/query",
            post(note).with_state(state("flux", StatusCode::OK, FLUX)),
        )
        .route(
            "/write",
            post(note).with_state(state(
                "write",
                StatusCode::BAD_REQUEST,
                "{\"error\":\"partial write\"}",
            )),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    capstan_runtime::spawn("stand-in", async move {
        let _ = axum::serve(listener, router).await;
    });
    (url, seen)
}

#[tokio::test]
async fn requests_are_those_of_influxdb() {
    let (url, seen) = stand_in().await;
    let client = Client::new(Options {
        credentials: Credentials::Token("secret".to_owned()),
        gzip: true,
        // The first one is not there.
        ..Options::new(["http://127.0.0.1:9".to_owned(), url])
    })
    .expect("a client");
    assert_eq!(client.ping().await.as_deref(), Ok("1.6.7"));
    client
        .create_database("my db", Some("rp"))
        .await
        .expect("it works");
    let tables = client
        .query_flux(FluxQuery {
            query: "from(bucket: \"b\")",
            org: "o",
            org_id: "",
            now: Some(1_000_000_000),
        })
        .await
        .expect("tables");
    assert_eq!(tables.len(), 2);
    let to = WriteTo {
        database: "db",
        retention_policy: "rp",
        precision: "s",
        ..WriteTo::default()
    };
    let refused = client.write(to, "m v=1 1\n").await.expect_err("it refuses");
    assert_eq!(refused.to_string(), "partial write");
    assert!(!refused.is_temporary());
    let seen = seen.lock().await;
    let paths: Vec<&str> = seen.iter().map(|(path, ..)| &**path).collect();
    assert_eq!(paths, ["ping", "query", "flux", "write"]);
    assert!(
        seen.iter()
            .all(|(_, _, headers, _)| headers["authorization"] == "Token secret")
    );
    assert_eq!(seen[1].1["q"], "CREATE DATABASE \"my db\" WITH NAME rp");
    let flux: serde_json::Value = serde_json::from_slice(&seen[2].3).expect("JSON");
    assert_eq!(flux["now"], "1970-01-01T00:00:01Z");
    assert_eq!((&*seen[2].1["org"], seen[2].1.get("orgID")), ("o", None));
    assert_eq!(seen[3].2["content-encoding"], "gzip");
    let mut body = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&seen[3].3[..]), &mut body)
        .expect("gzip");
    assert_eq!((&*body, &*seen[3].1["precision"]), ("m v=1 1\n", "s"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_temporary_failure() {
    let client = Client::new(Options::new(["http://127.0.0.1:9"])).expect("a client");
    assert!(
        client
            .query("SHOW DATABASES", "")
            .await
            .expect_err("nobody")
            .is_temporary()
    );
    for url in ["ftp://x", "no url", ""] {
        assert!(Client::new(Options::new([url])).is_err());
    }
    assert!(Client::new(Options::new(Vec::<String>::new())).is_err());
}

#[tokio::test]
async fn secrets_are_not_printed() {
    let options = Options {
        credentials: Credentials::User {
            username: "u".to_owned(),
            password: "secret".to_owned(),
        },
        ..Options::new(["http://127.0.0.1:9"])
    };
    assert!(!format!("{options:?}").contains("secret"));
    assert!(!format!("{:?}", Client::new(options)).contains("secret"));
}

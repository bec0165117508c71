//! Against a real InfluxDB 1.6, which `scripts/setup test` unpacks below `target/tools`.

#![allow(clippy::print_stdout)] // what is skipped and why must be seen

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use capstan_influx::{Client, Error, Options, WriteTo};
use capstan_model::{Tags, Value};

/// Ends the server with the test.
struct Server {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let program = root.join("target/tools/influxdb-debian/usr/bin/influxd");
    if program.is_file() {
        return Some(program);
    }
    println!("SKIPPED: {} is not there (scripts/setup test)", program.display());
    None
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

async fn start(program: &PathBuf) -> (Server, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (http, rpc) = (free_port(), free_port());
    let path = |name: &str| folder.path().join(name);
    let child = Command::new(program)
        .env("INFLUXDB_REPORTING_DISABLED", "true")
        .env("INFLUXDB_BIND_ADDRESS", format!("127.0.0.1:{rpc}"))
        .env("INFLUXDB_HTTP_BIND_ADDRESS", format!("127.0.0.1:{http}"))
        .env("INFLUXDB_META_DIR", path("meta"))
        .env("INFLUXDB_DATA_DIR", path("data"))
        .env("INFLUXDB_DATA_WAL_DIR", path("wal"))
        .env("HOME", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let server = Server {
        child,
        _folder: folder,
    };
    let url = format!("http://127.0.0.1:{http}");
    let client = Client::new(Options::new([url.clone()])).expect("a client");
    for _ in 0..300 {
        if client.ping().await.is_ok() {
            return (server, url);
        }
        capstan_runtime::sleep(Duration::from_millis(100)).await;
    }
    panic!("InfluxDB does not answer");
}

#[tokio::test]
async fn what_is_written_comes_back() {
    let Some(program) = program() else { return };
    let (_server, url) = start(&program).await;
    let client = Client::new(Options {
        gzip: true,
        timeout: Duration::from_secs(30),
        ..Options::new([url])
    })
    .expect("a client");
    assert!(client.ping().await.expect("it answers").starts_with("1.6"));

    let to = WriteTo {
        database: "my db",
        retention_policy: "rp",
        precision: "s",
        ..WriteTo::default()
    };
    let missing = client
        .write(to, "m v=1 1\n")
        .await
        .expect_err("there is no database");
    assert!(missing.to_string().contains("database not found"), "{missing}");
    assert!(!missing.is_temporary());

    client
        .create_database("my db", Some("rp"))
        .await
        .expect("it is created");
    client
        .create_database("my db", Some("rp"))
        .await
        .expect("it is there already");
    let points = "m,host=a v=1i,s=\"x\" 1\nm,host=a v=3i 2\nm,host=b v=5i 1\n";
    client.write(to, points).await.expect("it is written");
    let broken = client
        .write(to, "n v=1i 1\nn v= 2\n")
        .await
        .expect_err("a line is wrong");
    assert!(matches!(broken, Error::Refused { status: 400, .. }), "{broken}");

    let mut query = capstan_influxql::query::Query::parse("SELECT mean(v), last(s) FROM \"my db\".rp.m")
        .expect("a query");
    let dimension = |name: &str| capstan_influxql::query::Dimension::Tag(name.to_owned());
    query.group_by(vec![dimension("host")]).expect("one dimension");
    let series = client
        .query(&query.text(0, 10_000_000_000), "")
        .await
        .expect("series");
    assert_eq!(series.len(), 2);
    assert_eq!(
        (&*series[0].name, &series[0].tags),
        ("m", &Tags::from_pairs([("host", "a")]))
    );
    assert_eq!(series[0].columns, ["mean", "last"]);
    assert_eq!(
        series[0].rows,
        [(
            Some(0),
            vec![Some(Value::Float(2.0)), Some(Value::Str("x".into()))]
        )]
    );
    assert_eq!(series[1].rows[0].1, [Some(Value::Float(5.0)), None]);

    let wrong = client
        .query("SELECT nonsense(v) FROM \"my db\".rp.m", "")
        .await
        .expect_err("no such function");
    assert!(
        matches!(wrong, Error::Query(_) | Error::Refused { .. }),
        "{wrong:?}"
    );
}

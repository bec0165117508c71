//! The client against a server in this process: the tutorial's session and what goes wrong.

use std::path::PathBuf;

use capstan_config::Settings;
use capstan_config::settings::Http;

use super::{Environment, execute};
use crate::server::Server;

/// A script of the tutorial's shape.
const SCRIPT: &str = "// Points in the average.
var window = 60

stream
    |from()
        .measurement('requests')
        .groupBy('host', 'replicaset')
        .truncate(1s)
    |derivative('value')
        .as('requests_per_second')
        .unit(1s)
        .nonNegative()
    |groupBy('replicaset')
    |sum('requests_per_second')
        .as('total_requests_per_second')
    |movingAverage('total_requests_per_second', window)
        .as('avg_requests_per_second')
    |httpOut('average')
";

struct Fixture {
    server: Server,
    environment: Environment,
    directory: tempfile::TempDir,
}

struct Outcome {
    status: u8,
    out: String,
    err: String,
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings {
            data_dir: directory.path().join("data").display().to_string(),
            http: Http {
                bind_address: "127.0.0.1:0".to_owned(),
                ..Http::default()
            },
            ..Settings::default()
        };
        let server = Server::start(settings).await.unwrap();
        let environment = Environment {
            url: format!("http://{}", server.address()),
            unsafe_ssl: String::new(),
        };
        Self {
            server,
            environment,
            directory,
        }
    }

    fn script(&self, text: &str) -> PathBuf {
        let path = self.directory.path().join("autoscale.tick");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs one line; `SCRIPT` stands for the path of the script.
    async fn run(&self, line: &str) -> Outcome {
        let script = self.directory.path().join("autoscale.tick").display().to_string();
        let args: Vec<String> = line
            .split_whitespace()
            .map(|word| word.replace("SCRIPT", &script))
            .collect();
        run(&args, &self.environment).await
    }

    async fn silent(&self, line: &str) {
        let outcome = self.run(line).await;
        assert_eq!(
            (outcome.status, outcome.out.as_str(), outcome.err.as_str()),
            (0, "", ""),
            "{line}"
        );
    }
}

async fn run(args: &[String], environment: &Environment) -> Outcome {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = execute(args, environment, &mut out, &mut err).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome {
        status,
        out: text(out),
        err: text(err),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorials_session() {
    let fixture = Fixture::new().await;
    fixture.script(SCRIPT);
    let general = fixture.run("stats general").await;
    assert_eq!(general.status, 0);
    let labels: Vec<&str> = general.out.lines().map(|line| line[..30].trim_end()).collect();
    assert_eq!(
        labels,
        [
            "ClusterID:",
            "ServerID:",
            "Host:",
            "Tasks:",
            "Enabled Tasks:",
            "Subscriptions:",
            "Platform:",
            "Version:"
        ]
    );
    assert!(
        general.out.contains(&format!("\n{:<30}{:<30}\n", "Tasks:", "0")),
        "{}",
        general.out
    );

    fixture.script(&SCRIPT.replace("60", "074"));
    let defined = fixture.run("define octal -tick SCRIPT -dbrp a.b").await;
    assert_eq!((defined.status, defined.out.as_str()), (0, ""));
    assert_eq!(
        defined.err,
        "warning[octal-literal]: line 2 char 14: `074` is octal: it means 60\n  = hint: write `60`, or `74`\n"
    );
    fixture.silent("delete tasks octal").await;
    fixture.script(SCRIPT);
    fixture
        .silent("define autoscale -tick SCRIPT -type stream -dbrp autoscale.autogen")
        .await;
    let before = fixture.run("show autoscale").await.out;
    assert!(
        before.contains("Status: disabled\nExecuting: false\n"),
        "{before}"
    );
    assert!(before.contains("LastEnabled: 01 Jan 01 00:00 UTC\n"), "{before}");
    assert!(before.ends_with(
        "DOT:\ndigraph autoscale {\nstream0 -> from1;\nfrom1 -> derivative2;\nderivative2 -> groupby3;\ngroupby3 -> sum4;\n\
         sum4 -> movingAverage5;\nmovingAverage5 -> http_out6;\n}\n"
    ), "{before}");

    fixture.silent("enable autoscale").await;
    let shown = fixture.run("show autoscale").await.out;
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "ID: autoscale",
            "Error: ",
            "Template: ",
            "Type: stream",
            "Status: enabled",
            "Executing: true"
        ]
    );
    assert!(lines[6].starts_with("Created: ") && lines[6].ends_with(" UTC"));
    assert_eq!(
        lines[9],
        "Databases Retention Policies: [\"autoscale\".\"autogen\"]"
    );
    assert_eq!(lines[10], "TICKscript:");
    assert!(shown.contains(
        "|httpOut('average')\n\nDOT:\ndigraph autoscale {\ngraph [throughput=\"0.00 points/s\"];\n\nstream0 ["
    ));
    assert!(shown.contains("\nstream0 -> from1 [processed=\"0\"];\n\nfrom1 [avg_exec_time_ns=\"0s\" errors=\"0\" working_cardinality=\"0\" ];\n"), "{shown}");

    let list = fixture.run("list tasks").await;
    assert_eq!(
        list.out,
        "ID        Type      Status    Executing Databases and Retention Policies\n\
         autoscale stream    enabled   true      [\"autoscale\".\"autogen\"]\n"
    );
    assert!(
        fixture
            .run("stats general")
            .await
            .out
            .contains(&format!("{:<30}{:<30}\n", "Enabled Tasks:", "1"))
    );
    fixture.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_may_stand_anywhere_and_be_spelled_as_go_allows() {
    let fixture = Fixture::new().await;
    fixture.script(SCRIPT);
    fixture
        .silent("define -tick=SCRIPT --dbrp=\"a\".\"b\" one -dbrp c.d --type stream")
        .await;
    let shown = fixture.run("show one").await.out;
    assert!(
        shown.contains("Databases Retention Policies: [\"a\".\"b\" \"c\".\"d\"]"),
        "{shown}"
    );
    fixture.silent("enable one").await;
    fixture.silent("define one -no-reload").await;
    fixture.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enabled_task_is_reloaded_when_it_is_defined_anew() {
    let fixture = Fixture::new().await;
    fixture.script(SCRIPT);
    fixture.silent("define one -tick SCRIPT -dbrp a.b").await;
    fixture.silent("enable one").await;
    fixture.script(&SCRIPT.replace("'average'", "'other'"));
    fixture.silent("define one -tick SCRIPT -no-reload").await;
    assert!(fixture.server.tasks().endpoint("one", "average").is_some());
    fixture.silent("define one -tick SCRIPT").await;
    assert!(fixture.server.tasks().endpoint("one", "average").is_none());
    assert!(fixture.server.tasks().endpoint("one", "other").is_some());
    fixture.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_select_tasks_and_no_match_is_a_success_with_a_warning() {
    let fixture = Fixture::new().await;
    fixture.script(SCRIPT);
    for id in ["a_one", "a_two", "b"] {
        fixture
            .silent(&format!("define {id} -tick SCRIPT -dbrp a.b"))
            .await;
    }
    fixture.silent("enable a_*").await;
    let executing = |id: &str| fixture.server.tasks().is_executing(id);
    assert_eq!(
        (executing("a_one"), executing("a_two"), executing("b")),
        (true, true, false)
    );
    fixture.silent("reload a_* b").await;
    assert!(executing("b"));
    fixture.silent("disable *").await;
    assert_eq!(fixture.run("list tasks a_*").await.out.lines().count(), 3);
    for line in [
        "enable nothing",
        "disable nothing",
        "reload nothing",
        "delete tasks nothing",
    ] {
        let outcome = fixture.run(line).await;
        assert_eq!((outcome.status, outcome.out.as_str()), (0, ""), "{line}");
        assert_eq!(outcome.err, "Warning: no task matches \"nothing\"\n", "{line}");
    }
    fixture.silent("delete tasks *").await;
    assert_eq!(fixture.run("list tasks").await.out.lines().count(), 1);
    fixture.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_statuses_are_kapacitors() {
    let fixture = Fixture::new().await;
    fixture.script("stream|");
    for (line, status, err) in [
        ("", 1, "Error: Must pass a command.\n"),
        ("push", 1, "Unknown command push\n"),
        ("help push", 1, "Unknown command push\n"),
        ("help define", 0, "Usage: kapacitor define <task ID> [options]\n"),
        ("define -h", 0, "Usage: kapacitor define <task ID> [options]\n"),
        ("define", 2, "Must provide a task ID.\n"),
        ("define a b", 2, "Must provide one task ID.\n"),
        (
            "define a -nothing",
            2,
            "flag provided but not defined: -nothing\n",
        ),
        (
            "define a -dbrp nodot",
            2,
            "invalid value \"nodot\" for flag -dbrp: does not contain a '.'",
        ),
        (
            "define a -tick SCRIPT -dbrp a.b",
            3,
            "Error: invalid TICKscript: parser: ",
        ),
        (
            "define a -tick /no/such/file",
            3,
            "Error: open /no/such/file: no such file or directory\n",
        ),
        ("define a -dbrp a.b", 3, "Error: must provide TICKscript\n"),
        ("enable", 2, "Must pass at least one task ID\n"),
        ("show", 2, "Must specify one task ID\n"),
        ("show a", 3, "Error: no task exists\n"),
        ("list", 2, "Must specify 'tasks'\n"),
        ("list recordings", 3, "Error: cannot list 'recordings'"),
        ("delete tasks", 2, "Must pass at least one ID\n"),
        ("level", 2, "Must pass a log level\n"),
        ("level loud", 3, "Error: unknown log level"),
        ("stats", 3, "Usage: kapacitor stats <general|ingress>\n"),
        ("stats nothing", 0, ""),
        ("-nothing", 2, "flag provided but not defined: -nothing\n"),
        (
            "-url ftp://host list tasks",
            4,
            "Unsupported protocol scheme: ftp",
        ),
    ] {
        let outcome = fixture.run(line).await;
        assert_eq!((outcome.status, outcome.out.as_str()), (status, ""), "{line}");
        assert!(outcome.err.starts_with(err), "{line}: {}", outcome.err);
    }
    let environment = Environment {
        unsafe_ssl: "maybe".to_owned(),
        ..fixture.environment.clone()
    };
    assert_eq!(run(&["version".to_owned()], &environment).await.status, 1);
    fixture.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ingress_counts_what_was_written() {
    let fixture = Fixture::new().await;
    let body = b"requests,host=a value=1i 1\nrequests,host=b value=1i 1\nother value=1 1";
    let ingest = capstan_ingest_write(&fixture, body).await;
    assert_eq!(ingest, 204);
    let ingress = fixture.run("stats ingress").await;
    assert_eq!(
        ingress.out,
        "Database  Retention Policy Measurement Points Received\n\
         autoscale autogen          other                     1\n\
         autoscale autogen          requests                  2\n"
    );
    let vars = fixture.run("vars").await;
    assert!(vars.out.starts_with("{\n\"cluster_id\": "), "{}", vars.out);
    let version = fixture.run("version").await;
    assert!(version.out.starts_with("Kapacitor OSS 1.8.3"), "{}", version.out);
    fixture.server.stop().await;
}

async fn capstan_ingest_write(fixture: &Fixture, body: &'static [u8]) -> u16 {
    let url = format!(
        "{}/write?db=autoscale&rp=autogen&precision=s",
        fixture.environment.url
    );
    reqwest::Client::new()
        .post(url)
        .body(body)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

//! A function written in Python, over standard input and output and over a socket, under the production engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SystemClock;
use capstan_flow::ports::udf::Udf as _;
use capstan_flow::{Mode, PointBatch, Ports, Task, TaskError, TaskKind, Vars, define_with};
use capstan_model::{Batch, Block, BlockBuilder, Dimensions, KeyTable, Tags, ValueRef};
use capstan_udf::{Function, Functions, Place};
use crossbeam_channel::{Receiver, bounded};
use tokio::runtime::{Handle, Runtime};

/// The longest a test waits for anything.
const PATIENCE: Duration = Duration::from_mins(1);

const STREAM: &str = "stream|from().measurement('m').groupBy('host')@average().field('value').size(3).as('mean')|httpOut('out')";
const BATCH: &str = "batch|query('SELECT value FROM a.b.m').period(1s).every(1s).groupBy('host')@average().size(2)|httpOut('out')";

fn script() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/moving_average.py").to_owned()
}

fn program(edge: &str, fault: &str) -> Place {
    Place::Program {
        program: "python3".to_owned(),
        arguments: vec!["-u".to_owned(), script(), edge.to_owned()],
        environment: BTreeMap::from([("FAULT".to_owned(), fault.to_owned())]),
    }
}

/// A service at a socket of its own.
struct Service {
    child: Child,
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Service {
    fn start(edge: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("average.sock");
        let child = Command::new("python3")
            .args([script().as_ref(), Path::new(edge), Path::new("--socket"), &path])
            .stdin(Stdio::null())
            .spawn()
            .expect("python3 is there");
        Self {
            child,
            _folder: folder,
            path,
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Bench {
    runtime: Runtime,
    functions: Arc<Functions>,
}

impl Bench {
    fn new(place: Place, timeout: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads");
        let function = Function {
            name: "average".to_owned(),
            place,
            timeout,
        };
        let handle: Handle = runtime.handle().clone();
        let functions = Functions::new([function], SystemClock::shared(), handle);
        runtime.block_on(functions.load());
        Self { runtime, functions }
    }

    /// A task that is not started, and what is sent to when an answer came.
    fn task(&self, script: &str) -> (Task, Ports, Receiver<()>) {
        let catalog = self.functions.catalog();
        let definition = define_with(script, TaskKind::Auto, &Vars::new(), Mode::Task, &catalog)
            .unwrap_or_else(|error| panic!("{error}"));
        let (wake, woken) = bounded(1);
        let ports = Ports {
            udf: Some(Arc::clone(&self.functions) as _),
            wake: Arc::new(move || {
                // One that waits already is enough.
                let _ = wake.try_send(());
            }),
            ..Ports::offline(SystemClock::shared())
        };
        let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
        let task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports.clone()).expect("edges fit");
        (task, ports, woken)
    }
}

/// Takes answers in until `done`.
fn until(task: &mut Task, woken: &Receiver<()>, done: impl Fn(&Task) -> bool) -> Result<(), TaskError> {
    let clock = SystemClock::shared();
    let deadline = clock.monotonic() + PATIENCE;
    loop {
        task.complete()?;
        if done(task) {
            return Ok(());
        }
        let left = deadline.saturating_sub(clock.monotonic());
        woken.recv_timeout(left).expect("the function answers in time");
    }
}

fn emitted(task: &Task) -> u64 {
    let nodes = task.stats().nodes;
    nodes
        .iter()
        .find(|node| &*node.kind == "average")
        .map_or(0, |node| node.emitted)
}

/// One point per value, of two hosts in turn.
fn rows(values: std::ops::Range<i64>) -> Block {
    let keys = Arc::new(KeyTable::new());
    let mut rows = BlockBuilder::new("m", Arc::clone(&keys)).from_source("db".into(), "rp".into());
    for value in values {
        let host = if value % 2 == 0 { "even" } else { "odd" };
        rows.row(value, keys.intern(&Tags::from_pairs([("host", host)])));
        rows.field("value", ValueRef::Int(value * value));
    }
    rows.finish()
}

fn body(values: std::ops::Range<i64>) -> Batch {
    Batch::single(rows(values))
}

fn last_means(ports: &Ports) -> String {
    ports.endpoints.get("out").unwrap_or_default()
}

/// The averages of the last three squares of 0..10 of each host.
const MEANS: &str = r#"{"series":[{"name":"m","tags":{"host":"even"},"columns":["time","mean"],"values":[["1970-01-01T00:00:00.000000008Z",38.666666666666664]]},{"name":"m","tags":{"host":"odd"},"columns":["time","mean"],"values":[["1970-01-01T00:00:00.000000009Z",51.666666666666664]]}]}"#;

fn stream(bench: &Bench) {
    let (mut task, ports, woken) = bench.task(STREAM);
    task.start().expect("it starts");
    task.collect(&body(0..10)).expect("it runs");
    task.finish().expect("it ends");
    until(&mut task, &woken, |task| task.pending() == 0).expect("it ends well");
    assert_eq!(emitted(&task), 10);
    assert_eq!(last_means(&ports), MEANS);
}

fn batch(bench: &Bench) {
    let (mut task, ports, woken) = bench.task(BATCH);
    task.start().expect("it starts");
    let query = task.pipeline().queries()[0];
    let dimensions = Dimensions {
        by_name: false,
        tags: [Arc::from("host")].into(),
    };
    let tags = Tags::from_pairs([("host", "odd")]);
    let group = task.groups_mut().intern(&dimensions, "m", &tags);
    for values in [0..0, 1..6] {
        let batch = PointBatch {
            name: "m".into(),
            group,
            tmax: 100,
            rows: Arc::new(rows(values)),
        };
        task.collect_batch(query, batch).expect("it runs");
    }
    task.finish().expect("it ends");
    until(&mut task, &woken, |task| task.pending() == 0).expect("it ends well");
    assert_eq!(emitted(&task), 2);
    let means = last_means(&ports);
    assert!(
        means.contains(r#""tags":{"host":"odd"},"columns":["time","mean"]"#),
        "{means}"
    );
    assert!(
        means.contains(r#"["1970-01-01T00:00:00.000000005Z",20.5]"#),
        "{means}"
    );
}

#[test]
fn a_program_gets_points_and_gives_points() {
    stream(&Bench::new(program("stream", ""), Duration::from_secs(10)));
}

#[test]
fn a_program_gets_batches_and_gives_batches() {
    batch(&Bench::new(program("batch", ""), Duration::from_secs(10)));
}

#[test]
fn a_service_behind_a_socket_does_the_same() {
    let service = Service::start("stream");
    stream(&Bench::new(
        Place::Socket(service.path.clone()),
        Duration::from_secs(10),
    ));
    let service = Service::start("batch");
    batch(&Bench::new(
        Place::Socket(service.path.clone()),
        Duration::from_secs(10),
    ));
}

#[test]
fn a_snapshot_in_the_middle_changes_nothing() {
    let bench = Bench::new(program("stream", ""), Duration::from_secs(10));
    let (mut before, _, woken) = bench.task(STREAM);
    before.start().expect("it starts");
    before.collect(&body(0..7)).expect("it runs");
    before.prepare_snapshot().expect("it runs");
    until(&mut before, &woken, |task| !task.is_preparing()).expect("it runs");
    assert_eq!(
        emitted(&before),
        7,
        "what was given before the snapshot came before it"
    );
    let snapshot = before.snapshot();
    before.stop();
    let (mut after, ports, woken) = bench.task(STREAM);
    assert_eq!(after.restore(&snapshot).expect("ours"), Vec::<String>::new());
    after.start().expect("it starts");
    after.collect(&body(7..10)).expect("it runs");
    after.finish().expect("it ends");
    until(&mut after, &woken, |task| task.pending() == 0).expect("it ends well");
    assert_eq!(last_means(&ports), MEANS);
}

/// The error that ends a task of a function that misbehaves.
fn failure(fault: &str, timeout: Duration) -> String {
    let bench = Bench::new(program("stream", ""), Duration::from_secs(10));
    let faulty = Function {
        name: "average".to_owned(),
        place: program("stream", fault),
        timeout,
    };
    let faulty = Functions::new([faulty], SystemClock::shared(), bench.runtime.handle().clone());
    let bench = Bench {
        functions: Arc::clone(&bench.functions),
        ..bench
    };
    let (task, ports, woken) = bench.task(STREAM);
    let ports = Ports {
        udf: Some(faulty),
        ..ports
    };
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let mut task = Task::new("t", Arc::clone(task.pipeline()), dbrps, ports).expect("edges fit");
    task.start().expect("it starts");
    task.collect(&body(0..10)).expect("it runs");
    let error = until(&mut task, &woken, |_| false).expect_err("the function fails");
    assert_eq!(task.stats().nodes[2].errors, 1);
    error.to_string()
}

#[test]
fn a_crash_ends_the_task_and_says_why() {
    assert_eq!(
        failure("crash", Duration::from_secs(10)),
        "average2: process exited unexpectedly: exit status 3 (out of order)"
    );
}

#[test]
fn an_error_response_ends_the_task() {
    assert_eq!(
        failure("error", Duration::from_secs(10)),
        "average2: the second point is too much"
    );
}

#[test]
fn silence_ends_the_task() {
    let error = failure("silent", Duration::from_secs(2));
    assert!(
        error.starts_with("average2: keepalive timedout, last keepalive received was: 20"),
        "{error}"
    );
}

#[test]
fn text_in_the_output_is_no_message() {
    let error = failure("noise", Duration::from_secs(10));
    assert!(
        error.contains("does the function write something else to its output?"),
        "{error}"
    );
}

#[test]
fn a_function_that_does_not_end_is_killed() {
    let timeout = Duration::from_secs(3);
    let bench = Bench::new(program("stream", ""), Duration::from_secs(10));
    let deaf = Function {
        name: "average".to_owned(),
        place: program("stream", "deaf"),
        timeout,
    };
    let deaf = Functions::new([deaf], SystemClock::shared(), bench.runtime.handle().clone());
    let (task, ports, woken) = bench.task(STREAM);
    let ports = Ports {
        udf: Some(deaf),
        ..ports
    };
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let mut task = Task::new("t", Arc::clone(task.pipeline()), dbrps, ports).expect("edges fit");
    task.start().expect("it starts");
    task.finish().expect("it ends");
    let error = until(&mut task, &woken, |task| task.pending() == 0).expect_err("it does not end");
    assert_eq!(
        error.to_string(),
        "average2: the function did not end within 6s after its input ended"
    );
}

#[test]
fn options_that_the_function_refuses_end_the_task() {
    let bench = Bench::new(program("stream", ""), Duration::from_secs(10));
    let (mut task, _, woken) = bench.task(&STREAM.replace("size(3)", "size(0)"));
    task.start().expect("it starts");
    let error = until(&mut task, &woken, |_| false).expect_err("it refuses");
    assert_eq!(
        error.to_string(),
        "average2: failed to initialize processes size must be positive"
    );
}

#[test]
fn a_function_that_cannot_be_asked_is_told_by_name_and_reason() {
    let why = |place: Place, timeout: Duration| {
        let bench = Bench::new(place, timeout);
        let catalog = bench.functions.catalog();
        let (_, info) = catalog.get("average").expect("it is configured");
        info.expect_err("it cannot be asked").to_owned()
    };
    let missing = Place::Program {
        program: "/nowhere/average".to_owned(),
        arguments: Vec::new(),
        environment: BTreeMap::new(),
    };
    let error = why(missing, Duration::from_secs(10));
    assert!(
        error.starts_with("failed to load process info for \"average\": cannot start \"/nowhere/average\": "),
        "{error}"
    );
    let error = why(program("stream", "mute"), Duration::from_secs(1));
    assert!(
        error.ends_with("no answer to the info request within 1s"),
        "{error}"
    );
    let error = why(
        Place::Socket("/nowhere/socket".into()),
        Duration::from_millis(100),
    );
    assert!(
        error.contains("cannot connect to /nowhere/socket: No such file"),
        "{error}"
    );
}

#[test]
fn refreshing_asks_again() {
    let bench = Bench::new(program("stream", ""), Duration::from_secs(10));
    // It was asked just now, so that this asks nothing; a name that is not configured means nothing.
    bench
        .functions
        .refresh(&["average".to_owned(), "other".to_owned()]);
    assert!(bench.functions.catalog().get("other").is_none());
    let never_asked = Functions::new(
        [Function {
            name: "average".to_owned(),
            place: program("batch", ""),
            timeout: Duration::from_secs(10),
        }],
        SystemClock::shared(),
        bench.runtime.handle().clone(),
    );
    let catalog = never_asked.catalog();
    assert!(catalog.get("average").is_some_and(|(_, info)| info.is_err()));
    never_asked.refresh(&["average".to_owned()]);
    let catalog = never_asked.catalog();
    let (_, info) = catalog.get("average").expect("it is configured");
    assert_eq!(info.expect("it answers").wants, capstan_flow::EdgeType::Batch);
}

use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, Value, ValueRef};
use parking_lot::Mutex;

use crate::ports::udf::{Hold, UDF_QUEUE, UdfEvent, UdfInput, UdfPoint, UdfRun, UdfSession, UdfSink};
use crate::ports::{Udf, UdfCatalog, UdfInfo, UdfType};
use crate::{EdgeType, Mode, Ports, Task, TaskError, TaskKind, Vars, define_with};

/// A function of one run: what it was told, and where its answers go.
#[derive(Default)]
struct Seen {
    run: Option<UdfRun>,
    inputs: Vec<UdfInput>,
    sink: Option<UdfSink>,
    waiting: usize,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Seen>>);

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

fn catalog() -> UdfCatalog {
    let mut functions = UdfCatalog::default();
    let options = [
        ("size", vec![UdfType::Int]),
        ("span", vec![UdfType::Duration, UdfType::String]),
    ];
    let info = UdfInfo {
        wants: EdgeType::Stream,
        provides: EdgeType::Stream,
        options: options.map(|(name, types)| (name.to_owned(), types)).into(),
    };
    functions.insert("mine", Ok(info));
    functions.insert("broken", Err("it does not start".to_owned()));
    functions
}

impl Udf for Fake {
    fn catalog(&self) -> UdfCatalog {
        catalog()
    }

    fn refresh(&self, _names: &[String]) {}

    fn open(&self, run: UdfRun, sink: UdfSink) -> Result<Box<dyn UdfSession>, String> {
        let mut seen = self.0.lock();
        (seen.run, seen.sink) = (Some(run), Some(sink));
        Ok(Box::new(self.clone()))
    }
}

impl UdfSession for Fake {
    fn send(&self, input: UdfInput) {
        self.0.lock().inputs.push(input);
    }

    fn waiting(&self) -> usize {
        self.0.lock().waiting
    }
}

impl Fake {
    fn tell(&self, event: UdfEvent) {
        let sink = self.0.lock().sink.clone().expect("the task started");
        sink(event);
    }

    fn told(&self) -> Vec<UdfInput> {
        std::mem::take(&mut self.0.lock().inputs)
    }
}

const SCRIPT: &str =
    "stream|from().measurement('m').groupBy('host')@mine().size(3).span(2s, 'x')|httpOut('out')";

fn define(script: &str) -> Result<crate::Definition, crate::DefineError> {
    define_with(script, TaskKind::Auto, &Vars::new(), Mode::Task, &catalog())
}

fn task(script: &str) -> (Task, Fake, Ports) {
    let fake = Fake::default();
    let definition = define(script).expect("a valid script");
    let mut ports = Ports::offline(VirtualClock::at(0));
    ports.udf = Some(Arc::new(fake.clone()));
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports.clone()).expect("edges fit");
    (task, fake, ports)
}

fn body() -> Batch {
    let keys = Arc::new(KeyTable::new());
    let mut rows = BlockBuilder::new("m", Arc::clone(&keys)).from_source("db".into(), "rp".into());
    rows.row(7, keys.intern(&Tags::from_pairs([("host", "a"), ("rack", "1")])));
    rows.field("value", ValueRef::Int(1));
    Batch::single(rows.finish())
}

fn points(inputs: &[UdfInput]) -> Vec<UdfPoint> {
    let points = |input: &UdfInput| match input {
        UdfInput::Points(points) => points.clone(),
        _ => Vec::new(),
    };
    inputs.iter().flat_map(points).collect()
}

#[test]
fn points_go_to_the_function_and_its_answers_go_on() {
    let (mut task, fake, ports) = task(SCRIPT);
    task.start().expect("it starts");
    let run = fake.0.lock().run.clone().expect("the function was started");
    assert_eq!((&*run.function, &*run.task, &*run.node), ("mine", "t", "mine2"));
    let options: Vec<String> = run.options.iter().map(|option| format!("{option:?}")).collect();
    assert_eq!(
        options,
        [
            "UdfOption { name: \"size\", values: [Int(3)] }",
            "UdfOption { name: \"span\", values: [Duration(2000000000), String(\"x\")] }",
        ]
    );
    task.collect(&body()).expect("it runs");
    let mut sent = points(&fake.told());
    assert_eq!(
        (&*sent[0].group, &*sent[0].name, sent[0].time),
        ("host=a", "m", 7)
    );
    assert_eq!((&*sent[0].database, sent[0].tags.get("rack")), ("db", Some("1")));
    sent[0].fields = vec![("mean".into(), Value::Float(1.5))];
    fake.tell(UdfEvent::Points(sent, Hold::default()));
    task.complete().expect("it runs");
    assert_eq!(
        ports.endpoints.get("out").as_deref(),
        Some(
            r#"{"series":[{"name":"m","tags":{"host":"a","rack":"1"},"columns":["time","mean"],"values":[["1970-01-01T00:00:00.000000007Z",1.5]]}]}"#
        )
    );
}

#[test]
fn what_comes_after_the_input_ended_reaches_nodes_that_are_not_finished_yet() {
    let script = "stream|from().measurement('m')@mine()@mine()|httpOut('out')";
    let (mut task, fake, ports) = task(script);
    task.start().expect("it starts");
    task.collect(&body()).expect("it runs");
    let first = points(&fake.told());
    task.finish().expect("it ends");
    assert_eq!(fake.told(), [UdfInput::End], "only the first of both is told");
    assert_eq!(task.pending(), 1);
    // The second one opened last, so what is told here comes from it, which was not finished.
    fake.tell(UdfEvent::Points(first, Hold::default()));
    task.complete().expect("it runs");
    assert!(
        ports
            .endpoints
            .get("out")
            .is_some_and(|body| body.contains("value"))
    );
    assert_eq!(task.pending(), 1);
}

#[test]
fn an_error_of_the_function_is_counted_and_ends_the_task() {
    let (mut task, fake, _) = task(SCRIPT);
    task.start().expect("it starts");
    fake.tell(UdfEvent::Failed("out of ideas".to_owned()));
    assert_eq!(
        task.complete(),
        Err(TaskError::Node {
            node: "mine2".to_owned(),
            message: "out of ideas".to_owned()
        })
    );
    assert_eq!(task.stats().nodes[2].errors, 1);
    assert_eq!(&*task.stats().nodes[2].kind, "mine");
}

#[test]
fn a_snapshot_waits_for_the_function_and_comes_back() {
    let (mut before, fake, _) = task(SCRIPT);
    before.start().expect("it starts");
    before.prepare_snapshot().expect("it runs");
    assert!(before.is_preparing() && before.is_busy());
    assert_eq!(fake.told(), [UdfInput::Snapshot]);
    fake.tell(UdfEvent::Snapshot(vec![0, 1, 254]));
    before.complete().expect("it runs");
    assert!(!before.is_preparing() && !before.is_busy());
    let snapshot = before.snapshot();
    let (mut after, fake, _) = task(SCRIPT);
    assert_eq!(after.restore(&snapshot).expect("ours"), Vec::<String>::new());
    after.start().expect("it starts");
    assert_eq!(fake.told(), [UdfInput::Restore(vec![0, 1, 254])]);
    // Other options make another function of it.
    let (mut other, ..) = task(&SCRIPT.replace("size(3)", "size(4)"));
    assert_eq!(other.restore(&snapshot).expect("ours"), ["mine2"]);
}

#[test]
fn a_slow_function_makes_the_task_busy() {
    let (mut task, fake, _) = task(SCRIPT);
    task.start().expect("it starts");
    fake.0.lock().waiting = UDF_QUEUE;
    assert!(!task.is_busy());
    fake.0.lock().waiting = UDF_QUEUE + 1;
    assert!(task.is_busy());
}

#[test]
fn mistakes_in_calls_are_told_with_their_place() {
    for (call, told) in [
        (
            "@mine().size()",
            "line 1 char 35: unexpected number of args to size, got 0 expected 1",
        ),
        (
            "@mine().size(1.0)",
            "line 1 char 35: unexpected arg to size, got DOUBLE expected INT",
        ),
        (
            "@mine().span(1s, 2)",
            "line 1 char 35: unexpected arg to span, got INT expected STRING",
        ),
        (
            "@mine().Size(1)",
            "line 1 char 35: no method or property \"Size\" on mine",
        ),
        (
            "@theirs()",
            "line 1 char 28: no method or property \"theirs\" on from",
        ),
        (
            "@broken()",
            "line 1 char 28: function \"broken\" cannot be used: it does not start",
        ),
        (
            "|mine()",
            "line 1 char 28: no chaining method \"mine\" on from, but dynamic method does exist. Use '@' operator instead: 'node@mine(..)'.",
        ),
        (
            "@log()",
            "line 1 char 28: no dynamic method \"log\" on from, but chaining method does exist. Use '|' operator instead: 'node|log(..)'.",
        ),
    ] {
        let script = format!("stream|from().groupBy('h'){call}");
        assert_eq!(define(&script).expect_err(call).to_string(), told, "{call}");
    }
    let error = define("stream|from()@theirs()").expect_err("not there");
    let shown = error.render("stream|from()@theirs()", "s.tick");
    assert!(shown.contains("[udf.functions.theirs]"), "{shown}");
    let batch = "batch|query('select * from a.b.c').period(1s).every(1s)@mine()";
    let pipeline = define(batch).expect("edges are checked at the start").pipeline;
    let ports = Ports {
        udf: Some(Arc::new(Fake::default())),
        ..Ports::offline(VirtualClock::at(0))
    };
    let error = Task::new("t", Arc::new(pipeline), Vec::new(), ports).expect_err("it wants a stream");
    assert_eq!(
        error.message,
        "cannot add child mismatched edges: query1:batch -> mine2:stream"
    );
}

use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_model::{Batch, Block, BlockBuilder, KeyTable, Run, Tags, Value, ValueRef};
use parking_lot::Mutex;

use super::Task;
use crate::message::{PointBatch, Points};
use crate::pipeline::{LabelStyle, executing_dot};
use crate::ports::{DataEvent, LogLevel, LogSink, NodeErrorEvent, Ports};
use crate::registry::{REGISTRY, Shape};
use crate::script::{Mode, TaskKind, Vars, define};

const SECOND: i64 = 1_000_000_000;

/// Keeps what `log` nodes see, one line per point.
#[derive(Debug, Default)]
struct Seen {
    lines: Mutex<Vec<String>>,
}

fn line(block: &Block, row: usize) -> String {
    let tags: Vec<String> = block.tags(row).iter().map(|(k, v)| format!("{k}={v}")).collect();
    let fields: Vec<String> = block
        .fields(row)
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!(
        "{} {} [{}] {}",
        block.time[row],
        block.name,
        tags.join(","),
        fields.join(" ")
    )
}

impl LogSink for Seen {
    fn node_error(&self, _event: &NodeErrorEvent<'_>) {}

    fn data(&self, _task: &str, _node: &str, _level: LogLevel, _prefix: &str, event: DataEvent<'_>) {
        let mut lines = self.lines.lock();
        match event {
            DataEvent::Points(Points { block, .. }) => {
                lines.extend((0..block.len()).map(|row| line(block, row)));
            }
            DataEvent::Batch(PointBatch { name, tmax, rows, .. }) => {
                lines.push(format!("batch {name} until {tmax}"));
                lines.extend((0..rows.len()).map(|row| line(rows, row)));
            }
        }
    }
}

type Row<'a> = (&'a str, i64, &'a [(&'a str, &'a str)], Value);

/// Points as one body: one block per measurement, runs in the order given.
fn body(keys: &Arc<KeyTable>, rows: &[Row<'_>]) -> Batch {
    let mut builders: Vec<(String, BlockBuilder)> = Vec::new();
    let mut runs = Vec::new();
    for (name, time, tags, value) in rows {
        let at = builders
            .iter()
            .position(|(known, _)| known == name)
            .unwrap_or_else(|| {
                let builder =
                    BlockBuilder::new(*name, Arc::clone(keys)).from_source("db".into(), "rp".into());
                builders.push(((*name).to_owned(), builder));
                builders.len() - 1
            });
        let builder = &mut builders[at].1;
        runs.push(Run {
            block: at as u32,
            start: builder.len() as u32,
            len: 1,
        });
        builder.row(*time, keys.intern(&Tags::from_pairs(tags.iter().copied())));
        builder.field("value", value.as_ref());
        builder.field("name", ValueRef::Str(if *time % 2 == 0 { "even" } else { "odd" }));
    }
    Batch {
        blocks: builders
            .into_iter()
            .map(|(_, builder)| Arc::new(builder.finish()))
            .collect(),
        runs,
    }
}

fn task(script: &str) -> (Task, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let mut ports = Ports::offline(VirtualClock::at(0));
    ports.log = Arc::clone(&seen) as _;
    let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let mut task = Task::new(
        "t",
        Arc::new(definition.pipeline),
        vec![("db".into(), "rp".into())],
        ports,
    )
    .expect("every node starts");
    task.start().expect("every node starts");
    (task, seen)
}

/// Points of three hosts and two services that exercise what nodes remember.
fn sample_rows() -> Vec<Row<'static>> {
    let mut rows: Vec<Row<'static>> = Vec::new();
    for step in 0..12_i64 {
        for (host, tags) in [
            &[("host", "a"), ("rs", "x")][..],
            &[("host", "b"), ("rs", "x")],
            &[("host", "c"), ("rs", "y")],
        ]
        .into_iter()
        .enumerate()
        {
            let value = 10.0 * step as f64 + (step * 7 % 5) as f64 + host as f64;
            rows.push(("m", step * SECOND, tags, Value::Float(value)));
        }
    }
    rows
}

/// The yardstick pipeline up to the average.
const YARDSTICK: &str = "stream|from().measurement('m').groupBy('host','rs').truncate(1s)\
    |derivative('value').as('rate').unit(1s).nonNegative()|groupBy('rs')|sum('rate').as('total')\
    |movingAverage('total', 3).as('average')|log()";

#[test]
fn the_yardstick_averages_the_sum_of_rates() {
    let (mut task, seen) = task(
        "stream|from().measurement('m').groupBy('host','rs')\
        |derivative('value')|groupBy('rs')|sum('value').as('total')|movingAverage('total', 2)|log()",
    );
    let keys = Arc::new(KeyTable::new());
    let rows: Vec<Row<'_>> = (0..5_i64)
        .flat_map(|t| {
            [
                (
                    "m",
                    t * SECOND,
                    &[("host", "a"), ("rs", "x")][..],
                    Value::Int(10 * t),
                ),
                (
                    "m",
                    t * SECOND,
                    &[("host", "b"), ("rs", "x")][..],
                    Value::Int(20 * t * t),
                ),
            ]
        })
        .collect();
    task.collect(&body(&keys, &rows)).expect("the task runs");
    // Rates: 10 + 20·(2t − 1); sums lag by one second; averages over two need two sums.
    assert_eq!(
        *seen.lines.lock(),
        [
            "2000000000 m [rs=x] movingAverage=Float(50.0)",
            "3000000000 m [rs=x] movingAverage=Float(90.0)",
        ]
    );
    let stats = task.stats();
    assert_eq!(
        stats
            .node("derivative2")
            .map(|node| (node.collected, node.emitted)),
        Some((10, 8))
    );
    assert_eq!(
        stats
            .node("sum4")
            .map(|node| (node.emitted, node.working_cardinality)),
        Some((3, 1))
    );
    assert_eq!(stats.node("log6").map(|node| node.emitted), Some(0));
}

#[test]
fn a_task_can_move_to_another_thread() {
    fn moves<T: Send>() {}
    moves::<Task>();
    moves::<Ports>();
}

#[test]
fn how_points_are_cut_into_bodies_does_not_matter() {
    let rows = sample_rows();
    let keys = Arc::new(KeyTable::new());
    for (script, _) in keyed_scripts() {
        let (mut whole, seen_whole) = task(&script);
        whole.collect(&body(&keys, &rows)).expect("the task runs");
        let (mut pieces, seen_pieces) = task(&script);
        for row in &rows {
            pieces
                .collect(&body(&Arc::new(KeyTable::new()), std::slice::from_ref(row)))
                .expect("the task runs");
        }
        assert_eq!(*seen_whole.lines.lock(), *seen_pieces.lines.lock(), "{script}");
        assert!(!seen_whole.lines.lock().is_empty(), "{script}");
    }
}

/// Every kind that keeps state per group, in a script that logs what it gives.
fn keyed_scripts() -> Vec<(String, &'static str)> {
    let nodes = [
        ("where", "where(lambda: count() > 2)"),
        (
            "eval",
            "eval(lambda: \"value\" * 2.0, lambda: sigma(\"value\")).as('double','s').keep()",
        ),
        ("derivative", "derivative('value')"),
        ("window", "window().period(4s).every(2s)"),
        ("sample", "sample(2)"),
        ("changeDetect", "changeDetect('value')"),
        ("state_duration", "stateDuration(lambda: \"value\" > 30.0)"),
        ("state_count", "stateCount(lambda: \"value\" > 30.0)"),
        ("count", "count('value')"),
        ("distinct", "distinct('value')"),
        ("mean", "mean('value')"),
        ("median", "median('value')"),
        ("mode", "mode('value')"),
        ("spread", "spread('value')"),
        ("sum", "sum('value')"),
        ("first", "first('value')"),
        ("last", "last('value')"),
        ("min", "min('value')"),
        ("max", "max('value')"),
        ("percentile", "percentile('value', 50.0)"),
        ("top", "top(1, 'value')"),
        ("bottom", "bottom(1, 'value')"),
        ("stddev", "stddev('value')"),
        ("elapsed", "elapsed('value', 1s)"),
        ("difference", "difference('value')"),
        ("movingAverage", "movingAverage('value', 3)"),
        ("cumulativeSum", "cumulativeSum('value')"),
        ("holtWinters", "holtWinters('value', 1, 0, 1s)"),
        (
            "join",
            "join(stream|from().measurement('m').groupBy('rs')|where(lambda: \"value\" > 20.0)).as('a','b')",
        ),
        (
            "union",
            "union(stream|from().measurement('m').groupBy('rs')|shift(2s)).rename('u')",
        ),
        ("flatten", "flatten().on('host')"),
        (
            "combine",
            "combine(lambda: TRUE, lambda: count() > 1).as('x', 'y')",
        ),
        ("barrier", "barrier().idle(1s)"),
    ];
    let script = |(kind, node): (&'static str, &str)| {
        (
            format!("stream|from().measurement('m').groupBy('rs')|{node}|log()"),
            kind,
        )
    };
    let mut scripts: Vec<_> = nodes.into_iter().map(script).collect();
    scripts.push((YARDSTICK.to_owned(), "yardstick"));
    scripts
}

#[test]
fn a_restart_in_the_middle_changes_nothing() {
    let rows = sample_rows();
    let scripts = keyed_scripts();
    for spec in REGISTRY.iter().filter(|spec| spec.shape == Shape::Keyed) {
        assert!(
            scripts.iter().any(|(_, kind)| *kind == spec.kind),
            "no script for {}",
            spec.kind
        );
    }
    for (script, _) in scripts {
        let keys = Arc::new(KeyTable::new());
        let (mut whole, seen_whole) = task(&script);
        whole.collect(&body(&keys, &rows)).expect("the task runs");
        for middle in [1, 7, 19, 30] {
            let (mut before, seen_before) = task(&script);
            before
                .collect(&body(&keys, &rows[..middle]))
                .expect("the task runs");
            let snapshot = before.snapshot();
            let (mut after, seen_after) = task(&script);
            assert_eq!(
                after.restore(&snapshot).expect("a snapshot of ours"),
                Vec::<String>::new(),
                "{script}"
            );
            assert_eq!(
                after
                    .stats()
                    .nodes
                    .iter()
                    .map(|node| node.working_cardinality)
                    .collect::<Vec<_>>(),
                before
                    .stats()
                    .nodes
                    .iter()
                    .map(|node| node.working_cardinality)
                    .collect::<Vec<_>>(),
                "{script}"
            );
            after
                .collect(&body(&keys, &rows[middle..]))
                .expect("the task runs");
            let both = [seen_before.lines.lock().clone(), seen_after.lines.lock().clone()].concat();
            assert_eq!(both, *seen_whole.lines.lock(), "{script} at {middle}");
        }
    }
}

#[test]
fn a_node_with_other_settings_starts_afresh() {
    let (mut before, _) =
        task("stream|from().measurement('m').groupBy('rs')|movingAverage('value', 3)|log()");
    before
        .collect(&body(&Arc::new(KeyTable::new()), &sample_rows()))
        .expect("the task runs");
    let (mut after, _) = task("stream|from().measurement('m').groupBy('rs')|movingAverage('value', 4)|log()");
    assert_eq!(
        after.restore(&before.snapshot()).expect("a snapshot of ours"),
        ["movingAverage2"]
    );
}

#[test]
fn a_point_that_two_sources_want_is_delivered_once() {
    let (mut task, _) =
        task("var a = stream|from().measurement('m')\nvar b = stream|from()\na|log()\nb|log()");
    let keys = Arc::new(KeyTable::new());
    task.collect(&body(
        &keys,
        &[("m", 0, &[], Value::Int(1)), ("n", 1, &[], Value::Int(2))],
    ))
    .expect("the task runs");
    let stats = task.stats();
    assert_eq!(stats.node("stream0").map(|node| node.collected), Some(2));
    assert_eq!(stats.node("from1").map(|node| node.emitted), Some(1));
    assert_eq!(stats.node("from2").map(|node| node.emitted), Some(2));
}

#[test]
fn points_of_other_databases_and_measurements_are_left_out() {
    let (mut task, seen) = task("stream|from().measurement('m')|log()");
    let keys = Arc::new(KeyTable::new());
    let mut foreign = body(&keys, &[("m", 0, &[], Value::Int(1))]);
    foreign.blocks = vec![Arc::new(Block {
        database: "other".into(),
        ..(*foreign.blocks[0]).clone()
    })];
    task.collect(&foreign).expect("the task runs");
    task.collect(&body(&keys, &[("n", 0, &[], Value::Int(1))]))
        .expect("the task runs");
    assert!(seen.lines.lock().is_empty());
    assert_eq!(task.stats().node("stream0").map(|node| node.collected), Some(0));
    assert_eq!(task.measurements().map(<[_]>::len), Some(1));
}

#[test]
fn measurements_keep_the_order_in_which_they_came() {
    let (mut task, seen) = task("stream|from()|log()");
    let keys = Arc::new(KeyTable::new());
    let rows = [
        ("m", 1, &[][..], Value::Int(1)),
        ("n", 2, &[], Value::Int(2)),
        ("m", 3, &[], Value::Int(3)),
        ("m", 4, &[], Value::Int(4)),
    ];
    task.collect(&body(&keys, &rows)).expect("the task runs");
    let times: Vec<String> = seen
        .lines
        .lock()
        .iter()
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    assert_eq!(times, ["1", "2", "3", "4"]);
}

#[test]
fn the_executing_graph_is_what_show_prints() {
    let (mut task, _) = task("stream|from().measurement('m')|sum('value')");
    let keys = Arc::new(KeyTable::new());
    task.collect(&body(
        &keys,
        &[("m", 0, &[], Value::Int(1)), ("m", SECOND, &[], Value::Int(2))],
    ))
    .expect("it runs");
    let dot = executing_dot(task.pipeline(), "t", &task.stats(), LabelStyle::Attributes);
    assert_eq!(
        dot,
        "digraph t {\ngraph [throughput=\"0.00 points/s\"];\n\n\
         stream0 [avg_exec_time_ns=\"0s\" errors=\"0\" working_cardinality=\"0\" ];\n\
         stream0 -> from1 [processed=\"2\"];\n\n\
         from1 [avg_exec_time_ns=\"0s\" errors=\"0\" working_cardinality=\"0\" ];\n\
         from1 -> sum2 [processed=\"2\"];\n\n\
         sum2 [avg_exec_time_ns=\"0s\" errors=\"0\" working_cardinality=\"1\" ];\n}"
    );
    let labels = executing_dot(task.pipeline(), "t", &task.stats(), LabelStyle::Labels);
    assert!(labels.contains("graph [label=\"Throughput: 0.00 points/s\" forcelabels=true pad=\"0.8,0.5\"];"));
    assert!(
        labels.contains("\nsum2 [xlabel=\"avg_exec_time_ns=0s\\rerrors=0\\rworking_cardinality=1\"];\n"),
        "{labels}"
    );
    assert!(labels.contains("from1 -> sum2 [label=\"processed=2\"];"));
}

#[test]
fn after_the_end_of_input_nothing_is_taken_in() {
    let (mut task, _) = task("stream|from()|log()");
    task.finish().expect("it ends");
    let keys = Arc::new(KeyTable::new());
    assert!(
        task.collect(&body(&keys, &[("m", 0, &[], Value::Int(1))]))
            .is_err()
    );
    assert!(task.complete().is_ok());
}

#[test]
fn edges_that_do_not_match_refuse_the_start() {
    let script = "var w = stream|from()|window().period(1s).every(1s)\nw|log()";
    let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let ports = Ports::offline(VirtualClock::at(0));
    assert!(Task::new("t", Arc::new(definition.pipeline), Vec::new(), ports.clone()).is_ok());
    let script = "stream|from()|window()|log()";
    let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let error = Task::new("t", Arc::new(definition.pipeline), Vec::new(), ports).expect_err("no period");
    assert_eq!(error.node, "window2");
    assert_eq!(
        error.to_string(),
        "window node must have either a non zero period or non zero period count"
    );
}

/// Breaks as a defect would.
#[derive(Debug)]
struct Broken;

impl LogSink for Broken {
    fn node_error(&self, _event: &NodeErrorEvent<'_>) {}

    fn data(&self, _task: &str, _node: &str, _level: LogLevel, _prefix: &str, _event: DataEvent<'_>) {
        panic!("a defect");
    }
}

#[test]
fn a_panic_ends_the_task_and_nothing_else() {
    let definition =
        define("stream|from()|log()", TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let mut ports = Ports::offline(VirtualClock::at(0));
    ports.log = Arc::new(Broken);
    let mut task = Task::new(
        "t",
        Arc::new(definition.pipeline),
        vec![("db".into(), "rp".into())],
        ports,
    )
    .expect("every node starts");
    task.start().expect("every node starts");
    let keys = Arc::new(KeyTable::new());
    let error = task
        .collect(&body(&keys, &[("m", 0, &[], Value::Int(1))]))
        .expect_err("the sink panics");
    assert_eq!(error.to_string(), "log2: panicked: a defect");
    assert!(!task.is_running());
    assert!(
        task.collect(&body(&keys, &[("m", 1, &[], Value::Int(1))]))
            .is_err()
    );
}

#[test]
fn errors_with_points_are_counted_and_sampled_and_the_task_goes_on() {
    let (mut task, seen) = task("stream|from()|eval(lambda: \"value\" / 0).as('x')|log()");
    let keys = Arc::new(KeyTable::new());
    let rows = [
        ("m", 0, &[][..], Value::Int(1)),
        ("m", 1, &[], Value::Int(2)),
        ("m", 2, &[], Value::Float(2.0)),
    ];
    task.collect(&body(&keys, &rows)).expect("the task runs");
    let stats = task.stats();
    assert_eq!(
        stats.node("eval2").map(|node| (node.errors, node.emitted)),
        Some((3, 0))
    );
    let errors: Vec<(String, u64)> = task
        .errors(crate::NodeId(2))
        .recent()
        .map(|entry| (entry.error.clone(), entry.count))
        .collect();
    assert_eq!(errors[0], ("runtime error: integer divide by zero".to_owned(), 2));
    assert_eq!(errors.len(), 2);
    assert!(seen.lines.lock().is_empty());
}

use std::sync::Arc;
use std::time::Duration;

use capstan_base::VirtualClock;
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};
use parking_lot::Mutex;

use crate::engine::Task;
use crate::ports::{InfluxWrite, Ports, WriteError, WriteRequest, WriteSink};
use crate::script::{Mode, TaskKind, Vars, define};

const SECOND: i64 = 1_000_000_000;

/// Keeps writes; answers as told.
#[derive(Debug, Default)]
struct Fake {
    writes: Mutex<Vec<Arc<WriteRequest>>>,
    commands: Mutex<Vec<String>>,
    /// Whether it is down.
    down: Mutex<bool>,
}

impl InfluxWrite for Fake {
    fn check(&self, _cluster: &str) -> Result<(), String> {
        Ok(())
    }

    fn write(&self, _cluster: &str, request: Arc<WriteRequest>, sink: WriteSink) {
        let down = *self.down.lock();
        if !down {
            self.writes.lock().push(request);
        }
        let error = WriteError {
            message: "down".to_owned(),
            again: true,
        };
        sink(if down { Err(error) } else { Ok(()) });
    }

    fn execute(&self, _cluster: &str, command: String, sink: WriteSink<String>) {
        self.commands.lock().push(command);
        sink(Err("may not".to_owned()));
    }
}

struct Rig {
    clock: Arc<VirtualClock>,
    fake: Arc<Fake>,
    task: Task,
}

fn start(properties: &str) -> Rig {
    let script = format!("stream|from()|influxDBOut(){properties}");
    let definition = define(&script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let clock = VirtualClock::at(0);
    let fake = Arc::new(Fake::default());
    let mut ports = Ports::offline(clock.clone());
    ports.influx_write = Some(Arc::clone(&fake) as _);
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports).expect("it starts");
    task.start().expect("it starts");
    Rig { clock, fake, task }
}

impl Rig {
    fn send(&mut self, times: std::ops::Range<i64>) {
        let keys = Arc::new(KeyTable::new());
        let mut rows = BlockBuilder::new("m", Arc::clone(&keys)).from_source("db".into(), "rp".into());
        for time in times {
            rows.row(time * SECOND, keys.intern(&Tags::from_pairs([("host", "a")])));
            rows.field("value", ValueRef::Int(time));
        }
        self.task
            .collect(&Batch::single(rows.finish()))
            .expect("the task runs");
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..10 {
            self.task.complete().expect("the task runs");
        }
    }

    fn advance(&mut self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        let now = capstan_base::Clock::now_nanos(&*self.clock);
        self.task.fire_timers(now).expect("the task runs");
        self.settle();
    }

    fn written(&self) -> Vec<usize> {
        self.fake.writes.lock().iter().map(|write| write.points).collect()
    }

    fn own(&self) -> Vec<i64> {
        let stats = self.task.stats();
        let node = stats.node("influxdb_out2").expect("the node");
        node.own.iter().map(|(_, value)| *value).collect()
    }
}

#[test]
fn points_are_written_when_enough_wait_after_a_while_and_at_the_end() {
    let mut rig = start(".buffer(2).flushInterval(5s).measurement('n').tag('dc','x').precision('s')");
    rig.send(0..5);
    assert_eq!(rig.written(), [2, 2]);
    assert_eq!(
        rig.fake.writes.lock()[0].body,
        "n,dc=x,host=a value=0i 0\nn,dc=x,host=a value=1i 1\n"
    );
    rig.advance(5);
    assert_eq!(rig.written(), [2, 2, 1]);
    rig.send(5..6);
    rig.task.finish().expect("it ends");
    rig.settle();
    assert_eq!(rig.written(), [2, 2, 1, 1]);
    assert_eq!(rig.own(), [6, 0]);
    let writes = rig.fake.writes.lock();
    assert_eq!(
        (
            &*writes[0].database,
            &*writes[0].retention_policy,
            &*writes[0].precision
        ),
        ("db", "rp", "s")
    );
}

#[test]
fn what_could_not_be_written_is_written_later_in_order() {
    let mut rig = start(".buffer(1)");
    *rig.fake.down.lock() = true;
    rig.send(0..3);
    assert_eq!(rig.own(), [0, 1]);
    rig.advance(1);
    assert_eq!(rig.own(), [0, 2]);
    *rig.fake.down.lock() = false;
    rig.advance(1);
    assert_eq!(rig.own(), [0, 2]);
    rig.advance(1);
    assert_eq!(rig.own(), [3, 2]);
    let bodies: Vec<String> = rig
        .fake
        .writes
        .lock()
        .iter()
        .map(|write| write.body.clone())
        .collect();
    assert!(bodies[0].contains("value=0i") && bodies[2].contains("value=2i"));
}

#[test]
fn what_waits_survives_a_restart() {
    let mut rig = start(".buffer(100)");
    rig.send(0..3);
    let snapshot = rig.task.snapshot();
    let mut later = start(".buffer(100)");
    assert!(later.task.restore(&snapshot).expect("a snapshot").is_empty());
    later.advance(10);
    assert_eq!(later.written(), [3]);
}

#[test]
fn a_database_is_created_first_and_failure_does_not_matter() {
    let mut rig = start(".create().database('my db').retentionPolicy('rp').buffer(1)");
    assert_eq!(
        *rig.fake.commands.lock(),
        ["CREATE DATABASE \"my db\" WITH NAME rp"]
    );
    rig.send(0..1);
    assert_eq!(rig.written(), [1]);
    assert_eq!(
        rig.task.stats().node("influxdb_out2").map(|node| node.errors),
        Some(1)
    );
}

#[test]
fn an_unknown_precision_is_told_with_every_point() {
    let mut rig = start(".precision('x')");
    rig.send(0..2);
    assert_eq!(
        rig.task.stats().node("influxdb_out2").map(|node| node.errors),
        Some(2)
    );
}

#[test]
fn without_influxdb_the_start_is_refused() {
    let script = "stream|from()|influxDBOut()";
    let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let ports = Ports::offline(VirtualClock::at(0));
    let refused = Task::new("t", Arc::new(definition.pipeline), Vec::new(), ports).expect_err("no InfluxDB");
    assert_eq!(
        refused.to_string(),
        "no InfluxDB cluster configured cannot use the InfluxDBOutNode"
    );
}

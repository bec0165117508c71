use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};

use crate::{Mode, Ports, Task, TaskKind, Vars, define};

const SECOND: i64 = 1_000_000_000;

fn start(now: i64) -> (Task, Ports, Arc<VirtualClock>) {
    let script = "stream|from().measurement('m').groupBy('host')|stats(10s).align()|httpOut('o')";
    let definition = define(script, TaskKind::Stream, &Vars::new(), Mode::Task).unwrap();
    let clock = VirtualClock::at(now);
    let ports = Ports::offline(Arc::<VirtualClock>::clone(&clock));
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports.clone()).unwrap();
    task.start().unwrap();
    (task, ports, clock)
}

fn send(task: &mut Task, host: &str) {
    let keys = Arc::new(KeyTable::new());
    let mut rows = BlockBuilder::new("m", Arc::clone(&keys)).from_source("db".into(), "rp".into());
    rows.row(0, keys.intern(&Tags::from_pairs([("host", host)])));
    rows.field("v", ValueRef::Int(1));
    task.collect(&Batch::single(rows.finish())).unwrap();
}

#[test]
fn what_a_node_gave_is_told_by_group_and_survives_a_restart() {
    let (mut task, ports, _) = start(13 * SECOND);
    assert_eq!(task.next_timer(), Some(20 * SECOND));
    for host in ["a", "a", "b"] {
        send(&mut task, host);
    }
    let snapshot = task.snapshot();
    let (mut task, ports_after, _) = start(20 * SECOND);
    task.restore(&snapshot).unwrap();
    send(&mut task, "b");
    task.fire_timers(20 * SECOND).unwrap();
    assert_eq!(
        ports_after.endpoints.get("o").unwrap(),
        "{\"series\":[{\"name\":\"stats\",\"tags\":{\"host\":\"a\"},\"columns\":[\"time\",\"emitted\"],\
         \"values\":[[\"1970-01-01T00:00:20Z\",2]]},{\"name\":\"stats\",\"tags\":{\"host\":\"b\"},\
         \"columns\":[\"time\",\"emitted\"],\"values\":[[\"1970-01-01T00:00:20Z\",2]]}]}"
    );
    assert_eq!(task.next_timer(), Some(30 * SECOND));
    assert!(!ports.endpoints.get("o").unwrap().contains("values"));
}

#[test]
fn without_data_there_is_a_zero() {
    let (mut task, ports, clock) = start(20 * SECOND);
    assert_eq!(task.next_timer(), Some(30 * SECOND));
    clock.advance_to(30 * SECOND);
    task.fire_timers(30 * SECOND).unwrap();
    assert!(
        ports
            .endpoints
            .get("o")
            .unwrap()
            .contains("[\"1970-01-01T00:00:30Z\",0]")
    );
}

use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};

use crate::{Mode, Ports, Task, TaskKind, Vars, define};

const SECOND: i64 = 1_000_000_000;

fn start(node: &str, now: i64) -> (Task, Ports, Arc<VirtualClock>) {
    let script = format!(
        "stream|from().measurement('m').groupBy('host')|barrier(){node}|window().period(10s).every(10s)\
         |count('v')|httpOut('o')"
    );
    let definition = define(&script, TaskKind::Stream, &Vars::new(), Mode::Task).unwrap();
    let clock = VirtualClock::at(now);
    let ports = Ports::offline(Arc::<VirtualClock>::clone(&clock));
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports.clone()).unwrap();
    task.start().unwrap();
    (task, ports, clock)
}

fn send(task: &mut Task, host: &str, seconds: i64) {
    let keys = Arc::new(KeyTable::new());
    let mut rows = BlockBuilder::new("m", Arc::clone(&keys)).from_source("db".into(), "rp".into());
    rows.row(seconds * SECOND, keys.intern(&Tags::from_pairs([("host", host)])));
    rows.field("v", ValueRef::Int(1));
    task.collect(&Batch::single(rows.finish())).unwrap();
}

/// Fires all timers up to `seconds`.
fn run_to(task: &mut Task, clock: &VirtualClock, seconds: i64) {
    while let Some(due) = task.next_timer().filter(|&due| due <= seconds * SECOND) {
        clock.advance_to(due);
        task.fire_timers(due).unwrap();
    }
    clock.advance_to(seconds * SECOND);
}

fn own(task: &Task) -> (u64, i64) {
    let stats = task.stats();
    let node = stats.node("barrier2").unwrap();
    (node.working_cardinality, node.own[0].1)
}

#[test]
fn an_idle_group_is_promised_one_step_at_a_time() {
    let (mut task, ports, clock) = start(".idle(4s)", 100 * SECOND);
    send(&mut task, "a", 0);
    run_to(&mut task, &clock, 103);
    send(&mut task, "a", 3);
    // Idle since 103: barriers of the data's times 7 and 11.
    run_to(&mut task, &clock, 110);
    assert!(!ports.endpoints.get("o").unwrap().contains("values"));
    run_to(&mut task, &clock, 111);
    assert!(
        ports
            .endpoints
            .get("o")
            .unwrap()
            .contains("[\"1970-01-01T00:00:10Z\",2]")
    );
    send(&mut task, "a", 10);
    assert_eq!(own(&task), (1, 1), "10 is before the barrier of 11");
}

#[test]
fn periods_keep_to_their_grid_and_go_on_after_a_restart() {
    let (mut task, _, clock) = start(".period(4s)", 0);
    send(&mut task, "a", 1);
    run_to(&mut task, &clock, 3);
    assert_eq!(task.next_timer(), Some(4 * SECOND));
    let snapshot = task.snapshot();
    let (mut task, _, clock) = start(".period(4s)", 9 * SECOND);
    assert!(task.restore(&snapshot).unwrap().is_empty());
    run_to(&mut task, &clock, 9);
    assert_eq!(task.next_timer(), Some(12 * SECOND));
}

#[test]
fn deleted_groups_are_forgotten_everywhere() {
    let (mut task, ports, clock) = start(".idle(20s).delete(TRUE)", 0);
    send(&mut task, "a", 0);
    send(&mut task, "b", 0);
    send(&mut task, "b", 12);
    assert!(ports.endpoints.get("o").unwrap().contains("\"host\":\"b\""));
    run_to(&mut task, &clock, 20);
    assert_eq!(own(&task), (0, 0));
    assert!(
        task.stats()
            .nodes
            .iter()
            .all(|node| node.working_cardinality == 0)
    );
    assert!(!ports.endpoints.get("o").unwrap().contains("values"));
    assert_eq!(task.next_timer(), Some(40 * SECOND), "a stale timer is harmless");
    run_to(&mut task, &clock, 40);
    assert_eq!(task.next_timer(), None);
}

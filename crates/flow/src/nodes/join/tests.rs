use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};

use crate::{Mode, Ports, Task, TaskKind, Vars, define};

/// A task that joins `a` and `b` as told, with its endpoint `o`.
struct Rig {
    task: Task,
    ports: Ports,
    keys: Arc<KeyTable>,
}

impl Rig {
    fn new(a: &str, b: &str, properties: &str) -> Self {
        let script = format!(
            "var a = stream|from().measurement('a'){a}\nvar b = stream|from().measurement('b'){b}\n\
             a|join(b).as('a', 'b'){properties}|window().period(1000s).every(0s)|httpOut('o')"
        );
        let definition = define(&script, TaskKind::Stream, &Vars::new(), Mode::Task).unwrap();
        let ports = Ports::offline(VirtualClock::at(0));
        let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
        let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports.clone()).unwrap();
        task.start().unwrap();
        Self {
            task,
            ports,
            keys: Arc::new(KeyTable::new()),
        }
    }

    fn send(&mut self, name: &str, tags: &[(&str, &str)], seconds: i64, value: i64) {
        let mut rows = BlockBuilder::new(name, Arc::clone(&self.keys)).from_source("db".into(), "rp".into());
        rows.row(
            seconds * 1_000_000_000,
            self.keys.intern(&Tags::from_pairs(tags.iter().copied())),
        );
        rows.field("v", ValueRef::Int(value));
        self.task.collect(&Batch::single(rows.finish())).unwrap();
    }

    /// Values of the window's last batch, without times: per series.
    fn values(&self) -> Vec<String> {
        let body = self.ports.endpoints.get("o").unwrap_or_default();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let row = |row: &serde_json::Value| {
            row.as_array()
                .unwrap()
                .iter()
                .skip(1)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        body["series"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|series| series["values"].as_array().unwrap().iter().map(row))
            .collect()
    }
}

#[test]
fn an_incomplete_set_waits_until_every_parent_is_past_it() {
    let mut rig = Rig::new("", "", ".fill(0)");
    rig.send("a", &[], 1, 10);
    rig.send("a", &[], 2, 20);
    assert!(rig.values().is_empty(), "b may still come at 1 s");
    rig.send("b", &[], 2, 21);
    assert_eq!(rig.values(), ["10 0", "20 21"]);
}

#[test]
fn points_of_one_time_pair_in_the_order_of_arrival() {
    let mut rig = Rig::new("", "", "");
    rig.send("a", &[], 1, 1);
    rig.send("a", &[], 1, 2);
    rig.send("b", &[], 1, 3);
    rig.send("b", &[], 1, 4);
    assert_eq!(rig.values(), ["1 3", "2 4"]);
}

#[test]
fn times_are_rounded_not_compared() {
    let mut rig = Rig::new("", "", ".tolerance(10s)");
    rig.send("a", &[], 14, 1);
    rig.send("b", &[], 6, 2);
    rig.send("a", &[], 24, 3);
    rig.send("b", &[], 26, 4);
    rig.task.finish().unwrap();
    assert_eq!(rig.values(), ["1 2"]);
}

#[test]
fn a_less_specific_point_goes_to_every_group() {
    let mut rig = Rig::new(".groupBy('dc')", ".groupBy('dc', 'host')", ".on('dc')");
    rig.send("b", &[("dc", "x"), ("host", "1")], 1, 10);
    rig.send("b", &[("dc", "x"), ("host", "2")], 1, 11);
    rig.send("b", &[("dc", "y"), ("host", "3")], 1, 12);
    rig.send("a", &[("dc", "x")], 1, 5);
    assert_eq!(rig.values(), ["5 10", "5 11"]);
}

#[test]
fn what_waits_survives_a_restart() {
    for properties in [".fill('null')", ".on('host').fill('null')"] {
        let by = ".groupBy('host')";
        let mut rig = Rig::new(by, by, properties);
        rig.send("a", &[("host", "1")], 1, 1);
        rig.send("a", &[("host", "1")], 2, 2);
        let snapshot = rig.task.snapshot();
        let mut rig = Rig::new(by, by, properties);
        assert!(rig.task.restore(&snapshot).unwrap().is_empty());
        rig.send("b", &[("host", "1")], 2, 3);
        rig.task.finish().unwrap();
        let expected: &[&str] = if properties.contains("on") {
            // Both are exactly as specific as `on`: they wait for points that are more so, and are never joined.
            &[]
        } else {
            &["1 null", "2 3"]
        };
        assert_eq!(rig.values(), expected);
    }
}

#[test]
fn a_silent_parent_does_not_fill_the_memory() {
    let mut sets = Vec::new();
    let mut group = super::sets::JoinGroup::new(2);
    let keys = Arc::new(KeyTable::new());
    let mut rows = BlockBuilder::new("a", Arc::clone(&keys));
    for time in 0..10 {
        rows.row(time, keys.intern(&Tags::EMPTY));
        rows.field("v", ValueRef::Int(time));
    }
    let block = rows.finish();
    for row in 0..10 {
        let arrived = super::sets::Arrived::point(&block, row, capstan_model::Groups::UNGROUPED);
        group.collect(0, row as i64, arrived, &mut sets);
    }
    assert_eq!((sets.len(), group.weight()), (0, 10));
    assert!(group.release_oldest(&mut sets));
    assert_eq!((sets.len(), group.weight(), sets[0].time), (1, 9, 0));
}

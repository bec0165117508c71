//! Any script is a task or a finding; a task takes points without a panic.

#![no_main]

use std::sync::Arc;
use std::time::Duration;

use capstan_base::VirtualClock;
use capstan_flow::{LabelStyle, Mode, Ports, Task, TaskKind, Vars, define, variables};
use capstan_model::{Batch, BlockBuilder, KeyTable, Tags, ValueRef};
use libfuzzer_sys::fuzz_target;

const SECOND: i64 = 1_000_000_000;

/// Points of two hosts, of which one is late and one lacks a field.
fn points() -> Batch {
    let keys = Arc::new(KeyTable::new());
    let hosts = [
        keys.intern(&Tags::from_pairs([("host", "a"), ("replicaset", "app")])),
        keys.intern(&Tags::from_pairs([("host", "b")])),
    ];
    let mut rows = BlockBuilder::new("requests", Arc::clone(&keys)).from_source("db".into(), "rp".into());
    for (at, time) in [0, 1, 2, 2, 60, 3].into_iter().enumerate() {
        rows.row(time * SECOND, hosts[at % 2]);
        rows.field("value", ValueRef::Float(if at == 4 { f64::NAN } else { at as f64 * 1.5 }));
        if at != 3 {
            rows.field("i", ValueRef::Int(if at == 2 { i64::MIN } else { at as i64 }));
            rows.field("s", ValueRef::Str("x,y=é"));
            rows.field("b", ValueRef::Bool(at % 2 == 0));
        }
    }
    Batch::single(rows.finish())
}

fuzz_target!(|script: &str| {
    let vars = Vars::new();
    let _ = variables(script, &vars, Mode::Template);
    if let Ok(template) = define(script, TaskKind::Auto, &vars, Mode::Template) {
        assert!(template.pipeline.nodes().len() > 1);
    }
    let definition = match define(script, TaskKind::Auto, &vars, Mode::Task) {
        Ok(definition) => definition,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let pipeline = Arc::new(definition.pipeline);
    assert!(!pipeline.dot("x").is_empty());
    assert_eq!(pipeline.order().len(), pipeline.nodes().len());

    let clock = VirtualClock::at(0);
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let ports = Ports::offline(Arc::clone(&clock) as _);
    let Ok(mut task) = Task::new("x", Arc::clone(&pipeline), dbrps.clone(), ports.clone()) else {
        return;
    };
    if task.start().is_err() {
        return;
    }
    let batch = points();
    let _ = task.collect(&batch).and_then(|()| task.collect(&batch));

    // Timers, and a task that goes on from the snapshot of this one.
    clock.advance(Duration::from_secs(100));
    let _ = task.fire_timers(100 * SECOND);
    let snapshot = task.snapshot();
    if let Ok(mut next) = Task::new("x", Arc::clone(&pipeline), dbrps, ports) {
        if next.restore(&snapshot).is_ok() && next.start().is_ok() {
            let _ = next.collect(&batch).and_then(|()| next.finish());
        }
    }
    let _ = task.finish();
    let _ = capstan_flow::executing_dot(&pipeline, "x", &task.stats(), LabelStyle::Labels);
});

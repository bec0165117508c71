//! The yardstick pipeline allocates per body, never per point.

#![allow(unsafe_code)] // a counting allocator cannot be written without

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_flow::{Mode, Ports, Task, TaskKind, Vars, define};
use capstan_model::{Batch, BlockBuilder, KeyTable, RowKey, Tags, ValueRef};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is handed to the system allocator; the counter is a plain cell of this thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SCRIPT: &str = "stream|from().measurement('requests').groupBy('host','replicaset').truncate(1s)\
    |derivative('value').as('requests_per_second').unit(1s).nonNegative()\
    |groupBy('replicaset')|sum('requests_per_second').as('total')\
    |movingAverage('total', 60).as('average')|eval(lambda: int(ceil(\"average\" / 100.0))).as('wanted').keep()";

fn body(keys: &Arc<KeyTable>, hosts: &[RowKey], second: i64) -> Batch {
    let mut rows = BlockBuilder::new("requests", Arc::clone(keys)).from_source("db".into(), "rp".into());
    for (at, &host) in hosts.iter().enumerate() {
        rows.row(second * 1_000_000_000, host);
        rows.field("value", ValueRef::Int(second * (at as i64 % 50)));
    }
    Batch::single(rows.finish())
}

/// Allocations of one body, when all groups are known and windows are full.
fn allocations(hosts: usize) -> u64 {
    let definition = define(SCRIPT, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let ports = Ports::offline(VirtualClock::at(0));
    let mut task = Task::new(
        "t",
        Arc::new(definition.pipeline),
        vec![("db".into(), "rp".into())],
        ports,
    )
    .expect("every node starts");
    task.start().expect("every node starts");
    let keys = Arc::new(KeyTable::new());
    let tags = |host: usize| {
        let (host, replicaset) = (format!("host-{host}"), format!("rs-{}", host % 10));
        keys.intern(&Tags::from_pairs([("host", host), ("replicaset", replicaset)]))
    };
    let row_keys: Vec<RowKey> = (0..hosts).map(tags).collect();
    for second in 0..100 {
        task.collect(&body(&keys, &row_keys, second))
            .expect("the task runs");
    }
    let last = body(&keys, &row_keys, 100);
    let before = COUNT.with(Cell::get);
    task.collect(&last).expect("the task runs");
    let count = COUNT.with(Cell::get) - before;
    assert_eq!(task.stats().node("eval6").map(|node| node.errors), Some(0));
    count
}

#[test]
fn a_body_of_more_points_does_not_allocate_more_often() {
    let (few, many) = (allocations(100), allocations(10_000));
    println!("allocations per body: {few} for 100 points, {many} for 10,000");
    // Growing vectors double: a few more for a hundred times the points.
    assert!(
        many < few + 64,
        "{few} allocations for 100 points, {many} for 10,000"
    );
}

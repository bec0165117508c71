//! How much memory a series takes when it is idle: in the index that finds it, and in the yardstick's task.

#![allow(unsafe_code)] // a counting allocator cannot be written without
#![allow(clippy::print_stdout)] // the figures

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_flow::{Mode, Ports, Task, TaskKind, Vars, define};
use capstan_model::line_protocol::{self, ParseOptions, SeriesIndex};

thread_local! {
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn add(bytes: i64) {
    let _ = BYTES.try_with(|count| count.set(count.get() + bytes));
}

// SAFETY: everything is handed to the system allocator; the counter is a plain cell of this thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as i64);
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        add(-(layout.size() as i64));
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The yardstick, node by node.
const STEPS: [&str; 7] = [
    "stream|from().measurement('requests').groupBy('host','replicaset').truncate(1s)",
    "|derivative('value').as('requests_per_second').unit(1s).nonNegative()",
    "|groupBy('replicaset')",
    "|sum('requests_per_second').as('total')",
    "|movingAverage('total', 60).as('average')",
    "|eval(lambda: int(ceil(\"average\" / 100.0))).as('wanted').keep()",
    "|httpOut('out')",
];

/// A little less than a power of two: tables that double are full then.
const HOSTS: usize = (1 << 13) - 200;

fn body(second: usize, replicasets: usize) -> String {
    let mut body = String::new();
    for host in 0..HOSTS {
        let _ = writeln!(
            body,
            "requests,host=host{host:06},replicaset=rs{:05} value={}i {second}000000000",
            host % replicasets,
            second * (host % 50)
        );
    }
    body
}

/// Bytes per series of the index, and of a task with the first `steps` nodes of the yardstick.
fn bytes(replicasets: usize, steps: usize) -> (i64, i64) {
    let script = STEPS[..steps].concat();
    let definition = define(&script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let ports = Ports::offline(VirtualClock::at(0));
    let dbrps = vec![("db".into(), "rp".into())];
    let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports).expect("every node starts");
    task.start().expect("every node starts");
    let before = BYTES.get();
    let mut index = SeriesIndex::new("db", "rp");
    let mut indexed = 0;
    for second in 0..70 {
        let batches = {
            let body = body(second, replicasets);
            line_protocol::parse(&mut index, body.as_bytes(), &ParseOptions::default()).batches
        };
        if second == 0 {
            let rows: usize = batches.iter().map(capstan_model::Batch::bytes).sum();
            indexed = BYTES.get() - before - rows as i64;
        }
        for batch in &batches {
            task.collect(batch).expect("the task runs");
        }
    }
    let all = BYTES.get() - before;
    let hosts = HOSTS as i64;
    (indexed / hosts, (all - indexed) / hosts)
}

#[test]
fn an_idle_series_takes_few_bytes() {
    let mut last = 0;
    for steps in 1..=STEPS.len() {
        let (_, task) = bytes(HOSTS, steps);
        println!("{:>5} {}", task - last, STEPS[steps - 1]);
        last = task;
    }
    let (index, own) = bytes(HOSTS, STEPS.len());
    let (_, shared) = bytes(10, STEPS.len());
    println!("bytes per series: index {index}, task {shared}; with a replica set of its own {own}");
    assert!(
        index <= 200 && shared <= 105 && own <= 720,
        "{index} {shared} {own}"
    );
}

//! A task that forgets idle groups keeps its memory flat however many series come and go, and live groups lose nothing.

#![allow(unsafe_code)] // a counting allocator cannot be written without
#![allow(clippy::print_stdout)] // the figures

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::VirtualClock;
use capstan_flow::{Endpoints, Mode, Ports, Task, TaskKind, Vars, define};
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

const SCRIPT: &str = "stream|from().measurement('requests').groupBy('host','replicaset').truncate(1s)\
    |derivative('value').as('requests_per_second').unit(1s).nonNegative()\
    |groupBy('replicaset')|sum('requests_per_second').as('total')\
    |movingAverage('total', 2).as('average')|eval(lambda: int(ceil(\"average\" / 100.0))).as('wanted').keep()\
    |default().tag('zone', 'a')|groupBy('replicaset', 'zone')|window().periodCount(2).everyCount(2)\
    |max('wanted')|httpOut('out')";

/// Hosts that write at one time.
const LIVE: usize = 1_000;

fn task(clock: &Arc<VirtualClock>, ttl: Option<Duration>) -> (Task, Endpoints) {
    let definition = define(SCRIPT, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let clock: capstan_base::SharedClock = clock.clone();
    let ports = Ports::offline(clock);
    let endpoints = ports.endpoints.clone();
    let dbrps = vec![("db".into(), "rp".into())];
    let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports).expect("every node starts");
    if let Some(ttl) = ttl {
        task.forget_idle_groups(ttl);
    }
    task.start().expect("every node starts");
    (task, endpoints)
}

/// One second: a host that stays, one that comes every 20 seconds, and those of a generation that lives for two seconds.
fn body(second: usize) -> String {
    let mut body = format!(
        "requests,host=stays,replicaset=stays value={}i {second}000000000\n",
        second * 250
    );
    if second.is_multiple_of(20) {
        let _ = writeln!(
            body,
            "requests,host=seldom,replicaset=seldom value={second}i {second}000000000"
        );
    }
    let generation = second / 2;
    for n in 0..LIVE - 2 {
        let _ = writeln!(
            body,
            "requests,host=host-{generation}-{n},replicaset=rs-{generation}-{} value={}i {second}000000000",
            n / 10,
            second * 7
        );
    }
    body
}

/// Runs so many seconds; gives the most memory in use in the second fifth and in the rest, in bytes, beyond that before.
fn run(seconds: usize, keep: usize) -> (i64, i64) {
    let clock = VirtualClock::at(0);
    let (mut task, endpoints) = task(&clock, Some(Duration::from_secs(40)));
    let mut index = SeriesIndex::new("db", "rp").with_keep(keep);
    let options = ParseOptions::default();
    let (mut early, mut late) = (0, 0);
    let before = BYTES.get();
    for second in 0..seconds {
        let parsed = line_protocol::parse(&mut index, body(second).as_bytes(), &options);
        assert_eq!(parsed.outcome.rejected_total, 0);
        for batch in &parsed.batches {
            task.collect(batch).expect("the task runs");
        }
        drop(parsed);
        clock.advance(Duration::from_secs(1));
        let used = BYTES.get() - before;
        if second > seconds * 2 / 5 {
            late = late.max(used);
        } else if second > seconds / 5 {
            early = early.max(used);
        }
    }
    let stats = task.stats();
    let count = |node: &str| {
        let node = stats.node(node).expect("the script has this node");
        assert_eq!(node.errors, 0, "{}", node.name);
        node.emitted
    };
    // Each generation has two points, so that one rate; a number that was given out again inherits nothing.
    let generations = seconds as u64 / 2;
    let seldom = (seconds as u64).div_ceil(20) - 1;
    assert_eq!(
        count("derivative2"),
        seconds as u64 - 1 + seldom + generations * (LIVE as u64 - 2)
    );
    // The one that stays has a rate of 250: three replicas in every answer.
    let shown = endpoints.get("out").expect("the endpoint is there");
    assert!(shown.contains("\"replicaset\":\"stays\""), "{shown}");
    assert!(shown.contains("\"max\"") && !shown.contains("rs-0-"));
    let groups = task.known_groups();
    assert!(groups < 300 * LIVE, "{groups} groups are known");
    (early, late)
}

fn check(seconds: usize, keep: usize) {
    let (early, late) = run(seconds, keep);
    println!(
        "{} series, {LIVE} at a time: at most {:.1} MB early, {:.1} MB later",
        seconds * LIVE / 2,
        early as f64 / 1e6,
        late as f64 / 1e6
    );
    assert!(
        late < early + early / 4,
        "memory grew from {early} to {late} bytes"
    );
}

#[test]
fn series_that_come_and_go_leave_nothing_behind() {
    // A short run has to see the index start over early.
    check(600, 1 << 14);
}

/// `make bench` runs this in a release build.
#[test]
#[ignore = "takes minutes without optimisation"]
fn ten_million_series_leave_nothing_behind() {
    check(20_000, 1 << 17);
}

#[test]
fn without_the_setting_nothing_is_forgotten() {
    let clock = VirtualClock::at(0);
    let (mut task, _) = task(&clock, None);
    let mut index = SeriesIndex::new("db", "rp");
    for second in 0..6 {
        let parsed = line_protocol::parse(&mut index, body(second).as_bytes(), &ParseOptions::default());
        for batch in &parsed.batches {
            task.collect(batch).expect("the task runs");
        }
        clock.advance(Duration::from_secs(100_000));
        task.expire().expect("the task runs");
    }
    assert!(task.known_groups() > 3 * (LIVE - 2));
}

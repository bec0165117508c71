//! What the benches share: tasks, bodies of points, and the kernels whose instructions are counted.
//!
//! | | |
//! |---|---|
//! | `suites/` | criterion suites: `make bench` |
//! | `bin/count` | instructions per point under callgrind, held to the figures in `instructions.txt`: `make bench-count` |

pub mod kernels;

use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_expr::Compiled;
use capstan_flow::{Mode, Ports, Task, TaskKind, Vars, define};
use capstan_model::{Batch, BlockBuilder, KeyTable, RowKey, Tags, ValueRef};

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

/// A stream task that runs offline, on database `db` and retention policy `rp`.
///
/// # Panics
/// The script is not valid; benches write their own.
pub fn task(script: &str) -> Task {
    let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let dbrps = vec![("db".into(), "rp".into())];
    let mut task = Task::new(
        "bench",
        Arc::new(definition.pipeline),
        dbrps,
        Ports::offline(VirtualClock::at(0)),
    )
    .expect("every node can be built");
    task.start().expect("every node starts");
    task
}

/// A compiled lambda.
///
/// # Panics
/// It is not valid; benches write their own.
pub fn lambda(text: &str) -> Compiled {
    let tree = capstan_tick::parse_lambda(text).expect("a valid lambda");
    Compiled::new(&tree).expect("a lambda that compiles")
}

/// Hosts of replica sets, writing `value` once a second.
#[derive(Debug)]
pub struct Hosts {
    keys: Arc<KeyTable>,
    hosts: Vec<RowKey>,
}

impl Hosts {
    /// So many hosts, spread over so many replica sets.
    pub fn new(hosts: usize, replicasets: usize) -> Self {
        let keys = Arc::new(KeyTable::new());
        let tags = |host: usize| {
            Tags::from_pairs([
                ("host", format!("h{host}").as_str()),
                ("replicaset", format!("rs{}", host % replicasets).as_str()),
            ])
        };
        let hosts = (0..hosts).map(|host| keys.intern(&tags(host))).collect();
        Self { keys, hosts }
    }

    /// How many points a second has.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are no hosts.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The points of one second.
    pub fn second(&self, second: i64) -> Arc<Batch> {
        self.named("requests", second)
    }

    /// The points of one second of another measurement.
    pub fn named(&self, measurement: &str, second: i64) -> Arc<Batch> {
        let mut rows =
            BlockBuilder::new(measurement, Arc::clone(&self.keys)).from_source("db".into(), "rp".into());
        for (at, &host) in self.hosts.iter().enumerate() {
            rows.row(second * SECOND, host);
            rows.field("value", ValueRef::Int(second * (at as i64 % 50)));
        }
        Arc::new(Batch::single(rows.finish()))
    }
}

/// A body of the yardstick's points in line protocol: `seconds` of `hosts` hosts, times in seconds.
pub fn lines(hosts: usize, seconds: std::ops::Range<usize>) -> Vec<u8> {
    let mut body = Vec::new();
    for second in seconds {
        for host in 0..hosts {
            let line = format!(
                "requests,host=h{host},replicaset=rs{} value={}i {}\n",
                host % 10,
                second * (host % 50),
                1_700_000_000 + second
            );
            body.extend_from_slice(line.as_bytes());
        }
    }
    body
}

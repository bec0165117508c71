//! Nodes and pipelines on bodies of a thousand hosts: points per second of one thread.
#![allow(missing_docs)]

use capstan_benches::{Hosts, task};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SCRIPTS: [(&str, &str); 6] = [
    ("from", "stream|from().measurement('requests')"),
    (
        "grouping",
        "stream|from().measurement('requests').groupBy('host')|groupBy('replicaset')",
    ),
    (
        "where",
        "stream|from().measurement('requests')|where(lambda: \"value\" < 0)",
    ),
    (
        "window",
        "stream|from().measurement('requests').groupBy('host')|window().period(10s).every(5s)|mean('value')",
    ),
    (
        "yardstick",
        "stream|from().measurement('requests').groupBy('host','replicaset').truncate(1s)\
         |derivative('value').as('rps').unit(1s).nonNegative()|groupBy('replicaset')|sum('rps').as('total')\
         |movingAverage('total', 60).as('average')|eval(lambda: int(ceil(\"average\" / 100.0))).as('wanted').keep()",
    ),
    (
        "join",
        "var a = stream|from().measurement('requests').groupBy('host') \
         var b = stream|from().measurement('requests').groupBy('host')|eval(lambda: \"value\" * 2).as('double') \
         a|join(b).as('a','b')",
    ),
];

fn nodes(c: &mut Criterion) {
    let hosts = Hosts::new(1_000, 10);
    let mut group = c.benchmark_group("nodes");
    group.throughput(Throughput::Elements(hosts.len() as u64));
    for (name, script) in SCRIPTS {
        let mut task = task(script);
        let mut second = 0;
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    second += 1;
                    hosts.second(second)
                },
                |batch| task.collect(&batch).expect("the task works"),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, nodes);
criterion_main!(benches);

//! Every InfluxQL function on a thousand floats.
#![allow(missing_docs)]

use std::hint::black_box;

use capstan_influxql::{Argument, Call, FieldType, Row, Sample};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const VALUES: usize = 1_000;
const SECOND: i64 = 1_000_000_000;

fn values() -> impl Iterator<Item = (i64, f64)> {
    (0..VALUES).map(|at| (at as i64 * SECOND, (at * 7_919 % 1_000) as f64))
}

fn call(name: &str, arguments: &[Argument]) -> Call {
    let mut all = vec![Argument::from("value")];
    all.extend_from_slice(arguments);
    Call::new(name, &all).expect("a valid call")
}

fn aggregates(c: &mut Criterion) {
    let mut group = c.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(VALUES as u64));
    for name in [
        "count", "distinct", "mean", "median", "mode", "spread", "sum", "first", "last", "min", "max",
        "stddev",
    ] {
        let call = call(name, &[]);
        group.bench_function(name, |b| b.iter(|| aggregate(&call)));
    }
    let percentile = call("percentile", &[Argument::from(95.0)]);
    group.bench_function("percentile", |b| b.iter(|| aggregate(&percentile)));
    for name in ["top", "bottom"] {
        let mut arguments = vec![Argument::from(10_i64)];
        arguments.push(Argument::from("value"));
        let call = Call::new(name, &arguments).expect("a valid call");
        group.bench_function(name, |b| b.iter(|| aggregate(&call)));
    }
    group.finish();
}

fn aggregate(call: &Call) -> usize {
    let mut machine = call.aggregate(FieldType::Float).expect("floats are taken");
    for (at, (time, value)) in values().enumerate() {
        let kept = machine.push_float(time, value, Row(at as u64));
        black_box(kept.is_ok());
    }
    let mut answer = Vec::new();
    machine.emit(&mut answer).expect("an answer");
    answer.len()
}

fn transforms(c: &mut Criterion) {
    let mut group = c.benchmark_group("transform");
    group.throughput(Throughput::Elements(VALUES as u64));
    for (name, call) in [
        ("difference", call("difference", &[])),
        ("cumulativeSum", call("cumulativeSum", &[])),
        ("movingAverage", call("movingAverage", &[Argument::from(60_i64)])),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut machine = call.transform(FieldType::Float).expect("floats are taken");
                values()
                    .filter_map(|(time, value)| machine.push_float(time, value).ok().flatten())
                    .fold(0.0, |sum, Sample { time, .. }| sum + time as f64)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, aggregates, transforms);
criterion_main!(benches);

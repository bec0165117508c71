//! Line protocol: lines per second on one core.
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;

use capstan_model::line_protocol::{ParseOptions, Precision, SeriesIndex, parse};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// `hosts` series in order, `rows` lines: the yardstick's points.
fn yardstick(hosts: usize, rows: usize) -> String {
    (0..rows).fold(String::new(), |mut body, row| {
        let host = row % hosts;
        let _ = writeln!(
            body,
            "requests,host=h{host},replicaset=rs{} value={}i 1700000000",
            host % 10,
            row * 7
        );
        body
    })
}

/// As [`yardstick`], but each line's host is picked at random, so that no series can be predicted.
fn shuffled(hosts: usize, rows: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..rows).fold(String::new(), |mut body, row| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let host = state % hosts as u64;
        let _ = writeln!(
            body,
            "requests,host=h{host},replicaset=rs{} value={}i 1700000000",
            host % 10,
            row * 7
        );
        body
    })
}

/// Three tags, three fields, nanoseconds.
fn wide(hosts: usize, rows: usize) -> String {
    (0..rows).fold(String::new(), |mut body, row| {
        let host = row % hosts;
        let _ = writeln!(
            body,
            "cpu,cpu=cpu{},host=h{host},region=west usage_user={}.25,usage_system={}.5,procs={}i 1700000000123456789",
            host % 8,
            row % 100,
            row % 50,
            row % 900
        );
        body
    })
}

fn lines(c: &mut Criterion) {
    const ROWS: usize = 5_000;
    let mut group = c.benchmark_group("line_protocol");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, body, hosts) in [
        (
            "yardstick_1000_hosts",
            yardstick(1_000, ROWS),
            yardstick(1_000, 1_000),
        ),
        (
            "shuffled_1000_hosts",
            shuffled(1_000, ROWS),
            yardstick(1_000, 1_000),
        ),
        (
            "shuffled_100000_hosts",
            shuffled(100_000, ROWS),
            yardstick(100_000, 100_000),
        ),
        ("wide_1000_hosts", wide(1_000, ROWS), String::new()),
    ] {
        let options = ParseOptions {
            precision: Precision::Second,
            ..ParseOptions::default()
        };
        let options = if name.starts_with("wide") {
            ParseOptions::default()
        } else {
            options
        };
        let mut index = SeriesIndex::new("db", "rp");
        parse(&mut index, hosts.as_bytes(), &options);
        group.bench_function(name, |b| {
            b.iter(|| {
                let parsed = parse(&mut index, black_box(body.as_bytes()), &options);
                assert_eq!(parsed.outcome.accepted, ROWS);
                parsed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lines);
criterion_main!(benches);

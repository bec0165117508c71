//! Lambda expressions: a column at a time and row by row.
#![allow(missing_docs)]

use std::hint::black_box;

use capstan_benches::lambda;
use capstan_expr::{ColumnRef, Value};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ROWS: usize = 10_000;

fn expressions(c: &mut Criterion) {
    let values: Vec<f64> = (0..ROWS).map(|row| row as f64).collect();
    for (name, text) in [
        ("compare", "\"value\" > 10.0"),
        ("replicas", "int(ceil(\"value\" / 100.0))"),
        (
            "condition",
            "(\"value\" * 2.0 + 1.0) / 3.0 > 10.0 AND \"value\" < 9000.0",
        ),
    ] {
        let expression = lambda(text);
        let mut group = c.benchmark_group(format!("expression/{name}"));
        group.throughput(Throughput::Elements(ROWS as u64));
        group.bench_function("columns", |b| {
            b.iter(|| expression.eval_columns(ROWS, black_box(&[ColumnRef::Float(&values)])));
        });
        group.bench_function("rows", |b| {
            let mut state = expression.state();
            b.iter(|| {
                for &value in &values {
                    let result = expression.eval(&mut state, &vec![Value::Float(value)]);
                    black_box(&result);
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, expressions);
criterion_main!(benches);

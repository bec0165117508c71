//! The four hottest pieces of work, each as so many rounds over the same points.

use std::hint::black_box;

use capstan_expr::ColumnRef;
use capstan_model::line_protocol::{ParseOptions, Precision, SeriesIndex, parse};

use crate::{Hosts, lambda, lines, task};

/// Points of one round.
pub const POINTS: usize = 10_000;

/// A piece of work whose instructions are counted.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// As in `instructions.txt`.
    pub name: &'static str,
    /// Makes everything ready and does so many rounds.
    pub run: fn(rounds: usize),
}

/// All of them.
pub static KERNELS: [Kernel; 4] = [
    Kernel {
        name: "line_protocol",
        run: line_protocol,
    },
    Kernel {
        name: "group_and_sum",
        run: group_and_sum,
    },
    Kernel {
        name: "window",
        run: window,
    },
    Kernel {
        name: "expression",
        run: expression,
    },
];

fn line_protocol(rounds: usize) {
    let body = lines(1_000, 0..POINTS / 1_000);
    let options = ParseOptions {
        precision: Precision::Second,
        ..ParseOptions::default()
    };
    let mut index = SeriesIndex::new("db", "rp");
    for _ in 0..=rounds {
        black_box(parse(&mut index, black_box(&body), &options));
    }
}

/// A task on `rounds` bodies, after one that makes its groups.
fn on_task(script: &str, rounds: usize) {
    let hosts = Hosts::new(1_000, 10);
    let mut task = task(script);
    for round in 0..=rounds {
        for second in 0..POINTS / hosts.len() {
            let second = (round * POINTS / hosts.len() + second) as i64;
            task.collect(&hosts.second(second)).expect("the task works");
        }
    }
    black_box(task.stats());
}

fn group_and_sum(rounds: usize) {
    on_task(
        "stream|from().measurement('requests').groupBy('host','replicaset').truncate(1s)\
         |derivative('value').as('rps').unit(1s).nonNegative()|groupBy('replicaset')|sum('rps').as('total')",
        rounds,
    );
}

fn window(rounds: usize) {
    on_task(
        "stream|from().measurement('requests').groupBy('host')|window().period(10s).every(5s)|mean('value')",
        rounds,
    );
}

fn expression(rounds: usize) {
    let expression = lambda("(\"value\" * 2.0 + 1.0) / 3.0 > 10.0 AND \"value\" < 9000.0");
    let values: Vec<f64> = (0..POINTS).map(|row| row as f64).collect();
    for _ in 0..=rounds {
        black_box(expression.eval_columns(POINTS, black_box(&[ColumnRef::Float(&values)])));
    }
}

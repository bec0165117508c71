//! `count`, `sigma`, `spread`, `rand` (E-65 to E-68).

use super::{Body, Function, Signature, unexpected};
use crate::error::CallError;
use crate::state::{Cell, CellKind};
use crate::value::{Datum, Type};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "count",
        signatures: &[Signature::new(&[], Type::Int)],
        doc: "How often it was evaluated for this group, from 1.",
        body: Body::Stateful(CellKind::Count),
    },
    Function {
        name: "sigma",
        signatures: &[Signature::new(&[Type::Float], Type::Float)],
        doc: "How many standard deviations the value is away from the running mean of its group.",
        body: Body::Stateful(CellKind::Sigma),
    },
    Function {
        name: "spread",
        signatures: &[Signature::new(&[Type::Float], Type::Float)],
        doc: "The largest value of the group so far minus the smallest.",
        body: Body::Stateful(CellKind::Spread),
    },
    Function {
        name: "rand",
        signatures: &[
            Signature::new(&[], Type::Int),
            Signature::new(&[Type::Int], Type::Int),
        ],
        doc: "A random integer that is not negative; with an argument, one below it.",
        body: Body::Stateful(CellKind::Rand),
    },
];

/// Calls a stateful function.
pub(crate) fn step<'a>(cell: &mut Cell, args: &[Datum<'_>]) -> Result<Datum<'a>, CallError> {
    Ok(match (cell, args) {
        (Cell::Count(n), _) => {
            *n = n.wrapping_add(1);
            Datum::Int(*n)
        }
        (Cell::Sigma { mean, m2, n }, &[Datum::Float(x)]) => {
            *n += 1.0;
            let delta = x - *mean;
            *mean += delta / *n;
            *m2 += delta * (x - *mean);
            let variance = *m2 / (*n - 1.0);
            Datum::Float(if *n < 2.0 || variance == 0.0 {
                0.0
            } else {
                (x - *mean).abs() / variance.sqrt()
            })
        }
        (Cell::Spread { min, max }, &[Datum::Float(x)]) => {
            if x < *min {
                *min = x;
            }
            if x > *max {
                *max = x;
            }
            Datum::Float(*max - *min)
        }
        (Cell::Rand(state), []) => Datum::Int((next(state) >> 1) as i64),
        (Cell::Rand(state), &[Datum::Int(n)]) => {
            // The high half of the product is uniform below n, as far as 64 bits can be; n counts as unsigned. Of 0 it is 0.
            let scaled = (u128::from(next(state)) * u128::from(n as u64)) >> 64;
            Datum::Int((scaled as u64 & (u64::MAX >> 1)) as i64)
        }
        (_, args) => return Err(unexpected(args)),
    })
}

/// splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

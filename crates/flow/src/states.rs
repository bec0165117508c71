//! Expression states in snapshots.

use capstan_expr::{Cell, Compiled, State};
use capstan_model::GroupId;
use serde::{Deserialize, Serialize};

use crate::node::{Json, JsonText, RestoreGroups, SnapshotGroups};

/// A cell with floats as bits, because JSON has no infinities.
#[derive(Debug, Serialize, Deserialize)]
enum Stored {
    Count(i64),
    Sigma(u64, u64, u64),
    Spread(u64, u64),
    Rand(u64),
}

impl From<&Cell> for Stored {
    fn from(cell: &Cell) -> Self {
        match *cell {
            Cell::Count(n) => Self::Count(n),
            Cell::Sigma { mean, m2, n } => Self::Sigma(mean.to_bits(), m2.to_bits(), n.to_bits()),
            Cell::Spread { min, max } => Self::Spread(min.to_bits(), max.to_bits()),
            Cell::Rand(seed) => Self::Rand(seed),
        }
    }
}

impl From<&Stored> for Cell {
    fn from(stored: &Stored) -> Self {
        let float = f64::from_bits;
        match *stored {
            Stored::Count(n) => Self::Count(n),
            Stored::Sigma(mean, m2, n) => Self::Sigma {
                mean: float(mean),
                m2: float(m2),
                n: float(n),
            },
            Stored::Spread(min, max) => Self::Spread {
                min: float(min),
                max: float(max),
            },
            Stored::Rand(seed) => Self::Rand(seed),
        }
    }
}

/// The states of every group. Groups whose states are empty are written too: they count as alive.
pub(crate) fn snapshot<'a>(
    groups: &mut SnapshotGroups<'_>,
    states: impl Iterator<Item = (GroupId, &'a [State])>,
) -> Option<Json> {
    let stored: Vec<(u32, Vec<Vec<Stored>>)> = states
        .map(|(group, states)| {
            let cells = states
                .iter()
                .map(|state| state.cells().iter().map(Stored::from).collect())
                .collect();
            (groups.place(group), cells)
        })
        .collect();
    serde_json::value::to_raw_value(&stored).ok()
}

/// The states of every group, one per expression. A state that does not fit its expression starts afresh.
pub(crate) fn restore(
    state: &JsonText,
    groups: &RestoreGroups<'_>,
    expressions: &[&Compiled],
) -> Result<Vec<(GroupId, Vec<State>)>, serde_json::Error> {
    let stored: Vec<(u32, Vec<Vec<Stored>>)> = serde_json::from_str(state.get())?;
    let group = |(place, states): (u32, Vec<Vec<Stored>>)| {
        let restored = expressions.iter().enumerate().map(|(at, expression)| {
            let cells: Vec<Cell> = states
                .get(at)
                .map(|cells| cells.iter().map(Cell::from).collect())
                .unwrap_or_default();
            expression.restore(&cells).unwrap_or_else(|| expression.state())
        });
        Some((groups.group(place)?, restored.collect()))
    };
    Ok(stored.into_iter().filter_map(group).collect())
}

/// States that belong to no group.
pub(crate) fn store<'a>(states: impl Iterator<Item = &'a State>) -> Json {
    let stored: Vec<Vec<Stored>> = states
        .map(|state| state.cells().iter().map(Stored::from).collect())
        .collect();
    serde_json::value::to_raw_value(&stored).unwrap_or_default()
}

/// What [`store`] gave, for the same expressions in the same order. A state that does not fit starts afresh.
pub(crate) fn unstore<'a>(stored: &JsonText, expressions: impl Iterator<Item = &'a Compiled>) -> Vec<State> {
    let stored: Vec<Vec<Stored>> = serde_json::from_str(stored.get()).unwrap_or_default();
    let state = |(at, expression): (usize, &'a Compiled)| {
        let cells: Vec<Cell> = stored.get(at).into_iter().flatten().map(Cell::from).collect();
        expression.restore(&cells).unwrap_or_else(|| expression.state())
    };
    expressions.enumerate().map(state).collect()
}

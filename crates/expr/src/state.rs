//! What `count`, `sigma`, `spread` and `rand` remember between points of a group.

/// What one stateful function remembers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// `count`: how many evaluations there were.
    Count(i64),
    /// `sigma`: Welford's running mean and sum of squares.
    Sigma {
        /// Running mean.
        mean: f64,
        /// Sum of squared distances from the mean.
        m2: f64,
        /// How many values there were.
        n: f64,
    },
    /// `spread`: the extremes so far.
    Spread {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// `rand`: the generator.
    Rand(u64),
}

/// Which function a cell serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    Count,
    Sigma,
    Spread,
    Rand,
}

impl CellKind {
    pub(crate) const fn fresh(self, seed: u64) -> Cell {
        match self {
            Self::Count => Cell::Count(0),
            Self::Sigma => Cell::Sigma {
                mean: 0.0,
                m2: 0.0,
                n: 0.0,
            },
            Self::Spread => Cell::Spread {
                min: f64::INFINITY,
                max: f64::NEG_INFINITY,
            },
            Self::Rand => Cell::Rand(seed),
        }
    }
}

impl Cell {
    /// Which function the cell serves.
    pub const fn kind(&self) -> CellKind {
        match self {
            Self::Count(_) => CellKind::Count,
            Self::Sigma { .. } => CellKind::Sigma,
            Self::Spread { .. } => CellKind::Spread,
            Self::Rand(_) => CellKind::Rand,
        }
    }
}

/// The memory of one expression for one group (E-11). Empty, and then without any allocation, for stateless expressions.
/// All calls of one function in an expression share a cell (E-11a, as Kapacitor does); a lambda variable has cells of its own (E-11c).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    pub(crate) cells: Box<[Cell]>,
}

impl State {
    /// Forgets everything. `rand` goes on where it was.
    pub fn reset(&mut self) {
        for cell in &mut self.cells {
            if !matches!(cell, Cell::Rand(_)) {
                *cell = cell.kind().fresh(0);
            }
        }
    }

    /// What there is to remember, for a snapshot; [`Compiled::restore`](crate::Compiled::restore) takes it back.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }
}

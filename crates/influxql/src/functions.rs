//! One file per family: its rows of the table and its machine.

pub(crate) mod count;
pub(crate) mod cumulative_sum;
pub(crate) mod difference;
pub(crate) mod distinct;
pub(crate) mod elapsed;
pub(crate) mod holt_winters;
pub(crate) mod mean;
pub(crate) mod median;
pub(crate) mod mode;
pub(crate) mod moving_average;
pub(crate) mod nelder_mead;
pub(crate) mod percentile;
pub(crate) mod pick;
pub(crate) mod rank;
pub(crate) mod ring;
pub(crate) mod spread;
pub(crate) mod stddev;
pub(crate) mod sum;

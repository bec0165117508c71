//! What an expression may know of the world around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use capstan_base::clock::{SharedClock, SystemClock};
use jiff::tz::TimeZone;

use crate::functions::Function;

/// The clock, the time zone and the functions that a caller adds. Shared by all expressions of a task.
#[derive(Debug)]
pub struct Environment {
    /// What `now()` reads.
    pub clock: SharedClock,
    /// The zone in which `hour()`, `day()`, … read a time (E-07).
    pub zone: TimeZone,
    /// Functions beside the built-in ones; their calls go to [`Scope::call`](crate::Scope::call).
    pub functions: Vec<&'static Function>,
    seed: AtomicU64,
}

impl Environment {
    /// The built-in functions, with `clock` for `now()` and the process's local zone (`TZ`).
    pub fn new(clock: SharedClock) -> Self {
        Self::with_zone(clock, TimeZone::system())
    }

    /// The built-in functions, with a zone of the caller's choice. `rand` is seeded from the clock.
    pub fn with_zone(clock: SharedClock, zone: TimeZone) -> Self {
        let seed = AtomicU64::new(clock.now_nanos() as u64);
        Self {
            clock,
            zone,
            functions: Vec::new(),
            seed,
        }
    }

    /// The machine's clock and zone.
    pub fn system() -> Arc<Self> {
        Arc::new(Self::new(SystemClock::shared()))
    }

    /// Starts every later `rand` from `seed`, so that runs repeat.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = AtomicU64::new(seed);
        self
    }

    /// Adds functions that the caller's scopes answer.
    #[must_use]
    pub fn with_functions(mut self, functions: &[&'static Function]) -> Self {
        self.functions.extend_from_slice(functions);
        self
    }

    /// A seed that no earlier state got.
    pub(crate) fn next_seed(&self) -> u64 {
        // The increment of splitmix64: neighbouring seeds give unrelated sequences.
        self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }
}

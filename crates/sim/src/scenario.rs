//! Tests of scripts: points in, and what must come out of it, in YAML or JSON. `docs/testing.md` is the manual.
//!
//! | module | what |
//! |---|---|
//! | `read` | a file as cases |
//! | `points` | lines and generators as points |
//! | `curve` | values that change over time |
//! | `fact`, `pattern` | what happened, and what may be said about it |
//! | `expect` | expectations as they are written |
//! | `run` | a case against the engine |
//! | `check`, `diff` | expected against happened |
//! | [`report`] | outcomes as text, JSON and JUnit's XML |

mod check;
mod curve;
mod diff;
mod expect;
mod fact;
mod pattern;
mod points;
mod read;
pub mod report;
mod run;

use capstan_flow::recording::RecordedBatch;
use capstan_flow::{TaskKind, Vars};
use capstan_tick::ast::Position;

pub use crate::tree::Problem;
pub use diff::{Line, Mark};
pub use read::{Load, read};
pub use run::run;

use crate::tasks::Dbrps;
use expect::Expect;
use points::Point;

/// A case, ready to run.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    /// Where it stands in its file.
    pub at: Position,
    script: Script,
    kind: TaskKind,
    /// Beside those that the script says.
    dbrps: Dbrps,
    vars: Vars,
    /// What relative times are relative to.
    start: i64,
    /// Objects to scale, with their replicas at the start.
    resources: Vec<(String, i64)>,
    steps: Vec<Step>,
    /// Whether the input ends after the last step.
    finish: bool,
    expect: Expect,
}

/// A script and what messages call it.
#[derive(Debug, Clone)]
struct Script {
    text: String,
    name: String,
}

/// What happens in a case, one after the other.
#[derive(Debug, Clone)]
enum Step {
    /// Points, by time.
    Points(Vec<Point>),
    /// Batches of query nodes, by time.
    Batches(Vec<Fetched>),
    /// Time passes.
    Advance(i64),
    /// Time passes until an instant.
    Until(i64),
    /// Somebody else scales objects.
    Scale(Vec<(String, i64)>),
    /// The server restarts.
    Restart,
}

/// A batch that a query node fetched.
#[derive(Debug, Clone)]
struct Fetched {
    /// The node as the scenario calls it; `None`: the only one.
    query: Option<String>,
    batch: RecordedBatch,
}

/// How a case ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Why the case could not run to its end.
    pub error: Option<String>,
    /// Expectations that did not hold.
    pub failures: Vec<Failure>,
}

impl Outcome {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.error.is_none() && self.failures.is_empty()
    }
}

/// An expectation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In one line: `alerts: 1 expected, 2 happened`.
    pub what: String,
    /// Where the expectation stands in the file; none: it is a rule of all cases.
    pub at: Option<Position>,
    /// Expected against happened.
    pub lines: Vec<Line>,
}

#[cfg(test)]
mod tests;

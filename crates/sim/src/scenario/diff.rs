//! Two lists side by side: what was expected and what happened.

use super::expect::Item;
use super::fact::Happening;

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub mark: Mark,
    pub text: String,
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It happened and was expected.
    Same,
    /// It was expected and did not happen.
    Missing,
    /// It happened and was not expected.
    Extra,
    /// It happened, but not quite as expected; notes follow.
    Changed,
    /// About the line before.
    Note,
}

impl Line {
    pub(super) fn new(mark: Mark, text: impl Into<String>) -> Self {
        Self {
            mark,
            text: text.into(),
        }
    }
}

/// Lists longer than this together are compared without looking for the best way.
const MAX_CELLS: usize = 4_000_000;
/// The most lines of a comparison; equal ones go first.
const MAX_LINES: usize = 60;

/// One step of an alignment.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// These two belong together.
    Pair(usize, usize),
    Missing(usize),
    Extra(usize),
}

/// Compares in order; `None` when all is as expected.
pub(super) fn compare(wanted: &[Item], got: &[Happening], start: i64) -> Option<Vec<Line>> {
    let same = wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| wanted.is(got));
    if same {
        return None;
    }
    let mut lines = Vec::new();
    for step in align(wanted, got) {
        match step {
            Step::Missing(at) => lines.push(Line::new(Mark::Missing, wanted[at].show(start))),
            Step::Extra(at) => lines.push(Line::new(Mark::Extra, got[at].show(start))),
            Step::Pair(at, to) if wanted[at].is(&got[to]) => {
                lines.push(Line::new(Mark::Same, got[to].show(start)));
            }
            Step::Pair(at, to) => {
                lines.push(Line::new(Mark::Changed, got[to].show(start)));
                for (key, pattern, fact) in wanted[at].misses(&got[to]) {
                    let fact = fact.map_or_else(|| "absent".to_owned(), |fact| fact.show(start));
                    let text = format!("{key}: expected {}, got {fact}", pattern.show(start));
                    lines.push(Line::new(Mark::Note, text));
                }
            }
        }
    }
    Some(shorten(lines))
}

/// The cheapest way to make one list of the other. A pair costs the less the more of what is said about
/// it holds.
fn align(wanted: &[Item], got: &[Happening]) -> Vec<Step> {
    let (rows, columns) = (wanted.len(), got.len());
    if rows.saturating_mul(columns) > MAX_CELLS {
        let both = rows.min(columns);
        let pairs = (0..both).map(|at| Step::Pair(at, at));
        let missing = (both..rows).map(Step::Missing);
        return pairs
            .chain(missing)
            .chain((both..columns).map(Step::Extra))
            .collect();
    }
    let width = columns + 1;
    let pair_cost = |at: usize, to: usize| {
        let all = wanted[at].patterns.len() as f64;
        let misses = wanted[at].misses(&got[to]).count() as f64;
        // A little less than both alone even when nothing fits.
        1.9 * misses / all
    };
    let mut cost = vec![0.0; (rows + 1) * width];
    for at in 0..=rows {
        for to in 0..=columns {
            if at == 0 || to == 0 {
                cost[at * width + to] = (at + to) as f64;
                continue;
            }
            let pair = cost[(at - 1) * width + to - 1] + pair_cost(at - 1, to - 1);
            let missing = cost[(at - 1) * width + to] + 1.0;
            let extra = cost[at * width + to - 1] + 1.0;
            cost[at * width + to] = pair.min(missing).min(extra);
        }
    }
    let (mut at, mut to) = (rows, columns);
    let mut steps = Vec::with_capacity(rows + columns);
    while at > 0 || to > 0 {
        let here = cost[at * width + to];
        if at > 0 && to > 0 && cost[(at - 1) * width + to - 1] + pair_cost(at - 1, to - 1) <= here {
            steps.push(Step::Pair(at - 1, to - 1));
            (at, to) = (at - 1, to - 1);
        } else if to > 0 && (at == 0 || cost[at * width + to - 1] + 1.0 <= here) {
            steps.push(Step::Extra(to - 1));
            to -= 1;
        } else {
            steps.push(Step::Missing(at - 1));
            at -= 1;
        }
    }
    steps.reverse();
    steps
}

/// Leaves equal lines out that are far from a difference, then cuts.
pub(super) fn shorten(lines: Vec<Line>) -> Vec<Line> {
    let near = |at: usize| {
        let around = &lines[at.saturating_sub(2)..lines.len().min(at + 3)];
        around.iter().any(|line| line.mark != Mark::Same)
    };
    let mut kept = Vec::new();
    let mut skipped = 0;
    let close = |kept: &mut Vec<Line>, skipped: &mut usize| {
        if *skipped > 0 {
            kept.push(Line::new(Mark::Note, format!("{skipped} as expected")));
            *skipped = 0;
        }
    };
    for (at, line) in lines.iter().enumerate() {
        if near(at) {
            close(&mut kept, &mut skipped);
            kept.push(line.clone());
        } else {
            skipped += 1;
        }
    }
    close(&mut kept, &mut skipped);
    if kept.len() > MAX_LINES {
        let left = kept.len() - MAX_LINES;
        kept.truncate(MAX_LINES);
        kept.push(Line::new(Mark::Note, format!("and {left} more lines")));
    }
    kept
}

//! Values that change over time, in straight pieces.

use crate::moment::Moment;
use crate::tree::{Node, Problem, Value};

/// A polygon over time; before its first and after its last knot it is level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    /// Instant and value, ascending, at least one.
    knots: Vec<(i64, f64)>,
}

impl Curve {
    /// Reads `5`, `[0, 100]` (from `from` to `to`) or `{0s: 0, 2m: 100}`.
    pub(super) fn read(node: &Node, start: i64, from: i64, to: i64) -> Result<Self, Problem> {
        let knots = match &node.value {
            Value::Scalar { .. } => vec![(from, node.number()?)],
            Value::List(items) => {
                let [first, last] = items.as_slice() else {
                    return Err(node.expected("two numbers, at the begin and at the end"));
                };
                vec![(from, first.number()?), (to, last.number()?)]
            }
            Value::Map(members) => {
                let mut knots: Vec<(i64, f64)> = Vec::new();
                for (key, value) in members {
                    let time = Moment::parse(&key.text)
                        .ok_or_else(|| {
                            let message = format!("{:?} is no time after the start, such as 2m", key.text);
                            Problem::new(key.at, message)
                        })?
                        .instant(start);
                    if knots.last().is_some_and(|(last, _)| *last >= time) {
                        return Err(Problem::new(key.at, "the times must ascend"));
                    }
                    knots.push((time, value.number()?));
                }
                knots
            }
        };
        if knots.is_empty() {
            return Err(node.expected("a value"));
        }
        Ok(Self { knots })
    }

    /// First and last time, when a generator says none of its own.
    pub(super) fn span(node: &Node, start: i64) -> Option<(i64, i64)> {
        let Value::Map(members) = &node.value else {
            return None;
        };
        let time = |text: &str| Some(Moment::parse(text)?.instant(start));
        let (first, last) = (members.first()?, members.last()?);
        Some((time(&first.0.text)?, time(&last.0.text)?))
    }

    /// The value at an instant.
    pub(super) fn at(&self, time: i64) -> f64 {
        let after = self.knots.partition_point(|(knot, _)| *knot <= time);
        let before = after.checked_sub(1).map(|at| self.knots[at]);
        match (before, self.knots.get(after).copied()) {
            (None, Some((_, value))) | (Some((_, value)), None) => value,
            (Some((t0, v0)), Some((t1, v1))) => v0 + (v1 - v0) * ((time - t0) as f64 / (t1 - t0) as f64),
            (None, None) => 0.0,
        }
    }

    /// What a counter grows by between two instants, when the curve is its rate per second.
    pub(super) fn grown(&self, from: i64, to: i64) -> f64 {
        let inner = self.knots.iter().map(|(time, _)| *time);
        let mut times: Vec<i64> = inner.filter(|time| *time > from && *time < to).collect();
        times.insert(0, from);
        times.push(to);
        let piece = |pair: &[i64]| {
            let seconds = (pair[1] - pair[0]) as f64 / 1e9;
            // The value just before a knot is the knot's own: pieces are joined.
            f64::midpoint(self.at(pair[0]), self.at(pair[1])) * seconds
        };
        times.windows(2).map(piece).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn curves_are_straight_between_their_knots() {
        let read = |text: &str| Curve::read(&parse(text).unwrap(), 0, 0, 10 * SECOND);
        let ramp = read("[0, 100]").unwrap();
        assert_eq!(
            (ramp.at(0), ramp.at(5 * SECOND), ramp.at(20 * SECOND)),
            (0.0, 50.0, 100.0)
        );
        assert_eq!(ramp.grown(0, 10 * SECOND), 500.0);
        let curve = read("{0s: 10, 2s: 10, 4s: 30}").unwrap();
        assert_eq!(curve.at(3 * SECOND), 20.0);
        assert_eq!(curve.grown(SECOND, 4 * SECOND), 10.0 + 40.0);
        assert_eq!(read("7").unwrap().at(123), 7.0);
        for wrong in ["[1]", "{2s: 1, 1s: 1}", "{soon: 1}", "[]", "x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

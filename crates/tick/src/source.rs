//! Places in a script.

use crate::ast::Position;

/// Knows at which byte each line of a script starts.
#[derive(Debug)]
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn new(source: &str) -> Self {
        let after_breaks = source
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    pub(crate) fn position(&self, byte: usize) -> Position {
        let line = self.line(byte);
        // Kapacitor counts bytes; clients compare the numbers.
        Position {
            byte,
            line,
            char: byte - self.starts[line - 1] + 1,
        }
    }

    /// Whether a line break stands between two places.
    pub(crate) fn breaks_between(&self, first: usize, second: usize) -> bool {
        self.line(first) < self.line(second)
    }

    fn line(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte)
    }
}

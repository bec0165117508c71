//! What went wrong in a node, counted and sampled: a million equal errors are one line with a count.

use std::collections::VecDeque;

/// Distinct errors kept per node.
const KEPT: usize = 16;
/// An error text longer than this is cut; it may quote a whole point.
const MAX_TEXT: usize = 1024;

/// One error text of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorEntry {
    pub message: String,
    pub error: String,
    /// How often.
    pub count: u64,
    /// Wall-clock nanoseconds of the first and the last time.
    pub first: i64,
    pub last: i64,
}

/// Errors of one node: how many (N-22), and the latest distinct texts (E-88).
#[derive(Debug, Clone, Default)]
pub struct ErrorLog {
    total: u64,
    recent: VecDeque<ErrorEntry>,
}

impl ErrorLog {
    /// How many errors there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The latest distinct errors, oldest first.
    pub fn recent(&self) -> impl Iterator<Item = &ErrorEntry> {
        self.recent.iter()
    }

    /// Counts an error. Says whether it should be logged, with how many equal ones since the last logged: each text is
    /// logged once a second at most.
    pub(crate) fn add(&mut self, message: &str, error: &str, now: i64) -> Option<u64> {
        self.total += 1;
        let error = cut(error);
        if let Some(at) = self
            .recent
            .iter()
            .rposition(|e| e.message == message && e.error == error)
        {
            let entry = &mut self.recent[at];
            entry.count += 1;
            let quiet_until = entry.last.saturating_add(1_000_000_000);
            let unlogged = now >= quiet_until;
            if unlogged {
                entry.last = now;
            }
            return unlogged.then_some(entry.count);
        }
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        let (message, error) = (message.to_owned(), error.to_owned());
        self.recent.push_back(ErrorEntry {
            message,
            error,
            count: 1,
            first: now,
            last: now,
        });
        Some(1)
    }
}

fn cut(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let end = (0..=MAX_TEXT)
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_errors_are_one_entry_and_logged_once_a_second() {
        let mut log = ErrorLog::default();
        assert_eq!(log.add("m", "e", 0), Some(1));
        assert_eq!(log.add("m", "e", 1), None);
        assert_eq!(log.add("m", "e", 1_000_000_000), Some(3));
        for n in 0..20 {
            log.add("m", &n.to_string(), 0);
        }
        assert_eq!(log.total(), 23);
        assert_eq!(log.recent().count(), KEPT);
    }
}

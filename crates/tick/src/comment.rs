//! Comment tokens to comment lines.

use crate::ast::{Comment, Position};

/// Stands in [`Comment::lines`] for an empty line between two comments.
pub(crate) const GAP: &str = "\n";

/// Makes one comment of consecutive comment tokens (T-17, T-87).
pub(crate) fn from_tokens<'t>(position: Position, tokens: impl Iterator<Item = &'t str>) -> Comment {
    let mut lines = Vec::new();
    for (index, token) in tokens.enumerate() {
        if index > 0 {
            lines.push(GAP.to_owned());
        }
        for line in token.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
            let text = line.strip_prefix("//").unwrap_or(line);
            lines.push(text.strip_prefix(' ').unwrap_or(text).to_owned());
        }
    }
    Comment { position, lines }
}

/// Puts `later` below `earlier`, with an empty line between.
pub(crate) fn join(earlier: Option<Box<Comment>>, later: Option<Box<Comment>>) -> Option<Box<Comment>> {
    match (earlier, later) {
        (Some(mut earlier), Some(later)) => {
            earlier.lines.push(GAP.to_owned());
            earlier.lines.extend(later.lines);
            Some(earlier)
        }
        (earlier, later) => earlier.or(later),
    }
}

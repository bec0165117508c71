//! What an error means to whoever receives it, independent of its text.

use std::time::Duration;

/// The kind of failure. Faces map it to a status code or an exit status in one place each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The caller sent something wrong and can mend it.
    User,
    /// The thing named does not exist.
    NotFound,
    /// The thing exists already, or changed meanwhile.
    Conflict,
    /// The caller may not do this.
    Forbidden,
    /// A dependency does not answer; trying again may help.
    Unavailable,
    /// A limit was reached.
    TooLarge,
    /// A defect of ours.
    Internal,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will fail again.
    Never,
    /// Trying again at once is fine.
    Now,
    /// Trying again makes sense after this time.
    After(Duration),
}

/// Implemented by every error that crosses a crate border.
pub trait Classify {
    /// What went wrong, in kind.
    fn class(&self) -> Class;

    /// Whether trying again can help; by default only when something was unavailable.
    fn retry(&self) -> Retry {
        match self.class() {
            Class::Unavailable => Retry::After(Duration::from_secs(1)),
            _ => Retry::Never,
        }
    }
}

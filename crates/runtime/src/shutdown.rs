//! One signal that every part of a process hears.

use tokio_util::sync::CancellationToken;

/// A request to stop. Clones share it; a child stops with its parent but not the other way round.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// A signal nobody has raised yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that is raised with this one, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
        }
    }

    /// Asks everybody who holds a clone or a child to stop.
    pub fn raise(&self) {
        self.token.cancel();
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Completes when it is raised; at once if it was.
    pub async fn raised(&self) {
        self.token.cancelled().await;
    }
}

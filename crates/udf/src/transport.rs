//! Ways to a function: a program's standard input and output, or a Unix socket.

mod process;
mod socket;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Error;
use crate::functions::{Function, Place};
use process::Process;

/// How long a program that closed its output may take to be gone, so that its exit status explains why.
const EXIT_PATIENCE: Duration = Duration::from_secs(1);

/// A way to a function. Dropping `input` tells it that no more comes.
pub(crate) struct Connection {
    pub(crate) input: Box<dyn AsyncWrite + Send + Unpin>,
    pub(crate) output: Box<dyn AsyncRead + Send + Unpin>,
    pub(crate) peer: Peer,
}

/// Who is at the other end.
pub(crate) enum Peer {
    Program(Box<Process>),
    Service,
}

/// On whose behalf a function is reached; for the log.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) function: String,
    /// Empty when the function is only asked what it is.
    pub(crate) task: String,
    pub(crate) node: String,
}

/// Starts the program, or dials the service for as long as `patience`.
pub(crate) async fn connect(
    function: &Function,
    caller: Caller,
    patience: Duration,
) -> Result<Connection, Error> {
    match &function.place {
        Place::Program {
            program,
            arguments,
            environment,
        } => process::start(program, arguments, environment, caller),
        Place::Socket(path) => socket::dial(path, patience).await,
    }
}

impl Peer {
    /// After input and output ended: waits until a program is gone, which must be in time and without an error.
    pub(crate) async fn end(&mut self, patience: Duration) -> Result<(), Error> {
        let Self::Program(process) = self else {
            return Ok(());
        };
        match process.exit(patience).await {
            None => Err(Error::Endless(patience)),
            Some(exit) if exit.success => Ok(()),
            Some(exit) => Err(Error::Exited(exit.words)),
        }
    }

    /// A better reason than an end of file: how the program ended, if it did.
    pub(crate) async fn explain(&mut self, error: Error) -> Error {
        let broken = matches!(
            error,
            Error::Closed
                | Error::Write(_)
                | Error::Read(_)
                | Error::Frame(crate::frame::FrameError::Truncated)
        );
        match self {
            Self::Program(process) if broken => match process.exit(EXIT_PATIENCE).await {
                Some(exit) => Error::Exited(exit.words),
                None => error,
            },
            _ => error,
        }
    }

    /// Waits for a program to go, whose input was closed, and kills it after `patience`.
    pub(crate) async fn stop(&mut self, patience: Duration) {
        if let Self::Program(process) = self
            && process.exit(patience).await.is_none()
        {
            process.kill().await;
        }
    }
}

//! What can go wrong between us and a function.

use std::io;
use std::time::Duration;

use capstan_base::{Class, Classify};
use capstan_gocompat::time_layout::format_rfc3339_nano;

/// Why a function cannot be used, or ended. The first words are Kapacitor's where it has any.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program cannot be started.
    #[error("cannot start {program:?}: {error}")]
    Start { program: String, error: io::Error },
    /// Nobody answers at the socket.
    #[error("cannot connect to {path}: {error}")]
    Connect { path: String, error: io::Error },
    /// Its input cannot be written.
    #[error("write error: {0}")]
    Write(io::Error),
    /// Its output cannot be read.
    #[error("read error: {0}")]
    Read(io::Error),
    /// Its output makes no sense.
    #[error("read error: {0}")]
    Frame(#[from] crate::frame::FrameError),
    /// It answered nothing, not even keepalives, since this time in nanoseconds since the Unix epoch.
    #[error("keepalive timedout, last keepalive received was: {}", format_rfc3339_nano(*.0))]
    Silent(i64),
    /// It did not say what it is.
    #[error("no answer to the info request within {}", seconds(.0))]
    NoInfo(Duration),
    /// It did not end after its input had.
    #[error("the function did not end within {} after its input ended", seconds(.0))]
    Endless(Duration),
    /// The program ended before its input did, or badly.
    #[error("process exited unexpectedly: {0}")]
    Exited(String),
    /// The service closed the connection before its input ended.
    #[error("connection closed unexpectedly")]
    Closed,
    /// It refused its options.
    #[error("failed to initialize processes {0}")]
    Init(String),
    /// It refused its snapshot.
    #[error("error restoring snapshot: {0}")]
    Restore(String),
    /// It said that it failed.
    #[error("{0}")]
    Reported(String),
    /// It broke the protocol.
    #[error("{0}")]
    Protocol(&'static str),
}

fn seconds(duration: &Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Connect { .. } | Self::Silent(_) | Self::NoInfo(_) | Self::Endless(_) | Self::Closed => {
                Class::Unavailable
            }
            _ => Class::User,
        }
    }
}

//! Unix sockets.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::{Connection, Peer};
use crate::error::Error;

/// The first and the longest wait between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Dials the service, again and again for as long as `patience`: it may start later than we do.
pub(super) async fn dial(path: &Path, patience: Duration) -> Result<Connection, Error> {
    let failed = |error| Error::Connect {
        path: path.display().to_string(),
        error,
    };
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    let attempts = async {
        let mut pause = FIRST_PAUSE;
        loop {
            match connect(path).await {
                Ok(connection) => return connection,
                Err(error) => last = error,
            }
            capstan_runtime::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    let connected = tokio::time::timeout(patience, attempts).await;
    connected.map_err(|_| failed(last))
}

#[cfg(unix)]
async fn connect(path: &Path) -> io::Result<Connection> {
    let (output, input) = tokio::net::UnixStream::connect(path).await?.into_split();
    Ok(Connection {
        // Dropping this half tells the service that no more comes.
        input: Box::new(input),
        output: Box::new(output),
        peer: Peer::Service,
    })
}

#[cfg(not(unix))]
async fn connect(_: &Path) -> io::Result<Connection> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

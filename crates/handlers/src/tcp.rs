//! Events over plain connections.

use std::time::Duration;

use capstan_alert::{Event, HandlerSpec};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::queue::{Failure, Send1, Sending};

/// How long connecting and writing may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection per event.
#[derive(Debug)]
pub(crate) struct Tcp {
    address: String,
}

impl Tcp {
    pub(crate) fn new(spec: &HandlerSpec) -> Self {
        Self {
            address: spec.text("address").to_owned(),
        }
    }
}

impl Send1 for Tcp {
    fn send<'a>(&'a self, event: &'a Event) -> Sending<'a> {
        Box::pin(async move {
            let mut line = event.to_json();
            line.push('\n');
            let send = async {
                let mut stream = TcpStream::connect(&self.address).await?;
                stream.write_all(line.as_bytes()).await?;
                stream.shutdown().await
            };
            match tokio::time::timeout(PATIENCE, send).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(Failure::passing(format!("{}: {error}", self.address))),
                Err(_) => Err(Failure::passing(format!(
                    "{}: no answer in {PATIENCE:?}",
                    self.address
                ))),
            }
        })
    }
}

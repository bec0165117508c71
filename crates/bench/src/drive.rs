//! Sending bodies.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::Error;

/// Sends all bodies to `path` of the server at `url`, each over the first of `connections` that is free, and returns when
/// every one was answered with success. With one connection their order is kept.
pub async fn send(url: &str, path: &str, bodies: &[Bytes], connections: usize) -> Result<(), Error> {
    let next = AtomicUsize::new(0);
    let one = async |()| {
        let mut connection = Connection::open(url).await?;
        while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
            connection.send(path, body.clone()).await?;
        }
        Ok::<_, Error>(())
    };
    futures::future::try_join_all((0..connections.max(1)).map(|_| one(()))).await?;
    Ok(())
}

/// One connection to a server.
#[derive(Debug)]
pub struct Connection {
    url: String,
    authority: String,
    sender: http1::SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects to `http://host:port`.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let failed = |reason: String| Error::Write {
            url: url.to_owned(),
            reason,
        };
        let uri: Uri = url.parse().map_err(|error| failed(format!("{error}")))?;
        let authority = uri
            .authority()
            .ok_or_else(|| failed("the URL has no host".to_owned()))?;
        let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80)))
            .await
            .map_err(|error| failed(error.to_string()))?;
        stream
            .set_nodelay(true)
            .map_err(|error| failed(error.to_string()))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(error.to_string()))?;
        capstan_runtime::spawn("bench connection", async move {
            // What breaks a connection is seen by the request that was under way.
            let _ = connection.await;
        });
        Ok(Self {
            url: url.to_owned(),
            authority: authority.to_string(),
            sender,
        })
    }

    /// Posts a body and waits for the answer, which must be a success.
    pub async fn send(&mut self, path: &str, body: Bytes) -> Result<(), Error> {
        let failed = |reason: String| Error::Write {
            url: self.url.clone(),
            reason,
        };
        let request = Request::post(path)
            .header(header::HOST, &self.authority)
            .body(Full::new(body))
            .map_err(|error| failed(error.to_string()))?;
        self.sender
            .ready()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let answer = self
            .sender
            .send_request(request)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let text = answer
            .into_body()
            .collect()
            .await
            .map_err(|error| failed(error.to_string()))?
            .to_bytes();
        if status.is_success() {
            Ok(())
        } else {
            Err(Error::Refused {
                status: status.as_u16(),
                text: String::from_utf8_lossy(&text).trim().to_owned(),
            })
        }
    }
}

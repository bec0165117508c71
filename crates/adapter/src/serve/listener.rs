//! TLS and HTTP, kept lean: a request goes straight to its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use capstan_runtime::Shutdown;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::identity::Peer;
use super::{Origin, Shared};

/// Connections at a time; further ones wait in the kernel.
const MAX_CONNECTIONS: usize = 4096;
/// A peer that has not finished its handshake by then is dropped.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection on which no request has come for so long is closed. Longer than clients keep idle connections.
const HEADERS: Duration = Duration::from_mins(2);

/// Accepts connections until `shutdown`.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    shared: Arc<Shared>,
    shutdown: Shutdown,
) {
    let acceptor = TlsAcceptor::from(tls);
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = shutdown.raised() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "connection to the metrics APIs not accepted");
                capstan_runtime::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (acceptor, shared, shutdown) = (acceptor.clone(), Arc::clone(&shared), shutdown.clone());
        capstan_runtime::spawn("metrics APIs connection", async move {
            connection(stream, acceptor, shared, shutdown).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>, shutdown: Shutdown) {
    // Small answers must not wait for the peer's acknowledgement.
    let _ = stream.set_nodelay(true);
    let stream = tokio::select! {
        accepted = acceptor.accept(stream) => match accepted {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "TLS handshake failed");
                return;
            }
        },
        () = capstan_runtime::sleep(HANDSHAKE) => return,
        () = shutdown.raised() => return,
    };
    let session = stream.get_ref().1;
    let http2 = session.alpn_protocol() == Some(b"h2");
    let peer = session
        .peer_certificates()
        .filter(|chain| !chain.is_empty())
        .map(|chain| Arc::new(Peer::new(chain)));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (shared, peer) = (Arc::clone(&shared), peer.clone());
        async move {
            let (parts, _) = request.into_parts();
            let answer = shared.handle(&parts, Origin::Wire(peer.as_deref())).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let io = TokioIo::new(stream);
    let ended = if http2 {
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.raised() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEADERS);
        let connection = builder.serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.raised() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

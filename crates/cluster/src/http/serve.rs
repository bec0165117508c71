//! Serving the API over TLS, HTTP/1.1 and HTTP/2.

use std::sync::Arc;

use axum::Router;
use capstan_runtime::Shutdown;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::auth::PeerCertificate;

/// Connections at a time; further ones wait in the kernel.
const MAX_CONNECTIONS: usize = 4096;
/// A peer that has not finished its handshake by then is dropped.
const HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(10);

/// Accepts connections until `shutdown`, then lets running requests end. Client certificates are optional; one that
/// the configuration verified names the user.
pub async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, router: Router, shutdown: Shutdown) {
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
                tracing::warn!(%error, "connection not accepted");
                capstan_runtime::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let (acceptor, router, shutdown) = (acceptor.clone(), router.clone(), shutdown.clone());
        capstan_runtime::spawn("api-connection", async move {
            connection(stream, acceptor, router, shutdown).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, router: Router, shutdown: Shutdown) {
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
    let peer = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| chain.first())
        .and_then(|c| subject(c.as_ref()));
    let service = tower::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let router = router.clone();
        let peer = peer.clone();
        async move {
            let mut request = request.map(axum::body::Body::new);
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            router.oneshot(request).await
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection =
        builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => {
            if let Err(error) = result {
                tracing::debug!(%error, "connection ended");
            }
        }
        // Watches never end by themselves: a stop closes the connection under them.
        () = shutdown.raised() => connection.as_mut().graceful_shutdown(),
    }
}

/// Common name and organisations of a DER certificate's subject.
fn subject(der: &[u8]) -> Option<PeerCertificate> {
    let certificate = element(der)?.contents;
    let mut fields = element(certificate)?.contents;
    // version [0] (optional), serial number, signature algorithm, issuer, validity, subject
    let first = element(fields)?;
    if first.tag == 0xa0 {
        fields = first.rest;
    }
    for _ in 0..4 {
        fields = element(fields)?.rest;
    }
    let mut names = element(fields)?.contents;
    let mut peer = PeerCertificate {
        common_name: String::new(),
        organizations: Vec::new(),
    };
    while let Some(set) = element(names) {
        names = set.rest;
        let mut pairs = set.contents;
        while let Some(pair) = element(pairs) {
            pairs = pair.rest;
            let object_id = element(pair.contents)?;
            let value = String::from_utf8_lossy(element(object_id.rest)?.contents).into_owned();
            match object_id.contents {
                [0x55, 4, 3] => peer.common_name = value,
                [0x55, 4, 10] => peer.organizations.push(value),
                _ => {}
            }
        }
    }
    Some(peer)
}

struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    rest: &'a [u8],
}

/// The first DER element of `input`.
fn element(input: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = input.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let count = usize::from(length & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (bytes, rest) = rest.split_at(count);
        (bytes.iter().fold(0usize, |n, b| n << 8 | usize::from(*b)), rest)
    };
    (rest.len() >= length).then(|| Element {
        tag,
        contents: &rest[..length],
        rest: &rest[length..],
    })
}

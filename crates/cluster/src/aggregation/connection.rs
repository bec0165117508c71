//! Connections to a backend: TLS with the front proxy's certificate, kept alive and shared by requests.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use capstan_kubeapi::base64;
use capstan_tls::Identity;
use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection as Connecting};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::target::{Place, ServiceReference};
use crate::objects::Objects;

/// A backend that does not take a connection and finish the handshake by then is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// Idle connections kept per backend.
const IDLE: usize = 32;

/// How a backend's certificate is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Authorities in PEM; `None` takes any certificate.
    authority: Option<String>,
    server_name: String,
}

impl Settings {
    /// From an `APIService`'s spec. Without `caBundle` the cluster's own authority is trusted.
    pub(super) fn of(spec: &Value, service: &ServiceReference, fallback: &str) -> Self {
        let insecure = spec.get("insecureSkipTLSVerify").and_then(Value::as_bool) == Some(true);
        let bundle = spec
            .get("caBundle")
            .and_then(Value::as_str)
            .filter(|b| !b.is_empty())
            .and_then(base64::decode)
            .and_then(|bytes| String::from_utf8(bytes).ok());
        Self {
            authority: (!insecure).then(|| bundle.unwrap_or_else(|| fallback.to_owned())),
            server_name: format!("{}.{}.svc", service.name, service.namespace),
        }
    }
}

/// A pool of connections to one backend.
#[derive(Debug)]
pub(super) struct Connection {
    settings: Settings,
    client: Result<Client<Connector, Body>, String>,
}

/// Why a request did not reach a backend, in the words of Go's client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreachable(pub(super) String);

impl Connection {
    pub(super) fn new(
        objects: Objects,
        service: &ServiceReference,
        settings: Settings,
        identity: &Identity,
    ) -> Self {
        let client = tls(&settings, identity).map(|(tls, server_name)| {
            let connector = Connector {
                objects,
                service: Arc::new(service.clone()),
                tls,
                server_name,
                turn: Arc::default(),
            };
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(IDLE)
                .build(connector)
        });
        Self { settings, client }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a request whose URI has scheme and authority.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Unreachable> {
        let client = self.client.as_ref().map_err(|error| Unreachable(error.clone()))?;
        client.request(request).await.map_err(|error| {
            // The innermost cause is what the connector said.
            let mut cause: &dyn std::error::Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            Unreachable(cause.to_string())
        })
    }
}

fn tls(settings: &Settings, identity: &Identity) -> Result<(TlsConnector, ServerName<'static>), String> {
    let config: Arc<ClientConfig> = match &settings.authority {
        Some(authority) => capstan_tls::client_config(authority, Some(identity)),
        None => capstan_tls::unverified_client_config(Some(identity)),
    }
    .map_err(|error| error.to_string())?;
    let name = ServerName::try_from(settings.server_name.clone()).map_err(|error| error.to_string())?;
    Ok((TlsConnector::from(config), name))
}

#[derive(Clone)]
struct Connector {
    objects: Objects,
    service: Arc<ServiceReference>,
    tls: TlsConnector,
    server_name: ServerName<'static>,
    /// Whose turn it is among the endpoints.
    turn: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl Connector {
    async fn connect(self) -> Result<Stream, io::Error> {
        let place = self
            .service
            .resolve(&self.objects)
            .map_err(|missing| io::Error::other(missing.message))?;
        let addresses: Vec<SocketAddr> = match place {
            Place::Addresses(addresses) => {
                let first = self.turn.fetch_add(1, Ordering::Relaxed) % addresses.len();
                addresses[first..]
                    .iter()
                    .chain(&addresses[..first])
                    .copied()
                    .collect()
            }
            Place::Name(host, port) => tokio::net::lookup_host((host.as_str(), port))
                .await
                .map_err(|_| io::Error::other(format!("dial tcp: lookup {host}: no such host")))?
                .collect(),
        };
        // The error is the first address', as with Go's dialer.
        let mut failure = None;
        for address in addresses {
            match self.dial(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| io::Error::other("no addresses")))
    }

    async fn dial(&self, address: SocketAddr) -> Result<Stream, io::Error> {
        let opened = tokio::select! {
            opened = TcpStream::connect(address) => opened,
            () = capstan_runtime::sleep(CONNECT) => Err(io::ErrorKind::TimedOut.into()),
        };
        let stream = opened.map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
                io::ErrorKind::TimedOut => "i/o timeout".to_owned(),
                _ => format!("connect: {error}"),
            };
            io::Error::other(format!("dial tcp {address}: {why}"))
        })?;
        stream.set_nodelay(true)?;
        tokio::select! {
            shaken = self.tls.connect(self.server_name.clone(), stream) => match shaken {
                Ok(stream) => Ok(Stream(TokioIo::new(stream))),
                Err(error) => Err(io::Error::other(format!("tls: failed to verify certificate: {error}"))),
            },
            () = capstan_runtime::sleep(CONNECT) => {
                Err(io::Error::other("net/http: TLS handshake timeout"))
            }
        }
    }
}

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Stream, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

/// A TLS connection in the form that the client wants.
pub(super) struct Stream(TokioIo<TlsStream<TcpStream>>);

impl Connecting for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

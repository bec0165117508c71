//! Listening.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use axum::serve::ListenerExt;
use axum::{ServiceExt, middleware};
use capstan_runtime::Shutdown;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::{Layer, Service};

use crate::app::App;
use crate::error::Error;
use crate::tls::TlsListener;
use crate::{conventions, routes};

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct Options {
    /// `[http] bind-address`: `host:port`, or `:port` for every address of the machine.
    pub bind_address: String,
    /// HTTPS instead of HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// How long requests under way may take when the server stops (S-20).
    pub shutdown_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind_address: ":9092".to_owned(),
            tls: None,
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Handle {
    /// The address that was bound; tells the port when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Completes when the server has stopped, which it does after the shutdown it was started with was raised.
    pub async fn stopped(self) {
        // An error means that the task is gone, too.
        let _ = self.task.await;
    }
}

/// The whole API as a service.
pub fn service(
    app: Arc<App>,
) -> impl Service<Request, Response = Response, Error = std::convert::Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    middleware::from_fn(conventions::apply).layer(routes::router(app))
}

/// Listens and serves until `shutdown` is raised.
///
/// # Errors
/// The address cannot be listened on; when another process has the port, the error names the port and what to change.
pub async fn serve(options: Options, app: App, shutdown: Shutdown) -> Result<Handle, Error> {
    let listener = bind(&options.bind_address).await?;
    let failed = |error: io::Error| Error::Listen {
        address: options.bind_address.clone(),
        reason: error.to_string(),
    };
    let address = listener.local_addr().map_err(failed)?;
    let service = ServiceExt::<Request>::into_make_service(service(Arc::new(app)));
    let nodelay = |stream: &mut tokio::net::TcpStream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "small answers may be late");
        }
    };
    let task = capstan_runtime::spawn("http api", async move {
        let stop = {
            let shutdown = shutdown.clone();
            async move { shutdown.raised().await }
        };
        let serving = async {
            match options.tls {
                None => {
                    axum::serve(listener.tap_io(nodelay), service)
                        .with_graceful_shutdown(stop)
                        .await
                }
                Some(settings) => {
                    let listener = TlsListener::start(listener, settings);
                    axum::serve(listener, service).with_graceful_shutdown(stop).await
                }
            }
        };
        let patience = async {
            shutdown.raised().await;
            capstan_runtime::sleep(options.shutdown_timeout).await;
        };
        tokio::select! {
            result = serving => {
                if let Err(error) = result {
                    tracing::error!(%error, "http api ended");
                }
            }
            () = patience => tracing::warn!("requests were cut off because the server stops"),
        }
    });
    tracing::info!(%address, "http api listens");
    Ok(Handle { address, task })
}

async fn bind(address: &str) -> Result<TcpListener, Error> {
    let bound = match address.strip_prefix(':') {
        // Every address: both families if the machine has them.
        Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind(format!("0.0.0.0:{port}")).await
            }
            bound => bound,
        },
        None => TcpListener::bind(address).await,
    };
    bound.map_err(|error| {
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        match (error.kind(), port) {
            (io::ErrorKind::AddrInUse, Some(port)) => Error::PortInUse {
                address: address.to_owned(),
                port,
            },
            _ => Error::Listen {
                address: address.to_owned(),
                reason: error.to_string(),
            },
        }
    })
}

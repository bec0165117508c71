//! A local port: accepting, telling HTTP/1 from everything else, copying bytes for the rest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use capstan_runtime::{Shutdown, sleep, spawn};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::http;
use super::route::{Endpoint, Route};

/// Connections at a time per local port; more wait in the backlog.
const CONNECTIONS: usize = 8192;
/// How long a client of a port of unknown protocol may stay silent before it counts as one that waits for the server.
const SILENCE: Duration = Duration::from_millis(300);
/// How long connecting to a pod may take: it is on this machine.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// A connection to an endpoint that left is closed after this long without a byte.
const QUIET: Duration = Duration::from_millis(200);
const BUFFER: usize = 16 * 1024;

/// What a service port speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Protocol {
    /// Find out from the first bytes.
    Sniff = 0,
    /// HTTP/1, as the service says.
    Http = 1,
    /// Bytes.
    Raw = 2,
}

impl Protocol {
    /// From `appProtocol`, else from the port's name as by convention (`http`, `http-…`).
    pub(super) fn of(port: &Value) -> Self {
        let text = |field: &str| {
            port.get(field)
                .and_then(Value::as_str)
                .map(str::to_ascii_lowercase)
        };
        match text("appProtocol").as_deref() {
            Some("http" | "http/1.1" | "kubernetes.io/ws") => return Self::Http,
            Some(_) => return Self::Raw,
            None => {}
        }
        match text("name").as_deref() {
            Some(name) if name == "http" || name.starts_with("http-") => Self::Http,
            Some(name) if name == "https" || name.starts_with("https-") || name.starts_with("tcp-") => {
                Self::Raw
            }
            _ => Self::Sniff,
        }
    }
}

/// Opens the port (0 picks one) and serves it until `stop`. Returns the port.
pub(super) fn listen(address: SocketAddr, route: Arc<Route>, stop: Shutdown) -> std::io::Result<u16> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let port = listener.local_addr()?.port();
    spawn("service listener", async move {
        let limit = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                () = stop.raised() => return,
                accepted = accept(&listener, &limit) => accepted,
            };
            let Some((stream, permit)) = accepted else {
                continue;
            };
            let (route, stop) = (Arc::clone(&route), stop.clone());
            spawn("service connection", async move {
                serve(stream, &route, &stop).await;
                drop(permit);
            });
        }
    });
    Ok(port)
}

async fn accept(
    listener: &TcpListener,
    limit: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(limit).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            // Out of file descriptors, most likely: let some connections end first.
            tracing::debug!(%error, "cannot accept");
            sleep(Duration::from_millis(20)).await;
            None
        }
    }
}

async fn serve(stream: TcpStream, route: &Arc<Route>, stop: &Shutdown) {
    // Small answers must not wait for more; a failure only costs latency.
    let _ = stream.set_nodelay(true);
    let protocol = route.protocol();
    let first = if protocol == Protocol::Raw {
        Some(First::Other)
    } else {
        tokio::select! {
            () = stop.raised() => return,
            first = first_bytes(&stream) => Some(first),
            () = sleep(SILENCE), if protocol == Protocol::Sniff => None,
        }
    };
    let silent = first.is_none();
    if first == Some(First::Http) {
        return http::serve(stream, Arc::clone(route), stop).await;
    }
    let talk = async {
        let (server, endpoint) = connect(route).await?;
        // Whoever speaks first now decides: a client that only connected early, or a server.
        if silent {
            let speaks_http = tokio::select! {
                first = first_bytes(&stream) => first == First::Http,
                _ = server.readable() => false,
            };
            if speaks_http {
                return Some(stream);
            }
        }
        raw(stream, server, &endpoint).await;
        None
    };
    let http = tokio::select! {
        () = stop.raised() => None,
        http = talk => http,
    };
    if let Some(stream) = http {
        http::serve(stream, Arc::clone(route), stop).await;
    }
}

/// What a client starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Http,
    Other,
}

/// Waits for the client's first bytes and leaves them unread.
async fn first_bytes(stream: &TcpStream) -> First {
    let mut start = [0; 8];
    loop {
        match stream.peek(&mut start).await {
            Ok(0) | Err(_) => return First::Other,
            Ok(length) => match looks_like_http(&start[..length]) {
                Some(true) => return First::Http,
                Some(false) => return First::Other,
                // Part of a method: the rest is on its way.
                None => sleep(Duration::from_millis(1)).await,
            },
        }
    }
}

/// Whether bytes start an HTTP/1 request; `None` when there are too few to tell.
pub(super) fn looks_like_http(start: &[u8]) -> Option<bool> {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"DELETE ",
        b"PATCH ",
        b"OPTIONS ",
        b"TRACE ",
        b"CONNECT ",
    ];
    if METHODS
        .iter()
        .any(|method| start.starts_with(&method[..method.len().min(8)]))
    {
        return Some(true);
    }
    if METHODS.iter().any(|method| method.starts_with(start)) {
        None
    } else {
        Some(false)
    }
}

/// Connects to the first endpoint in turn that answers.
async fn connect(route: &Route) -> Option<(TcpStream, Arc<Endpoint>)> {
    for endpoint in route.in_turn() {
        match dial(endpoint.address).await {
            Ok(stream) => return Some((stream, endpoint)),
            Err(error) => {
                tracing::debug!(service = route.name, endpoint = %endpoint.address, %error, "endpoint refused");
            }
        }
    }
    None
}

pub(super) async fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = tokio::select! {
        stream = TcpStream::connect(address) => stream?,
        () = sleep(CONNECT) => return Err(std::io::ErrorKind::TimedOut.into()),
    };
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Copies bytes both ways until both sides are done, or the endpoint left and both are quiet.
async fn raw(client: TcpStream, server: TcpStream, endpoint: &Arc<Endpoint>) {
    let _in_flight = endpoint.enter();
    let moved = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let both = async {
        tokio::join!(
            pump(client_read, server_write, &moved),
            pump(server_read, client_write, &moved)
        );
    };
    let quiet = async {
        endpoint.left.raised().await;
        loop {
            let before = moved.load(std::sync::atomic::Ordering::Relaxed);
            sleep(QUIET).await;
            if moved.load(std::sync::atomic::Ordering::Relaxed) == before {
                return;
            }
        }
    };
    tokio::select! {
        () = both => {}
        () = quiet => {}
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    moved: &std::sync::atomic::AtomicU64,
) {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(length) => {
                moved.fetch_add(length as u64, std::sync::atomic::Ordering::Relaxed);
                if to.write_all(&buffer[..length]).await.is_err() {
                    break;
                }
            }
        }
    }
    // The other direction may still have something to say.
    let _ = to.shutdown().await;
}

//! A service port: its endpoints, whose turn it is, and what is in flight to each.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use capstan_runtime::Shutdown;
use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::http::ProxyBody;
use super::listener::Protocol;

/// Idle connections kept per endpoint.
const IDLE: usize = 64;

/// One endpoint of one service port.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    /// Raised when it left the rotation: in-flight work ends, nothing new starts.
    pub(super) left: Shutdown,
    active: AtomicUsize,
    done: Notify,
    idle: Mutex<Vec<SendRequest<ProxyBody>>>,
}

/// Counts one request or connection for as long as it lives.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Endpoint>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.done.notify_waiters();
        }
    }
}

impl Endpoint {
    fn new(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            address,
            left: Shutdown::new(),
            active: AtomicUsize::new(0),
            done: Notify::new(),
            idle: Mutex::default(),
        })
    }

    pub(super) fn enter(self: &Arc<Self>) -> InFlight {
        self.active.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(self))
    }

    /// Completes when nothing is in flight.
    pub(super) async fn idle(&self) {
        loop {
            let done = self.done.notified();
            tokio::pin!(done);
            // Listening before looking, so that the last end is not missed.
            done.as_mut().enable();
            if self.active.load(Ordering::Acquire) == 0 {
                return;
            }
            done.await;
        }
    }

    /// A kept-alive connection, if one is there.
    pub(super) fn take_connection(&self) -> Option<SendRequest<ProxyBody>> {
        let mut idle = self.idle.lock();
        while let Some(sender) = idle.pop() {
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    pub(super) fn keep_connection(&self, sender: SendRequest<ProxyBody>) {
        if self.left.is_raised() || sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.len() < IDLE {
            idle.push(sender);
        }
    }

    fn leave(&self) {
        self.left.raise();
        self.idle.lock().clear();
    }
}

/// A service port.
#[derive(Debug)]
pub(super) struct Route {
    /// For logs and error texts.
    pub(super) name: String,
    protocol: AtomicU8,
    endpoints: Mutex<Arc<[Arc<Endpoint>]>>,
    turn: AtomicUsize,
}

impl Route {
    pub(super) fn new(name: String) -> Arc<Self> {
        Arc::new(Self {
            name,
            protocol: AtomicU8::new(Protocol::Sniff as u8),
            endpoints: Mutex::new(Arc::from(Vec::new())),
            turn: AtomicUsize::new(0),
        })
    }

    pub(super) fn protocol(&self) -> Protocol {
        match self.protocol.load(Ordering::Relaxed) {
            value if value == Protocol::Http as u8 => Protocol::Http,
            value if value == Protocol::Raw as u8 => Protocol::Raw,
            _ => Protocol::Sniff,
        }
    }

    pub(super) fn set_protocol(&self, protocol: Protocol) {
        self.protocol.store(protocol as u8, Ordering::Relaxed);
    }

    /// The endpoints from whose turn it is, each once.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = Arc<Endpoint>> + Send + use<> {
        let endpoints = Arc::clone(&self.endpoints.lock());
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        (0..endpoints.len())
            .map(move |step| Arc::clone(&endpoints[(start.wrapping_add(step)) % endpoints.len()]))
    }

    /// Makes these the endpoints; those that stay keep their connections.
    pub(super) fn set_endpoints(&self, addresses: &[SocketAddr]) {
        let mut endpoints = self.endpoints.lock();
        let same = endpoints.len() == addresses.len()
            && endpoints.iter().zip(addresses).all(|(e, a)| e.address == *a);
        if same {
            return;
        }
        let mut present: std::collections::HashMap<SocketAddr, Arc<Endpoint>> = endpoints
            .iter()
            .map(|endpoint| (endpoint.address, Arc::clone(endpoint)))
            .collect();
        let next: Vec<Arc<Endpoint>> = addresses
            .iter()
            .map(|address| present.remove(address).unwrap_or_else(|| Endpoint::new(*address)))
            .collect();
        *endpoints = next.into();
        drop(endpoints);
        for gone in present.values() {
            gone.leave();
        }
    }

    /// Takes the endpoints with this address out; returns them.
    pub(super) fn retire(&self, address: IpAddr) -> Vec<Arc<Endpoint>> {
        let mut endpoints = self.endpoints.lock();
        let (leaving, staying): (Vec<_>, Vec<_>) = endpoints
            .iter()
            .cloned()
            .partition(|endpoint| endpoint.address.ip() == address);
        if !leaving.is_empty() {
            *endpoints = staying.into();
        }
        drop(endpoints);
        for endpoint in &leaving {
            endpoint.leave();
        }
        leaving
    }
}

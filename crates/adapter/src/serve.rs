//! The metrics APIs, served as an aggregated API server: `custom.metrics.k8s.io`, `external.metrics.k8s.io`, and
//! `metrics.k8s.io` where rules for it are configured.
//!
//! | module | what |
//! |---|---|
//! | `path` | what a request wants: group, namespace, resource, name |
//! | `identity`, `trust` | who asks: front proxy, client certificate, bearer token |
//! | `access` | whether they may, as the API server decides |
//! | `external`, `custom` | values from the store |
//! | `names` | which objects have some labels |
//! | `discovery`, `openapi` | what is served |
//! | `answer`, `table` | how answers look |
//! | `listener` | TLS and HTTP |
//! | `stats` | requests counted and timed |

mod access;
pub(crate) mod answer;
mod cache;
mod custom;
mod discovery;
mod external;
mod identity;
mod listener;
mod names;
mod openapi;
mod path;
mod stats;
mod table;
mod trust;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use capstan_base::SharedClock;
use capstan_kube::Cluster;
use capstan_kubeapi::Status;
use capstan_kubeapi::negotiate::Accept;
use capstan_metrics::Store;
use capstan_runtime::{Shutdown, spawn};
use capstan_tls::Serving;
use http::header::ACCEPT;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::certificate::{self, Certificate};
use crate::resource::Resources;
use path::Asked;

pub(crate) use cache::Cache as Kept;
pub(crate) use names::escaped;
pub(crate) use path::Place;
pub use trust::{Fixed, RequestHeader};

pub(crate) type Answer = Response<Full<Bytes>>;

/// Whether the server may be sent requests, and if not, why.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// How the metrics APIs are served.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; `None` for use through [`Server::router`] only. Port 0 picks a free one.
    pub bind: Option<SocketAddr>,
    /// The listener's certificate.
    pub certificate: certificate::Source,
    /// The service in front of the server: names of an own certificate, and the `APIService`s that get its authority.
    pub service: certificate::Service,
    /// Serve `custom.metrics.k8s.io`.
    pub custom: bool,
    /// Serve `external.metrics.k8s.io`.
    pub external: bool,
    /// Serve `metrics.k8s.io` from these.
    pub resources: Option<Arc<Resources>>,
    /// Authorities that are given, instead of found in the cluster.
    pub fixed: Fixed,
    /// Take authorities that are not given from the config map `extension-apiserver-authentication`.
    pub lookup: bool,
    /// For how long an answer "yes" of an access review holds.
    pub allow_ttl: Duration,
    /// For how long an answer "no" holds.
    pub deny_ttl: Duration,
    /// For how long an answer about a bearer token holds.
    pub token_ttl: Duration,
    /// What `/readyz` says besides the server's own checks.
    pub readiness: Option<Readiness>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: Some(SocketAddr::from(([0, 0, 0, 0], 6443))),
            certificate: certificate::Source::default(),
            service: certificate::Service::default(),
            custom: true,
            external: true,
            resources: None,
            fixed: Fixed::default(),
            lookup: true,
            // As Kubernetes' delegating authentication and authorization.
            allow_ttl: Duration::from_secs(10),
            deny_ttl: Duration::from_secs(10),
            token_ttl: Duration::from_secs(10),
            readiness: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("bind", &self.bind)
            .field("service", &self.service)
            .field("custom", &self.custom)
            .field("external", &self.external)
            .field("resources", &self.resources.is_some())
            .finish_non_exhaustive()
    }
}

/// What keeps the server from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for the metrics APIs: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("certificate of the metrics APIs: {0}")]
    Certificate(#[from] capstan_tls::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: Option<SocketAddr>,
    authority: Option<String>,
    shutdown: Shutdown,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// What requests need.
pub(crate) struct Shared {
    pub(crate) store: Arc<Store>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) clock: SharedClock,
    groups: Vec<(&'static str, &'static [&'static str])>,
    resources: Option<Arc<Resources>>,
    readiness: Option<Readiness>,
    trust: trust::Trusts,
    access: access::Access,
    names: names::NamesOf,
    stats: stats::Stats,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// Over the network, perhaps with a certificate.
    Wire(Option<&'a identity::Peer>),
    /// From an API server in this process that has already decided who asks and whether they may.
    Decided,
}

impl Server {
    /// Starts listening, and following whom to trust. The API server need not be up: until it is, requests are refused.
    ///
    /// # Errors
    /// When the address or the certificate cannot be used.
    pub async fn start(
        options: Options,
        store: Arc<Store>,
        cluster: Arc<Cluster>,
        clock: SharedClock,
        shutdown: Shutdown,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            trust: trust::Trusts::new(options.fixed.clone(), options.lookup)?,
            access: access::Access::new(Arc::clone(&cluster), Arc::clone(&clock), &options),
            names: names::NamesOf::new(Arc::clone(&cluster), Arc::clone(&clock)),
            stats: stats::Stats::default(),
            groups: groups(&options),
            resources: options.resources.clone(),
            readiness: options.readiness.clone(),
            store,
            cluster: Arc::clone(&cluster),
            clock: Arc::clone(&clock),
        });
        let mut server = Self {
            shared: Arc::clone(&shared),
            address: None,
            authority: None,
            shutdown: shutdown.child(),
            tasks: Mutex::default(),
        };
        let Some(bind) = options.bind else {
            return Ok(server);
        };
        let failed = |source| Error::Listen {
            address: bind,
            source,
        };
        let certificate = Certificate::open(&options.certificate, &options.service, clock.as_ref())?;
        server.authority = certificate.authority().map(str::to_owned);
        let serving = Serving::new(certificate.identity())?;
        let tls = capstan_tls::asking_server_config(Arc::clone(&serving))?;
        let listener = TcpListener::bind(bind).await.map_err(failed)?;
        server.address = Some(listener.local_addr().map_err(failed)?);
        let mut groups = Vec::new();
        for (group, versions) in &shared.groups {
            groups.extend(versions.iter().map(|version| format!("{version}.{group}")));
        }
        let keeping = certificate::Keeping {
            certificate,
            serving,
            service: options.service.clone(),
            services: groups,
            cluster: Arc::clone(&cluster),
            clock,
        };
        let listening = listener::serve(listener, tls, Arc::clone(&shared), server.shutdown.clone());
        let mut tasks = vec![
            spawn("metrics APIs", listening),
            spawn(
                "certificate of the metrics APIs",
                keeping.run(server.shutdown.clone()),
            ),
        ];
        if options.lookup {
            let following = async move { shared.trust.follow(&shared.cluster).await };
            tasks.push(spawn("authorities of clients", following));
        }
        *server.tasks.lock() = tasks;
        Ok(server)
    }

    /// Where it listens; `None` if it does not.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The authority (PEM) that signed its own certificate; `None` if the certificate was given.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The groups and versions that are served, the preferred version first.
    pub fn groups(&self) -> &[(&'static str, &'static [&'static str])] {
        &self.shared.groups
    }

    /// Whether the authorities of clients are known: who comes through the front proxy is refused until then.
    pub fn settled(&self) -> bool {
        self.shared.trust.settled()
    }

    /// The metrics APIs for an API server in this process, which has decided before who asks and whether they may:
    /// requests are answered without asking again. Never to be served to a network.
    pub fn router(&self) -> Router {
        let shared = Arc::clone(&self.shared);
        Router::new().fallback(move |request: axum::extract::Request| {
            let shared = Arc::clone(&shared);
            async move {
                let (parts, _) = request.into_parts();
                shared.handle(&parts, Origin::Decided).await.map(Body::new)
            }
        })
    }

    /// Requests counted and timed, as Prometheus text.
    pub fn metrics(&self) -> String {
        self.shared.metrics()
    }

    /// Stops listening.
    pub fn stop(&self) {
        self.shutdown.raise();
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn metrics(&self) -> String {
        self.stats.text(self.store.series(), self.access.sizes())
    }

    /// Answers a request. Bodies are not read: nothing here takes one.
    pub(crate) async fn handle(&self, parts: &Parts, origin: Origin<'_>) -> Answer {
        let started = self.clock.monotonic();
        let path = parts.uri.path();
        let asked = Asked::parse(path);
        let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        let accept = Accept::parse(accept);
        let answer = match self.answer(parts, &asked, &accept, origin).await {
            Ok(answer) => answer,
            Err(status) => answer::status(&status, &accept),
        };
        let group = match &asked {
            Asked::Resource(place) => place.group,
            Asked::Path => "",
        };
        let took = self.clock.monotonic().saturating_sub(started);
        self.stats.answered(group, answer.status(), took);
        answer
    }

    async fn answer(
        &self,
        parts: &Parts,
        asked: &Asked<'_>,
        accept: &Accept,
        origin: Origin<'_>,
    ) -> Result<Answer, Status> {
        let path = parts.uri.path();
        if let Some(answer) = self.health(path, &parts.method) {
            return Ok(answer);
        }
        let query = parts.uri.query().unwrap_or("");
        if let Origin::Wire(peer) = origin {
            let user = self.identify(&parts.headers, peer).await?;
            let verb = asked.verb(&parts.method, query);
            self.access.authorize(&user, verb, asked, path).await?;
        }
        match asked {
            Asked::Path => self.document(parts, accept),
            Asked::Resource(place) => {
                if !self.serves(place) {
                    return Ok(answer::page_not_found());
                }
                if parts.method != Method::GET || path::watches(query) {
                    return Err(Status::method_not_allowed());
                }
                if !accept.is_acceptable() {
                    return Err(Status::not_acceptable(capstan_kubeapi::negotiate::AVAILABLE));
                }
                match place.group {
                    external::GROUP => self.external(place, query, accept),
                    custom::GROUP => self.custom(place, query, accept).await,
                    _ => match &self.resources {
                        Some(resources) => resources.answer(self, place, query, accept).await,
                        None => Ok(answer::page_not_found()),
                    },
                }
            }
        }
    }

    fn serves(&self, place: &Place<'_>) -> bool {
        self.groups
            .iter()
            .any(|(group, versions)| *group == place.group && versions.contains(&place.version))
    }

    /// The paths that everybody may ask for, as upstream's always-allowed ones.
    fn health(&self, path: &str, method: &Method) -> Option<Answer> {
        let failing = match path {
            "/healthz" | "/livez" => Vec::new(),
            "/readyz" => self.not_ready(),
            _ => return None,
        };
        if method != Method::GET && method != Method::HEAD {
            return Some(answer::status(
                &Status::method_not_allowed(),
                &Accept::parse(None),
            ));
        }
        if failing.is_empty() {
            return Some(answer::text(StatusCode::OK, "ok"));
        }
        let mut text = String::new();
        for why in failing {
            text.push_str("[-]");
            text.push_str(&why);
            text.push('\n');
        }
        text.push_str("readyz check failed\n");
        Some(answer::text(StatusCode::INTERNAL_SERVER_ERROR, text))
    }

    fn not_ready(&self) -> Vec<String> {
        let mut failing = Vec::new();
        if !self.trust.settled() {
            failing.push("authentication failed: the authorities of clients are not known yet".to_owned());
        }
        if let Some(Err(why)) = self.readiness.as_ref().map(|ready| ready()) {
            failing.push(format!("adapter failed: {why}"));
        }
        failing
    }

    /// What is not below a version of a group.
    fn document(&self, parts: &Parts, accept: &Accept) -> Result<Answer, Status> {
        let segments: Vec<&str> = parts.uri.path().split('/').filter(|p| !p.is_empty()).collect();
        let read = matches!(parts.method, Method::GET | Method::HEAD);
        match segments.as_slice() {
            [] => read_only(read).and_then(|()| self.root(accept)),
            ["version"] => read_only(read).and_then(|()| discovery::version(accept)),
            ["metrics"] => read_only(read).map(|()| answer::metrics(self.metrics())),
            ["openapi", ..] => read_only(read).and_then(|()| self.openapi(&segments[1..], accept)),
            ["apis"] => read_only(read).and_then(|()| self.group_list(parts, accept)),
            ["apis", group] => match self.group(group) {
                Some(document) => read_only(read).and_then(|()| answer::object(&document, accept)),
                None => Ok(answer::page_not_found()),
            },
            ["apis", group, version] => match self.resource_list(group, version) {
                Some(document) => read_only(read).and_then(|()| answer::object(&document, accept)),
                None => Ok(answer::page_not_found()),
            },
            _ => Ok(answer::page_not_found()),
        }
    }
}

fn read_only(read: bool) -> Result<(), Status> {
    if read {
        return Ok(());
    }
    Err(Status::method_not_allowed())
}

/// The groups and versions that are served, the preferred version first.
fn groups(options: &Options) -> Vec<(&'static str, &'static [&'static str])> {
    let mut groups: Vec<(&'static str, &'static [&'static str])> = Vec::new();
    if options.external {
        groups.push((external::GROUP, &external::VERSIONS));
    }
    if options.custom {
        groups.push((custom::GROUP, &custom::VERSIONS));
    }
    if options.resources.is_some() {
        groups.push((crate::resource::GROUP, &crate::resource::VERSIONS));
    }
    groups
}

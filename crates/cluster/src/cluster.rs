//! Starting the whole cluster, and stopping it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use capstan_kubeapi::Status;
use capstan_kubeapi::builtin::{ENDPOINTS, SERVICES};
use capstan_runtime::Shutdown;
use capstan_tls::{Authority, Identity, files};
use parking_lot::Mutex;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::aggregation::{Aggregator, LocalApi, publish_authentication};
use crate::controllers::{self, Context, driver, node};
use crate::error::Error;
use crate::http::{self, Authentication, ServerState, User};
use crate::kubeconfig;
use crate::metrics::Metrics;
use crate::objects::Objects;
use crate::options::Options;
use crate::rbac;
use crate::runners::addresses::Addresses;
use crate::runners::agent::{Agent, Settings, TokenSource};
use crate::runners::log_source::PodLogs;
use crate::runners::logs::LogBook;
use crate::services::Services;

/// The authority lives long; what it issues is made anew at every start that finds it due.
const AUTHORITY_DAYS: u32 = 3650;
const CERTIFICATE_DAYS: u32 = 365;
/// The common name by which backends know us.
const FRONT_PROXY: &str = "front-proxy-client";
/// Pods the node says it can take; the API does not enforce it here.
const MAX_PODS: usize = 10_000;

/// Service accounts that get a token.
const MAX_ACCOUNTS: usize = 65_536;
/// What the node says its kubelet is; the minor version is the API server's.
const KUBELET_VERSION: &str = concat!("v1.36.2+capstan-", env!("CARGO_PKG_VERSION"));

/// The embedded cluster.
#[derive(Debug, Clone, Copy)]
pub struct Cluster;

/// A running cluster. Dropping it without [`Handle::shutdown`] stops it too, but waits for nothing.
pub struct Handle {
    objects: Objects,
    services: Services,
    agent: Arc<Agent>,
    url: String,
    kubeconfig: String,
    kubeconfig_path: PathBuf,
    ca_pem: String,
    admin_token: String,
    router: axum::Router,
    aggregator: Aggregator,
    shutdown: Shutdown,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Handle")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Starts the API server, the controllers and the node agent, and writes certificates and a kubeconfig below
    /// the data directory.
    ///
    /// # Errors
    /// When the port is taken, or the data directory cannot be used.
    pub async fn start(options: Options) -> Result<Handle, Error> {
        capstan_tls::install_provider();
        let range = options.pod_cidr.parse().map_err(Error::Option)?;
        let listener = listen(options.bind).await?;
        let address = listener.local_addr().map_err(|source| Error::Listen {
            address: options.bind,
            source,
        })?;
        let pki = Pki::prepare(&options)?;
        // Whoever listens on all addresses is reached on this one.
        let reached = if address.ip().is_unspecified() {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            address.ip()
        };
        let api = SocketAddr::new(reached, address.port());
        let url = format!("https://{api}");
        let shutdown = Shutdown::new();
        let objects = Objects::with_gates(Arc::clone(&options.clock), options.gates);
        let context = Context {
            objects: objects.clone(),
            clock: Arc::clone(&options.clock),
            shutdown: shutdown.clone(),
        };
        let logs = LogBook::new(Arc::clone(&options.clock), options.log_bytes);
        let services = Services::new(shutdown.child());

        let authentication = Authentication::new();
        let admin_token = new_token();
        authentication.add_token(admin_token.clone(), User::admin("kubernetes-admin"));
        let tls = capstan_tls::server_config(&pki.server, Some(pki.authority.certificate_pem()))?;
        let pod_logs = PodLogs {
            objects: objects.clone(),
            book: logs.clone(),
        };
        let aggregator = Aggregator::new(
            objects.clone(),
            pki.front_proxy.clone(),
            pki.authority.certificate_pem().to_owned(),
            shutdown.child(),
        );
        let state = ServerState::new(objects.clone(), authentication.clone(), api.to_string())
            .with_logs(Arc::new(pod_logs))
            .with_aggregator(aggregator.clone());
        let router = http::router(state);
        let serving = http::serve(listener, tls, router.clone(), shutdown.child());
        let mut tasks = vec![capstan_runtime::spawn("api server", serving)];

        let kubeconfig =
            kubeconfig::with_data(&url, pki.authority.certificate_pem(), &pki.admin, &admin_token);
        let kubeconfig_path = options.data_dir.join("kubeconfig");
        files::write_secret(&kubeconfig_path, &kubeconfig)?;

        let pod_directory = options.data_dir.join("pods");
        clear(&pod_directory)?;
        let settings = Settings {
            addresses: Addresses::new(range),
            images: options.images,
            tasks: options.task_apps,
            own: options
                .own_program
                .map(|path| path.to_string_lossy().into_owned()),
            pod_directory,
            node_directory: options.data_dir.join("node"),
            hollow_delay: options.hollow_ready_delay,
            back_off: options.restart_back_off,
            api,
            certificate_authority: pki.authority.certificate_pem().to_owned(),
            token: account_tokens(&authentication, options.service_accounts_administer),
        };
        publish_api(&objects, api);
        rbac::bootstrap(&objects);
        publish_authentication(
            &objects,
            pki.authority.certificate_pem(),
            pki.front_proxy_authority.certificate_pem(),
            FRONT_PROXY,
        );
        let agent = Agent::new(context.clone(), services.clone(), logs, settings).map_err(Error::Agent)?;
        let facts = node::NodeFacts {
            address: Agent::host(),
            version: KUBELET_VERSION.to_owned(),
            max_pods: MAX_PODS,
        };
        tasks.extend(controllers::start(
            &context,
            pki.authority.certificate_pem(),
            facts,
        ));
        tasks.push(driver::drive(&context, Arc::new(services.clone())));
        tasks.push(agent.start());
        tasks.push(aggregator.start());
        let metrics = Metrics::new(context.clone(), agent.meters.clone(), options.metrics_resolution);
        if let Err(error) = aggregator.serve(metrics.api()) {
            tracing::warn!(%error, "metrics are not served");
        }
        tasks.push(metrics.start());
        Ok(Handle {
            objects,
            services,
            agent,
            url,
            kubeconfig,
            kubeconfig_path,
            ca_pem: pki.authority.certificate_pem().to_owned(),
            admin_token,
            router,
            aggregator,
            shutdown,
            tasks: Mutex::new(tasks),
        })
    }
}

impl Handle {
    /// Where the API server is: `https://127.0.0.1:6443`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file that [`Handle::kubeconfig`] was written to; only its owner may read it.
    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig_path
    }

    /// The administrator's kubeconfig. It holds a private key.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// The certificate authority that clients trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The administrator's bearer token, as in the kubeconfig.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The API server as a service, for clients in this process. Requests need [`Handle::admin_token`].
    pub fn router(&self) -> axum::Router {
        self.router.clone()
    }

    /// Every object of the cluster, in process.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The local URL of a service: of this port, or of its first one. `None` until the service has been noticed.
    pub fn service_url(&self, namespace: &str, service: &str, port: Option<u16>) -> Option<String> {
        let ports = self.services.ports_of(namespace, service);
        let found = match port {
            Some(port) => ports.iter().find(|(number, _)| *number == port),
            None => ports.first(),
        };
        found.map(|(_, address)| format!("http://{address}"))
    }

    /// The lines that a container of a pod has printed, in its present run or the one before. `None` when there is no
    /// such run.
    pub fn logs(&self, namespace: &str, pod: &str, container: &str, previous: bool) -> Option<Vec<String>> {
        let pod = self
            .objects
            .get(capstan_kubeapi::builtin::PODS, Some(namespace), pod)
            .ok()?;
        let (lines, _) = self
            .agent
            .logs
            .find(capstan_kubeapi::meta::uid(&pod), container, previous)?
            .read(0);
        Some(lines.iter().map(|line| line.text.to_string()).collect())
    }

    /// Serves an API group's version from within this process, behind an `APIService` like any other.
    ///
    /// # Errors
    /// When the `APIService` is refused.
    pub fn serve_api(&self, api: LocalApi) -> Result<(), Status> {
        self.aggregator.serve(api)
    }

    /// Raised when the cluster is stopping.
    pub fn stopping(&self) -> Shutdown {
        self.shutdown.child()
    }

    /// Stops pods, controllers and listeners, and waits for them.
    pub async fn shutdown(&self) {
        // Controllers first, or they would start what we stop.
        self.shutdown.raise();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            // A task that panicked has been told by the runtime.
            let _ = task.await;
        }
        self.agent.stop().await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shutdown.raise();
    }
}

/// The service `kubernetes`, by which pods know the API server.
fn publish_api(objects: &Objects, api: SocketAddr) {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": api.port()}]},
    });
    let endpoints = json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "subsets": [{"addresses": [{"ip": api.ip().to_string()}], "ports": [{"name": "https", "port": api.port(), "protocol": "TCP"}]}],
    });
    for (resource, object) in [(SERVICES, service), (ENDPOINTS, endpoints)] {
        if let Err(error) = objects.create(resource, Some("default"), object) {
            tracing::warn!(%error, "the service of the API server is not published");
        }
    }
}

async fn listen(address: SocketAddr) -> Result<tokio::net::TcpListener, Error> {
    tokio::net::TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => Error::PortInUse(address),
            _ => Error::Listen { address, source },
        })
}

/// Certificates of the cluster, kept from start to start.
#[derive(Debug)]
struct Pki {
    authority: Authority,
    server: Identity,
    admin: Identity,
    /// Signs the front proxy's certificate and nothing else, so that no other client can pass for it.
    front_proxy_authority: Authority,
    /// Shown to backends of `APIService`s.
    front_proxy: Identity,
}

impl Pki {
    fn prepare(options: &Options) -> Result<Self, Error> {
        let directory = options.data_dir.join("pki");
        let clock = options.clock.as_ref();
        let at = |name: &str| directory.join(name);
        let authority =
            Authority::load_or_generate(&at("ca.crt"), &at("ca.key"), "capstan-ca", AUTHORITY_DAYS, clock)?;
        // Issued at every start: addresses may have changed, and nobody pins them.
        let mut names = vec![
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
            node::NODE,
        ];
        let mut addresses = vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            options.bind.ip(),
            IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1)),
        ];
        for name in &options.server_names {
            match name.parse() {
                Ok(address) => addresses.push(address),
                Err(_) => names.push(name),
            }
        }
        addresses.sort();
        addresses.dedup();
        let server = authority.issue_server("kube-apiserver", &names, &addresses, CERTIFICATE_DAYS, clock)?;
        server.save(&at("apiserver.crt"), &at("apiserver.key"))?;
        let admin = authority.issue_client(
            "kubernetes-admin",
            Some("system:masters"),
            CERTIFICATE_DAYS,
            clock,
        )?;
        admin.save(&at("admin.crt"), &at("admin.key"))?;
        let front_proxy_authority = Authority::load_or_generate(
            &at("front-proxy-ca.crt"),
            &at("front-proxy-ca.key"),
            "capstan-front-proxy-ca",
            AUTHORITY_DAYS,
            clock,
        )?;
        let front_proxy = front_proxy_authority.issue_client(FRONT_PROXY, None, CERTIFICATE_DAYS, clock)?;
        front_proxy.save(&at("front-proxy-client.crt"), &at("front-proxy-client.key"))?;
        Ok(Self {
            authority,
            server,
            admin,
            front_proxy_authority,
            front_proxy,
        })
    }
}

/// An empty directory for this life's pods.
fn clear(directory: &Path) -> Result<(), Error> {
    let failed = |source| Error::Directory {
        path: directory.to_owned(),
        source,
    };
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    std::fs::create_dir_all(directory).map_err(failed)
}

/// Tokens of service accounts: one per account, made when its first pod starts.
fn account_tokens(authentication: &Authentication, administrators: bool) -> TokenSource {
    let authentication = authentication.clone();
    let known: Mutex<HashMap<(String, String), String>> = Mutex::default();
    Arc::new(move |namespace, account| {
        let mut known = known.lock();
        if let Some(token) = known.get(&(namespace.to_owned(), account.to_owned())) {
            return Some(token.clone());
        }
        if known.len() >= MAX_ACCOUNTS {
            return None;
        }
        let token = new_token();
        let mut groups = vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
        ];
        if administrators {
            groups.push("system:masters".to_owned());
        }
        let user = User::new(format!("system:serviceaccount:{namespace}:{account}"), groups);
        authentication.add_token(token.clone(), user);
        known.insert((namespace.to_owned(), account.to_owned()), token.clone());
        Some(token)
    })
}

/// 244 random bits from the operating system.
fn new_token() -> String {
    format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    )
}

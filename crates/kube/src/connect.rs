//! Credentials and API servers of one configured cluster (N-212…N-214).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use crate::discovery::KindCache;
use crate::error::{Error, Reason};

/// Where a pod finds its own account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// No request may take longer; a watch is not a request.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// One `[[kubernetes]]` entry of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What scripts call it (`.cluster('id')`).
    pub id: String,
    /// Used where a script names no namespace; empty: the account's own, else `default` (N-181).
    pub namespace: String,
    pub credentials: Credentials,
}

/// How to reach and convince the API server.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// The pod's own account: host and port from the environment (N-213), token re-read as it rotates.
    #[default]
    InCluster,
    /// A kubeconfig file; `None` means `KUBECONFIG` or `~/.kube/config`.
    Kubeconfig {
        path: Option<PathBuf>,
        context: Option<String>,
    },
    /// Addresses and a token; the next address is tried when one does not answer (N-214).
    Servers {
        urls: Vec<String>,
        token: Option<String>,
        token_file: Option<PathBuf>,
        ca_path: Option<PathBuf>,
    },
}

/// A connected cluster. Cheap to share; every call re-reads rotated tokens.
pub struct Cluster {
    id: String,
    namespace: String,
    clients: Vec<Client>,
    /// The client that answered last.
    current: AtomicUsize,
    pub(crate) kinds: Mutex<KindCache>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("id", &self.id)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Reads the credentials. Does not talk to the API server, so that it may be down when we start.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        capstan_tls::install_provider();
        let configs = match &options.credentials {
            Credentials::InCluster => vec![in_cluster()?],
            Credentials::Kubeconfig { path, context } => {
                vec![kubeconfig(path.as_deref(), context.clone()).await?]
            }
            Credentials::Servers {
                urls,
                token,
                token_file,
                ca_path,
            } => {
                if urls.is_empty() {
                    return Err(Error::new(
                        Reason::Config,
                        "kubernetes: api-servers must name at least one URL",
                    ));
                }
                let auth = AuthInfo {
                    token: token.clone().filter(|token| !token.is_empty()).map(Into::into),
                    token_file: token_file.as_ref().map(|path| path.display().to_string()),
                    ..AuthInfo::default()
                };
                urls.iter()
                    .map(|url| server(url, &auth, ca_path.as_deref()))
                    .collect::<Result<_, _>>()?
            }
        };
        let own = configs
            .first()
            .map(|config| config.default_namespace.clone())
            .unwrap_or_default();
        let namespace = [&options.namespace, &own]
            .into_iter()
            .find(|name| !name.is_empty());
        let clients = configs
            .into_iter()
            .map(|config| {
                Client::try_from(config).map_err(|error| Error::config("kubernetes client", &error))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id: options.id.clone(),
            namespace: namespace.map_or_else(|| "default".to_owned(), Clone::clone),
            clients,
            current: AtomicUsize::new(0),
            kinds: Mutex::default(),
        })
    }

    /// A cluster reached through a client made elsewhere, for instance one that calls a router in process.
    pub fn with_client(id: &str, namespace: &str, client: Client) -> Self {
        Self {
            id: id.to_owned(),
            namespace: namespace.to_owned(),
            clients: vec![client],
            current: AtomicUsize::new(0),
            kinds: Mutex::default(),
        }
    }

    /// What scripts call it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The namespace meant where a script names none.
    pub fn default_namespace(&self) -> &str {
        &self.namespace
    }

    /// The client that answered last.
    pub(crate) fn client(&self) -> Client {
        self.clients[self.current.load(Ordering::Relaxed) % self.clients.len()].clone()
    }

    /// The clients, the one that answered last first.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = (usize, Client)> {
        let first = self.current.load(Ordering::Relaxed);
        (0..self.clients.len()).map(move |offset| {
            let at = (first + offset) % self.clients.len();
            (at, self.clients[at].clone())
        })
    }

    /// Notes which client answered.
    pub(crate) fn answered(&self, at: usize) {
        self.current.store(at, Ordering::Relaxed);
    }

    /// Sends a request to the server that answered last; to the next one when it cannot be reached.
    pub(crate) async fn request<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, Error> {
        let first = self.current.load(Ordering::Relaxed);
        let mut last = Error::new(Reason::Unavailable, "no API server is configured");
        for offset in 0..self.clients.len() {
            let at = (first + offset) % self.clients.len();
            let request = call.request()?;
            let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.clients[at].request::<T>(request)).await;
            match answer {
                Ok(Ok(value)) => {
                    self.current.store(at, Ordering::Relaxed);
                    return Ok(value);
                }
                Ok(Err(error)) => last = Error::of_call(&error, call.verb, call.resource, call.namespace),
                Err(_) => {
                    let seconds = REQUEST_TIMEOUT.as_secs();
                    last = Error::new(
                        Reason::Unavailable,
                        format!("the API server did not answer in {seconds}s"),
                    );
                }
            }
            if last.reason != Reason::Unavailable {
                break;
            }
        }
        Err(last)
    }
}

/// One request and the right it needs.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Vec<u8>,
    /// The right, for the message of a 403.
    pub(crate) verb: &'static str,
    pub(crate) resource: &'a str,
    pub(crate) namespace: &'a str,
}

impl<'a> Call<'a> {
    pub(crate) fn get(path: String, verb: &'static str, resource: &'a str, namespace: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            content_type: None,
            body: Vec::new(),
            verb,
            resource,
            namespace,
        }
    }

    fn request(&self) -> Result<Request<Vec<u8>>, Error> {
        let mut builder = Request::builder().method(self.method).uri(&self.path);
        if let Some(content_type) = self.content_type {
            builder = builder.header(http::header::CONTENT_TYPE, content_type);
        }
        builder
            .body(self.body.clone())
            .map_err(|error| Error::new(Reason::Other, error.to_string()))
    }
}

fn in_cluster() -> Result<Config, Error> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let host = variable("KUBERNETES_SERVICE_HOST").ok_or_else(|| {
        Error::new(
            Reason::Config,
            "kubernetes: in-cluster is set, but KUBERNETES_SERVICE_HOST is not: this process does not run in a pod; \
             set kubeconfig or api-servers instead",
        )
    })?;
    let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host
    };
    let account = variable("KUBERNETES_SERVICEACCOUNT_DIR")
        .map_or_else(|| PathBuf::from(SERVICE_ACCOUNT), PathBuf::from);
    let auth = AuthInfo {
        token_file: Some(account.join("token").display().to_string()),
        ..AuthInfo::default()
    };
    let mut config = server(
        &format!("https://{host}:{port}"),
        &auth,
        Some(&account.join("ca.crt")),
    )?;
    config.default_namespace = std::fs::read_to_string(account.join("namespace"))
        .map(|text| text.trim().to_owned())
        .unwrap_or_default();
    Ok(config)
}

async fn kubeconfig(path: Option<&Path>, context: Option<String>) -> Result<Config, Error> {
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    match path {
        Some(path) => {
            let file = Kubeconfig::read_from(path)
                .map_err(|error| Error::config(&format!("kubeconfig {}", path.display()), &error))?;
            Config::from_custom_kubeconfig(file, &options).await
        }
        None => Config::from_kubeconfig(&options).await,
    }
    .map_err(|error| Error::config("kubeconfig", &error))
}

fn server(url: &str, auth: &AuthInfo, ca: Option<&Path>) -> Result<Config, Error> {
    let uri = url
        .parse()
        .map_err(|error| Error::config(&format!("api-servers: {url:?}"), &error))?;
    let mut config = Config::new(uri);
    config.default_namespace = String::new();
    config.auth_info = auth.clone();
    // A file is read again when it rotates; a folder of certificates is not something clients accept.
    config.root_cert_file = ca.map(Path::to_path_buf);
    if let Some(ca) = ca {
        std::fs::metadata(ca).map_err(|error| Error::config(&format!("ca-path {}", ca.display()), &error))?;
    }
    Ok(config)
}

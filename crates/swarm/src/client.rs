//! Requests to the managers of one swarm.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{RequestBuilder, Response, Url};
use serde_json::Value as Json;

use crate::error::{Error, Reason};
use crate::options::Options;
use crate::service::Service;

/// The version of the API that this is written for, as Kapacitor's is (N-221). Newer servers that dropped it get the oldest
/// they know: what is used here did not change.
const API: Version = Version { major: 1, minor: 30 };

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Most of an answer that is read.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// A client of one swarm.
#[derive(Debug)]
pub struct Swarm {
    id: String,
    servers: Vec<Server>,
    /// The server that answered last.
    current: AtomicUsize,
    version: Mutex<Option<Version>>,
}

#[derive(Debug)]
struct Server {
    http: reqwest::Client,
    base: Url,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

impl Swarm {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// No server is given, one is no URL, or a certificate cannot be read.
    pub fn new(options: &Options) -> Result<Self, Error> {
        capstan_tls::install_provider();
        if options.servers.is_empty() {
            return Err(Error::new(Reason::Config, "at least one server is needed"));
        }
        let servers = options.servers.iter().map(|server| Server::new(server, options));
        Ok(Self {
            id: options.id.clone(),
            servers: servers.collect::<Result<_, _>>()?,
            current: AtomicUsize::new(0),
            version: Mutex::new(None),
        })
    }

    /// What scripts name it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Reads a service by its name or its id.
    ///
    /// # Errors
    /// It does not exist, runs on every node instead of in a number of replicas, or no manager answers.
    pub async fn service(&self, name: &str) -> Result<Service, Error> {
        let answer = self.send(&["services", name], &[], reqwest::Client::get).await?;
        Service::parse(name, &answer)
    }

    /// Gives a service another number of replicas, unless it changed since it was read: then the reason is
    /// [`Reason::Conflict`].
    ///
    /// # Errors
    /// No manager did.
    pub async fn set_replicas(&self, service: &Service, replicas: u64) -> Result<(), Error> {
        let spec = service.spec_with(replicas);
        let version = service.version.to_string();
        self.send(
            &["services", &service.id, "update"],
            &[("version", &version)],
            |http, url| http.post(url).json(&spec),
        )
        .await
        .map(drop)
    }

    /// The version of the API to use; asked once.
    async fn version(&self) -> Result<Version, Error> {
        if let Some(version) = *self.version.lock() {
            return Ok(version);
        }
        let told = match self.ask(&["version"], &[], reqwest::Client::get).await {
            Ok(told) => told,
            // It cannot be asked: what answers requests of our version is good enough.
            Err(error) if error.reason != Reason::Unavailable => Json::Null,
            Err(error) => return Err(error),
        };
        let oldest = told["MinAPIVersion"].as_str().and_then(Version::parse);
        let version = oldest.map_or(API, |oldest| oldest.max(API));
        *self.version.lock() = Some(version);
        Ok(version)
    }

    /// Sends with the version of the API before the path.
    async fn send(
        &self,
        path: &[&str],
        parameters: &[(&str, &str)],
        request: impl Fn(&reqwest::Client, Url) -> RequestBuilder,
    ) -> Result<Json, Error> {
        let Version { major, minor } = self.version().await?;
        let version = format!("v{major}.{minor}");
        let path: Vec<&str> = std::iter::once(&*version).chain(path.iter().copied()).collect();
        let answer = self.ask(&path, parameters, request).await;
        if answer
            .as_ref()
            .is_err_and(|error| error.message.contains("client version"))
        {
            // The server was replaced by another one: ask for its version before the next request.
            *self.version.lock() = None;
        }
        answer
    }

    /// Sends to the server that answered last, and on to others while a request does not get through to a manager.
    async fn ask(
        &self,
        path: &[&str],
        parameters: &[(&str, &str)],
        request: impl Fn(&reqwest::Client, Url) -> RequestBuilder,
    ) -> Result<Json, Error> {
        let first = self.current.load(Ordering::Relaxed);
        let mut last = Error::new(Reason::Unavailable, "no server is configured");
        for turn in 0..self.servers.len() {
            let at = first.wrapping_add(turn) % self.servers.len();
            let server = &self.servers[at];
            let mut url = server.base.clone();
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.pop_if_empty().extend(path);
            }
            if !parameters.is_empty() {
                url.query_pairs_mut().extend_pairs(parameters);
            }
            match request(&server.http, url).send().await {
                Ok(response) => match answer(response).await {
                    // Not a manager, or none that has a leader: another one may be.
                    Err((503, error)) => last = error,
                    Err((_, error)) => return Err(error),
                    Ok(answer) => {
                        self.current.store(at, Ordering::Relaxed);
                        return Ok(answer);
                    }
                },
                Err(error) => {
                    let connecting = error.is_connect();
                    last = Error::new(
                        Reason::Unavailable,
                        format!("swarm client request failed: {}", innermost(&error)),
                    );
                    // What was sent may have been done: only what never got there goes to another server.
                    if !connecting {
                        break;
                    }
                }
            }
        }
        Err(last)
    }
}

impl Server {
    fn new(server: &str, options: &Options) -> Result<Self, Error> {
        let config = |message: String| Error::new(Reason::Config, message);
        let wrong = |reason: String| config(format!("invalid URL {server:?}: {reason}"));
        let settings = |error: reqwest::Error| config(innermost(&error));
        let read =
            |path: &Path| std::fs::read(path).map_err(|error| config(format!("{}: {error}", path.display())));
        let secure = options.ssl_ca.is_some() || options.ssl_cert.is_some() || options.insecure_skip_verify;
        let mut http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .tls_danger_accept_invalid_certs(options.insecure_skip_verify);
        let address = if let Some(path) = server.strip_prefix("unix://") {
            http = http.unix_socket(Path::new(path)).no_proxy();
            "http://docker/".to_owned()
        } else if let Some(address) = server.strip_prefix("tcp://") {
            format!("{}://{address}", if secure { "https" } else { "http" })
        } else {
            server.to_owned()
        };
        let base = Url::parse(&address).map_err(|error| wrong(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(wrong("expected http, https, tcp or unix".to_owned()));
        }
        if let Some(path) = &options.ssl_ca {
            let certificates = reqwest::Certificate::from_pem_bundle(&read(path)?).map_err(settings)?;
            http = http.tls_certs_only(certificates);
        } else if base.scheme() == "http" {
            // No need to read the certificates that the system trusts.
            http = http.tls_certs_only([]);
        }
        if let Some((certificate, key)) = &options.ssl_cert {
            let mut pem = read(certificate)?;
            pem.push(b'\n');
            pem.extend(read(key)?);
            http = http.identity(reqwest::Identity::from_pem(&pem).map_err(settings)?);
        }
        Ok(Self {
            http: http.build().map_err(settings)?,
            base,
        })
    }
}

/// The body of a success, else the status and what the server says.
async fn answer(mut response: Response) -> Result<Json, (u16, Error)> {
    let status = response.status();
    let other = |message: String| (status.as_u16(), Error::new(Reason::Other, message));
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                return Err(other(format!(
                    "the answer is longer than {MAX_ANSWER_BYTES} bytes"
                )));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err((0, Error::new(Reason::Unavailable, innermost(&error)))),
        }
    }
    let json = serde_json::from_slice::<Json>(&body);
    if status.is_success() {
        // An update answers with warnings or with nothing at all.
        return match json {
            Ok(json) => Ok(json),
            Err(_) if body.is_empty() => Ok(Json::Null),
            Err(error) => Err(other(format!("failed to decode swarm server response: {error}"))),
        };
    }
    let said = json
        .ok()
        .and_then(|json| json["message"].as_str().map(str::to_owned));
    let message = said.filter(|text| !text.is_empty()).unwrap_or_else(|| {
        format!(
            "failed to understand swarm server response: Code: {}",
            status.as_u16()
        )
    });
    Err((status.as_u16(), Error::refused(status.as_u16(), message)))
}

/// The cause at the bottom, which says most.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timeout".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

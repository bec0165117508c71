//! Requests to the servers of one cluster.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use capstan_gocompat::time_layout::format_rfc3339_nano;
use capstan_influxql::query::quote_identifier;
use reqwest::{RequestBuilder, Response, Url};

use crate::error::Error;
use crate::options::{Credentials, Options};
use crate::series::Series;
use crate::{flux, json};

/// Most of an answer that is read.
const MAX_ANSWER_BYTES: usize = 256 << 20;
/// Most of a refusal that is read.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
/// How long connecting may take.
const CONNECT_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A client; clones share its connections.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    urls: Vec<Url>,
    next: AtomicUsize,
    credentials: Credentials,
    gzip: bool,
}

/// Where points go.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteTo<'a> {
    pub database: &'a str,
    /// Empty: the database's default.
    pub retention_policy: &'a str,
    /// Empty: the server's default.
    pub consistency: &'a str,
    /// Unit of the times: `ns`, `u`, `ms`, `s`, `m`, `h`.
    pub precision: &'a str,
}

/// A Flux query.
#[derive(Debug, Clone, Copy, Default)]
pub struct FluxQuery<'a> {
    pub query: &'a str,
    /// Name of the organisation.
    pub org: &'a str,
    /// Id of the organisation.
    pub org_id: &'a str,
    /// What `now()` means, in nanoseconds since the Unix epoch.
    pub now: Option<i64>,
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// No URL is given, one is none, or a certificate cannot be read.
    pub fn new(options: Options) -> Result<Self, Error> {
        capstan_tls::install_provider();
        let urls: Vec<Url> = options
            .urls
            .iter()
            .map(|url| parse_url(url))
            .collect::<Result<_, _>>()?;
        if urls.is_empty() {
            return Err(Error::Settings("no InfluxDB URL is given".to_owned()));
        }
        let mut http = reqwest::Client::builder()
            .user_agent("KapacitorInfluxDBClient")
            .connect_timeout(CONNECT_PATIENCE)
            .tls_danger_accept_invalid_certs(options.insecure_skip_verify);
        if !options.timeout.is_zero() {
            http = http.timeout(options.timeout);
        }
        let read = |path: &std::path::Path| {
            std::fs::read(path).map_err(|error| Error::Settings(format!("{}: {error}", path.display())))
        };
        let settings = |error: reqwest::Error| Error::Settings(error.to_string());
        if let Some(path) = &options.ssl_ca {
            let certificates = reqwest::Certificate::from_pem_bundle(&read(path)?).map_err(settings)?;
            http = http.tls_certs_only(certificates);
        } else if urls.iter().all(|url| url.scheme() == "http") {
            // No need to read the certificates that the system trusts.
            http = http.tls_certs_only([]);
        }
        if urls.iter().all(is_local) {
            // As Go's client does: a proxy is never asked for this machine.
            http = http.no_proxy();
        }
        if let Some((certificate, key)) = &options.ssl_cert {
            let mut pem = read(certificate)?;
            pem.push(b'\n');
            pem.extend(read(key)?);
            http = http.identity(reqwest::Identity::from_pem(&pem).map_err(settings)?);
        }
        Ok(Self {
            http: http.build().map_err(settings)?,
            urls,
            next: AtomicUsize::new(0),
            credentials: options.credentials,
            gzip: options.gzip,
        })
    }

    /// Asks a server whether it is there; its version.
    ///
    /// # Errors
    /// It is not.
    pub async fn ping(&self) -> Result<String, Error> {
        let response = self.send("ping", &[], reqwest::Client::get).await?;
        let version = response.headers().get("X-Influxdb-Version");
        Ok(version
            .and_then(|version| version.to_str().ok())
            .unwrap_or_default()
            .to_owned())
    }

    /// Runs InfluxQL statements; the series of all of them.
    ///
    /// # Errors
    /// No server could be asked, or one of the statements failed.
    pub async fn query(&self, command: &str, database: &str) -> Result<Vec<Series>, Error> {
        let parameters = [("q", command), ("db", database)];
        let response = self.send("query", &parameters, reqwest::Client::post).await?;
        json::series(&body(response, MAX_ANSWER_BYTES).await?)
    }

    /// Runs a Flux query (InfluxDB 2, or 1.8 with Flux enabled); its tables.
    ///
    /// # Errors
    /// No server could be asked, or the query failed.
    pub async fn query_flux(&self, query: FluxQuery<'_>) -> Result<Vec<Series>, Error> {
        let parameters: Vec<(&str, &str)> = [("org", query.org), ("orgID", query.org_id)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let mut request = serde_json::json!({
            "type": "flux",
            "query": query.query,
            "dialect": {"annotations": ["datatype", "default", "group"], "delimiter": ",", "header": true},
        });
        if let Some(now) = query.now {
            request["now"] = format_rfc3339_nano(now).into();
        }
        let response = self
            .send("api/v2/query", &parameters, |client, url| {
                client.post(url).json(&request)
            })
            .await?;
        let body = body(response, MAX_ANSWER_BYTES).await?;
        flux::series(&String::from_utf8_lossy(&body))
    }

    /// Writes line protocol.
    ///
    /// # Errors
    /// No server took it.
    pub async fn write(&self, to: WriteTo<'_>, points: &str) -> Result<(), Error> {
        let parameters = [
            ("consistency", to.consistency),
            ("db", to.database),
            ("precision", to.precision),
            ("rp", to.retention_policy),
        ];
        let packed = if self.gzip { Some(gzip(points)?) } else { None };
        self.send("write", &parameters, |client, url| {
            let request = client
                .post(url)
                .header("Content-Type", "application/octet-stream");
            match &packed {
                Some(packed) => request.header("Content-Encoding", "gzip").body(packed.clone()),
                None => request.body(points.to_owned()),
            }
        })
        .await?;
        Ok(())
    }

    /// Creates a database, with a retention policy if one is named; one that is there already is left alone.
    ///
    /// # Errors
    /// No server did.
    pub async fn create_database(&self, database: &str, retention_policy: Option<&str>) -> Result<(), Error> {
        let mut command = format!("CREATE DATABASE {}", quote_identifier(database));
        if let Some(policy) = retention_policy {
            command.push_str(" WITH NAME ");
            command.push_str(&quote_identifier(policy));
        }
        self.query(&command, "").await.map(drop)
    }

    /// Sends to the next server, and on to others while they cannot be reached.
    async fn send(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        request: impl Fn(&reqwest::Client, Url) -> RequestBuilder,
    ) -> Result<Response, Error> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut unreachable = Error::Unreachable(String::new());
        for at in 0..self.urls.len() {
            let mut url = self.urls[(first.wrapping_add(at)) % self.urls.len()].clone();
            let base = url.path().trim_end_matches('/').to_owned();
            url.set_path(&format!("{base}/{path}"));
            if !parameters.is_empty() {
                url.query_pairs_mut().extend_pairs(parameters);
            }
            let request = request(&self.http, url);
            let request = match &self.credentials {
                Credentials::None => request,
                Credentials::User { username, password } => request.basic_auth(username, Some(password)),
                Credentials::Token(token) => request.header("Authorization", format!("Token {token}")),
            };
            match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => return Err(refusal(response).await),
                Err(error) => {
                    let connecting = error.is_connect();
                    unreachable = Error::Unreachable(innermost(&error));
                    // What was sent may have been done: only what never got there goes to another server.
                    if !connecting {
                        break;
                    }
                }
            }
        }
        Err(unreachable)
    }
}

fn parse_url(text: &str) -> Result<Url, Error> {
    let wrong = |reason: String| Error::Settings(format!("invalid URL {text:?}: {reason}"));
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(wrong("it is neither http nor https".to_owned()))
    }
}

/// Whether a server is on this machine.
fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// The cause at the bottom, which says most, without the URL and what it may hold.
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

/// What the server says, or its status.
async fn refusal(response: Response) -> Error {
    let status = response.status().as_u16();
    let version = response
        .headers()
        .get("X-Influxdb-Error")
        .and_then(|text| text.to_str().ok())
        .map(str::to_owned);
    let body = body(response, MAX_REFUSAL_BYTES).await.unwrap_or_default();
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let told = ["error", "message"]
        .iter()
        .find_map(|key| json[*key].as_str().filter(|text| !text.is_empty()));
    Error::Refused {
        status,
        message: told
            .map(str::to_owned)
            .or(version)
            .unwrap_or_else(|| format!("invalid response: code {status}")),
    }
}

async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > most => {
                return Err(Error::Answer(format!("the answer is longer than {most} bytes")));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(Error::Unreachable(innermost(&error))),
        }
    }
}

fn gzip(points: &str) -> Result<Vec<u8>, Error> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer
        .write_all(points.as_bytes())
        .and_then(|()| packer.finish())
        .map_err(|error| Error::Settings(error.to_string()))
}

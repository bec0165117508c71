//! Requests with bounds: a timeout, a largest answer, no redirects, no secrets in errors.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use jiff::Timestamp;

use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Response, Url};
use tokio::time::timeout;

use crate::allow::{Allowed, GuardedResolver, shown};
use crate::collector::CollectError;
use crate::gate::Gates;
use crate::options::Options;

/// The largest answer that is read where nothing else is said.
pub const JSON_LIMIT: usize = 4 << 20;
/// How much of an answer stands in an error.
const EXCERPT: usize = 300;
/// How long connecting may take where nothing else is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Clients with connect timeouts of their own that are kept.
const MOST_CLIENTS: usize = 32;

/// How we say who we are.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub enum Token {
    /// Not at all.
    #[default]
    None,
    /// By the bearer token in a file, read again for every request.
    File(PathBuf),
    /// By this value of the header `Authorization`.
    Header(Arc<str>),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Header(_) => f.write_str("Header(…)"),
        }
    }
}

impl Token {
    /// The token of a configured server.
    pub fn file(path: Option<&Path>) -> Self {
        path.map_or(Self::None, |path| Self::File(path.to_owned()))
    }

    async fn header(&self) -> Result<Option<HeaderValue>, CollectError> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Header(text) => text.to_string(),
            Self::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                let token = read
                    .map_err(|error| CollectError::new(format!("token file {}: {error}", path.display())))?;
                format!("Bearer {}", token.trim())
            }
        };
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| CollectError::new("the token has characters that cannot stand in a header"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// See [`Allowed::guarded`].
    pub guarded: bool,
    /// GET, or POST if there is a body.
    pub method: Method,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// Content type and body.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// How we say who we are.
    pub token: Token,
    /// From connecting to the last byte.
    pub timeout: Duration,
    /// Of it, until we are connected.
    pub connect_timeout: Duration,
    /// The largest answer that is read.
    pub limit: usize,
}

impl Request {
    /// A GET of an address that needs no guard.
    pub fn get(url: Url, timeout: Duration) -> Self {
        Self {
            url,
            guarded: false,
            method: Method::GET,
            headers: Vec::new(),
            body: None,
            token: Token::None,
            timeout,
            connect_timeout: CONNECT_TIMEOUT,
            limit: JSON_LIMIT,
        }
    }

    /// A GET of an address from an annotation.
    pub fn get_allowed(allowed: &Allowed, timeout: Duration) -> Self {
        Self {
            guarded: allowed.guarded,
            ..Self::get(allowed.url.clone(), timeout)
        }
    }

    /// Makes it a POST.
    #[must_use]
    pub fn post(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.method = Method::POST;
        self.body = Some((content_type, body));
        self
    }

    /// With a token.
    #[must_use]
    pub fn with_token(mut self, token: Token) -> Self {
        self.token = token;
        self
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As errors name it.
    fn name(&self) -> String {
        format!("{} {}", self.method, shown(&self.url))
    }
}

/// What came back, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// All of it.
    pub body: Vec<u8>,
    /// What the server said in `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// The request, as errors name it.
    pub request: String,
}

impl Answer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The beginning of the body, for an error.
    pub fn excerpt(&self) -> String {
        excerpt(&self.body)
    }

    /// The body, if the status is 2xx.
    ///
    /// # Errors
    /// With status and excerpt, if it is not.
    pub fn success(self) -> Result<Vec<u8>, CollectError> {
        if self.is_success() {
            return Ok(self.body);
        }
        Err(self.refused())
    }

    /// The error of an answer that is no success.
    pub fn refused(&self) -> CollectError {
        let said = self.excerpt();
        let separator = if said.is_empty() { "" } else { ": " };
        CollectError {
            message: format!(
                "{}: unsuccessful response: {}{separator}{said}",
                self.request,
                status_text(self.status)
            ),
            retry_after: self.retry_after,
        }
    }
}

/// The first characters of a text on one line.
pub fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT * 4)]);
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    match words.char_indices().nth(EXCERPT) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}

/// `404 Not Found`.
fn status_text(code: u16) -> String {
    reqwest::StatusCode::from_u16(code).map_or_else(|_| code.to_string(), |status| status.to_string())
}

/// Sends requests.
#[derive(Debug)]
pub struct Fetcher {
    clock: SharedClock,

    gates: Gates,
    /// They follow no redirects: those would lead around the allow list.
    clients: Mutex<HashMap<Kind, Client>>,
}

/// What clients differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    /// Whether it needs the certificates that the system trusts.
    tls: bool,
    guarded: bool,
    connect_timeout: Duration,
}

impl Fetcher {
    /// Nothing is asked yet.
    pub fn new(clock: SharedClock, options: &Options) -> Self {
        capstan_tls::install_provider();
        Self {
            gates: Gates::new(Arc::clone(&clock), options.concurrency),
            clock,
            clients: Mutex::default(),
        }
    }

    /// Asks a server: among as many requests as it may get at a time, and not at all while it is left alone after
    /// failures.
    ///
    /// # Errors
    /// When no whole answer came within the bounds, or the answer is a redirect. Any other status is an answer.
    pub async fn fetch(&self, request: &Request) -> Result<Answer, CollectError> {
        let server = request.url.origin().ascii_serialization();
        let pass = self
            .gates
            .enter(&server, request.timeout.saturating_mul(3))
            .await?;
        let answer = self.exchange(request).await;
        match &answer {
            Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => {
                pass.failed(&answer.refused().message, answer.retry_after);
            }
            Err(Trouble::Server(error)) => pass.failed(&error.message, error.retry_after),
            // An answer that we do not take is one, too: one bad question must not keep others from the server.
            Ok(_) | Err(Trouble::Question(_)) => pass.succeeded(),
        }
        answer.map_err(Trouble::into_error)
    }

    /// Asks at once, without care for the server. For pods, of which each is a server of its own.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`].
    pub async fn fetch_directly(&self, request: &Request) -> Result<Answer, CollectError> {
        self.exchange(request).await.map_err(Trouble::into_error)
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, Trouble> {
        let name = request.name();
        let kind = Kind {
            tls: request.url.scheme() != "http",
            guarded: request.guarded,
            connect_timeout: request.connect_timeout,
        };
        let client = self
            .client(kind)
            .map_err(|error| Trouble::Question(CollectError::new(format!("{name}: {}", error.message))))?;
        let mut builder = client.request(request.method.clone(), request.url.clone());
        for (header, value) in &request.headers {
            builder = builder.header(*header, value);
        }
        if let Some(token) = request.token.header().await.map_err(Trouble::Question)? {
            builder = builder.header(AUTHORIZATION, token);
        }
        if let Some((content_type, body)) = &request.body {
            builder = builder.header(CONTENT_TYPE, *content_type).body(body.clone());
        }
        let exchange = async {
            let response = builder.send().await.map_err(|error| failure(&name, error))?;
            read(response, &name, request.limit, self.clock.now()).await
        };
        match timeout(request.timeout, Box::pin(exchange)).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::Server(CollectError::new(format!(
                "{name}: no answer within {}s",
                request.timeout.as_secs_f64()
            )))),
        }
    }

    fn client(&self, kind: Kind) -> Result<Client, CollectError> {
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get(&kind) {
            return Ok(client.clone());
        }
        let made = client(kind)?;
        if clients.len() < MOST_CLIENTS {
            clients.insert(kind, made.clone());
        }
        Ok(made)
    }
}

fn client(kind: Kind) -> Result<Client, CollectError> {
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(kind.connect_timeout)
        .pool_idle_timeout(Duration::from_secs(90))
        .user_agent(concat!("capstan/", env!("CARGO_PKG_VERSION")));
    if !kind.tls {
        // Small images have no certificates, and then only what needs them should fail.
        builder = builder.tls_certs_only([]);
    }
    if kind.guarded {
        builder = builder.dns_resolver(Arc::new(GuardedResolver));
    }
    builder.build().map_err(|error| {
        CollectError::new(format!(
            "no HTTP client: {}; certificates that are trusted come from the system, or the file that SSL_CERT_FILE names",
            chain(&error)
        ))
    })
}

/// Whose trouble it is when there is no answer.
#[derive(Debug)]
enum Trouble {
    /// The server's: others would fare no better.
    Server(CollectError),
    /// That of this question.
    Question(CollectError),
}

impl Trouble {
    fn into_error(self) -> CollectError {
        match self {
            Self::Server(error) | Self::Question(error) => error,
        }
    }
}

/// Seconds from `Retry-After`, which may also be a date.
fn retry_after(text: &str, now: Timestamp) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        u64::try_from(at.duration_since(now).as_secs()).ok()
    })
}

async fn read(mut response: Response, name: &str, limit: usize, now: Timestamp) -> Result<Answer, Trouble> {
    let status = response.status();
    let header = |wanted| {
        response
            .headers()
            .get(wanted)
            .and_then(|value| value.to_str().ok())
    };
    if status.is_redirection() {
        let to = header(LOCATION).map_or_else(|| "nowhere".to_owned(), |to| excerpt(to.as_bytes()));
        return Err(Trouble::Question(CollectError::new(format!(
            "{name}: answered {status} to {to}, and redirects are not followed; name the final address"
        ))));
    }
    let retry_after = header(RETRY_AFTER).and_then(|text| retry_after(text, now));

    let too_large = || {
        Trouble::Question(CollectError::new(format!(
            "{name}: the answer has more than {limit} bytes"
        )))
    };
    if response
        .content_length()
        .is_some_and(|length| length > limit as u64)
    {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(name, error))? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: status.as_u16(),
        body,
        retry_after,
        request: name.to_owned(),
    })
}

/// The URL is left out of the error, it may hold a password; the name says where it happened.
fn failure(name: &str, error: reqwest::Error) -> Trouble {
    let of_question = error.is_builder() || error.is_decode();
    let error = CollectError::new(format!("{name}: {}", chain(&error.without_url())));
    if of_question {
        Trouble::Question(error)
    } else {
        Trouble::Server(error)
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        let now: Timestamp = "2015-10-21T07:27:00Z".parse().unwrap();
        assert_eq!(retry_after(" 120 ", now), Some(120));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(60));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:20:00 GMT", now), None);
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn excerpts_are_short_and_on_one_line() {
        assert_eq!(excerpt(b" a\n  b\t"), "a b");
        let long = "é".repeat(5000);
        assert_eq!(excerpt(long.as_bytes()).chars().count(), EXCERPT + 1);
    }
}

//! An HTTP client for one server.

use std::error::Error as _;

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::BASE_PATH;
use crate::error::Error;
use crate::wire::{
    CreateTask, DebugVars, ErrorBody, LogLevel, ScriptWarning, Task, TaskList, UpdateTask, WARNING_HEADER,
};

/// The longest answer that is read. A page of 100 tasks with scripts, graphs and statistics is far below.
const MAX_ANSWER: usize = 64 << 20;

/// Talks to one server. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    base: Url,
    user: Option<(String, String)>,
    http: reqwest::Client,
}

/// The path of a task (H-11).
pub fn task_href(id: &str) -> String {
    format!("{BASE_PATH}/tasks/{id}")
}

impl Client {
    /// A client for the server at `url`. A user and password in it become basic authentication (C-02);
    /// `skip_verify` accepts any certificate (C-03).
    pub fn new(url: &str, skip_verify: bool) -> Result<Self, Error> {
        let mut base = Url::parse(url).map_err(|error| Error::Url(format!("parse \"{url}\": {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(Error::Url(format!(
                "Unsupported protocol scheme: {}, your address must start with http:// or https://",
                base.scheme()
            )));
        }
        let user = (!base.username().is_empty()).then(|| {
            (
                percent_decoded(base.username()),
                percent_decoded(base.password().unwrap_or_default()),
            )
        });
        // Both fail only for addresses without a host, which were refused above.
        let _ = base.set_username("");
        let _ = base.set_password(None);

        capstan_tls::install_provider();
        let mut http = reqwest::Client::builder()
            .user_agent("KapacitorClient")
            .tls_danger_accept_invalid_certs(skip_verify);
        if base.scheme() == "http" {
            // A machine without certificates can still talk plain HTTP, and reading them takes time.
            http = http.tls_certs_only([]);
        }
        if is_local(&base) {
            // As Go's client does: a proxy is never asked for this machine.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Error::Url(innermost(&error)))?;
        Ok(Self { base, user, http })
    }

    /// Makes a task (H-40).
    pub async fn create_task(&self, task: &CreateTask) -> Result<Task, Error> {
        let url = self.url(&format!("{BASE_PATH}/tasks"));
        self.defined(Method::POST, url, task).await
    }

    /// Reads a task (H-42). `replay` names a running replay to see it in, or is empty.
    pub async fn task(&self, href: &str, replay: &str) -> Result<Task, Error> {
        let mut url = self.url(href);
        url.query_pairs_mut()
            .append_pair("dot-view", "attributes")
            .append_pair("replay-id", replay)
            .append_pair("script-format", "formatted");
        self.json(Method::GET, url, None::<&()>).await
    }

    /// Changes a task (H-44).
    pub async fn update_task(&self, href: &str, update: &UpdateTask) -> Result<Task, Error> {
        self.defined(Method::PATCH, self.url(href), update).await
    }

    /// Deletes a task (H-48).
    pub async fn delete_task(&self, href: &str) -> Result<(), Error> {
        self.send(Method::DELETE, self.url(href), None::<&()>)
            .await
            .map(drop)
    }

    /// One page of the tasks whose id matches `pattern` (empty: all), with `fields` (none: all) (H-43, H-09).
    pub async fn list_tasks(
        &self,
        pattern: &str,
        fields: &[&str],
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Task>, Error> {
        let mut url = self.url(&format!("{BASE_PATH}/tasks"));
        {
            let mut query = url.query_pairs_mut();
            for field in fields {
                query.append_pair("fields", field);
            }
            query
                .append_pair("pattern", pattern)
                .append_pair("offset", &offset.to_string())
                .append_pair("limit", &limit.to_string());
        }
        let list: TaskList = self.json(Method::GET, url, None::<&()>).await?;
        Ok(list.tasks)
    }

    /// The server's counters (H-27).
    pub async fn debug_vars(&self) -> Result<DebugVars, Error> {
        self.json(
            Method::GET,
            self.url(&format!("{BASE_PATH}/debug/vars")),
            None::<&()>,
        )
        .await
    }

    /// The server's counters as the server prints them (C-50).
    pub async fn debug_vars_text(&self) -> Result<Vec<u8>, Error> {
        self.send(
            Method::GET,
            self.url(&format!("{BASE_PATH}/debug/vars")),
            None::<&()>,
        )
        .await
    }

    /// Sets the server's log level (H-26).
    pub async fn log_level(&self, level: &str) -> Result<(), Error> {
        let url = self.url(&format!("{BASE_PATH}/loglevel"));
        self.send(
            Method::POST,
            url,
            Some(&LogLevel {
                level: level.to_owned(),
            }),
        )
        .await
        .map(drop)
    }

    /// Asks whether the server answers (H-24).
    pub async fn ping(&self) -> Result<(), Error> {
        self.send(Method::GET, self.url(&format!("{BASE_PATH}/ping")), None::<&()>)
            .await
            .map(drop)
    }

    /// Reads any path of the API as JSON.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Error> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.json(Method::GET, url, None::<&()>).await
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        // A path is given decoded; `set_path` encodes everything but the percent sign.
        url.set_path(&path.replace('%', "%25"));
        url.set_query(None);
        url
    }

    /// Sends a definition; the answer is the task with the traps in its script.
    async fn defined<B: Serialize + Sync>(&self, method: Method, url: Url, body: &B) -> Result<Task, Error> {
        let (headers, bytes) = self.exchange(method, url, Some(body)).await?;
        let mut task: Task =
            serde_json::from_slice(&bytes).map_err(|error| Error::Decode(error.to_string()))?;
        task.warnings = headers
            .get_all(WARNING_HEADER)
            .iter()
            .filter_map(|value| ScriptWarning::from_header(value.to_str().ok()?))
            .collect();
        Ok(task)
    }

    async fn json<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<&B>,
    ) -> Result<T, Error> {
        let bytes = self.send(method, url, body).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Decode(error.to_string()))
    }

    async fn send<B: Serialize + Sync>(
        &self,
        method: Method,
        url: Url,
        body: Option<&B>,
    ) -> Result<Vec<u8>, Error> {
        self.exchange(method, url, body).await.map(|(_, bytes)| bytes)
    }

    /// Headers and body of a good answer.
    async fn exchange<B: Serialize + Sync>(
        &self,
        method: Method,
        url: Url,
        body: Option<&B>,
    ) -> Result<(HeaderMap, Vec<u8>), Error> {
        let shown = url.to_string();
        let failed = |error: &reqwest::Error| Error::Connect {
            method: capitalised(&method),
            url: shown.clone(),
            reason: innermost(error),
        };
        let mut request = self.http.request(method.clone(), url);
        if let Some((user, password)) = &self.user {
            request = request.basic_auth(user, Some(password));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(Error::Decode(format!(
                    "the answer is longer than {MAX_ANSWER} bytes"
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        if (200..300).contains(&status) {
            return Ok((headers, bytes));
        }
        match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(body) if !body.error.is_empty() => Err(Error::Server {
                status,
                message: body.error,
            }),
            _ => {
                bytes.truncate(1024);
                Err(Error::Response {
                    status,
                    body: String::from_utf8_lossy(&bytes).into_owned(),
                })
            }
        }
    }
}

fn is_local(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

/// `GET` as Go's client writes it in errors: `Get`.
fn capitalised(method: &Method) -> String {
    let mut text = method.as_str().to_ascii_lowercase();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// The deepest cause says what happened; what wraps it only says that a request was sent.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if let Some(io) = cause.downcast_ref::<std::io::Error>()
        && io.kind() == std::io::ErrorKind::ConnectionRefused
    {
        return "connect: connection refused".to_owned();
    }
    if error.source().is_none() {
        error.to_string()
    } else {
        cause.to_string()
    }
}

/// Percent-decodes a part of a URL; bytes that are no UTF-8 are replaced.
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .filter(|_| bytes[at] == b'%');
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_are_accepted() {
        for url in ["localhost:9092", "ftp://localhost", "::", ""] {
            assert!(matches!(Client::new(url, false), Err(Error::Url(_))), "{url}");
        }
    }

    #[test]
    fn credentials_leave_the_address() {
        let client = Client::new("http://bob:s%20cret@localhost:9092", true).unwrap();
        assert_eq!(client.user, Some(("bob".to_owned(), "s cret".to_owned())));
        assert_eq!(
            client.url("/kapacitor/v1/tasks/a?b%").as_str(),
            "http://localhost:9092/kapacitor/v1/tasks/a%3Fb%25"
        );
    }

    #[tokio::test]
    async fn a_refused_connection_says_what_was_asked() {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let client = Client::new(&format!("http://{free}"), false).unwrap();
        let error = client.ping().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Get \"http://{free}/kapacitor/v1/ping\": connect: connection refused")
        );
    }
}

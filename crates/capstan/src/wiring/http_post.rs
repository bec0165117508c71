//! `httpPost`'s port onto HTTP, with the configured endpoints (S-42).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use capstan_config::Settings;
use capstan_flow::ports::{HttpPost, PostAnswer, PostEndpoint, PostRequest, PostSink, RowTemplate};
use capstan_runtime::Shutdown;
use tokio::runtime::Handle;

/// How long a request may take when the script sets no limit; Kapacitor waits for ever.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of an answer that is no success is told.
const MAX_CAPTURED: usize = 16 << 10;

/// Posts with one client for all tasks.
#[derive(Debug)]
pub(crate) struct Poster {
    client: reqwest::Client,
    endpoints: BTreeMap<String, PostEndpoint>,
    runtime: Handle,
    shutdown: Shutdown,
}

impl Poster {
    /// # Errors
    /// A template file cannot be read, or the system's certificates.
    pub(crate) fn new(settings: &Settings, shutdown: Shutdown) -> Result<Self> {
        capstan_tls::install_provider();
        Ok(Self {
            client: reqwest::Client::builder()
                .build()
                .context("the HTTP client cannot be made")?,
            endpoints: endpoints(settings)?,
            runtime: Handle::current(),
            shutdown,
        })
    }
}

/// The configured endpoints as nodes see them.
pub(crate) fn endpoints(settings: &Settings) -> Result<BTreeMap<String, PostEndpoint>> {
    let mut endpoints = BTreeMap::new();
    for section in &settings.httppost {
        let file = &section.row_template_file;
        let row_template = if !section.row_template.is_empty() {
            Some(RowTemplate {
                text: section.row_template.clone(),
                functions: true,
            })
        } else if file.is_empty() {
            None
        } else {
            let text = std::fs::read_to_string(file);
            Some(RowTemplate {
                text: text.with_context(|| format!("failed to read template file {file:?}"))?,
                functions: false,
            })
        };
        let auth = &section.basic_auth;
        let endpoint = PostEndpoint {
            url: section.url.clone(),
            headers: section.headers.clone().into_iter().collect(),
            basic_auth: (!auth.username.is_empty() && !auth.password.is_empty())
                .then(|| (auth.username.clone(), auth.password.clone())),
            row_template,
        };
        endpoints.insert(section.endpoint.clone(), endpoint);
    }
    Ok(endpoints)
}

impl HttpPost for Poster {
    fn endpoint(&self, name: &str) -> Option<PostEndpoint> {
        self.endpoints.get(name).cloned()
    }

    fn post(&self, request: PostRequest, sink: PostSink) {
        let client = self.client.clone();
        let _guard = self.runtime.enter();
        let shutdown = self.shutdown.clone();
        capstan_runtime::spawn("http post", async move {
            tokio::select! {
                answer = send(&client, request) => sink(answer),
                () = shutdown.raised() => {}
            }
        });
    }
}

async fn send(client: &reqwest::Client, request: PostRequest) -> Result<PostAnswer, String> {
    let mut headers = reqwest::header::HeaderMap::new();
    for (name, value) in &request.headers {
        let name = reqwest::header::HeaderName::try_from(name)
            .map_err(|_| format!("invalid header name {name:?}"))?;
        let value = reqwest::header::HeaderValue::try_from(value)
            .map_err(|_| format!("invalid value of header {name}"))?;
        headers.insert(name, value);
    }
    let mut post = client
        .post(&request.url)
        .headers(headers)
        .timeout(request.timeout.unwrap_or(PATIENCE))
        .body(request.body);
    if let Some((user, password)) = &request.basic_auth {
        post = post.basic_auth(user, Some(password));
    }
    let mut response = post.send().await.map_err(|error| innermost(&error))?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    if request.capture && !response.status().is_success() {
        while body.len() < MAX_CAPTURED
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(MAX_CAPTURED);
    }
    Ok(PostAnswer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// The cause at the bottom, which says most, without the URL and what it may hold.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the request took too long".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

//! Events over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use capstan_alert::{Event, HandlerSpec};
use capstan_gocompat::template::{Functions, Template};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::data;
use crate::options::Endpoint;
use crate::queue::{Failure, Send1, Sending};

/// How long a request may take when nothing else is said; Kapacitor waits for ever.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of an answer that is no success is told.
const MAX_CAPTURED: usize = 16 << 10;

/// Posts to one URL or endpoint.
#[derive(Debug)]
pub(crate) struct Post {
    client: reqwest::Client,
    url: Template,
    headers: HeaderMap,
    basic_auth: Option<(String, String)>,
    body: Option<Template>,
    capture: bool,
    timeout: Duration,
}

impl Post {
    pub(crate) fn new(spec: &HandlerSpec, endpoints: &BTreeMap<String, Endpoint>) -> Result<Self, String> {
        let refuse =
            |error: &dyn std::fmt::Display| format!("failed to create HTTPPostService.Handler: {error}");
        let url = spec.text("url");
        let inline = Endpoint {
            url: url.to_owned(),
            ..Endpoint::default()
        };
        // compat: an endpoint that does not exist is forgiven when there is a URL.
        let endpoint = match endpoints.get(spec.text("endpoint")) {
            Some(endpoint) => endpoint,
            None if url.is_empty() => {
                return Err(refuse(
                    &"An appropriately formatted url must be specified if an endpoint is not specified",
                ));
            }
            None => &inline,
        };
        let parse = |text: &str, functions: bool| {
            let functions = if functions {
                data::functions()
            } else {
                Functions::new()
            };
            Template::parse("body", text, &functions)
                .map_err(|error| refuse(&format!("failed to parse template: {error}")))
        };
        let own = spec
            .options
            .get("headers")
            .and_then(|headers| headers.as_object());
        let own = own.into_iter().flatten();
        let own = own.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let common = endpoint
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut headers = HeaderMap::new();
        for (name, value) in common.chain(own) {
            let name =
                HeaderName::try_from(name).map_err(|_| refuse(&format!("invalid header name {name:?}")))?;
            let value = HeaderValue::try_from(value)
                .map_err(|_| refuse(&format!("invalid value of header {name}")))?;
            headers.insert(name, value);
        }
        capstan_tls::install_provider();
        let client = reqwest::Client::builder()
            .user_agent("KapacitorAlert")
            .tls_danger_accept_invalid_certs(spec.flag("skip-ssl-verification"))
            .build()
            .map_err(|error| refuse(&error))?;
        Ok(Self {
            client,
            url: parse(&endpoint.url, true)?,
            headers,
            basic_auth: endpoint.basic_auth.clone(),
            body: endpoint
                .alert_template
                .as_ref()
                .map(|template| parse(&template.text, template.functions))
                .transpose()?,
            capture: spec.flag("capture-response"),
            timeout: u64::try_from(spec.duration("timeout"))
                .ok()
                .filter(|nanos| *nanos > 0)
                .map_or(PATIENCE, Duration::from_nanos),
        })
    }

    async fn post(&self, event: &Event) -> Result<(), Failure> {
        let data = data::alert(event);
        let url = self
            .url
            .execute(&data)
            .map_err(|error| Failure::lasting(format!("failed to execute url template: {error}")))?;
        let mut headers = self.headers.clone();
        let body = if let Some(template) = &self.body {
            template
                .execute(&data)
                .map_err(|error| Failure::lasting(format!("failed to execute alert template: {error}")))?
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            event.to_json() + "\n"
        };
        let mut request = self
            .client
            .post(&url)
            .headers(headers)
            .body(body)
            .timeout(self.timeout);
        if let Some((user, password)) = &self.basic_auth {
            request = request.basic_auth(user, Some(password));
        }
        let response = request.send().await.map_err(|error| {
            let text = format!("failed to POST alert data: {}", innermost(&error));
            if error.is_builder() {
                Failure::lasting(text)
            } else {
                Failure::passing(text)
            }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let why = if self.capture {
            captured(response).await
        } else {
            "unknown error, use .captureResponse() to capture the HTTP response".to_owned()
        };
        let text = format!("POST returned non 2xx status code {}: {why}", status.as_u16());
        Err(if status.is_server_error() || status.as_u16() == 429 {
            Failure::passing(text)
        } else {
            Failure::lasting(text)
        })
    }
}

impl Send1 for Post {
    fn send<'a>(&'a self, event: &'a Event) -> Sending<'a> {
        Box::pin(self.post(event))
    }
}

/// The beginning of an answer.
async fn captured(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_CAPTURED.saturating_sub(body.len());
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_CAPTURED {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// The cause that says most, without the URL, which may hold a secret.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        cause.to_string()
    }
}

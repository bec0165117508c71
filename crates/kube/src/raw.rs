//! Requests whose answers the caller reads itself, and clients that call a service in this process.

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use tokio::time::timeout;

use crate::connect::{Cluster, REQUEST_TIMEOUT};
use crate::error::{Error, Reason};

/// The largest answer that is read.
const MAX_ANSWER: usize = 256 << 20;

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub code: u16,
    /// The body.
    pub body: String,
}

/// What to send.
#[derive(Debug, Clone, Default)]
pub struct Message<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// What is understood; JSON if empty.
    pub accept: &'a str,
    /// Of the body; empty for none.
    pub content_type: &'a str,
    /// The body.
    pub body: Vec<u8>,
}

impl<'a> Message<'a> {
    /// A GET that wants JSON.
    pub fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            ..Self::default()
        }
    }

    /// A request with a JSON body.
    pub fn json(method: &'a str, path: &'a str, body: Vec<u8>) -> Self {
        Self {
            method,
            path,
            content_type: "application/json",
            body,
            ..Self::default()
        }
    }

    fn request(&self) -> Result<Request<Body>, Error> {
        let accept = if self.accept.is_empty() {
            "application/json"
        } else {
            self.accept
        };
        let mut builder = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(http::header::ACCEPT, accept);
        if !self.content_type.is_empty() {
            builder = builder.header(http::header::CONTENT_TYPE, self.content_type);
        }
        builder
            .body(Body::from(self.body.clone()))
            .map_err(|error| Error::new(Reason::Other, error.to_string()))
    }
}

impl Cluster {
    /// A cluster whose API is a service in this process, such as a router; requests carry the bearer token.
    ///
    /// # Errors
    /// When the token cannot stand in a header.
    pub fn in_process<S, B>(id: &str, namespace: &str, service: S, token: &str) -> Result<Self, Error>
    where
        S: tower::Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<tower::BoxError>,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<tower::BoxError>,
    {
        let token = http::HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|error| Error::config("token", &error))?;
        let service = tower::util::MapRequest::new(service, move |mut request: Request<Body>| {
            request
                .headers_mut()
                .insert(http::header::AUTHORIZATION, token.clone());
            request
        });
        Ok(Self::with_client(id, namespace, Client::new(service, namespace)))
    }

    /// Sends a request to the server that answered last, or the next one if it cannot be reached, and gives the answer
    /// whatever it says.
    ///
    /// # Errors
    /// When no server answers.
    pub async fn send(&self, message: &Message<'_>) -> Result<Reply, Error> {
        let mut last = Error::new(Reason::Unavailable, "no API server is configured");
        for (at, client) in self.candidates() {
            let request = message.request()?;
            match timeout(REQUEST_TIMEOUT, answer(&client, request)).await {
                Ok(Ok(reply)) => {
                    self.answered(at);
                    return Ok(reply);
                }
                Ok(Err(error)) => last = error,
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

async fn answer(client: &Client, request: Request<Body>) -> Result<Reply, Error> {
    let response = client
        .send(request)
        .await
        .map_err(|error| Error::of_call(&error, "", "", ""))?;
    let code = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await
        .map_err(|error| Error::new(Reason::Unavailable, error.to_string()))?;
    Ok(Reply {
        code,
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn answers_of_a_service_in_process_come_as_they_are() {
        let service = tower::service_fn(|request: Request<Body>| async move {
            let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
            let text = format!("{} {} {authorization}", request.method(), request.uri());
            let response = Response::builder()
                .status(418)
                .body(Body::from(text.into_bytes()));
            Ok::<_, Infallible>(response.unwrap())
        });
        let cluster = Cluster::in_process("test", "default", service, "secret").unwrap();
        let reply = cluster.send(&Message::get("/apis?x=%2A")).await.unwrap();
        assert_eq!(
            (reply.code, reply.body.as_str()),
            (418, "GET /apis?x=%2A Bearer secret")
        );
    }
}

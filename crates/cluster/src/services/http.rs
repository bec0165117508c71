//! Balancing the requests of kept-alive HTTP/1 connections one by one, so that a new pod gets its share at once and a
//! leaving pod is left after its last answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use capstan_runtime::{Shutdown, spawn};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty, Full, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::listener::dial;
use super::route::{Endpoint, InFlight, Route};

/// What is sent to an endpoint.
pub(super) type ProxyBody = Incoming;
type AnswerBody = BoxBody<Bytes, hyper::Error>;

/// How long a client may take to send a request's head, and to stay silent between requests.
const HEAD: Duration = Duration::from_mins(2);
/// Headers that belong to one connection (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
];

/// Serves one client connection until it closes or `stop` is raised; a request that is being answered then ends first.
pub(super) async fn serve(stream: TcpStream, route: Arc<Route>, stop: &Shutdown) {
    let service = service_fn(move |request| {
        let route = Arc::clone(&route);
        async move { Ok::<_, Infallible>(forward(request, &route).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .preserve_header_case(true)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.raised() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = capstan_runtime::sleep(Duration::from_secs(1)) => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "client connection ended");
    }
}

async fn forward(mut request: Request<Incoming>, route: &Route) -> Response<AnswerBody> {
    let upgrade = request.headers().contains_key(header::UPGRADE);
    let client = upgrade.then(|| hyper::upgrade::on(&mut request));
    let upgrade_to = request.headers().get(header::UPGRADE).cloned();
    strip(request.headers_mut());
    if let Some(protocol) = upgrade_to {
        request
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(header::UPGRADE, protocol);
    }
    *request.version_mut() = Version::HTTP_11;
    let mut last = None;
    let mut tried = false;
    for endpoint in route.in_turn() {
        tried = true;
        let in_flight = endpoint.enter();
        // A kept connection may have been closed by the pod meanwhile; then the request comes back unsent.
        while let Some(mut sender) = endpoint.take_connection() {
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => return answer(response, sender, endpoint, in_flight, client),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return failed(route, &error.into_error()),
                },
            }
        }
        let mut sender = match open(&endpoint).await {
            Ok(sender) => sender,
            Err(error) => {
                tracing::debug!(service = route.name, endpoint = %endpoint.address, error, "endpoint refused");
                last = Some(error);
                continue;
            }
        };
        match sender.try_send_request(request).await {
            Ok(response) => return answer(response, sender, endpoint, in_flight, client),
            Err(mut error) => match error.take_message() {
                Some(unsent) => {
                    request = unsent;
                    last = Some(error.into_error().to_string());
                }
                None => return failed(route, &error.into_error()),
            },
        }
    }
    let text = match last {
        Some(error) => format!("no endpoint of service {} answers: {error}\n", route.name),
        None if tried => format!("no endpoint of service {} answers\n", route.name),
        None => format!("service {} has no ready endpoints\n", route.name),
    };
    plain(StatusCode::SERVICE_UNAVAILABLE, text)
}

async fn open(endpoint: &Endpoint) -> Result<SendRequest<ProxyBody>, String> {
    let stream = dial(endpoint.address).await.map_err(|error| error.to_string())?;
    let (sender, connection) = hyper::client::conn::http1::Builder::new()
        .preserve_header_case(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // Ends when the sender is dropped and the last answer was read.
    spawn("endpoint connection", async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::trace!(%error, "endpoint connection ended");
        }
    });
    Ok(sender)
}

fn answer(
    mut response: Response<Incoming>,
    sender: SendRequest<ProxyBody>,
    endpoint: Arc<Endpoint>,
    in_flight: InFlight,
    client: Option<hyper::upgrade::OnUpgrade>,
) -> Response<AnswerBody> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        if let Some(client) = client {
            let server = hyper::upgrade::on(&mut response);
            spawn("upgraded connection", async move {
                if let (Ok(client), Ok(server)) = tokio::join!(client, server) {
                    let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        () = endpoint.left.raised() => {}
                    }
                }
                drop((in_flight, sender));
            });
        }
        return response.map(|_| Empty::new().map_err(|never: Infallible| match never {}).boxed());
    }
    strip(response.headers_mut());
    response.map(|inner| {
        AnswerBodyOf {
            inner,
            ended: false,
            keep: Some((sender, endpoint)),
            _in_flight: in_flight,
        }
        .boxed()
    })
}

/// Removes what concerns only the connection it came by, including what `Connection` names.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    headers.remove(header::UPGRADE);
}

fn failed(route: &Route, error: &hyper::Error) -> Response<AnswerBody> {
    tracing::debug!(service = route.name, %error, "request failed at its endpoint");
    plain(
        StatusCode::BAD_GATEWAY,
        format!("service {}: {error}\n", route.name),
    )
}

fn plain(status: StatusCode, text: String) -> Response<AnswerBody> {
    let body = Full::new(Bytes::from(text))
        .map_err(|never: Infallible| match never {})
        .boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// An answer on its way to the client. When it was read to its end the connection to the endpoint is kept.
struct AnswerBodyOf {
    inner: Incoming,
    ended: bool,
    keep: Option<(SendRequest<ProxyBody>, Arc<Endpoint>)>,
    _in_flight: InFlight,
}

impl Body for AnswerBodyOf {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(None) = frame {
            self.ended = true;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for AnswerBodyOf {
    fn drop(&mut self) {
        if (self.ended || self.inner.is_end_stream())
            && let Some((sender, endpoint)) = self.keep.take()
        {
            endpoint.keep_connection(sender);
        }
    }
}

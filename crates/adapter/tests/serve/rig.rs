//! A server with its API, its clock, and clients of several authorities.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use capstan_adapter::serve::{Options, Server};
use capstan_base::{SharedClock, VirtualClock};
use capstan_kubeapi::{Format, Quantity};
use capstan_metrics::{GroupResource, Labels, Owner, Sample, Series, Store};
use capstan_runtime::Shutdown;
use capstan_tls::{Authority, Identity};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;

use crate::api::Api;

/// 2026-01-01T00:00:00Z.
pub(crate) const NEW_YEAR: i64 = 1_767_225_600_000_000_000;
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Rig {
    pub(crate) api: Api,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) store: Arc<Store>,
    pub(crate) server: Server,
    /// Of the front proxy.
    pub(crate) proxy: Authority,
    /// Of users.
    pub(crate) clients: Authority,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) fn authority(name: &str) -> Authority {
    Authority::generate(name, 100, VirtualClock::at(NEW_YEAR).as_ref()).unwrap()
}

pub(crate) fn trust(proxy: &Authority, clients: &Authority) -> Value {
    json!({
        "client-ca-file": clients.certificate_pem(),
        "requestheader-client-ca-file": proxy.certificate_pem(),
        "requestheader-allowed-names": "[\"front-proxy-client\"]",
        "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
        "requestheader-group-headers": "[\"X-Remote-Group\"]",
        "requestheader-username-headers": "[\"X-Remote-User\"]",
    })
}

pub(crate) fn sample(clock: &VirtualClock, value: i64) -> Sample {
    use capstan_base::Clock;
    Sample {
        value: Quantity::from_value(value, Format::DecimalSI),
        at: clock.now(),
        window: None,
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect()
}

pub(crate) fn external(metric: &str, pairs: &[(&str, &str)]) -> Series {
    Series::External {
        metric: metric.to_owned(),
        namespace: "default".to_owned(),
        labels: labels(pairs),
    }
}

pub(crate) fn object(resource: &str, kind: &str, namespace: &str, name: &str, metric: &str) -> Series {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    Series::Object {
        metric: metric.to_owned(),
        resource: GroupResource::new(group, plural),
        api_version: if group.is_empty() {
            "v1".to_owned()
        } else {
            format!("{group}/v1")
        },
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        labels: Labels::new(),
    }
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let api = Api::new();
        let (proxy, clients) = (authority("proxy-ca"), authority("client-ca"));
        api.trust(trust(&proxy, &clients));
        let clock = VirtualClock::at(NEW_YEAR);
        let shared = Arc::clone(&clock) as SharedClock;
        let store = Arc::new(Store::new(Arc::clone(&shared)));
        let mut options = Options {
            bind: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..Options::default()
        };
        change(&mut options);
        let server = Server::start(
            options,
            Arc::clone(&store),
            api.cluster(),
            shared,
            Shutdown::new(),
        )
        .await
        .unwrap();
        let rig = Self {
            api,
            clock,
            store,
            server,
            proxy,
            clients,
        };
        rig.until("the config map is read", || rig.server.settled()).await;
        rig
    }

    pub(crate) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let waiting = async {
            while !holds() {
                capstan_runtime::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting)
            .await
            .unwrap_or_else(|_| panic!("never: {what}"));
    }

    pub(crate) fn publish(&self, owner: u64, series: Series, value: i64) {
        let series = vec![(series, sample(&self.clock, value))];
        self.store
            .publish(Owner(owner), series, Duration::from_mins(15), None);
    }

    /// The front proxy's certificate.
    pub(crate) fn front(&self) -> Identity {
        self.client(&self.proxy, "front-proxy-client")
    }

    pub(crate) fn client(&self, authority: &Authority, name: &str) -> Identity {
        authority
            .issue_client(name, None, 50, self.clock.as_ref())
            .unwrap()
    }

    pub(crate) async fn get(
        &self,
        identity: Option<&Identity>,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        self.send("GET", identity, path, headers).await
    }

    /// As the front proxy, on somebody's behalf.
    pub(crate) async fn get_as(&self, user: &str, path: &str) -> Reply {
        let headers = [
            ("x-remote-user", user),
            ("accept", "application/vnd.kubernetes.protobuf, */*"),
        ];
        self.get(Some(&self.front()), path, &headers).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        identity: Option<&Identity>,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut connection = self.connect(identity).await;
        connection.send(method, path, headers).await
    }

    /// Over HTTP/2, as an aggregator written in Go speaks.
    pub(crate) async fn get_http2(
        &self,
        identity: &Identity,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Vec<Reply> {
        let config = capstan_tls::unverified_client_config(Some(identity)).unwrap();
        let mut config = (*config).clone();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = tokio::net::TcpStream::connect(self.server.address().unwrap())
            .await
            .unwrap();
        let name = "kube-metrics-adapter.kube-system.svc".try_into().unwrap();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        capstan_runtime::spawn("client", async move {
            let _ = connection.await;
        });
        let several = (0..10).map(|_| {
            let mut sender = sender.clone();
            let mut request = http::Request::get(format!("https://localhost{path}"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
            async move { read(sender.send_request(request).await.unwrap()).await }
        });
        futures::future::join_all(several).await
    }

    pub(crate) async fn connect(&self, identity: Option<&Identity>) -> Connection {
        // The server's clock stands still in the past, by which the client's TLS library cannot verify.
        let config = capstan_tls::unverified_client_config(identity).unwrap();
        let stream = tokio::net::TcpStream::connect(self.server.address().unwrap())
            .await
            .unwrap();
        let name = "kube-metrics-adapter.kube-system.svc".try_into().unwrap();
        let stream = TlsConnector::from(config).connect(name, stream).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        capstan_runtime::spawn("client", async move {
            let _ = connection.await;
        });
        Connection(sender)
    }
}

pub(crate) struct Connection(hyper::client::conn::http1::SendRequest<Empty<bytes::Bytes>>);

impl Connection {
    pub(crate) async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).unwrap();
        let response = self.0.send_request(request).await.unwrap();
        read(response).await
    }
}

async fn read(response: http::Response<hyper::body::Incoming>) -> Reply {
    let code = response.status().as_u16();
    let kind = response
        .headers()
        .get("content-type")
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Reply {
        code,
        kind,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

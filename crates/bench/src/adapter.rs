//! Load on the metrics APIs: a server in this process, an embedded cluster that decides who may ask, and keep-alive TLS
//! connections that claim, as the front proxy does, to be the controller of HPAs.
//!
//! Every HPA has one External metric, as kube-metrics-adapter's users write it: `prometheus-query`, selected by the label
//! `query-name`. Every answer's value is compared with the one that was published.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use capstan_adapter::serve::{Fixed, Options, RequestHeader, Server};
use capstan_base::SharedClock;
use capstan_cluster::Cluster;
use capstan_kubeapi::{Format, Quantity};
use capstan_metrics::{Labels, Owner, Sample, Series, Store};
use capstan_runtime::Shutdown;
use capstan_tls::{Authority, Identity};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::Error;
use crate::process::Process;

/// Different queries.
pub const QUERIES: usize = 200;
/// HPAs of one namespace.
const PER_NAMESPACE: usize = 100;
/// Who asks.
const USER: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";
/// Before this, connections are made and decisions remembered.
const WARM_UP: Duration = Duration::from_secs(2);

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub hpas: usize,
    pub queries: usize,
    pub connections: usize,
    pub seconds: f64,
    pub gets_per_second: f64,
    /// From sending a request to having its whole answer, in milliseconds.
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Cores in use, by the server, the cluster and the clients together.
    pub cores: f64,
    /// Memory that the values took, per HPA.
    pub bytes_per_hpa: f64,
    /// Resident at the end, with cluster and clients.
    pub resident_bytes: u64,
}

impl Figures {
    /// Lines for people.
    pub fn text(&self) -> String {
        format!(
            "{} HPAs, {} queries, {} TLS connections, {:.0} s: {:.0} GET/s, p50 {:.3} ms, p99 {:.3} ms\n\
             {:.2} cores with the clients, {:.2} KB of values per HPA, {:.0} MB resident",
            self.hpas,
            self.queries,
            self.connections,
            self.seconds,
            self.gets_per_second,
            self.p50_ms,
            self.p99_ms,
            self.cores,
            self.bytes_per_hpa / 1e3,
            self.resident_bytes as f64 / 1e6,
        )
    }
}

fn setup(error: impl std::fmt::Display) -> Error {
    Error::Setup(error.to_string())
}

/// Publishes the metrics of so many HPAs and asks for them over so many connections for so long.
pub async fn measure(
    hpas: usize,
    connections: usize,
    length: Duration,
    clock: &SharedClock,
    said: impl Fn(&str),
) -> Result<Figures, Error> {
    let this = Process {
        pid: std::process::id(),
    };
    let folder = tempfile::tempdir().map_err(setup)?;
    let mut options = capstan_cluster::Options::new(folder.path());
    options.bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let cluster = Cluster::start(options).await.map_err(setup)?;
    let client =
        capstan_kube::Cluster::in_process("bench", "default", cluster.router(), cluster.admin_token())
            .map_err(setup)?;

    said(&format!("{hpas} HPAs of {QUERIES} queries"));
    let store = Arc::new(Store::new(Arc::clone(clock)));
    let before = this.memory()?.resident;
    for hpa in 0..hpas {
        publish(&store, hpa, clock);
    }
    let values = this.memory()?.resident.saturating_sub(before);

    let proxy = Authority::generate("front-proxy", 1, clock.as_ref()).map_err(setup)?;
    let identity = proxy
        .issue_client("front-proxy-client", None, 1, clock.as_ref())
        .map_err(setup)?;
    let options = Options {
        bind: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        fixed: Fixed {
            request_header: Some(RequestHeader {
                authority: proxy.certificate_pem().to_owned(),
                allowed_names: vec!["front-proxy-client".to_owned()],
                ..RequestHeader::default()
            }),
            ..Fixed::default()
        },
        lookup: false,
        ..Options::default()
    };
    let shutdown = Shutdown::new();
    let server = Server::start(
        options,
        store,
        Arc::new(client),
        Arc::clone(clock),
        shutdown.clone(),
    )
    .await
    .map_err(setup)?;

    said(&format!("{connections} connections ask"));
    let (begin, stop) = (Arc::new(Notify::new()), Shutdown::new());
    let mut asking = Vec::new();
    for number in 0..connections {
        let connection = Connection::open(&server, &identity).await?;
        let (begin, stop, clock) = (Arc::clone(&begin), stop.clone(), Arc::clone(clock));
        let (send, receive) = tokio::sync::oneshot::channel();
        capstan_runtime::spawn("asking", async move {
            let asked = connection
                .ask(number * hpas / connections.max(1), hpas, &begin, &stop, &clock)
                .await;
            // Nobody waits when another one failed.
            let _ = send.send(asked);
        });
        asking.push(receive);
    }
    capstan_runtime::sleep(WARM_UP).await;
    let (began, cpu) = (clock.monotonic(), this.cpu()?);
    begin.notify_waiters();
    capstan_runtime::sleep(length).await;
    let took = clock.monotonic().saturating_sub(began).as_secs_f64();
    let used = this.cpu()?.saturating_sub(cpu).as_secs_f64();
    stop.raise();
    let mut latencies: Vec<u32> = Vec::new();
    for receive in asking {
        latencies.extend(receive.await.map_err(setup)??);
    }
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = (latencies.len() as f64 * share) as usize;
        latencies
            .get(index.min(latencies.len().saturating_sub(1)))
            .map_or(f64::NAN, |micros| f64::from(*micros) / 1e3)
    };
    let figures = Figures {
        hpas,
        queries: QUERIES,
        connections,
        seconds: took,
        gets_per_second: latencies.len() as f64 / took,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        cores: used / took,
        bytes_per_hpa: values as f64 / hpas.max(1) as f64,
        resident_bytes: this.memory()?.resident,
    };
    server.stop();
    cluster.shutdown().await;
    Ok(figures)
}

/// The value of an HPA's metric.
fn value(hpa: usize) -> String {
    format!("{}m", hpa * 10 + 1)
}

fn publish(store: &Store, hpa: usize, clock: &SharedClock) {
    let series = Series::External {
        metric: "prometheus-query".to_owned(),
        namespace: format!("bench-{}", hpa / PER_NAMESPACE),
        labels: Labels::from_iter([("query-name".to_owned(), format!("q{}", hpa % QUERIES).into())]),
    };
    let sample = Sample {
        value: Quantity::from_milli((hpa * 10 + 1) as i64, Format::DecimalSI),
        at: clock.now(),
        window: None,
    };
    store.publish(
        Owner(hpa as u64),
        vec![(series, sample)],
        Duration::from_hours(1),
        None,
    );
}

struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    request: String,
}

impl Connection {
    async fn open(server: &Server, identity: &Identity) -> Result<Self, Error> {
        let address = server
            .address()
            .ok_or_else(|| setup("the server does not listen"))?;
        let authority = server
            .authority()
            .ok_or_else(|| setup("the server has no authority"))?;
        let tls = capstan_tls::client_config(authority, Some(identity)).map_err(setup)?;
        let stream = TcpStream::connect(address).await.map_err(setup)?;
        stream.set_nodelay(true).map_err(setup)?;
        let name = rustls_name("localhost")?;
        let stream = TlsConnector::from(tls)
            .connect(name, stream)
            .await
            .map_err(setup)?;
        Ok(Self {
            stream,
            buffer: vec![0; 16 * 1024],
            request: String::with_capacity(512),
        })
    }

    /// Asks for one HPA's metric after the other until told to stop; gives microseconds of those after `begin`.
    async fn ask(
        mut self,
        first: usize,
        hpas: usize,
        begin: &Notify,
        stop: &Shutdown,
        clock: &SharedClock,
    ) -> Result<Vec<u32>, Error> {
        let mut latencies = Vec::new();
        let mut measuring = false;
        let begun = begin.notified();
        tokio::pin!(begun);
        begun.as_mut().enable();
        let mut hpa = first;
        while !stop.is_raised() {
            if !measuring {
                // Looked at without waiting.
                measuring = futures::poll!(begun.as_mut()).is_ready();
            }
            let began = clock.monotonic();
            self.get(hpa % hpas).await?;
            if measuring {
                let took = clock.monotonic().saturating_sub(began).as_micros();
                latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
            }
            // A step that meets all namespaces and queries.
            hpa += 7919;
        }
        Ok(latencies)
    }

    async fn get(&mut self, hpa: usize) -> Result<(), Error> {
        self.request.clear();
        // Writing to a text cannot fail.
        let _ = write!(
            self.request,
            "GET /apis/external.metrics.k8s.io/v1beta1/namespaces/bench-{}/prometheus-query?labelSelector=query-name%3Dq{} \
             HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.kubernetes.protobuf, */*\r\nX-Remote-User: {USER}\r\n\
             X-Remote-Group: system:serviceaccounts\r\nX-Remote-Group: system:serviceaccounts:kube-system\r\n\
             X-Remote-Group: system:authenticated\r\n\r\n",
            hpa / PER_NAMESPACE,
            hpa % QUERIES
        );
        let lost = |reason: String| Error::Output(format!("GET of HPA {hpa}: {reason}"));
        self.stream
            .write_all(self.request.as_bytes())
            .await
            .map_err(|error| lost(error.to_string()))?;
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[length..]).await;
            let read = read.map_err(|error| lost(error.to_string()))?;
            if read == 0 {
                return Err(lost("the connection or the buffer ended".to_owned()));
            }
            length += read;
            let text =
                std::str::from_utf8(&self.buffer[..length]).map_err(|error| lost(error.to_string()))?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let size: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .and_then(|size| size.parse().ok())
                .ok_or_else(|| lost(format!("no length: {head}")))?;
            if body.len() < size {
                continue;
            }
            let wanted = format!("\"value\":\"{}\"}}]}}", value(hpa));
            if !head.starts_with("HTTP/1.1 200") || !body.trim_end().ends_with(&wanted) {
                return Err(lost(format!("expected {wanted}, got {text}")));
            }
            return Ok(());
        }
    }
}

fn rustls_name(name: &'static str) -> Result<tokio_rustls::rustls::pki_types::ServerName<'static>, Error> {
    name.try_into().map_err(setup)
}

#[cfg(test)]
mod tests {
    use capstan_base::SystemClock;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_short_measurement_has_figures_and_right_answers() {
        let clock = SystemClock::shared();
        let figures = measure(300, 2, Duration::from_millis(300), &clock, |_| {})
            .await
            .unwrap();
        assert!(figures.gets_per_second > 0.0, "{figures:?}");
        assert!(figures.p50_ms <= figures.p99_ms, "{figures:?}");
    }
}

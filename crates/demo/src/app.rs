//! The tutorial's example app. Every GET is answered with `Current request count N`; once a second the running total
//! goes out as one point `requests,host=…,replicaset=… value=Ni`. Prometheus finds the same total at `/metrics`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use capstan_base::SharedClock;
use capstan_runtime::Shutdown;
use http::header::CONTENT_TYPE;
use tokio::net::TcpListener;

/// Where in its second an app posts. Posts that all stand well inside a second are truncated to that second, however
/// much the sending jitters; two in one second would lose the difference between them (N-72).
const PHASE: Duration = Duration::from_millis(400);

/// A point that cannot be delivered by then is of no use any more.
const POST_TIMEOUT: Duration = Duration::from_secs(2);

const SECOND: u64 = 1_000_000_000;

/// The content type of Prometheus' text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the app needs to know of its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppOptions {
    pub listen: SocketAddr,
    /// The tag `host`: the pod's name.
    pub host: String,
    /// The tag `replicaset` (`APP_REPLICASET`).
    pub replicaset: String,
    /// Where points go (`APP_INFLUXDB_URL`); empty: nowhere.
    pub report_url: String,
}

impl AppOptions {
    /// Options from a pod's environment: `HOSTNAME`, `APP_REPLICASET`, `APP_INFLUXDB_URL`.
    pub fn from_env(listen: SocketAddr, env: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| env.get(name).cloned().unwrap_or_default();
        Self {
            listen,
            host: get("HOSTNAME"),
            replicaset: get("APP_REPLICASET"),
            report_url: get("APP_INFLUXDB_URL"),
        }
    }
}

/// A running app.
#[derive(Debug)]
pub struct App {
    /// Where it listens; the port is the one it got when 0 was asked for.
    pub address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl App {
    /// Starts serving and reporting until `shutdown` is raised. Fails when the address is taken.
    pub async fn start(options: AppOptions, clock: SharedClock, shutdown: Shutdown) -> std::io::Result<Self> {
        capstan_tls::install_provider();
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&requests);
        let scraped = Arc::clone(&requests);
        let metrics = get(move || {
            let count = scraped.load(Ordering::Relaxed);
            async move { ([(CONTENT_TYPE, EXPOSITION)], exposition(count)) }
        });
        let router = Router::new().route("/metrics", metrics).fallback(get(move || {
            let count = counted.fetch_add(1, Ordering::Relaxed) + 1;
            async move { format!("Current request count {count}\n") }
        }));
        let stop = shutdown.clone();
        capstan_runtime::spawn("app http", async move {
            let served =
                axum::serve(listener, router).with_graceful_shutdown(async move { stop.raised().await });
            if let Err(error) = served.await {
                tracing::error!(%error, "app stopped serving");
            }
        });
        if !options.report_url.is_empty() {
            let reporter = Reporter {
                line: line_prefix(&options),
                url: options.report_url,
                clock,
            };
            let counter = Arc::clone(&requests);
            capstan_runtime::spawn(
                "app report",
                async move { reporter.run(&counter, &shutdown).await },
            );
        }
        Ok(Self { address, requests })
    }

    /// How many requests it has served.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// The total as Prometheus reads it. Scrapes do not count.
fn exposition(count: u64) -> String {
    format!(
        "# HELP http_requests_total Requests served.\n# TYPE http_requests_total counter\n\
        http_requests_total {count}\n"
    )
}

struct Reporter {
    line: String,
    url: String,
    clock: SharedClock,
}

impl Reporter {
    async fn run(&self, requests: &AtomicU64, shutdown: &Shutdown) {
        let client = match reqwest::Client::builder()
            .timeout(POST_TIMEOUT)
            .no_proxy()
            .build()
        {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "no HTTP client for reports");
                return;
            }
        };
        loop {
            tokio::select! {
                () = capstan_runtime::sleep(until_next(self.clock.now_nanos())) => {}
                () = shutdown.raised() => return,
            }
            let body = format!("{}{}i\n", self.line, requests.load(Ordering::Relaxed));
            let sent = client
                .post(&self.url)
                .header("content-type", "text/plain")
                .body(body)
                .send()
                .await;
            match sent {
                Ok(answer) if answer.status() == http::StatusCode::NO_CONTENT => {}
                Ok(answer) => tracing::warn!(status = answer.status().as_u16(), "unexpected response code"),
                Err(error) => tracing::warn!(%error, "report not delivered"),
            }
        }
    }
}

/// How long until the next second's phase.
fn until_next(now: i64) -> Duration {
    let phase = PHASE.as_nanos() as u64;
    let into = now.rem_euclid(SECOND as i64) as u64;
    Duration::from_nanos(if into < phase {
        phase - into
    } else {
        SECOND + phase - into
    })
}

fn line_prefix(options: &AppOptions) -> String {
    format!(
        "requests,host={},replicaset={} value=",
        escape(&options.host),
        escape(&options.replicaset)
    )
}

/// A tag value as line protocol writes it; it may not be empty.
fn escape(value: &str) -> String {
    if value.is_empty() {
        return "unknown".to_owned();
    }
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '=' | ' ') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::routing::post;
    use capstan_base::SystemClock;
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn posts_stand_at_the_same_place_in_every_second() {
        assert_eq!(until_next(7 * SECOND as i64), PHASE);
        assert_eq!(
            until_next(7 * SECOND as i64 + 400_000_000),
            Duration::from_secs(1)
        );
        assert_eq!(
            until_next(7 * SECOND as i64 + 900_000_000),
            Duration::from_millis(500)
        );
    }

    #[test]
    fn tag_values_are_escaped() {
        assert_eq!(escape("a b,c=d"), "a\\ b\\,c\\=d");
        assert_eq!(escape(""), "unknown");
    }

    #[tokio::test]
    async fn requests_are_counted_and_reported_as_line_protocol() {
        let (sender, mut bodies) = mpsc::channel::<Bytes>(16);
        let sink = Router::new().route(
            "/write",
            post(move |body: Bytes| {
                let sender = sender.clone();
                async move {
                    let _ = sender.send(body).await;
                    http::StatusCode::NO_CONTENT
                }
            }),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/write?db=autoscale", listener.local_addr().unwrap());
        let shutdown = Shutdown::new();
        capstan_runtime::spawn("sink", async move { axum::serve(listener, sink).await.unwrap() });
        let options = AppOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            host: "pod-1".into(),
            replicaset: "app".into(),
            report_url: url,
        };
        let app = App::start(options, SystemClock::shared(), shutdown.clone())
            .await
            .unwrap();
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
            .build_http::<http_body_util::Empty<Bytes>>();
        for count in 1..=3 {
            let answer = client
                .get(format!("http://{}/", app.address).parse().unwrap())
                .await
                .unwrap();
            let text = http_body_util::BodyExt::collect(answer).await.unwrap().to_bytes();
            assert_eq!(text, format!("Current request count {count}\n").as_bytes());
        }
        let answer = client
            .get(format!("http://{}/metrics", app.address).parse().unwrap())
            .await
            .unwrap();
        let text = http_body_util::BodyExt::collect(answer).await.unwrap().to_bytes();
        assert!(text.ends_with(b"http_requests_total 3\n"), "{text:?}");
        let mut last = Bytes::new();
        while last != "requests,host=pod-1,replicaset=app value=3i\n" {
            last = tokio::time::timeout(Duration::from_secs(10), bodies.recv())
                .await
                .unwrap()
                .unwrap();
        }
        shutdown.raise();
    }
}

//! A load generator. Requests are sent when they are due, whether or not earlier ones were answered, so a slow server
//! shows as latency and not as a lower rate.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capstan_base::SharedClock;
use capstan_runtime::Shutdown;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::profile::Ramp;

/// How often the generator looks which requests are due.
const TICK: Duration = Duration::from_millis(5);

/// Longer than this counts as an error.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests that wait for a free worker. Beyond, they are counted as errors: the target does not keep up.
const BACKLOG: usize = 10_000;

/// What to send where.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// `http://host:port/path`.
    pub url: http::Uri,
    pub ramp: Ramp,
    /// Requests in flight at most.
    pub connections: usize,
}

/// What happened in one second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// Seconds since the start, from 1.
    pub t: u64,
    /// Requests per second the ramp asks for at its end.
    pub target_qps: f64,
    /// Requests answered with a status below 400.
    pub ok: u64,
    /// Requests that failed, or were answered with 400 and above.
    pub errors: u64,
    /// Latency from when a request was due, in milliseconds; `None` when nothing was answered.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// The whole run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    pub ok: u64,
    pub errors: u64,
}

#[derive(Debug)]
struct Window {
    ok: u64,
    errors: u64,
    latency: Histogram<u64>,
}

/// A load generator.
#[derive(Debug)]
pub struct Load {
    options: LoadOptions,
    clock: SharedClock,
}

impl Load {
    /// A generator that has not sent anything yet.
    pub fn new(options: LoadOptions, clock: SharedClock) -> Self {
        Self { options, clock }
    }

    /// Sends the ramp's requests until it ends or `shutdown` is raised; tells `each` of every second.
    pub async fn run(&self, shutdown: &Shutdown, mut each: impl FnMut(Second)) -> Totals {
        let window = Arc::new(Mutex::new(Window {
            ok: 0,
            errors: 0,
            latency: new_histogram(),
        }));
        let (due_sender, due) = mpsc::channel::<Duration>(BACKLOG);
        let due = Arc::new(tokio::sync::Mutex::new(due));
        let workers: Vec<_> = (0..self.options.connections.max(1))
            .map(|_| {
                capstan_runtime::spawn("load worker", self.worker(Arc::clone(&due), Arc::clone(&window)))
            })
            .collect();
        let start = self.clock.monotonic();
        let (mut sent, mut second, mut totals) = (0_u64, 0_u64, Totals::default());
        loop {
            tokio::select! {
                () = capstan_runtime::sleep(TICK) => {}
                () = shutdown.raised() => break,
            }
            let elapsed = self.clock.monotonic().saturating_sub(start);
            let wanted = self.options.ramp.due(elapsed) as u64;
            while sent < wanted {
                sent += 1;
                if due_sender.try_send(self.clock.monotonic()).is_err() {
                    window.lock().errors += 1;
                }
            }
            while elapsed.as_secs() > second {
                second += 1;
                let report = take_second(
                    &window,
                    second,
                    self.options.ramp.qps(Duration::from_secs(second)),
                );
                totals.ok += report.ok;
                totals.errors += report.errors;
                each(report);
            }
            if elapsed >= self.options.ramp.duration() {
                break;
            }
        }
        drop(due_sender);
        for worker in workers {
            if shutdown.is_raised() {
                worker.abort();
            } else if worker.await.is_err() {
                tracing::debug!("load worker ended early");
            }
        }
        let rest = window.lock();
        Totals {
            ok: totals.ok + rest.ok,
            errors: totals.errors + rest.errors,
        }
    }

    fn worker(
        &self,
        due: Arc<tokio::sync::Mutex<mpsc::Receiver<Duration>>>,
        window: Arc<Mutex<Window>>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let (uri, clock) = (self.options.url.clone(), Arc::clone(&self.clock));
        async move {
            loop {
                let Some(since) = due.lock().await.recv().await else {
                    return;
                };
                let answered = tokio::time::timeout(REQUEST_TIMEOUT, get(&client, uri.clone())).await;
                let took = clock.monotonic().saturating_sub(since);
                let mut window = window.lock();
                if let Ok(true) = answered {
                    window.ok += 1;
                    window.latency.saturating_record(took.as_micros() as u64);
                } else {
                    window.errors += 1;
                }
            }
        }
    }
}

/// Whether the answer came whole and with a status below 400.
async fn get(client: &Client<HttpConnector, Empty<Bytes>>, uri: http::Uri) -> bool {
    match client.get(uri).await {
        Ok(answer) => {
            let good = answer.status().as_u16() < 400;
            good & drain(answer.into_body()).await
        }
        Err(_) => false,
    }
}

/// Reads a body to its end, keeping nothing, so that the connection can be used again.
async fn drain(mut body: hyper::body::Incoming) -> bool {
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
}

fn new_histogram() -> Histogram<u64> {
    // One microsecond to one minute with three digits; these bounds are valid, so this cannot fail.
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("valid histogram bounds")
}

fn take_second(window: &Mutex<Window>, t: u64, target_qps: f64) -> Second {
    let mut window = window.lock();
    let quantile =
        |at: f64| (!window.latency.is_empty()).then(|| window.latency.value_at_quantile(at) as f64 / 1_000.0);
    let second = Second {
        t,
        target_qps,
        ok: window.ok,
        errors: window.errors,
        p50_ms: quantile(0.5),
        p99_ms: quantile(0.99),
    };
    (window.ok, window.errors) = (0, 0);
    window.latency.reset();
    second
}

#[cfg(test)]
mod tests {
    use capstan_base::SystemClock;

    use super::*;
    use crate::app::{App, AppOptions};

    #[tokio::test]
    async fn every_request_that_is_due_reaches_the_target() {
        let shutdown = Shutdown::new();
        let options = AppOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            host: String::new(),
            replicaset: String::new(),
            report_url: String::new(),
        };
        let app = App::start(options, SystemClock::shared(), shutdown.clone())
            .await
            .unwrap();
        let ramp = Ramp::over(200.0, Duration::from_secs(2));
        let url = format!("http://{}/", app.address).parse().unwrap();
        let load = Load::new(
            LoadOptions {
                url,
                ramp,
                connections: 8,
            },
            SystemClock::shared(),
        );
        let mut seconds = Vec::new();
        let totals = load.run(&shutdown, |second| seconds.push(second)).await;
        assert_eq!(totals.ok, app.requests());
        assert_eq!(totals.errors, 0);
        assert!(
            totals.ok.abs_diff(ramp.due(ramp.duration()) as u64) <= 1,
            "{totals:?}"
        );
        assert_eq!(seconds.len(), 2);
        shutdown.raise();
    }

    #[tokio::test]
    async fn a_target_that_is_not_there_counts_as_errors() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        drop(listener);
        let ramp = Ramp::constant(50.0, Duration::from_millis(200));
        let load = Load::new(
            LoadOptions {
                url,
                ramp,
                connections: 2,
            },
            SystemClock::shared(),
        );
        let totals = load.run(&Shutdown::new(), |_| {}).await;
        assert_eq!(totals.ok, 0);
        assert!(totals.errors > 0);
    }
}

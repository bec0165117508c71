//! From a point that crosses a threshold to the write it causes.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use capstan_base::SharedClock;
use capstan_client::Client;
use serde::Serialize;

use crate::drive;
use crate::error::Error;
use crate::run::{WRITE_PATH, stream_task};
use crate::server::Server;
use crate::standin::{NAME, Standin};

/// Time between two points, in which what follows a write (the watch, the Event) is done.
const PACE: Duration = Duration::from_millis(10);

/// A write that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Points that come before those that count, while connections are made.
const WARM_UP: usize = 20;

const SCRIPT: &str = "stream
    |from()
        .measurement('requests')
        .groupBy('deployment')
    |k8sAutoscale()
        .kind('deployments')
        .resourceNameTag('deployment')
        .min(1)
        .max(1000)
        .replicas(lambda: int(ceil(\"value\" / 100.0)))
";

/// Milliseconds from sending a point to the arrival of the write at the API server.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    pub writes: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// From the start of the server's process until its API listened.
    pub ready_ms: f64,
    /// Resident memory of the server before anything was sent to it.
    pub idle_memory_bytes: u64,
}

/// Starts a server beside a stand-in API server and sends `writes` points, each of which wants another number of replicas.
pub async fn measure(binary: &Path, writes: usize, clock: &SharedClock) -> Result<Latency, Error> {
    let mut api = Standin::start(clock).await?;
    let config = format!(
        "[kubernetes]\n  enabled = true\n  in-cluster = false\n  api-servers = [\"{}\"]\n  token = \"none\"\n",
        api.url()
    );
    let server = Server::start(binary, &config, clock)?;
    let client = Client::new(server.url(), false)?;
    client.ping().await?;
    let idle = server.process().memory()?;
    client.create_task(&stream_task("latency", SCRIPT)).await?;
    let mut connection = drive::Connection::open(server.url()).await?;
    let mut times = Vec::with_capacity(writes);
    for n in 0..writes + WARM_UP {
        // 2, 3, 2, 3, …: the deployment starts with one replica.
        let replicas = 2 + (n as i64 % 2);
        let body = format!(
            "requests,deployment={NAME} value={}.0 {}\n",
            replicas * 100,
            clock.now_nanos()
        );
        let sent = clock.monotonic();
        let (answered, write) = tokio::join!(
            connection.send(WRITE_PATH, Bytes::from(body)),
            api.write(PATIENCE)
        );
        answered?;
        let write = write.ok_or_else(|| Error::Output(format!("point {n} caused no write")))?;
        if write.replicas != replicas {
            return Err(Error::Output(format!(
                "point {n} wrote {} replicas, expected {replicas}",
                write.replicas
            )));
        }
        if n >= WARM_UP {
            times.push(write.at.saturating_sub(sent).as_secs_f64() * 1e3);
        }
        capstan_runtime::sleep(PACE).await;
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * times.len() as f64).ceil() as usize;
        times.get(index.saturating_sub(1)).copied().unwrap_or_default()
    };
    Ok(Latency {
        writes,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        max_ms: at(1.0),
        ready_ms: server.ready().as_secs_f64() * 1e3,
        idle_memory_bytes: idle.resident,
    })
}

impl Latency {
    /// One line for people.
    pub fn line(&self) -> String {
        format!(
            "point to write: p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms of {} writes; ready after {:.0} ms; idle {:.1} MB",
            self.p50_ms,
            self.p99_ms,
            self.max_ms,
            self.writes,
            self.ready_ms,
            self.idle_memory_bytes as f64 / 1e6
        )
    }
}

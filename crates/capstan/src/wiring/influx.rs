//! The engine's InfluxDB ports onto the configured servers (S-33, S-34).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use capstan_config::{Influxdb, Settings};
use capstan_flow::ports::{
    InfluxQuery, InfluxWrite, QueryRequest, QueryResults, QuerySeries, QuerySink, WriteError, WriteRequest,
    WriteSink,
};
use capstan_influx::{Client, Credentials, Error, FluxQuery, Options, Series, WriteTo};
use capstan_runtime::Shutdown;
use tokio::runtime::Handle;

/// How long a request may take when the configuration sets no limit; Kapacitor waits for ever.
const PATIENCE: Duration = Duration::from_mins(10);
/// Between looks for a server that does not answer at the start.
const SEARCH_PAUSE: Duration = Duration::from_secs(5);

/// The configured clusters.
#[derive(Debug, Clone)]
pub(crate) struct Influx {
    clusters: Arc<[Cluster]>,
    runtime: Handle,
    shutdown: Shutdown,
}

#[derive(Debug)]
struct Cluster {
    name: String,
    default: bool,
    client: Arc<Client>,
    search: Duration,
}

impl Influx {
    /// Clients of the enabled sections; nothing is sent yet.
    ///
    /// # Errors
    /// A section cannot be used.
    pub(crate) fn new(settings: &Settings, shutdown: Shutdown) -> Result<Self> {
        let enabled: Vec<&Influxdb> = settings
            .influxdb
            .iter()
            .filter(|section| section.enabled)
            .collect();
        let only = enabled.len() == 1;
        let cluster = |section: &&Influxdb| {
            let client =
                Client::new(options(section)).with_context(|| format!("influxdb {:?}", section.name))?;
            Ok(Cluster {
                name: section.name.clone(),
                default: section.default || only,
                client: Arc::new(client),
                search: section.startup_timeout,
            })
        };
        Ok(Self {
            clusters: enabled.iter().map(cluster).collect::<Result<_>>()?,
            runtime: Handle::current(),
            shutdown,
        })
    }

    /// Whether no section is enabled: nodes that write then refuse to start (N-169).
    pub(crate) fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    /// Looks for each cluster in the background and tells whether it is there (S-35).
    pub(crate) fn search(&self) {
        for (at, cluster) in self.clusters.iter().enumerate() {
            let (clusters, client) = (Arc::clone(&self.clusters), Arc::clone(&cluster.client));
            let rounds = 1 + cluster.search.as_secs() / SEARCH_PAUSE.as_secs();
            self.spawn(async move {
                let cluster = &clusters[at].name;
                for round in 0..rounds {
                    match client.ping().await {
                        Ok(version) => return tracing::info!(cluster, version, "connected to InfluxDB"),
                        // Once is enough for whoever has none.
                        Err(error) if round == 0 => {
                            tracing::warn!(cluster, %error, "InfluxDB does not answer yet");
                        }
                        Err(error) => {
                            tracing::debug!(cluster, %error, "InfluxDB does not answer yet");
                        }
                    }
                    capstan_runtime::sleep(SEARCH_PAUSE).await;
                }
                tracing::warn!(cluster, "InfluxDB was not found; tasks go on trying");
            });
        }
    }

    fn find(&self, name: &str) -> Result<Arc<Client>, String> {
        let found = if name.is_empty() {
            self.clusters.iter().find(|cluster| cluster.default)
        } else {
            self.clusters.iter().find(|cluster| cluster.name == name)
        };
        let found = found.map(|cluster| Arc::clone(&cluster.client));
        found.ok_or_else(|| format!("no such InfluxDB config {name}"))
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let _guard = self.runtime.enter();
        let shutdown = self.shutdown.clone();
        capstan_runtime::spawn("influxdb", async move {
            tokio::select! {
                () = work => {}
                () = shutdown.raised() => {}
            }
        });
    }
}

fn options(section: &Influxdb) -> Options {
    let path = |text: &String| Some(PathBuf::from(text)).filter(|_| !text.is_empty());
    Options {
        urls: section.urls.clone(),
        credentials: if !section.token.is_empty() {
            Credentials::Token(section.token.clone())
        } else if !section.username.is_empty() {
            Credentials::User {
                username: section.username.clone(),
                password: section.password.clone(),
            }
        } else {
            Credentials::None
        },
        timeout: if section.timeout.is_zero() {
            PATIENCE
        } else {
            section.timeout
        },
        gzip: section.compression == "gzip",
        ssl_ca: path(&section.ssl_ca),
        // One file may hold both.
        ssl_cert: path(&section.ssl_cert)
            .map(|certificate| (certificate.clone(), path(&section.ssl_key).unwrap_or(certificate))),
        insecure_skip_verify: section.insecure_skip_verify,
    }
}

impl InfluxQuery for Influx {
    fn check(&self, cluster: &str) -> Result<(), String> {
        if self.is_empty() {
            return Err("InfluxDB not configured, cannot query InfluxDB for batch query".to_owned());
        }
        self.find(cluster)
            .map(drop)
            .map_err(|error| format!("failed to get InfluxDB client: {error}"))
    }

    fn query(&self, cluster: &str, request: QueryRequest, sink: QuerySink) {
        let client = match self.find(cluster) {
            Ok(client) => client,
            Err(error) => return sink(Err(error)),
        };
        self.spawn(async move {
            let answer = match &request {
                QueryRequest::InfluxQl { command } => client.query(command, "").await,
                QueryRequest::Flux {
                    query,
                    org,
                    org_id,
                    now,
                } => {
                    let query = FluxQuery {
                        query,
                        org,
                        org_id,
                        now: Some(*now),
                    };
                    client.query_flux(query).await
                }
            };
            sink(answer.map(results).map_err(|error| error.to_string()));
        });
    }
}

fn results(series: Vec<Series>) -> QueryResults {
    let one = |series: Series| QuerySeries {
        name: series.name.into(),
        tags: series.tags,
        columns: series.columns.into_iter().map(Into::into).collect(),
        rows: series.rows,
    };
    QueryResults {
        series: series.into_iter().map(one).collect(),
        errors: Vec::new(),
    }
}

impl InfluxWrite for Influx {
    fn check(&self, cluster: &str) -> Result<(), String> {
        self.find(cluster).map(drop)
    }

    fn write(&self, cluster: &str, request: Arc<WriteRequest>, sink: WriteSink) {
        let client = match self.find(cluster) {
            Ok(client) => client,
            Err(message) => {
                return sink(Err(WriteError {
                    message,
                    again: false,
                }));
            }
        };
        self.spawn(async move {
            let to = WriteTo {
                database: &request.database,
                retention_policy: &request.retention_policy,
                consistency: &request.consistency,
                precision: &request.precision,
            };
            let written = client.write(to, &request.body).await;
            sink(written.map_err(|error: Error| WriteError {
                message: error.to_string(),
                again: error.is_temporary(),
            }));
        });
    }

    fn execute(&self, cluster: &str, command: String, sink: WriteSink<String>) {
        let client = match self.find(cluster) {
            Ok(client) => client,
            Err(error) => return sink(Err(error)),
        };
        self.spawn(async move {
            let done = client.query(&command, "").await;
            sink(done.map(drop).map_err(|error| error.to_string()));
        });
    }
}

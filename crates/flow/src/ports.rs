//! The outside world as nodes see it. The binary wires real implementations in; tests and offline runs wire fakes.

mod alert_sink;
pub mod http_post;
pub mod influx_query;
pub mod influx_write;
mod log;
mod loopback;
pub mod scaler;
pub mod sideload;
mod tap;
pub mod udf;

use std::sync::Arc;

use capstan_base::SharedClock;

pub use alert_sink::{AlertSink, DeadmanTemplates, ServerInfo};
pub use http_post::{HttpPost, PostAnswer, PostEndpoint, PostRequest, PostSink, RowTemplate};
pub use influx_query::{InfluxQuery, QueryRequest, QueryResults, QuerySeries, QuerySink};
pub use influx_write::{InfluxWrite, WriteError, WriteRequest, WriteSink};
pub use log::{DataEvent, LogLevel, LogSink, NoLog, NodeErrorEvent};
pub use loopback::{Loopback, LoopbackError, NoLoopback};
pub use scaler::{
    ScaleAnswer, ScaleError, ScaleReason, ScaleRequest, ScaleSink, ScaleState, ScaleTarget, Scaler,
};
pub use sideload::{SideSource, SideTables, Sideload};
pub use tap::Tap;
pub use udf::{Udf, UdfCatalog, UdfInfo, UdfType};

use crate::endpoints::Endpoints;
use crate::engine::mailbox::Waker;

/// Everything a task reaches outside of itself.
#[derive(Clone)]
pub struct Ports {
    /// Timers, statistics and `now()`; data time comes from the data.
    pub clock: SharedClock,
    /// The zone of `hour()`, `day()`, … in lambdas (E-07).
    pub zone: jiff::tz::TimeZone,
    /// Where errors and `log` nodes write.
    pub log: Arc<dyn LogSink>,
    /// Scales of objects; `None`: no orchestrator is configured (N-206).
    pub scaler: Option<Arc<dyn Scaler>>,
    /// Scales of Docker Swarm services; `None`: no swarm is configured.
    pub swarm: Option<Arc<dyn Scaler>>,
    /// Where `query` and `queryFlux` ask; `None`: nowhere, batches are handed in.
    pub influx_query: Option<Arc<dyn InfluxQuery>>,
    /// Where `influxDBOut` writes; `None`: no InfluxDB is configured (N-169).
    pub influx_write: Option<Arc<dyn InfluxWrite>>,
    /// Where `httpPost` posts; `None`: posting fails.
    pub http_post: Option<Arc<dyn HttpPost>>,
    /// Where `sideload` finds its sources; `None`: nowhere.
    pub sideload: Option<Arc<dyn Sideload>>,
    /// The functions of the user's that scripts call with `@name()`; `None`: there are none.
    pub udf: Option<Arc<dyn Udf>>,
    /// Where `kapacitorLoopback` writes.
    pub loopback: Arc<dyn Loopback>,
    /// The topics that alert events go to.
    pub alerts: Arc<dyn AlertSink>,
    /// Id and message of dead man's switches.
    pub deadman: Arc<DeadmanTemplates>,
    /// What templates may say about this server.
    pub server: Arc<ServerInfo>,
    /// Where `httpOut` publishes; one per task.
    pub endpoints: Endpoints,
    /// Sees everything that nodes give; `None` in a server.
    pub tap: Option<Arc<dyn Tap>>,
    /// Called when a port answered a node; see [`Task::complete`](crate::engine::Task::complete).
    pub wake: Waker,
}

impl Ports {
    /// Ports to nowhere but a clock: errors are only counted.
    pub fn offline(clock: SharedClock) -> Self {
        Self {
            clock,
            zone: jiff::tz::TimeZone::UTC,
            log: Arc::new(NoLog),
            scaler: None,
            swarm: None,
            influx_query: None,
            influx_write: None,
            http_post: None,
            sideload: None,
            udf: None,
            loopback: Arc::new(NoLoopback),
            alerts: capstan_alert::Service::offline(),
            deadman: Arc::default(),
            server: Arc::default(),
            endpoints: Endpoints::default(),
            tap: None,
            wake: Arc::new(|| {}),
        }
    }
}

impl Ports {
    /// What scripts may call with `@name()`.
    pub fn functions(&self) -> UdfCatalog {
        self.udf.as_ref().map(|udf| udf.catalog()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports")
            .field("clock", &self.clock)
            .field("scaler", &self.scaler)
            .finish_non_exhaustive()
    }
}

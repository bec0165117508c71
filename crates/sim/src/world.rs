//! A world for tasks to run in that takes everything they send, changes nothing and takes notes.

mod alerts;
mod influx;
mod log;
mod loopback;
mod orchestrator;
mod side_files;
mod tap;
mod web;

use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_flow::{Endpoints, Ports};

pub use alerts::AlertNotes;
pub use influx::InfluxTaker;
pub use loopback::Looped;
pub use orchestrator::Orchestrator;
pub(crate) use orchestrator::same_object;
pub use side_files::SideFiles;
pub(crate) use tap::rows;
pub use web::WebServer;

use crate::journal::Journal;

/// The world around tasks. Its ports may be exchanged before tasks are started in it.
#[derive(Debug)]
pub struct World {
    pub clock: Arc<VirtualClock>,
    pub journal: Arc<Journal>,
    /// What is scaled.
    pub orchestrator: Arc<Orchestrator>,
    pub influx: Arc<InfluxTaker>,
    pub web: Arc<WebServer>,
    /// What loopback nodes wrote and tasks did not get yet.
    pub looped: Arc<Looped>,
    pub ports: Ports,
}

impl World {
    /// A world whose clock stands at `start`, with a web server and an InfluxDB that say yes to everything. Objects to
    /// scale are those the orchestrator is told of.
    pub fn new(start: i64) -> Self {
        let journal: Arc<Journal> = Arc::default();
        let clock = VirtualClock::at(start);
        let mut ports = Ports::offline(clock.clone());
        let orchestrator = Arc::new(Orchestrator::new(Arc::clone(&journal), clock.clone()));
        let influx = Arc::new(InfluxTaker::new(Arc::clone(&journal), clock.clone()));
        let web = Arc::new(WebServer::new(Arc::clone(&journal), clock.clone()));
        let looped: Arc<Looped> = Arc::default();
        ports.scaler = Some(Arc::clone(&orchestrator) as _);
        ports.swarm = Some(Arc::clone(&orchestrator) as _);
        ports.influx_write = Some(Arc::clone(&influx) as _);
        ports.http_post = Some(Arc::clone(&web) as _);
        ports.sideload = Some(Arc::new(SideFiles));
        ports.loopback = Arc::clone(&looped) as _;
        ports.log = Arc::new(log::LogNotes::new(Arc::clone(&journal), clock.clone()));
        ports.alerts = Arc::new(AlertNotes::new(Arc::clone(&journal), clock.clone()));
        ports.tap = Some(Arc::new(tap::PointNotes::new(
            Arc::clone(&journal),
            clock.clone(),
        )));
        Self {
            clock,
            journal,
            orchestrator,
            influx,
            web,
            looped,
            ports,
        }
    }

    /// The same with another web server.
    #[must_use]
    pub fn with_web(mut self, change: impl FnOnce(WebServer) -> WebServer) -> Self {
        let server = WebServer::new(Arc::clone(&self.journal), Arc::clone(&self.clock));
        self.web = Arc::new(change(server));
        self.ports.http_post = Some(Arc::clone(&self.web) as _);
        self
    }

    /// The ports of one task.
    pub fn ports(&self) -> Ports {
        Ports {
            endpoints: Endpoints::default(),
            ..self.ports.clone()
        }
    }
}

//! Docker Swarm: a service's version is the precondition of a write. Swarm has no watch that survives a lost connection, so
//! that changes made by others are seen by looking again.

use std::sync::{Arc, Weak};
use std::time::Duration;

use capstan_flow::ports::{
    ScaleAnswer, ScaleError, ScaleReason, ScaleRequest, ScaleSink, ScaleState, ScaleTarget,
};
use capstan_swarm::{Error, Reason, Service, Swarm};

use super::{Context, Orchestrator, Requests, VERSION_RETRIES, Work};

/// How often a service is looked at while a node wants to know of its changes.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A configured swarm.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) swarm: Swarm,
    pub(crate) look_every: Duration,
}

impl Orchestrator for Services {
    const WHAT: &'static str = "swarm";

    fn id(&self) -> &str {
        self.swarm.id()
    }

    async fn work(self: Arc<Self>, target: ScaleTarget, context: Context, requests: Requests) {
        let worker = Worker {
            services: self,
            name: target.name,
            context,
            watching: Vec::new(),
        };
        worker.run(requests).await;
    }
}

struct Worker {
    services: Arc<Services>,
    name: Arc<str>,
    context: Context,
    /// Sinks that a watch reports to.
    watching: Vec<Weak<dyn Fn(ScaleAnswer) + Send + Sync>>,
}

impl Worker {
    async fn run(mut self, mut requests: Requests) {
        while let Some(Work { request, sink }) = requests.recv().await {
            match request {
                ScaleRequest::Observe => {
                    let found = self.read().await;
                    if let Ok(service) = &found {
                        self.watch(&sink, service.clone());
                    }
                    sink(ScaleAnswer::Observed(answer(&found)));
                }
                ScaleRequest::Write {
                    replicas, expected, ..
                } => {
                    let written = self.write(replicas, expected.replicas, &sink).await;
                    sink(ScaleAnswer::Written(written));
                }
            }
        }
    }

    async fn read(&self) -> Result<Service, Error> {
        self.services.swarm.service(&self.name).await
    }

    /// An update replaces the whole specification, so that the service is always read right before.
    async fn write(&self, replicas: i64, expected: i64, sink: &ScaleSink) -> Result<ScaleState, ScaleError> {
        let wanted = u64::try_from(replicas).map_err(|_| ScaleError {
            reason: ScaleReason::Other,
            message: format!("a service cannot have {replicas} replicas"),
        })?;
        for _ in 0..VERSION_RETRIES {
            let service = self.read().await.map_err(into_port)?;
            if service.replicas != expected {
                let message = format!(
                    "service {:?} has {} replicas meanwhile, not {expected}",
                    &*self.name, service.replicas
                );
                sink(ScaleAnswer::Observed(Ok(state(&service))));
                return Err(ScaleError {
                    reason: ScaleReason::Conflict,
                    message,
                });
            }
            match self.services.swarm.set_replicas(&service, wanted).await {
                Ok(()) => {
                    // The new version tells later news from older. Without it the write is no less done.
                    let now = self.read().await.ok().filter(|now| now.replicas == replicas);
                    return Ok(ScaleState {
                        replicas,
                        ..state(now.as_ref().unwrap_or(&service))
                    });
                }
                Err(error) if error.reason == Reason::Conflict => {}
                Err(error) => return Err(into_port(error)),
            }
        }
        Err(ScaleError {
            reason: ScaleReason::Conflict,
            message: format!(
                "service {:?} changed {VERSION_RETRIES} times while it was written",
                &*self.name
            ),
        })
    }

    /// Looks again and again until nobody holds the sink, and tells what is new.
    fn watch(&mut self, sink: &ScaleSink, seen: Service) {
        self.watching.retain(|known| known.strong_count() > 0);
        let sink = Arc::downgrade(sink);
        if self.watching.iter().any(|known| known.ptr_eq(&sink)) {
            return;
        }
        self.watching.push(Weak::clone(&sink));
        let (services, name) = (Arc::clone(&self.services), Arc::clone(&self.name));
        let shutdown = self.context.shutdown.clone();
        let look = async move {
            let mut seen = Ok(seen);
            loop {
                capstan_runtime::sleep(services.look_every).await;
                if sink.strong_count() == 0 {
                    return;
                }
                let now = services.swarm.service(&name).await;
                let Some(sink) = sink.upgrade() else { return };
                if now != seen {
                    sink(ScaleAnswer::Observed(answer(&now)));
                    seen = now;
                }
            }
        };
        capstan_runtime::spawn("scale watch", async move {
            tokio::select! {
                () = look => {}
                () = shutdown.raised() => {}
            }
        });
    }
}

fn answer(found: &Result<Service, Error>) -> Result<ScaleState, ScaleError> {
    found
        .as_ref()
        .map(state)
        .map_err(|error| into_port(error.clone()))
}

fn state(service: &Service) -> ScaleState {
    ScaleState {
        replicas: service.replicas,
        resource_version: service.version.to_string(),
        owner: None,
        autoscaler: None,
        changed_by: None,
        api_version: "docker".to_owned(),
        kind: "Service".to_owned(),
        namespace: String::new(),
    }
}

fn into_port(error: Error) -> ScaleError {
    let reason = match error.reason {
        Reason::NotFound => ScaleReason::NotFound,
        Reason::Forbidden => ScaleReason::Forbidden,
        Reason::Conflict => ScaleReason::Conflict,
        Reason::Unavailable => ScaleReason::Unavailable,
        Reason::Config | Reason::Other => ScaleReason::Other,
    };
    ScaleError {
        reason,
        message: error.message,
    }
}

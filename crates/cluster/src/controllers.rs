//! The controllers that make the cluster live. Each one is a [`Controller`]: it says which objects concern it and what
//! to do about one key; [`driver`] owns the watches, the queue and the retries. A controller reads the store itself,
//! never a cache, so there are no expectations to keep.
//!
//! | module | what |
//! |---|---|
//! | [`driver`] | watches, work queue, back-off |
//! | [`replicaset`] | ReplicaSets and ReplicationControllers |
//! | [`deployment`] | Deployments: rolling updates, rollout status |
//! | [`statefulset`] | StatefulSets: ordered pods |
//! | [`endpoints`] | Endpoints and EndpointSlices of Services |
//! | [`garbage`] | owners and dependents |
//! | [`namespace`] | what a namespace contains, and its end |
//! | [`node`] | the one node and its heartbeat |

pub(crate) mod deployment;
pub(crate) mod driver;
pub(crate) mod endpoints;
pub(crate) mod garbage;
pub(crate) mod labels;
pub(crate) mod namespace;
pub(crate) mod node;
pub(crate) mod pods;
pub(crate) mod replicaset;
pub(crate) mod statefulset;

use std::sync::Arc;

use capstan_base::SharedClock;
use capstan_runtime::Shutdown;
use tokio::task::JoinHandle;

use crate::custom::controller::CustomResources;
use crate::objects::Objects;
use driver::drive;

/// What every controller is given.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) objects: Objects,
    pub(crate) clock: SharedClock,
    pub(crate) shutdown: Shutdown,
}

impl Context {
    /// The time now as Kubernetes writes it: RFC 3339, whole seconds, UTC.
    pub(crate) fn timestamp(&self) -> String {
        timestamp(self.clock.now())
    }
}

/// RFC 3339 with whole seconds in UTC.
pub(crate) fn timestamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Starts all controllers. They end when the context's shutdown is raised.
pub(crate) fn start(
    context: &Context,
    certificate_authority: &str,
    node: node::NodeFacts,
) -> Vec<JoinHandle<()>> {
    let mut tasks = vec![
        drive(context, Arc::new(replicaset::Replicas::replica_sets())),
        drive(context, Arc::new(replicaset::Replicas::replication_controllers())),
        drive(context, Arc::new(deployment::Deployments)),
        drive(context, Arc::new(statefulset::StatefulSets)),
        drive(context, Arc::new(CustomResources)),
        drive(context, Arc::new(endpoints::EndpointsOfServices::default())),
        drive(
            context,
            Arc::new(namespace::Namespaces {
                certificate_authority: certificate_authority.to_owned(),
            }),
        ),
    ];
    tasks.push(garbage::start(context));
    tasks.push(node::start(context, node));
    tasks
}

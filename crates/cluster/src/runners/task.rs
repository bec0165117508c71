//! Apps that run inside this process instead of a container.

use std::collections::BTreeMap;
use std::net::IpAddr;

use capstan_runtime::Shutdown;
use tokio::task::JoinHandle;

use super::LogWriter;

/// What an app gets to know: what a container would.
#[derive(Debug, Clone)]
pub struct TaskContext {
    /// The pod's name, which is also its host name.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The address to listen on.
    pub ip: IpAddr,
    /// The container's variables, rewritten to local names.
    pub env: BTreeMap<String, String>,
    /// The container's ports, in the manifest's order.
    pub ports: Vec<u16>,
    /// What `kubectl logs` shows.
    pub log: LogWriter,
    /// Raised when the app is to end; it gets the pod's grace period for that and is aborted after it.
    pub shutdown: Shutdown,
}

/// An app that can stand in for an image. A closure from [`TaskContext`] to a task's handle is one.
pub trait TaskApp: Send + Sync + 'static {
    /// Starts it; the container has ended when the task has.
    fn start(&self, context: TaskContext) -> JoinHandle<()>;
}

impl<F> TaskApp for F
where
    F: Fn(TaskContext) -> JoinHandle<()> + Send + Sync + 'static,
{
    fn start(&self, context: TaskContext) -> JoinHandle<()> {
        self(context)
    }
}

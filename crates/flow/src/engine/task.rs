//! A running task.

mod end;
mod error;
mod expire;
mod link;
mod memory;
mod pieces;
mod run;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use capstan_model::{Batch, Groups};

pub use self::error::{StartError, TaskError};
use self::pieces::{by_time, counted, runs, ungrouped};
use super::errors::ErrorLog;
use super::expiry::Expiry;
use super::mailbox::Inbox;
use super::stats::{NodeStats, TaskStats};
use super::timing::{Throughput, Timing};
use super::watch::GroupCounts;
use crate::message::{Message, PointBatch};
use crate::node::Node;
use crate::pipeline::{NodeId, Pipeline};
use crate::ports::Ports;

/// A node with what the engine keeps about it.
struct Running {
    name: Arc<str>,
    node: Box<dyn Node>,
    /// Messages that wait, with the number of the parent they came from.
    queue: VecDeque<(usize, Message)>,
    /// Each child with the number this node has among its parents.
    children: Vec<(NodeId, usize)>,
    processed: Vec<u64>,
    collected: u64,
    errors: ErrorLog,
    timing: Timing,
    quiet: bool,
    /// Who counts what goes out, if anybody does.
    watched: Option<Arc<GroupCounts>>,
    /// Whether its points come from the task's source, not from statistics.
    carries: bool,
}

/// A pipeline in execution. It does nothing by itself: whoever owns it hands in data, answers and timers, and every
/// call returns when all that follows from it has been done.
pub struct Task {
    id: Arc<str>,
    pipeline: Arc<Pipeline>,
    dbrps: Vec<(Arc<str>, Arc<str>)>,
    measurements: Option<Vec<Arc<str>>>,
    order: Vec<NodeId>,
    nodes: Vec<Running>,
    groups: Groups,
    ports: Ports,
    inbox: Arc<Inbox>,
    throughput: Throughput,
    by_name: bool,
    /// Whether a node has several parents, so that it matters what comes from one before the other.
    joins: bool,
    out: Vec<Message>,
    running: bool,
    /// By node: whether it was told of the end of the input; empty while there is more.
    finished: Vec<bool>,
    /// Which groups are in use, if idle ones are forgotten.
    expiry: Option<Expiry>,
    /// While a snapshot is prepared: the place in `order` that comes next.
    preparing: Option<usize>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl Task {
    /// Makes the nodes of a pipeline and links them. `dbrps` are the databases and retention policies the task may read.
    ///
    /// # Errors
    /// A node refuses its settings, or two nodes' edges do not match (N-04).
    pub fn new(
        id: impl Into<Arc<str>>,
        pipeline: Arc<Pipeline>,
        dbrps: Vec<(Arc<str>, Arc<str>)>,
        ports: Ports,
    ) -> Result<Self, StartError> {
        let id = id.into();
        let inbox = Inbox::new(Arc::clone(&ports.wake));
        let order = pipeline.order();
        let nodes = link::nodes(&id, &pipeline, &dbrps, &ports, &inbox, &order)?;
        let by_name = nodes.iter().any(|running| running.node.groups_by_name());
        Ok(Self {
            measurements: pipeline.measurements(),
            joins: pipeline.nodes().iter().any(|node| node.parents.len() > 1),
            id,
            pipeline,
            dbrps,
            order,
            nodes,
            groups: Groups::default(),
            ports,
            inbox,
            throughput: Throughput::default(),
            by_name,
            out: Vec::new(),
            running: false,
            finished: Vec::new(),
            expiry: None,
            preparing: None,
        })
    }

    /// Has groups forgotten by every node when no point of them came for `idle`; their memory is used for others then.
    /// Without this a group is kept as long as the task runs.
    pub fn forget_idle_groups(&mut self, idle: Duration) {
        self.expiry = Some(Expiry::new(idle));
    }

    /// Starts every node. Data may come in from here on.
    pub fn start(&mut self) -> Result<(), StartError> {
        for at in self.order.clone() {
            if let Err(error) = self.call(at, |node, ctx| node.start(ctx)) {
                self.stop();
                let node = self.nodes[at.index()].name.to_string();
                let message = match error {
                    TaskError::Node { message, .. } => message,
                    other => other.to_string(),
                };
                return Err(StartError { node, message });
            }
        }
        self.running = true;
        Ok(())
    }

    /// The task's id.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The graph it runs.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// Measurements the task wants; `None` for all of its databases (N-27, N-28). Others need not be handed in.
    pub fn measurements(&self) -> Option<&[Arc<str>]> {
        self.measurements.as_deref()
    }

    /// Whether the task wants data of this database and retention policy (N-27).
    pub fn wants(&self, database: &str, retention_policy: &str) -> bool {
        self.dbrps
            .iter()
            .any(|(db, rp)| **db == *database && **rp == *retention_policy)
    }

    /// Whether the task takes data: it started and did not end.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Takes in a body of points and does all that follows from it. Each point is delivered once, however many `from`
    /// nodes want it (N-28a). Blocks of databases that the task may not read are ignored.
    pub fn collect(&mut self, batch: &Batch) -> Result<(), TaskError> {
        self.check_running()?;
        let wanted: Vec<bool> = batch.blocks.iter().map(|block| self.wants_block(block)).collect();
        let source = self.pipeline.source();
        let mut points = 0;
        let mut single = wanted
            .iter()
            .enumerate()
            .filter(|(_, wanted)| **wanted)
            .map(|(at, _)| at);
        let messages: Vec<Message> = match (single.next(), single.next()) {
            (None, _) => return Ok(()),
            // Rows of one block are in order: no need to walk the runs.
            (Some(only), None) => vec![ungrouped(Arc::clone(&batch.blocks[only]))],
            _ => runs(batch, &wanted),
        };
        for message in &messages {
            points += counted(message);
        }
        self.throughput.add(points, self.ports.clock.monotonic());
        if self.joins {
            for piece in messages.into_iter().flat_map(by_time) {
                self.deliver(source, vec![piece])?;
                self.sweep()?;
            }
        } else {
            self.deliver(source, messages)?;
            self.sweep()?;
        }
        self.expire()
    }

    /// Hands a batch to a query node's children, as if the node had fetched it: batch tasks' way in.
    pub fn collect_batch(&mut self, query: NodeId, batch: PointBatch) -> Result<(), TaskError> {
        self.check_running()?;
        self.throughput.add(1, self.ports.clock.monotonic());
        self.deliver(query, vec![Message::Batch(Arc::new(batch))])?;
        self.sweep()
    }

    /// The groups of the task, to number the group of a batch that is handed in.
    pub fn groups_mut(&mut self) -> &mut Groups {
        &mut self.groups
    }

    /// Handles the answers that ports posted since the last call.
    pub fn complete(&mut self) -> Result<(), TaskError> {
        if self.inbox.overflowed() {
            return Err(self.fail(TaskError::Overflow));
        }
        let answers = self.inbox.take();
        for (at, answer) in answers {
            self.call(at, |node, ctx| node.complete(ctx, answer))
                .map_err(|error| self.fail(error))?;
            self.sweep()?;
        }
        self.go_on_preparing()?;
        self.go_on_ending()
    }

    /// Whether so much waits for slow ports that the task should get no more data until it was [woken](Task::complete).
    /// Data that comes all the same is taken in.
    pub fn is_busy(&self) -> bool {
        self.is_preparing() || self.nodes.iter().any(|running| running.node.busy())
    }

    /// How many answers nodes still wait for.
    pub fn pending(&self) -> usize {
        self.nodes.iter().map(|running| running.node.pending()).sum()
    }

    /// When [`Task::fire_timers`] is due, in wall-clock nanoseconds.
    pub fn next_timer(&self) -> Option<i64> {
        self.nodes
            .iter()
            .filter_map(|running| running.node.next_timer())
            .min()
    }

    /// Fires the timers that are due at `now`, wall-clock nanoseconds. A node may set a next one.
    pub fn fire_timers(&mut self, now: i64) -> Result<(), TaskError> {
        self.check_running()?;
        for at in self.order.clone() {
            if self.nodes[at.index()]
                .node
                .next_timer()
                .is_some_and(|due| due <= now)
            {
                self.call(at, |node, ctx| node.timer(ctx))
                    .map_err(|error| self.fail(error))?;
            }
        }
        self.sweep()
    }

    /// Statistics of every node and edge.
    pub fn stats(&self) -> TaskStats {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let nodes = self
            .nodes
            .iter()
            .zip(self.pipeline.nodes())
            .map(|(running, config)| NodeStats {
                name: running.name.to_string(),
                kind: config.kind().into(),
                collected: running.collected,
                emitted: running.processed.iter().sum(),
                errors: running.errors.total(),
                avg_exec_time_ns: running.timing.average_nanos(),
                working_cardinality: count(running.node.cardinality()),
                own: config
                    .spec
                    .stats
                    .iter()
                    .copied()
                    .zip(running.node.stats())
                    .collect(),
                processed: running.processed.clone(),
            });
        TaskStats {
            throughput: self.throughput.per_second(self.ports.clock.monotonic()),
            nodes: nodes.collect(),
        }
    }

    /// Latest distinct errors of a node (E-88).
    pub fn errors(&self, node: NodeId) -> &ErrorLog {
        &self.nodes[node.index()].errors
    }

    fn check_running(&self) -> Result<(), TaskError> {
        if self.running {
            Ok(())
        } else {
            Err(TaskError::NotRunning)
        }
    }

    fn wants_block(&self, block: &capstan_model::Block) -> bool {
        !block.is_empty()
            && self
                .measurements
                .as_ref()
                .is_none_or(|wanted| wanted.iter().any(|name| **name == *block.name))
            && self.wants(&block.database, &block.retention_policy)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

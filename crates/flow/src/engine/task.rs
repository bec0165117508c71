//! A running task.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use capstan_base::{Class, Classify};
use capstan_model::{Batch, Groups};

use super::build::Builder;
use super::context::Context;
use super::errors::ErrorLog;
use super::mailbox::Inbox;
use super::snapshot::{RestoreGroups, SnapshotError, SnapshotGroups, Stored, StoredNode, VERSION};
use super::stats::{NodeStats, TaskStats};
use super::timing::{Throughput, Timing};
use super::watch::GroupCounts;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Node, NodeError, Outcome};
use crate::pipeline::{EdgeType, NodeId, Pipeline};
use crate::ports::Ports;

/// Why a task could not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// The node that refused.
    pub node: String,
    /// Kapacitor's text.
    pub message: String,
}

impl Classify for StartError {
    fn class(&self) -> Class {
        Class::User
    }
}

/// Why a task ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// A node could not go on (N-17).
    #[error("{node}: {message}")]
    Node { node: String, message: String },
    /// A defect of ours, caught (N-18).
    #[error("{node}: panicked: {message}")]
    Panic { node: String, message: String },
    /// Answers from the world came faster than they were handled.
    #[error("too many answers wait for the task")]
    Overflow,
    /// The task is over: it was finished or ended with an earlier error.
    #[error("the task is not running")]
    NotRunning,
}

impl Classify for TaskError {
    fn class(&self) -> Class {
        match self {
            Self::Panic { .. } => Class::Internal,
            Self::Overflow => Class::Unavailable,
            Self::Node { .. } | Self::NotRunning => Class::User,
        }
    }
}

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
        let mut nodes: Vec<Option<Running>> = pipeline.nodes().iter().map(|_| None).collect();
        let mut watched = Vec::new();
        for &at in &order {
            let config = pipeline.node(at);
            let name: Arc<str> = config.name().into();
            let refuse = |message| StartError {
                node: name.to_string(),
                message,
            };
            let mut builder = Builder {
                task: &id,
                name: &name,
                dbrps: &dbrps,
                pipeline: &pipeline,
                ports: &ports,
                node: at,
                inbox: &inbox,
                watched: &mut watched,
            };
            let node = (config.spec.build)(config, &mut builder).map_err(refuse)?;
            nodes[at.index()] = Some(Running {
                name: Arc::clone(&name),
                node,
                queue: VecDeque::new(),
                children: Vec::new(),
                processed: Vec::new(),
                collected: 0,
                errors: ErrorLog::default(),
                timing: Timing::default(),
                quiet: config.quiet(),
                watched: None,
            });
            for (input, &parent) in config.parents.iter().enumerate() {
                let above = pipeline.node(parent);
                let problem = if above.provides != config.wants {
                    "cannot add child mismatched edges"
                } else if above.provides == EdgeType::None {
                    "cannot add child no edge expected"
                } else {
                    if let Some(Some(above)) = nodes.get_mut(parent.index()) {
                        above.children.push((at, input));
                        above.processed.push(0);
                    }
                    continue;
                };
                return Err(refuse(format!(
                    "{problem}: {}:{} -> {name}:{}",
                    above.name(),
                    above.provides.as_str(),
                    config.wants.as_str()
                )));
            }
        }
        let mut nodes: Vec<Running> = nodes.into_iter().flatten().collect();
        // Children were linked in topological order; statistics list them as the pipeline does.
        for (running, config) in nodes.iter_mut().zip(pipeline.nodes()) {
            running
                .children
                .sort_by_key(|(child, _)| config.children.iter().position(|c| c == child));
        }
        for (node, counts) in watched {
            if let Some(running) = nodes.get_mut(node.index()) {
                running.watched = Some(counts);
            }
        }
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
        })
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
        if !self.joins {
            self.deliver(source, messages)?;
            return self.sweep();
        }
        for piece in messages.into_iter().flat_map(by_time) {
            self.deliver(source, vec![piece])?;
            self.sweep()?;
        }
        Ok(())
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
        Ok(())
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

    /// The input ended: nodes flush what they flush (N-15). Answers that are still under way can be taken in with
    /// [`Task::complete`] afterwards; [`Task::stop`] ends it all.
    pub fn finish(&mut self) -> Result<(), TaskError> {
        self.check_running()?;
        self.running = false;
        for at in self.order.clone() {
            self.drain(at).map_err(|error| self.fail(error))?;
            self.call(at, |node, ctx| node.finish(ctx))
                .map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    /// Ends the task at once. Endpoints go, answers that come later are dropped.
    pub fn stop(&mut self) {
        self.running = false;
        self.inbox.close();
        self.ports.endpoints.clear();
        for running in &mut self.nodes {
            running.queue.clear();
        }
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
                kind: config.spec.kind,
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

    /// What the task remembers, to be given to [`Task::restore`] of a later run.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut groups = SnapshotGroups::new(&self.groups);
        let mut nodes = Vec::new();
        for (running, config) in self.nodes.iter().zip(self.pipeline.nodes()) {
            if let Some(state) = running.node.snapshot(&mut groups) {
                let name = running.name.to_string();
                nodes.push(StoredNode {
                    name,
                    fingerprint: config.fingerprint(),
                    state,
                });
            }
        }
        let stored = Stored {
            version: VERSION,
            groups: groups.finish(),
            nodes,
        };
        // Only maps with keys that are no strings can fail, and nothing here has any.
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// Takes back a snapshot, before or after the start but before data. Nodes that changed since start afresh; their
    /// names are returned.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<Vec<String>, SnapshotError> {
        let stored: Stored = serde_json::from_slice(snapshot)?;
        if stored.version != VERSION {
            return Err(SnapshotError::Version {
                found: stored.version,
            });
        }
        let ids = RestoreGroups::ids(&mut self.groups, &stored.groups);
        let groups = RestoreGroups::new(ids, &self.groups);
        let mut fresh = Vec::new();
        for node in stored.nodes {
            let same = |(running, config): &(&mut Running, &crate::pipeline::NodeConfig)| {
                *running.name == *node.name && config.fingerprint() == node.fingerprint
            };
            let found = self.nodes.iter_mut().zip(self.pipeline.nodes()).find(same);
            let restored =
                found.is_some_and(|(running, _)| running.node.restore(node.state, &groups).is_ok());
            if !restored {
                fresh.push(node.name);
            }
        }
        Ok(fresh)
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

    /// Puts messages into a node's queue as if a parent had sent them.
    fn deliver(&mut self, at: NodeId, messages: Vec<Message>) -> Result<(), TaskError> {
        let Some(running) = self.nodes.get_mut(at.index()) else {
            return Err(TaskError::NotRunning);
        };
        for message in messages {
            running.collected += counted(&message);
            running.queue.push_back((0, message));
        }
        Ok(())
    }

    /// Runs every node that has something waiting, parents before children.
    fn sweep(&mut self) -> Result<(), TaskError> {
        for index in 0..self.order.len() {
            let at = self.order[index];
            self.drain(at).map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    fn drain(&mut self, at: NodeId) -> Result<(), TaskError> {
        while let Some((input, message)) = self.nodes[at.index()].queue.pop_front() {
            let points = counted(&message);
            if points > 0 && self.nodes[at.index()].timing.due() {
                let clock = Arc::clone(&self.ports.clock);
                let before = clock.monotonic();
                self.call(at, |node, ctx| node.message(ctx, input, message))?;
                let took = clock.monotonic().saturating_sub(before);
                self.nodes[at.index()]
                    .timing
                    .note(took, usize::try_from(points).unwrap_or(usize::MAX));
            } else {
                self.call(at, |node, ctx| node.message(ctx, input, message))?;
            }
        }
        Ok(())
    }

    /// Calls a node, catches its panics and passes on what it emits.
    fn call(
        &mut self,
        at: NodeId,
        call: impl FnOnce(&mut dyn Node, &mut Context<'_>) -> Outcome,
    ) -> Result<(), TaskError> {
        let Some(running) = self.nodes.get_mut(at.index()) else {
            return Ok(());
        };
        let mut out = std::mem::take(&mut self.out);
        let mut ctx = Context {
            groups: &mut self.groups,
            out: &mut out,
            errors: &mut running.errors,
            ports: &self.ports,
            task: &self.id,
            node: &running.name,
            quiet: running.quiet,
            by_name: self.by_name,
        };
        let node = &mut running.node;
        let outcome = catch_unwind(AssertUnwindSafe(|| call(&mut **node, &mut ctx)));
        let name = || running.name.to_string();
        let result = match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(NodeError(message))) => Err(TaskError::Node {
                node: name(),
                message,
            }),
            Err(panic) => Err(TaskError::Panic {
                node: name(),
                message: panic_text(&*panic),
            }),
        };
        self.pass_on(at, &mut out);
        self.out = out;
        result
    }

    fn pass_on(&mut self, at: NodeId, out: &mut Vec<Message>) {
        for message in out.drain(..) {
            let points = counted(&message);
            if let Some(counts) = &self.nodes[at.index()].watched {
                counts.count(&message);
            }
            for child in 0..self.nodes[at.index()].children.len() {
                let (to, input) = self.nodes[at.index()].children[child];
                self.nodes[at.index()].processed[child] += points;
                let to = &mut self.nodes[to.index()];
                to.collected += points;
                to.queue.push_back((input, message.clone()));
            }
        }
    }

    fn fail(&mut self, error: TaskError) -> TaskError {
        self.stop();
        error
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

/// What counts on an edge: points, or batches (N-23).
fn counted(message: &Message) -> u64 {
    match message {
        Message::Points(points) => points.len() as u64,
        Message::Batch(_) => 1,
        Message::Barrier(_) | Message::DeleteGroup(_) => 0,
    }
}

/// Points enter without dimensions, whatever tags they carry.
fn ungrouped(block: Arc<capstan_model::Block>) -> Message {
    let groups = Arc::new(vec![Groups::UNGROUPED; block.len()]);
    Message::Points(Points { block, groups })
}

/// The wanted rows in arrival order, as few pieces as possible.
fn runs(batch: &Batch, wanted: &[bool]) -> Vec<Message> {
    let mut pieces: Vec<(u32, u32, u32)> = Vec::new();
    for run in batch.runs() {
        if !wanted.get(run.block as usize).copied().unwrap_or(false) {
            continue;
        }
        match pieces.last_mut() {
            Some((block, start, len)) if *block == run.block && *start + *len == run.start => *len += run.len,
            _ => pieces.push((run.block, run.start, run.len)),
        }
    }
    let piece = |&(at, start, len): &(u32, u32, u32)| {
        let block = &batch.blocks[at as usize];
        if len as usize == block.len() {
            return ungrouped(Arc::clone(block));
        }
        let rows: Vec<u32> = (start..start + len).collect();
        ungrouped(Arc::new(block.gather(&rows)))
    };
    pieces.iter().map(piece).collect()
}

/// The points in pieces of one time each: parents of a join are kept in step, whatever a body holds.
fn by_time(message: Message) -> Vec<Message> {
    let Message::Points(points) = &message else {
        return vec![message];
    };
    let time = &points.block.time;
    if time.first() == time.last() && time.windows(2).all(|pair| pair[0] == pair[1]) {
        return vec![message];
    }
    let mut start = 0;
    let piece = |run: &[i64]| {
        let rows: Vec<u32> = (start..start + run.len() as u32).collect();
        start += run.len() as u32;
        Message::Points(points.gather(&rows))
    };
    time.chunk_by(|a, b| a == b).map(piece).collect()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "no message".to_owned()
    }
}

//! What a node is to the engine, and how to write one.
//!
//! A node is a folder `nodes/<kind>/` with
//!
//! 1. `spec.rs`: a `pub static X: NodeSpec` (see [`crate::registry`]): kind, chaining method, arguments, properties,
//!    edges, statistics, documentation; `check` refuses bad settings when the script is read, `build` makes the machine
//!    when a task starts. Settings are read with the getters of [`NodeConfig`](crate::pipeline::NodeConfig)
//!    (`config.duration("every")`, `config.strings("as")`, `config.lambda("replicas")`);
//! 2. `exec.rs`: a struct that implements [`Node`];
//! 3. one line in `nodes.rs` and one in [`REGISTRY`](crate::registry::REGISTRY).
//!
//! Rules
//!
//! - Work on whole messages: a [`Points`] is a block and the group of each row. Emit with [`Context::emit`]; share
//!   columns that stay as they are (`Block { columns, ..(*block).clone() }` copies only `Arc`s), use
//!   [`Points::gather`] to drop rows, [`OutputRows`](crate::rows::OutputRows) to make new ones.
//! - State per group lives in a [`PerGroup`](crate::group_state::PerGroup), a dense vector by group. Forget the group in
//!   [`Node::forget_group`], and forward barriers and deletions (the default does).
//! - Answer [`Node::forget_keys`], or a task with this node never gives numbers of groups out again.
//! - An error with one point is [`Context::error`]: counted, logged unless quiet, the point dropped (N-22). Only what
//!   makes the node useless is an `Err`: it ends the task (N-17).
//! - Nothing blocks. A node that talks to the world gets the port and a [`Mailbox`](crate::engine::mailbox::Mailbox)
//!   in `build` (`builder.ports`, `builder.mailbox()`), gives the port a sink that posts the answer
//!   (`move |answer| mailbox.post(MyAnswer { … })`, from any thread), and receives it in [`Node::complete`], on the
//!   task's own thread, where it may emit. It bounds what it has under way, says how much that is in [`Node::pending`],
//!   and queues or drops and counts the rest. Its points' columns and keys are copied, not pinned, while they wait.
//! - Time comes from the data, or for timers from [`Context::now`]; say in [`Node::next_timer`] when to be called.
//! - Own statistics: the names in the spec's `stats`, the values in the same order from [`Node::stats`].
//! - What is remembered survives restarts: write it in [`Node::snapshot`], read it in [`Node::restore`]; groups are
//!   written through [`SnapshotGroups`], because their numbers are not stable: `PerGroup::store` and
//!   `PerGroup::unstore` do.

use std::any::Any;
use std::sync::Arc;

use capstan_model::GroupId;

pub use crate::engine::context::Context;
pub use crate::engine::snapshot::{RestoreGroups, SnapshotGroups};
use crate::message::{Barrier, Message, PointBatch, Points};

/// Why a node cannot go on. It ends the task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NodeError(pub String);

/// A piece of JSON text: what a node writes into a snapshot. As a tree of values it would take many times the memory.
pub type Json = Box<JsonText>;

/// The same, borrowed.
pub type JsonText = serde_json::value::RawValue;

/// What a call of a node gives.
pub type Outcome = Result<(), NodeError>;

/// A machine in a running task. All calls come from the task's one thread.
pub trait Node: Send {
    /// The task starts; nothing arrived yet. An error refuses the start.
    fn start(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        Ok(())
    }

    /// A message from the parent number `input` (0 is the first). Only nodes with several parents need this.
    fn message(&mut self, ctx: &mut Context<'_>, _input: usize, message: Message) -> Outcome {
        match message {
            Message::Points(points) => self.points(ctx, points),
            Message::Batch(batch) => self.batch(ctx, batch),
            Message::Barrier(barrier) => self.barrier(ctx, barrier),
            Message::DeleteGroup(group) => self.delete_group(ctx, group),
        }
    }

    /// Points of a stream, never none.
    fn points(&mut self, _ctx: &mut Context<'_>, _points: Points) -> Outcome {
        Err(NodeError("node does not support stream data".to_owned()))
    }

    /// A batch, possibly empty.
    fn batch(&mut self, _ctx: &mut Context<'_>, _batch: Arc<PointBatch>) -> Outcome {
        Err(NodeError("node does not support batch data".to_owned()))
    }

    /// A promise about a group's time (N-13).
    fn barrier(&mut self, ctx: &mut Context<'_>, barrier: Barrier) -> Outcome {
        ctx.emit(Message::Barrier(barrier));
        Ok(())
    }

    /// Drop the group's state (N-14), and pass that on.
    fn delete_group(&mut self, ctx: &mut Context<'_>, group: GroupId) -> Outcome {
        self.forget_group(group);
        ctx.emit(Message::DeleteGroup(group));
        Ok(())
    }

    /// Drop the group's state; all that a node needs for deletions unless it holds messages back.
    fn forget_group(&mut self, _group: GroupId) {}

    /// Numbers of groups that were [forgotten](Node::forget_group) are about to be given out again. The node empties what it
    /// keeps by row key or as a way from one group to another, and moves what it still needs of its own key table to a
    /// new one, so that both shrink. False if it may still know a number of a forgotten group, as with messages that it
    /// holds back: then none is given out again for now. Nothing moves on any edge during the call.
    fn forget_keys(&mut self) -> bool {
        false
    }

    /// An answer that was posted to this node's mailbox.
    fn complete(&mut self, _ctx: &mut Context<'_>, _answer: Box<dyn Any + Send>) -> Outcome {
        Ok(())
    }

    /// How many answers the node still waits for.
    fn pending(&self) -> usize {
        0
    }

    /// Whether so much waits for a slow port that the task should be given no more data for now.
    fn busy(&self) -> bool {
        false
    }

    /// A snapshot is about to be taken: what is kept outside is asked for.
    fn prepare_snapshot(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        Ok(())
    }

    /// Whether what [`Node::prepare_snapshot`] asked for is still to come. Until it came, nodes below are not asked and
    /// the snapshot waits.
    fn is_preparing(&self) -> bool {
        false
    }

    /// When to call [`Node::timer`], in wall-clock nanoseconds.
    fn next_timer(&self) -> Option<i64> {
        None
    }

    /// The time of [`Node::next_timer`] has come.
    fn timer(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        Ok(())
    }

    /// The input ended (N-15). Whatever is emitted still reaches the children.
    fn finish(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        Ok(())
    }

    /// How many groups are alive in the node (N-21).
    fn cardinality(&self) -> usize {
        0
    }

    /// Values of the spec's `stats`, in that order.
    fn stats(&self) -> Vec<i64> {
        Vec::new()
    }

    /// What must survive a restart; `None` when there is nothing.
    fn snapshot(&self, _groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        None
    }

    /// Takes back what [`Node::snapshot`] gave. On an error the node starts afresh.
    fn restore(&mut self, _state: &JsonText, _groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        Ok(())
    }

    /// Whether it may put the measurement into groups.
    fn groups_by_name(&self) -> bool {
        false
    }
}

//! Tasks driven together in one world: data goes to all of them, time passes for all of them.

use std::fmt::Write as _;
use std::sync::Arc;

use capstan_base::{Class, Classify, Clock as _};
use capstan_flow::recording::RecordedBatch;
use capstan_flow::{Endpoints, NodeId, Pipeline, Ports, SnapshotError, StartError, Task, TaskError};
use capstan_model::{Batch, KeyTable};

use crate::world::World;

/// How often answers are handled, and points written back are fed, after one message. A script that feeds itself
/// without end ends here.
const MAX_TURNS: usize = 100_000;
/// How many timers may fire in one stretch of time.
const MAX_TIMERS: usize = 10_000_000;

/// Databases and retention policies.
pub type Dbrps = Vec<(Arc<str>, Arc<str>)>;

/// Why tasks could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("after a restart {} would start afresh", .0.join(", "))]
    Forgot(Vec<String>),
    #[error("points are written back without end")]
    Endless,
    #[error("timers fire without end")]
    Timers,
}

impl Classify for RunError {
    fn class(&self) -> Class {
        match self {
            Self::Start(error) => error.class(),
            Self::Task(error) => error.class(),
            Self::Endless | Self::Timers => Class::User,
            Self::Snapshot(_) | Self::Forgot(_) => Class::Internal,
        }
    }
}

/// What a task was made with beside its pipeline.
#[derive(Debug)]
struct Made {
    dbrps: Dbrps,
    ports: Ports,
}

/// Running tasks.
#[derive(Debug, Default)]
pub struct Tasks {
    all: Vec<Task>,
    made: Vec<Made>,
    keys: Arc<KeyTable>,
}

impl Tasks {
    /// Starts a task beside those that run already.
    pub fn start(
        &mut self,
        id: &str,
        pipeline: Arc<Pipeline>,
        dbrps: Dbrps,
        world: &World,
    ) -> Result<(), RunError> {
        let ports = world.ports();
        let mut task = Task::new(id, pipeline, dbrps.clone(), ports.clone())?;
        task.start()?;
        self.all.push(task);
        self.made.push(Made { dbrps, ports });
        Ok(())
    }

    /// The tasks in the order of their starts.
    pub fn all(&self) -> &[Task] {
        &self.all
    }

    /// The endpoints of each task.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoints> {
        self.made.iter().map(|made| &made.ports.endpoints)
    }

    /// Hands points to every running task, and does all that follows.
    pub fn collect(&mut self, batch: &Batch, world: &World) -> Result<(), RunError> {
        for task in self.all.iter_mut().filter(|task| task.is_running()) {
            task.collect(batch)?;
        }
        self.settle(world)
    }

    /// Hands a recorded batch, its times moved by `by`, to a query node of the first task.
    pub fn collect_batch(
        &mut self,
        query: NodeId,
        by: i64,
        batch: &RecordedBatch,
        world: &World,
    ) -> Result<(), RunError> {
        if let Some(task) = self.all.first_mut() {
            let batch = batch.replay(by, task.groups_mut(), &self.keys);
            task.collect_batch(query, batch)?;
        }
        self.settle(world)
    }

    /// Lets time pass until the clock says `until`, from timer to timer. A time in the past changes nothing.
    pub fn pass(&mut self, until: i64, world: &World) -> Result<(), RunError> {
        for _ in 0..MAX_TIMERS {
            let running = self.all.iter().filter(|task| task.is_running());
            let next = running.filter_map(Task::next_timer).min();
            let Some(due) = next.filter(|due| *due <= until) else {
                world.clock.advance_to(until);
                return Ok(());
            };
            world.clock.advance_to(due);
            let now = world.clock.now_nanos();
            for task in self.all.iter_mut().filter(|task| task.is_running()) {
                task.fire_timers(now)?;
            }
            self.settle(world)?;
        }
        Err(RunError::Timers)
    }

    /// Ends the input of every task, in order.
    pub fn finish(&mut self, world: &World) -> Result<(), RunError> {
        for at in 0..self.all.len() {
            self.all[at].finish()?;
            self.settle(world)?;
        }
        Ok(())
    }

    /// Puts a new task in the place of each, with what the old one remembered, as a restart of the server does.
    pub fn restart(&mut self, world: &World) -> Result<(), RunError> {
        for task in self.all.iter_mut().filter(|task| task.is_running()) {
            task.prepare_snapshot()?;
        }
        self.settle(world)?;
        for (task, made) in self.all.iter_mut().zip(&self.made) {
            let snapshot = task.snapshot();
            task.stop();
            let (id, pipeline) = (Arc::clone(task.id()), Arc::clone(task.pipeline()));
            let mut new = Task::new(id, pipeline, made.dbrps.clone(), made.ports.clone())?;
            let fresh = new.restore(&snapshot)?;
            if !fresh.is_empty() {
                return Err(RunError::Forgot(fresh));
            }
            new.start()?;
            *task = new;
        }
        Ok(())
    }

    /// Handles answers, and what was written back, until nothing is under way.
    pub fn settle(&mut self, world: &World) -> Result<(), RunError> {
        for _ in 0..MAX_TURNS {
            for task in &mut self.all {
                task.complete()?;
            }
            if let Some(rows) = world.looped.take() {
                let batch = Batch::single((*rows).clone());
                for task in self.all.iter_mut().filter(|task| task.is_running()) {
                    task.collect(&batch)?;
                }
            } else if self.all.iter().all(|task| task.pending() == 0) {
                return Ok(());
            }
        }
        Err(RunError::Endless)
    }

    /// What nodes had to complain about, which often explains what came out; empty when nothing.
    pub fn errors(&self) -> String {
        let mut text = String::new();
        for task in &self.all {
            for (at, config) in task.pipeline().nodes().iter().enumerate() {
                for entry in task.errors(NodeId(at as u32)).recent() {
                    let (name, count) = (config.name(), entry.count);
                    // Writing to a String cannot fail.
                    let _ = write!(
                        text,
                        "; {name}: {}: {} ({count} times)",
                        entry.message, entry.error
                    );
                }
            }
        }
        text
    }
}

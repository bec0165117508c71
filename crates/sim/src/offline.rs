//! One script over recorded data.

use std::sync::Arc;

use capstan_base::{Class, Classify};
use capstan_flow::recording::RecordedBatch;
use capstan_flow::{
    DefineError, Definition, EdgeType, Mode, NodeId, Pipeline, TaskKind, TaskStats, Vars, define,
};

use crate::data::{self, Data};
use crate::journal::Entry;
use crate::tasks::{Dbrps, RunError, Tasks};
use crate::world::World;

/// What is run.
#[derive(Debug, Clone)]
pub struct Job {
    /// Id of the task.
    pub id: String,
    pub script: String,
    pub kind: TaskKind,
    /// Databases and retention policies that the task reads, beside those its script says; none at all: all of the data's.
    pub dbrps: Dbrps,
    pub vars: Vars,
    /// Nodes whose points are results; empty: those without children, and `httpOut`.
    pub nodes: Vec<String>,
    /// Replicas of objects that exist from the start.
    pub replicas: Vec<(String, i64)>,
    /// Replicas of all other objects; `None`: there are no others.
    pub other_replicas: Option<i64>,
}

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The script is wrong; its rendering needs the source.
    #[error("{0}")]
    Script(DefineError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("there is no node {node}; there are {known}")]
    NoNode { node: String, known: String },
    #[error("the script is a {script} task and the data is for {data} tasks")]
    Kind {
        script: &'static str,
        data: &'static str,
    },
    #[error("the script has {queries} query nodes and there are recordings for {recordings}")]
    Recordings { queries: usize, recordings: usize },
    #[error("there is no point in the data")]
    Empty,
}

impl Classify for OfflineError {
    fn class(&self) -> Class {
        match self {
            Self::Run(error) => error.class(),
            _ => Class::User,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Summary {
    pub pipeline: Arc<Pipeline>,
    pub stats: TaskStats,
    /// Points of the data.
    pub points: usize,
    /// Points, or batches, that the task took.
    pub taken: u64,
    /// Time of the first point and the clock at the end.
    pub from: i64,
    pub to: i64,
}

/// Runs a job over data and hands out what happens as it does. Points go in one by one and the clock follows their
/// times, so that timers fire between them; at the end of the data the task's input ends.
pub fn run(job: &Job, data: &[Data], each: &mut dyn FnMut(Vec<Entry>)) -> Result<Summary, OfflineError> {
    let definition = define(&job.script, job.kind, &job.vars, Mode::Task).map_err(OfflineError::Script)?;
    let dbrps = dbrps(job, &definition, data);
    let pipeline = Arc::new(definition.pipeline);
    let start = data.iter().filter_map(Data::first_time).min();
    let start = start.ok_or(OfflineError::Empty)?;
    let world = World::new(start);
    for (object, replicas) in &job.replicas {
        world.orchestrator.set(object, *replicas);
    }
    if let Some(replicas) = job.other_replicas {
        world.orchestrator.set_others(replicas);
    }
    let id: Arc<str> = job.id.as_str().into();
    for (node, name) in results(&pipeline, &job.nodes)? {
        world.journal.watch(&id, node, name);
    }
    let mut tasks = Tasks::default();
    tasks.start(&job.id, Arc::clone(&pipeline), dbrps, &world)?;
    feed(&mut tasks, &pipeline, data, &world, each)?;
    tasks.finish(&world)?;
    each(world.journal.take());
    let stats = tasks
        .all()
        .first()
        .map(capstan_flow::Task::stats)
        .unwrap_or_default();
    let taken = match pipeline.edge() {
        EdgeType::Batch => pipeline
            .queries()
            .iter()
            .map(|query| stats.nodes[query.index()].collected)
            .sum(),
        _ => stats.nodes[pipeline.source().index()].collected,
    };
    Ok(Summary {
        stats,
        points: data.iter().map(Data::points).sum(),
        taken,
        from: start,
        to: capstan_base::Clock::now_nanos(&*world.clock),
        pipeline,
    })
}

/// What the script says, else what the job says, else whatever the data comes from.
fn dbrps(job: &Job, definition: &Definition, data: &[Data]) -> Dbrps {
    let said = definition.dbrps.iter().map(|dbrp| {
        let (database, policy) = (&*dbrp.database, &*dbrp.retention_policy);
        (Arc::from(database), Arc::from(policy))
    });
    let mut dbrps: Dbrps = said.chain(job.dbrps.iter().cloned()).collect();
    if dbrps.is_empty() {
        dbrps = data.iter().flat_map(Data::dbrps).collect();
    }
    dbrps.sort();
    dbrps.dedup();
    dbrps
}

/// The nodes whose points are results, with their names.
fn results(pipeline: &Pipeline, wanted: &[String]) -> Result<Vec<(NodeId, String)>, OfflineError> {
    let all = || {
        let named = |(at, config): (usize, &capstan_flow::NodeConfig)| (NodeId(at as u32), config.name());
        pipeline.nodes().iter().enumerate().map(named)
    };
    if wanted.is_empty() {
        let is_result = |(node, _): &(NodeId, String)| {
            let config = pipeline.node(*node);
            // Alerts and decisions are told by themselves, not as points.
            let told = matches!(config.spec.kind, "alert" | "k8s_autoscale" | "swarm_autoscale");
            config.spec.kind == "http_out" || config.children.is_empty() && !told
        };
        return Ok(all().filter(is_result).collect());
    }
    let find = |node: &String| {
        all()
            .find(|(_, name)| name == node)
            .ok_or_else(|| OfflineError::NoNode {
                node: node.clone(),
                known: all().map(|(_, name)| name).collect::<Vec<_>>().join(", "),
            })
    };
    wanted.iter().map(find).collect()
}

fn feed(
    tasks: &mut Tasks,
    pipeline: &Pipeline,
    data: &[Data],
    world: &World,
    each: &mut dyn FnMut(Vec<Entry>),
) -> Result<(), OfflineError> {
    let is_batch = pipeline.edge() == EdgeType::Batch;
    let mut recordings: Vec<&[RecordedBatch]> = Vec::new();
    for data in data {
        match data {
            Data::Stream(batches) if !is_batch => {
                for (time, point) in batches.iter().flat_map(data::single_points) {
                    tasks.pass(time, world)?;
                    tasks.collect(&point, world)?;
                    each(world.journal.take());
                }
            }
            Data::Batches(all) if is_batch => recordings.extend(all.iter().map(Vec::as_slice)),
            Data::Stream(_) => {
                return Err(OfflineError::Kind {
                    script: "batch",
                    data: "stream",
                });
            }
            Data::Batches(_) => {
                return Err(OfflineError::Kind {
                    script: "stream",
                    data: "batch",
                });
            }
        }
    }
    if !is_batch {
        return Ok(());
    }
    let queries = pipeline.queries();
    if recordings.len() != queries.len() {
        return Err(OfflineError::Recordings {
            queries: queries.len(),
            recordings: recordings.len(),
        });
    }
    let end = |batch: &RecordedBatch| batch.points.last().map_or(0, |point| point.time);
    let all = queries.iter().zip(recordings);
    let mut all: Vec<(NodeId, &RecordedBatch)> = all
        .flat_map(|(query, batches)| batches.iter().map(|batch| (*query, batch)))
        .collect();
    all.sort_by_key(|(_, batch)| end(batch));
    for (query, batch) in all {
        tasks.pass(batch.tmax.unwrap_or_else(|| end(batch)), world)?;
        tasks.collect_batch(query, 0, batch, world)?;
        each(world.journal.take());
    }
    Ok(())
}

//! A case against the engine.

use std::sync::Arc;

use capstan_base::Clock as _;
use capstan_flow::{EdgeType, Mode, NodeId, Pipeline, define};
use capstan_model::KeyTable;

use super::check::{self, History};
use super::diff::{Line, Mark};
use super::expect::{List, Rule};
use super::fact::Kind;
use super::{Case, Failure, Outcome, Step};
use crate::journal::Entry;
use crate::tasks::{Dbrps, Tasks};
use crate::world::World;

/// Id of the task.
const TASK: &str = "test";
/// The most results of one case.
const MAX_ENTRIES: usize = 5_000_000;

/// Runs a case.
pub fn run(case: &Case) -> Outcome {
    match attempt(case) {
        Ok(failures) => Outcome {
            error: None,
            failures,
        },
        Err(error) => Outcome {
            error: Some(error),
            failures: Vec::new(),
        },
    }
}

fn attempt(case: &Case) -> Result<Vec<Failure>, String> {
    let definition = define(&case.script.text, case.kind, &case.vars, Mode::Task)
        .map_err(|error| error.render(&case.script.text, &case.script.name))?;
    let said = definition.dbrps.iter().map(|dbrp| {
        let (database, policy) = (&*dbrp.database, &*dbrp.retention_policy);
        (Arc::from(database), Arc::from(policy))
    });
    let mut dbrps: Dbrps = case.dbrps.iter().cloned().chain(said).collect();
    if dbrps.is_empty() {
        dbrps.push((Arc::from("test"), Arc::from("autogen")));
    }
    let pipeline = Arc::new(definition.pipeline);
    let world = World::new(case.start);
    for (object, replicas) in &case.resources {
        world.orchestrator.set(object, *replicas);
    }
    let mut lists: Vec<(&List, Option<String>)> = Vec::new();
    for list in &case.expect.lists {
        let node = match &list.node {
            Some(node) => {
                let id = find(&pipeline, node)?;
                let name = pipeline.node(id).name();
                world.journal.watch(&Arc::from(TASK), id, name.as_str());
                Some(name)
            }
            None => None,
        };
        lists.push((list, node));
    }
    let mut tasks = Tasks::default();
    tasks
        .start(TASK, Arc::clone(&pipeline), dbrps.clone(), &world)
        .map_err(|error| error.to_string())?;
    let mut play = Play {
        case,
        pipeline: &pipeline,
        default: dbrps[0].clone(),
        tasks,
        world: &world,
        keys: Arc::default(),
        entries: Vec::new(),
        given: 0,
    };
    play.steps()?;
    let mut failures = Vec::new();
    failures.extend(play.untaken());
    let history = History::new(&play.entries);
    let silent = List {
        kind: Kind::Errors,
        node: None,
        at: case.at,
        rules: vec![Rule::Exactly(Vec::new())],
    };
    if !lists.iter().any(|(list, _)| list.kind == Kind::Errors) {
        let errors = history.of(Kind::Errors, None);
        failures.extend(
            check::list(&silent, &errors, case.start)
                .into_iter()
                .map(|failure| Failure {
                    what: "nodes complained, which no case expects unless it says `errors: any`".to_owned(),
                    at: None,
                    ..failure
                }),
        );
    }
    for (list, node) in lists {
        let got = history.of(list.kind, node.as_deref());
        failures.extend(check::list(list, &got, case.start));
    }
    for (object, pattern, at) in &case.expect.replicas {
        let got = world.orchestrator.replicas(object);
        let fact = got.map(|count| super::fact::Fact::Number(count as f64));
        if !pattern.holds(fact.as_ref()) {
            let got = got.map_or_else(|| "no such object".to_owned(), |count| count.to_string());
            failures.push(Failure {
                what: format!(
                    "replicas of {object}: expected {}, got {got}",
                    pattern.show(case.start)
                ),
                at: Some(*at),
                lines: Vec::new(),
            });
        }
    }
    Ok(failures)
}

/// The node a scenario means: by name, by the endpoint of an `httpOut`, or by kind or method if there is one such node.
fn find(pipeline: &Pipeline, word: &str) -> Result<NodeId, String> {
    let nodes = pipeline.nodes();
    let id = |at: usize| NodeId(at as u32);
    let named = nodes.iter().position(|node| node.name() == word);
    let published = |node: &capstan_flow::NodeConfig| {
        node.spec.kind == "http_out" && node.string_argument(0).trim_matches('/') == word.trim_matches('/')
    };
    if let Some(at) = named.or_else(|| nodes.iter().position(published)) {
        return Ok(id(at));
    }
    let alike: Vec<usize> = (0..nodes.len())
        .filter(|&at| nodes[at].spec.kind == word || nodes[at].spec.method == word)
        .collect();
    let names =
        |all: &mut dyn Iterator<Item = usize>| all.map(|at| nodes[at].name()).collect::<Vec<_>>().join(", ");
    match alike.as_slice() {
        [only] => Ok(id(*only)),
        [] => Err(format!(
            "there is no node or endpoint {word}; nodes are {}",
            names(&mut (0..nodes.len()))
        )),
        several => Err(format!(
            "there are several nodes {word}: say which, {}",
            names(&mut several.iter().copied())
        )),
    }
}

/// A case under way.
struct Play<'a> {
    case: &'a Case,
    pipeline: &'a Pipeline,
    /// Where points go that do not say.
    default: (Arc<str>, Arc<str>),
    tasks: Tasks,
    world: &'a World,
    keys: Arc<KeyTable>,
    entries: Vec<Entry>,
    /// Points and batches handed in.
    given: usize,
}

impl Play<'_> {
    fn steps(&mut self) -> Result<(), String> {
        for step in &self.case.steps {
            self.step(step)?;
            self.keep()?;
        }
        if self.case.finish {
            self.tasks.finish(self.world).map_err(|error| error.to_string())?;
            self.keep()?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let world = self.world;
        let text = |error: crate::tasks::RunError| error.to_string();
        match step {
            Step::Points(points) => {
                if self.pipeline.edge() == EdgeType::Batch {
                    return Err("the script is a batch task, which takes batches and no points".to_owned());
                }
                for point in points {
                    self.tasks.pass(point.row.time, world).map_err(text)?;
                    let batch = point.batch(&self.default, &self.keys);
                    self.tasks.collect(&batch, world).map_err(text)?;
                    self.given += 1;
                    self.keep()?;
                }
            }
            Step::Batches(batches) => {
                if self.pipeline.edge() != EdgeType::Batch {
                    return Err("the script is a stream task, which takes points and no batches".to_owned());
                }
                for fetched in batches {
                    let query = self.query(fetched.query.as_deref())?;
                    let last = fetched.batch.points.last().map_or(0, |point| point.time);
                    let end = fetched.batch.tmax.map_or(last, |tmax| tmax.max(last));
                    self.tasks.pass(end, world).map_err(text)?;
                    self.tasks
                        .collect_batch(query, 0, &fetched.batch, world)
                        .map_err(text)?;
                    self.given += 1;
                    self.keep()?;
                }
            }
            Step::Advance(nanos) => {
                let until = world.clock.now_nanos().saturating_add(*nanos);
                self.tasks.pass(until, world).map_err(text)?;
            }
            Step::Until(until) => self.tasks.pass(*until, world).map_err(text)?,
            Step::Scale(objects) => {
                for (object, replicas) in objects {
                    world.orchestrator.set(object, *replicas);
                }
                self.tasks.settle(world).map_err(text)?;
            }
            Step::Restart => self.tasks.restart(world).map_err(text)?,
        }
        Ok(())
    }

    fn query(&self, word: Option<&str>) -> Result<NodeId, String> {
        let queries = self.pipeline.queries();
        let name = |id: &NodeId| self.pipeline.node(*id).name();
        match word {
            None if queries.len() == 1 => Ok(queries[0]),
            None => Err(format!(
                "the script has several query nodes: say which, {}",
                queries.iter().map(name).collect::<Vec<_>>().join(", ")
            )),
            Some(word) => queries
                .iter()
                .copied()
                .find(|id| name(id) == word)
                .ok_or_else(|| {
                    format!(
                        "there is no query node {word}; there are {}",
                        queries.iter().map(name).collect::<Vec<_>>().join(", ")
                    )
                }),
        }
    }

    fn keep(&mut self) -> Result<(), String> {
        self.entries.append(&mut self.world.journal.take());
        if self.entries.len() > MAX_ENTRIES {
            return Err(format!("more than {MAX_ENTRIES} results"));
        }
        Ok(())
    }

    /// A script that reads nothing of what it is given is not tested.
    fn untaken(&self) -> Option<Failure> {
        let stats = self.tasks.all().first()?.stats();
        let source = stats.nodes.get(self.pipeline.source().index())?;
        if self.given == 0 || source.collected > 0 || self.pipeline.edge() == EdgeType::Batch {
            return None;
        }
        let reads = match self.pipeline.measurements() {
            Some(names) if !names.is_empty() => format!("the measurements {}", names.join(", ")),
            _ => "all measurements".to_owned(),
        };
        let (database, policy) = &self.default;
        Some(Failure {
            what: format!("the task took none of the {} points", self.given),
            at: Some(self.case.at),
            lines: vec![Line::new(
                Mark::Note,
                format!("it reads {reads}; points go to {database}.{policy} unless they say otherwise"),
            )],
        })
    }
}

use std::any::Any;
use std::sync::Arc;

use capstan_expr::{EvalError, State};
use capstan_hpa::cooldown::decide;
use capstan_hpa::record::Source;
use capstan_model::{Block, GroupId, KeyTable, Values};
use hashbrown::HashMap;

use super::mail::Arrived;
use super::memory;
use super::point::Point;
use super::resource::Resource;
use super::settings::{Name, Settings};
use super::telling::Said;
use crate::engine::build::Builder;
use crate::engine::mailbox::Mailbox;
use crate::group_state::{ByKey, PerGroup};
use crate::lambda::{self, Lambda};
use crate::message::{Barrier, Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::ports::Scaler;

/// What the node was doing when an error is counted, in Kapacitor's words.
pub(super) const MESSAGE: &str = "error handling point";

/// Points that wait for one resource.
pub(super) const WAITING: usize = 1_000;
/// Points that wait for all resources of the node.
const WAITING_IN_ALL: usize = 50_000;
/// Resources of one node. They are never forgotten (N-207), and tags may name any number.
const RESOURCES: usize = 10_000;
/// How long repeated holds are counted before they are told, in wall-clock nanoseconds.
const TELL_EVERY: i64 = 5_000_000_000;

/// Instead of the number of a resource: there is none.
const UNNAMED: u32 = u32::MAX;
const TOO_MANY: u32 = u32::MAX - 1;

/// Scales resources (N-190…N-205). What happens to one point stands in `turn.rs`.
#[derive(Debug)]
pub(super) struct K8sAutoscale {
    pub(super) settings: Settings,
    pub(super) lambda: Lambda,
    /// The current field's slot in the expression.
    pub(super) current_slot: Option<usize>,
    pub(super) scaler: Arc<dyn Scaler>,
    mailbox: Mailbox,
    pub(super) source: Source,
    pub(super) resources: Vec<Resource>,
    /// By kind and name.
    index: HashMap<(Arc<str>, Arc<str>), u32>,
    /// Resource by row key, when a tag names it.
    by_key: ByKey<u32>,
    pub(super) groups: PerGroup<GroupState>,
    /// Row keys of events.
    pub(super) keys: Arc<KeyTable>,
    pub(super) counts: Counts,
    /// Requests that are not answered.
    pub(super) requests: usize,
    /// Points that wait.
    pub(super) waiting: usize,
    /// When repeated holds are due to be told.
    tell_at: Option<i64>,
    finished: bool,
}

/// What the node keeps per group.
#[derive(Debug)]
pub(super) struct GroupState {
    pub(super) expression: State,
    /// Points of the group that wait or are being written.
    pub(super) outstanding: u32,
    /// A promise that these points' events must not break.
    pub(super) barrier: Option<Barrier>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) cooldown_drops: i64,
    pub(super) decreases: i64,
    pub(super) increases: i64,
    pub(super) dropped: i64,
}

/// The expression's results for the rows of a block.
enum Results {
    Replicas(Vec<i64>),
    Mixed(Vec<Option<Result<i64, EvalError>>>),
    /// They depend on the current replicas.
    Later,
}

impl K8sAutoscale {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let scaler = builder.ports.scaler.clone();
        Self::with(Settings::new(config), scaler, config, builder, |reason| {
            format!("cannot use the k8sAutoscale node, could not create kubernetes client: {reason}")
        })
    }

    /// The machine before a scaler; `no_client` words why there is none.
    pub(super) fn with(
        settings: Settings,
        scaler: Option<Arc<dyn Scaler>>,
        config: &NodeConfig,
        builder: &Builder<'_>,
        no_client: impl Fn(String) -> String,
    ) -> Result<Self, String> {
        let scaler = scaler.ok_or_else(|| no_client("service is not enabled".to_owned()))?;
        scaler.check(&settings.cluster).map_err(&no_client)?;
        let body = config
            .lambda("replicas")
            .ok_or("must provide a replicas lambda expression")?;
        let lambda = Lambda::compile(&body, &lambda::environment(builder.ports))
            .map_err(|error| format!("invalid replicas expression: {error}"))?;
        let references = lambda.compiled().references();
        let current = settings.current_field.as_ref();
        Ok(Self {
            current_slot: current.and_then(|field| references.iter().position(|name| name == field)),
            lambda,
            scaler,
            mailbox: builder.mailbox(),
            source: Source::task(&**builder.task, &**builder.name),
            resources: Vec::new(),
            index: HashMap::new(),
            by_key: ByKey::default(),
            groups: PerGroup::default(),
            keys: Arc::new(KeyTable::new()),
            counts: Counts::default(),
            requests: 0,
            waiting: 0,
            tell_at: None,
            finished: false,
            settings,
        })
    }

    /// The number of a resource; `None` when there are too many.
    pub(super) fn resource(&mut self, kind: &str, name: &str) -> Option<u32> {
        let target = self.settings.target(kind, name);
        let key = (Arc::clone(&target.kind), Arc::clone(&target.name));
        if let Some(&at) = self.index.get(&key) {
            return Some(at);
        }
        let at = u32::try_from(self.resources.len())
            .ok()
            .filter(|&at| (at as usize) < RESOURCES)?;
        self.resources
            .push(Resource::new(at, target, self.mailbox.clone()));
        self.index.insert(key, at);
        Some(at)
    }

    fn named(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return UNNAMED;
        }
        let kind = Arc::clone(&self.settings.kind);
        self.resource(&kind, name).unwrap_or(TOO_MANY)
    }

    /// Handles the rows of a block in order.
    fn rows(&mut self, ctx: &mut Context<'_>, block: &Block, group: impl Fn(usize) -> GroupId) {
        let mut results = self.evaluate(block, &group);
        let mut by_key = std::mem::take(&mut self.by_key);
        let mut known = by_key.table(&block.keys);
        let name = self.settings.name.clone();
        for row in 0..block.len() {
            let at = match &name {
                Name::Fixed(name) => known.get(0, || self.named(name)),
                Name::Tag(tag) => {
                    let key = block.key[row];
                    known.get(key, || self.named(block.keys.tags(key).get(tag).unwrap_or("")))
                }
            };
            match at {
                UNNAMED => ctx.error(MESSAGE, "could not determine the name of the resource"),
                TOO_MANY => ctx.error(
                    MESSAGE,
                    format_args!(
                        "the node scales {RESOURCES} resources already, further ones are left alone"
                    ),
                ),
                at => {
                    let at = self.forwarded(at);
                    let time = block.time[row];
                    let quick = match &results {
                        Results::Replicas(replicas) => self.holds(ctx, at, time, replicas[row]),
                        Results::Mixed(results) => match &results[row] {
                            Some(Ok(replicas)) => self.holds(ctx, at, time, *replicas),
                            _ => false,
                        },
                        Results::Later => false,
                    };
                    if !quick {
                        let result = match &mut results {
                            Results::Replicas(replicas) => Some(Ok(replicas[row])),
                            Results::Mixed(results) => results[row].take(),
                            Results::Later => None,
                        };
                        let point = Point::new(self.lambda.compiled(), block, row, group(row), result);
                        self.arrive(ctx, at, point);
                    }
                }
            }
        }
        self.by_key = by_key;
    }

    /// Evaluates all rows on arrival, so that functions that count see a group's points in order whatever waits. With a
    /// current field this has to wait for the resource.
    fn evaluate(&mut self, block: &Block, group: &impl Fn(usize) -> GroupId) -> Results {
        let fresh = self.lambda.state();
        let new = || GroupState {
            expression: fresh.clone(),
            outstanding: 0,
            barrier: None,
        };
        if self.current_slot.is_some() {
            for row in 0..block.len() {
                self.groups.entry(group(row), new);
            }
            return Results::Later;
        }
        let bound = self.lambda.bind(block);
        if let Some(Values::Int(replicas)) = bound.columns(&|_| None) {
            for row in 0..block.len() {
                self.groups.entry(group(row), new);
            }
            return Results::Replicas(replicas);
        }
        let row = |row: usize| {
            let state = &mut self.groups.entry(group(row), new).expression;
            Some(
                bound
                    .row(row, &[])
                    .and_then(|scope| bound.compiled().eval_int(state, &scope)),
            )
        };
        Results::Mixed((0..block.len()).map(row).collect())
    }

    /// The usual point: nothing is to be done, or it repeats what was held before. Cheap, because a task sees many.
    #[inline]
    fn holds(&mut self, ctx: &Context<'_>, at: u32, time: i64, raw: i64) -> bool {
        let scale_owner = self.settings.scale_owner;
        let resource = &mut self.resources[at as usize];
        let Some(current) = resource
            .ready()
            .filter(|state| !scale_owner || state.owner.is_none())
        else {
            return false;
        };
        let decision = decide(
            &resource.cooldown,
            &self.settings.limits,
            time,
            current.replicas,
            raw,
        );
        let Some(hold) = decision.hold else { return false };
        if decision.is_notable() {
            if !resource.telling.repeat(&Said::held(&decision, hold), time) {
                return false;
            }
            self.counts.cooldown_drops += i64::from(hold.is_cooldown());
            self.tell_soon(ctx);
        }
        true
    }

    /// Has repeated holds told some time from now.
    pub(super) fn tell_soon(&mut self, ctx: &Context<'_>) {
        if self.tell_at.is_none() {
            self.tell_at = Some(ctx.now().saturating_add(TELL_EVERY));
        }
    }

    /// Where points of a resource go.
    fn forwarded(&self, at: u32) -> u32 {
        let mut at = at;
        // Owners of owners; more than a few can only be a ring.
        for _ in 0..4 {
            match self.resources[at as usize].forward {
                Some(owner) => at = owner,
                None => break,
            }
        }
        at
    }

    /// Lets a point queue up for its resource.
    fn arrive(&mut self, ctx: &mut Context<'_>, at: u32, point: Point) {
        let resource = &mut self.resources[at as usize];
        let (own, all) = (resource.waiting.len(), self.waiting);
        if own >= WAITING || (all >= WAITING_IN_ALL && resource.flight.is_some()) {
            self.counts.dropped += 1;
            let (id, waiting) = (resource.id(), own.min(WAITING));
            ctx.error(
                MESSAGE,
                format_args!(
                    "point dropped: {waiting} wait for {id:?} already, which the API server has not answered"
                ),
            );
            return;
        }
        if let Some(group) = self.groups.get_mut(point.group) {
            group.outstanding += 1;
        }
        resource.waiting.push_back(point);
        self.waiting += 1;
        self.run(ctx, at);
    }

    /// A point that had queued up is done with.
    pub(super) fn done(&mut self, ctx: &mut Context<'_>, group: GroupId) {
        let Some(group) = self.groups.get_mut(group) else {
            return;
        };
        group.outstanding = group.outstanding.saturating_sub(1);
        if group.outstanding == 0
            && let Some(barrier) = group.barrier.take()
        {
            ctx.emit(Message::Barrier(barrier));
        }
    }

    fn tell_rest(&mut self) {
        for resource in &mut self.resources {
            resource.telling.flush(&*self.scaler);
        }
    }
}

impl Node for K8sAutoscale {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        self.rows(ctx, &points.block, |row| points.groups[row]);
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let expression = self.lambda.state();
        self.groups.entry(batch.group, || GroupState {
            expression,
            outstanding: 0,
            barrier: None,
        });
        self.rows(ctx, &batch.rows, |_| batch.group);
        Ok(())
    }

    /// Holds the promise back while an event of an earlier point may still come.
    fn barrier(&mut self, ctx: &mut Context<'_>, barrier: Barrier) -> Outcome {
        match self.groups.get_mut(barrier.group) {
            Some(group) if group.outstanding > 0 => group.barrier = Some(barrier),
            _ => ctx.emit(Message::Barrier(barrier)),
        }
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn complete(&mut self, ctx: &mut Context<'_>, answer: Box<dyn Any + Send>) -> Outcome {
        if let Ok(arrived) = answer.downcast::<Arrived>() {
            let Arrived(at) = *arrived;
            if let Some(resource) = self.resources.get(at as usize) {
                resource.mail.heard();
                self.run(ctx, at);
            }
        }
        if self.finished {
            self.tell_rest();
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        self.requests
    }

    fn next_timer(&self) -> Option<i64> {
        self.tell_at
    }

    fn timer(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        self.tell_at = None;
        for resource in &mut self.resources {
            resource.telling.flush_holds(&*self.scaler);
        }
        Ok(())
    }

    /// What is under way is answered later: the engine takes answers in after the end of the input, too.
    fn finish(&mut self, ctx: &mut Context<'_>) -> Outcome {
        for at in 0..self.resources.len() as u32 {
            self.run(ctx, at);
        }
        self.finished = true;
        self.tell_rest();
        Ok(())
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn stats(&self) -> Vec<i64> {
        let Counts {
            cooldown_drops,
            decreases,
            increases,
            dropped,
        } = self.counts;
        let mut stats = vec![cooldown_drops, decreases, increases];
        // Kapacitor has no such statistic; whoever compares sees it only when there is something to see.
        stats.extend((dropped > 0).then_some(dropped));
        stats
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        memory::snapshot(self, groups)
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        memory::restore(self, state, groups)
    }

    fn forget_keys(&mut self) -> bool {
        self.by_key.clear();
        // What waits for an answer knows its group.
        self.requests == 0 && self.waiting == 0
    }
}

//! One node with everything around it.

use std::sync::Arc;
use std::time::Duration;

use capstan_base::VirtualClock;
use capstan_model::{Block, BlockBuilder, Dimensions, GroupId, Groups, KeyTable, Tags, ValueRef};
use parking_lot::Mutex;

use super::fake::Fake;
use crate::engine::build::Builder;
use crate::engine::context::Context;
use crate::engine::errors::ErrorLog;
use crate::engine::mailbox::Inbox;
use crate::engine::snapshot::{RestoreGroups, SnapshotGroups, StoredGroup};
use crate::message::{Message, PointBatch, Points};
use crate::node::{Node, Outcome};
use crate::pipeline::Pipeline;
use crate::ports::{DataEvent, LogLevel, LogSink, NodeErrorEvent, Ports, Scaler};
use crate::script::{Mode, TaskKind, Vars, define};

pub(super) const SECOND: i64 = 1_000_000_000;

/// Seconds, tags, the field `want`.
pub(super) type Row<'a> = (i64, &'a [(&'a str, &'a str)], ValueRef<'a>);

/// Keeps what is logged.
#[derive(Debug, Default)]
pub(super) struct Logged(Mutex<Vec<String>>);

impl LogSink for Logged {
    fn node_error(&self, event: &NodeErrorEvent<'_>) {
        self.0.lock().push(event.error.to_owned());
    }

    fn data(&self, _: &str, _: &str, _: LogLevel, _: &str, _: DataEvent<'_>) {}
}

pub(super) struct Rig {
    pub(super) node: Box<dyn Node>,
    pub(super) clock: Arc<VirtualClock>,
    pub(super) out: Vec<Message>,
    groups: Groups,
    errors: ErrorLog,
    ports: Ports,
    inbox: Arc<Inbox>,
    logged: Arc<Logged>,
    task: Arc<str>,
    name: Arc<str>,
    keys: Arc<KeyTable>,
    /// Tags that group, sorted.
    pub(super) dimensions: Vec<&'static str>,
}

pub(super) fn pipeline(properties: &str) -> Result<Pipeline, String> {
    let script = format!("stream|from()|k8sAutoscale(){properties}");
    define(&script, TaskKind::Auto, &Vars::new(), Mode::Task)
        .map(|definition| definition.pipeline)
        .map_err(|error| error.to_string())
}

impl Rig {
    pub(super) fn new(properties: &str, fake: &Arc<Fake>) -> Self {
        let scaler: Arc<dyn Scaler> = Arc::<Fake>::clone(fake);
        Self::try_new(properties, Some(scaler)).expect("the node starts")
    }

    pub(super) fn try_new(properties: &str, scaler: Option<Arc<dyn Scaler>>) -> Result<Self, String> {
        let clock = VirtualClock::at(1_700_000_000 * SECOND);
        let logged = Arc::new(Logged::default());
        let mut ports = Ports::offline(Arc::<VirtualClock>::clone(&clock));
        ports.log = Arc::<Logged>::clone(&logged);
        ports.scaler = scaler;
        let pipeline = pipeline(properties)?;
        let inbox = Inbox::new(Arc::new(|| {}));
        let (task, name): (Arc<str>, Arc<str>) = ("task".into(), "k8s_autoscale2".into());
        let order = pipeline.order();
        let at = order[order.len() - 1];
        let config = pipeline.node(at);
        let mut builder = Builder {
            task: &task,
            name: &name,
            dbrps: &[],
            pipeline: &pipeline,
            ports: &ports,
            node: at,
            inbox: &inbox,
            watched: &mut Vec::new(),
        };
        let node = (config.spec.build)(config, &mut builder)?;
        Ok(Self {
            node,
            clock,
            out: Vec::new(),
            groups: Groups::default(),
            errors: ErrorLog::default(),
            ports,
            inbox,
            logged,
            task,
            name,
            keys: Arc::new(KeyTable::new()),
            dimensions: Vec::new(),
        })
    }

    pub(super) fn call(&mut self, call: impl FnOnce(&mut dyn Node, &mut Context<'_>) -> Outcome) {
        let mut ctx = Context {
            groups: &mut self.groups,
            out: &mut self.out,
            errors: &mut self.errors,
            ports: &self.ports,
            task: &self.task,
            node: &self.name,
            quiet: false,
            by_name: false,
        };
        call(&mut *self.node, &mut ctx).expect("the node goes on");
    }

    /// A block of points: seconds, tags and the field `want`; a null leaves it out.
    pub(super) fn block(&self, rows: &[Row<'_>]) -> Block {
        let mut block = BlockBuilder::new("requests", Arc::clone(&self.keys));
        for (time, tags, want) in rows {
            block.row(
                time * SECOND,
                self.keys.intern(&Tags::from_pairs(tags.iter().copied())),
            );
            if !matches!(want, ValueRef::Null) {
                block.field("want", *want);
            }
        }
        block.finish()
    }

    pub(super) fn group(&mut self, tags: &Tags) -> GroupId {
        let tag_names = self.dimensions.iter().map(|&tag| Arc::from(tag)).collect();
        self.groups.intern(
            &Dimensions {
                by_name: false,
                tags: tag_names,
            },
            "requests",
            tags,
        )
    }

    pub(super) fn rows(&mut self, rows: &[Row<'_>]) {
        let block = self.block(rows);
        let groups = (0..block.len()).map(|row| self.group(&block.tags(row))).collect();
        let points = Points {
            block: Arc::new(block),
            groups: Arc::new(groups),
        };
        self.call(|node, ctx| node.points(ctx, points));
    }

    pub(super) fn batch(&mut self, rows: &[Row<'_>]) {
        let block = self.block(rows);
        let group = self.group(&Tags::EMPTY);
        let batch = PointBatch {
            name: "requests".into(),
            group,
            tmax: 0,
            rows: Arc::new(block),
        };
        self.call(|node, ctx| node.batch(ctx, Arc::new(batch)));
    }

    /// One point without tags.
    pub(super) fn point(&mut self, seconds: i64, want: i64) {
        self.rows(&[(seconds, &[], ValueRef::Int(want))]);
    }

    /// One point of an app.
    pub(super) fn app(&mut self, seconds: i64, app: &str, want: i64) {
        self.rows(&[(seconds, &[("app", app)], ValueRef::Int(want))]);
    }

    /// Hands over the answers that arrived; says how many announcements there were.
    pub(super) fn complete(&mut self) -> usize {
        let answers = self.inbox.take();
        let count = answers.len();
        for (_, answer) in answers {
            self.call(|node, ctx| node.complete(ctx, answer));
        }
        count
    }

    pub(super) fn overflowed(&self) -> bool {
        self.inbox.overflowed()
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Time in seconds, old, new of each event so far.
    pub(super) fn events(&self) -> Vec<(i64, i64, i64)> {
        let int = |block: &Block, field: &str, row| match block.field(field, row) {
            Some(ValueRef::Int(value)) => value,
            other => panic!("{field}: {other:?}"),
        };
        let blocks = self.out.iter().filter_map(|message| match message {
            Message::Points(points) => Some(&points.block),
            _ => None,
        });
        blocks
            .flat_map(|block| {
                (0..block.len()).map(|row| {
                    (
                        block.time[row] / SECOND,
                        int(block, "old", row),
                        int(block, "new", row),
                    )
                })
            })
            .collect()
    }

    pub(super) fn errors(&self) -> u64 {
        self.errors.total()
    }

    pub(super) fn last_error(&self) -> String {
        self.errors
            .recent()
            .last()
            .map(|entry| entry.error.clone())
            .unwrap_or_default()
    }

    pub(super) fn logged(&self) -> Vec<String> {
        self.logged.0.lock().clone()
    }

    /// cooldown_drops, decrease_events, increase_events.
    pub(super) fn counts(&self) -> Vec<i64> {
        self.node.stats()
    }

    /// What another node, after a restart, remembers of this one.
    pub(super) fn restart(&mut self, properties: &str, fake: &Arc<Fake>) -> Self {
        let mut groups = SnapshotGroups::new(&self.groups);
        let state = self
            .node
            .snapshot(&mut groups)
            .expect("there is something to remember");
        let mut text = Vec::new();
        groups.write(&mut text).expect("memory takes it");
        let stored: Vec<StoredGroup> = serde_json::from_slice(&text).expect("it is JSON");
        let mut fresh = Self::new(properties, fake);
        fresh.dimensions.clone_from(&self.dimensions);
        let ids = RestoreGroups::ids(&mut fresh.groups, &stored);
        fresh
            .node
            .restore(&state, &RestoreGroups::new(ids, &fresh.groups))
            .expect("it can be read back");
        fresh
    }
}

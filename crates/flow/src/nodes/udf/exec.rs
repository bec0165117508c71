use std::any::Any;
use std::sync::Arc;

use capstan_model::{Block, Dimensions, Group, GroupId, Value};
use serde::{Deserialize, Serialize};

use crate::engine::build::Builder;
use crate::engine::mailbox::Mailbox;
use crate::message::{Barrier, Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, NodeError, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::{EdgeType, NodeConfig};
use crate::ports::udf::{UDF_QUEUE, Udf, UdfBatch, UdfEvent, UdfInput, UdfPoint, UdfRun, UdfSession};
use crate::rows::{OutputRows, OwnKeys, block};

/// Points that may wait at most; only who ignores that the task is busy gets there.
const MAX_WAITING: usize = 4 << 20;

/// Hands data to a function and gives what it answers (N-101). Barriers and deletions of groups end here, as the
/// function decides what its groups are.
pub(super) struct UdfNode {
    port: Arc<dyn Udf>,
    run: UdfRun,
    provides: EdgeType,
    mailbox: Mailbox,
    session: Option<Box<dyn UdfSession>>,
    /// The function's latest snapshot.
    snapshot: Option<Vec<u8>>,
    /// A snapshot was asked for.
    asked: bool,
    /// The input ended; the output has not yet.
    ending: bool,
    keys: OwnKeys,
}

/// What the node keeps over a restart.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// The function's snapshot in hexadecimal.
    function: String,
}

impl UdfNode {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let call = config.function.as_ref().ok_or("the node names no function")?;
        let port = builder.ports.udf.clone();
        Ok(Self {
            port: port.ok_or_else(|| format!("no such UDF {}", call.name))?,
            run: UdfRun {
                function: Arc::clone(&call.name),
                task: Arc::clone(builder.task),
                node: Arc::clone(builder.name),
                options: call.options.clone(),
            },
            provides: config.provides,
            mailbox: builder.mailbox(),
            session: None,
            snapshot: None,
            asked: false,
            ending: false,
            keys: OwnKeys::default(),
        })
    }

    fn send(&self, input: UdfInput) -> Outcome {
        let Some(session) = &self.session else {
            return Ok(());
        };
        if session.waiting() > MAX_WAITING {
            let message = format!("more than {MAX_WAITING} points wait for the function");
            return Err(NodeError(message));
        }
        session.send(input);
        Ok(())
    }

    /// The function gives what it said it would, or it ends the task.
    fn check(&self, given: EdgeType) -> Outcome {
        if self.provides == given {
            return Ok(());
        }
        Err(NodeError(format!(
            "the function gives a {}, but says that it provides a {}",
            given.as_str(),
            self.provides.as_str()
        )))
    }

    fn emit_points(&self, ctx: &mut Context<'_>, points: &[UdfPoint]) {
        // Blocks are of one source.
        let same =
            |a: &UdfPoint, b: &UdfPoint| a.database == b.database && a.retention_policy == b.retention_policy;
        for run in points.chunk_by(same) {
            let mut rows = OutputRows::new(Arc::clone(self.keys.table()));
            for point in run {
                let group = ctx.groups.intern(&point.dimensions, &point.name, &point.tags);
                rows.row(&point.name, point.time, self.keys.of_tags(&point.tags), group);
                for (name, value) in &point.fields {
                    rows.field(name, value.as_ref());
                }
            }
            for message in rows.finish() {
                ctx.emit(from_source(message, &run[0]));
            }
        }
    }

    fn emit_batch(&self, ctx: &mut Context<'_>, batch: &UdfBatch) {
        let dimensions = Dimensions {
            by_name: batch.by_name,
            tags: batch.tags.iter().map(|(key, _)| Arc::from(key)).collect(),
        };
        let group = ctx.groups.intern(&dimensions, &batch.name, &batch.tags);
        let mut rows = OutputRows::new(Arc::clone(self.keys.table()));
        for point in &batch.points {
            rows.row(&batch.name, point.time, self.keys.of_tags(&point.tags), group);
            for (name, value) in &point.fields {
                rows.field(name, value.as_ref());
            }
        }
        let rows = if batch.points.is_empty() {
            let (name, keys) = (Arc::clone(&batch.name), Arc::clone(self.keys.table()));
            Arc::new(block(name, keys, Vec::new(), Vec::new(), Vec::new()))
        } else {
            rows.single(&batch.name)
        };
        ctx.emit(Message::Batch(Arc::new(PointBatch {
            name: Arc::clone(&batch.name),
            group,
            tmax: batch.tmax,
            rows,
        })));
    }
}

impl Node for UdfNode {
    fn start(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        let mailbox = self.mailbox.clone();
        let sink = Arc::new(move |event: UdfEvent| mailbox.post(event));
        let session = self.port.open(self.run.clone(), sink).map_err(NodeError)?;
        self.session = Some(session);
        if let Some(snapshot) = &self.snapshot {
            self.send(UdfInput::Restore(snapshot.clone()))?;
        }
        Ok(())
    }

    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let block = &points.block;
        // Points of one group mostly come together.
        let mut last: Option<(GroupId, Arc<str>)> = None;
        let point = |row: usize| {
            let id = points.groups[row];
            let group = ctx.group(id);
            let name = match &last {
                Some((known, name)) if *known == id => Arc::clone(name),
                _ => Arc::from(group.id()),
            };
            last = Some((id, Arc::clone(&name)));
            UdfPoint {
                time: block.time[row],
                name: Arc::clone(&block.name),
                database: Arc::clone(&block.database),
                retention_policy: Arc::clone(&block.retention_policy),
                group: name,
                dimensions: Arc::clone(group.dimensions()),
                tags: block.keys.tags(block.key[row]).clone(),
                fields: fields(block, row),
            }
        };
        let points = (0..block.len()).map(point).collect();
        self.send(UdfInput::Points(points))
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let group: &Group = ctx.group(batch.group);
        let rows = &batch.rows;
        let nothing: Arc<str> = Arc::from("");
        let (id, dimensions): (Arc<str>, _) = (group.id().into(), Arc::default());
        let point = |row: usize| UdfPoint {
            time: rows.time[row],
            name: Arc::clone(&nothing),
            database: Arc::clone(&nothing),
            retention_policy: Arc::clone(&nothing),
            group: Arc::clone(&id),
            dimensions: Arc::clone(&dimensions),
            tags: rows.keys.tags(rows.key[row]).clone(),
            fields: fields(rows, row),
        };
        self.send(UdfInput::Batch(UdfBatch {
            name: Arc::clone(&batch.name),
            group: Arc::clone(&id),
            by_name: group.dimensions().by_name,
            tags: group.tags.clone(),
            tmax: batch.tmax,
            points: (0..rows.len()).map(point).collect(),
        }))
    }

    fn barrier(&mut self, _ctx: &mut Context<'_>, _barrier: Barrier) -> Outcome {
        Ok(())
    }

    fn delete_group(&mut self, _ctx: &mut Context<'_>, _group: GroupId) -> Outcome {
        Ok(())
    }

    fn complete(&mut self, ctx: &mut Context<'_>, answer: Box<dyn Any + Send>) -> Outcome {
        let Ok(event) = answer.downcast::<UdfEvent>() else {
            return Ok(());
        };
        match *event {
            UdfEvent::Points(points, _hold) => {
                self.check(EdgeType::Stream)?;
                self.emit_points(ctx, &points);
            }
            UdfEvent::Batch(batch, _hold) => {
                self.check(EdgeType::Batch)?;
                self.emit_batch(ctx, &batch);
            }
            UdfEvent::Snapshot(snapshot) => {
                self.asked = false;
                self.snapshot = Some(snapshot);
            }
            UdfEvent::Room => {}
            UdfEvent::Ended => {
                self.session = None;
                (self.asked, self.ending) = (false, false);
            }
            UdfEvent::Failed(error) => {
                self.session = None;
                (self.asked, self.ending) = (false, false);
                ctx.error("encountered error", &error);
                return Err(NodeError(error));
            }
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        usize::from(self.asked) + usize::from(self.ending)
    }

    fn busy(&self) -> bool {
        let waiting = self.session.as_ref().map_or(0, |session| session.waiting());
        waiting > UDF_QUEUE
    }

    fn prepare_snapshot(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        if self.session.is_some() && !self.asked {
            self.asked = true;
            self.send(UdfInput::Snapshot)?;
        }
        Ok(())
    }

    fn finish(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        if self.session.is_some() {
            self.ending = true;
            self.send(UdfInput::End)?;
        }
        Ok(())
    }

    fn is_preparing(&self) -> bool {
        self.asked
    }

    fn snapshot(&self, _groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        // A function that keeps nothing gives nothing, and is asked to restore nothing.
        let snapshot = self.snapshot.as_ref().filter(|snapshot| !snapshot.is_empty())?;
        let function = to_hex(snapshot);
        serde_json::value::to_raw_value(&Stored { function }).ok()
    }

    fn restore(&mut self, state: &JsonText, _groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Stored = serde_json::from_str(state.get())?;
        let snapshot = from_hex(&stored.function)
            .ok_or_else(|| serde::de::Error::custom("the function's snapshot is not hexadecimal"))?;
        if let Some(session) = &self.session {
            session.send(UdfInput::Restore(snapshot.clone()));
        }
        self.snapshot = Some(snapshot);
        Ok(())
    }
}

/// The fields of a row that have a value.
fn fields(block: &Block, row: usize) -> Vec<(Arc<str>, Value)> {
    let field = |column: &capstan_model::Column| {
        let value = column.get(row)?.to_value();
        (value != Value::Null).then(|| (Arc::clone(&column.name), value))
    };
    block.columns.iter().filter_map(field).collect()
}

/// The message with the database and retention policy of a point.
fn from_source(message: Message, point: &UdfPoint) -> Message {
    match message {
        Message::Points(points) => Message::Points(Points {
            block: Arc::new(Block {
                database: Arc::clone(&point.database),
                retention_policy: Arc::clone(&point.retention_policy),
                ..Block::clone(&points.block)
            }),
            groups: points.groups,
        }),
        other => other,
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

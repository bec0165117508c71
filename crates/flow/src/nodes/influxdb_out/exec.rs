use std::any::Any;
use std::sync::Arc;

use capstan_gocompat::duration;
use capstan_influxql::query::quote_identifier;
use capstan_model::{Block, Tags, ValueRef, line_protocol};
use serde::{Deserialize, Serialize};

use super::precision;
use super::queue::{Queue, Written};
use crate::engine::build::Builder;
use crate::engine::mailbox::Mailbox;
use crate::message::{Barrier, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::ports::WriteRequest;
use crate::script::Value;

const DEFAULT_BUFFER: usize = 1_000;
const DEFAULT_FLUSH_INTERVAL: i64 = 10_000_000_000;

/// Points that wait for one place.
#[derive(Debug)]
struct Buffer {
    database: Arc<str>,
    policy: Arc<str>,
    points: usize,
    body: String,
}

/// Collects points and writes them in pieces (N-166).
#[derive(Debug)]
pub(super) struct InfluxDbOut {
    database: Option<Arc<str>>,
    policy: Option<Arc<str>>,
    measurement: Option<Arc<str>>,
    consistency: Arc<str>,
    /// The unit's name and length; the text says what is wrong with the script's.
    precision: Result<(Arc<str>, i64), String>,
    tags: Vec<(Arc<str>, Arc<str>)>,
    size: usize,
    interval: i64,
    create: bool,
    buffers: Vec<Buffer>,
    queue: Queue,
    next_flush: Option<i64>,
}

/// Points in a snapshot; what was under way may be written twice, which InfluxDB does not mind.
#[derive(Debug, Serialize, Deserialize)]
struct Unwritten {
    database: String,
    policy: String,
    points: usize,
    body: String,
}

/// The answer to the statement that creates the database.
struct Created(Result<(), String>);

impl InfluxDbOut {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let word = |name| config.string(name).filter(|text| !text.is_empty());
        let cluster = word("cluster").unwrap_or_else(|| Arc::from(""));
        let Some(port) = builder.ports.influx_write.clone() else {
            return Err("no InfluxDB cluster configured cannot use the InfluxDBOutNode".to_owned());
        };
        port.check(&cluster)
            .map_err(|error| format!("failed to get InfluxDB client: {error}"))?;
        let mut tags: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for call in config.calls("tag") {
            if let [Value::String(key), Value::String(value)] = call {
                tags.retain(|(known, _)| known != key);
                tags.push((Arc::clone(key), Arc::clone(value)));
            }
        }
        let size = match config.property("buffer") {
            Some(_) => usize::try_from(config.int("buffer")).unwrap_or(0),
            None => DEFAULT_BUFFER,
        };
        let interval = match config.property("flushInterval") {
            Some(_) => config.duration("flushInterval"),
            None => DEFAULT_FLUSH_INTERVAL,
        };
        Ok(Self {
            database: word("database"),
            policy: word("retentionPolicy"),
            measurement: word("measurement"),
            consistency: word("writeConsistency").unwrap_or_else(|| Arc::from("")),
            precision: precision::parse(word("precision").as_deref().unwrap_or("ns")),
            tags,
            size,
            interval,
            create: config.flag("create"),
            buffers: Vec::new(),
            queue: Queue::new(port, cluster, builder.mailbox()),
            next_flush: None,
        })
    }

    /// Puts a row where it will be written from; writes when enough wait there, unless more of a batch follow.
    fn add(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        row: usize,
        tags: &Tags,
        from: (&Arc<str>, &Arc<str>),
    ) {
        let unit = match &self.precision {
            Ok((_, unit)) => *unit,
            Err(error) => {
                ctx.error("failed to write points to InfluxDB", error);
                return;
            }
        };
        let database = self.database.as_ref().unwrap_or(from.0);
        let policy = self.policy.as_ref().unwrap_or(from.1);
        let at = self
            .buffers
            .iter()
            .position(|buffer| buffer.database == *database && buffer.policy == *policy)
            .unwrap_or_else(|| {
                self.buffers.push(Buffer {
                    database: Arc::clone(database),
                    policy: Arc::clone(policy),
                    points: 0,
                    body: String::new(),
                });
                self.buffers.len() - 1
            });
        let buffer = &mut self.buffers[at];
        let name = self.measurement.as_ref().unwrap_or(&block.name);
        // A duration is written as its text, as Kapacitor's client does.
        let durations: Vec<(&str, String)> = block
            .fields(row)
            .filter_map(|(name, value)| match value {
                ValueRef::Duration(nanos) => Some((name, duration::format_go(nanos))),
                _ => None,
            })
            .collect();
        let fields = block.fields(row).map(|(name, value)| {
            let text = durations.iter().find(|(known, _)| *known == name);
            (name, text.map_or(value, |(_, text)| ValueRef::Str(text)))
        });
        if line_protocol::append_point(&mut buffer.body, name, tags, fields, block.time[row] / unit) {
            buffer.points += 1;
        }
    }

    fn with_tags(&self, tags: Tags) -> Tags {
        if self.tags.is_empty() {
            return tags;
        }
        let own = self.tags.iter().map(|(key, value)| (&**key, &**value));
        Tags::from_pairs(tags.iter().chain(own))
    }

    /// Writes the buffers that hold at least `least` points.
    fn flush(&mut self, ctx: &mut Context<'_>, least: usize) {
        let Ok((precision, _)) = &self.precision else {
            return;
        };
        for buffer in self
            .buffers
            .iter_mut()
            .filter(|buffer| buffer.points > 0 && buffer.points >= least)
        {
            self.queue.push(
                ctx,
                WriteRequest {
                    database: Arc::clone(&buffer.database),
                    retention_policy: Arc::clone(&buffer.policy),
                    consistency: Arc::clone(&self.consistency),
                    precision: Arc::clone(precision),
                    points: std::mem::take(&mut buffer.points),
                    body: std::mem::take(&mut buffer.body),
                },
            );
        }
    }

    fn flush_full(&mut self, ctx: &mut Context<'_>) {
        let least = if self.interval > 0 { self.size } else { 0 };
        self.flush(ctx, least);
    }
}

impl Node for InfluxDbOut {
    fn start(&mut self, ctx: &mut Context<'_>) -> Outcome {
        if self.interval > 0 {
            self.next_flush = Some(ctx.now().saturating_add(self.interval));
        }
        if self.create {
            let database = self.database.as_deref().unwrap_or_default();
            let mut command = format!("CREATE DATABASE {}", quote_identifier(database));
            if let Some(policy) = &self.policy {
                command.push_str(" WITH NAME ");
                command.push_str(&quote_identifier(policy));
            }
            let mailbox: Mailbox = self.queue.mailbox().clone();
            self.queue
                .execute(command, Box::new(move |result| mailbox.post(Created(result))));
        }
        Ok(())
    }

    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let block = &points.block;
        for row in 0..block.len() {
            let tags = self.with_tags(block.tags(row));
            self.add(ctx, block, row, &tags, (&block.database, &block.retention_policy));
            self.flush_full(ctx);
        }
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        // Batches come from nowhere (N-166).
        let nowhere: Arc<str> = Arc::from("");
        for row in 0..batch.rows.len() {
            let tags = self.with_tags(batch.rows.tags(row));
            self.add(ctx, &batch.rows, row, &tags, (&nowhere, &nowhere));
        }
        self.flush_full(ctx);
        Ok(())
    }

    fn barrier(&mut self, _ctx: &mut Context<'_>, _barrier: Barrier) -> Outcome {
        Ok(())
    }

    fn complete(&mut self, ctx: &mut Context<'_>, answer: Box<dyn Any + Send>) -> Outcome {
        match answer.downcast::<Written>() {
            Ok(written) => self.queue.written(ctx, *written),
            Err(other) => {
                if let Ok(created) = other.downcast::<Created>() {
                    if let Err(error) = created.0 {
                        ctx.error("failed to create database", error);
                    }
                    self.queue.executed();
                }
            }
        }
        Ok(())
    }

    fn next_timer(&self) -> Option<i64> {
        [self.next_flush, self.queue.retry_at()]
            .into_iter()
            .flatten()
            .min()
    }

    fn timer(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let now = ctx.now();
        if self.next_flush.is_some_and(|due| due <= now) {
            self.next_flush = Some(now.saturating_add(self.interval));
            self.flush(ctx, 0);
            self.queue.send();
        }
        self.queue.retry(now);
        Ok(())
    }

    fn finish(&mut self, ctx: &mut Context<'_>) -> Outcome {
        self.next_flush = None;
        self.flush(ctx, 0);
        self.queue.finish();
        Ok(())
    }

    fn pending(&self) -> usize {
        self.queue.pending()
    }

    fn stats(&self) -> Vec<i64> {
        self.queue.stats()
    }

    fn snapshot(&self, _groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let unwritten: Vec<Unwritten> = self
            .queue
            .waiting()
            .map(|request| Unwritten {
                database: request.database.to_string(),
                policy: request.retention_policy.to_string(),
                points: request.points,
                body: request.body.clone(),
            })
            .chain(
                self.buffers
                    .iter()
                    .filter(|buffer| buffer.points > 0)
                    .map(|buffer| Unwritten {
                        database: buffer.database.to_string(),
                        policy: buffer.policy.to_string(),
                        points: buffer.points,
                        body: buffer.body.clone(),
                    }),
            )
            .collect();
        if unwritten.is_empty() {
            return None;
        }
        serde_json::value::to_raw_value(&unwritten).ok()
    }

    fn restore(&mut self, state: &JsonText, _groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let unwritten: Vec<Unwritten> = serde_json::from_str(state.get())?;
        let Ok((precision, _)) = &self.precision else {
            return Ok(());
        };
        for part in unwritten {
            self.queue.put_back(WriteRequest {
                database: part.database.into(),
                retention_policy: part.policy.into(),
                consistency: Arc::clone(&self.consistency),
                precision: Arc::clone(precision),
                points: part.points,
                body: part.body,
            });
        }
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}

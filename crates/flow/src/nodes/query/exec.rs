use std::any::Any;
use std::sync::Arc;

use capstan_influxql::query::Query as Statement;

use super::results;
use super::schedule::Schedule;
use crate::engine::build::Builder;
use crate::engine::mailbox::Mailbox;
use crate::message::{Message, PointBatch};
use crate::node::{Context, Node, NodeError, Outcome};
use crate::pipeline::NodeConfig;
use crate::ports::{InfluxQuery, QueryRequest, QueryResults};
use crate::rows::OwnKeys;

/// What is asked each time.
#[derive(Debug)]
pub(crate) enum Text {
    InfluxQl(Box<Statement>),
    Flux {
        query: String,
        org: String,
        org_id: String,
    },
}

/// Queries at set times (N-110…N-125). Without a port it only hands on the batches it is given.
#[derive(Debug)]
pub(crate) struct Query {
    text: Text,
    schedule: Schedule,
    period: i64,
    offset: i64,
    cluster: Arc<str>,
    by_name: bool,
    dbrps: Vec<(Arc<str>, Arc<str>)>,
    port: Option<Arc<dyn InfluxQuery>>,
    mailbox: Mailbox,
    /// When to query next.
    next: Option<i64>,
    /// The end of what is asked for while an answer is awaited.
    asked: Option<i64>,
    finished: bool,
    keys: OwnKeys,
    batches_queried: i64,
    points_queried: i64,
}

/// What the port answered.
struct Answer(Result<QueryResults, String>);

impl Query {
    pub(crate) fn new(config: &NodeConfig, builder: &Builder<'_>, text: Text) -> Result<Self, String> {
        Ok(Self {
            text,
            schedule: Schedule::new(config, &builder.ports.zone)?,
            period: config.duration("period"),
            offset: config.duration("offset"),
            cluster: config.string("cluster").unwrap_or_else(|| Arc::from("")),
            by_name: config.flag("groupByMeasurement"),
            dbrps: builder.dbrps.to_vec(),
            port: builder.ports.influx_query.clone(),
            mailbox: builder.mailbox(),
            next: None,
            asked: None,
            finished: false,
            keys: OwnKeys::default(),
            batches_queried: 0,
            points_queried: 0,
        })
    }

    /// A task may ask only for what it is declared to read (N-110).
    fn check_sources(&self) -> Result<(), String> {
        let Text::InfluxQl(statement) = &self.text else {
            return Ok(());
        };
        let sources = statement.sources().map_err(|error| error.to_string())?;
        let known = |&(database, policy): &(&str, &str)| {
            self.dbrps
                .iter()
                .any(|(db, rp)| **db == *database && **rp == *policy)
        };
        match sources.into_iter().find(|source| !known(source)) {
            Some((database, policy)) => Err(format!(
                "batch query is not allowed to request data from {database:?}.{policy:?}"
            )),
            None => Ok(()),
        }
    }

    fn request(&self, stop: i64) -> QueryRequest {
        match &self.text {
            Text::InfluxQl(statement) => QueryRequest::InfluxQl {
                command: statement.text(stop.saturating_sub(self.period), stop),
            },
            Text::Flux { query, org, org_id } => QueryRequest::Flux {
                query: query.clone(),
                org: org.clone(),
                org_id: org_id.clone(),
                now: stop,
            },
        }
    }

    fn grouped_by_time(&self) -> bool {
        match &self.text {
            Text::InfluxQl(statement) => statement.is_grouped_by_time(),
            // Flux tells where its tables end by their rows only.
            Text::Flux { .. } => true,
        }
    }
}

impl Node for Query {
    fn start(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let Some(port) = &self.port else { return Ok(()) };
        self.check_sources().map_err(NodeError)?;
        port.check(&self.cluster).map_err(NodeError)?;
        self.next = self.schedule.first(ctx.now());
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        ctx.emit(Message::Batch(batch));
        Ok(())
    }

    fn next_timer(&self) -> Option<i64> {
        self.next.filter(|_| !self.finished)
    }

    fn timer(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let (Some(due), Some(port)) = (self.next, &self.port) else {
            return Ok(());
        };
        let (tick, next) = self.schedule.advance(due, ctx.now());
        self.next = next;
        // A time that comes while a query runs is left out (N-123).
        if self.asked.is_none() {
            let stop = tick.saturating_sub(self.offset);
            let mailbox = self.mailbox.clone();
            let sink = Box::new(move |answer| mailbox.post(Answer(answer)));
            port.query(&self.cluster, self.request(stop), sink);
            self.asked = Some(stop);
        }
        Ok(())
    }

    fn complete(&mut self, ctx: &mut Context<'_>, answer: Box<dyn Any + Send>) -> Outcome {
        let Ok(answer) = answer.downcast::<Answer>() else {
            return Ok(());
        };
        let Some(stop) = self.asked.take().filter(|_| !self.finished) else {
            return Ok(());
        };
        let found = match answer.0 {
            Ok(found) => found,
            Err(error) => {
                ctx.error("error executing query", error);
                return Ok(());
            }
        };
        for error in &found.errors {
            ctx.error("failed to understand query result", error);
        }
        let by_time = self.grouped_by_time();
        for series in &found.series {
            let batch = results::batch(series, stop, by_time, self.by_name, ctx.groups, &self.keys);
            self.batches_queried += 1;
            self.points_queried += batch.rows.len() as i64;
            ctx.emit(Message::Batch(Arc::new(batch)));
        }
        Ok(())
    }

    fn finish(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        self.finished = true;
        Ok(())
    }

    fn pending(&self) -> usize {
        // Nobody wants the answer to a question of a task that ends.
        usize::from(self.asked.is_some() && !self.finished)
    }

    fn stats(&self) -> Vec<i64> {
        vec![self.batches_queried, self.points_queried]
    }

    fn groups_by_name(&self) -> bool {
        self.by_name
    }
}

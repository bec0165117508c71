use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use capstan_model::{Block, ColumnBuilder, GroupId, ValueRef};

use super::body::Templates;
use super::spec::endpoints;
use crate::engine::build::Builder;
use crate::engine::mailbox::Mailbox;
use crate::group_state::PerGroup;
use crate::message::{Barrier, Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome};
use crate::nodes::http_out::series::{self, Series};
use crate::pipeline::NodeConfig;
use crate::ports::{self, PostAnswer, PostRequest};
use crate::rows::OwnKeys;
use crate::script::Value;

/// Requests that may wait, and bytes in their bodies.
const MAX_WAITING: usize = 10_000;
const MAX_BYTES: usize = 32 << 20;

const FAILED: &str = "failed to POST data";

/// Posts and passes on (N-163, N-164). Requests are sent one after the other. Data passes at once, unless it gets the
/// status of its answers as a field: then it waits for them, in order, and everything behind it.
#[derive(Debug)]
pub(super) struct HttpPost {
    templates: Templates,
    headers: Vec<(String, String)>,
    basic_auth: Option<(String, String)>,
    code_field: Option<Arc<str>>,
    capture: bool,
    timeout: Option<Duration>,
    port: Option<Arc<dyn ports::HttpPost>>,
    mailbox: Mailbox,
    /// With the place of the answer's status.
    waiting: VecDeque<(PostRequest, Option<Place>)>,
    bytes: usize,
    /// The request under way.
    sending: Option<Sent>,
    held: VecDeque<Held>,
    /// The number of the first that is held.
    first_held: u64,
    keys: OwnKeys,
    groups: PerGroup<()>,
}

/// A request under way, and where its answer's status belongs.
#[derive(Debug, Clone, Copy)]
struct Sent {
    place: Option<Place>,
}

/// A row of a held message.
#[derive(Debug, Clone, Copy)]
struct Place {
    message: u64,
    row: usize,
}

/// A message that waits for its answers, or behind one that does.
#[derive(Debug)]
struct Held {
    message: Message,
    /// Per row of points; one for a batch.
    codes: Vec<i64>,
    missing: usize,
}

/// What the port answered.
struct Answer(Result<PostAnswer, String>);

impl HttpPost {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let port = builder.ports.http_post.clone();
        let (templates, endpoint) = match endpoints(config).first() {
            Some(name) => {
                let endpoint = port.as_ref().and_then(|port| port.endpoint(name));
                let endpoint = endpoint.ok_or_else(|| format!("endpoint '{name}' does not exist"))?;
                (Templates::of_endpoint(name, &endpoint)?, endpoint)
            }
            None => (
                Templates::of_url(&config.string_argument(0))?,
                ports::PostEndpoint::default(),
            ),
        };
        let own = config.calls("header").filter_map(|call| match call {
            [Value::String(key), Value::String(value)] => Some((key.to_string(), value.to_string())),
            _ => None,
        });
        let timeout = u64::try_from(config.duration("timeout")).unwrap_or(0);
        Ok(Self {
            templates,
            headers: endpoint.headers.into_iter().chain(own).collect(),
            basic_auth: endpoint.basic_auth,
            code_field: config.string("codeField").filter(|name| !name.is_empty()),
            capture: config.flag("captureResponse"),
            timeout: (timeout > 0).then(|| Duration::from_nanos(timeout)),
            port,
            mailbox: builder.mailbox(),
            waiting: VecDeque::new(),
            bytes: 0,
            sending: None,
            held: VecDeque::new(),
            first_held: 0,
            keys: OwnKeys::default(),
            groups: PerGroup::default(),
        })
    }

    /// Queues the request of a row; says whether an answer will come.
    fn post(&mut self, ctx: &mut Context<'_>, row: &Series, place: Option<Place>) -> bool {
        let (url, body, kind) = match self.templates.render(row) {
            Ok(rendered) => rendered,
            Err(error) => {
                ctx.error(FAILED, error);
                return false;
            }
        };
        if self.waiting.len() >= MAX_WAITING || self.bytes + body.len() > MAX_BYTES {
            ctx.error(
                FAILED,
                "too many requests wait for slow answers, this one is left out",
            );
            return false;
        }
        self.bytes += body.len();
        let kind = kind.map(|kind| ("Content-Type".to_owned(), kind.to_owned()));
        // The script's own headers come last and win.
        let headers = kind.into_iter().chain(self.headers.iter().cloned()).collect();
        let request = PostRequest {
            url,
            headers,
            basic_auth: self.basic_auth.clone(),
            body,
            timeout: self.timeout,
            capture: self.capture,
        };
        self.waiting.push_back((request, place));
        true
    }

    /// Sends the next request if none is under way.
    fn send(&mut self, ctx: &mut Context<'_>) {
        while self.sending.is_none() {
            let Some((request, place)) = self.waiting.pop_front() else {
                return;
            };
            self.bytes -= request.body.len();
            if let Some(port) = &self.port {
                let mailbox = self.mailbox.clone();
                port.post(request, Box::new(move |answer| mailbox.post(Answer(answer))));
                self.sending = Some(Sent { place });
            } else {
                ctx.error(FAILED, "posting is not possible here");
                self.settle(place, 0);
            }
        }
    }

    /// The status of an answer; failures are counted.
    fn status(ctx: &mut Context<'_>, answer: Result<PostAnswer, String>, capture: bool) -> i64 {
        match answer {
            Err(error) => {
                ctx.error(FAILED, error);
                0
            }
            Ok(answer) => {
                if answer.status / 100 != 2 {
                    let error = if capture {
                        answer.body
                    } else {
                        "unknown error, use .captureResponse() to capture the HTTP response".to_owned()
                    };
                    let message = format!("POST returned non 2xx status code {}", answer.status);
                    ctx.error(&message, error);
                }
                i64::from(answer.status)
            }
        }
    }

    /// Notes a status at the row it belongs to.
    fn settle(&mut self, place: Option<Place>, code: i64) {
        let Some(place) = place else { return };
        let Ok(at) = usize::try_from(place.message.wrapping_sub(self.first_held)) else {
            return;
        };
        if let Some(held) = self.held.get_mut(at) {
            held.missing = held.missing.saturating_sub(1);
            if let Some(slot) = held.codes.get_mut(place.row) {
                *slot = code;
            }
        }
    }

    /// Lets go what needs not wait any longer.
    fn release(&mut self, ctx: &mut Context<'_>) {
        while self.held.front().is_some_and(|held| held.missing == 0) {
            let Some(held) = self.held.pop_front() else { return };
            self.first_held += 1;
            let message = match (held.message, &self.code_field) {
                (Message::Points(points), Some(field)) => Message::Points(Points {
                    block: Arc::new(with_codes(&points.block, field, |row| held.codes[row])),
                    groups: points.groups,
                }),
                (Message::Batch(batch), Some(field)) => {
                    let rows = with_codes(&batch.rows, field, |_| held.codes[0]);
                    Message::Batch(Arc::new(batch.with_rows(Arc::new(rows))))
                }
                (other, _) => other,
            };
            ctx.emit(message);
        }
    }

    /// Holds a message with as many statuses to come, or none.
    fn hold(&mut self, message: Message, codes: usize) -> u64 {
        self.held.push_back(Held {
            message,
            codes: vec![0; codes],
            missing: 0,
        });
        self.first_held + self.held.len() as u64 - 1
    }

    fn expect_answer(&mut self) {
        if let Some(held) = self.held.back_mut() {
            held.missing += 1;
        }
    }

    fn know(&mut self, group: GroupId) {
        self.groups.entry(group, || ());
    }

    /// The rows with columns and keys of their own: what waits pins no body.
    fn copy(&mut self, block: &Block) -> Block {
        let all: Vec<u32> = (0..block.len() as u32).collect();
        let keys = (0..block.len()).map(|row| self.keys.of_row(block, row)).collect();
        Block {
            keys: Arc::clone(self.keys.table()),
            key: Arc::new(keys),
            ..block.gather(&all)
        }
    }
}

/// Rows with their statuses.
fn with_codes(block: &Block, field: &Arc<str>, code: impl Fn(usize) -> i64) -> Block {
    let mut column = ColumnBuilder::new(Arc::clone(field));
    for row in 0..block.len() {
        column.set(row, ValueRef::Int(code(row)));
    }
    match column.finish(block.len()) {
        Some(column) => block.clone().with_column(column),
        None => block.clone(),
    }
}

impl Node for HttpPost {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        for &group in points.groups.iter() {
            self.know(group);
        }
        let held = self.code_field.is_some().then(|| {
            let message = Message::Points(Points {
                block: Arc::new(self.copy(&points.block)),
                groups: Arc::clone(&points.groups),
            });
            self.hold(message, points.len())
        });
        for row in 0..points.len() {
            let place = held.map(|message| Place { message, row });
            if self.post(ctx, &series::point(&points.block, row), place) && held.is_some() {
                self.expect_answer();
            }
        }
        if held.is_none() {
            ctx.emit(Message::Points(points));
        }
        self.send(ctx);
        self.release(ctx);
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        self.know(batch.group);
        let row = series::batch(&batch, &ctx.group(batch.group).tags);
        let held = self.code_field.is_some().then(|| {
            let copy = batch.with_rows(Arc::new(self.copy(&batch.rows)));
            self.hold(Message::Batch(Arc::new(copy)), 1)
        });
        let place = held.map(|message| Place { message, row: 0 });
        if self.post(ctx, &row, place) && held.is_some() {
            self.expect_answer();
        }
        if held.is_none() {
            ctx.emit(Message::Batch(batch));
        }
        self.send(ctx);
        self.release(ctx);
        Ok(())
    }

    fn barrier(&mut self, ctx: &mut Context<'_>, barrier: Barrier) -> Outcome {
        self.hold(Message::Barrier(barrier), 0);
        self.release(ctx);
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        self.groups.remove(group);
    }

    fn delete_group(&mut self, ctx: &mut Context<'_>, group: GroupId) -> Outcome {
        self.groups.remove(group);
        self.hold(Message::DeleteGroup(group), 0);
        self.release(ctx);
        Ok(())
    }

    fn complete(&mut self, ctx: &mut Context<'_>, answer: Box<dyn Any + Send>) -> Outcome {
        if let Ok(answer) = answer.downcast::<Answer>()
            && let Some(Sent { place }) = self.sending.take()
        {
            let code = Self::status(ctx, answer.0, self.capture);
            self.settle(place, code);
            self.send(ctx);
            self.release(ctx);
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        self.waiting.len() + usize::from(self.sending.is_some())
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn forget_keys(&mut self) -> bool {
        self.keys.renew();
        self.held.is_empty()
    }
}

//! What a function gives.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use capstan_flow::ports::udf::{Hold, UdfEvent, UdfPoint};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::{Semaphore, mpsc};

use super::Line;
use crate::agent::response::Message;
use crate::agent::{BeginBatch, InitResponse, Response, RestoreResponse};
use crate::convert;
use crate::error::Error;
use crate::frame::{self, FrameError};

/// Messages to the node that it may not have taken in yet.
const SLOTS: usize = 64;
/// Bytes read at once, and so the most that makes one message of points.
const READ: usize = 64 << 10;
/// Points of one batch.
const MAX_BATCH: usize = 4 << 20;

/// Answers that the writer waits for.
#[derive(Debug)]
pub(super) enum Reply {
    Init(InitResponse),
    Restore(RestoreResponse),
}

struct Reader<'a> {
    line: &'a Line,
    slots: Arc<Semaphore>,
    /// Points of a stream that were read and not given yet.
    points: Vec<UdfPoint>,
    /// The batch that is being read.
    batch: Option<(BeginBatch, Vec<UdfPoint>)>,
    reply: mpsc::Sender<Reply>,
}

/// Reads until the function closes its output.
pub(super) async fn read(
    line: &Line,
    mut output: impl AsyncRead + Unpin,
    reply: mpsc::Sender<Reply>,
) -> Result<(), Error> {
    let mut reader = Reader {
        line,
        slots: Arc::new(Semaphore::new(SLOTS)),
        points: Vec::new(),
        batch: None,
        reply,
    };
    let mut buffer = BytesMut::new();
    loop {
        let read = async {
            buffer.reserve(READ);
            output.read_buf(&mut buffer).await.map_err(Error::Read)
        };
        if read.await? == 0 {
            return match (buffer.is_empty(), reader.batch) {
                (true, None) => Ok(()),
                _ => Err(FrameError::Truncated.into()),
            };
        }
        line.hear();
        while let Some(response) = frame::take::<Response>(&mut buffer)? {
            reader.handle(response).await?;
        }
        reader.give_points().await;
    }
}

impl Reader<'_> {
    async fn handle(&mut self, response: Response) -> Result<(), Error> {
        let Some(message) = response.message else {
            return Err(Error::Protocol("unexpected response message"));
        };
        match message {
            Message::Point(point) => {
                let point = convert::from_point(point);
                match &mut self.batch {
                    Some((_, points)) if points.len() >= MAX_BATCH => {
                        return Err(Error::Protocol("the function gives a batch that is too large"));
                    }
                    Some((_, points)) => points.push(point),
                    None => self.points.push(point),
                }
                return Ok(());
            }
            Message::Keepalive(_) => return Ok(()),
            _ => {}
        }
        // What follows keeps its place behind the points.
        self.give_points().await;
        match message {
            Message::Begin(begin) => {
                if self.batch.replace((begin, Vec::new())).is_some() {
                    return Err(Error::Protocol("the function began a batch inside of a batch"));
                }
            }
            Message::End(end) => {
                let (begin, points) = self.batch.take().ok_or(Error::Protocol(
                    "the function ended a batch that it did not begin",
                ))?;
                let batch = convert::from_batch(&begin, points, end);
                let hold = self.hold().await;
                (self.line.sink)(UdfEvent::Batch(batch, hold));
            }
            Message::Snapshot(snapshot) => (self.line.sink)(UdfEvent::Snapshot(snapshot.snapshot)),
            Message::Error(error) => return Err(Error::Reported(error.error)),
            Message::Init(init) => self.reply(Reply::Init(init)),
            Message::Restore(restore) => self.reply(Reply::Restore(restore)),
            Message::Info(_) => tracing::warn!("received message without requesting it: info"),
            Message::Point(_) | Message::Keepalive(_) => {}
        }
        Ok(())
    }

    fn reply(&self, reply: Reply) {
        if let Err(mpsc::error::TrySendError::Full(reply)) = self.reply.try_send(reply) {
            tracing::warn!("received message without requesting it: {reply:?}");
        }
    }

    async fn give_points(&mut self) {
        if self.points.is_empty() {
            return;
        }
        let hold = self.hold().await;
        (self.line.sink)(UdfEvent::Points(std::mem::take(&mut self.points), hold));
    }

    /// Waits until the node took in enough of what it was given.
    async fn hold(&self) -> Hold {
        self.line.stalled.store(true, Ordering::Relaxed);
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        self.line.hear();
        self.line.stalled.store(false, Ordering::Relaxed);
        // It is never closed.
        slot.map_or_else(|_| Hold::default(), Hold::new)
    }
}

//! What a function is told.

use std::future::Future;
use std::time::Duration;

use capstan_flow::ports::udf::{UdfBatch, UdfInput, UdfPoint, UdfRun};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::Line;
use super::reader::Reply;
use crate::agent::request::Message;
use crate::agent::{Keepalive, Point, Request, RestoreRequest, SnapshotRequest};
use crate::error::Error;
use crate::{convert, frame};

/// Points written at once; between these a keepalive may be sent.
const CHUNK: usize = 256;

struct Writer<'a, W> {
    line: &'a Line,
    input: W,
    buffer: Vec<u8>,
    /// When the next keepalive is due, monotonic.
    next_keepalive: Duration,
}

/// Makes the function ready and tells it everything up to the end of the input.
pub(super) async fn write(
    line: &Line,
    run: &UdfRun,
    input: impl AsyncWrite + Unpin,
    mut inputs: mpsc::UnboundedReceiver<UdfInput>,
    mut replies: mpsc::Receiver<Reply>,
) -> Result<(), Error> {
    let mut writer = Writer {
        line,
        input,
        buffer: Vec::new(),
        next_keepalive: line.clock.monotonic() + line.timeout / 2,
    };
    writer.put(Message::Init(convert::init(run)));
    writer.flush().await?;
    loop {
        match writer.alive(replies.recv()).await? {
            Some(Reply::Init(init)) if init.success => break,
            Some(Reply::Init(init)) => return Err(Error::Init(init.error)),
            Some(Reply::Restore(_)) => {}
            None => return Err(Error::Closed),
        }
    }
    loop {
        match writer.alive(inputs.recv()).await? {
            Some(UdfInput::Points(points)) => writer.points(&points, convert::point).await?,
            Some(UdfInput::Batch(batch)) => writer.batch(&batch).await?,
            Some(UdfInput::Snapshot) => {
                writer.put(Message::Snapshot(SnapshotRequest {}));
                writer.flush().await?;
            }
            Some(UdfInput::Restore(snapshot)) => {
                writer.put(Message::Restore(RestoreRequest { snapshot }));
                writer.flush().await?;
                loop {
                    match writer.alive(replies.recv()).await? {
                        Some(Reply::Restore(restore)) if restore.success => break,
                        Some(Reply::Restore(restore)) => return Err(Error::Restore(restore.error)),
                        Some(Reply::Init(_)) => {}
                        None => return Err(Error::Closed),
                    }
                }
            }
            Some(UdfInput::End) => return writer.input.shutdown().await.map_err(Error::Write),
            // The node is gone, and with it the reason to go on; whoever runs this is told so.
            None => std::future::pending().await,
        }
    }
}

impl<W: AsyncWrite + Unpin> Writer<'_, W> {
    fn put(&mut self, message: Message) {
        let message = Some(message);
        frame::put(&Request { message }, &mut self.buffer);
    }

    fn put_keepalive(&mut self) {
        let time = self.line.clock.now_nanos();
        self.put(Message::Keepalive(Keepalive { time }));
        self.next_keepalive = self.line.clock.monotonic() + self.line.timeout / 2;
    }

    async fn flush(&mut self) -> Result<(), Error> {
        if self.line.clock.monotonic() >= self.next_keepalive {
            self.put_keepalive();
        }
        self.input.write_all(&self.buffer).await.map_err(Error::Write)?;
        self.input.flush().await.map_err(Error::Write)?;
        self.buffer.clear();
        Ok(())
    }

    /// Waits for something and sends keepalives meanwhile.
    async fn alive<T>(&mut self, something: impl Future<Output = T>) -> Result<T, Error> {
        tokio::pin!(something);
        loop {
            let left = self.next_keepalive.saturating_sub(self.line.clock.monotonic());
            tokio::select! {
                biased;
                result = &mut something => return Ok(result),
                () = capstan_runtime::sleep(left) => self.flush().await?,
            }
        }
    }

    async fn points(
        &mut self,
        points: &[UdfPoint],
        convert: impl Fn(&UdfPoint) -> Point,
    ) -> Result<(), Error> {
        for chunk in points.chunks(CHUNK) {
            for point in chunk {
                self.put(Message::Point(convert(point)));
            }
            self.flush().await?;
            self.line.sent(chunk.len());
        }
        Ok(())
    }

    async fn batch(&mut self, batch: &UdfBatch) -> Result<(), Error> {
        self.put(Message::Begin(convert::begin(batch)));
        self.points(&batch.points, convert::batch_point).await?;
        self.put(Message::End(convert::end(batch)));
        self.flush().await
    }
}

//! Writes that wait: one is under way at a time, one that failed is tried again later, and when too much waits the
//! oldest is given up (N-167 FIX).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::engine::mailbox::Mailbox;
use crate::node::Context;
use crate::ports::{InfluxWrite, WriteError, WriteRequest, WriteSink};

/// Bytes that may wait.
const MAX_BYTES: usize = 32 << 20;
/// Between attempts, doubled each time up to the longest.
const FIRST_PAUSE: i64 = 1_000_000_000;
const LONGEST_PAUSE: i64 = 60_000_000_000;

const FAILED: &str = "failed to write points to InfluxDB";

#[derive(Debug)]
pub(super) struct Queue {
    port: Arc<dyn InfluxWrite>,
    cluster: Arc<str>,
    mailbox: Mailbox,
    /// The first is under way when `sending`.
    waiting: VecDeque<Arc<WriteRequest>>,
    bytes: usize,
    sending: bool,
    /// Whether a statement has to be answered before anything is written.
    executing: bool,
    pause: i64,
    retry_at: Option<i64>,
    finished: bool,
    points_written: i64,
    write_errors: i64,
}

/// The answer to a write.
pub(super) struct Written(Result<(), WriteError>);

impl Queue {
    pub(super) fn new(port: Arc<dyn InfluxWrite>, cluster: Arc<str>, mailbox: Mailbox) -> Self {
        Self {
            port,
            cluster,
            mailbox,
            waiting: VecDeque::new(),
            bytes: 0,
            sending: false,
            executing: false,
            pause: FIRST_PAUSE,
            retry_at: None,
            finished: false,
            points_written: 0,
            write_errors: 0,
        }
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Runs a statement; nothing is written until [`executed`](Self::executed).
    pub(super) fn execute(&mut self, command: String, sink: WriteSink<String>) {
        self.executing = true;
        self.port.execute(&self.cluster, command, sink);
    }

    pub(super) fn executed(&mut self) {
        self.executing = false;
        self.send();
    }

    pub(super) fn push(&mut self, ctx: &mut Context<'_>, request: WriteRequest) {
        self.bytes += request.body.len();
        self.waiting.push_back(Arc::new(request));
        // The first may be under way, and the newest stays.
        let oldest = usize::from(self.sending);
        while self.bytes > MAX_BYTES && self.waiting.len() > oldest + 1 {
            let Some(lost) = self.waiting.remove(oldest) else {
                break;
            };
            self.bytes -= lost.body.len();
            self.write_errors += 1;
            let points = lost.points;
            ctx.error(
                FAILED,
                format!("too much waits to be written, {points} points are lost"),
            );
        }
        self.send();
    }

    /// Sends the first one that waits, if nothing is under way.
    pub(super) fn send(&mut self) {
        if self.sending || self.executing || self.retry_at.is_some() {
            return;
        }
        let Some(request) = self.waiting.front() else {
            return;
        };
        self.sending = true;
        let mailbox = self.mailbox.clone();
        let sink = Box::new(move |result| mailbox.post(Written(result)));
        self.port.write(&self.cluster, Arc::clone(request), sink);
    }

    pub(super) fn written(&mut self, ctx: &mut Context<'_>, answer: Written) {
        self.sending = false;
        match answer.0 {
            Ok(()) => {
                self.pause = FIRST_PAUSE;
                if let Some(request) = self.done() {
                    self.points_written += request.points as i64;
                }
            }
            Err(error) => {
                self.write_errors += 1;
                ctx.error(FAILED, &error.message);
                if error.again && !self.finished {
                    self.retry_at = Some(ctx.now().saturating_add(self.pause));
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                } else {
                    self.done();
                }
            }
        }
        self.send();
    }

    /// Takes out the one that was under way.
    fn done(&mut self) -> Option<Arc<WriteRequest>> {
        let request = self.waiting.pop_front()?;
        self.bytes -= request.body.len();
        Some(request)
    }

    pub(super) fn retry_at(&self) -> Option<i64> {
        self.retry_at
    }

    pub(super) fn retry(&mut self, now: i64) {
        if self.retry_at.is_some_and(|due| due <= now) {
            self.retry_at = None;
            self.send();
        }
    }

    /// Everything gets one last attempt.
    pub(super) fn finish(&mut self) {
        self.finished = true;
        self.retry_at = None;
        self.send();
    }

    pub(super) fn pending(&self) -> usize {
        if self.retry_at.is_some() {
            return 0;
        }
        self.waiting.len() + usize::from(self.executing)
    }

    /// What is not written yet.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &WriteRequest> {
        self.waiting.iter().map(|request| &**request)
    }

    /// Takes back what waited in an earlier run; it is written with what comes next.
    pub(super) fn put_back(&mut self, request: WriteRequest) {
        self.bytes += request.body.len();
        self.waiting.push_back(Arc::new(request));
    }

    pub(super) fn stats(&self) -> Vec<i64> {
        vec![self.points_written, self.write_errors]
    }
}

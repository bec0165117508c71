//! One function at work: handshake, data, keepalive, snapshots, end (Kapacitor's `udf/server.go`).

mod reader;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_flow::ports::udf::{UDF_QUEUE, UdfEvent, UdfInput, UdfRun, UdfSession, UdfSink};
use capstan_runtime::Shutdown;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::functions::Function;
use crate::transport::{Caller, Connection, connect};

/// How long a service behind a socket may take to be there.
const DIAL_PATIENCE: Duration = Duration::from_mins(5);
/// The longest that a function may take to go once its input was closed.
const LONGEST_GRACE: Duration = Duration::from_secs(20);

/// A node's end of the line.
#[derive(Debug)]
struct Session {
    inputs: mpsc::UnboundedSender<UdfInput>,
    waiting: Arc<AtomicUsize>,
    stop: Shutdown,
}

impl UdfSession for Session {
    fn send(&self, input: UdfInput) {
        let points = points(&input);
        self.waiting.fetch_add(points, Ordering::Relaxed);
        // A function that is gone told its node why.
        if self.inputs.send(input).is_err() {
            self.waiting.fetch_sub(points, Ordering::Relaxed);
        }
    }

    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop.raise();
    }
}

fn points(input: &UdfInput) -> usize {
    match input {
        UdfInput::Points(points) => points.len(),
        UdfInput::Batch(batch) => batch.points.len(),
        UdfInput::Restore(_) | UdfInput::Snapshot | UdfInput::End => 0,
    }
}

/// How long a function may take to go once its input was closed; then it is killed.
pub(crate) fn grace(timeout: Duration) -> Duration {
    (timeout * 2).min(LONGEST_GRACE)
}

/// What reading, writing and watching share.
struct Line {
    clock: SharedClock,
    sink: UdfSink,
    timeout: Duration,
    waiting: Arc<AtomicUsize>,
    /// When something was read last, monotonic nanoseconds.
    heard: AtomicU64,
    /// Output is not read now because the task is behind, so silence means nothing.
    stalled: AtomicBool,
}

impl Line {
    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX)
    }

    fn hear(&self) {
        self.heard.store(self.now(), Ordering::Relaxed);
    }

    /// Notes that points reached the function.
    fn sent(&self, points: usize) {
        let before = self.waiting.fetch_sub(points, Ordering::Relaxed);
        if before > UDF_QUEUE && before - points <= UDF_QUEUE {
            (self.sink)(UdfEvent::Room);
        }
    }

    /// Completes when nothing was heard for as long as the function may be silent.
    async fn silence(&self) -> Error {
        loop {
            if self.stalled.load(Ordering::Relaxed) {
                self.hear();
            }
            let heard = self.heard.load(Ordering::Relaxed);
            let since = Duration::from_nanos(self.now().saturating_sub(heard));
            if since >= self.timeout {
                let nanos = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
                return Error::Silent(self.clock.now_nanos().saturating_sub(nanos));
            }
            capstan_runtime::sleep(self.timeout.saturating_sub(since)).await;
        }
    }
}

/// Starts a function for a node, on the current runtime.
pub(crate) fn start(
    function: Arc<Function>,
    run: UdfRun,
    clock: SharedClock,
    sink: UdfSink,
) -> impl UdfSession + 'static {
    let (inputs, taken) = mpsc::unbounded_channel();
    let session = Session {
        inputs,
        waiting: Arc::default(),
        stop: Shutdown::new(),
    };
    let line = Line {
        clock,
        sink,
        timeout: function.timeout,
        waiting: Arc::clone(&session.waiting),
        heard: AtomicU64::new(0),
        stalled: AtomicBool::new(false),
    };
    let stop = session.stop.clone();
    capstan_runtime::spawn("udf", async move {
        work(&function, &run, &line, taken, &stop).await;
    });
    session
}

/// Works until the function is gone.
async fn work(
    function: &Function,
    run: &UdfRun,
    line: &Line,
    inputs: mpsc::UnboundedReceiver<UdfInput>,
    stop: &Shutdown,
) {
    let caller = Caller {
        function: function.name.clone(),
        task: run.task.to_string(),
        node: run.node.to_string(),
    };
    let connected = tokio::select! {
        () = stop.raised() => return,
        connected = connect(function, caller, DIAL_PATIENCE) => connected,
    };
    let Connection {
        input,
        output,
        mut peer,
    } = match connected {
        Ok(connection) => connection,
        Err(error) => {
            (line.sink)(UdfEvent::Failed(error.to_string()));
            return;
        }
    };
    line.hear();
    // Both directions are closed when this is over, however it ends.
    let outcome = tokio::select! {
        () = stop.raised() => None,
        outcome = converse(line, run, inputs, input, output) => Some(outcome),
    };
    let patience = grace(function.timeout);
    match outcome {
        None => {}
        Some(Ok(())) => {
            let event = match peer.end(patience).await {
                Ok(()) => UdfEvent::Ended,
                Err(error) => UdfEvent::Failed(error.to_string()),
            };
            (line.sink)(event);
        }
        Some(Err(error)) => {
            let error = peer.explain(error).await;
            (line.sink)(UdfEvent::Failed(error.to_string()));
        }
    }
    peer.stop(patience).await;
}

/// Talks until the input ended and all output came, or something fails.
async fn converse(
    line: &Line,
    run: &UdfRun,
    inputs: mpsc::UnboundedReceiver<UdfInput>,
    input: impl tokio::io::AsyncWrite + Send + Unpin,
    output: impl tokio::io::AsyncRead + Send + Unpin,
) -> Result<(), Error> {
    let (reply, replies) = mpsc::channel(4);
    let reading = reader::read(line, output, reply);
    tokio::pin!(reading);
    tokio::select! {
        biased;
        read = &mut reading => return Err(read.err().unwrap_or(Error::Closed)),
        written = writer::write(line, run, input, inputs, replies) => written?,
        silent = line.silence() => return Err(silent),
    }
    // No keepalives can be sent any more; whatever it gives shows that it is at work.
    line.hear();
    let patience = grace(line.timeout);
    loop {
        if let Ok(read) = tokio::time::timeout(patience, &mut reading).await {
            return read;
        }
        let heard = line.heard.load(Ordering::Relaxed);
        let since = Duration::from_nanos(line.now().saturating_sub(heard));
        if since >= patience && !line.stalled.load(Ordering::Relaxed) {
            return Err(Error::Endless(patience));
        }
    }
}

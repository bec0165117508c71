//! What containers print: a bounded ring of lines per container, and one of the run before it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use capstan_base::SharedClock;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

/// A longer line is cut in two, as container runtimes do.
const LINE: usize = 16 * 1024;

/// One line and when it was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    pub(crate) time: Timestamp,
    pub(crate) text: Arc<str>,
}

/// The lines of one run of one container.
#[derive(Debug)]
pub(crate) struct LogRing {
    inner: Mutex<Ring>,
    /// How many lines were ever written, and whether more may come.
    progress: watch::Sender<(u64, bool)>,
    clock: SharedClock,
    limit: usize,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// The number of the first line that is still there.
    first: u64,
    partial: Vec<u8>,
}

impl LogRing {
    fn new(clock: SharedClock, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::default(),
            progress: watch::Sender::new((0, false)),
            clock,
            limit,
        })
    }

    fn write(&self, bytes: &[u8]) {
        let mut ring = self.inner.lock();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = part.last() == Some(&b'\n');
            ring.partial.extend_from_slice(part);
            if ends || ring.partial.len() >= LINE {
                self.flush(&mut ring);
            }
        }
    }

    fn flush(&self, ring: &mut Ring) {
        let mut text = String::from_utf8_lossy(&ring.partial).into_owned();
        ring.partial.clear();
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
        ring.bytes += text.len() + 32;
        ring.lines.push_back(LogLine {
            time: self.clock.now(),
            text: text.into(),
        });
        while ring.bytes > self.limit
            && let Some(dropped) = ring.lines.pop_front()
        {
            ring.bytes -= dropped.text.len() + 32;
            ring.first += 1;
        }
        let count = ring.first + ring.lines.len() as u64;
        self.progress.send_modify(|progress| progress.0 = count);
    }

    fn close(&self) {
        let mut ring = self.inner.lock();
        if !ring.partial.is_empty() {
            self.flush(&mut ring);
        }
        self.progress.send_modify(|progress| progress.1 = true);
    }

    /// The lines from number `from` on that are still there, and the number after the last.
    pub(crate) fn read(&self, from: u64) -> (Vec<LogLine>, u64) {
        let ring = self.inner.lock();
        let skip = usize::try_from(from.saturating_sub(ring.first)).unwrap_or(usize::MAX);
        (
            ring.lines.iter().skip(skip).cloned().collect(),
            ring.first + ring.lines.len() as u64,
        )
    }

    /// Tells how many lines were written and whether that was all.
    pub(crate) fn progress(&self) -> watch::Receiver<(u64, bool)> {
        self.progress.subscribe()
    }
}

/// Where a container's output goes.
#[derive(Debug, Clone)]
pub struct LogWriter {
    ring: Arc<LogRing>,
}

impl LogWriter {
    /// Writes one line.
    pub fn line(&self, text: &str) {
        self.ring.write(text.as_bytes());
        self.ring.write(b"\n");
    }

    pub(crate) fn bytes(&self, bytes: &[u8]) {
        self.ring.write(bytes);
    }

    pub(crate) fn close(&self) {
        self.ring.close();
    }
}

impl std::io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.ring.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Runs {
    current: Option<Arc<LogRing>>,
    previous: Option<Arc<LogRing>>,
}

/// The logs of all pods of the node, by pod uid and container name.
#[derive(Debug, Clone)]
pub(crate) struct LogBook {
    runs: Arc<Mutex<HashMap<String, HashMap<String, Runs>>>>,
    clock: SharedClock,
    limit: usize,
}

impl LogBook {
    /// `limit` bytes are kept of each run.
    pub(crate) fn new(clock: SharedClock, limit: usize) -> Self {
        Self {
            runs: Arc::default(),
            clock,
            limit,
        }
    }

    /// Starts the log of a container's next run.
    pub(crate) fn open(&self, uid: &str, container: &str) -> LogWriter {
        let ring = LogRing::new(Arc::clone(&self.clock), self.limit);
        let mut all = self.runs.lock();
        let runs = all
            .entry(uid.to_owned())
            .or_default()
            .entry(container.to_owned())
            .or_default();
        runs.previous = runs.current.replace(Arc::clone(&ring));
        LogWriter { ring }
    }

    /// The log of a container's present run, or of the one before.
    pub(crate) fn find(&self, uid: &str, container: &str, previous: bool) -> Option<Arc<LogRing>> {
        let all = self.runs.lock();
        let runs = all.get(uid)?.get(container)?;
        if previous {
            runs.previous.clone()
        } else {
            runs.current.clone()
        }
    }

    /// The time by which lines are stamped.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Forgets a pod; whoever follows it is told the end.
    pub(crate) fn forget(&self, uid: &str) {
        let gone = self.runs.lock().remove(uid);
        for runs in gone.into_iter().flatten() {
            if let Some(ring) = runs.1.current {
                ring.close();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use capstan_base::VirtualClock;

    use super::*;

    #[test]
    fn the_ring_keeps_the_last_lines_and_the_run_before() {
        let book = LogBook::new(VirtualClock::at(0), 200);
        let first = book.open("uid", "c");
        first.line("before");
        let second = book.open("uid", "c");
        for number in 0..100 {
            second.line(&format!("line {number}"));
        }
        second.bytes(b"no newline");
        second.close();
        let (lines, next) = book.find("uid", "c", false).unwrap().read(0);
        assert_eq!(next, 101);
        assert!(lines.len() < 10);
        assert_eq!(&*lines.last().unwrap().text, "no newline");
        let (lines, _) = book.find("uid", "c", true).unwrap().read(0);
        assert_eq!(&*lines[0].text, "before");
        let (rest, _) = book.find("uid", "c", false).unwrap().read(100);
        assert_eq!(rest.len(), 1);
    }
}

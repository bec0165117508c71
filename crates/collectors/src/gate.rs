//! Care for servers: how many requests to one are under way, and how long it is left alone after failures.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::collector::CollectError;

/// After so many failures in a row a server is left alone for a while.
const PATIENCE: u32 = 3;
/// For how long at first; twice as long after each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// For how long at most. `Retry-After` may ask for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest wait that `Retry-After` is believed to mean.
const LONGEST_WISH: Duration = Duration::from_hours(1);
/// More servers than this are not remembered.
const MOST_SERVERS: usize = 10_000;

/// All servers.
#[derive(Debug)]
pub(crate) struct Gates {
    clock: SharedClock,
    concurrency: usize,
    servers: Mutex<HashMap<String, Arc<Gate>>>,
}

/// One server.
#[derive(Debug)]
struct Gate {
    permits: Arc<Semaphore>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    since: Option<Timestamp>,
    last: String,
    /// On the monotonic clock.
    closed_until: Option<Duration>,
    /// One request may see whether the server is back; until it knows, no other goes out.
    probing: bool,
}

/// The right to send one request. What became of it has to be said by [`Pass::succeeded`] or [`Pass::failed`]; a pass
/// that is dropped, because nobody waits any more, says nothing about the server.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    clock: SharedClock,
    probe: bool,
    _permit: OwnedSemaphorePermit,
}

impl Gates {
    pub(crate) fn new(clock: SharedClock, concurrency: usize) -> Self {
        Self {
            clock,
            concurrency: concurrency.max(1),
            servers: Mutex::default(),
        }
    }

    /// Waits until a request to the server may go out, for as long as `patience`.
    ///
    /// # Errors
    /// When the server is left alone after failures, or others keep it busy for too long.
    pub(crate) async fn enter(&self, server: &str, patience: Duration) -> Result<Pass, CollectError> {
        let gate = self.gate(server);
        gate.refusal(server, &self.clock)?;
        let permit = timeout(patience, Arc::clone(&gate.permits).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(CollectError::new(format!(
                "{server}: {} requests to it are under way, and none ended within {}s",
                self.concurrency,
                patience.as_secs_f64()
            )));
        };
        // It may have failed while we waited.
        let probe = gate.admit(server, &self.clock)?;
        Ok(Pass {
            gate,
            clock: Arc::clone(&self.clock),
            probe,
            _permit: permit,
        })
    }

    fn gate(&self, server: &str) -> Arc<Gate> {
        let mut servers = self.servers.lock();
        if let Some(gate) = servers.get(server) {
            return Arc::clone(gate);
        }
        if servers.len() >= MOST_SERVERS {
            // Those that nobody waits for and that are well need not be remembered.
            servers.retain(|_, gate| Arc::strong_count(gate) > 1 || gate.health.lock().failures > 0);
        }
        let gate = Arc::new(Gate {
            permits: Arc::new(Semaphore::new(self.concurrency)),
            health: Mutex::default(),
        });
        if servers.len() < MOST_SERVERS {
            servers.insert(server.to_owned(), Arc::clone(&gate));
        }
        gate
    }
}

impl Gate {
    fn refusal(&self, server: &str, clock: &SharedClock) -> Result<(), CollectError> {
        let health = self.health.lock();
        let Some(until) = health.closed_until else {
            return Ok(());
        };
        let left = until.saturating_sub(clock.monotonic());
        if left.is_zero() && !health.probing {
            return Ok(());
        }
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let next = if left.is_zero() {
            "an attempt is under way".to_owned()
        } else {
            format!("next attempt in {seconds}s")
        };
        let since = health
            .since
            .map_or_else(String::new, |since| format!(" since {since:.0}"));
        Err(CollectError {
            message: format!("{server}: failing{since}, {next}: {}", health.last),
            retry_after: Some(seconds.max(1)),
        })
    }

    /// Whether the request is the one that sees if the server is back.
    fn admit(&self, server: &str, clock: &SharedClock) -> Result<bool, CollectError> {
        self.refusal(server, clock)?;
        let mut health = self.health.lock();
        if health.closed_until.is_none() {
            return Ok(false);
        }
        if health.probing {
            drop(health);
            // Another one was quicker.
            self.refusal(server, clock)?;
            return Ok(false);
        }
        health.probing = true;
        Ok(true)
    }
}

impl Pass {
    /// The server answered.
    pub(crate) fn succeeded(mut self) {
        self.probe = false;
        *self.gate.health.lock() = Health::default();
    }

    /// The server did not answer, or said that it cannot; it may have asked for `wish` seconds without requests.
    pub(crate) fn failed(mut self, why: &str, wish: Option<u64>) {
        let was_probe = std::mem::take(&mut self.probe);
        let now = self.clock.monotonic();
        let mut health = self.gate.health.lock();
        // What went out before the server was left alone counts no further: ten that fail together are one failure.
        if was_probe || health.closed_until.is_none() {
            health.failures = health.failures.saturating_add(1);
        }
        health.probing &= !was_probe;
        health.since.get_or_insert_with(|| self.clock.now());
        why.clone_into(&mut health.last);
        let due = health.failures >= PATIENCE && (was_probe || health.closed_until.is_none());
        let pause = due.then(|| pause(health.failures - PATIENCE));
        let wish = wish.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WISH));
        if let Some(pause) = pause.max(wish) {
            let until = now.saturating_add(pause);
            health.closed_until = Some(health.closed_until.map_or(until, |already| already.max(until)));
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probe {
            self.gate.health.lock().probing = false;
        }
    }
}

/// Between half and all of the pause that is due, so that not everybody comes back at once.
fn pause(doublings: u32) -> Duration {
    let due = FIRST_PAUSE
        .saturating_mul(2u32.saturating_pow(doublings))
        .min(LONGEST_PAUSE);
    let half = due / 2;
    // Seeded anew at every call.
    let random = RandomState::new().hash_one(doublings);
    half + half.mul_f64((random % 1024) as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use capstan_base::VirtualClock;

    use super::*;

    const WAIT: Duration = Duration::from_millis(20);

    fn gates(concurrency: usize) -> (Arc<VirtualClock>, Gates) {
        let clock = VirtualClock::at(0);
        let shared: SharedClock = Arc::<VirtualClock>::clone(&clock);
        (clock, Gates::new(shared, concurrency))
    }

    #[tokio::test]
    async fn a_server_is_left_alone_after_failures_and_tried_by_one_request() {
        let (clock, gates) = gates(5);
        for _ in 0..PATIENCE {
            gates
                .enter("http://a", WAIT)
                .await
                .unwrap()
                .failed("refused", None);
        }
        let error = gates.enter("http://a", WAIT).await.unwrap_err();
        assert!(
            error
                .message
                .contains("failing since 1970-01-01T00:00:00Z, next attempt in 1s: refused"),
            "{error}"
        );
        assert_eq!(error.retry_after, Some(1));
        gates.enter("http://b", WAIT).await.unwrap().succeeded();

        clock.advance(LONGEST_PAUSE);
        let probe = gates.enter("http://a", WAIT).await.unwrap();
        let other = gates.enter("http://a", WAIT).await.unwrap_err();
        assert!(other.message.contains("an attempt is under way"), "{other}");
        drop(probe);
        let probe = gates.enter("http://a", WAIT).await.unwrap();
        probe.succeeded();
        let (one, two) = (
            gates.enter("http://a", WAIT).await,
            gates.enter("http://a", WAIT).await,
        );
        assert!(one.is_ok() && two.is_ok(), "all may ask again");
    }

    #[tokio::test]
    async fn a_servers_wish_is_heard_at_once() {
        let (clock, gates) = gates(1);
        gates
            .enter("http://a", WAIT)
            .await
            .unwrap()
            .failed("429", Some(120));
        clock.advance(Duration::from_secs(100));
        let error = gates.enter("http://a", WAIT).await.unwrap_err();
        assert_eq!(error.retry_after, Some(20));
        clock.advance(Duration::from_secs(20));
        gates.enter("http://a", WAIT).await.unwrap().succeeded();
    }

    #[tokio::test]
    async fn no_more_than_so_many_requests_are_under_way() {
        let (_, gates) = gates(2);
        let one = gates.enter("http://a", WAIT).await.unwrap();
        let _two = gates.enter("http://a", WAIT).await.unwrap();
        let error = gates.enter("http://a", WAIT).await.unwrap_err();
        assert!(
            error.message.contains("2 requests to it are under way"),
            "{error}"
        );
        one.succeeded();
        assert!(gates.enter("http://a", WAIT).await.is_ok());
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        for doublings in 0..80 {
            let pause = pause(doublings);
            assert!(
                pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE,
                "{doublings}: {pause:?}"
            );
        }
        assert!(pause(70) >= LONGEST_PAUSE / 2);
    }
}

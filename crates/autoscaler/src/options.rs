//! The controller's settings; the names are kube-controller-manager's flags.

use std::sync::Arc;
use std::time::Duration;

/// Nothing is looked at more often.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(100);

/// The controller's settings.
#[derive(Debug, Clone)]
pub struct Options {
    /// The arithmetic's: tolerance, stabilization, initialization period, readiness delay, gates.
    pub arithmetic: Arc<capstan_hpa::options::Options>,
    /// `--horizontal-pod-autoscaler-sync-period`: how long after its creation an HPA is looked at first, and how long
    /// after each look again. At least [`SHORTEST_PERIOD`].
    pub sync_period: Duration,
    /// `--concurrent-horizontal-pod-autoscaler-syncs`: how many workers there are. An HPA always has the same one.
    pub workers: usize,
    /// Whether HPAs are ours to act on. Where a kube-controller-manager runs they are its; only those with the
    /// annotation [`SHADOW`](crate::subject::SHADOW) are looked at then, and never acted on.
    pub own_hpas: bool,
    /// Whether `Autoscaler`s are looked at, if the cluster knows them.
    pub autoscalers: bool,
    /// Whether scales of built-in kinds are read from a watch instead of by a GET each time. A write still carries the
    /// version that was read, and a conflict is read anew.
    pub watch_scales: bool,
    /// Requests to the API server per second in the long run, and at once; 0 is no limit.
    pub rate: (u32, u32),
    /// How many decisions are kept per target.
    pub decisions_per_target: usize,
    /// How many decisions are kept of all targets together, in memory and in the store.
    pub decisions: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            arithmetic: Arc::default(),
            sync_period: Duration::from_secs(15),
            workers: 5,
            own_hpas: false,
            autoscalers: true,
            watch_scales: false,
            rate: (200, 400),
            decisions_per_target: 32,
            decisions: 20_000,
        }
    }
}

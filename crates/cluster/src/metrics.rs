//! `metrics.k8s.io/v1beta1` for this cluster: what pods and the node use, behind an `APIService` like any metrics server.
//!
//! Containers that are processes are measured: CPU time and resident memory of their process groups, read from `/proc`
//! every so often; their CPU usage is the time between two readings. Containers that are nothing (hollow pods, and apps
//! inside this process) use what annotations say, see [`load`]. A container of which nothing is known is left out, and
//! its pod with it: absent is not zero.
//!
//! | module | what |
//! |---|---|
//! | [`load`] | the load of hollow pods, from annotations |
//! | [`process`] | reading `/proc` |
//! | [`server`] | the API |

mod load;
mod process;
mod server;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::PODS;
use capstan_kubeapi::meta;
use capstan_runtime::{sleep, spawn};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::aggregation::LocalApi;
use crate::controllers::Context;
use crate::runners::meters::{ContainerKey, Meter, Meters};
use load::Loads;
use process::Reading;

/// The group.
const GROUP: &str = "metrics.k8s.io";
/// The version.
const VERSION: &str = "v1beta1";

/// CPU in billionths of a core, memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Usage {
    nanocores: u64,
    bytes: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.nanocores = self.nanocores.saturating_add(other.nanocores);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Usage over a window that ended at a time.
#[derive(Debug, Clone, Copy)]
struct Measured {
    usage: Usage,
    at: Timestamp,
    window: Duration,
}

/// What a container read last, and what came of it and the reading before.
#[derive(Debug, Clone, Copy)]
struct Series {
    last: Reading,
    since: Duration,
    measured: Option<Measured>,
}

impl Series {
    /// The next reading. CPU time that went backwards belongs to another process: begin anew.
    fn next(self, reading: Reading, now: Duration, at: Timestamp) -> Self {
        let window = now.saturating_sub(self.since);
        let measured = reading
            .cpu
            .checked_sub(self.last.cpu)
            .filter(|_| !window.is_zero())
            .map(|spent| {
                let nanocores = spent.as_nanos() * 1_000_000_000 / window.as_nanos();
                Measured {
                    usage: Usage {
                        nanocores: u64::try_from(nanocores).unwrap_or(u64::MAX),
                        bytes: reading.bytes,
                    },
                    at,
                    window,
                }
            });
        Self {
            last: reading,
            since: now,
            measured,
        }
    }

    fn first(reading: Reading, now: Duration) -> Self {
        Self {
            last: reading,
            since: now,
            measured: None,
        }
    }
}

#[derive(Debug, Default)]
struct Samples {
    containers: HashMap<ContainerKey, Series>,
    machine: Option<Series>,
}

/// The measurements of this cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    context: Context,
    meters: Meters,
    resolution: Duration,
    samples: Arc<Mutex<Samples>>,
}

impl Metrics {
    pub(crate) fn new(context: Context, meters: Meters, resolution: Duration) -> Self {
        Self {
            context,
            meters,
            resolution,
            samples: Arc::default(),
        }
    }

    /// The API for the aggregator.
    pub(crate) fn api(&self) -> LocalApi {
        LocalApi {
            group: GROUP.to_owned(),
            version: VERSION.to_owned(),
            service: "metrics-server".to_owned(),
            group_priority: 100,
            version_priority: 100,
            router: server::router(self.clone()),
        }
    }

    /// Reads `/proc` again and again until shutdown.
    pub(crate) fn start(&self) -> JoinHandle<()> {
        let metrics = self.clone();
        spawn("metrics", async move {
            loop {
                metrics.sample();
                tokio::select! {
                    () = metrics.context.shutdown.raised() => return,
                    () = sleep(metrics.resolution) => {}
                }
            }
        })
    }

    fn sample(&self) {
        let running = self.meters.groups();
        let groups: HashSet<u32> = running.iter().map(|(_, group)| *group).collect();
        let readings = if groups.is_empty() {
            HashMap::new()
        } else {
            process::groups(&groups)
        };
        let machine = process::machine();
        let (now, at) = (self.context.clock.monotonic(), self.context.clock.now());
        let mut samples = self.samples.lock();
        let before = std::mem::take(&mut samples.containers);
        for (key, group) in running {
            let Some(reading) = readings.get(&group).copied() else {
                continue;
            };
            let series = match before.get(&key) {
                Some(series) => series.next(reading, now, at),
                None => Series::first(reading, now),
            };
            samples.containers.insert(key, series);
        }
        samples.machine = machine.map(|reading| match samples.machine {
            Some(series) => series.next(reading, now, at),
            None => Series::first(reading, now),
        });
    }

    /// Usage of every container of a pod that runs, in the manifest's order; `None` unless all of them are known.
    fn pod(&self, pod: &Value, loads: &Loads<'_>) -> Option<PodUsage> {
        let uid = meta::uid(pod);
        let running = self.meters.of(uid);
        let modelled = running
            .values()
            .filter(|meter| **meter == Meter::Modelled)
            .count();
        let load = if modelled > 0 { loads.of(pod) } else { None };
        let mut containers = Vec::new();
        let (mut at, mut window) = (Timestamp::MAX, Duration::ZERO);
        for container in pod.pointer("/spec/containers").and_then(Value::as_array)? {
            let name = container.get("name").and_then(Value::as_str)?.to_owned();
            let measured = match running.get(&name) {
                // One that does not run uses nothing that could be told.
                None => continue,
                Some(Meter::Group(_)) => {
                    let key = (uid.to_owned(), name.clone());
                    self.samples.lock().containers.get(&key)?.measured?
                }
                Some(Meter::Modelled) => Measured {
                    usage: load?.divided(modelled),
                    at: self.context.clock.now(),
                    window: self.resolution,
                },
            };
            at = at.min(measured.at);
            window = window.max(measured.window);
            containers.push((name, measured.usage));
        }
        (!containers.is_empty()).then_some(PodUsage {
            containers,
            at,
            window,
        })
    }

    /// Usage of all pods of a namespace, or of all, that pass a filter.
    fn pods(&self, namespace: Option<&str>, wanted: impl Fn(&Value) -> bool) -> Vec<(Arc<Value>, PodUsage)> {
        let all = self.context.objects.list(PODS, namespace).items;
        let loads = Loads::new(&self.context.objects, &all);
        all.iter()
            .filter(|pod| wanted(pod))
            .filter_map(|pod| Some((Arc::clone(pod), self.pod(pod, &loads)?)))
            .collect()
    }

    /// Usage of the node: the machine's, and what hollow pods are said to use.
    fn node(&self) -> Option<Measured> {
        let mut measured = self.samples.lock().machine?.measured?;
        let all = self.context.objects.list(PODS, None).items;
        let loads = Loads::new(&self.context.objects, &all);
        for pod in &all {
            let running = self.meters.of(meta::uid(pod));
            if running.values().any(|meter| *meter == Meter::Modelled)
                && let Some(load) = loads.of(pod)
            {
                measured.usage += load;
            }
        }
        Some(measured)
    }
}

impl Usage {
    fn divided(self, parts: usize) -> Self {
        let parts = u64::try_from(parts.max(1)).unwrap_or(1);
        Self {
            nanocores: self.nanocores / parts,
            bytes: self.bytes / parts,
        }
    }
}

/// A pod's usage by container, over the widest of their windows.
#[derive(Debug)]
struct PodUsage {
    containers: Vec<(String, Usage)>,
    at: Timestamp,
    window: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_usage_is_the_time_between_two_readings() {
        let reading = |millis: u64| Reading {
            cpu: Duration::from_millis(millis),
            bytes: 4096,
        };
        let at = Timestamp::UNIX_EPOCH;
        let first = Series::first(reading(1_000), Duration::from_secs(10));
        assert!(first.measured.is_none());
        let second = first.next(reading(1_500), Duration::from_secs(12), at);
        let measured = second.measured.unwrap();
        assert_eq!(
            measured.usage,
            Usage {
                nanocores: 250_000_000,
                bytes: 4096
            }
        );
        assert_eq!(measured.window, Duration::from_secs(2));
        // A process that replaced another has spent less.
        assert!(
            second
                .next(reading(10), Duration::from_secs(14), at)
                .measured
                .is_none()
        );
        assert!(
            second
                .next(reading(1_600), Duration::from_secs(12), at)
                .measured
                .is_none()
        );
    }
}

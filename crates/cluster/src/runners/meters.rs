//! Which containers run now, and where their use of the machine can be read.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// What stands in for a container, as far as its use of the machine goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meter {
    /// Processes of this group.
    Group(u32),
    /// Nothing of its own: what it uses is what its load says.
    Modelled,
}

/// A container by its pod's uid and its name.
pub(crate) type ContainerKey = (String, String);

/// The containers of one pod that run.
type Running = HashMap<String, Meter>;

/// The running containers. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meters {
    /// By pod uid.
    running: Arc<Mutex<HashMap<String, Running>>>,
}

/// Keeps a container in the list while it is held.
#[derive(Debug)]
pub(crate) struct Metered {
    meters: Meters,
    uid: String,
    container: String,
}

impl Meters {
    /// Notes that a container runs, until the answer is dropped.
    #[must_use]
    pub(crate) fn run(&self, uid: &str, container: &str, meter: Meter) -> Metered {
        let mut running = self.running.lock();
        running
            .entry(uid.to_owned())
            .or_default()
            .insert(container.to_owned(), meter);
        Metered {
            meters: self.clone(),
            uid: uid.to_owned(),
            container: container.to_owned(),
        }
    }

    /// The containers of a pod that run.
    pub(crate) fn of(&self, uid: &str) -> HashMap<String, Meter> {
        self.running.lock().get(uid).cloned().unwrap_or_default()
    }

    /// The process groups of all containers that have one.
    pub(crate) fn groups(&self) -> Vec<(ContainerKey, u32)> {
        let running = self.running.lock();
        let mut groups = Vec::new();
        for (uid, containers) in running.iter() {
            for (container, meter) in containers {
                if let Meter::Group(group) = meter {
                    groups.push(((uid.clone(), container.clone()), *group));
                }
            }
        }
        groups
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let mut running = self.meters.running.lock();
        if let Some(containers) = running.get_mut(&self.uid) {
            containers.remove(&self.container);
            if containers.is_empty() {
                running.remove(&self.uid);
            }
        }
    }
}

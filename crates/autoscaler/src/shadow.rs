//! Where our decisions differ from those of the controller that acts.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::subject::Key;

/// Differences that are kept per HPA.
const KEPT: usize = 64;

/// How our decisions about one HPA compare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Namespace of the HPA.
    pub namespace: String,
    /// Name of the HPA.
    pub hpa: String,
    /// How often they were compared.
    pub compared: u64,
    /// How often they were the same.
    pub same: u64,
    /// Where they were not, oldest first; several in a row with the same numbers are one.
    pub differences: VecDeque<Difference>,
    /// Changes of the number of replicas that others made, oldest first, with what we would have set.
    pub changes: VecDeque<Change>,
    /// The number of replicas that was seen last.
    #[serde(skip)]
    seen: Option<i32>,
    /// What we would have set then.
    #[serde(skip)]
    wanted: Option<i32>,
    /// Whether they were not the same when they were compared last.
    #[serde(skip)]
    differed: bool,
}

/// A time at which the other controller wanted something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// When it was seen first.
    pub time: Timestamp,
    /// When it was seen last.
    pub last_time: Timestamp,
    /// How often it was seen in a row. Once means little: two controllers do not look at the same moment.
    pub count: u64,
    /// What we would have set.
    pub ours: i32,
    /// `status.desiredReplicas`.
    pub theirs: i32,
}

/// A change of the number of replicas that others made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When it was seen.
    pub time: Timestamp,
    /// The number before.
    pub from: i32,
    /// The number after.
    pub to: i32,
    /// What we wanted when we looked last before it.
    pub ours: Option<i32>,
}

/// What one look at an HPA in shadow mode found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) time: Timestamp,
    /// Replicas of the target.
    pub(crate) current: i32,
    /// What we would set; `None` when nothing could be decided.
    pub(crate) ours: Option<i32>,
    /// `status.desiredReplicas`; `None` if the other controller has never looked.
    pub(crate) theirs: Option<i32>,
}

/// The comparisons of all HPAs in shadow mode.
#[derive(Debug, Default)]
pub(crate) struct Comparisons {
    all: Mutex<HashMap<Key, Comparison>>,
}

impl Comparisons {
    pub(crate) fn look(&self, key: &Key, look: Look) {
        let mut all = self.all.lock();
        let comparison = all.entry(key.clone()).or_insert_with(|| Comparison {
            namespace: key.namespace.to_string(),
            hpa: key.name.to_string(),
            ..Comparison::default()
        });
        comparison.note(look);
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.all.lock().remove(key);
    }

    /// The comparisons of this namespace and name; empty selects all.
    pub(crate) fn list(&self, namespace: &str, hpa: &str) -> Vec<Comparison> {
        let all = self.all.lock();
        let mut found: Vec<Comparison> = all
            .values()
            .filter(|one| {
                (namespace.is_empty() || one.namespace == namespace) && (hpa.is_empty() || one.hpa == hpa)
            })
            .cloned()
            .collect();
        found.sort_by(|a, b| (&a.namespace, &a.hpa).cmp(&(&b.namespace, &b.hpa)));
        found
    }
}

impl Comparison {
    fn note(&mut self, look: Look) {
        if let Some(from) = self.seen.filter(|seen| *seen != look.current) {
            push(
                &mut self.changes,
                Change {
                    time: look.time,
                    from,
                    to: look.current,
                    ours: self.wanted,
                },
            );
        }
        self.seen = Some(look.current);
        self.wanted = look.ours;
        let (Some(ours), Some(theirs)) = (look.ours, look.theirs) else {
            return;
        };
        self.compared += 1;
        let differed = std::mem::replace(&mut self.differed, ours != theirs);
        if ours == theirs {
            self.same += 1;
            return;
        }
        if let Some(last) = self.differences.back_mut()
            && (last.ours, last.theirs) == (ours, theirs)
            && differed
        {
            last.count += 1;
            last.last_time = look.time;
            return;
        }
        push(
            &mut self.differences,
            Difference {
                time: look.time,
                last_time: look.time,
                count: 1,
                ours,
                theirs,
            },
        );
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= KEPT {
        list.pop_front();
    }
    list.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Kind;

    #[test]
    fn differences_in_a_row_are_one_and_changes_say_what_we_wanted() {
        let comparisons = Comparisons::default();
        let key = Key::new(Kind::Hpa, "n", "web");
        let looks = [
            (2, Some(2), None),
            (2, Some(2), Some(2)),
            (2, Some(5), Some(2)),
            (2, Some(5), Some(2)),
            (5, Some(5), Some(5)),
            (5, Some(4), Some(5)),
            (5, None, Some(5)),
        ];
        let time = |second: usize| Timestamp::from_second(second as i64).unwrap();
        for (second, (current, ours, theirs)) in looks.into_iter().enumerate() {
            let time = time(second);
            comparisons.look(
                &key,
                Look {
                    time,
                    current,
                    ours,
                    theirs,
                },
            );
        }
        let found = comparisons.list("n", "").remove(0);
        assert_eq!((found.compared, found.same), (5, 2));
        let differences: Vec<_> = found
            .differences
            .iter()
            .map(|one| (one.time, one.last_time, one.count, one.ours, one.theirs))
            .collect();
        assert_eq!(
            differences,
            [(time(2), time(3), 2, 5, 2), (time(5), time(5), 1, 4, 5)]
        );
        let changes: Vec<_> = found
            .changes
            .iter()
            .map(|one| (one.time, one.from, one.to, one.ours))
            .collect();
        assert_eq!(changes, [(time(4), 2, 5, Some(5))]);
        comparisons.forget(&key);
        assert!(comparisons.list("", "").is_empty());
    }
}

//! `join.on` (N-84): parents grouped by more tags than are joined on are matched with those grouped by exactly these.
//!
//! Points of the former are called specific here. A less specific point is copied to the group of every specific point
//! of its time; a specific one whose time the others have passed goes alone.

use std::collections::VecDeque;
use std::sync::Arc;

use capstan_model::{Dimensions, GroupId, Groups};

use super::sets::Arrived;
use crate::go_time;
use crate::group_state::PerGroup;

/// What waits for its match, with the parent it is of.
pub(super) type Waiting = VecDeque<(usize, Arrived)>;

#[derive(Debug)]
pub(super) struct Matching {
    on: Arc<[Arc<str>]>,
    tolerance: i64,
    /// By parent: whether anything came of it.
    pub(super) reported: Vec<bool>,
    /// By the group joined on: the time of what came last, by parent.
    pub(super) marks: PerGroup<Vec<Option<i64>>>,
    /// Less specific points by the group joined on.
    pub(super) general: PerGroup<Waiting>,
    /// Specific points by the group joined on.
    pub(super) specific: PerGroup<Waiting>,
    /// By input group: the group joined on.
    joined: PerGroup<GroupId>,
    /// How many points wait.
    pub(super) held: usize,
}

impl Matching {
    pub(super) fn new(mut on: Vec<Arc<str>>, tolerance: i64, parents: usize) -> Self {
        on.sort();
        Self {
            on: on.into(),
            tolerance,
            reported: vec![false; parents],
            marks: PerGroup::default(),
            general: PerGroup::default(),
            specific: PerGroup::default(),
            joined: PerGroup::default(),
            held: 0,
        }
    }

    fn round(&self, arrived: &Arrived) -> i64 {
        go_time::round(arrived.time, self.tolerance)
    }

    /// The group joined on, and whether `group` is more specific.
    fn group(&mut self, groups: &mut Groups, group: GroupId) -> (GroupId, bool) {
        let known = groups.get(group).clone();
        let on = &self.on;
        let joined = *self.joined.entry(group, || {
            let dimensions = Dimensions {
                by_name: known.dimensions().by_name,
                tags: Arc::clone(on),
            };
            groups.intern(&dimensions, known.name(), &known.tags)
        });
        (joined, known.dimensions().tags.len() > on.len())
    }

    /// The oldest of the parents' last times; `None` as long as a parent is missing.
    fn low_mark(&self, group: GroupId) -> Option<i64> {
        if !self.reported.iter().all(|&reported| reported) {
            return None;
        }
        // A parent that gave nothing for this group counts as infinitely old, but only behind one that did: upstream's
        // zero time.
        let older = |low: Option<i64>, mark: &Option<i64>| {
            if low.is_none() || *mark < low { *mark } else { low }
        };
        self.marks
            .get(group)
            .and_then(|marks| marks.iter().fold(None, older))
    }

    /// Takes something in; what is to be joined now goes to `out` in order.
    pub(super) fn collect(
        &mut self,
        groups: &mut Groups,
        parent: usize,
        arrived: Arrived,
        out: &mut Vec<(usize, Arrived)>,
    ) {
        self.reported[parent] = true;
        let all = self.reported.iter().all(|&reported| reported);
        let time = self.round(&arrived);
        let (group, specific) = self.group(groups, arrived.group);
        let parents = self.reported.len();
        self.marks.entry(group, || vec![None; parents])[parent] = Some(time);
        let low = self.low_mark(group);
        let passed = |time: i64| low.is_some_and(|low| time < low);
        let tolerance = self.tolerance;
        let round = |arrived: &Arrived| go_time::round(arrived.time, tolerance);
        // Specific points that nothing can match any more go alone.
        if all && let Some(waiting) = self.specific.get_mut(group) {
            while let Some(front) = waiting.pop_front_if(|(_, waiting)| passed(round(waiting))) {
                self.held -= front.1.weight();
                out.push(front);
            }
        }
        if specific {
            let mut matched = false;
            if let Some(waiting) = self.general.get_mut(group) {
                let mut old = 0;
                for (from, general) in waiting.iter() {
                    let at = round(general);
                    if at == time {
                        out.push((parent, arrived.clone()));
                        out.push((*from, moved(general, arrived.group)));
                        matched = true;
                    }
                    if !passed(at) {
                        break;
                    }
                    old += 1;
                }
                if all {
                    self.held -= waiting.drain(..old).map(|(_, old)| old.weight()).sum::<usize>();
                }
            }
            if matched {
                return;
            }
            if all && passed(time) {
                out.push((parent, arrived));
            } else {
                self.held += arrived.weight();
                self.specific
                    .entry(group, VecDeque::new)
                    .push_back((parent, arrived));
            }
        } else {
            if let Some(waiting) = self.specific.get_mut(group) {
                while let Some((from, specific)) = waiting.pop_front_if(|(_, waiting)| round(waiting) == time)
                {
                    self.held -= specific.weight();
                    let general = moved(&arrived, specific.group);
                    out.push((from, specific));
                    out.push((parent, general));
                }
            }
            self.held += arrived.weight();
            self.general
                .entry(group, VecDeque::new)
                .push_back((parent, arrived));
        }
    }

    /// Gives up waiting for a match of the oldest point of the group that `group` is joined on: a specific one goes
    /// alone, another is dropped. False if none waits.
    pub(super) fn give_up(
        &mut self,
        groups: &mut Groups,
        group: GroupId,
        out: &mut Vec<(usize, Arrived)>,
    ) -> bool {
        let (group, _) = self.group(groups, group);
        if let Some(oldest) = self.specific.get_mut(group).and_then(VecDeque::pop_front) {
            self.held -= oldest.1.weight();
            out.push(oldest);
            return true;
        }
        let dropped = self.general.get_mut(group).and_then(VecDeque::pop_front);
        if let Some((_, dropped)) = &dropped {
            self.held -= dropped.weight();
        }
        dropped.is_some()
    }

    /// Forgets what waits for a group, and what `parent`, or with `None` any parent and group, has passed.
    pub(super) fn delete_group(&mut self, group: GroupId, parent: Option<usize>) {
        let waiting = [self.general.remove(group), self.specific.remove(group)];
        self.held -= waiting
            .into_iter()
            .flatten()
            .flatten()
            .map(|(_, arrived)| arrived.weight())
            .sum::<usize>();
        self.joined.remove(group);
        match parent {
            None => self.marks.clear(),
            Some(parent) => {
                if let Some(marks) = self.marks.get_mut(group) {
                    marks[parent] = None;
                    if marks.iter().all(Option::is_none) {
                        self.marks.remove(group);
                    }
                }
            }
        }
    }
}

/// The same data in another group.
fn moved(arrived: &Arrived, group: GroupId) -> Arrived {
    Arrived {
        group,
        ..arrived.clone()
    }
}

use std::sync::Arc;

use capstan_model::{GroupId, Groups, ValueRef};
use serde::{Deserialize, Serialize};

use crate::engine::build::Builder;
use crate::engine::watch::GroupCounts;
use crate::go_time;
use crate::node::{Context, Json, JsonText, Node, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::rows::{OutputRows, OwnKeys};
use crate::script::Value;

/// A source of what another node gave, by group.
#[derive(Debug)]
pub(super) struct Stats {
    counts: Arc<GroupCounts>,
    interval: i64,
    align: bool,
    /// When to send next; `None` before the start.
    due: Option<i64>,
    keys: OwnKeys,
    name: Arc<str>,
    field: Arc<str>,
}

impl Stats {
    pub(super) fn new(config: &NodeConfig, builder: &mut Builder<'_>) -> Result<Self, String> {
        let interval = match config.arguments.first() {
            Some(Value::Duration(interval)) if *interval > 0 => *interval,
            _ => return Err("stats node must have positive interval".to_owned()),
        };
        let watched = config.watches.ok_or("no node found for the statistics")?;
        Ok(Self {
            counts: builder.watch(watched),
            interval,
            align: config.flag("align"),
            due: None,
            keys: OwnKeys::default(),
            name: Arc::from("stats"),
            field: Arc::from("emitted"),
        })
    }

    fn send(&self, ctx: &mut Context<'_>, time: i64) {
        let mut counts = self.counts.read();
        if counts.is_empty() {
            counts.push((Groups::UNGROUPED, 0));
        }
        let mut out = OutputRows::new(Arc::clone(self.keys.table()));
        for (group, count) in counts {
            let known = ctx.group(group).clone();
            let group = ctx.groups.intern(known.dimensions(), &self.name, &known.tags);
            out.row(&self.name, time, self.keys.of_tags(&known.tags), group);
            out.field(&self.field, ValueRef::Int(count));
        }
        out.finish().for_each(|message| ctx.emit(message));
    }
}

impl Node for Stats {
    fn start(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let now = ctx.now();
        self.due.get_or_insert_with(|| {
            let from = if self.align {
                go_time::truncate(now, self.interval)
            } else {
                now
            };
            from.saturating_add(self.interval)
        });
        Ok(())
    }

    fn next_timer(&self) -> Option<i64> {
        self.due
    }

    fn timer(&mut self, ctx: &mut Context<'_>) -> Outcome {
        let now = ctx.now();
        let Some(due) = self.due.filter(|&due| due <= now) else {
            return Ok(());
        };
        let missed = now.saturating_sub(due) / self.interval;
        self.due = Some(due.saturating_add(self.interval.saturating_mul(missed.saturating_add(1))));
        let time = if self.align {
            go_time::round(now, self.interval)
        } else {
            now
        };
        self.send(ctx, time);
        Ok(())
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        let place = |(group, count): (GroupId, i64)| (groups.place(group), count);
        let stored = Stored {
            due: self.due,
            counts: self.counts.read().into_iter().map(place).collect(),
        };
        serde_json::value::to_raw_value(&stored).ok()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored: Stored = serde_json::from_str(state.get())?;
        self.due = stored.due;
        for (place, count) in stored.counts {
            if let Some(group) = groups.group(place) {
                self.counts.set(group, count);
            }
        }
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        self.keys.renew();
        true
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    due: Option<i64>,
    counts: Vec<(u32, i64)>,
}

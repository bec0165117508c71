use std::sync::Arc;

use capstan_alert::{Decision, Event, EventData, EventState, Inhibitor, Level, Series};
use capstan_model::{Block, GroupId, Tags};

use super::augment::Augment;
use super::levels::Levels;
use super::settings::Settings;
use super::state::{AlertGroup, StoredAlert};
use super::templates::{Happened, Subject, Templates};
use crate::engine::build::Builder;
use crate::group_state::PerGroup;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Json, JsonText, Node, NodeError, Outcome, RestoreGroups, SnapshotGroups};
use crate::pipeline::NodeConfig;
use crate::ports::AlertSink;

/// Events by what became of them.
#[derive(Debug, Default)]
struct Counts {
    triggered: i64,
    inhibited: i64,
    levels: [i64; 4],
}

/// Gives points levels and tells when they change (N-160).
#[derive(Debug)]
pub(super) struct Alert {
    settings: Settings,
    levels: Levels,
    templates: Templates,
    sink: Arc<dyn AlertSink>,
    /// The node's own topic.
    own_topic: Arc<str>,
    opening: Option<u64>,
    groups: PerGroup<AlertGroup>,
    augment: Augment,
    counts: Counts,
}

/// A point or batch that has a level.
struct Judged<'a> {
    subject: Subject<'a>,
    id: &'a Arc<str>,
    level: Level,
    time: i64,
    duration: i64,
}

impl Alert {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let settings = Settings::new(config, builder)?;
        let ports = builder.ports;
        let Settings {
            id, message, details, ..
        } = &settings;
        let templates = Templates::new(id, message, details, &ports.server, builder.task)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            levels: Levels::new(config, ports)?,
            templates,
            sink: Arc::clone(&ports.alerts),
            own_topic: format!("main:{}:{}", builder.task, builder.name).into(),
            opening: None,
            groups: PerGroup::default(),
            augment: Augment::default(),
            counts: Counts::default(),
            settings,
        })
    }

    /// The topics that events go to, the node's own first.
    fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        let own = (!self.settings.handlers.is_empty()).then_some(&self.own_topic);
        own.into_iter().chain(&self.settings.topic)
    }

    /// Makes the state of a group that was not seen before. Its id cannot be had: the task ends.
    fn ensure(
        &mut self,
        ctx: &Context<'_>,
        group: GroupId,
        subject: Subject<'_>,
        time: i64,
    ) -> Result<(), NodeError> {
        if self.groups.get(group).is_some() {
            return Ok(());
        }
        let id = self
            .templates
            .id(subject)
            .map_err(|error| NodeError(error.to_string()))?;
        let tags = &ctx.group(group).tags;
        let inhibitors = self.inhibitors(tags);
        let mut state = AlertGroup::new(&self.settings.rules, inhibitors);
        if let Some(before) = self.state_before(&id).filter(|before| before.level != Level::Ok) {
            state
                .history
                .resume(time, before.level, before.time, &self.settings.rules);
            state.inhibit();
        }
        self.groups.entry(group, || state);
        Ok(())
    }

    fn inhibitors(&self, tags: &Tags) -> Vec<Arc<Inhibitor>> {
        let value = |tag: &Arc<str>| (Arc::clone(tag), Arc::from(tags.get(tag).unwrap_or_default()));
        let make = |(category, equal): &(Arc<str>, Vec<Arc<str>>)| {
            let inhibitor = Inhibitor::new(Arc::clone(category), equal.iter().map(value).collect());
            self.sink.inhibitors().add(Arc::clone(&inhibitor));
            inhibitor
        };
        self.settings.inhibits.iter().map(make).collect()
    }

    /// What is known of an id from an earlier run; the node's own topic knows better than the named one.
    fn state_before(&self, id: &str) -> Option<EventState> {
        let mut known: Option<EventState> = None;
        for topic in self.topics() {
            match (&known, self.sink.event(topic, id)) {
                (None, Some(state)) => known = Some(state),
                (Some(first), Some(state)) if state.level != first.level => {
                    self.sink.update(topic, first.clone());
                }
                _ => {}
            }
        }
        if let (Some(state), false) = (&known, self.settings.handlers.is_empty())
            && self.sink.event(&self.own_topic, id).is_none()
        {
            self.sink.update(&self.own_topic, state.clone());
        }
        known
    }

    /// Tells an event to the topics, unless it is inhibited. `None`: its texts cannot be had.
    fn tell(
        &mut self,
        ctx: &mut Context<'_>,
        judged: &Judged<'_>,
        data: EventData,
        group: GroupId,
    ) -> Option<EventState> {
        let Judged {
            subject,
            id,
            level,
            time,
            duration,
        } = *judged;
        let happened = Happened {
            id,
            fields: &data.fields,
            level,
            time,
            duration,
        };
        let (message, details) = match self.templates.texts(subject, happened) {
            Ok(texts) => texts,
            Err(error) => {
                ctx.error("failed to make the event's texts", error);
                return None;
            }
        };
        let state = EventState {
            id: Arc::clone(id),
            message,
            details,
            time,
            duration,
            level,
        };
        if self
            .sink
            .inhibitors()
            .is_inhibited(&self.settings.category, subject.tags)
        {
            self.counts.inhibited += 1;
            return Some(state);
        }
        self.counts.triggered += 1;
        self.counts.levels[usize::from(level.number())] += 1;
        let event = Event::new(state.clone(), Arc::new(data));
        self.sink.made(ctx.task(), ctx.node(), &event);
        for topic in self.topics() {
            if let Err(error) = self.sink.collect(topic, &event) {
                ctx.error("encountered error collecting event", error);
            }
        }
        if let Some(known) = self.groups.get_mut(group) {
            known.told = Some(state.clone());
        }
        Some(state)
    }

    /// Judges one point; gives the state of the event it makes.
    fn point(
        &mut self,
        ctx: &mut Context<'_>,
        block: &Block,
        row: usize,
        group: GroupId,
        next: &mut dyn FnMut(&mut Context<'_>, usize, Level) -> Level,
    ) -> Result<Option<EventState>, NodeError> {
        let (time, key) = (block.time[row], block.key[row]);
        let cached = self
            .groups
            .get(group)
            .and_then(|state| state.cached_id(&block.keys, key, &block.name));
        let id = if let Some(id) = cached {
            id
        } else {
            let (tags, group_id) = (block.tags(row), ctx.group(group).id());
            let subject = Subject {
                name: &block.name,
                group: &group_id,
                tags: &tags,
            };
            self.ensure(ctx, group, subject, time)?;
            let id = match self.templates.id(subject) {
                Ok(id) => id,
                Err(error) => {
                    ctx.error("failed to make the event's id", error);
                    return Ok(None);
                }
            };
            if let Some(state) = self.groups.get_mut(group) {
                state.cache_id(&block.keys, key, &block.name, &id);
            }
            id
        };
        let rules = &self.settings.rules;
        let Some(state) = self.groups.get_mut(group) else {
            return Ok(None);
        };
        let level = next(ctx, row, state.history.level());
        state.history.record(time, level, rules);
        let decision = state.history.decide_point(time, rules);
        if decision != Decision::Quiet {
            state.inhibit();
        }
        let Decision::Event { duration } = decision else {
            return Ok(None);
        };
        let tags = block.tags(row);
        let group_id = ctx.group(group).id();
        let series = point_series(block, row, &tags);
        let data = self.data(&group_id, block, row, &tags, series, ctx);
        let judged = Judged {
            subject: Subject {
                name: &block.name,
                group: &group_id,
                tags: &tags,
            },
            id: &id,
            level,
            time,
            duration,
        };
        Ok(self.tell(ctx, &judged, data, group))
    }

    fn data(
        &self,
        group: &str,
        block: &Block,
        row: usize,
        tags: &Tags,
        series: Series,
        ctx: &Context<'_>,
    ) -> EventData {
        let fields = block
            .columns
            .iter()
            .filter_map(|column| Some((Arc::clone(&column.name), column.get(row)?.to_value())));
        EventData {
            name: Arc::clone(&block.name),
            task: Arc::clone(ctx.task()),
            category: Arc::clone(&self.settings.category),
            group: group.into(),
            tags: tags.clone(),
            fields: fields.collect(),
            recoverable: !self.settings.rules.no_recoveries,
            series: vec![series],
        }
    }

    /// The level of a batch, and the row that the event is about.
    fn judge(&mut self, ctx: &mut Context<'_>, rows: &Block, current: Level) -> (Level, usize) {
        let mut levels = self.levels.bind(rows);
        let (mut lowest, mut highest, mut at) = (Level::Critical, Level::Ok, 0);
        for row in 0..rows.len() {
            let level = levels.next(ctx, row, current);
            lowest = lowest.min(level);
            if level > highest {
                (highest, at) = (level, row);
            }
        }
        (if self.settings.all { lowest } else { highest }, at)
    }

    fn close(&mut self) {
        if let Some(opening) = self.opening.take() {
            self.sink.close(&self.own_topic, opening);
        }
    }

    fn forget(&self, state: &AlertGroup) {
        for inhibitor in &state.inhibitors {
            self.sink.inhibitors().remove(inhibitor);
        }
    }
}

impl Drop for Alert {
    fn drop(&mut self) {
        self.close();
        for (_, state) in self.groups.iter() {
            self.forget(state);
        }
    }
}

impl Node for Alert {
    fn start(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        if !self.settings.handlers.is_empty() {
            let opened = self.sink.open(&self.own_topic, &self.settings.handlers);
            self.opening = Some(opened.map_err(NodeError)?);
        }
        Ok(())
    }

    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let Points { block, groups } = &points;
        // Taken out, because the levels of a block are bound while the rest of the node changes.
        let mut levels = std::mem::take(&mut self.levels);
        let mut bound = levels.bind(block);
        let mut rows: Vec<u32> = Vec::new();
        let mut states = Vec::new();
        let mut outcome = Ok(());
        for (row, &group) in groups.iter().enumerate() {
            let mut next = |ctx: &mut Context<'_>, row, current| bound.next(ctx, row, current);
            match self.point(ctx, block, row, group, &mut next) {
                Ok(None) => {}
                Ok(Some(state)) => {
                    rows.push(row as u32);
                    states.push(state);
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        drop(bound);
        self.levels = levels;
        if !rows.is_empty() {
            let passed = points.gather(&rows);
            let passed = self
                .augment
                .points(&self.settings.output, ctx.groups, passed, &states);
            ctx.emit(Message::Points(passed));
        }
        outcome
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let known = ctx.group(batch.group).clone();
        let group_id = known.id();
        let subject = Subject {
            name: &batch.name,
            group: &group_id,
            tags: &known.tags,
        };
        self.ensure(ctx, batch.group, subject, batch.tmax)?;
        let id = match self.templates.id(subject) {
            Ok(id) => id,
            Err(error) => {
                ctx.error("failed to make the event's id", error);
                return Ok(());
            }
        };
        if batch.rows.is_empty() {
            return Ok(());
        }
        let current = self
            .groups
            .get(batch.group)
            .map_or(Level::Ok, |state| state.history.level());
        let (level, row) = self.judge(ctx, &batch.rows, current);
        let time = if self.settings.all || level == Level::Ok {
            batch.tmax
        } else {
            batch.rows.time[row]
        };
        let Some(state) = self.groups.get_mut(batch.group) else {
            return Ok(());
        };
        state.history.record(time, level, &self.settings.rules);
        let decision = state.history.decide_batch(time, &self.settings.rules);
        if decision != Decision::Quiet {
            state.inhibit();
        }
        let Decision::Event { duration } = decision else {
            return Ok(());
        };
        let series = batch_series(&batch, &known.tags);
        let mut data = self.data(&group_id, &batch.rows, row, &known.tags, series, ctx);
        data.name = Arc::clone(&batch.name);
        let judged = Judged {
            subject,
            id: &id,
            level,
            time,
            duration,
        };
        if let Some(state) = self.tell(ctx, &judged, data, batch.group) {
            let passed = self
                .augment
                .batch(&self.settings.output, ctx.groups, batch, &state);
            ctx.emit(Message::Batch(passed));
        }
        Ok(())
    }

    fn forget_group(&mut self, group: GroupId) {
        if let Some(state) = self.groups.remove(group) {
            self.forget(&state);
        }
    }

    fn finish(&mut self, _ctx: &mut Context<'_>) -> Outcome {
        self.close();
        Ok(())
    }

    fn cardinality(&self) -> usize {
        self.groups.len()
    }

    fn stats(&self) -> Vec<i64> {
        let Counts {
            triggered,
            inhibited,
            levels,
        } = &self.counts;
        [&[*triggered, *inhibited][..], levels].concat()
    }

    fn snapshot(&self, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
        StoredAlert::of(&self.levels, &self.groups, groups).into_json()
    }

    fn restore(&mut self, state: &JsonText, groups: &RestoreGroups<'_>) -> Result<(), serde_json::Error> {
        let stored = StoredAlert::from_json(state)?;
        for (group, stored) in stored.unpack(&mut self.levels, groups) {
            let inhibitors = self.inhibitors(&groups.groups().get(group).tags);
            let rules = &self.settings.rules;
            let mut state = AlertGroup::restored(stored, rules, inhibitors);
            if let Some(told) = &state.told {
                for topic in self.topics() {
                    match self.sink.event(topic, &told.id) {
                        None => self.sink.update(topic, told.clone()),
                        // The topic was kept after the snapshot was taken.
                        Some(later) if later.time > told.time => {
                            state.history.resume(later.time, later.level, later.time, rules);
                            state.told = Some(later);
                            break;
                        }
                        Some(_) => {}
                    }
                }
            }
            state.inhibit();
            self.groups.entry(group, || state);
        }
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        self.augment.forget_keys();
        true
    }
}

/// A point with all of its tags.
fn point_series(block: &Block, row: usize, tags: &Tags) -> Series {
    let present = block
        .columns
        .iter()
        .filter_map(|column| Some((Arc::clone(&column.name), Some(column.get(row)?.to_value()))));
    let (columns, values) = present.unzip();
    Series {
        name: Arc::clone(&block.name),
        tags: tags.clone(),
        columns,
        rows: vec![(block.time[row], values)],
    }
}

/// A batch with its group's tags; other tags are columns. Columns come from the first row.
fn batch_series(batch: &PointBatch, tags: &Tags) -> Series {
    let rows = &batch.rows;
    let first = rows.tags(0);
    let others = first
        .iter()
        .map(|(key, _)| key)
        .filter(|key| tags.get(key).is_none());
    let mut columns: Vec<Arc<str>> = rows
        .fields(0)
        .map(|(name, _)| name)
        .chain(others)
        .map(Arc::from)
        .collect();
    columns.sort();
    let row = |at: usize| {
        let own = rows.tags(at);
        let value = |column: &Arc<str>| match rows.field(column, at) {
            Some(value) => Some(value.to_value()),
            None => own.get(column).map(|text| capstan_model::Value::Str(text.into())),
        };
        (rows.time[at], columns.iter().map(value).collect())
    };
    Series {
        name: Arc::clone(&batch.name),
        tags: tags.clone(),
        rows: (0..rows.len()).map(row).collect(),
        columns,
    }
}

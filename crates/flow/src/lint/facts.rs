//! What the script alone tells about the data that each node gives.

use std::collections::BTreeSet;
use std::sync::Arc;

use capstan_influxql::{FUNCTIONS, Function, Keeps, Shape};

use super::subject::Subject;
use crate::pipeline::{EdgeType, NodeConfig, NodeId, strings};
use crate::script::Value;

/// With more names than this, nothing is known.
const MAX_NAMES: usize = 200;
/// Names of a hint.
const MAX_LISTED: usize = 12;

/// Names that points can have: never fewer than they do have.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Nothing is known.
    any: bool,
    only: BTreeSet<Arc<str>>,
    /// All names that start so.
    prefixes: Vec<String>,
}

impl Names {
    pub(super) fn any() -> Self {
        Self {
            any: true,
            ..Self::default()
        }
    }

    pub(super) fn these(names: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self::default().and(names)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.any || self.only.contains(name) || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Whether everything is possible.
    pub(super) fn is_any(&self) -> bool {
        self.any
    }

    /// In words, for a hint.
    pub(super) fn listed(&self) -> String {
        let mut words: Vec<String> = self.only.iter().map(|name| format!("`{name}`")).collect();
        words.extend(self.prefixes.iter().map(|prefix| format!("`{prefix}…`")));
        if words.is_empty() {
            return "none".to_owned();
        }
        if words.len() > MAX_LISTED {
            words.truncate(MAX_LISTED);
            words.push("…".to_owned());
        }
        words.join(", ")
    }

    fn and(mut self, names: impl IntoIterator<Item = Arc<str>>) -> Self {
        self.only.extend(names);
        self.bounded()
    }

    fn without(mut self, names: &[Arc<str>]) -> Self {
        self.only.retain(|name| !names.contains(name));
        self
    }

    fn or(mut self, other: &Self) -> Self {
        self.any |= other.any;
        self.only.extend(other.only.iter().cloned());
        self.prefixes.extend(other.prefixes.iter().cloned());
        self.bounded()
    }

    /// Every node keeps its own; scripts can have many thousands of nodes.
    fn bounded(self) -> Self {
        if self.any || self.only.len() + self.prefixes.len() > MAX_NAMES {
            Self::any()
        } else {
            self
        }
    }
}

/// How the times of points come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// Nothing is known.
    Unknown,
    /// As they come to, or are made up by, this node.
    Of(NodeId),
    /// Multiples of a number of nanoseconds.
    Grid(i64),
}

/// What is known of the data a node gives.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The tags it is grouped by; `None` when they are not known.
    pub(super) dimensions: Option<BTreeSet<Arc<str>>>,
    pub(super) tags: Names,
    pub(super) fields: Names,
    pub(super) times: Times,
    /// Whether the points say which database they belong to.
    pub(super) has_database: bool,
}

impl Facts {
    fn unknown() -> Self {
        Self {
            dimensions: None,
            tags: Names::any(),
            fields: Names::any(),
            times: Times::Unknown,
            has_database: true,
        }
    }

    /// Points that have kept nothing but the tags of their group.
    fn only_group_tags(&mut self) {
        if let Some(dimensions) = &self.dimensions {
            self.tags = Names::these(dimensions.iter().cloned());
        }
    }
}

/// The function of an InfluxQL node.
pub(super) fn function(config: &NodeConfig) -> Option<&'static Function> {
    FUNCTIONS
        .iter()
        .copied()
        .find(|function| function.name == config.spec.method)
}

/// The facts of every node, by its number.
pub(super) fn all(subject: &Subject<'_>) -> Vec<Facts> {
    let mut facts = vec![Facts::unknown(); subject.pipeline.nodes().len()];
    for id in subject.pipeline.order() {
        facts[id.index()] = of(subject, id, &facts);
    }
    facts
}

fn of(subject: &Subject<'_>, id: NodeId, known: &[Facts]) -> Facts {
    let config = subject.pipeline.node(id);
    let Some(parent) = config.parents.first().map(|parent| &known[parent.index()]) else {
        return source(subject, config, id, known);
    };
    if subject.is_open_anywhere(id) {
        return Facts::unknown();
    }
    let mut facts = parent.clone();
    match config.spec.kind {
        "from" => {
            facts.dimensions = grouped(config.property("groupBy").unwrap_or_default());
            facts.times = match (config.duration("round"), config.duration("truncate")) {
                (0, 0) if parent.times == Times::Unknown => Times::Of(id),
                (0, 0) => parent.times,
                (0, unit) | (unit, _) => Times::Grid(unit),
            };
        }
        "query" => {
            facts = Facts::unknown();
            facts.dimensions = grouped(config.property("groupBy").unwrap_or_default());
            facts.has_database = false;
        }
        "groupby" => {
            facts.dimensions = match (config.flag("exclude"), grouped(&config.arguments)) {
                (false, dimensions) => dimensions,
                (true, _) => None,
            };
        }
        "eval" => eval(config, &mut facts),
        "default" | "sideload" => {
            let name = |call: &[Value]| strings(call).first().cloned();
            facts.fields = facts.fields.and(config.calls("field").filter_map(name));
            facts.tags = facts.tags.and(config.calls("tag").filter_map(name));
        }
        "delete" => {
            let fields: Vec<Arc<str>> = config.calls("field").flat_map(strings).collect();
            let tags: Vec<Arc<str>> = config.calls("tag").flat_map(strings).collect();
            if let Some(dimensions) = &mut facts.dimensions {
                dimensions.retain(|dimension| !tags.contains(dimension));
            }
            facts.fields = facts.fields.without(&fields);
            facts.tags = facts.tags.without(&tags);
        }
        "derivative" => {
            let name = config.string("as").unwrap_or_else(|| config.string_argument(0));
            facts.fields = facts.fields.and([name]);
        }
        kind @ ("state_duration" | "state_count") => {
            let name = config.string("as").unwrap_or_else(|| Arc::from(kind));
            facts.fields = facts.fields.and([name]);
        }
        "alert" => {
            let given = |names: &[&str]| -> Vec<Arc<str>> {
                names.iter().filter_map(|name| config.string(name)).collect()
            };
            facts.tags = facts.tags.and(given(&["levelTag", "idTag"]));
            facts.fields =
                facts
                    .fields
                    .and(given(&["levelField", "messageField", "durationField", "idField"]));
        }
        "http_post" => facts.fields = facts.fields.and(config.string("codeField")),
        "window" => {
            let (every, counted) = (config.duration("every"), config.int("periodCount") != 0);
            facts.times = if every > 0 && config.flag("align") && !counted {
                Times::Grid(every)
            } else {
                Times::Of(id)
            };
        }
        "shift" => {
            facts.times = match (parent.times, config.arguments.first()) {
                (Times::Grid(unit), Some(Value::Duration(by))) if by % unit == 0 => Times::Grid(unit),
                (Times::Unknown, _) => Times::Unknown,
                _ => Times::Of(id),
            };
        }
        "trickle" => facts.times = Times::Unknown,
        "flatten" => {
            facts.only_group_tags();
            facts.fields = Names::any();
            facts.times = tolerance(config, facts.times);
        }
        "combine" => {
            facts.tags = Names::any();
            facts.fields = Names::any();
            facts.times = tolerance(config, facts.times);
        }
        "join" => join(config, &mut facts, known),
        "union" => {
            for other in config.parents.iter().map(|parent| &known[parent.index()]) {
                if facts.dimensions != other.dimensions {
                    facts.dimensions = None;
                }
                if facts.times != other.times {
                    facts.times = Times::Of(id);
                }
                facts.tags = facts.tags.or(&other.tags);
                facts.fields = facts.fields.or(&other.fields);
                facts.has_database |= other.has_database;
            }
        }
        "k8s_autoscale" => {
            let tag =
                |property: &str, default: &str| config.string(property).unwrap_or_else(|| Arc::from(default));
            facts.only_group_tags();
            facts.tags = facts.tags.and([
                tag("namespaceTag", "namespace"),
                tag("kindTag", "kind"),
                tag("resourceTag", "resource"),
            ]);
            facts.fields = Names::these([Arc::from("old"), Arc::from("new")]);
            facts.has_database = false;
        }
        "where" | "log" | "noop" | "sample" | "changeDetect" | "barrier" | "http_out" => {}
        _ => match function(config) {
            Some(function) => influxql(config, function, id, &mut facts),
            None => facts = Facts::unknown(),
        },
    }
    facts
}

/// Nodes without parents: the task's source, and statistics of another node.
fn source(subject: &Subject<'_>, config: &NodeConfig, id: NodeId, known: &[Facts]) -> Facts {
    let mut facts = Facts::unknown();
    if let Some(watched) = config.watches {
        // Kapacitor's order has it that the watched node may come later; then nothing is known of its groups.
        facts.dimensions.clone_from(&known[watched.index()].dimensions);
        facts.only_group_tags();
        facts.fields = Names::these([Arc::from("emitted")]);
        facts.has_database = false;
        facts.times = match config.arguments.first() {
            Some(Value::Duration(unit)) if config.flag("align") && !subject.is_open(id) => Times::Grid(*unit),
            _ => Times::Of(id),
        };
    }
    facts
}

/// The tags that `groupBy` takes; `None` for a star.
fn grouped(dimensions: &[Value]) -> Option<BTreeSet<Arc<str>>> {
    let star = dimensions.iter().any(|value| matches!(value, Value::Star));
    (!star && dimensions.len() <= MAX_NAMES).then(|| strings(dimensions).into_iter().collect())
}

fn tolerance(config: &NodeConfig, times: Times) -> Times {
    match config.duration("tolerance") {
        0 => times,
        unit => Times::Grid(unit),
    }
}

fn eval(config: &NodeConfig, facts: &mut Facts) {
    let (names, tags) = (config.strings("as"), config.strings("tags"));
    let fields = std::mem::take(&mut facts.fields);
    facts.fields = match config.property("keep") {
        None => Names::these(names.into_iter().filter(|name| !tags.contains(name))),
        Some([]) => fields.and(names),
        Some(kept) => Names::these(strings(kept)),
    };
    facts.tags = std::mem::take(&mut facts.tags).and(tags);
}

fn influxql(config: &NodeConfig, function: &Function, id: NodeId, facts: &mut Facts) {
    let name = config
        .string("as")
        .unwrap_or_else(|| Arc::from(function.default_as));
    match function.keeps {
        Keeps::Nothing => {
            facts.only_group_tags();
            facts.fields = Names::these([name]);
        }
        Keeps::Tags => facts.fields = Names::these([name]),
        Keeps::Point => facts.fields = std::mem::take(&mut facts.fields).and([name]),
    }
    facts.has_database = false;
    if function.point_times || config.flag("usePointTimes") {
        facts.times = match (config.wants, function.shape) {
            (EdgeType::Batch, shape) if shape != Shape::Transform => Times::Of(id),
            _ => facts.times,
        };
    }
}

fn join(config: &NodeConfig, facts: &mut Facts, known: &[Facts]) {
    let parents = || config.parents.iter().map(|parent| &known[parent.index()]);
    facts.dimensions = parents()
        .map(|parent| parent.dimensions.clone())
        .reduce(|all, next| Some(all?.into_iter().chain(next?).collect()))
        .flatten()
        .filter(|dimensions: &BTreeSet<Arc<str>>| dimensions.len() <= MAX_NAMES);
    facts.tags = parents().fold(Names::default(), |all, next| all.or(&next.tags));
    facts.only_group_tags();
    let delimiter = config.string("delimiter").unwrap_or_else(|| Arc::from("."));
    facts.fields = Names {
        prefixes: config
            .strings("as")
            .iter()
            .map(|name| format!("{name}{delimiter}"))
            .collect(),
        ..Names::default()
    }
    .bounded();
    facts.times = if parents().any(|parent| parent.times != facts.times) {
        tolerance(config, Times::Unknown)
    } else {
        tolerance(config, facts.times)
    };
}

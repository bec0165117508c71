//! Expectations as they are written.

use capstan_tick::ast::Position;

use super::fact::{Fact, Kind};
use super::pattern::{Pattern, Type};
use super::points;
use crate::tree::{Node, Problem, Value, unknown};

/// Everything a case expects.
#[derive(Debug, Clone, Default)]
pub(super) struct Expect {
    pub(super) lists: Vec<List>,
    /// Replicas of objects at the end.
    pub(super) replicas: Vec<(String, Pattern, Position)>,
}

/// What is expected of things of one kind.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) kind: Kind,
    /// The node whose points are meant, as the scenario calls it.
    pub(super) node: Option<String>,
    pub(super) at: Position,
    pub(super) rules: Vec<Rule>,
}

/// One rule about what happened.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// These, in this order, and no others.
    Exactly(Vec<Item>),
    /// Each of these, whatever else there is.
    Contains(Vec<Item>),
    /// Nothing like these.
    Without(Vec<Item>),
    /// So many.
    Count(Pattern),
    First(Item),
    Last(Item),
    /// Whatever: for errors, which otherwise must not happen.
    Any,
}

/// A thing by what is said about it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) patterns: Vec<(&'static str, Pattern)>,
}

/// The keys of a thing, with their types.
const fn keys(kind: Kind) -> &'static [(&'static str, Type)] {
    match kind {
        Kind::Alerts => &[
            ("at", Type::Time),
            ("level", Type::Level),
            ("id", Type::Text),
            ("message", Type::Text),
            ("details", Type::Text),
            ("previous", Type::Level),
            ("duration", Type::Span),
            ("recoverable", Type::Bool),
            ("node", Type::Text),
            ("name", Type::Text),
            ("tags", Type::Map),
            ("fields", Type::Map),
        ],
        Kind::Scales => &[
            ("at", Type::Time),
            ("resource", Type::Object),
            ("from", Type::Number),
            ("to", Type::Number),
            ("raw", Type::Number),
            ("reason", Type::Text),
            ("limits", Type::Text),
            ("node", Type::Text),
        ],
        Kind::Holds => &[
            ("at", Type::Time),
            ("resource", Type::Object),
            ("replicas", Type::Number),
            ("raw", Type::Number),
            ("reason", Type::Text),
            ("limits", Type::Text),
            ("count", Type::Number),
            ("node", Type::Text),
        ],
        Kind::Points => &[
            ("at", Type::Time),
            ("name", Type::Text),
            ("tags", Type::Map),
            ("fields", Type::Map),
            ("batch", Type::Time),
        ],
        Kind::Writes => &[
            ("at", Type::Time),
            ("db", Type::Text),
            ("rp", Type::Text),
            ("name", Type::Text),
            ("tags", Type::Map),
            ("fields", Type::Map),
        ],
        Kind::Posts => &[
            ("at", Type::Time),
            ("url", Type::Text),
            ("body", Type::Text),
            ("headers", Type::Map),
        ],
        Kind::Logs => &[
            ("at", Type::Time),
            ("level", Type::Text),
            ("text", Type::Text),
            ("node", Type::Text),
        ],
        Kind::Errors => &[("at", Type::Time), ("text", Type::Text), ("node", Type::Text)],
    }
}

/// Keys of a list's rules.
const RULES: [&str; 6] = ["exactly", "contains", "without", "count", "first", "last"];

impl Expect {
    /// Reads the value of `expect`.
    pub(super) fn read(node: &Node, start: i64) -> Result<Self, Problem> {
        let mut expect = Self::default();
        let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        for (key, value) in node.map()? {
            if key.text == "replicas" {
                for (object, pattern) in value.map()? {
                    let pattern = Pattern::read(pattern, Type::Number, start)?;
                    expect.replicas.push((object.text.clone(), pattern, object.at));
                }
                continue;
            }
            let kind = Kind::ALL.into_iter().find(|kind| kind.word() == key.text);
            let Some(kind) = kind else {
                let known: Vec<&str> = words.iter().copied().chain(["replicas"]).collect();
                return Err(unknown(key, "expect", &known));
            };
            if kind == Kind::Points {
                let nodes = value.map().map_err(|_| {
                    value
                        .expected("points by the node that gives them")
                        .hint("points: {eval3: [...]}; a node goes by its name or kind, an httpOut also by its endpoint")
                })?;
                for (name, value) in nodes {
                    expect.lists.push(List {
                        kind,
                        node: Some(name.text.clone()),
                        at: name.at,
                        rules: rules(value, kind, start)?,
                    });
                }
                continue;
            }
            expect.lists.push(List {
                kind,
                node: None,
                at: key.at,
                rules: rules(value, kind, start)?,
            });
        }
        if expect.lists.is_empty() && expect.replicas.is_empty() {
            return Err(Problem::new(node.at, "nothing is expected").hint("alerts: none, for instance"));
        }
        Ok(expect)
    }
}

fn rules(node: &Node, kind: Kind, start: i64) -> Result<Vec<Rule>, Problem> {
    let items = |node: &Node| {
        let items = node.list().iter();
        items
            .map(|node| item(node, kind, start))
            .collect::<Result<Vec<_>, _>>()
    };
    match (&node.value, node.plain()) {
        (_, Some("none")) => Ok(vec![Rule::Exactly(Vec::new())]),
        (_, Some("any")) if kind == Kind::Errors => Ok(vec![Rule::Any]),
        (Value::List(_), _) => Ok(vec![Rule::Exactly(items(node)?)]),
        (Value::Map(members), _) if members.iter().any(|(key, _)| RULES.contains(&key.text.as_str())) => {
            let mut rules = Vec::new();
            for (key, value) in node.only(kind.word(), &RULES)? {
                rules.push(match key.text.as_str() {
                    "exactly" => Rule::Exactly(items(value)?),
                    "contains" => Rule::Contains(items(value)?),
                    "without" => Rule::Without(items(value)?),
                    "count" => Rule::Count(Pattern::read(value, Type::Number, start)?),
                    "first" => Rule::First(item(value, kind, start)?),
                    _ => Rule::Last(item(value, kind, start)?),
                });
            }
            Ok(rules)
        }
        // One thing alone needs no list.
        (Value::Map(_), _) => Ok(vec![Rule::Exactly(vec![item(node, kind, start)?])]),
        _ if matches!(kind, Kind::Points | Kind::Writes) && !node.is_null() => {
            Ok(vec![Rule::Exactly(lines(node, start)?)])
        }
        _ => Err(node.expected("a list, none, or conditions").hint(format!(
            "{}: none says that nothing of it may happen",
            kind.word()
        ))),
    }
}

fn item(node: &Node, kind: Kind, start: i64) -> Result<Item, Problem> {
    if matches!(node.value, Value::Scalar { .. }) && matches!(kind, Kind::Points | Kind::Writes) {
        let mut items = lines(node, start)?;
        return match (items.pop(), items.is_empty()) {
            (Some(item), true) => Ok(item),
            _ => Err(node.expected("one point in one line")),
        };
    }
    let keys = keys(kind);
    let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let what = match kind {
        Kind::Alerts => "an alert",
        Kind::Scales => "a scale decision",
        Kind::Holds => "a hold",
        Kind::Points => "a point",
        Kind::Writes => "a written point",
        Kind::Posts => "a post",
        Kind::Logs => "a log line",
        Kind::Errors => "an error",
    };
    let mut patterns = Vec::new();
    for (key, value) in node.only(what, &known)? {
        if let Some((name, of)) = keys.iter().find(|(name, _)| *name == key.text) {
            patterns.push((*name, Pattern::read(value, *of, start)?));
        }
    }
    if patterns.is_empty() {
        return Err(node.expected(&format!("something about {what}")));
    }
    Ok(Item { patterns })
}

/// Points as lines that end with their times.
fn lines(node: &Node, start: i64) -> Result<Vec<Item>, Problem> {
    let item = |row: crate::journal::Row| {
        let is = |fact| Pattern::Is(fact);
        let mut patterns = vec![
            ("at", is(Fact::Time(row.time))),
            ("name", is(Fact::Text(row.name.to_string()))),
        ];
        let tags = row.tags.iter();
        let tags: Vec<(String, Pattern)> = tags
            .map(|(key, value)| (key.to_owned(), is(Fact::Text(value.to_owned()))))
            .collect();
        if !tags.is_empty() {
            patterns.push(("tags", Pattern::Map(tags)));
        }
        let fields = row.fields.iter();
        let fields = fields.filter_map(|(name, value)| Some((name.to_string(), is(Fact::of_value(value)?))));
        patterns.push(("fields", Pattern::Map(fields.collect())));
        Item { patterns }
    };
    Ok(points::lines(node, start)?.into_iter().map(item).collect())
}

impl Item {
    /// What of it a thing does not have: key, expected, got.
    pub(super) fn misses<'a>(
        &'a self,
        got: &'a super::fact::Happening,
    ) -> impl Iterator<Item = (&'static str, &'a Pattern, Option<&'a Fact>)> {
        self.patterns
            .iter()
            .map(|(key, pattern)| (*key, pattern, got.facts.get(key)))
            .filter(|(_, pattern, fact)| !pattern.holds(*fact))
    }

    /// Whether a thing is it.
    pub(super) fn is(&self, got: &super::fact::Happening) -> bool {
        self.misses(got).next().is_none()
    }

    /// In one line, the time first.
    pub(super) fn show(&self, start: i64) -> String {
        let at = self.patterns.iter().find(|(key, _)| *key == "at");
        let at = at.map(|(_, pattern)| pattern.show(start)).unwrap_or_default();
        let others = self.patterns.iter().filter(|(key, _)| *key != "at");
        let one = |(key, pattern): &(&str, Pattern)| match pattern {
            Pattern::Is(_) => format!("{key}={}", pattern.show(start)),
            Pattern::Map(_) => format!("{key}: {}", pattern.show(start)),
            _ => format!("{key} {}", pattern.show(start)),
        };
        let others: Vec<String> = others.map(one).collect();
        format!("{at:<8} {}", others.join(" "))
    }
}

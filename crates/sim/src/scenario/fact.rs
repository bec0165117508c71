//! What is known about a thing that happened, by words that expectations use.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use capstan_model::{ParseOptions, Precision, SeriesIndex, Tags, Value, line_protocol};

use crate::journal::{Entry, Happened, Row};
use crate::moment::{duration_text, offset_text};
use crate::output;
use crate::world::rows;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fact {
    /// An instant.
    Time(i64),
    /// Nanoseconds.
    Span(i64),
    Number(f64),
    Bool(bool),
    Text(String),
    /// An object to scale: `namespace/kind/name`.
    Object(String),
    Map(BTreeMap<String, Fact>),
}

impl Fact {
    pub(super) fn of_value(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Float(value) => Self::Number(*value),
            Value::Int(value) => Self::Number(*value as f64),
            Value::Bool(value) => Self::Bool(*value),
            Value::Str(value) => Self::Text(value.to_string()),
            Value::Duration(nanos) => Self::Span(*nanos),
            Value::Null => return None,
        })
    }

    /// In few words; times are relative to `start`.
    pub(super) fn show(&self, start: i64) -> String {
        match self {
            Self::Time(time) => offset_text(time.saturating_sub(start)),
            Self::Span(nanos) => duration_text(*nanos),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Text(text) => quoted(text),
            Self::Object(object) => short(object).to_owned(),
            Self::Map(members) => {
                let one = |(key, value): (&String, &Self)| format!("{key}={}", value.show(start));
                members.iter().map(one).collect::<Vec<_>>().join(",")
            }
        }
    }
}

/// A text, in quotes unless it is one word.
pub(super) fn quoted(text: &str) -> String {
    let simple = |c: char| c.is_alphanumeric() || "_-./:".contains(c);
    if !text.is_empty() && text.chars().all(simple) {
        text.to_owned()
    } else {
        format!("{text:?}")
    }
}

/// Without the namespace `default`.
fn short(object: &str) -> &str {
    object.strip_prefix("default/").unwrap_or(object)
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) struct Happening {
    pub(super) facts: BTreeMap<&'static str, Fact>,
    /// In one line, without the time.
    pub(super) text: String,
    pub(super) time: i64,
}

impl Happening {
    /// In one line; times are relative to `start`.
    pub(super) fn show(&self, start: i64) -> String {
        format!(
            "{:<8} {}",
            offset_text(self.time.saturating_sub(start)),
            self.text
        )
    }
}

/// The kinds of things that expectations are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Alerts,
    Scales,
    Holds,
    Points,
    Writes,
    Posts,
    Logs,
    Errors,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Alerts,
        Self::Scales,
        Self::Holds,
        Self::Points,
        Self::Writes,
        Self::Posts,
        Self::Logs,
        Self::Errors,
    ];

    /// The key of expectations.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Scales => "scales",
            Self::Holds => "holds",
            Self::Points => "points",
            Self::Writes => "writes",
            Self::Posts => "posts",
            Self::Logs => "logs",
            Self::Errors => "errors",
        }
    }
}

/// The things of an entry, with their kind; a write is one thing per point.
pub(super) fn happenings(entry: &Entry) -> Vec<(Kind, Happening)> {
    let mut facts = BTreeMap::from([("at", Fact::Time(entry.time()))]);
    if !entry.node.is_empty() {
        facts.insert("node", Fact::Text(entry.node.to_string()));
    }
    let mut put = |key, fact| {
        facts.insert(key, fact);
    };
    let word = |text: &str| Fact::Text(text.to_owned());
    let number = |value: i64| Fact::Number(value as f64);
    let (kind, text) = match &entry.what {
        Happened::Point(row) => {
            let text = put_row(&mut put, row);
            (Kind::Points, text)
        }
        Happened::EmptyBatch { .. } => return Vec::new(),
        Happened::Alert(event) => {
            let (state, data) = (&event.state, &event.data);
            put("id", word(&state.id));
            put("level", word(state.level.as_str()));
            put("previous", word(event.previous.as_str()));
            put("message", word(&state.message));
            put("details", word(&state.details));
            put("duration", Fact::Span(state.duration));
            put("recoverable", Fact::Bool(data.recoverable));
            put("name", word(&data.name));
            put("tags", tags(&data.tags));
            put(
                "fields",
                fields(data.fields.iter().map(|(name, value)| (&**name, value))),
            );
            let text = format!("{} {} {}", state.level, quoted(&state.id), quoted(&state.message));
            (Kind::Alerts, text)
        }
        Happened::Scale(record) | Happened::Hold(record) => {
            let target = &record.target;
            let object = format!("{}/{}/{}", target.namespace, target.kind, target.name);
            put("raw", number(record.raw_desired_replicas));
            put("reason", word(&record.reason));
            put("limits", word(&record.constraints_applied.join(", ")));
            let limits = match record.constraints_applied.as_slice() {
                [] => String::new(),
                limits => format!(", limited by {}", limits.join(", ")),
            };
            let reason = format!(
                "({}, asked for {}{limits})",
                record.reason, record.raw_desired_replicas
            );
            let scale = matches!(entry.what, Happened::Scale(_));
            let (current, next) = (record.current_replicas, record.final_desired_replicas);
            let shown = short(&object).to_owned();
            put("resource", Fact::Object(object));
            if scale {
                put("from", number(current));
                put("to", number(next));
                (Kind::Scales, format!("{shown} {current} -> {next} {reason}"))
            } else {
                put("replicas", number(current));
                put("count", number(i64::try_from(record.count).unwrap_or(i64::MAX)));
                (Kind::Holds, format!("{shown} stays at {current} {reason}"))
            }
        }
        Happened::Write(request) => {
            return written(request, &facts);
        }
        Happened::Post(request) => {
            put("url", word(&request.url));
            put("body", word(&request.body));
            let headers = request.headers.iter();
            let headers = headers.map(|(key, value)| (key.clone(), word(value)));
            put("headers", Fact::Map(headers.collect()));
            (
                Kind::Posts,
                format!("{} {}", request.url, request.body.trim_end()),
            )
        }
        Happened::Log { level, text } => {
            let level = output::level_word(*level);
            put("level", word(level));
            put("text", word(text));
            (Kind::Logs, format!("{level} {text}"))
        }
        Happened::Error { message, error } => {
            let text = format!("{message}: {error}");
            put("text", word(&text));
            (Kind::Errors, format!("{} {text}", entry.node))
        }
    };
    let time = entry.time();
    vec![(kind, Happening { facts, text, time })]
}

/// Notes the facts of a point and gives its text.
fn put_row(put: &mut impl FnMut(&'static str, Fact), row: &Row) -> String {
    put("name", Fact::Text(row.name.to_string()));
    put("tags", tags(&row.tags));
    put(
        "fields",
        fields(row.fields.iter().map(|(name, value)| (&**name, value))),
    );
    let mut text = format!("{} {}", row.key(), row.values());
    if let Some(end) = row.batch {
        put("batch", Fact::Time(end));
        if end != row.time {
            // Writing to a String cannot fail.
            let _ = write!(text, " (batch until {} later)", duration_text(end - row.time));
        }
    }
    text
}

fn tags(tags: &Tags) -> Fact {
    let one = |(key, value): (&str, &str)| (key.to_owned(), Fact::Text(value.to_owned()));
    Fact::Map(tags.iter().map(one).collect())
}

fn fields<'a>(fields: impl Iterator<Item = (&'a str, &'a Value)>) -> Fact {
    let one = |(name, value): (&str, &Value)| Some((name.to_owned(), Fact::of_value(value)?));
    Fact::Map(fields.filter_map(one).collect())
}

/// The points of a write; what cannot be read back is told as a whole.
fn written(
    request: &capstan_flow::ports::WriteRequest,
    facts: &BTreeMap<&'static str, Fact>,
) -> Vec<(Kind, Happening)> {
    let mut facts = facts.clone();
    facts.insert("db", Fact::Text(request.database.to_string()));
    facts.insert("rp", Fact::Text(request.retention_policy.to_string()));
    let options = ParseOptions {
        precision: Precision::parse(&request.precision).unwrap_or_default(),
        ..ParseOptions::default()
    };
    let mut index = SeriesIndex::new("", "");
    let parsed = line_protocol::parse(&mut index, request.body.as_bytes(), &options);
    let all = parsed.batches.iter().flat_map(crate::data::single_points);
    all.flat_map(|(_, batch)| rows(&batch.blocks[0], None).collect::<Vec<_>>())
        .map(|row| {
            let mut facts = facts.clone();
            let point = put_row(
                &mut |key, fact| {
                    facts.insert(key, fact);
                },
                &row,
            );
            facts.insert("at", Fact::Time(row.time));
            let text = format!("{}.{} {point}", request.database, request.retention_policy);
            let time = row.time;
            (Kind::Writes, Happening { facts, text, time })
        })
        .collect()
}

//! Points of scenarios: lines of line protocol that end with a relative time, and generators of many.

use std::collections::HashMap;
use std::sync::Arc;

use capstan_model::{Batch, BlockBuilder, KeyTable, ParseOptions, SeriesIndex, Tags, Value, line_protocol};

use super::curve::Curve;
use crate::journal::Row;
use crate::moment::{Moment, parse_duration};
use crate::tree::{Node, Problem};
use crate::world::rows;

/// The most points of one case.
pub(super) const MAX_POINTS: usize = 1_000_000;

/// Keys of a generator.
const GENERATOR: [&str; 13] = [
    "series",
    "measurement",
    "tags",
    "field",
    "fields",
    "from",
    "to",
    "every",
    "value",
    "values",
    "ramp",
    "rate",
    "type",
];

/// A point and where it is written to; nowhere: where the task reads.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) dbrp: Option<(Arc<str>, Arc<str>)>,
    pub(super) row: Row,
}

impl Point {
    /// The point alone in a batch.
    pub(super) fn batch(&self, default: &(Arc<str>, Arc<str>), keys: &Arc<KeyTable>) -> Batch {
        let (database, policy) = self.dbrp.clone().unwrap_or_else(|| default.clone());
        let row = &self.row;
        let mut rows =
            BlockBuilder::new(Arc::clone(&row.name), Arc::clone(keys)).from_source(database, policy);
        rows.row(row.time, keys.intern(&row.tags));
        for (name, value) in &row.fields {
            rows.field(name, value.as_ref());
        }
        Batch::single(rows.finish())
    }
}

/// A counter's series: measurement, tags, field.
type Counter = (Arc<str>, Tags, String);

/// Reads points of one case.
#[derive(Debug)]
pub(super) struct Reader {
    start: i64,
    /// Where counters stand: generators of one series go on counting.
    counters: HashMap<Counter, (i64, f64)>,
    read: usize,
}

impl Reader {
    pub(super) fn new(start: i64) -> Self {
        Self {
            start,
            counters: HashMap::new(),
            read: 0,
        }
    }

    /// Points in any order of writing, by their times.
    pub(super) fn points(&mut self, node: &Node) -> Result<Vec<Point>, Problem> {
        let mut points = Vec::new();
        for item in node.list() {
            let plain = |row| Point { dbrp: None, row };
            if item.map().is_err() {
                points.extend(lines(item, self.start)?.into_iter().map(plain));
            } else {
                self.item(item, &mut points)?;
            }
            if self.read + points.len() > MAX_POINTS {
                return Err(Problem::new(item.at, format!("more than {MAX_POINTS} points")));
            }
        }
        if points.is_empty() {
            return Err(node.expected("points"));
        }
        self.read += points.len();
        points.sort_by_key(|point| point.row.time);
        Ok(points)
    }

    /// Lines or a generator, possibly of another database.
    fn item(&mut self, node: &Node, points: &mut Vec<Point>) -> Result<(), Problem> {
        let dbrp = match node.get("dbrp") {
            Some(node) => Some(dbrp(node)?),
            None => None,
        };
        let here = |row| Point {
            dbrp: dbrp.clone(),
            row,
        };
        if let Some(text) = node.get("lines") {
            node.only("lines of points", &["lines", "dbrp"])?;
            for item in text.list() {
                points.extend(lines(item, self.start)?.into_iter().map(here));
            }
            return Ok(());
        }
        let known: Vec<&str> = GENERATOR.into_iter().chain(["dbrp", "lines"]).collect();
        node.only("a generator of points", &known)?;
        points.extend(self.generate(node)?.into_iter().map(here));
        Ok(())
    }

    fn generate(&mut self, node: &Node) -> Result<Vec<Row>, Problem> {
        let start = self.start;
        let (name, tags) = series(node)?;
        let field = match node.get("field") {
            Some(field) => field.text()?,
            None => "value",
        };
        let shapes = ["value", "values", "ramp", "rate"];
        let mut shapes = shapes.iter().filter_map(|key| Some((*key, node.get(key)?)));
        let (shape, values) = match (shapes.next(), shapes.next()) {
            (Some(one), None) => one,
            (Some(_), Some((_, second))) => {
                return Err(Problem::new(
                    second.at,
                    "one of value, values, ramp, rate is enough",
                ));
            }
            (None, _) => {
                return Err(Problem::new(node.at, "the generator says no values")
                    .hint("value: 5, values: [1, 2], ramp: [0, 100] or rate: 100 (a counter with that rate per second)"));
            }
        };
        let every = match node.get("every") {
            Some(every) => duration(every)?,
            None => 1_000_000_000,
        };
        if every <= 0 {
            return Err(Problem::new(node.at, "every must be above zero"));
        }
        let moment = |key: &str| node.get(key).map(|node| instant(node, start)).transpose();
        let span = Curve::span(values, start);
        let from = moment("from")?.or(span.map(|(from, _)| from)).unwrap_or(start);
        let to = match (moment("to")?, span) {
            (Some(to), _) => to,
            (None, Some((_, to))) => to,
            (None, None) if shape == "values" => {
                let count = i64::try_from(values.list().len()).unwrap_or(0);
                from.saturating_add(every.saturating_mul(count - 1))
            }
            (None, None) => return Err(Problem::new(node.at, "the generator does not say until when: to")),
        };
        if to < from {
            return Err(Problem::new(node.at, "the generator ends before it begins"));
        }
        if (to - from) / every >= MAX_POINTS as i64 {
            return Err(Problem::new(node.at, format!("more than {MAX_POINTS} points")));
        }
        let times = (0..=(to - from) / every).map(|n| from + n * every);
        let whole = match node.get("type").map(Node::text).transpose()? {
            None | Some("float") => false,
            Some("int") => true,
            Some(_) => return Err(Problem::new(node.at, "the type of a generator is int or float")),
        };
        let number = |value: f64| {
            if whole {
                Value::Int(value.round() as i64)
            } else {
                Value::Float(value)
            }
        };
        let others = match node.get("fields") {
            Some(fields) => constants(fields)?,
            None => Vec::new(),
        };
        let row = |(time, value): (i64, Value)| {
            let mut fields = vec![(Arc::from(field), value)];
            fields.extend(others.iter().cloned());
            Row {
                name: Arc::clone(&name),
                tags: tags.clone(),
                fields,
                time,
                batch: None,
            }
        };
        Ok(match shape {
            "value" => {
                let value = match values.number() {
                    Ok(value) => number(value),
                    Err(_) => constant(values)?,
                };
                times.map(|time| row((time, value.clone()))).collect()
            }
            "values" => {
                let all = values.list();
                let value = |node: &Node| node.number().map(number).or_else(|_| constant(node));
                let all = all.iter().map(value).collect::<Result<Vec<_>, _>>()?;
                times.zip(all).map(row).collect()
            }
            "ramp" => {
                let curve = Curve::read(values, start, from, to)?;
                times.map(|time| row((time, number(curve.at(time))))).collect()
            }
            _ => {
                let curve = Curve::read(values, start, from, to)?;
                let key = (Arc::clone(&name), tags.clone(), field.to_owned());
                let before = self.counters.get(&key).copied();
                let (mut last, mut count) = (from, before.map_or(0.0, |(_, count)| count));
                let mut rows = Vec::new();
                for time in times {
                    count += curve.grown(last, time);
                    last = time;
                    // Where one generator ends and the next begins there is one point.
                    if before.is_none_or(|(said, _)| said < time) {
                        rows.push(row((time, number(count))));
                    }
                }
                self.counters.insert(key, (last, count));
                rows
            }
        })
    }
}

/// A series in one word, `requests,host=a`, or as measurement and tags.
fn series(node: &Node) -> Result<(Arc<str>, Tags), Problem> {
    if let Some(series) = node.get("series") {
        if let Some(other) = node.get("measurement").or_else(|| node.get("tags")) {
            return Err(Problem::new(other.at, "series says measurement and tags already"));
        }
        let row = row(&format!("{} v=1 0", series.text()?)).map_err(|message| {
            Problem::new(series.at, message).hint("a series is written as in line protocol: requests,host=a")
        })?;
        return Ok((row.name, row.tags));
    }
    let name = node.get("measurement").ok_or_else(|| {
        Problem::new(node.at, "the generator says no series").hint("series: requests,host=a")
    })?;
    let mut tags = Vec::new();
    if let Some(node) = node.get("tags") {
        for (key, value) in node.map()? {
            tags.push((key.text.clone(), value.text()?.to_owned()));
        }
    }
    Ok((name.text()?.into(), Tags::from_pairs(tags)))
}

/// Fields that never change.
fn constants(node: &Node) -> Result<Vec<(Arc<str>, Value)>, Problem> {
    let members = node.map()?.iter();
    members
        .map(|(key, value)| Ok((Arc::from(&*key.text), constant(value)?)))
        .collect()
}

/// A value: a number is a float, `5i` an int, as in line protocol.
fn constant(node: &Node) -> Result<Value, Problem> {
    if let Ok(value) = node.number() {
        return Ok(Value::Float(value));
    }
    if let Ok(value) = node.bool() {
        return Ok(Value::Bool(value));
    }
    let text = node.text()?;
    let int = node.plain().and_then(|text| text.strip_suffix('i')?.parse().ok());
    Ok(int.map_or_else(|| Value::Str(text.into()), Value::Int))
}

/// Every line of a text.
pub(super) fn lines(node: &Node, start: i64) -> Result<Vec<Row>, Problem> {
    let text = node.text()?;
    let mut rows = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        rows.push(self::line(line, start).map_err(|(message, hint)| {
            let problem = Problem::new(node.at, format!("{message}: {line}"));
            match hint {
                Some(hint) => problem.hint(hint),
                None => problem,
            }
        })?);
    }
    Ok(rows)
}

/// A point as a line that ends with its time: `cpu,host=a usage=95 +2m`. An error comes with advice.
pub(super) fn line(text: &str, start: i64) -> Result<Row, (String, Option<&'static str>)> {
    let untimed = || {
        let hint = "end the line with its time after the start, such as +10s; within [ ] a line with commas needs quotes";
        ("the point has no time".to_owned(), Some(hint))
    };
    let (point, time) = text.rsplit_once(' ').ok_or_else(untimed)?;
    let time = Moment::parse(time).ok_or_else(untimed)?.instant(start);
    row(&format!("{point} {time}")).map_err(|message| (message, None))
}

/// A point of line protocol.
fn row(line: &str) -> Result<Row, String> {
    let mut index = SeriesIndex::new("", "");
    let parsed = line_protocol::parse(&mut index, line.as_bytes(), &ParseOptions::default());
    if let Some(rejected) = parsed.outcome.rejected.first() {
        return Err(rejected.reason.to_string());
    }
    let block = parsed.batches.first().and_then(|batch| batch.blocks.first());
    block
        .and_then(|block| rows(block, None).next())
        .ok_or_else(|| "it is no point".to_owned())
}

/// A time after the start, or an instant.
pub(super) fn instant(node: &Node, start: i64) -> Result<i64, Problem> {
    let moment = Moment::parse(node.text()?);
    moment
        .map(|moment| moment.instant(start))
        .ok_or_else(|| node.expected("a time after the start, such as +2m"))
}

/// A duration.
pub(super) fn duration(node: &Node) -> Result<i64, Problem> {
    let text = node.text()?;
    parse_duration(text.strip_prefix('+').unwrap_or(text))
        .ok_or_else(|| node.expected("a duration in TICKscript's units, such as 90s or 1h30m"))
}

/// `db.rp`, or only the database.
pub(super) fn dbrp(node: &Node) -> Result<(Arc<str>, Arc<str>), Problem> {
    if node.map().is_ok() {
        node.only("a database with a retention policy", &["db", "rp"])?;
        let word = |key: &str| node.get(key).map_or(Ok("autogen"), Node::text);
        return Ok((word("db")?.into(), word("rp")?.into()));
    }
    let text = node.text()?;
    let (database, policy) = text.split_once('.').unwrap_or((text, "autogen"));
    let plain = |word: &str| Arc::from(word.trim_matches('"'));
    if database.is_empty() || policy.is_empty() {
        return Err(node.expected("a database with a retention policy: db.rp"));
    }
    Ok((plain(database), plain(policy)))
}

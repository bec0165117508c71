//! A file as cases.

use std::sync::Arc;

use capstan_flow::TaskKind;
use capstan_flow::recording::{RecordedBatch, RecordedPoint};
use capstan_gocompat::time_layout::parse_rfc3339;
use capstan_model::Tags;

use super::expect::Expect;
use super::points::{self, Point, Reader, dbrp, duration, instant};
use super::{Case, Fetched, Script, Step};
use crate::data::{self, Data, ReadOptions};
use crate::tree::{self, Node, Problem, unknown};
use crate::vars;
use crate::world::rows;

/// Reads a file by a path that a scenario says, relative to the scenario's own.
pub type Load<'a> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'a;

/// Where time begins unless a case says otherwise: 2000-01-01T00:00:00Z, which every usual window divides.
const START: i64 = 946_684_800_000_000_000;

/// Keys that say what a case is given.
const INPUT: [&str; 5] = ["data", "points", "batches", "advance", "steps"];
/// Keys of a case.
const KEYS: [&str; 16] = [
    "name",
    "script",
    "tick",
    "type",
    "dbrps",
    "vars",
    "start",
    "resources",
    "data",
    "points",
    "batches",
    "advance",
    "steps",
    "finish",
    "expect",
    "description",
];

/// Reads the cases of a file. `name` is what messages call it.
pub fn read(text: &str, name: &str, load: &mut Load<'_>) -> Result<Vec<Case>, Problem> {
    let file = tree::parse(text)?;
    let Some(tests) = file.get("tests") else {
        file.only("a scenario", &[&KEYS[..], &["tests"]].concat())?;
        return Ok(vec![Source::new(&file, None, name).case(load)?]);
    };
    file.only("a file of scenarios", &[&KEYS[..], &["tests"]].concat())?;
    let mut cases: Vec<Case> = Vec::new();
    for test in tests.list() {
        test.only("a scenario", &KEYS)?;
        let case = Source::new(test, Some(&file), name).case(load)?;
        if let Some(known) = cases.iter().find(|known| known.name == case.name) {
            let message = format!(
                "there are two scenarios {:?}; the other is in line {}",
                case.name, known.at.line
            );
            return Err(Problem::new(case.at, message));
        }
        cases.push(case);
    }
    if cases.is_empty() {
        return Err(tests.expected("scenarios"));
    }
    Ok(cases)
}

/// What a case is read from: its own keys, then those of its file.
struct Source<'a> {
    own: &'a Node,
    file: Option<&'a Node>,
    name: &'a str,
}

impl<'a> Source<'a> {
    fn new(own: &'a Node, file: Option<&'a Node>, name: &'a str) -> Self {
        Self { own, file, name }
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        self.own.get(key).or_else(|| self.file?.get(key))
    }

    /// The file's value and then the case's, whose parts win.
    fn both(&self, key: &str) -> impl Iterator<Item = &'a Node> {
        let file = self.file.and_then(|file| file.get(key));
        file.into_iter().chain(self.own.get(key))
    }

    fn case(&self, load: &mut Load<'_>) -> Result<Case, Problem> {
        let script = self.script(load)?;
        let kind = match self.get("type") {
            None => TaskKind::Auto,
            Some(node) => match node.text()? {
                "stream" => TaskKind::Stream,
                "batch" => TaskKind::Batch,
                _ => return Err(node.expected("stream or batch")),
            },
        };
        let start = match self.get("start") {
            None => START,
            Some(node) => parse_rfc3339(node.text()?)
                .ok_or_else(|| node.expected("a time such as 2000-01-01T00:00:00Z"))?,
        };
        let dbrps = match self.get("dbrps") {
            Some(node) => node.list().iter().map(dbrp).collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let declared = vars::declared(&script.text, kind);
        let mut values = capstan_flow::Vars::new();
        for node in self.both("vars") {
            let (vars, others) = vars::read(node, &declared)?;
            // A script with mistakes declares nothing; running it says why.
            if let (Some(problem), false) = (
                others.into_iter().next(),
                declared.is_empty() && broken(&script.text),
            ) {
                return Err(problem);
            }
            values.extend(vars);
        }
        let mut resources: Vec<(String, i64)> = Vec::new();
        for node in self.both("resources") {
            for (object, replicas) in objects(node)? {
                resources.retain(|(known, _)| *known != object);
                resources.push((object, replicas));
            }
        }
        let expect = self.get("expect").ok_or_else(|| {
            Problem::new(self.own.at, "the scenario expects nothing")
                .hint("expect: {alerts: none}, for instance")
        })?;
        let name = match (self.own.get("name"), self.file) {
            (Some(node), _) => node.text()?.to_owned(),
            (None, None) => stem(self.name).to_owned(),
            (None, Some(_)) => return Err(Problem::new(self.own.at, "the scenario has no name")),
        };
        Ok(Case {
            name,
            at: self.own.at,
            kind,
            dbrps,
            vars: values,
            start,
            resources,
            steps: self.steps(start, load)?,
            finish: self.get("finish").map_or(Ok(false), Node::bool)?,
            expect: Expect::read(expect, start)?,
            script,
        })
    }

    fn script(&self, load: &mut Load<'_>) -> Result<Script, Problem> {
        // A case's own script wins over its file's, however each is given.
        let given = |node: &'a Node| (node.get("tick"), node.get("script"));
        let (inline, path) = match given(self.own) {
            (None, None) => self.file.map_or((None, None), given),
            given => given,
        };
        match (inline, path) {
            (Some(_), Some(path)) => Err(Problem::new(path.at, "one of script and tick is enough")),
            (Some(node), None) => Ok(Script {
                text: node.text()?.to_owned(),
                name: format!("{} (tick)", self.name),
            }),
            (None, Some(node)) => {
                let path = node.text()?;
                let bytes = load(path).map_err(|error| Problem::new(node.at, error))?;
                let text = String::from_utf8(bytes)
                    .map_err(|_| Problem::new(node.at, format!("{path} is not valid UTF-8")))?;
                Ok(Script {
                    text,
                    name: path.to_owned(),
                })
            }
            (None, None) => Err(Problem::new(self.own.at, "the scenario says no script")
                .hint("script: path/to/file.tick, or tick: with the script itself")),
        }
    }

    fn steps(&self, start: i64, load: &mut Load<'_>) -> Result<Vec<Step>, Problem> {
        let is_input = |node: &Node| INPUT.iter().any(|key| node.get(key).is_some());
        let from = if is_input(self.own) {
            self.own
        } else {
            self.file.unwrap_or(self.own)
        };
        let mut reader = Reader::new(start);
        let Some(steps) = from.get("steps") else {
            let mut all = Vec::new();
            for key in ["data", "points", "batches", "advance"] {
                if let Some(node) = from.get(key) {
                    all.push(step(key, node, start, &mut reader, load)?);
                }
            }
            if all.is_empty() {
                return Err(
                    Problem::new(self.own.at, "the scenario gives nothing to the script")
                        .hint("points: cpu,host=a usage=95 +10s"),
                );
            }
            return Ok(all);
        };
        if let Some(other) = INPUT[..4].iter().find_map(|key| from.get(key)) {
            return Err(Problem::new(
                other.at,
                "beside steps there is no other input; make it a step",
            ));
        }
        let mut all = Vec::new();
        for node in steps.list() {
            match node.map()? {
                [(key, value)] => {
                    let known = [
                        "data", "points", "batches", "advance", "until", "scale", "restart",
                    ];
                    if !known.contains(&key.text.as_str()) {
                        return Err(unknown(key, "a step", &known));
                    }
                    all.push(step(&key.text, value, start, &mut reader, load)?);
                }
                _ => return Err(node.expected("a step of one key")),
            }
        }
        Ok(all)
    }
}

fn broken(script: &str) -> bool {
    capstan_flow::define(
        script,
        TaskKind::Auto,
        &capstan_flow::Vars::new(),
        capstan_flow::Mode::Template,
    )
    .is_err()
}

fn stem(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.split('.').next().unwrap_or(file)
}

fn objects(node: &Node) -> Result<Vec<(String, i64)>, Problem> {
    let members = node.map()?.iter();
    let one = |(key, value): &(tree::Key, Node)| match value.int()? {
        replicas if replicas >= 0 => Ok((key.text.clone(), replicas)),
        _ => Err(value.expected("a number of replicas")),
    };
    members.map(one).collect()
}

fn step(
    key: &str,
    node: &Node,
    start: i64,
    reader: &mut Reader,
    load: &mut Load<'_>,
) -> Result<Step, Problem> {
    Ok(match key {
        "points" => Step::Points(reader.points(node)?),
        "batches" => Step::Batches(batches(node, start)?),
        "advance" => match duration(node)? {
            nanos if nanos >= 0 => Step::Advance(nanos),
            _ => return Err(node.expected("a duration of zero or more")),
        },
        "until" => Step::Until(instant(node, start)?),
        "scale" => Step::Scale(objects(node)?),
        "restart" if node.is_null() || node.bool()? => Step::Restart,
        "data" => recorded(node, start, load)?,
        _ => return Err(node.expected("true")),
    })
}

/// A recording, moved so that it begins at the start.
fn recorded(node: &Node, start: i64, load: &mut Load<'_>) -> Result<Step, Problem> {
    let (path, mut options) = (node.get("file").unwrap_or(node), ReadOptions::default());
    if node.map().is_ok() {
        node.only("data", &["file", "dbrp", "precision", "tags", "measurement"])?;
        if let Some(node) = node.get("dbrp") {
            options.dbrp = dbrp(node)?;
        }
        if let Some(node) = node.get("precision") {
            options.precision = capstan_model::Precision::parse(node.text()?)
                .ok_or_else(|| node.expected("a precision: ns, u, ms, s, m or h"))?;
        }
        if let Some(node) = node.get("measurement") {
            options.measurement = Some(node.text()?.to_owned());
        }
        for tag in node.get("tags").map(Node::list).unwrap_or_default() {
            options.tags.push(tag.text()?.to_owned());
        }
    }
    let name = path.text()?;
    let bytes = load(name).map_err(|error| Problem::new(path.at, error))?;
    let data = data::read(name, bytes, &options).map_err(|error| Problem::new(path.at, error.to_string()))?;
    if data.points() > points::MAX_POINTS {
        let message = format!("more than {} points", points::MAX_POINTS);
        return Err(Problem::new(path.at, message));
    }
    let by = start - data.first_time().unwrap_or(start);
    Ok(match data {
        Data::Stream(batches) => {
            let mut points = Vec::new();
            for (_, batch) in batches.iter().flat_map(data::single_points) {
                let block = &batch.blocks[0];
                let dbrp = (Arc::clone(&block.database), Arc::clone(&block.retention_policy));
                for mut row in rows(block, None) {
                    row.time = row.time.saturating_add(by);
                    // Data that does not say where it belongs goes where the task reads.
                    let dbrp = (dbrp != ReadOptions::default().dbrp).then(|| dbrp.clone());
                    points.push(Point { dbrp, row });
                }
            }
            Step::Points(points)
        }
        Data::Batches(mut all) => {
            if all.len() != 1 {
                return Err(Problem::new(
                    path.at,
                    "the recording is of several query nodes; give their batches as steps",
                ));
            }
            let moved = |mut batch: RecordedBatch| {
                for point in &mut batch.points {
                    point.time = point.time.saturating_add(by);
                }
                batch.tmax = batch.tmax.map(|tmax| tmax.saturating_add(by));
                Fetched { query: None, batch }
            };
            Step::Batches(all.remove(0).into_iter().map(moved).collect())
        }
    })
}

/// Batches as query nodes fetch them.
fn batches(node: &Node, start: i64) -> Result<Vec<Fetched>, Problem> {
    let mut all: Vec<(i64, Fetched)> = Vec::new();
    for item in node.list() {
        item.only("a batch", &["query", "at", "group", "points"])?;
        let lines = item
            .get("points")
            .ok_or_else(|| Problem::new(item.at, "the batch has no points"))?;
        let mut rows = Vec::new();
        for line in lines.list() {
            rows.extend(points::lines(line, start)?);
        }
        let first = rows.first().ok_or_else(|| lines.expected("points"))?;
        let name = Arc::clone(&first.name);
        if let Some(other) = rows.iter().find(|row| row.name != name) {
            let message = format!("a batch is of one measurement, not of {name} and {}", other.name);
            return Err(Problem::new(lines.at, message));
        }
        let mut group = Vec::new();
        if let Some(node) = item.get("group") {
            for (key, value) in node.map()? {
                group.push((key.text.clone(), value.text()?.to_owned()));
            }
        }
        let group = Tags::from_pairs(group);
        let point = |row: crate::journal::Row| {
            let own = row.tags.iter().chain(group.iter());
            RecordedPoint {
                time: row.time,
                tags: Tags::from_pairs(own),
                fields: row
                    .fields
                    .into_iter()
                    .map(|(name, value)| (name.to_string(), value))
                    .collect(),
            }
        };
        let points: Vec<RecordedPoint> = rows.into_iter().map(point).collect();
        let tmax = item.get("at").map(|node| instant(node, start)).transpose()?;
        let end = tmax.unwrap_or_else(|| points.last().map_or(start, |point| point.time));
        let query = item.get("query").map(Node::text).transpose()?.map(str::to_owned);
        let batch = RecordedBatch {
            name,
            tags: group,
            by_name: false,
            tmax,
            points,
        };
        all.push((end, Fetched { query, batch }));
    }
    if all.is_empty() {
        return Err(node.expected("batches"));
    }
    all.sort_by_key(|(end, _)| *end);
    Ok(all.into_iter().map(|(_, fetched)| fetched).collect())
}

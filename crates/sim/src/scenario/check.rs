//! Expected against happened.

use std::collections::BTreeMap;

use super::Failure;
use super::diff::{Line, Mark, compare, shorten};
use super::expect::{Item, List, Rule};
use super::fact::{Fact, Happening, Kind};
use crate::journal::Entry;

/// How many things of a kind are shown when one was looked for among them.
const SHOWN: usize = 10;

/// What happened, by kind.
#[derive(Debug, Default)]
pub(super) struct History {
    all: BTreeMap<Kind, Vec<Happening>>,
}

impl History {
    pub(super) fn new(entries: &[Entry]) -> Self {
        let mut history = Self::default();
        for (kind, happening) in entries.iter().flat_map(super::fact::happenings) {
            history.all.entry(kind).or_default().push(happening);
        }
        history
    }

    /// The things of a kind, of one node or of all.
    pub(super) fn of(&self, kind: Kind, node: Option<&str>) -> Vec<Happening> {
        let all = self.all.get(&kind).map(Vec::as_slice).unwrap_or_default();
        let is_of = |happening: &&Happening| {
            node.is_none_or(|node| happening.facts.get("node") == Some(&Fact::Text(node.to_owned())))
        };
        all.iter().filter(is_of).cloned().collect()
    }
}

/// Compares a list of expectations with the things it is about.
pub(super) fn list(list: &List, got: &[Happening], start: i64) -> Vec<Failure> {
    let what = match &list.node {
        Some(node) => format!("{} of {node}", list.kind.word()),
        None => list.kind.word().to_owned(),
    };
    let failure = |said: String, lines: Vec<Line>| Failure {
        what: format!("{what}: {said}"),
        at: Some(list.at),
        lines,
    };
    let rule = |rule: &Rule| match rule {
        Rule::Any => None,
        Rule::Exactly(wanted) => {
            let lines = compare(wanted, got, start)?;
            let wanted = match wanted.len() {
                0 => "none".to_owned(),
                count => count.to_string(),
            };
            Some(failure(
                format!("{wanted} expected, {} happened", got.len()),
                lines,
            ))
        }
        Rule::Contains(wanted) => {
            let missing = missing(wanted, got);
            if missing.is_empty() {
                return None;
            }
            let mut lines = Vec::new();
            for item in &missing {
                lines.push(Line::new(Mark::Missing, item.show(start)));
            }
            lines.extend(among(&missing, got, start));
            Some(failure(
                format!("{} of {} did not happen", missing.len(), wanted.len()),
                lines,
            ))
        }
        Rule::Without(unwanted) => {
            let found = got.iter().filter(|got| unwanted.iter().any(|item| item.is(got)));
            let found: Vec<Line> = found.map(|got| Line::new(Mark::Extra, got.show(start))).collect();
            (!found.is_empty())
                .then(|| failure(format!("{} happened that must not", found.len()), shorten(found)))
        }
        Rule::Count(pattern) => {
            let count = got.len() as f64;
            (!pattern.holds(Some(&Fact::Number(count)))).then(|| {
                let said = format!("{} expected, {} happened", pattern.show(start), got.len());
                failure(said, shown(got, start))
            })
        }
        Rule::First(item) => one(item, got.first(), start).map(|lines| failure("the first".into(), lines)),
        Rule::Last(item) => one(item, got.last(), start).map(|lines| failure("the last".into(), lines)),
    };
    list.rules.iter().filter_map(rule).collect()
}

/// The items that nothing fits; each thing stands for one item.
fn missing<'a>(wanted: &'a [Item], got: &[Happening]) -> Vec<&'a Item> {
    let mut taken = vec![false; got.len()];
    let mut missing = Vec::new();
    for item in wanted {
        let found = (0..got.len()).find(|&at| !taken[at] && item.is(&got[at]));
        match found {
            Some(at) => taken[at] = true,
            None => missing.push(item),
        }
    }
    missing
}

/// What happened, those first that are most like what is missing.
fn among(missing: &[&Item], got: &[Happening], start: i64) -> Vec<Line> {
    let misses = |got: &Happening| missing.iter().map(|item| item.misses(got).count()).min();
    let mut order: Vec<usize> = (0..got.len()).collect();
    order.sort_by_key(|&at| misses(&got[at]));
    order.truncate(SHOWN);
    order.sort_unstable();
    let mut lines = vec![Line::new(
        Mark::Note,
        match got.len() {
            0 => "nothing of the kind happened".to_owned(),
            count if count > SHOWN => format!("the most similar of {count} that happened:"),
            _ => "what happened:".to_owned(),
        },
    )];
    lines.extend(
        order
            .into_iter()
            .map(|at| Line::new(Mark::Same, got[at].show(start))),
    );
    lines
}

fn shown(got: &[Happening], start: i64) -> Vec<Line> {
    let mut lines: Vec<Line> = got
        .iter()
        .take(SHOWN)
        .map(|got| Line::new(Mark::Same, got.show(start)))
        .collect();
    if got.len() > SHOWN {
        lines.push(Line::new(Mark::Note, format!("and {} more", got.len() - SHOWN)));
    }
    lines
}

fn one(item: &Item, got: Option<&Happening>, start: i64) -> Option<Vec<Line>> {
    let got = got.map_or(&[][..], std::slice::from_ref);
    compare(std::slice::from_ref(item), got, start)
}

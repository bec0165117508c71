//! What may be said about a value: that it is something, within bounds, contains or matches a text, or is absent.

use capstan_alert::Level;
use capstan_flow::script::closest;
use capstan_gocompat::Regexp;

use super::fact::{Fact, quoted};
use super::points::{duration, instant};
use crate::moment::parse_duration;
use crate::tree::{Node, Problem, Value};
use crate::world::same_object;

/// What kind of value a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Time,
    Span,
    Number,
    Bool,
    Text,
    Level,
    Object,
    /// A value of a field.
    Any,
    /// Values by name: tags, fields, headers.
    Map,
}

/// A condition on a value.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    Is(Fact),
    /// From and to, both inclusive.
    Between(Option<Fact>, Option<Fact>),
    Contains(String),
    Matches(Regexp),
    Absent,
    /// Conditions on values by name; others are free.
    Map(Vec<(String, Pattern)>),
}

impl Pattern {
    /// Reads a condition on a value of a type.
    pub(super) fn read(node: &Node, of: Type, start: i64) -> Result<Self, Problem> {
        if of == Type::Map {
            let members = node.map()?.iter();
            let one = |(key, value): &(crate::tree::Key, Node)| {
                Ok((key.text.clone(), Self::read(value, Type::Any, start)?))
            };
            return Ok(Self::Map(members.map(one).collect::<Result<_, _>>()?));
        }
        if !matches!(node.value, Value::Map(_)) {
            return Ok(Self::Is(fact(node, of, start)?));
        }
        let members = node.only(
            "a condition",
            &["min", "max", "near", "within", "contains", "matches", "absent"],
        )?;
        let get = |key: &str| node.get(key);
        let keys: Vec<&str> = members.iter().map(|(key, _)| key.text.as_str()).collect();
        let is_ordered = matches!(of, Type::Time | Type::Span | Type::Number | Type::Any);
        match keys.as_slice() {
            ["contains"] => Ok(Self::Contains(members[0].1.text()?.to_owned())),
            ["matches"] => {
                let value = &members[0].1;
                let regexp = Regexp::new(value.text()?);
                regexp
                    .map(Self::Matches)
                    .map_err(|error| Problem::new(value.at, error.to_string()))
            }
            ["absent"] if members[0].1.bool()? => Ok(Self::Absent),
            ["min"] | ["max"] | ["min", "max"] | ["max", "min"] if is_ordered => {
                let bound = |key| get(key).map(|node| fact(node, of, start)).transpose();
                Ok(Self::Between(bound("min")?, bound("max")?))
            }
            ["near", "within"] | ["within", "near"] if is_ordered => {
                let (Some(near), Some(within)) = (get("near"), get("within")) else {
                    return Err(node.expected("near and within"));
                };
                Ok(match fact(near, of, start)? {
                    Fact::Number(middle) => {
                        let within = within.number()?;
                        Self::Between(
                            Some(Fact::Number(middle - within)),
                            Some(Fact::Number(middle + within)),
                        )
                    }
                    Fact::Time(middle) => {
                        let within = duration(within)?;
                        Self::Between(
                            Some(Fact::Time(middle.saturating_sub(within))),
                            Some(Fact::Time(middle.saturating_add(within))),
                        )
                    }
                    Fact::Span(middle) => {
                        let within = duration(within)?;
                        Self::Between(
                            Some(Fact::Span(middle.saturating_sub(within))),
                            Some(Fact::Span(middle.saturating_add(within))),
                        )
                    }
                    _ => return Err(near.expected("a number or a time")),
                })
            }
            _ => Err(Problem::new(node.at, "the condition cannot be understood")
                .hint("one of {min: a, max: b}, {near: a, within: b}, {contains: text}, {matches: regexp}, {absent: true}")),
        }
    }

    /// Whether a value, or none, is so.
    pub(super) fn holds(&self, fact: Option<&Fact>) -> bool {
        match (self, fact) {
            (Self::Absent, fact) => fact.is_none(),
            (Self::Map(patterns), Some(Fact::Map(facts))) => patterns
                .iter()
                .all(|(key, pattern)| pattern.holds(facts.get(key))),
            (Self::Map(patterns), None) => patterns.iter().all(|(_, pattern)| pattern.holds(None)),
            (Self::Map(_), Some(_)) | (_, None) => false,
            (Self::Is(wanted), Some(fact)) => same(wanted, fact),
            (Self::Between(min, max), Some(fact)) => {
                let within = |bound: &Option<Fact>, sign: f64| match bound {
                    None => true,
                    Some(bound) => difference(fact, bound).is_some_and(|difference| difference * sign >= 0.0),
                };
                within(min, 1.0) && within(max, -1.0)
            }
            (Self::Contains(part), Some(fact)) => text(fact).contains(part.as_str()),
            (Self::Matches(regexp), Some(fact)) => regexp.is_match(&text(fact)),
        }
    }

    /// In few words; times are relative to `start`.
    pub(super) fn show(&self, start: i64) -> String {
        match self {
            Self::Is(fact) => fact.show(start),
            Self::Between(Some(min), Some(max)) => format!("{}..{}", min.show(start), max.show(start)),
            Self::Between(Some(min), None) => format!("at least {}", min.show(start)),
            Self::Between(None, Some(max)) => format!("at most {}", max.show(start)),
            Self::Between(None, None) => "anything".to_owned(),
            Self::Contains(text) => format!("containing {}", quoted(text)),
            Self::Matches(regexp) => format!("matching /{}/", regexp.as_str()),
            Self::Absent => "absent".to_owned(),
            Self::Map(patterns) => {
                let one = |(key, pattern): &(String, Self)| match pattern {
                    Self::Is(_) => format!("{key}={}", pattern.show(start)),
                    _ => format!("{key} {}", pattern.show(start)),
                };
                patterns.iter().map(one).collect::<Vec<_>>().join(",")
            }
        }
    }
}

/// A value as it is written.
fn fact(node: &Node, of: Type, start: i64) -> Result<Fact, Problem> {
    Ok(match of {
        Type::Time => Fact::Time(instant(node, start)?),
        Type::Span => Fact::Span(duration(node)?),
        Type::Number => Fact::Number(node.number()?),
        Type::Bool => Fact::Bool(node.bool()?),
        Type::Text | Type::Map => Fact::Text(node.text()?.to_owned()),
        Type::Object => Fact::Object(node.text()?.to_owned()),
        Type::Level => {
            let word = node.text()?;
            let Some(level) = Level::parse(word) else {
                let problem = node.expected("a level: OK, INFO, WARNING or CRITICAL");
                let known = Level::ALL.map(Level::as_str);
                return Err(match closest(word, known) {
                    Some(meant) => problem.hint(format!("did you mean {meant}?")),
                    None => problem,
                });
            };
            Fact::Text(level.as_str().to_owned())
        }
        Type::Any => {
            if let Ok(number) = node.number() {
                Fact::Number(number)
            } else if let Some(int) = node
                .plain()
                .and_then(|text| text.strip_suffix('i')?.parse::<i64>().ok())
            {
                Fact::Number(int as f64)
            } else if let Ok(value) = node.bool() {
                Fact::Bool(value)
            } else {
                Fact::Text(node.text()?.to_owned())
            }
        }
    })
}

/// Numbers are equal up to rounding.
fn same(wanted: &Fact, got: &Fact) -> bool {
    match (wanted, got) {
        (Fact::Number(a), Fact::Number(b)) => a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        (Fact::Object(a), Fact::Object(b)) => same_object(a, b),
        (Fact::Text(text), Fact::Span(nanos)) => parse_duration(text) == Some(*nanos),
        (Fact::Map(a), Fact::Map(b)) => a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b))),
        (a, b) => a == b,
    }
}

/// How much more a value is than a bound; `None`: they cannot be compared.
fn difference(fact: &Fact, bound: &Fact) -> Option<f64> {
    match (fact, bound) {
        (Fact::Number(a), Fact::Number(b)) => Some(a - b),
        (Fact::Time(a), Fact::Time(b)) | (Fact::Span(a), Fact::Span(b)) => Some(a.saturating_sub(*b) as f64),
        (Fact::Span(a), Fact::Text(b)) => Some(a.saturating_sub(parse_duration(b)?) as f64),
        _ => None,
    }
}

fn text(fact: &Fact) -> String {
    match fact {
        Fact::Text(text) | Fact::Object(text) => text.clone(),
        other => other.show(0),
    }
}

//! What an `httpOut` publishes, and which value of it counts.

use std::collections::BTreeMap;

use capstan_gocompat::time_layout::parse_rfc3339;
use capstan_kubeapi::Quantity;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Groups;
use crate::value::quantity;

/// How many groups an error lists.
const MOST_LISTED: usize = 10;

/// A group, with its last row only.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) tags: BTreeMap<String, String>,
    /// By column, with `time`.
    pub(super) last: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Published {
    #[serde(default)]
    series: Option<Vec<Row>>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    name: String,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    values: Option<Vec<Vec<Value>>>,
}

/// The groups of a result that have a row.
pub(super) fn groups(body: &[u8]) -> Result<Groups, String> {
    let published: Published =
        serde_json::from_slice(body).map_err(|error| format!("it is no result of a task: {error}"))?;
    let rows = published.series.unwrap_or_default().into_iter();
    Ok(rows
        .filter_map(|row| {
            let last = row.values.and_then(|mut values| values.pop())?;
            Some(Group {
                name: row.name,
                tags: row.tags.unwrap_or_default(),
                last: row.columns.into_iter().zip(last).collect(),
            })
        })
        .collect())
}

/// The value of the field in the last row of the one group that has these tags, and when it was true.
pub(super) fn value(
    groups: &Groups,
    tags: &BTreeMap<String, String>,
    field: Option<&str>,
    now: Timestamp,
) -> Result<(Quantity, Timestamp), String> {
    if groups.is_empty() {
        return Err("nothing was published yet".to_owned());
    }
    let has = |group: &&Group| {
        tags.iter()
            .all(|(name, value)| group.tags.get(name) == Some(value))
    };
    let found: Vec<&Group> = groups.iter().filter(has).collect();
    let group = match found[..] {
        [group] => group,
        [] => {
            return Err(format!(
                "no group has the tags {}; there are {}",
                written(tags),
                listed(groups.iter())
            ));
        }
        _ => {
            return Err(format!(
                "{} groups are there, and one has to be chosen by keys tag-<name>: {}",
                found.len(),
                listed(found.iter().copied())
            ));
        }
    };
    let field = match field {
        Some(field) => field,
        None => only_field(group)?,
    };
    let value = group
        .last
        .get(field)
        .filter(|value| !value.is_null())
        .ok_or_else(|| {
            let columns: Vec<&str> = group.last.keys().map(String::as_str).collect();
            format!("the last row has no {field}, it has {}", columns.join(", "))
        })?;
    let number = value
        .as_f64()
        .ok_or_else(|| format!("the field {field} is {value}, which is no number"))?;
    let value = quantity(number).ok_or_else(|| format!("the field {field} is {number}"))?;
    Ok((value, time(group, now)?))
}

fn only_field(group: &Group) -> Result<&str, String> {
    let mut fields = group
        .last
        .iter()
        .filter(|(name, value)| *name != "time" && value.is_number())
        .map(|(name, _)| name.as_str());
    match (fields.next(), fields.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err("the last row has no number".to_owned()),
        (Some(first), Some(second)) => Err(format!(
            "the last row has more than one number, such as {first} and {second}; name one by the key field"
        )),
    }
}

/// The time of a row, which has none only if the task's author removed it.
fn time(group: &Group, now: Timestamp) -> Result<Timestamp, String> {
    let wrong = |time: &Value| format!("the time of the last row is {time}");
    match group.last.get("time") {
        None | Some(Value::Null) => Ok(now),
        Some(time) => {
            let nanos = time.as_str().and_then(parse_rfc3339).or_else(|| time.as_i64());
            let nanos = nanos.ok_or_else(|| wrong(time))?;
            Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| wrong(time))
        }
    }
}

fn written(tags: &BTreeMap<String, String>) -> String {
    let all: Vec<String> = tags
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{{{}}}", all.join(","))
}

fn listed<'a>(groups: impl Iterator<Item = &'a Group>) -> String {
    let mut all: Vec<String> = groups
        .take(MOST_LISTED + 1)
        .map(|group| format!("{}{}", group.name, written(&group.tags)))
        .collect();
    if all.len() > MOST_LISTED {
        "…".clone_into(&mut all[MOST_LISTED]);
    }
    all.join(", ")
}

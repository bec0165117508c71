//! The task that computes, and what must come out of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Error;
use crate::workload::Workload;

/// The endpoint that results are read from.
pub const ENDPOINT: &str = "out";

/// Points of the yardstick's moving average.
const AVERAGED: u64 = 60;

const YARDSTICK: &str = "stream
    |from()
        .measurement('requests')
        .groupBy('host', 'replicaset')
        .truncate(1s)
    |derivative('value')
        .as('requests_per_second')
        .unit(1s)
        .nonNegative()
    |groupBy('replicaset')
    |sum('requests_per_second')
        .as('total_requests_per_second')
    |movingAverage('total_requests_per_second', 60)
        .as('avg_requests_per_second')
    |eval(lambda: int(ceil(\"avg_requests_per_second\" / 100.0)))
        .as('replicas')
        .keep()
    |httpOut('out')
";

const FILTER: &str = "stream
    |from()
        .measurement('requests')
    |where(lambda: \"value\" < 0)
    |httpOut('out')
";

/// What is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pipeline {
    /// Replicas per replica set from the counters of its hosts.
    Yardstick,
    /// A condition that no point meets.
    Filter,
    /// A script of the user's; there is no way to know what it must give.
    Script(String),
}

impl Pipeline {
    /// The task's script.
    pub fn script(&self) -> &str {
        match self {
            Self::Yardstick => YARDSTICK,
            Self::Filter => FILTER,
            Self::Script(script) => script,
        }
    }

    /// The node that is waited for and how many points it collects; `None` when that cannot be known.
    pub fn last(&self, workload: &Workload) -> Option<(&'static str, u64)> {
        match self {
            // The derivative needs a point before, the sum a point after, and the average all of its points.
            Self::Yardstick => {
                let per_set = workload.seconds.saturating_sub(1 + AVERAGED);
                Some(("http_out7", per_set * workload.replicasets))
            }
            Self::Filter => Some(("where2", workload.points())),
            Self::Script(_) => None,
        }
    }

    /// Compares what the endpoint shows with what the counters say.
    pub fn check(&self, workload: &Workload, shown: &Value) -> Result<(), Error> {
        let series = shown["series"].as_array().map(Vec::as_slice).unwrap_or_default();
        match self {
            Self::Script(_) => Ok(()),
            Self::Filter if series.is_empty() => Ok(()),
            Self::Filter => Err(Error::Output(format!(
                "{} series passed a filter that lets nothing through",
                series.len()
            ))),
            Self::Yardstick => check_yardstick(workload, series),
        }
    }
}

/// Every replica set's last row has the time of the last complete second and the replicas of its hosts' rates.
fn check_yardstick(workload: &Workload, series: &[Value]) -> Result<(), Error> {
    let shown: BTreeMap<&str, &Value> = series
        .iter()
        .filter_map(|series| Some((series["tags"]["replicaset"].as_str()?, series)))
        .collect();
    if workload.seconds <= 1 + AVERAGED {
        return Ok(());
    }
    if shown.len() as u64 != workload.replicasets {
        return Err(Error::Output(format!(
            "{} of {} replica sets",
            shown.len(),
            workload.replicasets
        )));
    }
    for number in 0..workload.replicasets {
        let name = Workload::replicaset_name(number);
        let series = shown
            .get(name.as_str())
            .ok_or_else(|| Error::Output(format!("no series of {name}")))?;
        let column = |wanted: &str| {
            let at = series["columns"]
                .as_array()?
                .iter()
                .position(|column| column == wanted)?;
            series["values"].as_array()?.last()?.get(at)
        };
        let wanted = workload.total_rate(number).div_ceil(100);
        let replicas = column("replicas").and_then(Value::as_u64);
        // Both servers print whole seconds without a fraction.
        let time = column("time").and_then(Value::as_str).unwrap_or_default();
        let last = rfc3339(Workload::time(workload.seconds - 2));
        if replicas != Some(wanted) || time != last {
            return Err(Error::Output(format!(
                "{name}: {replicas:?} replicas at {time}, expected {wanted} at {last}"
            )));
        }
    }
    Ok(())
}

/// A time as the API prints it.
fn rfc3339(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map(|time| time.to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WORKLOAD: Workload = Workload {
        hosts: 10,
        replicasets: 1,
        seconds: 70,
        lines: 100,
    };

    fn shown(replicas: u64) -> Value {
        json!({"series": [{
            "name": "requests",
            "tags": {"replicaset": "rs00000"},
            "columns": ["time", "avg_requests_per_second", "replicas"],
            "values": [["2023-11-14T22:14:28Z", 45.0, replicas]],
        }]})
    }

    #[test]
    fn a_wrong_number_and_a_missing_series_are_found() {
        let check = |shown: &Value| Pipeline::Yardstick.check(&WORKLOAD, shown);
        assert!(check(&shown(1)).is_ok());
        assert!(check(&shown(2)).is_err());
        assert!(check(&json!({"series": []})).is_err());
        assert!(Pipeline::Filter.check(&WORKLOAD, &json!({"series": []})).is_ok());
        assert!(Pipeline::Filter.check(&WORKLOAD, &shown(1)).is_err());
    }

    #[test]
    fn the_last_node_waits_for_a_full_average() {
        assert_eq!(Pipeline::Yardstick.last(&WORKLOAD), Some(("http_out7", 9)));
        assert_eq!(Pipeline::Filter.last(&WORKLOAD), Some(("where2", 700)));
    }
}

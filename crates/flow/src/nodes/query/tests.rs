use std::sync::Arc;
use std::time::Duration;

use capstan_base::VirtualClock;
use capstan_model::{Tags, Value};
use parking_lot::Mutex;

use crate::engine::Task;
use crate::ports::{InfluxQuery, Ports, QueryRequest, QueryResults, QuerySeries, QuerySink};
use crate::script::{Mode, TaskKind, Vars, define};

const SECOND: i64 = 1_000_000_000;

/// Keeps questions until they are answered.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<(QueryRequest, QuerySink)>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl InfluxQuery for Fake {
    fn check(&self, cluster: &str) -> Result<(), String> {
        match cluster {
            "" => Ok(()),
            other => Err(format!("cluster {other:?} is not configured")),
        }
    }

    fn query(&self, _cluster: &str, request: QueryRequest, sink: QuerySink) {
        self.asked.lock().push((request, sink));
    }
}

struct Rig {
    clock: Arc<VirtualClock>,
    fake: Arc<Fake>,
    task: Task,
    endpoints: crate::Endpoints,
}

fn start(script: &str) -> Result<Rig, String> {
    let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let clock = VirtualClock::at(3 * SECOND);
    let fake = Arc::new(Fake::default());
    let mut ports = Ports::offline(clock.clone());
    ports.influx_query = Some(Arc::clone(&fake) as _);
    let endpoints = ports.endpoints.clone();
    let dbrps = vec![(Arc::from("db"), Arc::from("rp"))];
    let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports).map_err(|e| e.to_string())?;
    task.start().map_err(|error| error.to_string())?;
    Ok(Rig {
        clock,
        fake,
        task,
        endpoints,
    })
}

impl Rig {
    fn advance(&mut self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        let now = capstan_base::Clock::now_nanos(&*self.clock);
        self.task.fire_timers(now).expect("the task runs");
    }

    /// The texts that were asked and not answered.
    fn asked(&self) -> Vec<QueryRequest> {
        self.fake
            .asked
            .lock()
            .iter()
            .map(|(request, _)| request.clone())
            .collect()
    }

    fn answer(&mut self, answer: Result<QueryResults, String>) {
        let (_, sink) = self.fake.asked.lock().remove(0);
        sink(answer);
        self.task.complete().expect("the task runs");
    }
}

fn series(rows: &[(i64, Option<f64>)]) -> QuerySeries {
    QuerySeries {
        name: "m".into(),
        tags: Tags::from_pairs([("host", "a")]),
        columns: vec!["mean".into()],
        rows: rows
            .iter()
            .map(|(time, value)| (Some(*time), vec![value.map(Value::Float)]))
            .collect(),
    }
}

#[test]
fn a_query_runs_after_each_interval_and_gives_a_batch_per_series() {
    let mut rig = start(
        "batch|query('SELECT mean(v) FROM db.rp.m').period(10s).every(10s).groupBy('host').fill(0)|count('mean')|httpOut('x')",
    )
    .expect("it starts");
    assert_eq!(rig.task.measurements(), Some(&[][..]));
    assert_eq!(rig.task.next_timer(), Some(13 * SECOND));
    rig.advance(9);
    assert!(rig.asked().is_empty());
    rig.advance(1);
    let command = "SELECT mean(v) FROM db.rp.m WHERE time >= '1970-01-01T00:00:03Z' AND time < '1970-01-01T00:00:13Z' \
                   GROUP BY host fill(0)";
    assert_eq!(
        rig.asked(),
        [QueryRequest::InfluxQl {
            command: command.to_owned()
        }]
    );
    // A time that comes while the query runs is left out.
    rig.advance(10);
    assert_eq!(rig.asked().len(), 1);
    assert_eq!(rig.task.pending(), 1);
    let results = QueryResults {
        series: vec![series(&[(5 * SECOND, Some(1.0)), (6 * SECOND, None)])],
        errors: vec!["half of it failed".to_owned()],
    };
    rig.answer(Ok(results));
    let stats = rig.task.stats();
    let node = stats.node("query1").expect("a query");
    assert_eq!(node.own, [("batches_queried", 1), ("points_queried", 1)]);
    assert_eq!(node.errors, 1);
    // Not grouped by time: the batch ends where the query does.
    assert_eq!(
        rig.endpoints.get("x").as_deref(),
        Some(
            r#"{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","count"],"values":[["1970-01-01T00:00:13Z",1]]}]}"#
        )
    );
    rig.advance(10);
    rig.answer(Err("no route".to_owned()));
    assert_eq!(rig.task.stats().node("query1").map(|node| node.errors), Some(2));
    rig.advance(10);
    assert_eq!(rig.asked().len(), 1);
}

#[test]
fn a_query_by_time_ends_with_its_newest_point() {
    let mut rig = start(
        "batch|query('SELECT mean(v) FROM db.rp.m').period(10s).every(10s).align().offset(2s).groupBy(time(2s))|count('mean')|httpOut('x')",
    )
    .expect("it starts");
    rig.advance(7);
    let QueryRequest::InfluxQl { command } = rig.asked().remove(0) else {
        panic!("not InfluxQL")
    };
    assert!(
        command.contains(
            "time >= '1969-12-31T23:59:58Z' AND time < '1970-01-01T00:00:08Z' GROUP BY time(2s, 0s)"
        ),
        "{command}"
    );
    rig.answer(Ok(QueryResults {
        series: vec![series(&[(4 * SECOND, Some(1.0)), (6 * SECOND, None)])],
        errors: Vec::new(),
    }));
    assert!(
        rig.endpoints
            .get("x")
            .is_some_and(|json| json.contains("1970-01-01T00:00:04Z"))
    );
}

#[test]
fn flux_is_sent_as_it_is() {
    let mut rig = start(
        "batch|queryFlux('from(bucket:\"b\")').cron('* * * * * * *').offset(1s).org('o').orgID('i')|log()",
    )
    .expect("it starts");
    rig.advance(1);
    assert_eq!(
        rig.asked(),
        [QueryRequest::Flux {
            query: "from(bucket:\"b\")".to_owned(),
            org: "o".to_owned(),
            org_id: "i".to_owned(),
            now: 3 * SECOND,
        }]
    );
}

#[test]
fn what_cannot_work_is_refused_at_the_start() {
    for (script, error) in [
        (
            "batch|query('SELECT v FROM db.rp.m')|log()",
            "must define one of 'every' or 'cron'",
        ),
        (
            "batch|query('SELECT v FROM db.rp.m').every(1s).cron('* * * * *')|log()",
            "must not set both 'every' and 'cron' properties",
        ),
        (
            "batch|query('SELECT v FROM db.rp.m').every(-1s)|log()",
            "'every' duration must must non-negative",
        ),
        (
            "batch|query('SELECT v FROM other.rp.m').every(1s)|log()",
            "batch query is not allowed to request data from \"other\".\"rp\"",
        ),
        (
            "batch|query('SELECT v FROM (SELECT v FROM db.rp.m)').every(1s)|log()",
            "unknown query source *influxql.SubQuery",
        ),
        (
            "batch|query('SELECT v FROM db.rp.m').every(1s).groupBy(time(1s), 1m)|log()",
            "groupBy cannot have more than one time dimension",
        ),
        (
            "batch|query('SELECT v FROM db.rp.m').every(1s).cluster('x')|log()",
            "cluster \"x\" is not configured",
        ),
        (
            "batch|query('SELECT v FROM db.rp.m').every(1s).fill('nope')|log()",
            "unexpected fill option nope",
        ),
    ] {
        assert_eq!(start(script).err().as_deref(), Some(error), "{script}");
    }
}

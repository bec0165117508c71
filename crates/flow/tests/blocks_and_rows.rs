//! Whole blocks of points give, byte for byte, what the same points give one at a time: the column kernels agree with the
//! way rows go, whatever the bodies are cut into.
//!
//! Nodes with two parents are left out: in which order points of one time come from the two is not promised.

use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_flow::ports::Tap;
use capstan_flow::{Message, Mode, NodeId, Ports, Task, TaskKind, Vars, define};
use capstan_model::line_protocol::{ParseOptions, Precision, SeriesIndex, parse};
use capstan_model::{Block, Groups};
use parking_lot::Mutex;
use proptest::prelude::*;

const SCRIPTS: [&str; 6] = [
    // The yardstick.
    "stream|from().measurement('requests').groupBy('host','replicaset').truncate(1s)
        |derivative('value').as('rate').unit(1s).nonNegative()
        |groupBy('replicaset')|sum('rate').as('total')|movingAverage('total', 3).as('average')
        |eval(lambda: int(ceil(\"average\" / 2.0))).as('replicas').keep()",
    "stream|from().measurement('requests').groupBy('host').where(lambda: \"value\" > 20)
        |eval(lambda: \"value\" * 2, lambda: float(\"value\") / 3.0).as('double', 'third')
        |where(lambda: \"third\" < 40.0)|changeDetect('double')",
    "stream|from().measurement('requests').groupBy('replicaset')|window().period(5s).every(2s)|mean('value').as('m')
        |derivative('m').unit(1s)",
    "stream|from().groupBy(*)|default().field('value', 7).tag('zone', 'none')
        |eval(lambda: \"value\" + 1).as('more').tags('more').keep('value', 'more')|groupBy('more')|count('value')",
    "stream|from().measurement('requests').groupBy('host')|stateCount(lambda: \"value\" > 30)|stateDuration(lambda: \"value\" > 30)
        |sample(2)|shift(1s)|max('value')",
    "stream|from().groupByMeasurement().groupBy('host')|last('value')|delete().field('nothing')|cumulativeSum('last')",
];

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<(NodeId, String)>>);

impl Tap for Seen {
    fn given(&self, _task: &str, node: NodeId, message: &Message, groups: &Groups) {
        let mut out = self.0.lock();
        let mut rows = |block: &Block, group: &dyn Fn(usize) -> String| {
            for row in 0..block.len() {
                let fields: Vec<_> = block.fields(row).collect();
                let (name, time, tags) = (&block.name, block.time[row], block.tags(row));
                let text = format!("{name} [{}] {time} {tags:?} {fields:?}", group(row));
                out.push((node, text));
            }
        };
        match message {
            Message::Points(points) => rows(&points.block, &|row| groups.get(points.groups[row]).id()),
            Message::Batch(batch) => {
                rows(&batch.rows, &|_| groups.get(batch.group).id());
                out.push((node, format!("until {}", batch.tmax)));
            }
            other => out.push((node, format!("{other:?}"))),
        }
    }
}

/// What each node gave, and the errors of each.
type Given = (Vec<(NodeId, String)>, Vec<(String, u64)>);

/// What each node gave, in order, and its errors. Nodes run one after the other, so that only the order within a node means
/// something.
fn run(script: &str, bodies: &[String]) -> Given {
    let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task).expect("a valid script");
    let seen = Arc::new(Seen::default());
    let mut ports = Ports::offline(VirtualClock::at(0));
    ports.tap = Some(Arc::clone(&seen) as Arc<dyn Tap>);
    let dbrps = vec![("db".into(), "rp".into())];
    let mut task = Task::new("t", Arc::new(definition.pipeline), dbrps, ports).expect("every node is made");
    task.start().expect("every node starts");
    let mut index = SeriesIndex::new("db", "rp");
    let options = ParseOptions {
        precision: Precision::Second,
        ..ParseOptions::default()
    };
    for body in bodies {
        for batch in parse(&mut index, body.as_bytes(), &options).batches {
            task.collect(&batch).expect("the task works");
        }
    }
    let errors = task
        .stats()
        .nodes
        .into_iter()
        .map(|node| (node.name, node.errors))
        .collect();
    let mut given = std::mem::take(&mut *seen.0.lock());
    given.sort_by_key(|(node, _)| node.index());
    (given, errors)
}

fn line() -> impl Strategy<Value = (i64, String)> {
    let measurement = prop_oneof![6 => Just("requests"), 1 => Just("other")];
    let value = prop_oneof![
        12 => (0..60_i64).prop_map(|v| format!("value={v}i")),
        2 => (0..60_i64).prop_map(|v| format!("value={v}.5")),
        1 => Just("value=\"text\"".to_owned()),
        1 => Just("else=1i".to_owned()),
        2 => (0..60_i64).prop_map(|v| format!("value={v}i,more=2")),
    ];
    (measurement, 0..5_u8, value, 0..3_i64).prop_map(|(measurement, host, value, step)| {
        let series = format!("{measurement},host=h{host},replicaset=rs{}", host % 2);
        (step, format!("{series} {value}"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_give_what_rows_give(
        lines in proptest::collection::vec(line(), 1..120),
        cuts in proptest::collection::vec(1_usize..40, 1..12),
    ) {
        let mut time = 1_000;
        let lines: Vec<String> = lines
            .into_iter()
            .map(|(step, line)| {
                time += step / 2;
                format!("{line} {time}\n")
            })
            .collect();
        let mut bodies = Vec::new();
        let (mut rest, mut cuts) = (&lines[..], cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (body, others) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
            bodies.push(body.concat());
            rest = others;
        }
        for script in SCRIPTS {
            prop_assert_eq!(run(script, &bodies), run(script, &lines), "{}", script);
        }
    }
}

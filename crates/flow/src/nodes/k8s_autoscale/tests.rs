mod fake;
mod rig;
mod rivals;
mod waiting;

use std::sync::Arc;

use capstan_base::VirtualClock;
use capstan_hpa::record::{Direction, WriteStatus};
use capstan_model::ValueRef;

use self::fake::{Fake, error};
use self::rig::{Rig, Row, SECOND, pipeline};
use crate::engine::Task;
use crate::message::{Barrier, Message};
use crate::ports::{Ports, ScaleReason, Scaler};
use crate::script::{Mode, TaskKind, Vars, define};

const WEB: &str = ".resourceName('web').replicas(lambda: \"want\")";

/// Why a node with its properties is refused, by the script's checks or at the start of a task without any port.
pub(super) fn refused(node: &str) -> String {
    let definition = match define(
        &format!("stream|from()|{node}"),
        TaskKind::Stream,
        &Vars::new(),
        Mode::Task,
    ) {
        Ok(definition) => definition,
        Err(error) => return error.to_string(),
    };
    let ports = Ports::offline(VirtualClock::at(0));
    Task::new("t", Arc::new(definition.pipeline), Vec::new(), ports)
        .map_or_else(|error| error.to_string(), |_| String::new())
}

fn web() -> Arc<Fake> {
    Fake::with(&[("deployments/web", 1)])
}

#[test]
fn changes_are_written_and_emitted() {
    let fake = web();
    let mut rig = Rig::new(&format!("{WEB}.min(0)"), &fake);
    rig.dimensions = vec!["app"];
    for (time, want) in [(1, 3), (2, 3), (3, 1), (4, 0)] {
        rig.app(time, "shop", want);
    }
    assert_eq!(fake.written(), [3, 1, 0]);
    assert_eq!(fake.reads(), 1);
    assert_eq!(rig.events(), [(1, 1, 3), (3, 3, 1), (4, 1, 0)]);
    assert_eq!((rig.counts(), rig.errors()), (vec![0, 2, 1], 0));
    let group = rig.group(&tags_of("shop"));
    let Some(Message::Points(points)) = rig.out.first() else {
        panic!("{:?}", rig.out)
    };
    let tags = points.block.tags(0);
    let tags: Vec<(&str, &str)> = tags.iter().collect();
    assert_eq!(
        tags,
        [
            ("app", "shop"),
            ("kind", "deployments"),
            ("namespace", "prod"),
            ("resource", "web")
        ]
    );
    assert_eq!((&*points.block.name, &*points.block.database), ("requests", ""));
    assert_eq!(points.groups[0], group);
}

fn tags_of(app: &str) -> capstan_model::Tags {
    capstan_model::Tags::from_pairs([("app", app)])
}

#[test]
fn event_tags_can_be_renamed_and_left_out() {
    let fake = web();
    let mut rig = Rig::new(
        &format!("{WEB}.namespaceTag('').kindTag('what').resourceTag('who')"),
        &fake,
    );
    rig.point(1, 2);
    let Some(Message::Points(points)) = rig.out.first() else {
        panic!("{:?}", rig.out)
    };
    let tags = points.block.tags(0);
    assert_eq!(
        tags.iter().collect::<Vec<_>>(),
        [("what", "deployments"), ("who", "web")]
    );
}

#[test]
fn limits_apply_maximum_first_and_the_record_says_so() {
    let fake = web();
    let mut rig = Rig::new(&format!("{WEB}.min(2).max(4)"), &fake);
    for (time, want) in [(1, 9), (2, -7), (3, 100)] {
        rig.point(time, want);
    }
    assert_eq!(fake.written(), [4, 2, 4]);
    let records = fake.records();
    assert_eq!(records.len(), 3);
    assert_eq!(records[1].raw_desired_replicas, -7);
    assert_eq!(records[1].constraints_applied, ["min"]);
    assert_eq!(records[1].write.status, WriteStatus::Succeeded);
    assert_eq!(records[1].direction, Direction::ScaleDown);
    assert_eq!(
        (&*records[1].inputs[0].name, records[1].inputs[0].value),
        ("want", Some(-7.0))
    );
    assert_eq!(
        serde_json::to_value(&records[1].source).unwrap()["node"],
        "k8s_autoscale2"
    );
}

#[test]
fn cooldowns_count_every_point_and_make_one_record() {
    let fake = web();
    let mut rig = Rig::new(
        &format!("{WEB}.increaseCooldown(10s).decreaseCooldown(5s)"),
        &fake,
    );
    for (time, want) in [(0, 2), (5, 3), (6, 3), (9, 3), (10, 3), (11, 1), (12, 2)] {
        rig.point(time, want);
    }
    assert_eq!(fake.written(), [2, 3, 1]);
    assert_eq!(rig.counts(), [4, 1, 2]);
    let kept = fake.kept();
    let said: Vec<(&str, u64)> = kept
        .iter()
        .map(|record| (&*record.reason, record.count))
        .collect();
    assert_eq!(
        said,
        [
            ("ReplicasExpression", 1),
            ("IncreaseCooldown", 3),
            ("ReplicasExpression", 1),
            ("ReplicasExpression", 1),
            ("IncreaseCooldown", 1),
        ]
    );
    assert_eq!(kept[1].latest().as_second(), 9);
    assert_eq!(fake.records().len(), 6, "repetitions are told together");
}

#[test]
fn repeated_holds_are_told_after_a_while() {
    let fake = web();
    let mut rig = Rig::new(&format!("{WEB}.increaseCooldown(1h)"), &fake);
    rig.point(0, 2);
    for time in 1..=100 {
        rig.point(time, 3);
    }
    assert_eq!(fake.records().len(), 2);
    let due = rig.node.next_timer().expect("a timer is set");
    rig.wait(5);
    assert_eq!(due, 1_700_000_005 * SECOND);
    rig.call(|node, ctx| node.timer(ctx));
    assert_eq!(rig.node.next_timer(), None);
    assert_eq!(fake.kept()[1].count, 100);
    rig.point(101, 3);
    rig.call(|node, ctx| node.finish(ctx));
    assert_eq!(fake.kept()[1].count, 101);
}

#[test]
fn an_expression_without_a_usable_number_changes_nothing() {
    let fake = web();
    let mut rig = Rig::new(WEB, &fake);
    rig.rows(&[(1, &[], ValueRef::Float(3.0))]);
    assert_eq!(rig.errors(), 1);
    assert!(
        rig.last_error()
            .starts_with("failed to evaluate the replicas expression: TypeGuard")
    );
    assert!(rig.last_error().contains("int(ceil("), "{}", rig.last_error());
    for value in [ValueRef::Null, ValueRef::Str("many"), ValueRef::Bool(true)] {
        rig.rows(&[(2, &[], value)]);
    }
    assert_eq!(rig.errors(), 4);
    assert!(fake.written().is_empty());
    rig.rows(&[(3, &[], ValueRef::Float(3.0)), (3, &[], ValueRef::Int(5))]);
    assert_eq!((rig.errors(), fake.written()), (5, vec![5]));
    let mut division = Rig::new(".resourceName('web').replicas(lambda: 10 / \"want\")", &fake);
    division.point(1, 0);
    assert_eq!(division.errors(), 1);
    assert_eq!(fake.written(), [5]);
}

#[test]
fn the_current_field_is_an_int() {
    let fake = web();
    let property = ".resourceName('web').currentField('have')\
                    .replicas(lambda: if(\"want\" > 5, \"have\" + 1, \"have\"))";
    let mut rig = Rig::new(property, &fake);
    for (time, want) in [(1, 9), (2, 9), (3, 1), (4, 6)] {
        rig.point(time, want);
    }
    assert_eq!(rig.events(), [(1, 1, 2), (2, 2, 3), (4, 3, 4)]);
    assert_eq!(rig.errors(), 0);
    let inputs = &fake.records()[0].inputs;
    assert_eq!(
        inputs.iter().map(|input| &*input.name).collect::<Vec<_>>(),
        ["want"]
    );
}

#[test]
fn a_tag_names_the_resource_and_groups_share_it() {
    let fake = Fake::with(&[("statefulsets/db", 1), ("statefulsets/cache", 1)]);
    let property =
        ".kind('statefulsets').resourceNameTag('app').replicas(lambda: \"want\").increaseCooldown(10s)";
    let mut rig = Rig::new(property, &fake);
    rig.dimensions = vec!["app", "host"];
    let want = ValueRef::Int;
    rig.rows(&[
        (1, &[("app", "db"), ("host", "a")], want(2)),
        (1, &[("app", "cache"), ("host", "a")], want(5)),
        (2, &[("app", "db"), ("host", "b")], want(3)),
        (3, &[("host", "b")], want(3)),
        (3, &[("app", ""), ("host", "b")], want(3)),
    ]);
    assert_eq!(
        fake.writes(),
        [
            ("statefulsets/db".to_owned(), 2),
            ("statefulsets/cache".to_owned(), 5)
        ]
    );
    assert_eq!(rig.counts(), [1, 0, 2]);
    assert_eq!(rig.errors(), 2);
    assert_eq!(rig.last_error(), "could not determine the name of the resource");
    assert_eq!(rig.node.cardinality(), 4);
}

#[test]
fn a_batch_gives_a_stream_of_events() {
    let fake = web();
    let mut rig = Rig::new(WEB, &fake);
    rig.batch(&[(1, &[], ValueRef::Int(2)), (2, &[], ValueRef::Int(4))]);
    rig.batch(&[]);
    assert_eq!(rig.events(), [(1, 1, 2), (2, 2, 4)]);
    assert_eq!(rig.node.cardinality(), 1);
}

#[test]
fn functions_count_per_group() {
    let fake = web();
    let mut rig = Rig::new(".resourceName('web').replicas(lambda: int(count()))", &fake);
    rig.dimensions = vec!["host"];
    for host in ["a", "a", "b", "a"] {
        rig.rows(&[(1, &[("host", host)], ValueRef::Int(0))]);
    }
    assert_eq!(fake.written(), [2, 1, 3]);
    let group = rig.group(&capstan_model::Tags::from_pairs([("host", "a")]));
    rig.call(|node, ctx| node.delete_group(ctx, group));
    assert!(matches!(rig.out.last(), Some(Message::DeleteGroup(deleted)) if *deleted == group));
    assert_eq!(rig.node.cardinality(), 1);
    rig.rows(&[(2, &[("host", "a")], ValueRef::Int(0))]);
    assert_eq!(fake.written(), [2, 1, 3, 1]);
}

#[test]
fn a_restart_keeps_cooldowns_and_counts_and_writes_nothing() {
    let fake = web();
    let property = ".resourceName('web').replicas(lambda: int(count()) + 1).increaseCooldown(10s)";
    let mut rig = Rig::new(property, &fake);
    rig.dimensions = vec!["app"];
    rig.app(1, "shop", 0);
    assert_eq!(fake.written(), [2]);
    let mut rig = rig.restart(property, &fake);
    assert_eq!(rig.node.cardinality(), 1);
    rig.app(5, "shop", 0);
    assert_eq!((fake.written(), rig.counts()), (vec![2], vec![1, 0, 0]));
    rig.app(11, "shop", 0);
    assert_eq!(rig.events(), [(11, 2, 4)]);
}

#[test]
fn a_scaler_that_answers_at_once_is_heard_between_the_points_of_a_block() {
    let fake = web();
    let mut rig = Rig::new(WEB, &fake);
    let rows: Vec<Row<'_>> = (0..70_000)
        .map(|n| (n, &[][..], ValueRef::Int(1 + n % 2)))
        .collect();
    rig.rows(&rows);
    assert_eq!((fake.written().len(), rig.errors()), (69_999, 0));
    assert!(!rig.overflowed());
    assert!(rig.complete() <= 1);
    assert_eq!(rig.node.pending(), 0);
}

#[test]
fn a_node_without_a_cluster_does_not_start() {
    let no_client = "cannot use the k8sAutoscale node, could not create kubernetes client: ";
    let refused = |property: &str, scaler| Rig::try_new(property, scaler).err().unwrap_or_default();
    assert_eq!(refused(WEB, None), format!("{no_client}service is not enabled"));
    let fake: Arc<dyn Scaler> = web();
    assert_eq!(
        refused(&format!("{WEB}.cluster('moon')"), Some(fake)),
        format!("{no_client}unknown kubernetes cluster \"moon\", cannot get client")
    );
}

#[test]
fn wrong_settings_are_refused_when_the_script_is_read() {
    for (properties, text) in [
        (
            ".replicas(lambda: 1)",
            "must specify exactly one of ResourceName or ResourceNameTag",
        ),
        (
            ".resourceName('a').resourceNameTag('b').replicas(lambda: 1)",
            "must specify exactly one of ResourceName or ResourceNameTag",
        ),
        (".resourceName('a').kind('').replicas(lambda: 1)", "invalid Kind"),
        (
            ".resourceName('a').min(-1).replicas(lambda: 1)",
            "min must be >= 0, got -1",
        ),
        (".resourceName('a')", "must provide a replicas lambda expression"),
    ] {
        let error = pipeline(properties).err().unwrap_or_default();
        assert!(error.contains(text), "{properties}: {error}");
    }
    assert!(pipeline(".resourceName('a').min(0).kind('rollouts.argoproj.io').replicas(lambda: 1)").is_ok());
}

#[test]
fn barriers_pass() {
    let mut rig = Rig::new(WEB, &web());
    let group = rig.group(&capstan_model::Tags::EMPTY);
    rig.point(1, 2);
    rig.call(|node, ctx| node.barrier(ctx, Barrier { group, time: SECOND }));
    assert!(matches!(rig.out.last(), Some(Message::Barrier(barrier)) if barrier.time == SECOND));
}

#[test]
fn a_missing_resource_is_logged_once_and_counted_always() {
    let fake = Fake::default();
    let fake = Arc::new(fake);
    let mut rig = Rig::new(WEB, &fake);
    for time in 1..=5 {
        rig.wait(10);
        rig.point(time, 2);
    }
    assert_eq!(rig.errors(), 5);
    assert_eq!(fake.reads(), 5, "every point asks again");
    let text = "could not determine initial scale for \"deployments/web\": deployments/web not found";
    assert_eq!(rig.logged(), [text]);
    fake.set("deployments/web", 1);
    rig.point(6, 2);
    assert_eq!(rig.events(), [(6, 1, 2)]);
    fake.remove("deployments/web");
    fake.notify("deployments/web");
    rig.complete();
    rig.wait(10);
    rig.point(7, 3);
    assert_eq!((rig.errors(), rig.logged().len()), (6, 2));
}

#[test]
fn an_api_server_that_is_down_costs_errors_but_no_cooldown() {
    let fake = web();
    let mut rig = Rig::new(&format!("{WEB}.namespace('prod').increaseCooldown(1m)"), &fake);
    let down = || Some(error(ScaleReason::Unavailable, "connection refused"));
    fake.fail(down());
    rig.point(1, 2);
    assert_eq!(
        rig.last_error(),
        "could not determine initial scale for \"prod/deployments/web\": connection refused"
    );
    fake.fail(None);
    rig.point(2, 1);
    fake.fail(down());
    rig.point(3, 4);
    rig.point(4, 4);
    assert_eq!(
        rig.last_error(),
        "failed to apply scaling event: failed to set new replica count for \"prod/deployments/web\": connection refused"
    );
    assert_eq!((rig.errors(), rig.counts()), (3, vec![0, 0, 0]));
    fake.fail(None);
    rig.point(5, 4);
    assert_eq!(rig.events(), [(5, 1, 4)]);
    let kept = fake.kept();
    let written: Vec<(WriteStatus, u64)> = kept
        .iter()
        .map(|record| (record.write.status, record.count))
        .collect();
    assert_eq!(
        written,
        [
            (WriteStatus::Failed, 1),
            (WriteStatus::Failed, 1),
            (WriteStatus::Succeeded, 1)
        ]
    );
}

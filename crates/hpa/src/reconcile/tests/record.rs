//! The record: what it says, and that it can be replayed.

use serde_json::json;

use super::super::replay;
use super::{Answer, World, cpu_metric, external};
use crate::api_error::ApiError;
use crate::record::{Record, WriteStatus};

fn assert_replays(world: &mut World) -> Record {
    let outcome = world.sync();
    let text = serde_json::to_string(&outcome.record).unwrap();
    let read: Record = serde_json::from_str(&text).unwrap();
    assert_eq!(read, outcome.record, "read again");
    assert_eq!(
        replay(read.replay.as_deref().unwrap()).unwrap(),
        outcome,
        "replayed"
    );
    outcome.record
}

#[test]
fn decisions_can_be_replayed_from_their_records() {
    let mut world = World::new(&[70, 70, 70, 70, 70]);
    world.cpu[4] = None;
    for _ in 0..4 {
        assert_replays(&mut world);
        world.pass(15);
    }
    let mut world =
        World::new(&[10, 10]).external(json!({"type": "AverageValue", "averageValue": "10"}), 90_000);
    world.puts.push_back(Answer::Failed(ApiError {
        code: 409,
        reason: "Conflict".to_owned(),
        message: "modified".to_owned(),
    }));
    assert_replays(&mut world);
    world.metric = Answer::Http {
        code: 503,
        body: "gone".to_owned(),
    };
    assert_replays(&mut world);
}

#[test]
fn a_replay_notices_that_it_is_asked_for_more() {
    let mut world = World::new(&[70, 70]);
    let record = world.sync().record;
    let mut inputs = *record.replay.unwrap();
    inputs.answers.pop();
    assert_eq!(replay(&inputs), None);
}

#[test]
fn a_record_shows_each_step() {
    let mut world = World::new(&[90, 90, 90, 90]).spec("maxReplicas", json!(6));
    world.cpu[3] = None;
    let record = world.sync().record;
    assert_eq!(
        (
            record.current_replicas,
            record.raw_desired_replicas,
            record.final_desired_replicas
        ),
        (4, 6, 6)
    );
    assert_eq!(record.write.status, WriteStatus::Succeeded);
    assert_eq!(
        record.explain(),
        "\
2026-01-01T12:00:00Z  Deployment default/web
  decided by   HorizontalPodAutoscaler web (apps/v1)
  outcome      up from 4 to 6, reason SuccessfulRescale
  decided on   cpu resource utilization (percentage of request)
  inputs       cpu resource utilization (percentage of request) = 90  at 2026-01-01T12:00:00Z, 0s old
  steps        metric 4 -> 6     cpu resource utilization (percentage of request): 90% of 50%, ratio 1.8, 1.34 after filling in x 4 pods -> 6
  pods         web-3 has no value, counted as 0
  tolerance    0.1 down, 0.1 up
  windows      0s up, 300s down
  at most      8 in one sync
  bounds       1 to 6
  write        succeeded"
    );
}

#[test]
fn a_record_names_the_metric_that_is_missing() {
    let target = json!({"type": "Value", "value": "10"});
    let mut world = World::new(&[10, 10, 10]).spec("metrics", json!([cpu_metric(50), external(&target)]));
    let record = world.sync().record;
    assert_eq!(
        (record.final_desired_replicas, record.reason.as_str()),
        (3, "FailedComputeMetricsReplicas")
    );
    assert_eq!(record.inputs[1].value, None);
    let text = record.explain();
    assert!(
        text.contains("external metric queue(nil): missing (unable to get external metric"),
        "{text}"
    );
    assert!(
        text.contains("held by      metrics: external metric queue(nil) is missing"),
        "{text}"
    );
}

//! Points that wait for an answer.

use super::super::exec::WAITING;
use super::WEB;
use super::fake::{Fake, error};
use super::rig::{Rig, SECOND};
use crate::message::{Barrier, Message};
use crate::ports::ScaleReason;

const BY_APP: &str = ".resourceNameTag('app').replicas(lambda: \"want\")";

#[test]
fn points_of_one_object_wait_in_order_while_others_go_on() {
    let fake = Fake::by_hand(&[("deployments/web", 1), ("deployments/api", 1)]);
    let mut rig = Rig::new(BY_APP, &fake);
    for (time, app, want) in [
        (1, "web", 2),
        (2, "web", 3),
        (3, "api", 4),
        (4, "web", 3),
        (5, "web", 1),
    ] {
        rig.app(time, app, want);
    }
    assert_eq!(rig.node.pending(), 2);
    let mut answered = Vec::new();
    let mut step = |rig: &mut Rig| {
        answered.extend(fake.answer());
        rig.complete();
    };
    step(&mut rig);
    // web is read and its first write is under way, behind api's read.
    step(&mut rig);
    step(&mut rig);
    assert_eq!(rig.events(), [(1, 1, 2)]);
    step(&mut rig);
    assert_eq!(rig.events(), [(1, 1, 2), (3, 1, 4)]);
    while rig.node.pending() > 0 {
        step(&mut rig);
    }
    assert_eq!(rig.events(), [(1, 1, 2), (3, 1, 4), (2, 2, 3), (5, 3, 1)]);
    assert_eq!(answered.len(), 6);
    assert_eq!((rig.counts(), rig.errors()), (vec![0, 1, 3], 0));
}

#[test]
fn the_queue_is_bounded_and_what_is_dropped_is_counted() {
    let fake = Fake::by_hand(&[("deployments/web", 1)]);
    let mut rig = Rig::new(WEB, &fake);
    for time in 0..WAITING as i64 + 5 {
        rig.point(time, 2);
    }
    assert_eq!((rig.counts(), rig.errors()), (vec![0, 0, 0, 5], 5));
    assert!(rig.last_error().contains("1000 wait"), "{}", rig.last_error());
    fake.answer();
    rig.complete();
    fake.answer();
    rig.complete();
    assert_eq!((rig.events(), rig.node.pending()), (vec![(0, 1, 2)], 0));
}

#[test]
fn points_that_waited_for_a_failed_read_are_dropped_and_the_next_asks_again() {
    let fake = Fake::by_hand(&[("deployments/web", 1)]);
    fake.fail(Some(error(ScaleReason::Unavailable, "timeout")));
    let mut rig = Rig::new(WEB, &fake);
    rig.point(1, 2);
    rig.point(2, 3);
    fake.answer();
    rig.complete();
    assert_eq!((rig.errors(), rig.node.pending()), (2, 0));
    fake.fail(None);
    rig.point(3, 4);
    fake.answer();
    rig.complete();
    fake.answer();
    rig.complete();
    assert_eq!(rig.events(), [(3, 1, 4)]);
}

#[test]
fn a_change_by_somebody_else_during_a_write_wins_when_it_is_newer() {
    let fake = Fake::by_hand(&[("deployments/web", 1)]);
    let mut rig = Rig::new(WEB, &fake);
    rig.point(1, 3);
    fake.answer();
    rig.complete();
    // The write is carried out, and so is somebody else's after it; the watch is faster than the answer.
    let mut later = fake.object("deployments/web");
    later.replicas = 9;
    later.resource_version = "99".to_owned();
    fake.tell("deployments/web", &later);
    fake.answer();
    rig.complete();
    assert_eq!(rig.events(), [(1, 1, 3)]);
    fake.change("deployments/web", |state| *state = later);
    rig.point(2, 3);
    fake.answer();
    rig.complete();
    assert_eq!(rig.events(), [(1, 1, 3), (2, 9, 3)]);
}

#[test]
fn conflicts_without_end_are_an_error() {
    let fake = Fake::by_hand(&[("deployments/web", 1)]);
    let mut rig = Rig::new(WEB, &fake);
    rig.point(1, 3);
    for replicas in 10..20 {
        fake.answer();
        fake.set("deployments/web", replicas);
        rig.complete();
    }
    assert_eq!(
        (rig.errors(), rig.node.pending(), rig.counts()),
        (1, 0, vec![0, 0, 0])
    );
    assert!(rig.last_error().ends_with("it changed"), "{}", rig.last_error());
    assert!(fake.written().is_empty());
}

#[test]
fn a_barrier_does_not_overtake_an_event() {
    let fake = Fake::by_hand(&[("deployments/web", 1)]);
    let mut rig = Rig::new(WEB, &fake);
    let group = rig.group(&capstan_model::Tags::EMPTY);
    rig.point(1, 3);
    rig.call(|node, ctx| {
        node.barrier(
            ctx,
            Barrier {
                group,
                time: 5 * SECOND,
            },
        )
    });
    assert!(rig.out.is_empty());
    fake.answer();
    rig.complete();
    fake.answer();
    rig.complete();
    assert!(
        matches!(&*rig.out, [Message::Points(_), Message::Barrier(barrier)] if barrier.time == 5 * SECOND)
    );
}

#[test]
fn the_end_of_the_input_waits_for_answers() {
    let fake = Fake::by_hand(&[("deployments/web", 1)]);
    let mut rig = Rig::new(WEB, &fake);
    rig.point(1, 3);
    rig.call(|node, ctx| node.finish(ctx));
    while rig.node.pending() > 0 {
        fake.answer();
        rig.complete();
    }
    assert_eq!(rig.events(), [(1, 1, 3)]);
}

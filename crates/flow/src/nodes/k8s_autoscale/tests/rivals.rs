//! Others who change the object too.

use super::fake::Fake;
use super::rig::Rig;
use super::{WEB, web};
use capstan_hpa::record::WriteStatus;

fn owned() -> std::sync::Arc<Fake> {
    let fake = Fake::with(&[("replicasets/web-7d", 2), ("Deployment/web", 2)]);
    fake.change("replicasets/web-7d", |state| {
        state.kind = "ReplicaSet".to_owned();
        state.owner = Some("Deployment/web".to_owned());
    });
    fake
}

const OWNED: &str = ".kind('replicasets').resourceName('web-7d').replicas(lambda: \"want\")";

#[test]
fn drift_is_seen() {
    let fake = web();
    let mut rig = Rig::new(WEB, &fake);
    rig.point(1, 3);
    fake.change("deployments/web", |state| {
        state.replicas = 7;
        state.changed_by = Some("kubectl".to_owned());
    });
    fake.notify("deployments/web");
    rig.complete();
    rig.point(2, 3);
    assert_eq!(rig.events(), [(1, 1, 3), (2, 7, 3)]);
    assert_eq!(fake.records()[1].write.message, "changed by kubectl before");
}

#[test]
fn a_late_echo_of_what_we_overwrote_is_passed_over() {
    let fake = web();
    let mut rig = Rig::new(WEB, &fake);
    rig.point(1, 3);
    let before = fake.object("deployments/web");
    rig.point(2, 4);
    fake.tell("deployments/web", &before);
    rig.complete();
    rig.point(3, 4);
    assert_eq!(rig.events().len(), 2, "still 4");
    // Much later an older version means that the cluster was made anew.
    rig.wait(120);
    fake.tell("deployments/web", &before);
    rig.complete();
    fake.set("deployments/web", 3);
    rig.point(4, 4);
    assert_eq!(rig.events()[2], (4, 3, 4));
}

#[test]
fn a_conflict_is_decided_anew_for_the_same_point() {
    let fake = web();
    let mut rig = Rig::new(&format!("{WEB}.max(10)"), &fake);
    rig.point(1, 1);
    // Nobody told us.
    fake.set("deployments/web", 6);
    rig.point(2, 8);
    assert_eq!(rig.events(), [(2, 6, 8)]);
    fake.set("deployments/web", 9);
    rig.point(3, 9);
    assert_eq!(rig.events().len(), 1, "it has what is wanted already");
    assert_eq!((rig.errors(), fake.written()), (0, vec![8]));
}

#[test]
fn a_second_decision_does_not_count_twice() {
    let fake = web();
    let property = ".resourceName('web').currentField('have').replicas(lambda: \"have\" + int(count()))";
    let mut rig = Rig::new(property, &fake);
    rig.point(1, 0);
    fake.set("deployments/web", 20);
    rig.point(2, 0);
    rig.point(3, 0);
    assert_eq!(rig.events(), [(1, 1, 2), (2, 20, 22), (3, 22, 25)]);
}

#[test]
fn an_object_that_an_autoscaler_scales_is_left_alone() {
    let fake = web();
    fake.change("deployments/web", |state| {
        state.autoscaler = Some("HorizontalPodAutoscaler/web".to_owned());
    });
    let mut rig = Rig::new(&format!("{WEB}.increaseCooldown(1m)"), &fake);
    for time in 1..=3 {
        rig.wait(10);
        rig.point(time, 5);
    }
    rig.point(4, 1);
    assert_eq!((rig.errors(), rig.counts()), (3, vec![0, 0, 0]));
    assert!(
        rig.last_error()
            .contains("is scaled by HorizontalPodAutoscaler/web already"),
        "{}",
        rig.last_error()
    );
    assert_eq!(rig.logged().len(), 1, "logged once");
    assert!(fake.written().is_empty());
    let records = fake.records();
    assert_eq!((records.len(), records[0].write.status), (1, WriteStatus::Failed));
    fake.change("deployments/web", |state| state.autoscaler = None);
    fake.notify("deployments/web");
    rig.complete();
    rig.point(5, 5);
    assert_eq!(rig.events(), [(5, 1, 5)]);
    assert_eq!(fake.kept()[1].count, 2, "how often it was refused");
}

#[test]
fn an_owned_object_is_left_alone_unless_the_owner_may_be_scaled() {
    let fake = owned();
    let mut rig = Rig::new(OWNED, &fake);
    rig.point(1, 5);
    assert!(fake.written().is_empty());
    assert!(
        rig.last_error().contains("owned by Deployment/web"),
        "{}",
        rig.last_error()
    );
    assert!(rig.last_error().contains(".scaleOwner()"));
    assert_eq!(rig.errors(), 1);
}

#[test]
fn the_owner_is_scaled_when_asked_for() {
    let fake = owned();
    let mut rig = Rig::new(&format!("{OWNED}.scaleOwner().increaseCooldown(10s)"), &fake);
    for (time, want) in [(1, 5), (2, 6), (12, 6)] {
        rig.point(time, want);
    }
    let writes = fake.writes();
    assert_eq!(
        writes,
        [("Deployment/web".to_owned(), 5), ("Deployment/web".to_owned(), 6)]
    );
    assert_eq!((rig.counts(), rig.errors(), fake.reads()), (vec![1, 0, 2], 0, 2));
    assert_eq!(fake.records()[0].target.name, "web");
    fake.change("replicasets/web-7d", |state| state.owner = None);
    fake.notify("replicasets/web-7d");
    rig.complete();
    rig.point(30, 7);
    assert_eq!(
        fake.writes()[2],
        ("replicasets/web-7d".to_owned(), 7),
        "an orphan is scaled itself"
    );
}

#[test]
fn owners_in_a_ring_end_in_an_error() {
    let fake = owned();
    fake.change("Deployment/web", |state| {
        state.owner = Some("replicasets/web-7d".to_owned());
    });
    let mut rig = Rig::new(&format!("{OWNED}.scaleOwner()"), &fake);
    rig.point(1, 5);
    rig.point(2, 5);
    assert_eq!((rig.errors(), rig.node.pending()), (2, 0));
    assert!(
        rig.last_error().contains("cannot be scaled"),
        "{}",
        rig.last_error()
    );
}

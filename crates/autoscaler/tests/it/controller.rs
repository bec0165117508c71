//! When HPAs are looked at, what is written, and what is remembered.

use std::time::Duration;

use capstan_autoscaler::{Filter, Options, SHADOW};
use capstan_store::Store;
use serde_json::json;

use crate::api::{AUTOSCALERS, Api, Asked};

fn owning() -> Options {
    Options {
        own_hpas: true,
        ..Options::default()
    }
}

/// Virtual time passes, and everything that is due in it happens.
async fn pass(seconds: f64) {
    capstan_runtime::sleep(Duration::from_secs_f64(seconds)).await;
}

fn looks(asked: &[Asked]) -> Vec<f64> {
    let looks = asked.iter().filter(|asked| asked.what == "GET scale");
    looks
        .map(|asked| (asked.at.as_secs_f64() * 10.0).round() / 10.0)
        .collect()
}

fn of<'a>(asked: &'a [Asked], what: &str) -> Vec<&'a Asked> {
    asked.iter().filter(|asked| asked.what == what).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_hpa_is_looked_at_one_period_later_and_an_edit_changes_no_time() {
    let api = Api::new();
    let controller = api.start(owning(), None);
    pass(1.0).await;
    api.set("web", |_| {});
    pass(10.0).await;
    api.set("web", |hpa| hpa["spec"]["maxReplicas"] = 4.into());
    pass(0.5).await;
    api.set_metric(Some(90));
    pass(40.0).await;
    let asked = api.take_asked();
    assert_eq!(looks(&asked), [16.0, 31.0, 46.0]);
    // 90 / 10 asks for 9; the edited maximum is 4.
    assert_eq!(api.replicas("web"), 4);
    let puts = of(&asked, "PUT scale");
    assert_eq!(puts.len(), 1);
    assert_eq!(puts[0].body["spec"]["replicas"], 4);
    let events = of(&asked, "POST events");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].body["reason"], "SuccessfulRescale");
    assert_eq!(
        events[0].body["message"],
        "New size: 4; reason: external metric m(nil) above target"
    );
    assert_eq!(events[0].body["involvedObject"]["uid"], "uid-web");
    let status = api.status("web");
    assert_eq!(
        (&status["currentReplicas"], &status["desiredReplicas"]),
        (&json!(4), &json!(4))
    );
    controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn memory_outlives_a_deletion_within_a_period_and_not_a_longer_one() {
    let api = Api::new();
    let controller = api.start(owning(), None);
    api.set_metric(Some(20));
    pass(1.0).await;
    api.set("web", |_| {});
    pass(16.0).await;
    // Recommended: 2. From now on 1 would do, but for the window of five minutes.
    api.set_metric(Some(10));
    api.delete("web");
    api.set("web", |_| {});
    pass(30.0).await;
    assert_eq!(api.replicas("web"), 2);
    api.delete("web");
    pass(31.0).await;
    api.take_asked();
    api.set("web", |hpa| hpa["status"] = json!({}));
    pass(14.0).await;
    assert!(looks(&api.take_asked()).is_empty());
    // Nothing is remembered: what is found there counts as recommended, so that it stays.
    pass(10.0).await;
    assert_eq!(api.replicas("web"), 2);
    assert!(
        controller
            .metrics()
            .contains("num_horizontal_pod_autoscalers 1\n")
    );
    pass(310.0).await;
    assert_eq!(api.replicas("web"), 1, "{:?}", api.status("web"));
    controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn missing_metrics_change_nothing_and_repeated_events_are_patched() {
    let api = Api::new();
    let controller = api.start(owning(), None);
    api.set_metric(None);
    api.set("web", |_| {});
    pass(65.0).await;
    let asked = api.take_asked();
    assert!(of(&asked, "PUT scale").is_empty());
    assert_eq!(of(&asked, "POST events").len(), 2, "one per reason");
    let patches = asked
        .iter()
        .filter(|asked| asked.what.starts_with("PATCH web."))
        .collect::<Vec<_>>();
    assert_eq!(patches.len(), 6);
    assert_eq!(patches[5].body["count"], 4);
    let status = api.status("web");
    assert_eq!(status["conditions"][1]["reason"], "FailedGetExternalMetric");
    controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn in_shadow_mode_nothing_is_written_and_differences_are_seen() {
    let api = Api::new();
    // HPAs belong to somebody else here.
    let controller = api.start(Options::default(), None);
    api.set_metric(Some(50));
    api.set("theirs", |_| {});
    api.set("web", |hpa| {
        hpa["metadata"]["annotations"] = json!({SHADOW: "true"});
        hpa["status"] = json!({"currentReplicas": 2, "desiredReplicas": 3,
            "conditions": [{"type": "AbleToScale", "status": "True"}]});
    });
    pass(47.0).await;
    let asked = api.take_asked();
    assert_eq!(looks(&asked).len(), 3, "only the one in shadow mode");
    assert!(
        asked.iter().all(|asked| asked.what.starts_with("GET")),
        "{asked:?}"
    );
    let found = controller.comparisons("", "web").remove(0);
    let seen = found.differences[0];
    assert_eq!((found.compared, found.same), (3, 0));
    assert_eq!((seen.count, seen.ours, seen.theirs), (3, 4, 3));
    controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn decisions_are_explained_replayed_and_kept_across_restarts() {
    let api = Api::new();
    let store = Store::in_memory();
    let controller = api.start(owning(), Some(store.clone()));
    api.set_metric(Some(20));
    api.set("web", |_| {});
    pass(50.0).await;
    api.set_metric(Some(30));
    pass(15.0).await;
    let records = controller.decisions().list(&Filter::default());
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record.current_replicas,
                record.final_desired_replicas,
                record.count,
            )
        })
        .collect();
    assert_eq!(seen, [(2, 2, 3), (2, 3, 1)]);
    for record in &records {
        let inputs = record.replay.as_deref().unwrap();
        let again = capstan_hpa::reconcile::replay(inputs).unwrap();
        assert_eq!(again.record.final_desired_replicas, record.final_desired_replicas);
        assert_eq!(again.record.steps, record.steps);
    }
    controller.stop().await;
    let restarted = api.start(owning(), Some(store));
    let after = restarted.decisions().list(&Filter::default());
    assert_eq!(after.len(), records.len());
    assert_eq!(after[1].time, records[1].time);
    restarted.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_waits_until_no_hpa_targets_its_object() {
    let api = Api::new();
    // HPAs belong to somebody else here.
    let controller = api.start(Options::default(), None);
    api.set_metric(Some(50));
    api.set("web", |_| {});
    api.set_object(AUTOSCALERS, "web", |one| {
        one["spec"]["syncPeriod"] = "1s".into();
        // The version does not matter, the group does.
        one["spec"]["scaleTargetRef"]["apiVersion"] = "apps/v1beta1".into();
    });
    pass(10.0).await;
    assert_eq!(api.replicas("web"), 2, "the HPA's controller has it");
    let asked = api.take_asked();
    assert!(looks(&asked).len() >= 7, "it is computed all the same");
    let events = of(&asked, "POST events");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].body["reason"], "TargetedByHPA");
    assert_eq!(events[0].body["involvedObject"]["kind"], "Autoscaler");
    assert_eq!(of(&asked, "PUT status").len(), 1, "nothing is told twice");
    let condition = &api.status_of(AUTOSCALERS, "web")["conditions"][0];
    assert_eq!(
        (&condition["type"], &condition["status"]),
        (&json!("Acting"), &json!("False"))
    );
    assert_eq!(condition["reason"], "TargetedByHPA");

    api.delete("web");
    pass(3.0).await;
    assert_eq!(api.replicas("web"), 5, "{}", api.status_of(AUTOSCALERS, "web"));
    let status = api.status_of(AUTOSCALERS, "web");
    assert_eq!(status["conditions"][0]["status"], "True");
    assert_eq!(status["desiredReplicas"], 5);
    let asked = api.take_asked();
    let rescaled: Vec<&str> = of(&asked, "POST events")
        .iter()
        .filter(|asked| asked.body["reason"] == "SuccessfulRescale")
        .filter_map(|asked| asked.body["message"].as_str())
        .collect();
    // The whole decision in one line, besides what an HPA's event says.
    assert_eq!(
        rescaled,
        [
            "New size: 4; reason: external metric m(nil) above target; \
             Deployment n/web: 2 -> 4 (asked for 5, limited by scaleUp)",
            "New size: 5; reason: external metric m(nil) above target; Deployment n/web: 4 -> 5",
        ]
    );
    let records = controller.decisions().list(&Filter {
        source: Some(capstan_hpa::Source::autoscaler("web")),
        ..Filter::default()
    });
    assert!(!records.is_empty());

    // And back.
    api.set_metric(Some(90));
    api.set("web", |_| {});
    pass(5.0).await;
    assert_eq!(api.replicas("web"), 5);
    controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_that_waits_does_not_disturb_the_hpa() {
    let api = Api::new();
    let controller = api.start(owning(), None);
    api.set_metric(Some(50));
    api.set_object(AUTOSCALERS, "web", |one| one["spec"]["syncPeriod"] = "1s".into());
    api.set("web", |_| {});
    pass(40.0).await;
    assert_eq!(api.replicas("web"), 5);
    let reasons: Vec<serde_json::Value> = of(&api.take_asked(), "POST events")
        .iter()
        .map(|asked| asked.body["reason"].clone())
        .collect();
    // From two to five by way of four, which is as fast as it goes.
    assert_eq!(
        reasons,
        ["TargetedByHPA", "SuccessfulRescale", "SuccessfulRescale"]
    );
    // Two that act on the same pods are another matter.
    api.set("other", |hpa| {
        hpa["spec"]["scaleTargetRef"]["name"] = "web".into();
    });
    pass(40.0).await;
    let asked = api.take_asked();
    let ambiguous = of(&asked, "POST events")
        .into_iter()
        .filter(|asked| asked.body["reason"] == "AmbiguousSelector")
        .count();
    assert!(ambiguous > 0, "{asked:?}");
    controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_metric_delays_nobody_else() {
    let api = Api::new();
    // One worker has all of them.
    let options = Options {
        workers: 1,
        ..owning()
    };
    let controller = api.start(options, None);
    api.set_metric(Some(20));
    api.set_slow("slow", Duration::from_secs(20));
    api.set("slow", |hpa| {
        hpa["spec"]["metrics"][0]["external"]["metric"]["name"] = "slow".into();
    });
    pass(1.0).await;
    api.set("web", |_| {});
    pass(50.0).await;
    let asked = api.take_asked();
    let looked = |name: &str| -> Vec<f64> {
        let looks = asked.iter().filter(|asked| asked.what == format!("GET {name}"));
        looks.map(|asked| asked.at.as_secs_f64().round()).collect()
    };
    assert_eq!(looked("m"), [16.0, 31.0, 46.0]);
    // Its period begins when the look is over.
    assert_eq!(looked("slow"), [15.0, 50.0]);
    controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_fallback_counts_after_three_failures_and_only_upwards() {
    let api = Api::new();
    let controller = api.start(Options::default(), None);
    api.set_metric(None);
    let fallback = |replicas: i64| {
        move |one: &mut serde_json::Value| {
            one["spec"]["syncPeriod"] = "1s".into();
            one["spec"]["fallbackReplicas"] = replicas.into();
        }
    };
    api.set_object(AUTOSCALERS, "web", fallback(6));
    api.set_object(AUTOSCALERS, "small", fallback(1));
    pass(3.9).await;
    assert_eq!(api.replicas("web"), 2, "one failure is no outage");
    pass(3.0).await;
    assert_eq!(api.replicas("web"), 6);
    assert_eq!(api.replicas("small"), 2, "missing data never lowers the number");
    let missing = controller.decisions().list(&Filter::default()).pop().unwrap();
    assert_eq!(missing.inputs[0].last_good, None, "there has never been one");
    // The metric is back: what it asks for counts, with the usual care on the way down.
    api.set_metric(Some(80));
    pass(3.0).await;
    assert_eq!(api.replicas("web"), 8);
    api.set_metric(None);
    pass(2.0).await;
    let missing = controller.decisions().list(&Filter::default()).pop().unwrap();
    let last = missing.inputs[0].last_good.unwrap();
    assert!(missing.inputs[0].value.is_none());
    // Eight pods share 80.
    assert!(last.value > 0.0 && last.age.0 > 0, "{last:?}");
    assert!(
        missing.explain().contains("missing, last "),
        "{}",
        missing.explain()
    );
    controller.stop().await;
}

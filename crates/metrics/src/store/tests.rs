use std::time::Duration;

use capstan_base::VirtualClock;
use capstan_kubeapi::Format;

use super::*;

const TTL: Duration = Duration::from_mins(15);

fn store() -> (Arc<VirtualClock>, Store) {
    let clock = VirtualClock::at(1_700_000_000_000_000_000);
    let store = Store::new(Arc::clone(&clock) as SharedClock);
    (clock, store)
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect()
}

fn external(metric: &str, pairs: &[(&str, &str)]) -> Series {
    Series::External {
        metric: metric.to_owned(),
        namespace: "default".to_owned(),
        labels: labels(pairs),
    }
}

fn pod(name: &str, pairs: &[(&str, &str)]) -> Series {
    Series::Object {
        metric: "qps".to_owned(),
        resource: GroupResource::new("", "pods"),
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: "default".to_owned(),
        name: name.to_owned(),
        labels: labels(pairs),
    }
}

fn sample(clock: &VirtualClock, value: i64) -> Sample {
    use capstan_base::Clock;
    Sample {
        value: Quantity::from_value(value, Format::DecimalSI),
        at: clock.now(),
        window: None,
    }
}

fn select(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

fn values(readings: &[Reading]) -> Vec<i64> {
    readings
        .iter()
        .map(|reading| reading.sample.value.value())
        .collect()
}

#[test]
fn labels_select_in_every_way_selectors_can() {
    let (clock, store) = store();
    let series = ["a", "b", "c"]
        .iter()
        .zip(1..)
        .map(|(tier, value)| {
            (
                external("m", &[("queue", "jobs"), ("tier", tier)]),
                sample(&clock, value),
            )
        })
        .collect();
    store.publish(Owner(1), series, TTL, None);
    for (text, expected) in [
        ("", vec![1, 2, 3]),
        ("tier=b", vec![2]),
        ("queue=jobs,tier=c", vec![3]),
        ("tier in (a,c)", vec![1, 3]),
        ("tier notin (a,c)", vec![2]),
        ("!old,queue=jobs,tier in (a,b)", vec![1, 2]),
        ("tier", vec![1, 2, 3]),
    ] {
        let found = store.external("default", "m", &select(text)).unwrap();
        assert_eq!(values(&found), expected, "{text}");
    }
    for text in ["tier=z", "old", "queue=jobs,tier=z", "nothing=here"] {
        let refusal = store.external("default", "m", &select(text)).unwrap_err();
        assert_eq!(refusal.absence, Absence::Unknown, "{text}");
    }
    for (namespace, metric) in [("other", "m"), ("default", "n")] {
        let refusal = store.external(namespace, metric, &select("")).unwrap_err();
        assert_eq!(
            refusal.message,
            format!("no value of {metric} is known in namespace {namespace}")
        );
    }
}

#[test]
fn an_old_value_is_an_error_that_says_how_old_and_why() {
    let (clock, store) = store();
    let owner = Owner(1);
    store.publish(
        owner,
        vec![(external("m", &[("q", "x")]), sample(&clock, 5))],
        TTL,
        None,
    );
    clock.advance(TTL);
    assert_eq!(values(&store.external("default", "m", &select("")).unwrap()), [5]);
    clock.advance(Duration::from_secs(1));
    let refusal = store.external("default", "m", &select("q=x")).unwrap_err();
    assert_eq!(refusal.absence, Absence::Unavailable);
    assert_eq!(
        refusal.message,
        "the last value of m{q=x} is 901s old, more than 900s are not accepted: no newer one came"
    );
    store.fail(owner, "connection refused".to_owned());
    clock.advance(Duration::from_mins(1));
    store.fail(owner, "still refused".to_owned());
    let refusal = store.external("default", "m", &select("")).unwrap_err();
    assert_eq!(
        refusal.message,
        "the last value of m{q=x} is 961s old, more than 900s are not accepted: its collector fails since \
         2023-11-14T22:28:21Z: still refused"
    );
    store.publish(
        owner,
        vec![(external("m", &[("q", "x")]), sample(&clock, 7))],
        TTL,
        None,
    );
    assert_eq!(values(&store.external("default", "m", &select("")).unwrap()), [7]);
    assert_eq!(store.state(owner).unwrap().failure, None);
}

#[test]
fn every_owner_has_its_own_patience_and_the_freshest_wins() {
    let (clock, store) = store();
    store.publish(
        Owner(1),
        vec![(external("m", &[("a", "1")]), sample(&clock, 1))],
        Duration::from_secs(10),
        None,
    );
    clock.advance(Duration::from_secs(5));
    // The same labels in another order, by somebody who is more patient.
    store.publish(
        Owner(2),
        vec![(external("m", &[("a", "1")]), sample(&clock, 2))],
        Duration::from_secs(100),
        None,
    );
    assert_eq!(values(&store.external("default", "m", &select("")).unwrap()), [2]);
    clock.advance(Duration::from_mins(1));
    assert_eq!(values(&store.external("default", "m", &select("")).unwrap()), [2]);
    store.retire(Owner(2));
    let refusal = store.external("default", "m", &select("")).unwrap_err();
    assert_eq!(refusal.absence, Absence::Unavailable);
    store.retire(Owner(1));
    let refusal = store.external("default", "m", &select("")).unwrap_err();
    assert_eq!(refusal.absence, Absence::Unknown);
    assert!(store.external_metrics().is_empty());
    assert_eq!(store.series(), 0);
}

#[test]
fn an_owner_replaces_what_it_said_and_the_index_forgets() {
    let (clock, store) = store();
    let many = (0..10_000)
        .map(|n| {
            (
                external("prometheus-query", &[("query-name", &format!("q{n}"))]),
                sample(&clock, n),
            )
        })
        .collect();
    store.publish(Owner(1), many, TTL, None);
    let found = store.external("default", "prometheus-query", &select("query-name=q7777"));
    assert_eq!(values(&found.unwrap()), [7777]);
    assert_eq!(store.series(), 10_000);
    let few = vec![(
        external("prometheus-query", &[("query-name", "q1")]),
        sample(&clock, 11),
    )];
    store.publish(Owner(1), few, TTL, None);
    assert_eq!(store.series(), 1);
    let gone = store.external("default", "prometheus-query", &select("query-name=q7777"));
    assert_eq!(gone.unwrap_err().absence, Absence::Unknown);
    let found = store.external("default", "prometheus-query", &select("query-name=q1"));
    assert_eq!(values(&found.unwrap()), [11]);
}

#[test]
fn objects_are_found_by_name_by_several_names_and_by_their_metrics_labels() {
    let (clock, store) = store();
    let pods = GroupResource::new("", "pods");
    let series = ["b", "a", "c", "ab"]
        .iter()
        .zip(1..)
        .map(|(name, value)| {
            (
                pod(name, &[("verb", if value == 3 { "PUT" } else { "GET" })]),
                sample(&clock, value),
            )
        })
        .collect();
    store.publish(Owner(1), series, TTL, None);
    let read = |names: Names<'_>, selector: &str| {
        store
            .objects(&pods, "default", "qps", names, &select(selector))
            .map(|found| values(&found))
    };
    assert_eq!(read(Names::All, "").unwrap(), [2, 4, 1, 3], "ordered by name");
    assert_eq!(read(Names::One("a"), "").unwrap(), [2]);
    assert_eq!(read(Names::All, "verb=GET").unwrap(), [2, 4, 1]);
    let some: HashSet<String> = ["c", "a", "zz"].iter().map(ToString::to_string).collect();
    assert_eq!(read(Names::Among(&some), "").unwrap(), [2, 3]);
    assert_eq!(read(Names::Among(&some), "verb=PUT").unwrap(), [3]);
    let all: HashSet<String> = ["a", "b", "c", "ab", "x"]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(read(Names::Among(&all), "").unwrap(), [2, 4, 1, 3]);
    assert_eq!(read(Names::One("d"), "").unwrap_err().absence, Absence::Unknown);
    assert_eq!(store.api_version(&pods, "default", "qps").as_deref(), Some("v1"));
}

#[test]
fn what_is_expected_is_listed_and_its_absence_explained() {
    let (clock, store) = store();
    let owner = Owner(9);
    store.expect(
        owner,
        Expected::External {
            metric: "m".to_owned(),
            namespace: "default".to_owned(),
            labels: labels(&[("q", "x")]),
        },
    );
    assert_eq!(store.state(owner), None);
    assert_eq!(store.external_metrics().into_iter().collect::<Vec<_>>(), ["m"]);
    let why = |selector: &str| store.external("default", "m", &select(selector)).unwrap_err();
    assert_eq!(
        why("q=x").message,
        "there is no value of m{q=x}: it has not been collected yet"
    );
    assert_eq!(why("q=y").absence, Absence::Unknown);
    store.fail(owner, "parse error".to_owned());
    assert_eq!(
        why("").message,
        "there is no value of m{q=x}: its collector fails since 2023-11-14T22:13:20Z: parse error"
    );
    store.publish(owner, Vec::new(), TTL, None);
    assert_eq!(
        why("").message,
        "there is no value of m{q=x}: its collector found none at 2023-11-14T22:13:20Z"
    );
    store.publish(owner, Vec::new(), TTL, Some("0 of 3 pods answered".to_owned()));
    assert_eq!(
        why("").message,
        "there is no value of m{q=x}: 0 of 3 pods answered"
    );
    store.publish(
        owner,
        vec![(external("m", &[("q", "x")]), sample(&clock, 1))],
        TTL,
        None,
    );
    assert_eq!(
        values(&store.external("default", "m", &select("q=x")).unwrap()),
        [1]
    );
    store.retire(owner);
    assert!(store.external_metrics().is_empty());
}

#[test]
fn discovery_lists_kinds_and_metrics() {
    let (clock, store) = store();
    let namespace = Series::Object {
        metric: "jobs".to_owned(),
        resource: GroupResource::new("", "namespaces"),
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: String::new(),
        name: "default".to_owned(),
        labels: Labels::new(),
    };
    store.publish(
        Owner(1),
        vec![
            (pod("a", &[]), sample(&clock, 1)),
            (namespace, sample(&clock, 2)),
            (external("e", &[]), sample(&clock, 3)),
        ],
        TTL,
        None,
    );
    let listed: Vec<(String, String, bool)> = store
        .object_metrics()
        .into_iter()
        .map(|metric| (metric.resource.to_string(), metric.metric, metric.namespaced))
        .collect();
    assert_eq!(
        listed,
        [
            ("namespaces".to_owned(), "jobs".to_owned(), false),
            ("pods".to_owned(), "qps".to_owned(), true)
        ]
    );
}

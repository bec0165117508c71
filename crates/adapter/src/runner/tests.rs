use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use capstan_base::SystemClock;
use capstan_collectors::{Collected, Collector};
use capstan_kubeapi::{Format, Quantity, Selector};
use capstan_metrics::{Sample, Series};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;

/// Counts how often it is asked, and fails while told to.
#[derive(Debug, Default)]
struct World {
    asked: AtomicUsize,
    broken: AtomicBool,
}

#[derive(Debug)]
struct Asking {
    world: Arc<World>,
    metric: &'static str,
    clock: SharedClock,
}

impl Collector for Asking {
    fn question(&self) -> String {
        "how many?".to_owned()
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.world.asked.fetch_add(1, Ordering::SeqCst);
        let answer = if self.world.broken.load(Ordering::SeqCst) {
            Err(CollectError::new("broken"))
        } else {
            let series = Series::External {
                metric: self.metric.to_owned(),
                namespace: "default".to_owned(),
                labels: capstan_metrics::Labels::new(),
            };
            let sample = Sample {
                value: Quantity::from_milli(7000, Format::DecimalSI),
                at: self.clock.now(),
                window: None,
            };
            Ok(Collected {
                samples: vec![(series, sample)],
                missing: None,
            })
        };
        async move { answer }.boxed()
    }
}

struct Stage {
    runner: Runner,
    store: Arc<Store>,
    world: Arc<World>,
    clock: SharedClock,
}

impl Stage {
    fn new() -> Self {
        let clock = SystemClock::shared();
        let store = Arc::new(Store::new(Arc::clone(&clock)));
        Self {
            runner: Runner::new(
                Arc::clone(&clock),
                Arc::clone(&store),
                Arc::default(),
                Shutdown::new(),
            ),
            store,
            world: Arc::default(),
            clock,
        }
    }

    fn add(&self, owner: u64, metric: &'static str) -> Arc<Built> {
        let built = Arc::new(Built {
            collector: Box::new(Asking {
                world: Arc::clone(&self.world),
                metric,
                clock: Arc::clone(&self.clock),
            }),
            name: "asking",
            interval: Duration::from_millis(100),
            max_age: Duration::from_mins(1),
            remarks: Vec::new(),
            deprecated: None,
        });
        self.runner.add(Owner(owner), Arc::clone(&built));
        built
    }

    fn has(&self, metric: &str) -> bool {
        self.store
            .external("default", metric, &Selector::everything())
            .is_ok()
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            capstan_runtime::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(waited.is_ok(), "{what}");
}

#[tokio::test]
async fn collectors_of_a_question_run_together_until_they_are_removed() {
    let stage = Stage::new();
    let first = stage.add(1, "a");
    let second = stage.add(2, "b");
    assert_eq!(stage.runner.questions(), 1);
    until("both have values", || stage.has("a") && stage.has("b")).await;
    stage.runner.remove(Owner(1), &first);
    assert!(!stage.has("a") && stage.has("b"));
    let asked = stage.world.asked.load(Ordering::SeqCst);
    until("it is asked again", || {
        stage.world.asked.load(Ordering::SeqCst) > asked + 1
    })
    .await;
    assert!(!stage.has("a"));
    stage.runner.remove(Owner(2), &second);
    until("nothing is asked any more", || stage.runner.questions() == 0).await;
    // A question may come back.
    stage.add(3, "c");
    until("it has a value", || stage.has("c")).await;
}

#[tokio::test]
async fn failures_are_noted_and_old_values_stay_for_their_age() {
    let stage = Stage::new();
    stage.add(1, "a");
    until("it has a value", || stage.has("a")).await;
    stage.world.broken.store(true, Ordering::SeqCst);
    let failing = || {
        stage
            .store
            .state(Owner(1))
            .is_some_and(|state| state.failure.is_some())
    };
    until("the failure is noted", failing).await;
    assert!(stage.has("a"));
    stage.world.broken.store(false, Ordering::SeqCst);
    until("it recovers", || !failing()).await;
}

#[test]
fn questions_have_their_places_and_failures_come_back_soon() {
    let minute = Duration::from_mins(1);
    let of = |text: &str| (text.to_owned(), minute);
    let mut places = std::collections::BTreeSet::new();
    for question in 0..50 {
        let question = of(&question.to_string());
        let wait = pause(&question, Duration::from_secs(1000), 0, None);
        let at = Duration::from_secs(1000) + wait;
        // From there on it is the interval.
        let next = pause(&question, at, 0, None);
        assert_eq!(next, minute);
        places.insert(at.as_millis() % 60_000);
    }
    assert!(places.len() > 45, "{places:?}");
    let question = of("x");
    let first = pause(&question, Duration::from_secs(1000), 1, None);
    assert!(first <= Duration::from_millis(1100), "{first:?}");
    let many = pause(&question, Duration::from_secs(1000), 30, None);
    assert_eq!(many, pause(&question, Duration::from_secs(1000), 0, None));
    let told = pause(
        &question,
        Duration::from_secs(1000),
        1,
        Some(Duration::from_mins(2)),
    );
    assert!(told >= Duration::from_mins(2));
}

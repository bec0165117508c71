//! The metrics APIs, asked once when several HPAs want the same at the same time.
//!
//! Where many HPAs of a namespace want resource metrics, all pods of the namespace are asked for at once and the
//! selectors are applied here, by the labels that the answer carries.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_hpa::api_error::ApiError;
use capstan_hpa::metrics::{MetricAnswer, MetricData, MetricQuery};
use capstan_hpa::reconcile::Answer;
use capstan_hpa::replica_calculator::Samples;
use capstan_kube::{Cluster, Message};
use capstan_kubeapi::Selector;
use capstan_runtime::spawn_blocking;
use parking_lot::Mutex;
use serde_json::Value;

use crate::labels::{Labels, Pair, exact};
use crate::limiter::Limiter;

/// Answers are not shared for longer, but for as long again while the next one is asked for.
const LONGEST: Duration = Duration::from_secs(1);

/// Answers that are kept at a time.
const MAX_ANSWERS: usize = 16_384;

/// So many questions about one namespace while answers are shared, and it is asked for as a whole.
const MANY: usize = 8;

/// Answers by what was asked, each with the time it was asked for.
#[derive(Debug)]
pub(crate) struct Metrics {
    clock: SharedClock,
    single: Shared<Answer>,
    /// `None` where the namespace cannot be read as a whole.
    whole: Shared<Option<Whole>>,
    /// How many questions there were about a namespace, since when, and in the span before.
    asked: Mutex<HashMap<String, (Duration, usize, usize)>>,
}

/// What is shared for a while.
#[derive(Debug)]
struct Shared<T> {
    slots: Mutex<Slots<T>>,
}

#[derive(Debug)]
struct Slots<T> {
    by_key: HashMap<String, Arc<Slot<T>>>,
    /// When those that are too old were thrown away.
    swept: Duration,
}

#[derive(Debug)]
struct Slot<T> {
    at: Duration,
    value: tokio::sync::OnceCell<T>,
    /// The answer before this one, until this one is there.
    before: Mutex<Option<Arc<Slot<T>>>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self {
            slots: Mutex::new(Slots {
                by_key: HashMap::new(),
                swept: Duration::ZERO,
            }),
        }
    }
}

impl<T> Shared<T> {
    fn slot(&self, key: String, now: Duration, age: Duration) -> Arc<Slot<T>> {
        let mut slots = self.slots.lock();
        let mut before = None;
        if let Some(slot) = slots.by_key.get(&key) {
            if now.saturating_sub(slot.at) < age {
                let mut before = slot.before.lock();
                if slot.value.initialized() {
                    *before = None;
                }
                // While one asks anew, the others need not wait for it.
                let old = before.as_ref();
                let old = old.filter(|old| now.saturating_sub(old.at) < age * 2);
                return Arc::clone(old.unwrap_or(slot));
            }
            let is_young = slot.value.initialized() && now.saturating_sub(slot.at) < age * 2;
            before = is_young.then(|| Arc::clone(slot));
            if let Some(old) = &before {
                *old.before.lock() = None;
            }
        }
        if now.saturating_sub(slots.swept) >= LONGEST {
            slots.swept = now;
            slots
                .by_key
                .retain(|_, slot| now.saturating_sub(slot.at) < LONGEST * 2);
        }
        let slot = Arc::new(Slot {
            at: now,
            value: tokio::sync::OnceCell::new(),
            before: Mutex::new(before),
        });
        if slots.by_key.len() < MAX_ANSWERS || slots.by_key.contains_key(&key) {
            slots.by_key.insert(key, Arc::clone(&slot));
        }
        slot
    }
}

/// One resource of all pods of a namespace.
#[derive(Debug)]
struct Whole {
    labels: Vec<(Box<str>, Labels)>,
    by_label: HashMap<Pair, Vec<usize>>,
    samples: Samples,
}

impl Whole {
    /// Reads a list; `None` if it does not say everything that selecting needs.
    fn read(query: &MetricQuery, list: Value) -> Option<Self> {
        let items = list["items"].as_array()?;
        let mut labels = Vec::with_capacity(items.len());
        let mut by_label: HashMap<Pair, Vec<usize>> = HashMap::new();
        for (at, item) in items.iter().enumerate() {
            let name = item["metadata"]["name"].as_str()?;
            let own = Labels::of(item["metadata"]["labels"].as_object()?);
            for pair in own.pairs() {
                by_label.entry(pair.clone()).or_default().push(at);
            }
            labels.push((name.into(), own));
        }
        match query.read(MetricAnswer::Body(list)).ok()? {
            MetricData::Pods { samples, .. } => Some(Self {
                labels,
                by_label,
                samples,
            }),
            MetricData::Values(_) => None,
        }
    }

    fn select(&self, selector: &Selector) -> MetricData {
        let mut samples = Samples::new();
        let mut items = 0;
        let mut look = |(name, labels): &(Box<str>, Labels)| {
            if labels.are_selected_by(selector) {
                items += 1;
                if let Some(sample) = self.samples.get(&**name) {
                    samples.insert(name.to_string(), *sample);
                }
            }
        };
        match exact(selector) {
            Some(pair) => {
                let found = self.by_label.get(&pair).into_iter().flatten();
                found.for_each(|at| look(&self.labels[*at]));
            }
            None => self.labels.iter().for_each(look),
        }
        MetricData::Pods { items, samples }
    }
}

impl Metrics {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            single: Shared::default(),
            whole: Shared::default(),
            asked: Mutex::default(),
        }
    }

    /// The answer to a query. One that somebody asked for less than a quarter of `period` ago, and less than a second,
    /// does too; one about the whole namespace for the whole period, because it costs much and metrics servers measure
    /// more seldom than that.
    pub(crate) async fn get(
        &self,
        cluster: &Cluster,
        limiter: &Limiter,
        query: &MetricQuery,
        period: Duration,
    ) -> Answer {
        if let Some(answer) = self
            .get_from_whole(cluster, limiter, query, period.min(LONGEST))
            .await
        {
            return answer;
        }
        let age = (period / 4).min(LONGEST);
        let path = query.path();
        let key = share_key(query, &path);
        let slot = self.single.slot(key, self.clock.monotonic(), age);
        let ask = || async {
            limiter.pass().await;
            ask(cluster, query, &path).await
        };
        slot.value.get_or_init(ask).await.clone()
    }

    /// The same from an answer about the whole namespace; `None` if the question is to be asked as it is.
    async fn get_from_whole(
        &self,
        cluster: &Cluster,
        limiter: &Limiter,
        query: &MetricQuery,
        age: Duration,
    ) -> Option<Answer> {
        let MetricQuery::Resource {
            namespace,
            selector,
            resource,
            container,
        } = query
        else {
            return None;
        };
        if !self.is_busy(namespace, age) {
            return None;
        }
        let selector = Selector::parse(selector).ok()?;
        let all = MetricQuery::Resource {
            namespace: namespace.clone(),
            selector: String::new(),
            resource: resource.clone(),
            container: container.clone(),
        };
        let path = all.path();
        let key = share_key(&all, &path);
        let slot = self.whole.slot(key, self.clock.monotonic(), age);
        let ask = || async {
            limiter.pass().await;
            let reply = cluster.send(&Message::get(&path)).await.ok()?;
            if !(200..300).contains(&reply.code) {
                return None;
            }
            // Thousands of pods take long to read: other looks of this worker go on meanwhile.
            let reading = spawn_blocking(move || Whole::read(&all, serde_json::from_str(&reply.body).ok()?));
            reading.await.ok()?
        };
        let whole = slot.value.get_or_init(ask).await.as_ref()?;
        Some(Answer::Data(whole.select(&selector)))
    }

    /// Counts a question about a namespace, and says whether there are many.
    fn is_busy(&self, namespace: &str, age: Duration) -> bool {
        let now = self.clock.monotonic();
        let mut asked = self.asked.lock();
        if !asked.contains_key(namespace) {
            asked.insert(namespace.to_owned(), (now, 0, 0));
        }
        let Some((since, count, before)) = asked.get_mut(namespace) else {
            return false;
        };
        if now.saturating_sub(*since) >= age {
            *before = if now.saturating_sub(*since) < age * 8 {
                *count
            } else {
                0
            };
            (*since, *count) = (now, 0);
        }
        *count += 1;
        (*count).max(*before) >= MANY
    }
}

/// Two queries with the same path may read different values from the answer.
fn share_key(query: &MetricQuery, path: &str) -> String {
    match query {
        MetricQuery::Resource {
            resource, container, ..
        } => format!("{path}#{resource}/{container}"),
        _ => path.to_owned(),
    }
}

async fn ask(cluster: &Cluster, query: &MetricQuery, path: &str) -> Answer {
    let reply = match cluster.send(&Message::get(path)).await {
        Ok(reply) => reply,
        Err(error) => return Answer::Failed(ApiError::text(error.message)),
    };
    let (code, body) = (reply.code, reply.body);
    let raw = || Answer::Http {
        code,
        body: body.clone(),
    };
    if !(200..300).contains(&code) {
        return raw();
    }
    // Read once for all who share it. What cannot be read, each reads anew for the text of its error.
    let given = MetricAnswer::Http {
        code,
        body: body.clone(),
    };
    query.read(given).map_or_else(|_| raw(), Answer::Data)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(selector: &str) -> MetricQuery {
        MetricQuery::Resource {
            namespace: "n".into(),
            selector: selector.into(),
            resource: "cpu".into(),
            container: String::new(),
        }
    }

    fn item(name: &str, labels: Value, cpu: &str) -> Value {
        json!({"metadata": {"name": name, "labels": labels}, "timestamp": "2026-01-01T00:00:00Z",
            "window": "10s", "containers": [{"name": "c", "usage": {"cpu": cpu}}]})
    }

    #[test]
    fn while_one_asks_anew_the_others_have_the_answer_before() {
        let shared: Shared<u32> = Shared::default();
        let slot = |millis| {
            shared.slot(
                "k".to_owned(),
                Duration::from_millis(millis),
                Duration::from_secs(1),
            )
        };
        slot(0).value.set(1).unwrap();
        let asking = slot(1000);
        assert!(!asking.value.initialized());
        assert_eq!(slot(1100).value.get(), Some(&1));
        asking.value.set(2).unwrap();
        assert_eq!(slot(1200).value.get(), Some(&2));
        // One that is too old does for nobody.
        assert!(!slot(3100).value.initialized());
        assert!(!slot(3200).value.initialized());
    }

    #[test]
    fn what_is_selected_here_is_what_the_server_would_have_selected() {
        let items = [
            item("a", json!({"app": "web", "tier": "x"}), "10m"),
            item("b", json!({"app": "web"}), "20m"),
            item("c", json!({"app": "db"}), "30m"),
        ];
        let whole = Whole::read(&query(""), json!({ "items": items })).unwrap();
        for text in ["app=web", "app in (web,db),!tier", "app!=web", "tier", "app=none"] {
            let selector = Selector::parse(text).unwrap();
            let chosen: Vec<&Value> = items
                .iter()
                .filter(|item| selector.matches(item["metadata"]["labels"].as_object()))
                .collect();
            let alone = query(text).read(MetricAnswer::Body(json!({ "items": chosen })));
            let here = query(text).read(MetricAnswer::Data(whole.select(&selector)));
            assert_eq!(here, alone, "{text}");
        }
        let unlabelled = json!({"items": [{"metadata": {"name": "a"}, "containers": []}]});
        assert!(Whole::read(&query(""), unlabelled).is_none());
    }

    #[test]
    fn a_namespace_is_busy_after_many_questions_within_the_span_or_the_one_before() {
        let clock = capstan_base::clock::VirtualClock::at(0);
        let metrics = Metrics::new(clock.clone());
        let age = Duration::from_millis(250);
        let busy: Vec<bool> = (0..9).map(|_| metrics.is_busy("n", age)).collect();
        assert_eq!(
            busy,
            [false, false, false, false, false, false, false, true, true]
        );
        clock.advance(age);
        assert!(metrics.is_busy("n", age), "it was before");
        assert!(!metrics.is_busy("m", age));
        clock.advance(age);
        assert!(!metrics.is_busy("n", age));
    }
}

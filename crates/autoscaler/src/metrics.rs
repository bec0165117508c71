//! The metrics APIs, asked once when several HPAs want the same at the same time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::SharedClock;
use capstan_hpa::api_error::ApiError;
use capstan_hpa::metrics::{MetricAnswer, MetricQuery};
use capstan_hpa::reconcile::Answer;
use capstan_kube::{Cluster, Message};
use parking_lot::Mutex;

use crate::limiter::Limiter;

/// Answers are never shared for longer.
const LONGEST: Duration = Duration::from_secs(1);

/// Answers that are kept at a time.
const MAX_ANSWERS: usize = 16_384;

/// Answers by path, each with the time it was asked for.
#[derive(Debug)]
pub(crate) struct Metrics {
    clock: SharedClock,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

#[derive(Debug)]
struct Slot {
    at: Duration,
    answer: tokio::sync::OnceCell<Answer>,
}

impl Metrics {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            slots: Mutex::default(),
        }
    }

    /// The answer to a query. One that somebody asked for less than a quarter of `period` ago, and less than a second,
    /// does too.
    pub(crate) async fn get(
        &self,
        cluster: &Cluster,
        limiter: &Limiter,
        query: &MetricQuery,
        period: Duration,
    ) -> Answer {
        let path = query.path();
        let slot = self.slot(share_key(query, &path), (period / 4).min(LONGEST));
        let ask = || async {
            limiter.pass().await;
            ask(cluster, query, &path).await
        };
        slot.answer.get_or_init(ask).await.clone()
    }

    fn slot(&self, key: String, age: Duration) -> Arc<Slot> {
        let now = self.clock.monotonic();
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&key)
            && now.saturating_sub(slot.at) < age
        {
            return Arc::clone(slot);
        }
        if slots.len() >= MAX_ANSWERS {
            slots.retain(|_, slot| now.saturating_sub(slot.at) < age);
        }
        let slot = Arc::new(Slot {
            at: now,
            answer: tokio::sync::OnceCell::new(),
        });
        if slots.len() < MAX_ANSWERS {
            slots.insert(key, Arc::clone(&slot));
        }
        slot
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

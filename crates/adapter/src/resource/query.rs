//! Prometheus as the collectors ask it.

use std::sync::Arc;
use std::time::Duration;

use capstan_collectors::Context;
use capstan_collectors::prometheus::client::{Endpoint, Outcome, instant};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Element, InstantQuery};

/// A query that takes longer has no result.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    context: Arc<Context>,
    endpoint: Endpoint,
}

impl Prometheus {
    /// Asked with the collectors' client and its limits.
    pub fn new(context: Arc<Context>, endpoint: Endpoint) -> Self {
        Self { context, endpoint }
    }
}

impl InstantQuery for Prometheus {
    fn query<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<Vec<Element>, String>> {
        async move {
            let now = self.context.clock.now();
            let queried = instant(&self.context.fetcher, &self.endpoint, query, now, TIMEOUT)
                .await
                .map_err(|error| error.message)?;
            let Outcome::Vector(vector) = queried.outcome else {
                return Err(format!("the result is no vector: query '{query}'"));
            };
            let elements = vector.into_iter().filter_map(|sample| {
                let point = sample.point?;
                Some(Element {
                    labels: sample.labels,
                    value: point.value,
                    at: point.at,
                })
            });
            Ok(elements.collect())
        }
        .boxed()
    }
}

//! Nakadi's API, as much as is needed of it (<https://nakadi.io/manual.html>).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;

use crate::collector::CollectError;
use crate::context::Context;
use crate::fetch::Request;
use crate::prometheus::client::Endpoint;

/// How often a request is sent at most.
const TRIES: u32 = 3;
/// The wait before the second; half as much again before the third.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Pages of subscriptions that are read, and subscriptions that are asked for.
const MOST_PAGES: usize = 50;
const MOST_SUBSCRIPTIONS: usize = 500;

/// Which subscriptions count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    /// The one with this id.
    Subscription(String),
    /// All of this application and group for these event types.
    All {
        owning_application: String,
        event_types: Vec<String>,
        consumer_group: String,
    },
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscription(id) => write!(f, "subscription {id}"),
            Self::All {
                owning_application,
                event_types,
                consumer_group,
            } => write!(
                f,
                "subscriptions of {owning_application}, group {consumer_group}, to {}",
                event_types.join(",")
            ),
        }
    }
}

/// All partitions of all subscriptions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stats {
    pub(super) at: Timestamp,
    /// The longest lag, in seconds, if any partition tells its own.
    pub(super) longest_lag: Option<i64>,
    /// The sum, if any partition tells its part.
    pub(super) unconsumed: Option<i64>,
    pub(super) partitions: usize,
    pub(super) with_lag: usize,
    pub(super) with_unconsumed: usize,
}

#[derive(Deserialize)]
struct Subscriptions {
    #[serde(default)]
    items: Vec<Subscription>,
    #[serde(rename = "_links", default)]
    links: Links,
}

#[derive(Deserialize)]
struct Subscription {
    id: String,
}

#[derive(Deserialize, Default)]
struct Links {
    #[serde(default)]
    next: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    href: String,
}

#[derive(Deserialize)]
struct StatsReply {
    #[serde(default)]
    items: Vec<EventType>,
}

#[derive(Deserialize)]
struct EventType {
    #[serde(default)]
    partitions: Vec<Partition>,
}

#[derive(Deserialize)]
struct Partition {
    #[serde(default)]
    unconsumed_events: Option<i64>,
    #[serde(default)]
    consumer_lag_seconds: Option<i64>,
}

/// A Nakadi.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) context: Arc<Context>,
    pub(super) endpoint: Endpoint,
}

impl Client {
    /// Where all partitions are.
    pub(super) async fn stats(&self, filter: &Filter) -> Result<Stats, CollectError> {
        let ids = match filter {
            Filter::Subscription(id) => vec![id.clone()],
            Filter::All { .. } => self
                .subscriptions(filter)
                .await
                .map_err(|error| within("[nakadi stats] failed to get subscriptions: ", error))?,
        };
        let mut stats = Stats {
            at: self.context.clock.now(),
            longest_lag: None,
            unconsumed: None,
            partitions: 0,
            with_lag: 0,
            with_unconsumed: 0,
        };
        let mut event_types = 0;
        for id in ids {
            let mut url = self.url(&["subscriptions", &id, "stats"]);
            url.set_query(Some("show_time_lag=true"));
            let reply: StatsReply = self.get(url, "[nakadi stats] ").await?;
            // One of several subscriptions may have none for a while.
            event_types += reply.items.len();
            for partition in reply.items.iter().flat_map(|item| &item.partitions) {
                stats.partitions += 1;
                if let Some(lag) = partition.consumer_lag_seconds {
                    stats.with_lag += 1;
                    stats.longest_lag = stats.longest_lag.max(Some(lag.max(0)));
                }
                if let Some(events) = partition.unconsumed_events {
                    stats.with_unconsumed += 1;
                    stats.unconsumed = Some(stats.unconsumed.unwrap_or(0).saturating_add(events));
                }
            }
        }
        if event_types == 0 {
            return Err(CollectError::new(format!(
                "[nakadi stats] expected at least 1 event-type, 0 returned: {filter}"
            )));
        }
        Ok(stats)
    }

    /// The ids of all subscriptions.
    async fn subscriptions(&self, filter: &Filter) -> Result<Vec<String>, CollectError> {
        const WHERE: &str = "[nakadi subscriptions] ";
        let mut url = self.url(&["subscriptions"]);
        if let Filter::All {
            owning_application,
            event_types,
            consumer_group,
        } = filter
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("consumer_group", consumer_group);
            for event_type in event_types {
                query.append_pair("event_type", event_type);
            }
            query.append_pair("owning_application", owning_application);
        }
        let mut ids = Vec::new();
        for _ in 0..MOST_PAGES {
            let reply: Subscriptions = self.get(url, WHERE).await?;
            ids.extend(reply.items.into_iter().map(|item| item.id));
            if ids.len() > MOST_SUBSCRIPTIONS {
                break;
            }
            let Some(next) = reply.links.next.filter(|next| !next.href.is_empty()) else {
                return Ok(ids);
            };
            url = self.next(&next.href).ok_or_else(|| {
                CollectError::new(format!(
                    "{WHERE}the next page is {:?}, which is no path",
                    next.href
                ))
            })?;
        }
        Err(CollectError::new(format!(
            "{WHERE}there are more than {MOST_SUBSCRIPTIONS} subscriptions: {filter}"
        )))
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.endpoint.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The next page, on the same server: our token goes there.
    fn next(&self, href: &str) -> Option<Url> {
        if !href.starts_with('/') {
            return None;
        }
        let base = self.endpoint.base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{href}")).ok()?;
        (url.origin() == self.endpoint.base.origin()).then_some(url)
    }

    /// A document, after several tries if need be.
    async fn get<T: for<'de> Deserialize<'de>>(&self, url: Url, place: &str) -> Result<T, CollectError> {
        let request = Request::get(url, self.context.options.timeout).with_token(self.endpoint.token.clone());
        let mut wait = FIRST_WAIT;
        let mut tries = 1;
        loop {
            match self.get_once(&request).await {
                Ok(body) => {
                    return serde_json::from_slice(&body).map_err(|error| {
                        CollectError::new(format!("{place}the answer cannot be read: {error}"))
                    });
                }
                Err((error, again)) if !again || tries >= TRIES => return Err(within(place, error)),
                Err(_) => {}
            }
            capstan_runtime::sleep(wait).await;
            wait = wait * 3 / 2;
            tries += 1;
        }
    }

    /// A document; of an error, whether it may help to try again soon.
    async fn get_once(&self, request: &Request) -> Result<Vec<u8>, (CollectError, bool)> {
        let answer = self.context.fetcher.fetch(request).await.map_err(|error| {
            // Then the server is known to be unwell, or asked for patience.
            let again = error.retry_after.is_none();
            let message = format!("failed to make request: {}", error.message);
            (CollectError { message, ..error }, again)
        })?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        let said = answer.excerpt();
        let permanent = (400..500).contains(&answer.status) && answer.status != 429;
        let which = if permanent { "non-retryable" } else { "unexpected" };
        let mut message = format!("{which} response code: {} ({said})", answer.status);
        let retry_after = answer.retry_after.filter(|_| answer.status == 429);
        if let Some(seconds) = retry_after {
            message = format!("{message}, retry after {seconds}s");
        }
        let again = !permanent && retry_after.is_none();
        Err((CollectError { message, retry_after }, again))
    }
}

fn within(place: &str, error: CollectError) -> CollectError {
    CollectError {
        message: format!("{place}{}", error.message),
        ..error
    }
}

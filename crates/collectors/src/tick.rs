//! The collector `tick`: what a TICKscript task publishes by `httpOut`, so that a computation over streams can feed a
//! stock HPA.
//!
//! | key | what |
//! |---|---|
//! | `task` | the task |
//! | `endpoint` | the name of its `httpOut`; may be left out if it has one |
//! | `field` | the field; may be left out if there is one |
//! | `tag-<name>`, and further labels of the selector | narrow the groups down to one |
//!
//! The value is that of the group's last row, true at that row's time.

mod result;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_metrics::Series;
use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::Url;
use serde_json::{Map, Value};

use crate::choose::Order;
use crate::collector::{CollectError, Collected, Collector, ConfigError};
use crate::context::Context;
use crate::fetch::Request;
use crate::prometheus::client::Endpoint;
use crate::prometheus::configured;
use crate::share::Question;
use crate::single;
use result::Group;

const TASK: &str = "task";
const ENDPOINT: &str = "endpoint";
const FIELD: &str = "field";
const TAG: &str = "tag-";
/// Where tasks are below a server's address.
const TASKS: [&str; 3] = ["kapacitor", "v1", "tasks"];
/// Where it lists all paths.
const ROUTES: [&str; 3] = ["kapacitor", "v1", ":routes"];

#[derive(Debug)]
struct Tick {
    context: Arc<Context>,
    server: Endpoint,
    task: String,
    endpoint: Option<String>,
    field: Option<String>,
    tags: BTreeMap<String, String>,
    series: Series,
    interval: Duration,
}

/// For External metrics.
pub(crate) fn external(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    let keys = order.keys;
    let task = keys
        .require(TASK, "no task defined: the key task names a TICKscript task")?
        .to_owned();
    let optional = |key: &str| keys.get(key).filter(|value| !value.is_empty()).map(str::to_owned);
    let (endpoint, field) = (optional(ENDPOINT), optional(FIELD));
    let mut tags = BTreeMap::new();
    let selector = order.wanted.selector();
    for (label, value) in selector.iter().flat_map(|selector| &selector.match_labels) {
        let reserved = matches!(label.as_str(), "type" | TASK | ENDPOINT | FIELD) || label.starts_with(TAG);
        if !reserved {
            tags.insert(label.clone(), value.clone());
        }
    }
    for (name, value) in keys.with_prefix(TAG) {
        tags.insert(name.to_owned(), value.to_owned());
    }
    Ok(Box::new(Tick {
        context: Arc::clone(order.context),
        server: configured(order.context.options.capstan.as_ref(), "--capstan-server")?,
        task,
        endpoint,
        field,
        tags,
        series: single::external(order.wanted),
        interval: order.interval,
    }))
}

impl Collector for Tick {
    fn question(&self) -> String {
        let endpoint = self.endpoint.as_deref().unwrap_or("its only endpoint");
        format!("{} task {} {endpoint}", self.server, self.task)
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.run().boxed()
    }
}

impl Tick {
    async fn run(&self) -> Result<Collected, CollectError> {
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => self.only_endpoint().await?,
        };
        let segments: Vec<&str> = TASKS
            .into_iter()
            .chain([self.task.as_str()])
            .chain(endpoint.split('/').filter(|part| !part.is_empty()))
            .collect();
        let url = below(&self.server.base, &segments);
        let groups = self
            .ask(url, result::groups)
            .await
            .map_err(|error| CollectError {
                message: format!("output {endpoint} of task {}: {}", self.task, error.message),
                ..error
            })?;
        let now = self.context.clock.now();
        let found = result::value(&groups, &self.tags, self.field.as_deref(), now)
            .map_err(|why| CollectError::new(format!("output {endpoint} of task {}: {why}", self.task)))?;
        Ok(single::collected(&self.series, found.0, found.1, &[]))
    }

    /// The name of the task's `httpOut`.
    async fn only_endpoint(&self) -> Result<String, CollectError> {
        // The path as the server names it, whatever is in front of it.
        let root = Url::parse("http://server/").unwrap_or_else(|_| self.server.base.clone());
        let segments: Vec<&str> = TASKS.into_iter().chain([self.task.as_str()]).collect();
        let prefix = format!("{}/", below(&root, &segments).path());
        let routes: Arc<Vec<String>> = self
            .ask(below(&self.server.base, &ROUTES), |answer| {
                let routes: Map<String, Value> = serde_json::from_slice(answer)
                    .map_err(|error| format!("the list of paths cannot be read: {error}"))?;
                let outputs = routes.into_iter().map(|(path, _)| path);
                Ok(outputs
                    .filter(|path| path.starts_with("/kapacitor/v1/tasks/"))
                    .collect())
            })
            .await?;
        let names: Vec<&str> = routes
            .iter()
            .filter_map(|path| path.strip_prefix(&prefix))
            .collect();
        match names[..] {
            [only] => Ok(only.to_owned()),
            [] => Err(CollectError::new(format!(
                "the task {} publishes nothing: it does not exist, does not run, or has no httpOut",
                self.task
            ))),
            _ => Err(CollectError::new(format!(
                "the task {} has the outputs {}; name one by the key {ENDPOINT}",
                self.task,
                names.join(", ")
            ))),
        }
    }

    /// What is read of a page, once for all who ask for it.
    async fn ask<T: Send + Sync + 'static>(
        &self,
        url: Url,
        read: impl FnOnce(&[u8]) -> Result<T, String> + Send + 'static,
    ) -> Result<Arc<T>, CollectError> {
        let question = Question {
            server: self.server.identity(),
            text: url.path().to_owned(),
            interval: self.interval,
        };
        let context = Arc::clone(&self.context);
        let request = Request::get(url, context.options.timeout).with_token(self.server.token.clone());
        let asked = async move {
            let answer = context.fetcher.fetch(&request).await?;
            if answer.status == 404 {
                return Err(CollectError::new(format!(
                    "{}: there is none; the task does not exist, does not run, or has no httpOut of that name",
                    answer.request
                )));
            }
            let name = answer.request.clone();
            let body = answer.success()?;
            read(&body).map_err(|why| CollectError::new(format!("{name}: {why}")))
        };
        self.context.share.ask(question, asked).await
    }
}

fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// Groups by their tags.
type Groups = Vec<Group>;

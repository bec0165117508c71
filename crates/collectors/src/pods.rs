//! The collector `json-path` of Pods metrics: a number from the JSON that every pod of the target answers
//! (kube-metrics-adapter, pod_collector.go).
//!
//! The target and its pods are read at every run. Pods that are not Ready, that terminate, or that are Ready for too
//! short are not asked. A pod that does not answer is said, and does not keep the others from being used.

mod list;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use capstan_metrics::{GroupResource, Labels, Sample, Series};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use reqwest::Url;

use crate::choose::Order;
use crate::collector::{CollectError, Collected, Collector, ConfigError};
use crate::context::Context;
use crate::fetch::Request;
use crate::json::Extract;
use crate::prometheus::labels;
use crate::share::Question;
use crate::target::Target;
use crate::value::quantity;
use list::{Pod, Standing};

/// The only format there is.
const JSON_PATH: &str = "json-path";
/// How many pods of one metric are asked at a time.
const AT_ONCE: usize = 16;
/// For how long a list of pods serves several metrics of a target.
const LIST_INTERVAL: Duration = Duration::from_secs(2);
/// How many failures are told in full.
const MOST_TOLD: usize = 3;
/// kube-metrics-adapter's, for both timeouts.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Where pods are asked, and for what.
#[derive(Debug)]
struct Pods {
    context: Arc<Context>,
    target: Target,
    namespace: String,
    metric: String,
    labels: Labels,
    min_ready_age: Duration,
    interval: Duration,
    getter: Getter,
    question: String,
}

/// How one pod is asked.
#[derive(Debug)]
struct Getter {
    scheme: String,
    port: u16,
    path: String,
    raw_query: Option<String>,
    request_timeout: Duration,
    connect_timeout: Duration,
    extract: Extract,
}

/// For Pods metrics.
pub(crate) fn collector(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    let wanted = order.wanted;
    if wanted.config.collector != JSON_PATH {
        return Err(ConfigError(format!(
            "format '{}' not supported; annotations metric-config.pods.{}.{JSON_PATH}/… configure the metric",
            wanted.config.collector,
            wanted.name()
        )));
    }
    let getter = Getter::of(order)?;
    let target = &wanted.target;
    let question = format!(
        "pods of {} {}/{} {}://:{}{} {}",
        target.kind,
        wanted.namespace,
        target.name,
        getter.scheme,
        getter.port,
        getter.path,
        getter.extract.text()
    );
    Ok(Box::new(Pods {
        context: Arc::clone(order.context),
        target: Target::of(wanted, order.context),
        namespace: wanted.namespace.clone(),
        metric: wanted.name().to_owned(),
        labels: labels(wanted),
        min_ready_age: wanted.config.min_pod_ready_age.unwrap_or_default(),
        interval: order.interval,
        getter,
        question,
    }))
}

impl Getter {
    fn of(order: &Order<'_>) -> Result<Self, ConfigError> {
        let keys = order.keys;
        // kube-metrics-adapter has words of its own here.
        let filled = |key| keys.get(key).is_some_and(|value| !value.is_empty());
        match (filled("json-key"), filled("json-eval")) {
            (false, false) => return Err(ConfigError::new("config value json-key or json-eval must be set")),
            (true, true) => {
                return Err(ConfigError::new(
                    "config value json-key and json-eval are mutually exclusive",
                ));
            }
            _ => {}
        }
        let scheme = keys
            .get("scheme")
            .filter(|scheme| !scheme.is_empty())
            .unwrap_or("http");
        if !matches!(scheme, "http" | "https") {
            return Err(ConfigError(format!(
                "scheme is {scheme:?}, which is neither http nor https"
            )));
        }
        let port: u16 = keys
            .parse("port", "a number from 1 to 65535")?
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                ConfigError::new("config value port not found: it is the port that pods answer at")
            })?;
        let timeout = |key: &str| {
            let found = keys.duration(key).map_err(|error| {
                ConfigError(format!(
                    "invalid {key} config value: {}: {error}",
                    keys.get(key).unwrap_or_default()
                ))
            })?;
            Ok::<_, ConfigError>(found.filter(|found| !found.is_zero()).unwrap_or(TIMEOUT))
        };
        Ok(Self {
            scheme: scheme.to_owned(),
            port,
            path: keys.get("path").unwrap_or_default().to_owned(),
            raw_query: keys
                .get("raw-query")
                .filter(|query| !query.is_empty())
                .map(str::to_owned),
            request_timeout: timeout("request-timeout")?,
            connect_timeout: timeout("connect-timeout")?,
            extract: Extract::of(keys)?.with_zero_for_empty(order.context.options.compatible),
        })
    }

    /// Where a pod is asked.
    fn url(&self, ip: &str) -> Result<Url, CollectError> {
        let host = if ip.contains(':') {
            format!("[{ip}]")
        } else {
            ip.to_owned()
        };
        let mut url = Url::parse(&format!("{}://{host}:{}/", self.scheme, self.port))
            .map_err(|error| CollectError::new(format!("the address {ip:?}: {error}")))?;
        url.set_path(&self.path);
        url.set_query(self.raw_query.as_deref());
        Ok(url)
    }

    async fn number(&self, context: &Context, pod: &Pod) -> Result<f64, CollectError> {
        if pod.ip.is_empty() {
            return Err(CollectError::new("does not have a pod IP"));
        }
        let mut request = Request::get(self.url(&pod.ip)?, self.request_timeout);
        request.connect_timeout = self.connect_timeout;
        let answer = context.fetcher.fetch_directly(&request).await?;
        let name = answer.request.clone();
        self.extract
            .number(&answer.success()?)
            .map_err(|error| CollectError::new(format!("{name}: {error}")))
    }
}

impl Collector for Pods {
    fn question(&self) -> String {
        self.question.clone()
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.run().boxed()
    }
}

impl Pods {
    async fn run(&self) -> Result<Collected, CollectError> {
        let pods = self.pods().await?;
        let now = self.context.clock.now();
        let mut out = Standing::default();
        let mut asked = Vec::new();
        for pod in pods.iter() {
            if out.may_ask(pod, now, self.min_ready_age) {
                asked.push(self.sample(pod).boxed());
            }
        }
        let all = asked.len();
        if asked.is_empty() {
            return Ok(Collected {
                samples: Vec::new(),
                missing: Some(format!("no pod was asked: {out}")),
            });
        }
        // Many pods that do not answer must not keep the next run waiting.
        let limit = self.interval.max(self.getter.request_timeout);
        let mut answers: Vec<_> = stream::iter(asked)
            .buffer_unordered(AT_ONCE)
            .take_until(Box::pin(capstan_runtime::sleep(limit)))
            .collect()
            .await;
        let late = all - answers.len();
        answers.sort_by(|(one, _), (two, _)| one.name.cmp(&two.name));
        let (mut samples, mut failures) = (Vec::new(), Vec::new());
        for (pod, answer) in answers {
            match answer {
                Ok(sample) => samples.push(sample),
                Err(error) => failures.push(format!("{}: {}", pod.name, error.message)),
            }
        }
        let failed = failures.len() + late;
        if failed == 0 {
            return Ok(Collected {
                samples,
                missing: None,
            });
        }
        let more = failures.len().saturating_sub(MOST_TOLD);
        failures.truncate(MOST_TOLD);
        if more > 0 {
            failures.push(format!("and {more} more"));
        }
        if late > 0 {
            failures.push(format!("{late} had no turn within {}s", limit.as_secs_f64()));
        }

        let told = format!("{failed} of {all} pods did not answer: {}", failures.join("; "));
        if samples.is_empty() {
            return Err(CollectError::new(told));
        }
        Ok(Collected {
            samples,
            missing: Some(told),
        })
    }

    /// The pods of the target; listed once for all who ask for the same ones.
    async fn pods(&self) -> Result<Arc<Vec<Pod>>, CollectError> {
        let selector = self.target.pod_selector().await?;
        let (context, namespace) = (Arc::clone(&self.context), self.namespace.clone());
        let question = Question {
            server: format!("pods in {namespace}"),
            text: selector.to_string(),
            interval: self.interval.min(LIST_INTERVAL),
        };
        let request = async move { list::pods(&context, &namespace, &selector).await };
        self.context.share.ask(question, request).await
    }

    async fn sample<'p>(&self, pod: &'p Pod) -> (&'p Pod, Result<(Series, Sample), CollectError>) {
        let number = self.getter.number(&self.context, pod).await;
        let sample = number.and_then(|number| {
            let value =
                quantity(number).ok_or_else(|| CollectError::new(format!("its value is {number}")))?;
            let series = Series::Object {
                metric: self.metric.clone(),
                resource: GroupResource::new("", "pods"),
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                namespace: self.namespace.clone(),
                name: pod.name.clone(),
                labels: self.labels.clone(),
            };
            let at = self.context.clock.now();
            let sample = Sample {
                value,
                at,
                window: None,
            };
            Ok((series, sample))
        });
        (pod, sample)
    }
}

//! The collector `json-path` of External metrics: a number from the JSON of any server that the allow list has
//! (kube-metrics-adapter, http_collector.go).

use std::sync::Arc;
use std::time::Duration;

use capstan_metrics::{Sample, Series};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::allow::{Allowed, shown};
use crate::choose::Order;
use crate::collector::{CollectError, Collected, Collector, ConfigError};
use crate::context::Context;
use crate::fetch::Request;
use crate::json::Extract;
use crate::prometheus::labels;
use crate::share::Question;
use crate::value::quantity;

const ENDPOINT: &str = "endpoint";

#[derive(Debug)]
struct Http {
    context: Arc<Context>,
    endpoint: Allowed,
    extract: Arc<Extract>,
    interval: Duration,
    series: Series,
}

/// For External metrics.
pub(crate) fn collector(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    let wanted = order.wanted;
    let extract = Extract::of(order.keys)?.with_zero_for_empty(order.context.options.compatible);
    let endpoint = order
        .keys
        .get(ENDPOINT)
        .ok_or_else(|| ConfigError(format!("config value {ENDPOINT} not found")))?;
    let endpoint = order.context.allow.check(endpoint, ENDPOINT)?;
    if wanted
        .selector()
        .is_none_or(|selector| selector.match_labels.is_empty())
    {
        return Err(ConfigError(format!(
            "no label selector specified for metric: {}",
            wanted.name()
        )));
    }
    Ok(Box::new(Http {
        context: Arc::clone(order.context),
        endpoint,
        extract: Arc::new(extract),
        interval: order.interval,
        series: Series::External {
            metric: wanted.name().to_owned(),
            namespace: wanted.namespace.clone(),
            labels: labels(wanted),
        },
    }))
}

impl Collector for Http {
    fn question(&self) -> String {
        format!("{} {}", shown(&self.endpoint.url), self.extract.text())
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.run().boxed()
    }
}

impl Http {
    async fn run(&self) -> Result<Collected, CollectError> {
        let question = Question {
            server: self.endpoint.url.to_string(),
            text: format!("{:?}", self.extract),
            interval: self.interval,
        };
        let (context, extract) = (Arc::clone(&self.context), Arc::clone(&self.extract));
        let request = Request::get_allowed(&self.endpoint, self.context.options.timeout);
        let sample = self
            .context
            .share
            .ask(question, async move { ask(&context, &request, &extract).await })
            .await?;
        Ok(Collected {
            samples: vec![(self.series.clone(), sample.as_ref().clone())],
            missing: None,
        })
    }
}

async fn ask(context: &Context, request: &Request, extract: &Extract) -> Result<Sample, CollectError> {
    let answer = context.fetcher.fetch(request).await?;
    let name = answer.request.clone();
    let fail = |why: String| CollectError::new(format!("{name}: {why}"));
    let number = extract
        .number(&answer.success()?)
        .map_err(|error| fail(error.to_string()))?;
    Ok(Sample {
        value: quantity(number).ok_or_else(|| fail(format!("its value is {number}")))?,
        at: context.clock.now(),
        window: None,
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use serde_json::{Value, json};

    use crate::choose::build;
    use crate::collector::Wanted;
    use crate::options::Options;
    use crate::testing::{context, external, serve};

    fn metric(endpoint: &str, aggregator: &str) -> Wanted {
        external(
            "test-metric",
            json!({"matchLabels": {"type": "json-path"}}),
            &[
                ("external.test-metric.json-path/json-key", "$.values"),
                ("external.test-metric.json-path/endpoint", endpoint),
                ("external.test-metric.json-path/aggregator", aggregator),
            ],
        )
    }

    fn allowing(url: &str) -> Options {
        Options {
            allowed_urls: vec![url.to_owned()],
            ..Options::default()
        }
    }

    async fn collect(values: Value, aggregator: &str) -> Result<String, String> {
        let url = serve(Router::new().route("/m", get(|| async move { axum::Json(values) }))).await;
        let built = build(&metric(&format!("{url}/m"), aggregator), &context(allowing(&url)))
            .map_err(|error| error.0)?;
        let collected = built.collector.collect().await.map_err(|error| error.message)?;
        Ok(collected.samples[0].1.value.to_string())
    }

    /// `TestHTTPCollector`.
    #[tokio::test]
    async fn numbers_come_from_the_endpoint() {
        assert_eq!(collect(json!({"values": [3]}), "sum").await, Ok("3".to_owned()));
        assert_eq!(
            collect(json!({"values": [3, 5, 6]}), "sum").await,
            Ok("14".to_owned())
        );
        assert_eq!(
            collect(json!({"values": [1, 2]}), "avg").await,
            Ok("1500m".to_owned())
        );
        let error = collect(json!({"values": []}), "avg").await.unwrap_err();
        assert!(error.contains("/m: the array is empty"), "{error}");
        let error = collect(json!({"values": [1]}), "most").await.unwrap_err();
        assert!(error.contains("aggregator function: most is unknown"), "{error}");
    }

    #[tokio::test]
    async fn endpoints_have_to_be_allowed() {
        let error = build(&metric("http://10.0.0.1/m", "sum"), &context(Options::default())).unwrap_err();
        assert!(error.0.contains("--allow-url http://10.0.0.1"), "{error}");
        let any = context(allowing("*"));
        let error = build(&metric("http://169.254.169.254/m", "sum"), &any).unwrap_err();
        assert!(error.0.contains("link-local"), "{error}");
        // By a name, it is noticed when the name is resolved.
        let url = serve(Router::new()).await.replace("127.0.0.1", "localhost");
        let error = build(&metric(&url, "sum"), &any)
            .unwrap()
            .collector
            .collect()
            .await
            .unwrap_err();
        assert!(error.message.contains("loopback"), "{error}");
    }

    #[tokio::test]
    async fn what_is_missing_is_said() {
        let all = [
            ("external.m.http/json-key", "$.a"),
            ("external.m.http/json-eval", "$.a + 1"),
            ("external.m.http/endpoint", "http://a"),
        ];
        let typed = json!({"matchLabels": {"type": "json-path"}});
        for (name, selector, annotated, expected) in [
            (
                "m",
                &typed,
                &all[..],
                "config value json-key and json-eval cannot be used together",
            ),
            (
                "m",
                &typed,
                &all[2..],
                "config value json-key or json-eval not found",
            ),
            ("m", &typed, &all[..1], "config value endpoint not found"),
        ] {
            let error = build(
                &external(name, selector.clone(), annotated),
                &context(allowing("*")),
            )
            .unwrap_err();
            assert_eq!(error.0, expected);
        }
        let legacy = [
            ("external.http.json/json-key", "$.a"),
            ("external.http.json/endpoint", "http://a"),
        ];
        let error = build(&external("http", Value::Null, &legacy), &context(allowing("*"))).unwrap_err();
        assert_eq!(error.0, "no label selector specified for metric: http");
        let labelled = json!({"matchLabels": {"a": "b"}});
        let built = build(&external("http", labelled, &legacy), &context(allowing("*"))).unwrap();
        assert_eq!(built.collector.question(), "http://a/ $.a");
        let deprecated = built.deprecated.as_deref().unwrap_or_default();
        assert!(deprecated.contains("deprecated metric type identifier 'http'"));
        assert_eq!(built.remarks, Vec::<String>::new());
    }

    #[tokio::test]
    async fn too_much_json_and_redirects_are_errors() {
        let big = format!("{{\"values\":[{}1]}}", "1,".repeat(5 << 20));
        let away = axum::response::Redirect::permanent("http://169.254.169.254/latest");
        let router = Router::new()
            .route("/big", get(|| async { big }))
            .route("/away", get(|| async { away }))
            .route("/stream", get(endless));
        let url = serve(router).await;
        let context = context(allowing(&url));
        for (path, expected) in [
            ("/big", "the answer has more than 4194304 bytes"),
            ("/stream", "the answer has more than 4194304 bytes"),
            (
                "/away",
                "to http://169.254.169.254/latest, and redirects are not followed",
            ),
            ("/nothing", "unsuccessful response: 404 Not Found"),
        ] {
            let built = build(&metric(&format!("{url}{path}"), "sum"), &context).unwrap();
            let error = built.collector.collect().await.unwrap_err().message;
            assert!(error.contains(expected), "{path}: {error}");
        }
    }

    /// An answer that does not say how long it is, and does not end.
    async fn endless() -> axum::body::Body {
        let chunk = axum::body::Bytes::from(vec![b' '; 64 << 10]);
        axum::body::Body::from_stream(futures::stream::repeat_with(move || {
            Ok::<_, std::convert::Infallible>(chunk.clone())
        }))
    }
}

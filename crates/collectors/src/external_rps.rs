//! The collector `requests-per-second`: requests to host names, by their skipper metrics in Prometheus
//! (kube-metrics-adapter, `external_rps_collector.go`).

use capstan_gocompat::strconv::parse_float;

use crate::choose::Order;
use crate::collector::{Collector, ConfigError};
use crate::prometheus;

/// For External metrics.
pub(crate) fn external(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    let metric = &order.context.options.external_rps_metric_name;
    if metric.is_empty() {
        return Err(ConfigError::new(
            "failed to initialize hostname collector plugin, metric name was not defined; set --external-rps-metric-name",
        ));
    }
    prometheus::external_of(order, &query(order, metric)?)
}

fn query(order: &Order<'_>, metric: &str) -> Result<String, ConfigError> {
    let hostnames = order
        .keys
        .get("hostnames")
        .ok_or_else(|| ConfigError::new("hostname is not specified, unable to create collector"))?;
    for host in hostnames.split(',') {
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if host.is_empty() || !host.chars().all(valid) {
            return Err(ConfigError(format!(
                "invalid hostname format, unable to create collector: {host:?}; hostnames is a list with commas and \
                 without spaces"
            )));
        }
    }
    let weight = match order.keys.get("weight") {
        None => 1.0,
        Some(text) => {
            let percent = parse_float(text).ok().filter(|percent| percent.is_finite());
            percent.ok_or_else(|| {
                ConfigError(format!(
                    "could not parse weight annotation, unable to create collector: {text}"
                ))
            })? / 100.0
        }
    };
    let hosts = hostnames.replace(',', "|").replace('.', "_");
    Ok(format!(
        "scalar(sum(rate({metric}{{host=~\"{hosts}\"}}[1m])) * {weight:.4})"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::choose::build;
    use crate::options::Options;
    use crate::testing::{context, external, prometheus};

    fn options(metric: &str) -> Options {
        Options {
            external_rps: true,
            external_rps_metric_name: metric.to_owned(),
            ..prometheus("http://prometheus")
        }
    }

    fn query(metric: &str, keys: &[(&str, &str)]) -> Result<String, String> {
        let keys: Vec<(String, &str)> = keys
            .iter()
            .map(|(key, value)| (format!("external.foo.requests-per-second/{key}"), *value))
            .collect();
        let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        let selector = json!({"matchLabels": {"type": "requests-per-second"}});
        let built = build(&external("foo", selector, &keys), &context(options(metric)));
        built
            .map(|built| {
                let question = built.collector.question();
                question.strip_prefix("http://prometheus/ ").unwrap().to_owned()
            })
            .map_err(|error| error.0)
    }

    /// `TestExternalRPSCollector…`.
    #[tokio::test]
    async fn queries_are_kube_metrics_adapters() {
        let of = |keys: &[(&str, &str)]| query("a_valid_one", keys);
        let made = |hosts: &str, weight: &str| {
            Ok(format!(
                "scalar(sum(rate(a_valid_one{{host=~\"{hosts}\"}}[1m])) * {weight})"
            ))
        };
        let hosts = ("hostnames", "foo.bar.baz");
        assert_eq!(of(&[hosts]), made("foo_bar_baz", "1.0000"));
        assert_eq!(of(&[hosts, ("weight", "42")]), made("foo_bar_baz", "0.4200"));
        assert_eq!(
            of(&[("hostnames", "foo.bar.baz,foz.bax.bas"), ("query", "own")]),
            made("foo_bar_baz|foz_bax_bas", "1.0000")
        );
        assert_eq!(
            of(&[]).unwrap_err(),
            "hostname is not specified, unable to create collector"
        );
        for bad in ["", "a,", "a, b", "a_b", "*.a", "a\"b"] {
            let error = of(&[("hostnames", bad)]).unwrap_err();
            assert!(error.starts_with("invalid hostname format"), "{bad}: {error}");
        }
        for bad in ["", "much", "NaN", "inf"] {
            let error = of(&[hosts, ("weight", bad)]).unwrap_err();
            assert!(error.starts_with("could not parse weight"), "{bad}: {error}");
        }
        let error = query("", &[hosts]).unwrap_err();
        assert!(error.contains("metric name was not defined"), "{error}");
    }

    #[tokio::test]
    async fn it_needs_its_flag() {
        let selector = json!({"matchLabels": {"type": "requests-per-second"}});
        let error = build(
            &external("foo", selector, &[]),
            &context(prometheus("http://prometheus")),
        )
        .unwrap_err();
        assert!(error.0.contains("--external-rps-metrics"), "{error}");
    }
}

//! `capstan convert`: from a HorizontalPodAutoscaler to an Autoscaler.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use capstan_autoscaler::Kind;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::wiring::cluster::Reach;

/// Prints the Autoscaler that does what a HorizontalPodAutoscaler does, and how to hand over safely.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// hpa/NAME
    #[arg(value_parser = hpa_name)]
    hpa: String,
    /// Its namespace
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// From look to look, such as 1s; at least 100ms
    #[arg(long, value_name = "DURATION")]
    sync_period: Option<String>,
    /// At least so many replicas while metrics are missing
    #[arg(long, value_name = "COUNT")]
    fallback_replicas: Option<u16>,
    #[command(flatten)]
    reach: Reach,
}

/// Reads the HPA and prints.
pub(crate) async fn run(args: ConvertArgs) -> Result<ExitCode> {
    let (namespace, name) = (&args.namespace, &args.hpa);
    let cluster = args.reach.connect().await?;
    let path = format!("/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/{name}");
    let hpa = cluster.read(&path).await?;
    let mut autoscaler = convert(&hpa).context("the answer is no HorizontalPodAutoscaler")?;
    if let Some(period) = args.sync_period {
        autoscaler["spec"]["syncPeriod"] = period.into();
    }
    if let Some(replicas) = args.fallback_replicas {
        autoscaler["spec"]["fallbackReplicas"] = replicas.into();
    }
    let mut out = std::io::stdout().lock();
    write!(
        out,
        "{}{}",
        steps(namespace, name),
        serde_saphyr::to_string(&autoscaler)?
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The Autoscaler with the same spec; labels stay, what the cluster wrote does not.
fn convert(hpa: &Value) -> Option<Value> {
    let mut metadata = Map::new();
    for field in ["name", "namespace", "labels"] {
        if let Some(value) = hpa["metadata"].get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let spec = hpa["spec"].as_object()?.clone();
    let mut autoscaler = json!({
        "apiVersion": Kind::Autoscaler.api_version(),
        "kind": Kind::Autoscaler.name(),
        "metadata": metadata,
        "spec": spec,
    });
    autoscaler["spec"]["mode"] = "Own".into();
    Some(autoscaler)
}

fn steps(namespace: &str, name: &str) -> String {
    format!(
        "# Handing over from HorizontalPodAutoscaler {namespace}/{name}. At no time do two controllers scale the same object.
#
# 1. Once per cluster: capstan manifests autoscaler | kubectl apply -f -, and run `capstan autoscaler`.
# 2. Apply this. While the HorizontalPodAutoscaler is there, it is computed and recorded and nothing is written:
#      kubectl wait -n {namespace} autoscaler/{name} --for=jsonpath='{{.status.conditions[0].reason}}'=TargetedByHPA
# 3. Compare for as long as it takes to trust it; it remembers what it recommended:
#      capstan explain autoscaler/{name} -n {namespace} --last 10
# 4. Delete the HorizontalPodAutoscaler; the number of replicas stays. From its next look on the Autoscaler acts:
#      kubectl delete hpa -n {namespace} {name}
#      kubectl wait -n {namespace} autoscaler/{name} --for=condition=Acting
#    Back again: create the HorizontalPodAutoscaler anew; the Autoscaler stops acting by itself.
"
    )
}

fn hpa_name(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some(("hpa" | "horizontalpodautoscaler" | "horizontalpodautoscalers", name)) if !name.is_empty() => {
            Ok(name.to_owned())
        }
        _ => Err("expected hpa/NAME".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_autoscaler_has_the_same_spec_and_nothing_that_the_cluster_wrote() {
        let spec = json!({"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "w"}});
        let hpa = json!({"metadata": {"name": "w", "namespace": "n", "uid": "u", "labels": {"a": "b"},
            "resourceVersion": "7"}, "spec": spec, "status": {"currentReplicas": 1}});
        let converted = convert(&hpa).unwrap();
        assert_eq!(
            converted,
            json!({"apiVersion": "capstan.dev/v1alpha1", "kind": "Autoscaler",
                "metadata": {"name": "w", "namespace": "n", "labels": {"a": "b"}},
                "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "w"}, "mode": "Own"}})
        );
        let text = format!(
            "{}{}",
            steps("n", "w"),
            serde_saphyr::to_string(&converted).unwrap()
        );
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, converted);
        assert!(convert(&json!({"kind": "Status"})).is_none());
        assert_eq!(hpa_name("hpa/web"), Ok("web".to_owned()));
        assert!(hpa_name("web").is_err() && hpa_name("hpa/").is_err());
    }
}

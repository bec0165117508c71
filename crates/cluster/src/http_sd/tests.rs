use super::*;

fn pod(annotations: &Value) -> Value {
    json!({
        "metadata": {"name": "web-1", "namespace": "dev", "labels": {"app": "web", "a.b/c": "d"},
            "annotations": annotations},
        "spec": {"containers": [{"name": "main", "ports": [{"name": "http", "containerPort": 8000}]}]},
        "status": {"phase": "Running", "podIP": "127.20.0.1"},
    })
}

fn labels(target: &Target) -> Vec<String> {
    let pairs = target.labels.iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect()
}

#[test]
fn pods_ask_by_annotation() {
    assert_eq!(annotated(&pod(&json!({}))), None);
    let target = annotated(&pod(&json!({"prometheus.io/scrape": "true"}))).unwrap();
    assert_eq!(target.address, "127.20.0.1:8000");
    assert_eq!(
        labels(&target),
        ["a_b_c=d", "app=web", "namespace=dev", "pod=web-1"]
    );
    let asked =
        json!({"prometheus.io/scrape": "true", "prometheus.io/port": "9", "prometheus.io/path": "/m"});
    let target = annotated(&pod(&asked)).unwrap();
    assert_eq!(target.address, "127.20.0.1:9");
    assert_eq!(target.labels["__metrics_path__"], "/m");
}

#[test]
fn a_service_monitor_finds_the_pods_behind_its_services() {
    let pod = pod(&json!({}));
    let service = json!({
        "metadata": {"name": "web", "namespace": "dev", "labels": {"app": "web", "team": "red"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "metrics", "port": 80, "targetPort": "http"}]},
    });
    let monitor = json!({
        "metadata": {"name": "all", "namespace": "monitoring"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "jobLabel": "app", "targetLabels": ["team"],
            "namespaceSelector": {"matchNames": ["dev"]},
            "endpoints": [{"port": "metrics", "interval": "30s", "params": {"x": ["y"]}}]},
    });
    let targets = monitors::of_service_monitor(&monitor, [&service].into_iter(), &[&pod]);
    assert_eq!(targets.len(), 1);
    assert_eq!(targets[0].address, "127.20.0.1:8000");
    let expected = [
        "__param_x=y",
        "__scrape_interval__=30s",
        "container=main",
        "endpoint=metrics",
        "job=web",
        "namespace=dev",
        "pod=web-1",
        "service=web",
        "team=red",
    ];
    assert_eq!(labels(&targets[0]), expected);
    // A monitor sees its own namespace, unless it says otherwise.
    let mut here = monitor.clone();
    here["spec"]["namespaceSelector"] = Value::Null;
    assert_eq!(
        monitors::of_service_monitor(&here, [&service].into_iter(), &[&pod]),
        []
    );
}

#[test]
fn a_pod_monitor_finds_pods() {
    let pod = pod(&json!({}));
    let monitor = json!({
        "metadata": {"name": "all", "namespace": "dev"},
        "spec": {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]},
            "podMetricsEndpoints": [{"port": "http", "path": "/metrics"}, {"portNumber": 9}, {"port": "nothing"}]},
    });
    let targets = monitors::of_pod_monitor(&monitor, &[&pod]);
    let addresses: Vec<&str> = targets.iter().map(|target| target.address.as_str()).collect();
    assert_eq!(addresses, ["127.20.0.1:8000", "127.20.0.1:9"]);
    assert_eq!(targets[0].labels["job"], "dev/all");
    assert_eq!(targets[0].labels["container"], "main");
}

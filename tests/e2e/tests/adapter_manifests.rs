//! The metrics adapter's manifests, applied to the embedded cluster: its pod serves the metrics APIs behind the service and
//! the aggregation layer, with the rights that the manifests give and no others, and nobody skips verification.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use capstan_adapter::manifests::Settings;
use capstan_adapter::serve::{Options, Server};
use capstan_base::SystemClock;
use capstan_cluster::{Cluster, Handle, ImageMap, Runner, TaskContext};
use capstan_kube::{Credentials, Options as Connection};
use capstan_kubeapi::{Format, Quantity, meta, resource};
use capstan_metrics::{GroupResource, Labels, Owner, Sample, Series, Store};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::ServiceExt;

const DEADLINE: Duration = Duration::from_mins(1);
const IMAGE: &str = "capstan:test";
const HPA: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

/// What the container does: serve the metrics APIs with its own account.
fn adapter(context: TaskContext, store: &Arc<Store>, settings: &Settings) -> JoinHandle<()> {
    let (store, settings) = (Arc::clone(store), settings.clone());
    capstan_runtime::spawn("adapter", async move {
        let of = |name: &str| context.env[name].clone();
        let account = std::path::PathBuf::from(of("KUBERNETES_SERVICEACCOUNT_DIR"));
        let url = format!(
            "https://{}:{}",
            of("KUBERNETES_SERVICE_HOST"),
            of("KUBERNETES_SERVICE_PORT")
        );
        let connection = Connection {
            credentials: Credentials::Servers {
                urls: vec![url],
                token: None,
                token_file: Some(account.join("token")),
                ca_path: Some(account.join("ca.crt")),
            },
            ..Connection::default()
        };
        let cluster = Arc::new(capstan_kube::Cluster::connect(&connection).await.unwrap());
        let options = Options {
            bind: Some(SocketAddr::new(context.ip, context.ports[0])),
            ..Options::from(&settings)
        };
        let shutdown = context.shutdown.clone();
        let server = Server::start(options, store, cluster, SystemClock::shared(), shutdown)
            .await
            .unwrap();
        context.shutdown.raised().await;
        server.stop();
    })
}

async fn get(cluster: &Handle, user: &str, path: &str) -> (u16, String) {
    let mut request = Request::builder()
        .uri(path)
        .header("authorization", format!("Bearer {}", cluster.admin_token()))
        .header("accept", "application/json, */*");
    if !user.is_empty() {
        request = request.header("impersonate-user", user);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = cluster.router().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (code, String::from_utf8(body.to_vec()).unwrap())
}

/// Waits until an answer is as wanted.
async fn until(cluster: &Handle, path: &str, wanted: impl Fn(u16, &str) -> bool) -> String {
    let mut last = (0, String::new());
    let waiting = async {
        loop {
            last = get(cluster, "", path).await;
            if wanted(last.0, &last.1) {
                return;
            }
            capstan_runtime::sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = tokio::time::timeout(DEADLINE, waiting).await.is_ok();
    assert!(ended, "{path}: {last:?}");
    last.1
}

fn publish(store: &Store, owner: u64, series: Series) {
    let sample = Sample {
        value: Quantity::from_milli(4700, Format::DecimalSI),
        at: SystemClock::shared().now(),
        window: None,
    };
    store.publish(
        Owner(owner),
        vec![(series, sample)],
        Duration::from_mins(15),
        None,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_adapters_pod_answers_through_the_aggregation_layer() {
    let settings = Settings {
        image: IMAGE.to_owned(),
        ..Settings::default()
    };
    let store = Arc::new(Store::new(SystemClock::shared()));
    let folder = tempfile::tempdir().unwrap();
    let mut options = capstan_cluster::Options::new(folder.path());
    options.bind = SocketAddr::from(([127, 0, 0, 1], 0));
    options.pod_cidr = "127.177.0.0/16".to_owned();
    options.service_accounts_administer = false;
    options.images = ImageMap::new().with(IMAGE, Runner::Task("adapter".to_owned()));
    let app = {
        let (store, settings) = (Arc::clone(&store), settings.clone());
        move |context: TaskContext| adapter(context, &store, &settings)
    };
    options.task_apps.insert("adapter".to_owned(), Arc::new(app));
    let cluster = Cluster::start(options).await.unwrap();
    for object in settings.objects() {
        let text = |field: &str| object[field].as_str().unwrap();
        let kind = resource::find_kind(text("apiVersion"), text("kind")).unwrap();
        let namespace = meta::namespace(&object).to_owned();
        let namespace = (!namespace.is_empty()).then_some(namespace.as_str());
        cluster
            .objects()
            .create(kind, namespace, object.clone())
            .unwrap_or_else(|error| panic!("{error}: {object}"));
    }
    for name in [
        "v1beta1.custom.metrics.k8s.io",
        "v1beta2.custom.metrics.k8s.io",
        "v1beta1.external.metrics.k8s.io",
    ] {
        let path = format!("/apis/apiregistration.k8s.io/v1/apiservices/{name}");
        let object = until(&cluster, &path, |_, text| text.contains("all checks passed")).await;
        let object: Value = serde_json::from_str(&object).unwrap();
        assert!(object["spec"]["caBundle"].is_string(), "{object}");
    }

    publish(
        &store,
        1,
        Series::External {
            metric: "queue".to_owned(),
            namespace: "default".to_owned(),
            labels: Labels::from_iter([("q".to_owned(), json!("jobs"))]),
        },
    );
    let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue?labelSelector=q+in+%28jobs%29";
    for user in ["", HPA] {
        let (code, text) = get(&cluster, user, path).await;
        assert_eq!(code, 200, "{user}: {text}");
        assert!(text.contains(r#""value":"4700m""#), "{text}");
    }
    let (code, text) = get(&cluster, "bob", path).await;
    assert_eq!(code, 403, "{text}");
    let unknown = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/nosuch";
    let (code, text) = get(&cluster, HPA, unknown).await;
    assert_eq!(code, 404);
    assert!(
        text.contains("no value of nosuch is known in namespace default"),
        "{text}"
    );

    // Pods are looked up with the adapter's own rights.
    let pods = cluster
        .objects()
        .list(capstan_kubeapi::builtin::PODS, Some("kube-system"));
    let pod = meta::name(&pods.items[0]).to_owned();
    publish(
        &store,
        2,
        Series::Object {
            metric: "qps".to_owned(),
            resource: GroupResource::new("", "pods"),
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: "kube-system".to_owned(),
            name: pod.clone(),
            labels: Labels::new(),
        },
    );
    let path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/kube-system/pods/%2A/qps?labelSelector=application%3Dkube-metrics-adapter";
    let (code, text) = get(&cluster, HPA, path).await;
    assert_eq!(code, 200, "{text}");
    assert!(text.contains(&pod), "{text}");

    // What is served is what the cluster says is served.
    let aggregated = until(&cluster, "/apis", |_, text| {
        text.contains("custom.metrics.k8s.io/v1beta2")
    })
    .await;
    let groups: Value = serde_json::from_str(&aggregated).unwrap();
    let custom = groups["groups"].as_array().unwrap().iter();
    let custom = custom
        .clone()
        .find(|group| group["name"] == "custom.metrics.k8s.io")
        .unwrap();
    assert_eq!(custom["preferredVersion"]["version"], "v1beta2");
    let list = get(&cluster, "", "/apis/external.metrics.k8s.io/v1beta1").await.1;
    assert!(list.contains(r#""name":"queue""#), "{list}");
    cluster.shutdown().await;
}

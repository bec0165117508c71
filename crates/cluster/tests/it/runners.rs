//! Pod runners: processes, tasks, unknown images.

use capstan_cluster::{DeleteOptions, ImageMap, Runner};
use capstan_kubeapi::builtin::{CONFIGMAPS, EVENTS, PODS, REPLICASETS, SECRETS, SERVICES};
use serde_json::{Value, json};

use crate::support::{Running, cluster, cluster_with, eventually, pod, ready_count, replica_set, until};

fn state<'a>(pods: &'a [std::sync::Arc<Value>], name: &str) -> &'a Value {
    let pod = pods.iter().find(|pod| pod["metadata"]["name"] == name);
    pod.map_or(&Value::Null, |pod| &pod["status"]["containerStatuses"][0])
}

async fn succeeded(cluster: &Running, name: &str) {
    until(cluster, PODS, "success", |pods| {
        let pod = pods.iter().find(|pod| pod["metadata"]["name"] == name).unwrap();
        assert_ne!(
            pod["status"]["phase"],
            "Failed",
            "{:?}",
            cluster.logs("default", name, "c", false)
        );
        pod["status"]["phase"] == "Succeeded"
    })
    .await;
}

#[tokio::test]
async fn a_process_gets_a_container_s_environment() {
    let cluster = cluster("127.51.0.0/16").await;
    let objects = cluster.objects();
    objects
        .create(
            CONFIGMAPS,
            Some("default"),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"},
                "data": {"COLOR": "green", "file.txt": "from a file"}}),
        )
        .unwrap();
    objects
        .create(
            SECRETS,
            Some("default"),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"},
                "type": "Opaque", "data": {"password": "c2VjcmV0"}}),
        )
        .unwrap();
    objects
        .create(
            SERVICES,
            Some("default"),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kapacitor"},
                "spec": {"selector": {"app": "kapacitor"}, "ports": [{"port": 9092}]}}),
        )
        .unwrap();
    let url = eventually("the service's port", || {
        cluster.service_url("default", "kapacitor", None)
    })
    .await;
    let mut object = pod(
        "env",
        "env; cat /config/file.txt; cat $(DIR)/file.txt; cat $KUBERNETES_SERVICEACCOUNT_DIR/namespace; test -d $DATA",
    );
    object["spec"]["restartPolicy"] = "Never".into();
    object["spec"]["volumes"] =
        json!([{"name": "config", "configMap": {"name": "settings"}}, {"name": "data", "emptyDir": {}}]);
    let container = &mut object["spec"]["containers"][0];
    container["command"] = json!([
        "sh",
        "-c",
        "env; cat $DIR/file.txt; echo; cat $KUBERNETES_SERVICEACCOUNT_DIR/namespace; test -d $DATA"
    ]);
    container["ports"] = json!([{"containerPort": 9093}]);
    container["volumeMounts"] =
        json!([{"name": "config", "mountPath": "/config"}, {"name": "data", "mountPath": "/data"}]);
    container["env"] = json!([
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "password"}}},
        {"name": "URL", "value": "http://kapacitor.default:9092/write?db=x"},
        {"name": "LATER", "value": "http://later:8086"},
        {"name": "TEXT", "value": "I am $(NAME)"},
        {"name": "DIR", "value": "/config"},
        {"name": "DATA", "value": "/data"},
    ]);
    container["envFrom"] = json!([{"configMapRef": {"name": "settings"}}]);
    objects.create(PODS, Some("default"), object).unwrap();
    succeeded(&cluster, "env").await;
    let lines = cluster.logs("default", "env", "c", false).unwrap();
    let has = |line: &str| assert!(lines.iter().any(|l| l == line), "{line} is not in {lines:#?}");
    has("NAME=env");
    has("HOSTNAME=env");
    has("IP=127.51.0.1");
    has("POD_IP=127.51.0.1");
    has("PORT=9093");
    has("PASSWORD=secret");
    has("COLOR=green");
    has("TEXT=I am env");
    has(&format!("URL={url}/write?db=x"));
    has("from a file");
    has("default");
    let later = lines.iter().find_map(|l| l.strip_prefix("LATER=")).unwrap();
    assert!(later.starts_with("http://127.0.0.1:"), "{later}");
    until(&cluster, EVENTS, "an event about the rewriting", |all| {
        all.iter().any(|e| {
            e["reason"] == "Rewritten" && e["message"].as_str().unwrap().contains("kapacitor.default:9092")
        })
    })
    .await;
    // The service that comes later is found at the address the program was given.
    objects
        .create(
            SERVICES,
            Some("default"),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "later"},
                "spec": {"selector": {"app": "later"}, "ports": [{"port": 8086}]}}),
        )
        .unwrap();
    let found = eventually("the later service", || {
        cluster.service_url("default", "later", None)
    })
    .await;
    assert_eq!(found, later);
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_crashing_process_is_restarted_with_back_off_and_keeps_its_last_log() {
    let cluster = cluster("127.52.0.0/16").await;
    cluster
        .objects()
        .create(
            PODS,
            Some("default"),
            pod("crash", "echo out; echo err >&2; exit 3"),
        )
        .unwrap();
    until(&cluster, PODS, "restarts", |pods| {
        state(pods, "crash")["restartCount"].as_i64().unwrap_or(0) >= 3
    })
    .await;
    until(&cluster, PODS, "the back-off", |pods| {
        state(pods, "crash")["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    })
    .await;
    let pods = cluster.objects().list(PODS, Some("default")).items;
    assert_eq!(state(&pods, "crash")["lastState"]["terminated"]["exitCode"], 3);
    let previous = cluster.logs("default", "crash", "c", true).unwrap();
    assert!(
        previous.contains(&"out".to_owned()) && previous.contains(&"err".to_owned()),
        "{previous:?}"
    );
    cluster.shutdown().await;
}

#[tokio::test]
async fn ending_is_asked_for_first_and_forced_later() {
    let cluster = cluster("127.53.0.0/16").await;
    let objects = cluster.objects();
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("ended");
    let polite = format!(
        "trap 'echo done > {}; exit 0' TERM; echo up; while :; do sleep 0.02; done",
        mark.display()
    );
    objects
        .create(PODS, Some("default"), pod("polite", &polite))
        .unwrap();
    let mut stubborn = pod("stubborn", "trap '' TERM; echo up; while :; do sleep 0.02; done");
    stubborn["spec"]["terminationGracePeriodSeconds"] = 1.into();
    objects.create(PODS, Some("default"), stubborn).unwrap();
    for name in ["polite", "stubborn"] {
        eventually("its first line", || {
            cluster
                .logs("default", name, "c", false)
                .filter(|lines| !lines.is_empty())
        })
        .await;
        objects
            .delete(PODS, Some("default"), name, &DeleteOptions::default())
            .unwrap();
    }
    until(&cluster, PODS, "the end of both", <[_]>::is_empty).await;
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "done\n");
    until(&cluster, EVENTS, "the event", |all| {
        all.iter().any(|e| e["reason"] == "Killing")
    })
    .await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn shutdown_leaves_no_process() {
    let cluster = cluster("127.54.0.0/16").await;
    // `$$` is how a manifest writes `$`.
    cluster
        .objects()
        .create(PODS, Some("default"), pod("long", "echo $$$$; sleep 1000"))
        .unwrap();
    let pid = eventually("its process id", || {
        cluster.logs("default", "long", "c", false)?.first().cloned()
    })
    .await;
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "{pid}");
    cluster.shutdown().await;
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn an_unknown_image_waits_and_says_what_to_do() {
    let cluster = cluster("127.55.0.0/16").await;
    cluster
        .objects()
        .create(
            REPLICASETS,
            Some("default"),
            replica_set("app", "example.com/what:1", 1),
        )
        .unwrap();
    until(&cluster, PODS, "the wait", |pods| {
        let Some(pod) = pods.first() else { return false };
        let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
        matches!(
            waiting["reason"].as_str(),
            Some("ErrImagePull" | "ImagePullBackOff")
        ) && waiting["message"].as_str().unwrap().contains("--image")
    })
    .await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn unknown_images_may_run_hollow() {
    let cluster = cluster_with("127.56.0.0/16", |options| {
        let mut images = ImageMap::new();
        images.set_fallback(Some(Runner::Hollow));
        options.images = images;
    })
    .await;
    cluster
        .objects()
        .create(
            REPLICASETS,
            Some("default"),
            replica_set("app", "example.com/what:1", 3),
        )
        .unwrap();
    until(&cluster, PODS, "three", |pods| ready_count(pods) == 3).await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn init_containers_run_first_and_tasks_log() {
    let cluster = cluster("127.57.0.0/16").await;
    let mut set = replica_set("app", "echo", 1);
    set["spec"]["template"]["spec"]["initContainers"] =
        json!([{"name": "first", "image": "sh", "command": ["sh", "-c", "echo prepared"]}]);
    cluster
        .objects()
        .create(REPLICASETS, Some("default"), set)
        .unwrap();
    until(&cluster, PODS, "a ready pod", |pods| ready_count(pods) == 1).await;
    let name = cluster.objects().list(PODS, Some("default")).items[0]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        cluster.logs("default", &name, "first", false).unwrap(),
        ["prepared"]
    );
    assert_eq!(
        cluster.logs("default", &name, "c", false).unwrap(),
        ["listening on 127.57.0.1:8000"]
    );
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_failing_liveness_probe_restarts_the_container() {
    let cluster = cluster("127.58.0.0/16").await;
    let mut object = pod("sick", "echo up; sleep 1000");
    object["spec"]["terminationGracePeriodSeconds"] = 1.into();
    object["spec"]["containers"][0]["livenessProbe"] =
        json!({"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1});
    cluster.objects().create(PODS, Some("default"), object).unwrap();
    until(&cluster, PODS, "a restart", |pods| {
        state(pods, "sick")["restartCount"].as_i64().unwrap_or(0) >= 1
    })
    .await;
    cluster.shutdown().await;
}

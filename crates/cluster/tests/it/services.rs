//! Services and endpoints over real listeners.

use std::collections::HashSet;

use capstan_cluster::Subresource;
use capstan_kubeapi::builtin::{ENDPOINTS, PODS, REPLICASETS, SERVICES};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::{Running, cluster, eventually, ready_count, replica_set, request, until};

fn service(kind: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"},
        "spec": {"type": kind, "selector": {"app": "app"}, "ports": [{"port": 80, "targetPort": 8000}]},
    })
}

fn scale(cluster: &Running, replicas: i64) {
    cluster
        .objects()
        .modify(REPLICASETS, Some("default"), "app", Subresource::Scale, |scale| {
            scale["spec"]["replicas"] = replicas.into();
        })
        .unwrap();
}

fn addresses(endpoints: &Value) -> usize {
    let subsets = endpoints["subsets"].as_array();
    subsets.map_or(0, |subsets| {
        subsets
            .iter()
            .filter_map(|s| s["addresses"].as_array())
            .map(Vec::len)
            .sum()
    })
}

async fn connect(cluster: &Running) -> TcpStream {
    let url = eventually("the service's port", || {
        cluster.service_url("default", "app", Some(80))
    })
    .await;
    TcpStream::connect(url.strip_prefix("http://").unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn one_connection_is_balanced_by_request_and_follows_scaling() {
    let cluster = cluster("127.41.0.0/16").await;
    let objects = cluster.objects();
    objects
        .create(SERVICES, Some("default"), service("NodePort"))
        .unwrap();
    let mut stream = connect(&cluster).await;
    let (status, text) = request(&mut stream).await;
    assert_eq!(status, 503);
    assert!(text.contains("no ready endpoints"), "{text}");
    objects
        .create(REPLICASETS, Some("default"), replica_set("app", "echo", 2))
        .unwrap();
    until(&cluster, PODS, "two ready pods", |pods| ready_count(pods) == 2).await;
    let reach = async |stream: &mut TcpStream, wanted: usize| {
        let deadline = tokio::time::timeout(crate::support::DEADLINE, async {
            loop {
                let mut seen = HashSet::new();
                for _ in 0..wanted * 2 {
                    let (status, name) = request(stream).await;
                    if status == 200 {
                        seen.insert(name);
                    }
                }
                if seen.len() == wanted {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        });
        deadline.await.expect("the pods answer")
    };
    reach(&mut stream, 2).await;
    scale(&cluster, 4);
    let four = reach(&mut stream, 4).await;
    scale(&cluster, 1);
    // No request is lost while pods end.
    loop {
        let (status, name) = request(&mut stream).await;
        assert_eq!(status, 200);
        assert!(four.contains(&name));
        if objects.list(PODS, Some("default")).items.len() == 1 {
            break;
        }
        tokio::task::yield_now().await;
    }
    reach(&mut stream, 1).await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_client_that_connects_early_is_still_balanced_by_request() {
    let cluster = cluster("127.45.0.0/16").await;
    let objects = cluster.objects();
    objects
        .create(SERVICES, Some("default"), service("ClusterIP"))
        .unwrap();
    objects
        .create(REPLICASETS, Some("default"), replica_set("app", "echo", 2))
        .unwrap();
    until(&cluster, ENDPOINTS, "two addresses", |all| {
        all.iter().any(|e| addresses(e) == 2)
    })
    .await;
    // The proxy hears of the pods a moment after the endpoints say so.
    let mut late = connect(&cluster).await;
    eventually_two(&mut late).await;
    let mut early = connect(&cluster).await;
    // Longer than the proxy waits before it asks a pod whether it speaks first.
    capstan_runtime::sleep(std::time::Duration::from_millis(400)).await;
    eventually_two(&mut early).await;
    cluster.shutdown().await;
}

async fn eventually_two(stream: &mut TcpStream) {
    let mut seen = HashSet::new();
    let both = tokio::time::timeout(crate::support::DEADLINE, async {
        while seen.len() < 2 {
            let (status, name) = request(stream).await;
            if status == 200 {
                seen.insert(name);
            }
        }
    });
    both.await.expect("both pods answer on one connection");
}

#[tokio::test]
async fn endpoints_follow_readiness() {
    let cluster = cluster("127.42.0.0/16").await;
    let objects = cluster.objects();
    objects
        .create(SERVICES, Some("default"), service("ClusterIP"))
        .unwrap();
    until(&cluster, ENDPOINTS, "empty endpoints", |all| {
        all.iter()
            .any(|e| e["metadata"]["name"] == "app" && addresses(e) == 0)
    })
    .await;
    let mut set = replica_set("app", "echo", 2);
    // Nothing listens on this port: never ready.
    set["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"tcpSocket": {"port": 9}, "periodSeconds": 1});
    objects.create(REPLICASETS, Some("default"), set).unwrap();
    until(&cluster, ENDPOINTS, "unready addresses", |all| {
        all.iter().any(|e| {
            e["subsets"][0]["notReadyAddresses"]
                .as_array()
                .is_some_and(|a| a.len() == 2)
                && addresses(e) == 0
        })
    })
    .await;
    objects
        .create(REPLICASETS, Some("default"), {
            let mut set = replica_set("second", "echo", 3);
            set["spec"]["template"]["metadata"]["labels"] = json!({"app": "app", "set": "second"});
            set["spec"]["selector"]["matchLabels"] = json!({"set": "second"});
            set
        })
        .unwrap();
    until(&cluster, ENDPOINTS, "three ready", |all| {
        all.iter().any(|e| addresses(e) == 3)
    })
    .await;
    objects
        .delete(
            SERVICES,
            Some("default"),
            "app",
            &capstan_cluster::DeleteOptions::default(),
        )
        .unwrap();
    until(&cluster, ENDPOINTS, "no endpoints", |all| {
        all.iter().all(|e| e["metadata"]["name"] != "app")
    })
    .await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_taken_node_port_is_replaced_by_a_free_one() {
    let cluster = cluster("127.43.0.0/16").await;
    let taken = (30_000..32_000)
        .find_map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).ok())
        .unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut service = service("NodePort");
    service["spec"]["ports"][0]["nodePort"] = port.into();
    cluster
        .objects()
        .create(SERVICES, Some("default"), service)
        .unwrap();
    let url = eventually("the service's port", || {
        cluster.service_url("default", "app", None)
    })
    .await;
    until(&cluster, SERVICES, "the port written back", |all| {
        let service = all.iter().find(|s| s["metadata"]["name"] == "app").unwrap();
        let number = service["spec"]["ports"][0]["nodePort"].as_u64().unwrap();
        number != u64::from(port) && url.ends_with(&format!(":{number}"))
    })
    .await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn other_protocols_are_balanced_by_connection_and_closed_when_their_pod_goes() {
    let cluster = cluster("127.44.0.0/16").await;
    let objects = cluster.objects();
    objects
        .create(SERVICES, Some("default"), service("ClusterIP"))
        .unwrap();
    objects
        .create(REPLICASETS, Some("default"), replica_set("app", "greet", 2))
        .unwrap();
    until(&cluster, ENDPOINTS, "two addresses", |all| {
        all.iter().any(|e| addresses(e) == 2)
    })
    .await;
    let mut seen = HashSet::new();
    let mut open = Vec::new();
    let deadline = tokio::time::timeout(crate::support::DEADLINE, async {
        while seen.len() < 2 {
            let mut stream = BufReader::new(connect(&cluster).await);
            let mut name = String::new();
            stream.read_line(&mut name).await.unwrap();
            stream.write_all(b"ping\n").await.unwrap();
            let mut answer = String::new();
            stream.read_line(&mut answer).await.unwrap();
            // The proxy may not have heard of the pods yet; then it closes at once.
            if !name.is_empty() {
                assert_eq!(answer, "ping\n");
                seen.insert(name);
                open.push(stream);
            }
        }
    });
    deadline.await.expect("both pods are reached");
    objects
        .delete(
            REPLICASETS,
            Some("default"),
            "app",
            &capstan_cluster::DeleteOptions::default(),
        )
        .unwrap();
    until(&cluster, PODS, "no pods", <[_]>::is_empty).await;
    for mut stream in open {
        let mut rest = String::new();
        let closed = tokio::time::timeout(crate::support::DEADLINE, stream.read_to_string(&mut rest)).await;
        assert!(closed.is_ok(), "the connection outlives its pod");
    }
    cluster.shutdown().await;
}

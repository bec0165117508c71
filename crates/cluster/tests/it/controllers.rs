//! Controllers over hollow pods.

use capstan_cluster::{DeleteOptions, Propagation, Subresource};
use capstan_kubeapi::builtin::{
    DEPLOYMENTS, NAMESPACES, PODS, REPLICASETS, REPLICATIONCONTROLLERS, SERVICEACCOUNTS, STATEFULSETS,
};
use serde_json::{Value, json};

use crate::support::{cluster, eventually, ready_count, replica_set, template, until};

fn scale_to(
    handle: &capstan_cluster::Handle,
    resource: capstan_kubeapi::Resource,
    name: &str,
    replicas: i64,
) {
    handle
        .objects()
        .modify(resource, Some("default"), name, Subresource::Scale, |scale| {
            scale["spec"]["replicas"] = replicas.into();
        })
        .unwrap();
}

#[tokio::test]
async fn a_replica_set_has_as_many_pods_as_it_wants() {
    let cluster = cluster("127.31.0.0/16").await;
    let objects = cluster.objects();
    objects
        .create(REPLICASETS, Some("default"), replica_set("app", "hollow", 1))
        .unwrap();
    for wanted in [1_usize, 5, 2, 0, 3] {
        scale_to(&cluster, REPLICASETS, "app", wanted as i64);
        until(&cluster, PODS, "pods", |pods| {
            pods.len() == wanted && ready_count(pods) == wanted
        })
        .await;
        until(&cluster, REPLICASETS, "status", |sets| {
            let status = &sets[0]["status"];
            let count = |field: &str| status[field].as_u64().unwrap_or(0) as usize;
            count("replicas") == wanted
                && count("readyReplicas") == wanted
                && count("availableReplicas") == wanted
        })
        .await;
    }
    cluster.shutdown().await;
}

#[tokio::test]
async fn orphans_are_adopted_and_strangers_released() {
    let cluster = cluster("127.32.0.0/16").await;
    let objects = cluster.objects();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "orphan", "labels": {"app": "app"}},
                     "spec": template("hollow", "app")["spec"]});
    objects.create(PODS, Some("default"), pod).unwrap();
    objects
        .create(REPLICASETS, Some("default"), replica_set("app", "hollow", 2))
        .unwrap();
    until(&cluster, PODS, "adoption", |pods| {
        pods.len() == 2
            && pods
                .iter()
                .all(|pod| pod.pointer("/metadata/ownerReferences/0/name") == Some(&json!("app")))
    })
    .await;
    objects
        .modify(PODS, Some("default"), "orphan", Subresource::None, |pod| {
            pod["metadata"]["labels"]["app"] = "other".into();
        })
        .unwrap();
    until(&cluster, PODS, "release and replacement", |pods| {
        pods.len() == 3
            && pods.iter().any(|pod| {
                pod["metadata"]["name"] == "orphan" && pod["metadata"].get("ownerReferences").is_none()
            })
    })
    .await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_replication_controller_is_a_replica_set_of_old() {
    let cluster = cluster("127.33.0.0/16").await;
    let object = json!({
        "apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "old"},
        "spec": {"replicas": 2, "selector": {"app": "old"}, "template": template("hollow", "old")},
    });
    cluster
        .objects()
        .create(REPLICATIONCONTROLLERS, Some("default"), object)
        .unwrap();
    until(&cluster, PODS, "two pods", |pods| ready_count(pods) == 2).await;
    cluster.shutdown().await;
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "template": template(image, "web")},
    })
}

fn rolled_out(deployment: &Value) -> bool {
    let status = &deployment["status"];
    let wanted = deployment["spec"]["replicas"].as_i64();
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && status["updatedReplicas"].as_i64() == wanted
        && status["replicas"].as_i64() == wanted
        && status["availableReplicas"].as_i64() == wanted
}

#[tokio::test]
async fn a_deployment_rolls_from_one_template_to_the_next() {
    let cluster = cluster("127.34.0.0/16").await;
    let objects = cluster.objects();
    objects
        .create(DEPLOYMENTS, Some("default"), deployment("hollow"))
        .unwrap();
    until(&cluster, DEPLOYMENTS, "the first rollout", |all| {
        rolled_out(&all[0])
    })
    .await;
    objects
        .modify(
            DEPLOYMENTS,
            Some("default"),
            "web",
            Subresource::None,
            |deployment| {
                deployment["spec"]["template"]["spec"]["containers"][0]["image"] =
                    "docker.io/library/hollow:2".into();
            },
        )
        .unwrap();
    let mut fewest = usize::MAX;
    until(&cluster, PODS, "the new pods", |pods| {
        fewest = fewest.min(ready_count(pods));
        let new = |pod: &Value| pod["spec"]["containers"][0]["image"] == "docker.io/library/hollow:2";
        pods.iter().filter(|pod| new(pod)).count() == 4 && pods.len() == 4
    })
    .await;
    assert!(fewest >= 3, "one of four may be missing, {fewest} were ready");
    until(&cluster, DEPLOYMENTS, "the second rollout", |all| {
        rolled_out(&all[0])
    })
    .await;
    until(&cluster, REPLICASETS, "two revisions", |sets| {
        let revision = |set: &Value| {
            set["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
                .as_str()
                .map(str::to_owned)
        };
        let mut found: Vec<_> = sets
            .iter()
            .map(|set| (revision(set), set["spec"]["replicas"].as_i64()))
            .collect();
        found.sort();
        found == [(Some("1".to_owned()), Some(0)), (Some("2".to_owned()), Some(4))]
    })
    .await;
    let status = &objects.get(DEPLOYMENTS, Some("default"), "web").unwrap()["status"];
    let condition = |kind: &str| {
        status["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["type"] == kind)
            .unwrap()
            .clone()
    };
    assert_eq!(condition("Available")["status"], "True");
    assert_eq!(condition("Progressing")["reason"], "NewReplicaSetAvailable");
    // Back to the first template: the first set serves again, as a new revision.
    objects
        .modify(
            DEPLOYMENTS,
            Some("default"),
            "web",
            Subresource::None,
            |deployment| {
                deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "hollow".into();
            },
        )
        .unwrap();
    until(&cluster, REPLICASETS, "the rollback", |sets| {
        sets.len() == 2
            && sets.iter().any(|set| {
                set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
                    && set["status"]["readyReplicas"] == 4
            })
    })
    .await;
    scale_to(&cluster, DEPLOYMENTS, "web", 6);
    until(&cluster, DEPLOYMENTS, "six", |all| {
        rolled_out(&all[0]) && all[0]["status"]["readyReplicas"] == 6
    })
    .await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn recreate_never_mixes_templates() {
    let cluster = cluster("127.35.0.0/16").await;
    let objects = cluster.objects();
    let mut object = deployment("hollow");
    object["spec"]["strategy"] = json!({"type": "Recreate"});
    objects.create(DEPLOYMENTS, Some("default"), object).unwrap();
    until(&cluster, DEPLOYMENTS, "the first rollout", |all| {
        rolled_out(&all[0])
    })
    .await;
    objects
        .modify(
            DEPLOYMENTS,
            Some("default"),
            "web",
            Subresource::None,
            |deployment| {
                deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "hollow:2".into();
            },
        )
        .unwrap();
    until(&cluster, PODS, "the new pods", |pods| {
        let new = pods
            .iter()
            .filter(|pod| pod["spec"]["containers"][0]["image"] == "hollow:2")
            .count();
        assert!(new == 0 || new == pods.len(), "old and new at once");
        new == 4
    })
    .await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_stateful_set_counts_up_and_down_in_order() {
    let cluster = cluster("127.36.0.0/16").await;
    let objects = cluster.objects();
    let object = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"replicas": 3, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template("hollow", "db")},
    });
    objects.create(STATEFULSETS, Some("default"), object).unwrap();
    until(&cluster, PODS, "three pods in order", |pods| {
        let names: Vec<_> = pods
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap())
            .collect();
        for (index, name) in names.iter().enumerate() {
            assert_eq!(*name, format!("db-{index}"));
        }
        ready_count(pods) == 3
    })
    .await;
    scale_to(&cluster, STATEFULSETS, "db", 1);
    until(&cluster, PODS, "the first alone", |pods| {
        pods.len() == 1 && pods[0]["metadata"]["name"] == "db-0"
    })
    .await;
    until(&cluster, STATEFULSETS, "its status", |all| {
        all[0]["status"]["readyReplicas"] == 1 && all[0]["status"]["replicas"] == 1
    })
    .await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn what_is_owned_goes_stays_or_goes_first() {
    let cluster = cluster("127.37.0.0/16").await;
    let objects = cluster.objects();
    let delete = |propagation| {
        let options = DeleteOptions {
            propagation: Some(propagation),
            ..DeleteOptions::default()
        };
        objects
            .delete(DEPLOYMENTS, Some("default"), "web", &options)
            .unwrap();
    };
    for propagation in [Propagation::Background, Propagation::Foreground] {
        objects
            .create(DEPLOYMENTS, Some("default"), deployment("hollow"))
            .unwrap();
        until(&cluster, PODS, "pods", |pods| ready_count(pods) == 4).await;
        delete(propagation);
        until(&cluster, PODS, "no pods", <[_]>::is_empty).await;
        until(&cluster, REPLICASETS, "no sets", <[_]>::is_empty).await;
        until(&cluster, DEPLOYMENTS, "no deployment", <[_]>::is_empty).await;
    }
    objects
        .create(DEPLOYMENTS, Some("default"), deployment("hollow"))
        .unwrap();
    until(&cluster, PODS, "pods", |pods| ready_count(pods) == 4).await;
    delete(Propagation::Orphan);
    until(&cluster, DEPLOYMENTS, "no deployment", <[_]>::is_empty).await;
    until(&cluster, REPLICASETS, "an orphaned set", |sets| {
        sets.len() == 1 && sets[0]["metadata"].get("ownerReferences").is_none()
    })
    .await;
    assert_eq!(objects.list(PODS, Some("default")).items.len(), 4);
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_namespace_has_its_defaults_and_takes_everything_with_it() {
    let cluster = cluster("127.38.0.0/16").await;
    let objects = cluster.objects();
    objects
        .create(
            NAMESPACES,
            None,
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}),
        )
        .unwrap();
    eventually("the default account", || {
        objects.get(SERVICEACCOUNTS, Some("team"), "default").ok()
    })
    .await;
    objects
        .create(REPLICASETS, Some("team"), replica_set("app", "hollow", 2))
        .unwrap();
    eventually("its pods", || {
        (ready_count(&objects.list(PODS, Some("team")).items) == 2).then_some(())
    })
    .await;
    objects
        .delete(NAMESPACES, None, "team", &DeleteOptions::default())
        .unwrap();
    eventually("its end", || objects.get(NAMESPACES, None, "team").err()).await;
    assert!(objects.list(PODS, Some("team")).items.is_empty());
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_thousand_hollow_pods_become_ready() {
    let cluster = cluster("127.39.0.0/16").await;
    cluster
        .objects()
        .create(REPLICASETS, Some("default"), replica_set("many", "hollow", 1000))
        .unwrap();
    until(&cluster, REPLICASETS, "a thousand", |sets| {
        sets[0]["status"]["readyReplicas"] == 1000
    })
    .await;
    cluster.shutdown().await;
}

//! Who gets in.

use std::time::Duration;

use serde_json::json;

use crate::rig::{Rig, authority, external, trust};

const PATH: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue";
const HPA: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

async fn rig() -> Rig {
    let rig = Rig::start().await;
    rig.publish(1, external("queue", &[("q", "jobs")]), 30);
    rig.api.allow(&format!("{HPA} list queue"));
    rig
}

#[tokio::test]
async fn the_front_proxy_speaks_for_users_and_reviews_are_remembered() {
    let rig = rig().await;
    let front = rig.front();
    let headers = [
        ("x-remote-user", HPA),
        ("x-remote-group", "system:serviceaccounts"),
        ("x-remote-group", "system:authenticated"),
        (
            "x-remote-extra-authentication.kubernetes.io%2fcredential-id",
            "JTI=1",
        ),
    ];
    let mut connection = rig.connect(Some(&front)).await;
    for _ in 0..50 {
        let reply = connection.send("GET", PATH, &headers).await;
        assert_eq!(reply.code, 200, "{reply:?}");
        assert_eq!(reply.json()["items"][0]["value"], "30");
    }
    assert_eq!(
        rig.api.reviews(),
        [json!({
            "resourceAttributes": {"namespace": "default", "verb": "list", "group": "external.metrics.k8s.io",
                "version": "v1beta1", "resource": "queue"},
            "user": HPA,
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "extra": {"authentication.kubernetes.io/credential-id": ["JTI=1"]},
        })]
    );
    // Ten seconds later they are asked again.
    rig.clock.advance(Duration::from_secs(11));
    assert_eq!(connection.send("GET", PATH, &headers).await.code, 200);
    assert_eq!(rig.api.reviews().len(), 2);
}

#[tokio::test]
async fn the_front_proxy_may_speak_http2() {
    let rig = rig().await;
    let headers = [("x-remote-user", HPA), ("x-remote-group", "system:authenticated")];
    let replies = rig.get_http2(&rig.front(), PATH, &headers).await;
    assert!(replies.iter().all(|reply| reply.code == 200), "{replies:?}");
    let stranger = rig.client(&authority("proxy-ca"), "front-proxy-client");
    let replies = rig.get_http2(&stranger, PATH, &headers).await;
    assert!(replies.iter().all(|reply| reply.code == 401), "{replies:?}");
}

#[tokio::test]
async fn a_claim_without_the_front_proxys_certificate_is_worth_nothing() {
    let rig = rig().await;
    let claim = [("x-remote-user", HPA), ("x-remote-group", "system:masters")];
    // Without a certificate: nobody.
    let reply = rig.get(None, PATH, &claim).await;
    assert_eq!(reply.code, 403);
    assert_eq!(
        reply.message(),
        "queue.external.metrics.k8s.io is forbidden: User \"system:anonymous\" cannot list resource \"queue\" in API \
         group \"external.metrics.k8s.io\" in the namespace \"default\""
    );
    assert_eq!(rig.api.reviews()[0]["groups"], json!(["system:unauthenticated"]));
    // With a user's certificate: that user, whatever the headers say.
    let bob = rig.client(&rig.clients, "bob");
    let reply = rig.get(Some(&bob), PATH, &claim).await;
    assert_eq!(reply.code, 403);
    assert!(reply.message().contains("User \"bob\""), "{reply:?}");
    // Of somebody else's authority, even one of the same name.
    for name in ["proxy-ca", "client-ca", "other"] {
        let stranger = rig.client(&authority(name), "front-proxy-client");
        let reply = rig.get(Some(&stranger), PATH, &claim).await;
        assert_eq!((reply.code, reply.message().as_str()), (401, "Unauthorized"));
    }
    // Of the right authority, but not allowed to speak for others.
    let kubelet = rig.client(&rig.proxy, "kubelet");
    assert_eq!(rig.get(Some(&kubelet), PATH, &claim).await.code, 401);
    // The front proxy itself without a user.
    assert_eq!(rig.get(Some(&rig.front()), PATH, &[]).await.code, 401);
    // Through the front proxy it is believed.
    assert_eq!(rig.get(Some(&rig.front()), PATH, &claim).await.code, 200);
    // An expired certificate is none, also on a connection that lasts.
    let front = rig.front();
    let mut connection = rig.connect(Some(&front)).await;
    assert_eq!(connection.send("GET", PATH, &claim).await.code, 200);
    rig.clock.advance(Duration::from_hours(24 * 51));
    assert_eq!(connection.send("GET", PATH, &claim).await.code, 401);
}

#[tokio::test]
async fn users_come_with_certificates_and_tokens() {
    let rig = rig().await;
    rig.api.allow("bob list queue");
    let bob = rig.client(&rig.clients, "bob");
    assert_eq!(rig.get(Some(&bob), PATH, &[]).await.code, 200);
    assert_eq!(rig.api.reviews()[0]["groups"], json!(["system:authenticated"]));
    rig.api.token(
        "good",
        json!({"username": "jane", "uid": "7", "groups": ["devs"], "extra": {"a": ["b"]}}),
    );
    rig.api.allow("jane list queue");
    let good = [("authorization", "Bearer good")];
    for _ in 0..3 {
        assert_eq!(rig.get(None, PATH, &good).await.code, 200);
    }
    assert_eq!(rig.api.token_reviews(), 1);
    let review = rig.api.reviews().pop().unwrap();
    assert_eq!(review["groups"], json!(["devs", "system:authenticated"]));
    assert_eq!(
        (&review["uid"], &review["extra"]),
        (&json!("7"), &json!({"a": ["b"]}))
    );
    let reply = rig.get(None, PATH, &[("authorization", "Bearer bad")]).await;
    assert_eq!((reply.code, reply.message().as_str()), (401, "Unauthorized"));
}

#[tokio::test]
async fn while_the_api_server_is_away_nobody_new_gets_in_and_changes_are_followed_after() {
    let rig = rig().await;
    assert_eq!(rig.get_as(HPA, PATH).await.code, 200);
    rig.api.down(true);
    assert_eq!(rig.get_as(HPA, PATH).await.code, 200, "this was decided");
    let reply = rig.get_as("bob", PATH).await;
    assert_eq!(reply.code, 500, "{reply:?}");
    assert!(reply.message().contains("access cannot be reviewed"), "{reply:?}");
    rig.clock.advance(Duration::from_secs(11));
    assert_eq!(rig.get_as(HPA, PATH).await.code, 500, "the decision is too old");
    assert_eq!(
        rig.get(None, PATH, &[("authorization", "Bearer good")])
            .await
            .code,
        401
    );
    assert_eq!(rig.get(None, "/healthz", &[]).await.code, 200);
    // Meanwhile the front proxy got another authority.
    let replaced = authority("proxy-ca");
    rig.api.trust(trust(&replaced, &rig.clients));
    rig.api.down(false);
    let front = rig.client(&replaced, "front-proxy-client");
    let claim = [("x-remote-user", HPA)];
    let deadline = async {
        while rig.get(Some(&front), PATH, &claim).await.code != 200 {
            capstan_runtime::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), deadline)
        .await
        .expect("the config map is followed again");
    assert_eq!(
        rig.get_as(HPA, PATH).await.code,
        401,
        "the old authority has gone"
    );
}

#[tokio::test]
async fn without_the_config_map_nobody_comes_through_the_front_proxy() {
    let api = crate::api::Api::new();
    api.down(true);
    let rig = Rig::start().await;
    // A second server that never saw the config map.
    let server = capstan_adapter::serve::Server::start(
        capstan_adapter::serve::Options {
            bind: Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0))),
            ..Default::default()
        },
        std::sync::Arc::clone(&rig.store),
        api.cluster(),
        std::sync::Arc::clone(&rig.clock) as capstan_base::SharedClock,
        capstan_runtime::Shutdown::new(),
    )
    .await
    .unwrap();
    let rig = Rig { server, ..rig };
    let reply = rig.get_as(HPA, PATH).await;
    assert_eq!(reply.code, 503);
    assert!(
        reply.message().contains("extension-apiserver-authentication"),
        "{reply:?}"
    );
    let reply = rig.get(None, "/readyz", &[]).await;
    assert_eq!(reply.code, 500);
    assert!(
        reply.text.contains("authorities of clients are not known"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn paths_are_reviewed_too_and_health_is_for_everybody() {
    let rig = rig().await;
    for path in ["/healthz", "/livez", "/readyz"] {
        let reply = rig.get(None, path, &[]).await;
        assert_eq!((reply.code, reply.text.as_str()), (200, "ok"));
    }
    for path in [
        "/apis",
        "/metrics",
        "/apis/external.metrics.k8s.io/v1beta1",
        "/nope",
    ] {
        let reply = rig.get(None, path, &[]).await;
        assert_eq!(reply.code, 403, "{path}");
        assert_eq!(
            reply.message(),
            format!("forbidden: User \"system:anonymous\" cannot get path \"{path}\"")
        );
    }
    rig.api.allow("bob get /metrics");
    let reply = rig.get_as("bob", "/metrics").await;
    assert_eq!(reply.code, 200);
    assert!(reply.text.contains("capstan_adapter_series 1"), "{reply:?}");
}

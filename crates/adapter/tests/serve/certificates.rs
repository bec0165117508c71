//! The caBundle of `APIService`s.

use capstan_kubeapi::base64;
use serde_json::json;

use crate::api::Api;
use crate::rig::{Rig, authority};

fn spec(service: &str) -> serde_json::Value {
    json!({
        "group": "external.metrics.k8s.io",
        "version": "v1beta1",
        "service": {"namespace": "kube-system", "name": service},
        "insecureSkipTLSVerify": true,
    })
}

fn text(api: &Api, name: &str) -> Option<String> {
    let spec = api.service_spec(name);
    Some(String::from_utf8(base64::decode(spec["caBundle"].as_str()?)?).unwrap())
}

#[tokio::test]
async fn our_authority_gets_into_our_api_services_only() {
    const OURS: &str = "v1beta1.external.metrics.k8s.io";
    const OTHERS: &str = "v1beta1.custom.metrics.k8s.io";
    const HALF: &str = "v1beta2.custom.metrics.k8s.io";
    let rig = Rig::with(|_| {}).await;
    // Registered after the start, with somebody else writing at the same time.
    let api = Api::new();
    api.service(OURS, spec("kube-metrics-adapter"), 0);
    api.service(OTHERS, spec("keda"), 0);
    let mut half = spec("kube-metrics-adapter");
    half["caBundle"] = json!(base64::encode(authority("theirs").certificate_pem().as_bytes()));
    api.service(HALF, half, 2);
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
    let ours = server.authority().unwrap().trim().to_owned();
    rig.until("both have our authority", || {
        [OURS, HALF]
            .iter()
            .all(|name| text(&api, name).is_some_and(|bundle| bundle.contains(&ours)))
    })
    .await;
    assert_eq!(text(&api, HALF).unwrap().matches("BEGIN").count(), 1);
    assert!(api.service_spec(OURS).get("insecureSkipTLSVerify").is_none());
    assert_eq!(
        api.service_spec(OTHERS),
        spec("keda"),
        "another's service is not touched"
    );
    assert_eq!(
        api.patches().len(),
        4,
        "one for each, and two that met a conflict"
    );
}

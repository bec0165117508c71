//! Roles and bindings decide for everybody who is no administrator, and reviews tell what they decide.

use axum::body::Body;
use axum::extract::Request;
use capstan_cluster::{Authentication, Objects, ServerState, User, router};
use capstan_kubeapi::builtin::{CLUSTERROLEBINDINGS, CLUSTERROLES, ROLEBINDINGS, ROLES};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::wire::api;

const REVIEWS: &str = "/apis/authorization.k8s.io/v1";

/// A server where the token `bob` is bob of the developers.
fn server() -> (axum::Router, Objects) {
    let objects = Objects::new(capstan_base::SystemClock::shared());
    let authentication = Authentication::new();
    authentication.add_token("bob", User::new("bob", ["devs"]));
    authentication.add_token("admin", User::admin("admin"));
    authentication.add_token(
        "account",
        User::new("system:serviceaccount:default:web", ["system:serviceaccounts"]),
    );
    (
        router(ServerState::new(
            objects.clone(),
            authentication,
            "127.0.0.1:6443",
        )),
        objects,
    )
}

async fn send(router: &axum::Router, who: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {who}"))
        .header("content-type", "application/json")
        .body(Body::from(if body.is_null() {
            String::new()
        } else {
            body.to_string()
        }))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn get(router: &axum::Router, who: &str, path: &str) -> u16 {
    send(router, who, "GET", path, &Value::Null).await.0
}

fn role(name: &str, rules: &Value) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules})
}

fn binding(name: &str, kind: &str, role: &str, subject: &Value) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "subjects": [subject], "roleRef": {"kind": kind, "name": role}})
}

#[tokio::test]
async fn what_roles_allow_is_allowed_where_they_are_bound() {
    let (router, objects) = server();
    let pods = "/api/v1/namespaces/default/pods";
    assert_eq!(get(&router, "bob", pods).await, 403);
    objects
        .create(
            ROLES,
            Some("default"),
            role(
                "reader",
                &json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]),
            ),
        )
        .unwrap();
    let made = objects
        .create(
            ROLEBINDINGS,
            Some("default"),
            binding(
                "devs",
                "Role",
                "reader",
                &json!({"kind": "Group", "name": "devs"}),
            ),
        )
        .unwrap();
    assert_eq!(made["subjects"][0]["apiGroup"], "rbac.authorization.k8s.io");
    assert_eq!(get(&router, "bob", pods).await, 200);
    assert_eq!(get(&router, "bob", &format!("{pods}?watch=true")).await, 403);
    assert_eq!(get(&router, "bob", &format!("{pods}/a/log")).await, 403);
    assert_eq!(get(&router, "bob", "/api/v1/pods").await, 403);
    assert_eq!(
        get(&router, "bob", "/api/v1/namespaces/kube-system/pods").await,
        403
    );
    // A service account of the binding's own namespace needs no namespace there.
    assert_eq!(get(&router, "account", pods).await, 403);
    objects
        .create(
            ROLEBINDINGS,
            Some("default"),
            binding(
                "web",
                "Role",
                "reader",
                &json!({"kind": "ServiceAccount", "name": "web"}),
            ),
        )
        .unwrap();
    assert_eq!(get(&router, "account", pods).await, 200);

    // Only this object, only its scale, in every namespace.
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"], "verbs": ["*"]},
    ]);
    let mut part = role("part", &rules);
    part["kind"] = json!("ClusterRole");
    part["metadata"]["labels"] = json!({"part": "yes"});
    objects.create(CLUSTERROLES, None, part).unwrap();
    let mut whole = role("whole", &Value::Null);
    whole["kind"] = json!("ClusterRole");
    whole["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"part": "yes"}}]});
    objects.create(CLUSTERROLES, None, whole).unwrap();
    let mut bound = binding(
        "whole",
        "ClusterRole",
        "whole",
        &json!({"kind": "User", "name": "bob"}),
    );
    bound["kind"] = json!("ClusterRoleBinding");
    objects.create(CLUSTERROLEBINDINGS, None, bound).unwrap();
    let deployments = "/apis/apps/v1/namespaces/kube-system/deployments";
    assert_eq!(
        get(&router, "bob", &format!("{deployments}/web/scale")).await,
        404
    );
    assert_eq!(get(&router, "bob", &format!("{deployments}/web")).await, 403);
    assert_eq!(
        get(&router, "bob", "/api/v1/namespaces/kube-system/configmaps/one").await,
        404
    );
    assert_eq!(
        get(&router, "bob", "/api/v1/namespaces/kube-system/configmaps/two").await,
        403
    );
    // A list that can hold this object only.
    let list = "/api/v1/namespaces/kube-system/configmaps";
    for (selector, code) in [
        ("?fieldSelector=metadata.name%3Done", 200),
        ("?fieldSelector=metadata.name%3D%3Done", 200),
        ("?fieldSelector=metadata.name%3Dtwo", 403),
        ("?fieldSelector=metadata.name%21%3Dtwo", 403),
        ("", 403),
    ] {
        assert_eq!(
            get(&router, "bob", &format!("{list}{selector}")).await,
            code,
            "{selector}"
        );
    }
}

#[tokio::test]
async fn reviews_tell_what_would_be_allowed_and_why() {
    let (router, objects) = server();
    objects
        .create(
            ROLES,
            Some("default"),
            role(
                "reader",
                &json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]),
            ),
        )
        .unwrap();
    objects
        .create(
            ROLEBINDINGS,
            Some("default"),
            binding("devs", "Role", "reader", &json!({"kind": "User", "name": "bob"})),
        )
        .unwrap();
    let attributes = |verb: &str| json!({"namespace": "default", "verb": verb, "resource": "pods"});
    let review = |kind: &str, spec: Value| json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
    let own = review(
        "SelfSubjectAccessReview",
        json!({"resourceAttributes": attributes("list")}),
    );
    let (code, answer) = send(
        &router,
        "bob",
        "POST",
        &format!("{REVIEWS}/selfsubjectaccessreviews"),
        &own,
    )
    .await;
    assert_eq!(code, 201);
    assert_eq!(
        answer["status"],
        json!({"allowed": true, "reason": "RBAC: allowed by RoleBinding \"devs/default\" of Role \"reader\" to User \"bob\""})
    );
    let other = review(
        "SubjectAccessReview",
        json!({"user": "bob", "resourceAttributes": attributes("delete")}),
    );
    let (_, answer) = send(
        &router,
        "admin",
        "POST",
        &format!("{REVIEWS}/subjectaccessreviews"),
        &other,
    )
    .await;
    assert_eq!(answer["status"], json!({"allowed": false}));
    let (code, _) = send(
        &router,
        "bob",
        "POST",
        &format!("{REVIEWS}/subjectaccessreviews"),
        &other,
    )
    .await;
    assert_eq!(code, 403);
    let nobody = review(
        "SubjectAccessReview",
        json!({"resourceAttributes": attributes("list")}),
    );
    assert_eq!(
        send(
            &router,
            "admin",
            "POST",
            &format!("{REVIEWS}/subjectaccessreviews"),
            &nobody
        )
        .await
        .0,
        422
    );
    let path = review(
        "SelfSubjectAccessReview",
        json!({"nonResourceAttributes": {"verb": "get", "path": "/apis"}}),
    );
    let (_, answer) = send(
        &router,
        "bob",
        "POST",
        &format!("{REVIEWS}/selfsubjectaccessreviews"),
        &path,
    )
    .await;
    assert_eq!(answer["status"]["allowed"], true);
    let rules = review("SelfSubjectRulesReview", json!({"namespace": "default"}));
    let (_, answer) = send(
        &router,
        "bob",
        "POST",
        &format!("{REVIEWS}/selfsubjectrulesreviews"),
        &rules,
    )
    .await;
    let listed = answer["status"]["resourceRules"].as_array().unwrap();
    assert!(
        listed.contains(&json!({"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]})),
        "{answer}"
    );
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_have() {
    let (router, objects) = server();
    let writer = json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
    ]);
    objects
        .create(
            ROLES,
            Some("default"),
            role(
                "writer",
                &json!(
                    writer
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|rule| {
                            let mut rule = rule.clone();
                            if rule["apiGroups"][0] == "rbac.authorization.k8s.io" {
                                rule["verbs"] = json!(["create", "get", "update", "patch"]);
                            }
                            rule
                        })
                        .collect::<Vec<_>>()
                ),
            ),
        )
        .unwrap();
    objects
        .create(
            ROLES,
            Some("default"),
            role(
                "secrets",
                &json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]),
            ),
        )
        .unwrap();
    objects
        .create(
            ROLEBINDINGS,
            Some("default"),
            binding("bob", "Role", "writer", &json!({"kind": "User", "name": "bob"})),
        )
        .unwrap();
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
    let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    let have = role(
        "have",
        &json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
    );
    assert_eq!(send(&router, "bob", "POST", roles, &have).await.0, 201);
    let want = role(
        "want",
        &json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]),
    );
    let (code, refused) = send(&router, "bob", "POST", roles, &want).await;
    assert_eq!(code, 403);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("attempting to grant RBAC permissions not currently held"),
        "{refused}"
    );
    let subject = json!({"kind": "User", "name": "bob"});
    assert_eq!(
        send(
            &router,
            "bob",
            "POST",
            bindings,
            &binding("b", "Role", "secrets", &subject)
        )
        .await
        .0,
        403
    );
    assert_eq!(
        send(
            &router,
            "bob",
            "POST",
            bindings,
            &binding("b", "Role", "have", &subject)
        )
        .await
        .0,
        201
    );
    // And a binding stays with its role.
    let (code, refused) = send(
        &router,
        "admin",
        "PUT",
        &format!("{bindings}/b"),
        &binding("b", "Role", "secrets", &subject),
    )
    .await;
    assert_eq!(code, 422);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("cannot change roleRef")
    );
}

#[tokio::test]
async fn roles_have_rules() {
    let api = api();
    let bad = role("bad", &json!([{"resources": ["pods"]}]));
    let answer = api
        .post("/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", bad)
        .await;
    assert_eq!(answer.code, 422);
    let text = answer.text;
    assert!(
        text.contains("rules[0].verbs: Required value: verbs must contain at least one value"),
        "{text}"
    );
    assert!(
        text.contains(
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group"
        ),
        "{text}"
    );
}

//! The API in process, request by request, against what the real server says.

use axum::body::Body;
use capstan_base::SystemClock;
use capstan_cluster::{Authentication, Objects, ServerState, User, router};
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) struct Api {
    pub(crate) router: axum::Router,
    pub(crate) objects: Objects,
}

pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

pub(crate) fn api() -> Api {
    let objects = Objects::new(SystemClock::shared());
    let authentication = Authentication::trusting(User::admin("kubernetes-admin"));
    authentication.add_token("bob", User::new("bob", ["devs"]));
    let state = ServerState::new(objects.clone(), authentication, "127.0.0.1:6443");
    Api {
        router: router(state),
        objects,
    }
}

impl Api {
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response: Response<Body> = self
            .router
            .clone()
            .oneshot(request.body(body.into()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            code: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(
            "POST",
            path,
            &[("content-type", "application/json")],
            body.to_string(),
        )
        .await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(
            "PUT",
            path,
            &[("content-type", "application/json")],
            body.to_string(),
        )
        .await
    }

    pub(crate) async fn patch(&self, path: &str, kind: &str, body: Value) -> Answer {
        let kind = format!("application/{kind}");
        self.send("PATCH", path, &[("content-type", &kind)], body.to_string())
            .await
    }
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

/// The golden directory of the shared test data, if this machine has it.
pub(crate) fn golden(name: &str) -> Option<Value> {
    let root = std::env::var_os("CAPSTAN_SHARED").map_or_else(
        || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        std::path::PathBuf::from,
    );
    let path = root.join("hpa/golden").join(name);
    if !path.exists() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1",
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]},
        }},
    })
}

#[tokio::test]
async fn a_created_deployment_is_the_real_one() {
    let Some(real) = golden("objects/create-deployment.json") else {
        return;
    };
    let api = api();
    let answer = api.post(DEPLOYMENTS, real["request"]["body"].clone()).await;
    assert_eq!(answer.code, 201);
    let neutral = |object: &Value| {
        let mut object = object.clone();
        for field in ["uid", "resourceVersion", "creationTimestamp"] {
            object["metadata"][field] = json!("set by the server");
        }
        for entry in object["metadata"]["managedFields"].as_array_mut().unwrap() {
            entry["time"] = json!("set by the server");
        }
        object
    };
    assert_eq!(neutral(&answer.json()), neutral(&real["response"]["body"]));
}

/// Bodies that a golden file fixes, asked for on a kind that this server stores.
#[tokio::test]
async fn failures_read_as_the_real_server_words_them() {
    let api = api();
    api.post(DEPLOYMENTS, deployment("web")).await;
    let of_deployments = |text: &str| {
        text.replace("horizontalpodautoscalers.autoscaling", "deployments.apps")
            .replace("horizontalpodautoscalers", "deployments")
            .replace("HorizontalPodAutoscaler", "Deployment")
            .replace("\"autoscaling\"", "\"apps\"")
            .replace("autoscaling/v2", "apps/v1")
    };
    for name in [
        "404-object",
        "404-path",
        "404-group",
        "404-scale-of-absent",
        "404-namespace-on-create",
        "400-bad-label-selector",
        "400-bad-field-selector",
        "400-limit",
        "400-bad-json",
        "400-namespace-mismatch",
        "405-method",
        "406-accept",
        "415-media-type",
        "415-post",
        "409-already-exists",
    ] {
        let Some(real) = golden(&format!("errors/{name}.json")) else {
            return;
        };
        let request = &real["request"];
        let path = of_deployments(request["path"].as_str().unwrap());
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            object => of_deployments(&object.to_string()),
        };
        let mut headers: Vec<(&str, &str)> = request["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        if !body.is_empty() && headers.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        // Where only the name matters, the rest must be a valid deployment.
        let body = if name == "409-already-exists" {
            deployment("web").to_string()
        } else {
            body
        };
        let answer = api
            .send(request["method"].as_str().unwrap(), &path, &headers, body)
            .await;
        assert_eq!(
            json!(answer.code),
            real["response"]["status"],
            "{name}: {}",
            answer.text
        );
        match &real["response"]["body"] {
            Value::String(text) => assert_eq!(&answer.text, text, "{name}"),
            body => {
                let expected: Value = serde_json::from_str(&of_deployments(&body.to_string())).unwrap();
                assert_eq!(answer.json(), expected, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_strict_write_refuses_unknown_fields_and_others_drop_them_with_a_warning() {
    let api = api();
    let mut object = deployment("uf");
    object["spec"]["frob"] = json!(1);
    let answer = api
        .post(&format!("{DEPLOYMENTS}?fieldValidation=Strict"), object.clone())
        .await;
    assert_eq!(
        answer.json()["message"],
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.frob\""
    );
    let answer = api
        .post(
            &format!("{DEPLOYMENTS}?dryRun=All&fieldValidation=Warn"),
            object.clone(),
        )
        .await;
    assert_eq!(
        answer.headers["warning"],
        "299 - \"unknown field \\\"spec.frob\\\"\""
    );
    let shown = answer.json();
    assert_eq!(shown["spec"].get("frob"), None);
    assert_eq!(
        shown["metadata"].get("resourceVersion"),
        None,
        "a dry run stores nothing"
    );
    assert_eq!(api.get(&format!("{DEPLOYMENTS}/uf")).await.code, 404);
    object["spec"]["replicas"] = json!("2");
    let answer = api.post(DEPLOYMENTS, object).await;
    assert_eq!(
        answer.json()["message"],
        "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
    );
}

#[tokio::test]
async fn invalid_objects_are_named_by_field() {
    let api = api();
    api.post(DEPLOYMENTS, deployment("web")).await;
    let mut changed = deployment("web");
    changed["spec"]["selector"]["matchLabels"]["app"] = json!("other");
    let answer = api.put(&format!("{DEPLOYMENTS}/web"), changed).await;
    assert_eq!(answer.code, 422);
    assert_eq!(
        answer.json()["message"],
        "Deployment.apps \"web\" is invalid: [spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`, spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"other\"}}: field is immutable]"
    );
    let mut negative = deployment("neg");
    negative["spec"]["replicas"] = json!(-1);
    let answer = api.post(DEPLOYMENTS, negative).await;
    assert_eq!(answer.code, 422);
    assert_eq!(answer.json()["details"]["causes"][0]["field"], "spec.replicas");
}

#[tokio::test]
async fn scale_is_read_and_written_as_upstream() {
    let api = api();
    api.post(DEPLOYMENTS, deployment("web")).await;
    let path = format!("{DEPLOYMENTS}/web/scale");
    let scale = api.get(&path).await.json();
    assert_eq!(scale["spec"], json!({"replicas": 2}));
    assert_eq!(scale["status"], json!({"replicas": 0, "selector": "app=web"}));
    let zero = api
        .patch(&path, "merge-patch+json", json!({"spec": {"replicas": 0}}))
        .await
        .json();
    assert_eq!(zero["spec"], json!({}), "a count of 0 is absent");
    let mut stale = scale.clone();
    stale["spec"]["replicas"] = json!(5);
    let answer = api.put(&path, stale).await;
    assert_eq!(answer.code, 409);
    assert!(answer.json()["message"].as_str().unwrap().starts_with(
        "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified"
    ));
    let Some(real) = golden("errors/422-negative-scale.json") else {
        return;
    };
    let answer = api
        .patch(&path, "merge-patch+json", json!({"spec": {"replicas": -1}}))
        .await;
    assert_eq!(answer.json(), real["response"]["body"]);
    // The old group has the same object under its own shape.
    let old = api
        .get("/apis/extensions/v1beta1/namespaces/default/deployments/web/scale")
        .await
        .json();
    assert_eq!(old["apiVersion"], "extensions/v1beta1");
    assert_eq!(old["status"]["selector"], json!({"app": "web"}));
}

#[tokio::test]
async fn an_old_manifest_without_a_selector_gets_one() {
    let api = api();
    let old = json!({"apiVersion": "extensions/v1beta1", "kind": "ReplicaSet", "metadata": {"name": "app"}, "spec": {
        "replicas": 1, "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    }});
    let answer = api
        .post("/apis/extensions/v1beta1/namespaces/default/replicasets", old)
        .await;
    assert_eq!(answer.code, 201, "{}", answer.text);
    let new = api
        .get("/apis/apps/v1/namespaces/default/replicasets/app")
        .await
        .json();
    assert_eq!(new["apiVersion"], "apps/v1");
    assert_eq!(new["spec"]["selector"], json!({"matchLabels": {"app": "a"}}));
}

#[tokio::test]
async fn pages_add_up_to_the_list_even_while_it_changes() {
    let api = api();
    for index in 0..7 {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{index}")}});
        api.post("/api/v1/namespaces/default/configmaps", map).await;
    }
    let mut path = "/api/v1/namespaces/default/configmaps?limit=3".to_owned();
    let mut names = Vec::new();
    loop {
        let page = api.get(&path).await.json();
        assert_eq!(page["kind"], "ConfigMapList");
        names.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|i| i["metadata"]["name"].as_str().unwrap().to_owned()),
        );
        let Some(token) = page["metadata"]["continue"].as_str() else {
            break;
        };
        if names.len() == 3 {
            assert_eq!(page["metadata"]["remainingItemCount"], 4);
            api.send(
                "DELETE",
                "/api/v1/namespaces/default/configmaps/c5",
                &[],
                Body::empty(),
            )
            .await;
        }
        path = format!("/api/v1/namespaces/default/configmaps?limit=3&continue={token}");
    }
    assert_eq!(
        names,
        ["c0", "c1", "c2", "c3", "c4", "c5", "c6"],
        "later pages show the state of the first"
    );
}

#[tokio::test]
async fn a_watch_tells_what_enters_and_leaves_its_selection() {
    let api = api();
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "1"}}});
    let version = api.objects.resource_version();
    api.post("/api/v1/namespaces/default/configmaps", map).await;
    for label in ["2", "1"] {
        let patch = json!({"metadata": {"labels": {"x": label}}});
        api.patch(
            "/api/v1/namespaces/default/configmaps/a",
            "merge-patch+json",
            patch,
        )
        .await;
    }
    api.send(
        "DELETE",
        "/api/v1/namespaces/default/configmaps/a",
        &[],
        Body::empty(),
    )
    .await;
    let path = format!(
        "/api/v1/namespaces/default/configmaps?watch=1&labelSelector=x%3D1&timeoutSeconds=1&resourceVersion={version}"
    );
    let answer = api.get(&path).await;
    let kinds: Vec<String> = answer
        .text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["type"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(kinds, ["ADDED", "DELETED", "ADDED", "DELETED"]);
}

#[tokio::test]
async fn a_watch_with_initial_events_marks_their_end() {
    let api = api();
    let path = "/api/v1/namespaces?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1";
    let answer = api.get(path).await;
    let lines: Vec<Value> = answer
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5, "four namespaces and a bookmark");
    assert_eq!(lines[4]["type"], "BOOKMARK");
    assert_eq!(
        lines[4]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

#[tokio::test]
async fn tokens_name_users_and_users_have_limits() {
    let api = api();
    let denied = api
        .send(
            "GET",
            DEPLOYMENTS,
            &[("authorization", "Bearer wrong")],
            Body::empty(),
        )
        .await;
    assert_eq!(denied.code, 401);
    let bob = api
        .send(
            "GET",
            DEPLOYMENTS,
            &[("authorization", "Bearer bob")],
            Body::empty(),
        )
        .await;
    assert_eq!(bob.code, 403);
    assert_eq!(
        bob.json()["message"],
        "deployments.apps is forbidden: User \"bob\" cannot list resource \"deployments\" in API group \"apps\" in the namespace \"default\""
    );
    let impersonated = api
        .send("GET", DEPLOYMENTS, &[("impersonate-user", "bob")], Body::empty())
        .await;
    assert_eq!(impersonated.code, 403);
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "create", "resource": "pods"}}});
    let answer = api
        .post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        .await;
    assert_eq!(answer.json()["status"]["allowed"], true);
}

#[tokio::test]
async fn server_side_apply_keeps_owners_and_tells_conflicts() {
    let api = api();
    let apply = |manager: &str, max: i64| {
        let path = format!("/api/v1/namespaces/default/configmaps/a?fieldManager={manager}");
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"max": max.to_string()}});
        (path, body)
    };
    let (path, body) = apply("capstan", 1);
    let made = api.patch(&path, "apply-patch+yaml", body.clone()).await;
    assert_eq!(made.code, 201, "{}", made.text);
    let again = api.patch(&path, "apply-patch+yaml", body).await.json();
    assert_eq!(
        again["metadata"]["resourceVersion"],
        made.json()["metadata"]["resourceVersion"]
    );
    let (path, body) = apply("other", 2);
    let refused = api.patch(&path, "apply-patch+yaml", body.clone()).await;
    assert_eq!(refused.code, 409);
    assert_eq!(
        refused.json()["message"],
        "Apply failed with 1 conflict: conflict with \"capstan\": .data.max"
    );
    let forced = api
        .patch(&format!("{path}&force=true"), "apply-patch+yaml", body)
        .await
        .json();
    assert_eq!(forced["data"]["max"], "2");
    assert_eq!(forced["metadata"]["managedFields"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let api = api();
    let answer = api
        .post(
            "/api/v1/namespaces/default/configmaps",
            json!("x".repeat(3 * 1024 * 1024)),
        )
        .await;
    assert_eq!(answer.code, 413);
}

#[tokio::test]
async fn finalizers_hold_an_object_until_they_are_gone() {
    let api = api();
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": ["x.io/y"]}});
    let path = "/api/v1/namespaces/default/configmaps/a";
    api.post("/api/v1/namespaces/default/configmaps", map).await;
    let held = api.send("DELETE", path, &[], Body::empty()).await.json();
    assert!(held["metadata"]["deletionTimestamp"].is_string());
    api.patch(
        path,
        "merge-patch+json",
        json!({"metadata": {"finalizers": null}}),
    )
    .await;
    assert_eq!(api.get(path).await.code, 404);
}

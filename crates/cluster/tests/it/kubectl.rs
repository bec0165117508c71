//! Real kubectl against a real cluster: every one found on this machine.
//!
//! Looked for in `CAPSTAN_KUBECTL` (a list like `PATH`; then nothing else), on `PATH`, and below `target/tools`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::support::{Running, cluster};

/// Longer than any single command takes on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

const MANIFEST: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: hollow
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 100m}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
";

const OLD_MANIFEST: &str = r"
apiVersion: extensions/v1beta1
kind: ReplicaSet
metadata: {name: old}
spec:
  replicas: 1
  template:
    metadata: {labels: {app: old}}
    spec: {containers: [{name: app, image: echo, ports: [{containerPort: 8000}]}]}
";

fn tools(directory: &Path, found: &mut Vec<PathBuf>, depth: usize) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && depth < 8 {
            tools(&path, found, depth + 1);
        } else if path.file_name().is_some_and(|name| name == "kubectl") && executable(&path) {
            found.push(path);
        }
    }
}

/// The package brings a shell completion of the same name.
fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

fn kubectls() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(list) = std::env::var_os("CAPSTAN_KUBECTL") {
        found.extend(std::env::split_paths(&list));
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        found.extend(
            std::env::split_paths(&path)
                .map(|d| d.join("kubectl"))
                .find(|p| p.is_file()),
        );
        tools(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools")),
            &mut found,
            0,
        );
    }
    if found.is_empty() {
        println!("skipped: no kubectl on this machine");
    }
    found
}

struct Kubectl {
    program: PathBuf,
    home: tempfile::TempDir,
    kubeconfig: PathBuf,
}

impl Kubectl {
    fn new(program: PathBuf, cluster: &Running) -> Self {
        Self {
            program,
            home: tempfile::tempdir().unwrap(),
            kubeconfig: cluster.kubeconfig_path().to_owned(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn with_input(&self, arguments: &[&str], input: &str) -> (bool, String, String) {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let output = tokio::time::timeout(DEADLINE, child.wait_with_output())
            .await
            .unwrap_or_else(|_| panic!("kubectl {arguments:?} took too long"))
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    /// Runs a command that must succeed; returns what it printed.
    async fn run(&self, arguments: &[&str]) -> String {
        self.feed(arguments, "").await
    }

    async fn feed(&self, arguments: &[&str], input: &str) -> String {
        let (success, out, err) = self.with_input(arguments, input).await;
        assert!(success, "{} {arguments:?}\n{out}\n{err}", self.program.display());
        out
    }

    /// Runs a command that must fail; returns its complaint.
    async fn fail(&self, arguments: &[&str], input: &str) -> String {
        let (success, out, err) = self.with_input(arguments, input).await;
        assert!(
            !success,
            "{} {arguments:?} should fail\n{out}",
            self.program.display()
        );
        err
    }

    /// Minor version of the client.
    async fn minor(&self) -> u32 {
        let text = self.run(&["version", "--client", "-o", "json"]).await;
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let minor = value["clientVersion"]["minor"].as_str().unwrap_or("0");
        minor.trim_end_matches('+').parse().unwrap_or(0)
    }
}

#[track_caller]
fn has(text: &str, part: &str) {
    assert!(text.contains(part), "no {part:?} in:\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_does_its_work() {
    for (index, program) in kubectls().into_iter().enumerate() {
        let cluster = cluster(&format!("127.{}.0.0/16", 201 + index)).await;
        let kubectl = Kubectl::new(program, &cluster);
        let minor = kubectl.minor().await;
        println!("kubectl 1.{minor}: {}", kubectl.program.display());
        discovery(&kubectl).await;
        workloads(&kubectl).await;
        changes(&kubectl, minor).await;
        autoscalers(&kubectl).await;
        aggregated(&kubectl).await;
        custom(&kubectl).await;
        roles(&kubectl).await;
        old_group(&kubectl).await;
        complaints(&kubectl, minor).await;
        cluster.shutdown().await;
    }
}

async fn discovery(kubectl: &Kubectl) {
    let resources = kubectl.run(&["api-resources"]).await;
    for kind in [
        "Deployment",
        "ReplicaSet",
        "StatefulSet",
        "Pod",
        "Lease",
        "EndpointSlice",
    ] {
        has(&resources, kind);
    }
    has(&kubectl.run(&["api-versions"]).await, "extensions/v1beta1");
    has(
        &kubectl.run(&["explain", "deployment.spec.strategy"]).await,
        "rollingUpdate",
    );
    has(
        &kubectl.run(&["explain", "pods", "--recursive"]).await,
        "nodeSelector",
    );
    has(&kubectl.run(&["get", "--raw", "/version"]).await, "gitVersion");
    has(&kubectl.run(&["auth", "can-i", "create", "pods"]).await, "yes");
    has(&kubectl.run(&["get", "namespaces"]).await, "kube-system");
    has(&kubectl.run(&["get", "nodes", "-o", "wide"]).await, "Ready");
}

async fn workloads(kubectl: &Kubectl) {
    let out = kubectl.feed(&["create", "-f", "-"], MANIFEST).await;
    has(&out, "deployment.apps/web created");
    has(&out, "service/web created");
    has(
        &kubectl.run(&["rollout", "status", "deployment/web"]).await,
        "successfully rolled out",
    );
    let table = kubectl.run(&["get", "deployment", "web"]).await;
    has(&table, "2/2");
    let pods = kubectl.run(&["get", "pods", "-l", "app=web", "-o", "wide"]).await;
    has(&pods, "Running");
    has(&pods, "READINESS GATES");
    has(&kubectl.run(&["get", "all"]).await, "replicaset.apps/web-");
    has(
        &kubectl.run(&["get", "deploy", "web", "-o", "yaml"]).await,
        "revisionHistoryLimit: 10",
    );
    has(
        &kubectl.run(&["get", "deploy", "web", "-o", "json"]).await,
        "\"kind\": \"Deployment\"",
    );
    assert_eq!(
        kubectl.run(&["get", "deploy", "web", "-o", "name"]).await,
        "deployment.apps/web\n"
    );
    assert_eq!(
        kubectl
            .run(&["get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"])
            .await,
        "2"
    );
    let described = kubectl.run(&["describe", "deployment", "web"]).await;
    has(&described, "StrategyType:");
    has(&described, "ScalingReplicaSet");
    has(&kubectl.run(&["describe", "service", "web"]).await, "TargetPort:");
    has(&kubectl.run(&["describe", "pods"]).await, "hollow");
    has(&kubectl.run(&["describe", "nodes"]).await, "Allocated resources");
    has(&kubectl.run(&["get", "events"]).await, "SuccessfulCreate");
}

async fn changes(kubectl: &Kubectl, minor: u32) {
    // A watch prints what comes after it began.
    let mut watch = kubectl
        .command(&["get", "deployment", "web", "-w"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut seen = Vec::new();
    let next = tokio::time::timeout(DEADLINE, async {
        while seen.len() < 2 {
            seen.push(lines.next_line().await.unwrap().unwrap());
        }
        kubectl.run(&["scale", "deployment/web", "--replicas=3"]).await;
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if line.contains("3/3") {
                return line;
            }
        }
    });
    has(&next.await.unwrap(), "web");
    watch.kill().await.unwrap();

    let replicas = ["get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"];
    for (kind, patch, expected) in [
        ("strategic", r#"{"spec":{"replicas":1}}"#, "1"),
        ("merge", r#"{"spec":{"replicas":2}}"#, "2"),
        (
            "json",
            r#"[{"op":"replace","path":"/spec/replicas","value":3}]"#,
            "3",
        ),
    ] {
        kubectl
            .run(&[
                "patch",
                "deployment",
                "web",
                &format!("--type={kind}"),
                "-p",
                patch,
            ])
            .await;
        assert_eq!(kubectl.run(&replicas).await, expected, "{kind}");
    }
    has(
        &kubectl.run(&["label", "deployment", "web", "tier=front"]).await,
        "labeled",
    );
    has(
        &kubectl.run(&["annotate", "deployment", "web", "note=x"]).await,
        "annotated",
    );
    has(
        &kubectl
            .run(&["get", "deploy", "-l", "tier in (front,back)", "-o", "name"])
            .await,
        "web",
    );
    kubectl
        .run(&["set", "image", "deployment/web", "app=hollow:2"])
        .await;
    kubectl.run(&["rollout", "status", "deployment/web"]).await;
    // Apply takes over what create made, and then changes nothing.
    let changed = MANIFEST.replace("replicas: 2", "replicas: 1");
    has(
        &kubectl.feed(&["apply", "-f", "-"], &changed).await,
        "deployment.apps/web configured",
    );
    has(
        &kubectl.feed(&["apply", "-f", "-"], &changed).await,
        "deployment.apps/web unchanged",
    );
    if minor >= 22 {
        let out = kubectl
            .feed(
                &["apply", "--server-side", "--force-conflicts", "-f", "-"],
                &changed,
            )
            .await;
        has(&out, "serverside-applied");
        has(&kubectl.feed(&["diff", "-f", "-"], &changed).await, "");
    }
    // What `kubectl edit` sends, without an editor to wait for.
    let mut edit = kubectl.command(&["edit", "deployment", "web"]);
    edit.env("EDITOR", "sed -i s/tier:.front/tier:\\ back/")
        .env_remove("KUBE_EDITOR");
    let output = tokio::time::timeout(DEADLINE, edit.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        kubectl
            .run(&["get", "deploy", "web", "-o", "jsonpath={.metadata.labels.tier}"])
            .await,
        "back"
    );
    // Subcommands of create send protobuf from 1.32 on.
    has(
        &kubectl
            .run(&["create", "configmap", "map", "--from-literal=a=b"])
            .await,
        "created",
    );
    assert_eq!(
        kubectl
            .run(&["get", "configmap", "map", "-o", "jsonpath={.data.a}"])
            .await,
        "b"
    );
    has(
        &kubectl
            .run(&["create", "secret", "generic", "key", "--from-literal=a=b"])
            .await,
        "created",
    );
    assert_eq!(
        kubectl
            .run(&["get", "secret", "key", "-o", "jsonpath={.data.a}"])
            .await,
        "Yg=="
    );
    has(
        &kubectl
            .run(&["create", "deployment", "two", "--image=hollow"])
            .await,
        "created",
    );
    kubectl.run(&["rollout", "status", "deployment/two"]).await;
    has(&kubectl.run(&["delete", "deployment", "two"]).await, "deleted");
    kubectl.run(&["create", "namespace", "other"]).await;
    has(&kubectl.run(&["delete", "namespace", "other"]).await, "deleted");
}

const WIDGETS: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wg], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.replicas, description: How many.}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [image]
            properties:
              image: {type: string, pattern: '^[a-z]+$', description: What runs.}
              replicas: {type: integer, minimum: 0, maximum: 9, default: 2}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
  - name: v1alpha1
    served: true
    storage: false
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

async fn custom(kubectl: &Kubectl) {
    let out = kubectl.feed(&["apply", "-f", "-"], WIDGETS).await;
    has(
        &out,
        "customresourcedefinition.apiextensions.k8s.io/widgets.example.com created",
    );
    kubectl
        .run(&["wait", "--for=condition=Established", "crd/widgets.example.com"])
        .await;
    has(&kubectl.run(&["get", "crd"]).await, "CREATED AT");
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {image: abc}\n";
    has(
        &kubectl.feed(&["apply", "-f", "-"], widget).await,
        "widget.example.com/a created",
    );
    has(
        &kubectl.feed(&["apply", "-f", "-"], widget).await,
        "widget.example.com/a unchanged",
    );
    let table = kubectl.run(&["get", "wg"]).await;
    has(&table, "SIZE");
    has(&table, "a      2");
    has(&kubectl.run(&["get", "all"]).await, "widget.example.com/a");
    let why = kubectl
        .fail(&["create", "-f", "-"], &widget.replace("abc", "ABC"))
        .await;
    has(&why, "spec.image in body should match");
    has(
        &kubectl.run(&["scale", "widget", "a", "--replicas=5"]).await,
        "widget.example.com/a scaled",
    );
    has(
        &kubectl
            .run(&["get", "widgets", "a", "-o", "jsonpath={.spec.replicas}"])
            .await,
        "5",
    );
    has(
        &kubectl
            .run(&[
                "patch",
                "wg",
                "a",
                "--type=merge",
                "-p",
                r#"{"spec":{"image":"xyz"}}"#,
            ])
            .await,
        "patched",
    );
    let out = kubectl
        .feed(
            &["apply", "--server-side", "--force-conflicts", "-f", "-"],
            widget,
        )
        .await;
    has(&out, "serverside-applied");
    has(&kubectl.run(&["describe", "widget", "a"]).await, "Image:     abc");
    if kubectl.minor().await >= 27 {
        has(
            &kubectl.run(&["explain", "widget.spec.image"]).await,
            "What runs.",
        );
    }
    has(
        &kubectl
            .run(&["autoscale", "widget.example.com", "a", "--max=4"])
            .await,
        "autoscaled",
    );
    has(&kubectl.run(&["get", "hpa", "a"]).await, "Widget/a");
    kubectl.run(&["delete", "hpa", "a"]).await;
    has(
        &kubectl.run(&["api-resources", "--api-group=example.com"]).await,
        "example.com/v1",
    );
    kubectl.run(&["delete", "crd", "widgets.example.com"]).await;
    // A cached discovery may still list it.
    has(&kubectl.fail(&["get", "widgets"], "").await, "the server");
}

async fn roles(kubectl: &Kubectl) {
    assert_eq!(
        kubectl
            .with_input(&["auth", "can-i", "list", "pods", "--as=bob"], "")
            .await
            .1,
        "no\n"
    );
    let why = kubectl.fail(&["get", "pods", "--as=bob"], "").await;
    has(
        &why,
        "User \"bob\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"",
    );
    kubectl
        .run(&["create", "role", "reader", "--verb=get,list", "--resource=pods"])
        .await;
    kubectl
        .run(&["create", "rolebinding", "bob", "--role=reader", "--user=bob"])
        .await;
    assert_eq!(
        kubectl.run(&["auth", "can-i", "list", "pods", "--as=bob"]).await,
        "yes\n"
    );
    kubectl.run(&["get", "pods", "--as=bob"]).await;
    assert_eq!(
        kubectl
            .with_input(&["auth", "can-i", "delete", "pods", "--as=bob"], "")
            .await
            .1,
        "no\n"
    );
    has(
        &kubectl.run(&["auth", "can-i", "--list", "--as=bob"]).await,
        "pods",
    );
    kubectl
        .run(&[
            "create",
            "clusterrolebinding",
            "devs",
            "--clusterrole=view",
            "--group=devs",
        ])
        .await;
    has(
        &kubectl
            .run(&["get", "deployments", "-A", "--as=jane", "--as-group=devs"])
            .await,
        "NAME",
    );
    has(
        &kubectl.run(&["get", "rolebindings", "-o", "wide"]).await,
        "Role/reader",
    );
    has(
        &kubectl.run(&["get", "clusterroles"]).await,
        "system:controller:horizontal-pod-autoscaler",
    );
    has(
        &kubectl.run(&["describe", "clusterrole", "view"]).await,
        "horizontalpodautoscalers.autoscaling",
    );
    kubectl.run(&["delete", "rolebinding", "bob"]).await;
}

const LOADED: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: loaded, annotations: {capstan.dev/cpu-load: 350m, capstan.dev/memory-usage: 64Mi}}
spec:
  replicas: 5
  selector: {matchLabels: {app: loaded}}
  template:
    metadata: {labels: {app: loaded}}
    spec: {containers: [{name: app, image: hollow, resources: {requests: {cpu: 100m}}}]}
";

async fn aggregated(kubectl: &Kubectl) {
    let table = kubectl.run(&["get", "apiservices"]).await;
    has(&table, "kube-system/metrics-server");
    has(&table, "Local");
    let described = kubectl
        .run(&["describe", "apiservice", "v1beta1.metrics.k8s.io"])
        .await;
    has(&described, "all checks passed");
    kubectl.feed(&["apply", "-f", "-"], LOADED).await;
    kubectl.run(&["rollout", "status", "deployment/loaded"]).await;
    let top = kubectl.run(&["top", "pods", "-l", "app=loaded"]).await;
    assert_eq!(top.matches("70m").count(), 5, "{top}");
    assert_eq!(top.matches("64Mi").count(), 5, "{top}");
    has(
        &kubectl
            .run(&["top", "pods", "-l", "app=loaded", "--containers"])
            .await,
        "app ",
    );
    let table = kubectl.run(&["get", "podmetrics"]).await;
    has(&table, "MEMORY");
    has(&table, "70m");
    has(
        &kubectl
            .run(&["api-resources", "--api-group=metrics.k8s.io"])
            .await,
        "NodeMetrics",
    );
    has(
        &kubectl
            .run(&["get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"])
            .await,
        "NodeMetricsList",
    );
    // The owner's load can be changed under the same pods.
    kubectl
        .run(&[
            "annotate",
            "deployment",
            "loaded",
            "--overwrite",
            "capstan.dev/cpu-load=500m",
        ])
        .await;
    let top = kubectl.run(&["top", "pods", "-l", "app=loaded"]).await;
    assert_eq!(top.matches("100m").count(), 5, "{top}");
    kubectl.run(&["delete", "deployment", "loaded"]).await;
}

const OLD_AUTOSCALERS: &str = r#"
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata:
  name: v1
  annotations:
    autoscaling.alpha.kubernetes.io/metrics: '[{"type":"Pods","pods":{"metricName":"qps","targetAverageValue":"1k"}}]'
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 5, targetCPUUtilizationPercentage: 55}
---
apiVersion: autoscaling/v2beta1
kind: HorizontalPodAutoscaler
metadata: {name: v2beta1}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
  metrics: [{type: External, external: {metricName: queue, targetAverageValue: "30"}}]
---
apiVersion: autoscaling/v2beta2
kind: HorizontalPodAutoscaler
metadata: {name: v2beta2, annotations: {autoscaling.alpha.kubernetes.io/scale-up-tolerance: 50m}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
  behavior: {scaleUp: {stabilizationWindowSeconds: 7}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: v2}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 64Mi}}}]
"#;

async fn autoscalers(kubectl: &Kubectl) {
    let out = kubectl
        .run(&[
            "autoscale",
            "deployment",
            "web",
            "--min=2",
            "--max=5",
            "--cpu-percent=60",
        ])
        .await;
    has(&out, "horizontalpodautoscaler.autoscaling/web autoscaled");
    let table = kubectl.run(&["get", "hpa"]).await;
    has(&table, "Deployment/web");
    has(&table, "cpu: <unknown>/60%");
    let described = kubectl.run(&["describe", "hpa", "web"]).await;
    has(&described, "resource cpu on pods  (as a percentage of request)");
    has(&described, "<unknown> / 60%");
    has(&described, "Max replicas:");
    let out = kubectl.feed(&["apply", "-f", "-"], OLD_AUTOSCALERS).await;
    for name in ["v1", "v2beta1", "v2beta2", "v2"] {
        has(
            &out,
            &format!("horizontalpodautoscaler.autoscaling/{name} created"),
        );
    }
    let out = kubectl.feed(&["apply", "-f", "-"], OLD_AUTOSCALERS).await;
    for name in ["v1", "v2beta1", "v2beta2", "v2"] {
        has(
            &out,
            &format!("horizontalpodautoscaler.autoscaling/{name} unchanged"),
        );
    }
    let changed = OLD_AUTOSCALERS.replace("maxReplicas: 5", "maxReplicas: 6");
    let out = kubectl.feed(&["apply", "-f", "-"], &changed).await;
    for name in ["v1", "v2beta1", "v2beta2", "v2"] {
        has(
            &out,
            &format!("horizontalpodautoscaler.autoscaling/{name} configured"),
        );
    }
    let out = kubectl
        .feed(
            &["apply", "--server-side", "--force-conflicts", "-f", "-"],
            OLD_AUTOSCALERS,
        )
        .await;
    has(&out, "horizontalpodautoscaler.autoscaling/v2 serverside-applied");
    let table = kubectl.run(&["get", "hpa"]).await;
    has(&table, "<unknown>/1k, cpu: <unknown>/55%");
    has(&table, "<unknown>/30 (avg)");
    has(&table, "memory: <unknown>/64Mi");
    let read = |name: &'static str, path: &'static str| async move {
        kubectl.run(&["get", "hpa", name, "-o", path]).await
    };
    assert_eq!(
        read("v2beta2", "jsonpath={.spec.behavior.scaleUp.tolerance}").await,
        "50m"
    );
    assert_eq!(
        read(
            "v2beta2",
            "jsonpath={.spec.behavior.scaleUp.stabilizationWindowSeconds}"
        )
        .await,
        "7"
    );
    assert_eq!(
        read(
            "v2beta1",
            "jsonpath={.spec.metrics[0].external.target.averageValue}"
        )
        .await,
        "30"
    );
    let old = kubectl
        .run(&[
            "get",
            "horizontalpodautoscalers.v1.autoscaling",
            "v2",
            "-o",
            "yaml",
        ])
        .await;
    has(&old, "maxReplicas: 5");
    let raw = kubectl
        .run(&[
            "get",
            "--raw",
            "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/v2",
        ])
        .await;
    has(&raw, "autoscaling.alpha.kubernetes.io/metrics");
    has(
        &kubectl.run(&["explain", "hpa.spec.behavior.scaleUp"]).await,
        "stabilizationWindowSeconds",
    );
    has(
        &kubectl
            .run(&["explain", "hpa", "--api-version=autoscaling/v1", "--recursive"])
            .await,
        "targetCPUUtilizationPercentage",
    );
    has(
        &kubectl
            .run(&[
                "explain",
                "hpa",
                "--api-version=autoscaling/v2beta1",
                "--recursive",
            ])
            .await,
        "targetAverageUtilization",
    );
    let out = kubectl
        .run(&["patch", "hpa", "v2", "-p", r#"{"spec":{"minReplicas":2}}"#])
        .await;
    has(&out, "horizontalpodautoscaler.autoscaling/v2 patched");
    let why = kubectl
        .fail(&["patch", "hpa", "v2", "-p", r#"{"spec":{"minReplicas":9}}"#], "")
        .await;
    has(&why, "must be greater than or equal to `minReplicas`");
    has(
        &kubectl.run(&["get", "all"]).await,
        "horizontalpodautoscaler.autoscaling/v2",
    );
    has(
        &kubectl.run(&["delete", "hpa", "--all"]).await,
        "\"v2beta1\" deleted",
    );
}

async fn old_group(kubectl: &Kubectl) {
    has(
        &kubectl.feed(&["create", "-f", "-"], OLD_MANIFEST).await,
        "replicaset.extensions/old created",
    );
    has(
        &kubectl
            .run(&["scale", "replicasets.v1beta1.extensions/old", "--replicas=2"])
            .await,
        "scaled",
    );
    has(
        &kubectl
            .run(&[
                "get",
                "--raw",
                "/apis/extensions/v1beta1/namespaces/default/replicasets/old/scale",
            ])
            .await,
        "targetSelector",
    );
    kubectl
        .run(&[
            "wait",
            "--for=condition=Ready",
            "pod",
            "-l",
            "app=old",
            "--timeout=60s",
        ])
        .await;
    let pod = kubectl
        .run(&[
            "get",
            "pods",
            "-l",
            "app=old",
            "-o",
            "jsonpath={.items[0].metadata.name}",
        ])
        .await;
    has(&kubectl.run(&["logs", &pod]).await, "listening on");
    has(
        &kubectl.run(&["logs", "--tail=1", "--timestamps", &pod]).await,
        "Z listening on",
    );
    has(
        &kubectl.feed(&["delete", "-f", "-"], OLD_MANIFEST).await,
        "deleted",
    );
    has(&kubectl.feed(&["delete", "-f", "-"], MANIFEST).await, "deleted");
}

async fn complaints(kubectl: &Kubectl, minor: u32) {
    has(
        &kubectl.fail(&["get", "pod", "nope"], "").await,
        "Error from server (NotFound): pods \"nope\" not found",
    );
    has(
        &kubectl.fail(&["get", "nope"], "").await,
        "the server doesn't have a resource type \"nope\"",
    );
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"a","image":"i","imag":"b"}]}}"#;
    let complaint = kubectl.fail(&["create", "-f", "-"], pod).await;
    has(
        &complaint,
        if minor >= 27 {
            "unknown field \"spec.containers[0].imag\""
        } else {
            "unknown field \"imag\""
        },
    );
    let pod =
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"a"}]}}"#;
    has(
        &kubectl.fail(&["create", "-f", "-"], pod).await,
        "spec.containers[0].image: Required value",
    );
}

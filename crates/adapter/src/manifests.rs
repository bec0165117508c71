//! What a cluster has to know of the adapter: account, rights, deployment, service, `APIService`s. Rights are as few as the
//! configuration needs; names are kube-metrics-adapter's, so that applying them over its manifests replaces those.

use capstan_collectors::schedule::crds;
use capstan_kubeapi::Status;
use serde_json::{Value, json};

use crate::certificate::Service;
use crate::serve;

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const ACCOUNT: &str = "custom-metrics-apiserver";
const COLLECTOR: &str = "custom-metrics-resource-collector";
const REGISTRAR: &str = "custom-metrics-apiservice-registrar";
/// The port of the metrics APIs in the pod.
const SECURE_PORT: u16 = 6443;
/// kube-metrics-adapter's `--metrics-address`.
const METRICS_PORT: u16 = 7979;
/// As kube-metrics-adapter's.
const PRIORITY: i64 = 100;

/// What the adapter is to do, as far as rights and manifests depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it runs.
    pub service: Service,
    /// Its image.
    pub image: String,
    /// Further flags of `capstan adapter`.
    pub flags: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            service: Service::default(),
            image: concat!("capstan:", env!("CARGO_PKG_VERSION")).to_owned(),
            flags: Vec::new(),
        }
    }
}

impl Settings {
    /// Whether a flag is set: `--flag`, `--flag=true`. The last one counts.
    fn on(&self, flag: &str, usually: bool) -> bool {
        let mut values = self.flags.iter().filter_map(|given| {
            let rest = given.strip_prefix("--")?.strip_prefix(flag)?;
            match rest.strip_prefix('=') {
                None if rest.is_empty() => Some(true),
                None => None,
                Some(value) => Some(value.eq_ignore_ascii_case("true") || value == "1"),
            }
        });
        values.next_back().unwrap_or(usually)
    }

    fn given(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| {
            given
                .strip_prefix("--")
                .and_then(|given| given.strip_prefix(flag))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    }

    /// The versions of groups that are served.
    fn services(&self) -> Vec<(&'static str, &'static str, i64)> {
        let mut groups = Vec::new();
        if self.on("enable-custom-metrics-api", true) {
            groups.push(("custom.metrics.k8s.io", "v1beta1", PRIORITY));
            // Controllers take the version with the highest number.
            groups.push(("custom.metrics.k8s.io", "v1beta2", 2 * PRIORITY));
        }
        if self.on("enable-external-metrics-api", true) {
            groups.push(("external.metrics.k8s.io", "v1beta1", PRIORITY));
        }
        if self.on("enable-resource-metrics-api", false) {
            groups.push(("metrics.k8s.io", "v1beta1", PRIORITY));
        }
        groups
    }

    /// The objects, in the order in which they can be applied.
    pub fn objects(&self) -> Vec<Value> {
        let mut objects = vec![json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": self.service.namespace},
        })];
        if self.on("scaling-schedule", false) {
            let kinds = [crds::SCALING_SCHEDULE, crds::CLUSTER_SCALING_SCHEDULE];
            // A test reads both.
            objects.extend(
                kinds
                    .iter()
                    .filter_map(|text| serde_saphyr::from_str::<Value>(text).ok()),
            );
        }
        objects.extend(self.readers());
        objects.push(role(COLLECTOR, &self.rights()));
        objects.push(self.bound(COLLECTOR, COLLECTOR));
        if !self.given("tls-cert-file") {
            objects.push(role(REGISTRAR, &self.registering()));
            objects.push(self.bound(REGISTRAR, REGISTRAR));
        }
        // Tokens and rights are reviewed by the API server; whom it trusts stands in a config map.
        objects.push(self.bound("custom-metrics:system:auth-delegator", "system:auth-delegator"));
        objects.push(json!({
            "apiVersion": RBAC,
            "kind": "RoleBinding",
            "metadata": {"name": "custom-metrics-auth-reader", "namespace": "kube-system"},
            "roleRef": {"apiGroup": RBAC_GROUP, "kind": "Role", "name": "extension-apiserver-authentication-reader"},
            "subjects": [self.account()],
        }));
        objects.push(self.service());
        objects.push(self.deployment());
        for (group, version, priority) in self.services() {
            objects.push(json!({
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": {"name": format!("{version}.{group}")},
                "spec": {
                    "group": group,
                    "version": version,
                    "groupPriorityMinimum": PRIORITY,
                    "versionPriority": priority,
                    "service": {"namespace": self.service.namespace, "name": self.service.name, "port": 443},
                },
            }));
        }
        objects
    }

    /// The objects as YAML documents.
    ///
    /// # Errors
    /// When an object cannot be written as YAML, which none of ours is.
    pub fn yaml(&self) -> Result<String, Status> {
        let mut out = String::new();
        for object in self.objects() {
            out.push_str("---\n");
            let text = serde_saphyr::to_string(&object).map_err(Status::internal)?;
            out.push_str(text.trim_end());
            out.push('\n');
        }
        Ok(out)
    }

    fn account(&self) -> Value {
        json!({"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.service.namespace})
    }

    fn bound(&self, name: &str, role: &str) -> Value {
        binding(name, role, &self.account())
    }

    /// What the controller of HPAs needs to read from us. A cluster's own role may already say so.
    fn readers(&self) -> Vec<Value> {
        let controller = json!({"kind": "ServiceAccount", "name": "horizontal-pod-autoscaler", "namespace": "kube-system"});
        let mut objects = Vec::new();
        for (flag, role_name, bound, group) in [
            (
                "enable-custom-metrics-api",
                "custom-metrics-server-resources",
                "hpa-controller-custom-metrics",
                "custom.metrics.k8s.io",
            ),
            (
                "enable-external-metrics-api",
                "external-metrics-server-resources",
                "hpa-controller-external-metrics",
                "external.metrics.k8s.io",
            ),
        ] {
            if self.on(flag, true) {
                // A metric is a resource: their names are not known beforehand.
                objects.push(role(role_name, &[rule(group, &["*"], &["get", "list"])]));
                objects.push(binding(bound, role_name, &controller));
            }
        }
        if self.on("enable-resource-metrics-api", false) {
            let name = "resource-metrics-server-resources";
            objects.push(role(name, &[rule("metrics.k8s.io", &["pods"], &["list"])]));
            objects.push(binding("hpa-controller-resource-metrics", name, &controller));
        }
        objects
    }

    /// What collectors and the index of HPAs read, and the events they leave.
    fn rights(&self) -> Vec<Value> {
        const READ: [&str; 3] = ["get", "list", "watch"];
        let mut rules = vec![
            rule("autoscaling", &["horizontalpodautoscalers"], &READ),
            rule("", &["events"], &["create", "patch"]),
            // Their addresses and readiness for the pod collector, their labels for requests with a selector.
            rule("", &["pods"], &READ),
            // The selector of what an HPA scales, and how many replicas a metric is divided by.
            rule(
                "apps",
                &[
                    "deployments",
                    "deployments/scale",
                    "replicasets",
                    "replicasets/scale",
                    "statefulsets",
                    "statefulsets/scale",
                ],
                &["get"],
            ),
            rule(
                "",
                &["replicationcontrollers", "replicationcontrollers/scale"],
                &["get"],
            ),
            rule("argoproj.io", &["rollouts", "rollouts/scale"], &["get"]),
        ];
        if self.on("skipper-ingress-metrics", false) {
            rules.push(rule("networking.k8s.io", &["ingresses"], &READ));
        }
        if self.on("skipper-routegroup-metrics", false) {
            rules.push(rule("zalando.org", &["routegroups"], &READ));
        }
        if self.on("scaling-schedule", false) {
            rules.push(rule(
                "zalando.org",
                &["scalingschedules", "clusterscalingschedules"],
                &READ,
            ));
            rules.push(rule(
                "zalando.org",
                &["scalingschedules/status", "clusterscalingschedules/status"],
                &["update", "patch"],
            ));
            // A schedule may scale what an HPA would leave within its tolerance.
            rules.push(rule(
                "apps",
                &["deployments/scale", "replicasets/scale", "statefulsets/scale"],
                &["update", "patch"],
            ));
            rules.push(rule("", &["replicationcontrollers/scale"], &["update", "patch"]));
            rules.push(rule("argoproj.io", &["rollouts/scale"], &["update", "patch"]));
        }
        if self.on("enable-resource-metrics-api", false) {
            rules.push(rule("", &["nodes"], &["get", "list"]));
        }
        rules
    }

    /// Writing our authority into our `APIService`s, and no others.
    fn registering(&self) -> Vec<Value> {
        let names: Vec<String> = self
            .services()
            .iter()
            .map(|(group, version, _)| format!("{version}.{group}"))
            .collect();
        vec![json!({
            "apiGroups": ["apiregistration.k8s.io"],
            "resources": ["apiservices"],
            "resourceNames": names,
            "verbs": ["get", "patch"],
        })]
    }

    fn labels(&self) -> Value {
        json!({"application": self.service.name})
    }

    fn service(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self.service.name, "namespace": self.service.namespace, "labels": self.labels()},
            "spec": {
                "selector": self.labels(),
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": SECURE_PORT}],
            },
        })
    }

    fn deployment(&self) -> Value {
        let mut arguments = vec![
            "adapter".to_owned(),
            format!("--secure-port={SECURE_PORT}"),
            format!("--service={}/{}", self.service.namespace, self.service.name),
        ];
        // What the manifests fix is not for flags to change.
        let fixed = |flag: &&String| flag.starts_with("--secure-port=") || flag.starts_with("--service=");
        arguments.extend(self.flags.iter().filter(|flag| !fixed(flag)).cloned());
        let probe = |path: &str| json!({"httpGet": {"path": path, "port": SECURE_PORT, "scheme": "HTTPS"}, "periodSeconds": 10});
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.service.name, "namespace": self.service.namespace, "labels": self.labels()},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": self.labels()},
                "template": {
                    "metadata": {
                        "labels": self.labels(),
                        "annotations": {
                            "prometheus.io/scrape": "true",
                            "prometheus.io/port": METRICS_PORT.to_string(),
                        },
                    },
                    "spec": {
                        "serviceAccountName": ACCOUNT,
                        "securityContext": {
                            "runAsNonRoot": true,
                            "runAsUser": 65534,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [{
                            "name": "kube-metrics-adapter",
                            "image": self.image,
                            "args": arguments,
                            "ports": [
                                {"name": "https", "containerPort": SECURE_PORT, "protocol": "TCP"},
                                {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
                            ],
                            "readinessProbe": probe("/readyz"),
                            "livenessProbe": probe("/livez"),
                            "resources": {
                                "limits": {"cpu": "100m", "memory": "100Mi"},
                                "requests": {"cpu": "100m", "memory": "100Mi"},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": false,
                                "readOnlyRootFilesystem": true,
                                "capabilities": {"drop": ["ALL"]},
                            },
                        }],
                    },
                },
            },
        })
    }
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

fn role(name: &str, rules: &[Value]) -> Value {
    json!({"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
}

fn binding(name: &str, role: &str, subject: &Value) -> Value {
    json!({
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    })
}

impl From<&Settings> for serve::Options {
    /// The part of the server's options that the manifests fix.
    fn from(settings: &Settings) -> Self {
        Self {
            service: settings.service.clone(),
            custom: settings.on("enable-custom-metrics-api", true),
            external: settings.on("enable-external-metrics-api", true),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(flags: &[&str]) -> Settings {
        Settings {
            flags: flags.iter().map(ToString::to_string).collect(),
            ..Settings::default()
        }
    }

    fn names(settings: &Settings, kind: &str) -> Vec<String> {
        let objects = settings.objects();
        let of_kind = objects.iter().filter(|object| object["kind"] == kind);
        of_kind
            .map(|object| object["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    fn may(settings: &Settings, group: &str, resource: &str, verb: &str) -> bool {
        settings.rights().iter().any(|rule| {
            let has =
                |field: &str, value: &str| rule[field].as_array().unwrap().iter().any(|known| known == value);
            has("apiGroups", group) && has("resources", resource) && has("verbs", verb)
        })
    }

    #[test]
    fn schedules_bring_their_kinds() {
        let none = names(&settings(&[]), "CustomResourceDefinition");
        assert_eq!(none, Vec::<String>::new());
        let all = settings(&["--scaling-schedule"]);
        assert_eq!(
            names(&all, "CustomResourceDefinition"),
            [
                "scalingschedules.zalando.org",
                "clusterscalingschedules.zalando.org"
            ]
        );
        for object in all.objects() {
            if object["kind"] == "CustomResourceDefinition" {
                let version = &object["spec"]["versions"][0];
                assert_eq!(version["subresources"]["status"], json!({}));
                let schema = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
                assert_eq!(schema["schedules"]["items"]["required"], json!(["type", "value"]));
            }
        }
    }

    #[test]
    fn rights_follow_the_configuration() {
        let few = settings(&["--prometheus-server=http://prometheus"]);
        for (group, resource, verb) in [
            ("networking.k8s.io", "ingresses", "get"),
            ("zalando.org", "scalingschedules", "get"),
            ("apps", "deployments/scale", "update"),
            ("", "nodes", "list"),
            ("", "secrets", "get"),
        ] {
            assert!(!may(&few, group, resource, verb), "{resource}");
        }
        assert!(may(&few, "", "pods", "list") && may(&few, "apps", "deployments", "get"));
        let many = settings(&[
            "--skipper-ingress-metrics",
            "--skipper-routegroup-metrics=false",
            "--scaling-schedule=true",
            "--enable-resource-metrics-api",
        ]);
        assert!(may(&many, "networking.k8s.io", "ingresses", "watch"));
        assert!(!may(&many, "zalando.org", "routegroups", "get"));
        assert!(may(&many, "apps", "deployments/scale", "update"));
        assert!(may(&many, "", "nodes", "list"));
        let all = settings(&[]);
        assert_eq!(
            names(&all, "APIService"),
            [
                "v1beta1.custom.metrics.k8s.io",
                "v1beta2.custom.metrics.k8s.io",
                "v1beta1.external.metrics.k8s.io"
            ]
        );
        let external = settings(&["--enable-custom-metrics-api=false", "--tls-cert-file=/tls.crt"]);
        assert_eq!(
            names(&external, "APIService"),
            ["v1beta1.external.metrics.k8s.io"]
        );
        assert!(!names(&external, "ClusterRole").contains(&REGISTRAR.to_owned()));
        assert!(!names(&external, "ClusterRole").contains(&"custom-metrics-server-resources".to_owned()));
    }

    #[test]
    fn nobody_is_asked_to_skip_verification() {
        let text = settings(&["--scaling-schedule"]).yaml().unwrap();
        assert!(!text.contains("insecureSkipTLSVerify"));
        assert_eq!(
            text.matches("---\n").count(),
            settings(&["--scaling-schedule"]).objects().len()
        );
        assert!(text.contains("--scaling-schedule"), "flags reach the container");
    }
}

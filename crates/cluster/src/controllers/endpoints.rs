//! Endpoints and EndpointSlices: the addresses behind each Service. Terminating pods are not among the ready ones, so
//! they leave before they end.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::{ENDPOINTS, ENDPOINTSLICES, PODS, SERVICES};
use capstan_kubeapi::{Resource, Status, meta};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::driver::{Controller, Key};
use super::pods;
use super::{Context, labels};
use crate::objects::{DeleteOptions, Subresource};
use crate::storage::EventKind;
use crate::watch::Event;

/// Endpoints per slice, upstream's `--max-endpoints-per-slice`.
const SLICE_SIZE: usize = 100;
/// Addresses in an Endpoints object; more are left out and an annotation says so, as upstream.
const ENDPOINTS_SIZE: usize = 1000;

/// The controller of `endpoints` and `endpointslices`.
#[derive(Debug, Default)]
pub(crate) struct EndpointsOfServices {
    /// Services by selector, so that the many pod changes need no list.
    services: Mutex<HashMap<Key, Value>>,
}

impl Controller for EndpointsOfServices {
    fn name(&self) -> &'static str {
        "endpoints-controller"
    }

    fn watches(&self) -> Vec<Resource> {
        vec![SERVICES, PODS]
    }

    fn concerns(&self, _: &Context, resource: Resource, event: &Event) -> Vec<Key> {
        if resource == SERVICES {
            let key = Key::of(&event.object);
            let mut services = self.services.lock();
            match event.object.pointer("/spec/selector") {
                Some(selector) if event.kind != EventKind::Deleted => {
                    services.insert(key.clone(), selector.clone());
                }
                _ => {
                    services.remove(&key);
                }
            }
            return vec![key];
        }
        let namespace = meta::namespace(&event.object);
        let now = meta::labels(&event.object);
        let before = event.previous.as_deref().and_then(meta::labels);
        let services = self.services.lock();
        services
            .iter()
            .filter(|(key, _)| key.namespace == namespace)
            .filter(|(_, selector)| {
                labels::map_selects(Some(selector), now) || labels::map_selects(Some(selector), before)
            })
            .map(|(key, _)| key.clone())
            .collect()
    }

    fn reconcile(&self, context: &Context, key: &Key) -> Result<Option<Duration>, Status> {
        let service = match context.objects.get(SERVICES, key.scope(), &key.name) {
            Ok(service) => service,
            Err(status) if status.is_not_found() => {
                self.services.lock().remove(key);
                return remove(context, key).map(|()| None);
            }
            Err(status) => return Err(status),
        };
        let selector = service.pointer("/spec/selector");
        let external = service.pointer("/spec/type").and_then(Value::as_str) == Some("ExternalName");
        // Without a selector somebody else writes the endpoints.
        if external || selector.and_then(Value::as_object).is_none_or(Map::is_empty) {
            return Ok(None);
        }
        let unready_too = service
            .pointer("/spec/publishNotReadyAddresses")
            .and_then(Value::as_bool)
            == Some(true);
        let backends: Vec<Backend> = context
            .objects
            .list(PODS, Some(&key.namespace))
            .items
            .into_iter()
            .filter(|pod| labels::map_selects(selector, meta::labels(pod)) && !pods::is_finished(pod))
            .filter_map(|pod| Backend::of(&service, pod, unready_too))
            .collect();
        write_endpoints(context, &service, &backends)?;
        write_slices(context, &service, &backends)?;
        Ok(None)
    }
}

/// A port as a backend has it: name, number, protocol, application protocol.
type Port = (Option<String>, i64, String, Option<String>);

struct Backend {
    pod: Arc<Value>,
    address: String,
    serving: bool,
    terminating: bool,
    ready: bool,
    /// A named target port may differ from pod to pod.
    ports: Vec<Port>,
}

impl Backend {
    fn of(service: &Value, pod: Arc<Value>, unready_too: bool) -> Option<Self> {
        let address = pod
            .pointer("/status/podIP")
            .and_then(Value::as_str)
            .filter(|ip| !ip.is_empty())?
            .to_owned();
        let (serving, terminating) = (pods::is_ready(&pod), meta::is_deleting(&pod));
        let ports = ports(service, &pod);
        let ready = unready_too || (serving && !terminating);
        Some(Self {
            pod,
            address,
            serving,
            terminating,
            ready,
            ports,
        })
    }

    fn target(&self) -> Value {
        json!({"kind": "Pod", "namespace": meta::namespace(&self.pod), "name": meta::name(&self.pod), "uid": meta::uid(&self.pod)})
    }
}

/// The service's ports on this pod; a port whose name the pod does not have is left out.
fn ports(service: &Value, pod: &Value) -> Vec<Port> {
    let Some(all) = service.pointer("/spec/ports").and_then(Value::as_array) else {
        return Vec::new();
    };
    all.iter()
        .filter_map(|port| {
            let text = |field: &str| port.get(field).and_then(Value::as_str).map(str::to_owned);
            let number = target_port(port, pod)?;
            Some((
                text("name"),
                number,
                text("protocol").unwrap_or_else(|| "TCP".to_owned()),
                text("appProtocol"),
            ))
        })
        .collect()
}

/// The container port that a service port leads to.
pub(crate) fn target_port(port: &Value, pod: &Value) -> Option<i64> {
    match port.get("targetPort") {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(name)) => match name.parse() {
            Ok(number) => Some(number),
            Err(_) => container_port(pod, name),
        },
        _ => port.get("port").and_then(Value::as_i64),
    }
}

/// The number of a container port by its name.
pub(crate) fn container_port(pod: &Value, name: &str) -> Option<i64> {
    let containers = pod.pointer("/spec/containers")?.as_array()?;
    containers
        .iter()
        .filter_map(|container| container.get("ports").and_then(Value::as_array))
        .flatten()
        .find(|port| port.get("name").and_then(Value::as_str) == Some(name))?
        .get("containerPort")?
        .as_i64()
}

fn write_endpoints(context: &Context, service: &Value, backends: &[Backend]) -> Result<(), Status> {
    // One subset per set of ports; ready and unready addresses apart.
    let mut subsets: BTreeMap<&[Port], (Vec<Value>, Vec<Value>)> = BTreeMap::new();
    for backend in backends
        .iter()
        .filter(|b| b.ready || !b.terminating)
        .take(ENDPOINTS_SIZE)
    {
        let (ready, unready) = subsets.entry(&backend.ports).or_default();
        let node = backend
            .pod
            .pointer("/spec/nodeName")
            .cloned()
            .unwrap_or(Value::Null);
        let address = json!({"ip": backend.address, "nodeName": node, "targetRef": backend.target()});
        if backend.ready {
            ready.push(address);
        } else {
            unready.push(address);
        }
    }
    let subsets: Vec<Value> = subsets
        .into_iter()
        .map(|(ports, (ready, unready))| {
            let mut subset = Map::new();
            if !ready.is_empty() {
                subset.insert("addresses".into(), ready.into());
            }
            if !unready.is_empty() {
                subset.insert("notReadyAddresses".into(), unready.into());
            }
            if !ports.is_empty() {
                subset.insert("ports".into(), ports.iter().map(port_value).collect());
            }
            Value::Object(subset)
        })
        .collect();
    let (namespace, name) = (meta::namespace(service), meta::name(service));
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": name, "namespace": namespace, "labels": labels_of(service, "endpoints.kubernetes.io/managed-by", "endpoint-controller")},
    });
    if backends.len() > ENDPOINTS_SIZE {
        object["metadata"]["annotations"] = json!({"endpoints.kubernetes.io/over-capacity": "truncated"});
    }
    if !subsets.is_empty() {
        object["subsets"] = subsets.into();
    }
    put(context, ENDPOINTS, namespace, name, object, &["subsets"])
}

fn write_slices(context: &Context, service: &Value, backends: &[Backend]) -> Result<(), Status> {
    let (namespace, name) = (meta::namespace(service), meta::name(service));
    let mut by_ports: BTreeMap<&[Port], Vec<&Backend>> = BTreeMap::new();
    for backend in backends {
        by_ports.entry(&backend.ports).or_default().push(backend);
    }
    // A service without pods has one empty slice.
    let declared = ports(service, &Value::Null);
    if by_ports.is_empty() {
        by_ports.insert(&declared, Vec::new());
    }
    let mut wanted: Vec<String> = Vec::new();
    for (ports, members) in by_ports {
        let chunks: Vec<&[&Backend]> = if members.is_empty() {
            vec![&[]]
        } else {
            members.chunks(SLICE_SIZE).collect()
        };
        for members in chunks {
            let slice_name = format!("{name}-{}", suffix(name, wanted.len()));
            let endpoints: Vec<Value> = members
                .iter()
                .map(|backend| {
                    json!({
                        "addresses": [backend.address],
                        "conditions": {"ready": backend.ready, "serving": backend.serving, "terminating": backend.terminating},
                        "targetRef": backend.target(),
                        "nodeName": backend.pod.pointer("/spec/nodeName").cloned().unwrap_or(Value::Null),
                    })
                })
                .collect();
            let mut labels = labels_of(
                service,
                "endpointslice.kubernetes.io/managed-by",
                "endpointslice-controller.k8s.io",
            );
            labels.insert("kubernetes.io/service-name".into(), name.into());
            let object = json!({
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": slice_name,
                    "namespace": namespace,
                    "labels": labels,
                    "ownerReferences": [pods::owner_reference(service, "v1", "Service")],
                },
                "addressType": "IPv4",
                "endpoints": endpoints,
                "ports": ports.iter().map(slice_port).collect::<Vec<_>>(),
            });
            put(
                context,
                ENDPOINTSLICES,
                namespace,
                &slice_name,
                object,
                &["endpoints", "ports"],
            )?;
            wanted.push(slice_name);
        }
    }
    for slice in context.objects.list(ENDPOINTSLICES, Some(namespace)).items {
        if is_slice_of(&slice, name) && !wanted.iter().any(|w| w == meta::name(&slice)) {
            delete(context, ENDPOINTSLICES, namespace, meta::name(&slice))?;
        }
    }
    Ok(())
}

/// Creates the object, or brings the named fields and the metadata we own up to date.
fn put(
    context: &Context,
    resource: Resource,
    namespace: &str,
    name: &str,
    object: Value,
    fields: &[&str],
) -> Result<(), Status> {
    match context.objects.get(resource, Some(namespace), name) {
        Err(status) if status.is_not_found() => context
            .objects
            .create(resource, Some(namespace), object)
            .map(|_| ()),
        Err(status) => Err(status),
        Ok(present) => {
            let metadata = ["labels", "annotations"];
            let same = fields.iter().all(|field| present.get(field) == object.get(field))
                && metadata
                    .iter()
                    .all(|f| present["metadata"].get(f) == object["metadata"].get(f));
            if same {
                return Ok(());
            }
            let change = |target: &mut Value| {
                copy_fields(target, &object, fields);
                copy_fields(&mut target["metadata"], &object["metadata"], &metadata);
            };
            context
                .objects
                .modify(resource, Some(namespace), name, Subresource::None, change)
                .map(|_| ())
        }
    }
}

fn copy_fields(target: &mut Value, source: &Value, fields: &[&str]) {
    let Some(target) = target.as_object_mut() else {
        return;
    };
    for field in fields {
        match source.get(field) {
            Some(value) => {
                target.insert((*field).to_owned(), value.clone());
            }
            None => {
                target.shift_remove(*field);
            }
        }
    }
}

fn remove(context: &Context, key: &Key) -> Result<(), Status> {
    delete(context, ENDPOINTS, &key.namespace, &key.name)?;
    for slice in context.objects.list(ENDPOINTSLICES, Some(&key.namespace)).items {
        if is_slice_of(&slice, &key.name) {
            delete(context, ENDPOINTSLICES, &key.namespace, meta::name(&slice))?;
        }
    }
    Ok(())
}

fn delete(context: &Context, resource: Resource, namespace: &str, name: &str) -> Result<(), Status> {
    match context
        .objects
        .delete(resource, Some(namespace), name, &DeleteOptions::default())
    {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

fn is_slice_of(slice: &Value, service: &str) -> bool {
    let label = |name: &str| {
        meta::labels(slice)
            .and_then(|labels| labels.get(name))
            .and_then(Value::as_str)
    };
    label("kubernetes.io/service-name") == Some(service)
        && label("endpointslice.kubernetes.io/managed-by") == Some("endpointslice-controller.k8s.io")
}

fn labels_of(service: &Value, manager_label: &str, manager: &str) -> Map<String, Value> {
    let mut labels = meta::labels(service).cloned().unwrap_or_default();
    labels.insert(manager_label.to_owned(), manager.into());
    if service.pointer("/spec/clusterIP").and_then(Value::as_str) == Some("None") {
        labels.insert("service.kubernetes.io/headless".to_owned(), "".into());
    }
    labels
}

fn port_value((name, number, protocol, app): &Port) -> Value {
    let mut port = Map::new();
    if let Some(name) = name {
        port.insert("name".into(), name.as_str().into());
    }
    port.insert("port".into(), (*number).into());
    port.insert("protocol".into(), protocol.as_str().into());
    if let Some(app) = app {
        port.insert("appProtocol".into(), app.as_str().into());
    }
    Value::Object(port)
}

/// A slice's port always has a name, if an empty one.
fn slice_port(port: &Port) -> Value {
    let mut value = port_value(port);
    if value.get("name").is_none() {
        value["name"] = "".into();
    }
    value
}

/// Five letters that tell a service's slices apart and stay the same between runs.
fn suffix(service: &str, index: usize) -> String {
    const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash = service.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = hash.wrapping_add(index as u64);
    (0..5)
        .map(|_| {
            let letter = SAFE[(hash % SAFE.len() as u64) as usize];
            hash /= SAFE.len() as u64;
            char::from(letter)
        })
        .collect()
}

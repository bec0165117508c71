//! Services on this machine: every TCP port of a Service gets a local port that balances over its ready endpoints, by
//! request for HTTP/1 and by connection for everything else.
//!
//! | module | what |
//! |---|---|
//! | [`route`] | a service port: its endpoints, whose turn it is, what is in flight |
//! | [`listener`] | the local port: accepting, telling HTTP from the rest, copying bytes |
//! | [`http`] | balancing requests of kept-alive connections |

mod http;
mod listener;
mod route;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::{ENDPOINTS, ENDPOINTSLICES, SERVICES};
use capstan_kubeapi::{Resource, Status, meta};
use capstan_runtime::Shutdown;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::controllers::Context;
use crate::controllers::driver::{Controller, Key};
use crate::objects::Subresource;
use crate::storage::EventKind;
use crate::watch::Event;
pub(crate) use listener::Protocol;
use route::Route;

/// The annotation of a Service that holds its local ports: `PORT=LOCAL`, separated by commas. A service with node ports has
/// the same numbers there.
pub const LOCAL_PORTS: &str = "capstan.dev/local-ports";
const COMPONENT: &str = "service-proxy";
/// Where node ports may be (the API server's `--service-node-port-range`).
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;
/// Names of services that do not exist yet for which ports are held, over all namespaces.
const RESERVATIONS: usize = 1024;

/// A service port by namespace, service name and port number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PortKey {
    pub(crate) namespace: String,
    pub(crate) service: String,
    pub(crate) port: u16,
}

#[derive(Debug)]
struct Entry {
    route: Arc<Route>,
    /// The port by which it is known: the node port if there is one.
    local: u16,
    listeners: HashMap<u16, Shutdown>,
    /// Whether the service is there; if not, the port is held for it.
    exists: bool,
    /// A program was told this address: it stays even when the service goes and comes again.
    pinned: bool,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<PortKey, Entry>,
    /// Addresses of pods that are ending; whatever an endpoints object still says, they get nothing new.
    retired: HashSet<IpAddr>,
}

/// All local ports of all services.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    table: Arc<Mutex<Table>>,
    shutdown: Shutdown,
}

impl Services {
    pub(crate) fn new(shutdown: Shutdown) -> Self {
        Self {
            table: Arc::default(),
            shutdown,
        }
    }

    /// The local addresses of all ports of a service.
    pub(crate) fn ports_of(&self, namespace: &str, service: &str) -> Vec<(u16, SocketAddr)> {
        let table = self.table.lock();
        table
            .entries
            .iter()
            .filter(|(key, entry)| key.namespace == namespace && key.service == service && entry.exists)
            .map(|(key, entry)| (key.port, SocketAddr::from((Ipv4Addr::LOCALHOST, entry.local))))
            .collect()
    }

    /// The local address for a service port that may not exist yet: a program that is told a name before the service
    /// is there finds it later, as it would through DNS. `None` when too many are held.
    pub(crate) fn reserve(&self, key: &PortKey) -> Option<SocketAddr> {
        let mut table = self.table.lock();
        if let Some(entry) = table.entries.get_mut(key) {
            entry.pinned = true;
            return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, entry.local)));
        }
        if table.entries.values().filter(|entry| !entry.exists).count() >= RESERVATIONS {
            return None;
        }
        let route = Route::new(format!("{}/{}:{}", key.namespace, key.service, key.port));
        let (local, listener) = self.listen(&route, 0).ok()?;
        let entry = Entry {
            route,
            local,
            listeners: HashMap::from([(local, listener)]),
            exists: false,
            pinned: true,
        };
        table.entries.insert(key.clone(), entry);
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, local)))
    }

    /// Takes a pod's address out of every rotation and waits until what is in flight to it has ended. The caller
    /// bounds the wait.
    pub(crate) async fn retire(&self, address: IpAddr) {
        let routes: Vec<Arc<Route>> = {
            let mut table = self.table.lock();
            table.retired.insert(address);
            table
                .entries
                .values()
                .map(|entry| Arc::clone(&entry.route))
                .collect()
        };
        let leaving: Vec<_> = routes.iter().flat_map(|route| route.retire(address)).collect();
        for endpoint in leaving {
            endpoint.idle().await;
        }
    }

    /// The address belongs to a new pod.
    pub(crate) fn admit(&self, address: IpAddr) {
        self.table.lock().retired.remove(&address);
    }

    fn listen(&self, route: &Arc<Route>, port: u16) -> std::io::Result<(u16, Shutdown)> {
        let stop = self.shutdown.child();
        let local = listener::listen(
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            Arc::clone(route),
            stop.clone(),
        )?;
        Ok((local, stop))
    }

    /// Brings one port's local listeners in line; returns the local port.
    fn place(
        &self,
        table: &mut Table,
        key: &PortKey,
        protocol: Protocol,
        node_port: Option<u16>,
    ) -> std::io::Result<u16> {
        if !table.entries.contains_key(key) {
            let route = Route::new(format!("{}/{}:{}", key.namespace, key.service, key.port));
            let entry = Entry {
                route,
                local: 0,
                listeners: HashMap::new(),
                exists: true,
                pinned: false,
            };
            table.entries.insert(key.clone(), entry);
        }
        let used: HashSet<u16> = table.entries.values().map(|entry| entry.local).collect();
        let Some(entry) = table.entries.get_mut(key) else {
            return Err(std::io::Error::other("the entry is gone"));
        };
        entry.exists = true;
        entry.route.set_protocol(protocol);
        if let Some(wanted) = node_port
            && entry.local != wanted
        {
            // Another service's port is refused by the API; a foreign program's port is not free to us.
            let placed = self.listen(&entry.route, wanted).or_else(|_| {
                let start = usize::from(wanted - *NODE_PORTS.start().min(&wanted));
                let count = NODE_PORTS.len();
                (0..count)
                    .map(|step| NODE_PORTS.start() + ((start + step) % count) as u16)
                    .filter(|port| !used.contains(port))
                    .find_map(|port| self.listen(&entry.route, port).ok())
                    .ok_or_else(|| std::io::Error::other("no node port is free on this machine"))
            });
            let (local, stop) = placed?;
            entry.listeners.insert(local, stop);
            entry.local = local;
        }
        if entry.local == 0 {
            let (local, stop) = self.listen(&entry.route, 0)?;
            entry.listeners.insert(local, stop);
            entry.local = local;
        }
        Ok(entry.local)
    }

    /// Forgets a service's ports that it no longer has.
    fn drop_ports(table: &mut Table, key: &Key, keep: &[u16]) {
        table.entries.retain(|port, entry| {
            if port.namespace != key.namespace
                || port.service != key.name
                || keep.contains(&port.port)
                || !entry.exists
            {
                return true;
            }
            entry.route.set_endpoints(&[]);
            entry.exists = false;
            if !entry.pinned {
                entry.listeners.values().for_each(Shutdown::raise);
            }
            entry.pinned
        });
    }
}

impl Controller for Services {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> Vec<Resource> {
        vec![SERVICES, ENDPOINTS, ENDPOINTSLICES]
    }

    fn concerns(&self, _: &Context, resource: Resource, event: &Event) -> Vec<Key> {
        if resource == ENDPOINTSLICES {
            return service_of(&event.object)
                .map(|name| Key::new(meta::namespace(&event.object), name))
                .into_iter()
                .collect();
        }
        // Endpoints alone matter only for services without a selector; those with one have slices.
        if resource == ENDPOINTS && event.kind == EventKind::Deleted {
            return Vec::new();
        }
        vec![Key::of(&event.object)]
    }

    fn reconcile(&self, context: &Context, key: &Key) -> Result<Option<Duration>, Status> {
        let service = match context.objects.get(SERVICES, key.scope(), &key.name) {
            Ok(service) => service,
            Err(status) if status.is_not_found() => {
                Self::drop_ports(&mut self.table.lock(), key, &[]);
                return Ok(None);
            }
            Err(status) => return Err(status),
        };
        if service.pointer("/spec/type").and_then(Value::as_str) == Some("ExternalName") {
            return Ok(None);
        }
        let has_node_port = matches!(
            service.pointer("/spec/type").and_then(Value::as_str),
            Some("NodePort" | "LoadBalancer")
        );
        let empty = Vec::new();
        let ports = service
            .pointer("/spec/ports")
            .and_then(Value::as_array)
            .unwrap_or(&empty);
        let backends = backends(context, key);
        let (mut kept, mut placed, mut failure) = (Vec::new(), Vec::new(), None);
        {
            let mut table = self.table.lock();
            for port in ports {
                let tcp = port
                    .get("protocol")
                    .and_then(Value::as_str)
                    .is_none_or(|protocol| protocol == "TCP");
                let Some(number) = number(port, "port").filter(|_| tcp) else {
                    continue;
                };
                let port_key = PortKey {
                    namespace: key.namespace.clone(),
                    service: key.name.clone(),
                    port: number,
                };
                let wanted = if has_node_port {
                    self::number(port, "nodePort")
                } else {
                    None
                };
                kept.push(number);
                match self.place(&mut table, &port_key, Protocol::of(port), wanted) {
                    Ok(local) => placed.push((number, local, wanted)),
                    Err(error) => failure = Some(format!("no local port for port {number}: {error}")),
                }
                let name = port.get("name").and_then(Value::as_str).unwrap_or("");
                let addresses: Vec<SocketAddr> = backends
                    .iter()
                    .filter(|(port, address)| port == name && !table.retired.contains(&address.ip()))
                    .map(|(_, address)| *address)
                    .collect();
                if let Some(entry) = table.entries.get(&port_key) {
                    entry.route.set_endpoints(&addresses);
                }
            }
            Self::drop_ports(&mut table, key, &kept);
        }
        publish(context, &service, &placed, has_node_port)?;
        match failure {
            Some(message) => {
                context
                    .objects
                    .record_event(&service, "Warning", "FailedLocalPort", &message, COMPONENT);
                Ok(Some(Duration::from_secs(5)))
            }
            None => Ok(None),
        }
    }
}

/// Writes the local ports into the service: as annotation, and as node port where the given one was not free.
fn publish(
    context: &Context,
    service: &Value,
    placed: &[(u16, u16, Option<u16>)],
    has_node_port: bool,
) -> Result<(), Status> {
    let text = placed
        .iter()
        .map(|(port, local, _)| format!("{port}={local}"))
        .collect::<Vec<_>>()
        .join(",");
    let moved = has_node_port && placed.iter().any(|(_, local, wanted)| *wanted != Some(*local));
    if meta::annotation(service, LOCAL_PORTS) == Some(&text) && !moved {
        return Ok(());
    }
    let written = context.objects.modify(
        SERVICES,
        Some(meta::namespace(service)),
        meta::name(service),
        Subresource::None,
        |service| {
            if let Some(annotations) = meta::metadata_mut(service).and_then(|metadata| {
                metadata
                    .entry("annotations")
                    .or_insert_with(|| json!({}))
                    .as_object_mut()
            }) {
                annotations.insert(LOCAL_PORTS.to_owned(), text.as_str().into());
            }
            if let Some(ports) = service
                .pointer_mut("/spec/ports")
                .and_then(Value::as_array_mut)
                .filter(|_| moved)
            {
                for port in ports {
                    let own = number(port, "port");
                    if let Some((_, local, _)) = placed.iter().find(|(number, _, _)| Some(*number) == own) {
                        port["nodePort"] = (*local).into();
                    }
                }
            }
        },
    );
    for (port, local, wanted) in placed {
        if let Some(wanted) = wanted.filter(|wanted| wanted != local) {
            let message =
                format!("node port {wanted} is taken on this machine; port {port} is at {local} instead");
            context
                .objects
                .record_event(service, "Normal", "NodePortMoved", &message, COMPONENT);
        }
    }
    match written {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

/// The ready endpoints of a service as (port name, address): from its slices, else from its Endpoints.
fn backends(context: &Context, key: &Key) -> Vec<(String, SocketAddr)> {
    let mut found = Vec::new();
    let slices = context.objects.list(ENDPOINTSLICES, Some(&key.namespace)).items;
    let mut any = false;
    for slice in slices.iter().filter(|slice| service_of(slice) == Some(&key.name)) {
        any = true;
        let (Some(endpoints), Some(ports)) = (array(slice, "endpoints"), array(slice, "ports")) else {
            continue;
        };
        for endpoint in endpoints {
            // Absent means ready (discovery.k8s.io/v1, EndpointConditions).
            if endpoint.pointer("/conditions/ready").and_then(Value::as_bool) == Some(false) {
                continue;
            }
            for address in array(endpoint, "addresses")
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                push(&mut found, ports, address);
            }
        }
    }
    if any {
        return found;
    }
    if let Ok(endpoints) = context.objects.get(ENDPOINTS, key.scope(), &key.name) {
        for subset in array(&endpoints, "subsets").into_iter().flatten() {
            let Some(ports) = array(subset, "ports") else {
                continue;
            };
            for address in array(subset, "addresses").into_iter().flatten() {
                if let Some(ip) = address.get("ip").and_then(Value::as_str) {
                    push(&mut found, ports, ip);
                }
            }
        }
    }
    found
}

fn push(found: &mut Vec<(String, SocketAddr)>, ports: &[Value], address: &str) {
    let Ok(ip) = address.parse::<IpAddr>() else { return };
    for port in ports {
        if let Some(number) = number(port, "port") {
            let name = port.get("name").and_then(Value::as_str).unwrap_or("");
            found.push((name.to_owned(), SocketAddr::new(ip, number)));
        }
    }
}

fn array<'a>(value: &'a Value, field: &str) -> Option<&'a Vec<Value>> {
    value.get(field).and_then(Value::as_array)
}

fn number(value: &Value, field: &str) -> Option<u16> {
    value
        .get(field)
        .and_then(Value::as_u64)
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number > 0)
}

fn service_of(slice: &Value) -> Option<&str> {
    meta::labels(slice)?.get("kubernetes.io/service-name")?.as_str()
}

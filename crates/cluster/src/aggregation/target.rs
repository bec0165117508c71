//! From the service that an `APIService` names to an address, and what can be missing on the way.

use std::net::SocketAddr;

use capstan_kubeapi::builtin::{ENDPOINTS, SERVICES};

use serde_json::Value;

use crate::objects::Objects;

/// The port of a reference that names none.
const DEFAULT_PORT: u16 = 443;

/// `spec.service` of an `APIService`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceReference {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) port: u16,
}

/// Where a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A name of the outside world.
    Name(String, u16),
    /// Addresses of ready endpoints; never empty.
    Addresses(Vec<SocketAddr>),
}

/// Why a service cannot be reached; reason and message are upstream's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl ServiceReference {
    pub(super) fn of(spec: &Value) -> Option<Self> {
        let service = spec.get("service").filter(|s| s.is_object())?;
        let text = |field: &str| {
            service
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        let port = service.get("port").and_then(Value::as_u64);
        Some(Self {
            namespace: text("namespace"),
            name: text("name"),
            port: port.and_then(|p| u16::try_from(p).ok()).unwrap_or(DEFAULT_PORT),
        })
    }

    /// `host:port` as requests name it: the outside name, or the service's address.
    pub(super) fn authority(&self, objects: &Objects) -> String {
        let service = objects.get(SERVICES, Some(&self.namespace), &self.name).ok();
        let text = |path: &str| {
            service
                .as_ref()
                .and_then(|s| s.pointer(path))
                .and_then(Value::as_str)
                .filter(|t| !t.is_empty() && *t != "None")
                .map(str::to_owned)
        };
        let host = text("/spec/externalName")
            .or_else(|| text("/spec/clusterIP"))
            .unwrap_or_else(|| format!("{}.{}.svc", self.name, self.namespace));
        format!("{host}:{}", self.port)
    }

    /// Where the service is now (upstream's checks before the one of discovery).
    pub(super) fn resolve(&self, objects: &Objects) -> Result<Place, Missing> {
        let Self {
            namespace,
            name,
            port,
        } = self;
        let Ok(service) = objects.get(SERVICES, Some(namespace), name) else {
            return Err(Missing {
                reason: "ServiceNotFound",
                message: format!("service/{name} in \"{namespace}\" is not present"),
            });
        };
        if service.pointer("/spec/type").and_then(Value::as_str) == Some("ExternalName") {
            let host = service.pointer("/spec/externalName").and_then(Value::as_str);
            return Ok(Place::Name(host.unwrap_or("").to_owned(), *port));
        }
        let ports = service.pointer("/spec/ports").and_then(Value::as_array);
        let Some(found) = ports
            .into_iter()
            .flatten()
            .find(|p| p.get("port").and_then(Value::as_u64) == Some(u64::from(*port)))
        else {
            return Err(Missing {
                reason: "ServicePortError",
                message: format!("service/{name} in \"{namespace}\" is not listening on port {port}"),
            });
        };
        let port_name = found.get("name").and_then(Value::as_str).unwrap_or("");
        let Ok(endpoints) = objects.get(ENDPOINTS, Some(namespace), name) else {
            return Err(Missing {
                reason: "EndpointsNotFound",
                message: format!("cannot find endpointslices for service/{name} in \"{namespace}\""),
            });
        };
        let addresses = ready(&endpoints, port_name);
        if addresses.is_empty() {
            return Err(Missing {
                reason: "MissingEndpoints",
                message: format!(
                    "endpointslices for service/{name} in \"{namespace}\" have no addresses with port name \"{port_name}\""
                ),
            });
        }
        Ok(Place::Addresses(addresses))
    }
}

fn ready(endpoints: &Value, port_name: &str) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    let subsets = endpoints.get("subsets").and_then(Value::as_array);
    for subset in subsets.into_iter().flatten() {
        let ports = subset.get("ports").and_then(Value::as_array);
        let port = ports.into_iter().flatten().find_map(|port| {
            (port.get("name").and_then(Value::as_str).unwrap_or("") == port_name)
                .then(|| port.get("port").and_then(Value::as_u64))
                .flatten()
                .and_then(|port| u16::try_from(port).ok())
        });
        let Some(port) = port else { continue };
        let addresses = subset.get("addresses").and_then(Value::as_array);
        for address in addresses.into_iter().flatten() {
            let ip = address
                .get("ip")
                .and_then(Value::as_str)
                .and_then(|ip| ip.parse().ok());
            found.extend(ip.map(|ip| SocketAddr::new(ip, port)));
        }
    }
    found
}

/// The name of the object that a reference is about, for logs.
impl std::fmt::Display for ServiceReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.name, self.port)
    }
}

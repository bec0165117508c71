//! Cluster IPs and node ports of services.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use capstan_kubeapi::{FieldError, Status, meta};
use serde_json::{Map, Value, json};

/// Cluster IPs come from 10.96.0.0/16; .0.1 is the API server's own.
const BASE: u32 = 0x0a60_0000;
const FIRST: u32 = BASE + 2;
const LAST: u32 = BASE + 0xfffe;
const FIRST_PORT: u16 = 30_000;
const LAST_PORT: u16 = 32_767;

#[derive(Debug)]
pub(crate) struct Addresses {
    used: HashSet<u32>,
    next: u32,
    ports: HashSet<u16>,
    next_port: u16,
}

impl Default for Addresses {
    fn default() -> Self {
        Self {
            used: HashSet::new(),
            next: FIRST,
            ports: HashSet::new(),
            next_port: FIRST_PORT,
        }
    }
}

fn cluster_ip(service: &Value) -> Option<u32> {
    let text = service.pointer("/spec/clusterIP")?.as_str()?;
    text.parse::<Ipv4Addr>().ok().map(u32::from)
}

fn node_ports(service: &Value) -> HashSet<u16> {
    service
        .pointer("/spec/ports")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|port| port.get("nodePort").and_then(Value::as_u64))
        .filter_map(|port| u16::try_from(port).ok())
        .filter(|port| *port > 0)
        .collect()
}

fn type_of(service: &Value) -> &str {
    service
        .pointer("/spec/type")
        .and_then(Value::as_str)
        .unwrap_or("ClusterIP")
}

impl Addresses {
    /// Fills in the addresses that a service lacks; those it names are taken if they are free.
    pub(crate) fn assign(&mut self, service: &mut Value, old: Option<&Value>) -> Result<(), Status> {
        let name = meta::name(service).to_owned();
        let invalid = |error: FieldError| Status::invalid("", "Service", &name, &[error]);
        let kind = type_of(service).to_owned();
        let had = old.and_then(cluster_ip);
        if kind == "ExternalName" {
            if let Some(spec) = meta::object_at(service, "spec") {
                for field in ["clusterIP", "clusterIPs"] {
                    spec.shift_remove(field);
                }
            }
            return Ok(());
        }
        let given = service
            .pointer("/spec/clusterIP")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned();
        let ip = if given == "None" {
            "None".to_owned()
        } else if given.is_empty() {
            match had {
                Some(had) => Ipv4Addr::from(had).to_string(),
                None => Ipv4Addr::from(
                    self.free()
                        .ok_or_else(|| Status::internal("failed to allocate a serviceIP: range is full"))?,
                )
                .to_string(),
            }
        } else {
            let Ok(address) = given.parse::<Ipv4Addr>() else {
                let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                return Err(invalid(FieldError::invalid(
                    "spec.clusterIPs[0]",
                    &json!([given]),
                    detail,
                )));
            };
            if had != Some(u32::from(address)) && !self.used.insert(u32::from(address)) {
                let detail =
                    "failed to allocate IP ".to_owned() + &given + ": provided IP is already allocated";
                return Err(invalid(FieldError::invalid(
                    "spec.clusterIPs",
                    &json!([given]),
                    &detail,
                )));
            }
            given
        };
        if let Some(spec) = meta::object_at(service, "spec") {
            spec.insert("clusterIP".to_owned(), ip.clone().into());
            spec.insert("clusterIPs".to_owned(), json!([ip]));
        }
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            self.assign_ports(service, old).map_err(invalid)?;
        }
        Ok(())
    }

    fn assign_ports(&mut self, service: &mut Value, old: Option<&Value>) -> Result<(), FieldError> {
        let had = old.map(node_ports).unwrap_or_default();
        let ports = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
        for (index, port) in ports.into_iter().flatten().enumerate() {
            let Some(port) = port.as_object_mut() else {
                continue;
            };
            match port.get("nodePort").and_then(Value::as_u64).unwrap_or(0) {
                0 => {
                    // An update that leaves the port out keeps the one it had.
                    let kept = old
                        .and_then(|o| o.pointer("/spec/ports"))
                        .and_then(|p| p.get(index))
                        .filter(|p| p.get("port") == port.get("port"))
                        .and_then(|p| p.get("nodePort"))
                        .cloned();
                    let chosen = match kept {
                        Some(kept) => kept,
                        None => self.free_port().map(Value::from).ok_or_else(|| {
                            FieldError::forbidden(
                                format!("spec.ports[{index}].nodePort"),
                                "the range of node ports is full",
                            )
                        })?,
                    };
                    insert_node_port(port, chosen);
                }
                given => {
                    let path = format!("spec.ports[{index}].nodePort");
                    let number = u16::try_from(given).unwrap_or(0);
                    if !(FIRST_PORT..=LAST_PORT).contains(&number) {
                        let detail = format!(
                            "provided port is not in the valid range. The range of valid ports is {FIRST_PORT}-{LAST_PORT}"
                        );
                        return Err(FieldError::invalid(path, &json!(given), &detail));
                    }
                    if !had.contains(&number) && !self.ports.insert(number) {
                        return Err(FieldError::invalid(
                            path,
                            &json!(given),
                            "provided port is already allocated",
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives back what `old` held and `new` no longer does.
    pub(crate) fn release(&mut self, old: &Value, new: Option<&Value>) {
        if let Some(ip) = cluster_ip(old)
            && new.and_then(cluster_ip) != Some(ip)
        {
            self.used.remove(&ip);
        }
        let kept = new.map(node_ports).unwrap_or_default();
        for port in node_ports(old) {
            if !kept.contains(&port) {
                self.ports.remove(&port);
            }
        }
    }

    fn free(&mut self) -> Option<u32> {
        for _ in FIRST..=LAST {
            let candidate = self.next;
            self.next = if candidate >= LAST { FIRST } else { candidate + 1 };
            if self.used.insert(candidate) {
                return Some(candidate);
            }
        }
        None
    }

    fn free_port(&mut self) -> Option<u16> {
        for _ in FIRST_PORT..=LAST_PORT {
            let candidate = self.next_port;
            self.next_port = if candidate >= LAST_PORT {
                FIRST_PORT
            } else {
                candidate + 1
            };
            if self.ports.insert(candidate) {
                return Some(candidate);
            }
        }
        None
    }
}

fn insert_node_port(port: &mut Map<String, Value>, chosen: Value) {
    port.insert("nodePort".to_owned(), chosen);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_ip_is_kept_on_update_and_free_after_deletion() {
        let mut addresses = Addresses::default();
        let mut first = json!({"metadata": {"name": "a"}, "spec": {}});
        addresses.assign(&mut first, None).unwrap();
        assert_eq!(first["spec"]["clusterIP"], "10.96.0.2");
        let mut next = json!({"metadata": {"name": "a"}, "spec": {}});
        addresses.assign(&mut next, Some(&first)).unwrap();
        assert_eq!(next["spec"]["clusterIP"], "10.96.0.2");
        let mut other = json!({"metadata": {"name": "b"}, "spec": {"clusterIP": "10.96.0.2"}});
        assert_eq!(addresses.assign(&mut other, None).unwrap_err().code, 422);
        addresses.release(&first, None);
        addresses.assign(&mut other, None).unwrap();
    }
}

//! What pods request (upstream: `calculateRequests`, and `PodRequests` of component-helpers).

use std::collections::BTreeMap;

use capstan_kubeapi::Quantity;

use super::CalculationError;
use crate::pod::{Container, Pod};

/// Thousandths by pod. With a container's name, only that container counts; else a pod's own requests where it has
/// any (`pod_level` is the gate PodLevelResources), else the sum over its containers.
pub fn calculate_requests(
    pods: &[Pod],
    container: &str,
    resource: &str,
    pod_level: bool,
) -> Result<BTreeMap<String, i64>, CalculationError> {
    let mut requests = BTreeMap::new();
    for pod in pods {
        let own = pod_level && container.is_empty() && pod.requests.keys().any(is_pod_level);
        let request = if own {
            of_pod(pod, resource)?
        } else {
            of_containers(pod, container, resource)?
        };
        requests.insert(pod.name.clone(), request);
    }
    Ok(requests)
}

fn is_pod_level(resource: &str) -> bool {
    resource == "cpu" || resource == "memory" || resource.starts_with("hugepages-")
}

fn of_containers(pod: &Pod, wanted: &str, resource: &str) -> Result<i64, CalculationError> {
    let beside = pod
        .init_containers
        .iter()
        .filter(|container| container.restartable);
    let mut sum = 0i64;
    for container in pod.containers.iter().chain(beside) {
        if wanted.is_empty() || wanted == container.name {
            let request =
                container
                    .requests
                    .get(resource)
                    .ok_or_else(|| CalculationError::MissingRequest {
                        resource: resource.to_owned(),
                        container: container.name.clone(),
                        pod: pod.name.clone(),
                    })?;
            sum = sum.wrapping_add(request.milli_value());
        }
        if wanted == container.name {
            return Ok(sum);
        }
    }
    if wanted.is_empty() {
        return Ok(sum);
    }
    Err(CalculationError::NoContainer {
        container: wanted.to_owned(),
        pod: pod.name.clone(),
    })
}

fn of_pod(pod: &Pod, resource: &str) -> Result<i64, CalculationError> {
    let own = pod
        .requests
        .get(resource)
        .filter(|_| is_pod_level(resource))
        .cloned();
    let request = own.or_else(|| aggregate(pod, resource));
    plus(request, pod.overhead.get(resource))
        .map(|request| request.milli_value())
        .ok_or_else(|| CalculationError::MissingPodRequest {
            resource: resource.to_owned(),
            pod: pod.name.clone(),
        })
}

/// The containers' sum, or what the init containers need at most, whichever is larger (`AggregateContainerRequests`).
fn aggregate(pod: &Pod, resource: &str) -> Option<Quantity> {
    let of = |container: &Container| -> Option<Quantity> { container.requests.get(resource).cloned() };
    let mut running = None;
    for container in &pod.containers {
        running = plus(running, of(container).as_ref());
    }
    let (mut beside, mut starting) = (None, None);
    for container in &pod.init_containers {
        let request = of(container);
        let needed = if container.restartable {
            running = plus(running, request.as_ref());
            beside = plus(beside, request.as_ref());
            beside.clone()
        } else {
            plus(beside.clone(), request.as_ref())
        };
        starting = larger(starting, needed);
    }
    larger(running, starting)
}

fn plus(left: Option<Quantity>, right: Option<&Quantity>) -> Option<Quantity> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.add(right)),
        (left, right) => left.or_else(|| right.cloned()),
    }
}

fn larger(left: Option<Quantity>, right: Option<Quantity>) -> Option<Quantity> {
    match (left, right) {
        (Some(left), Some(right)) => Some(if right > left { right } else { left }),
        (left, right) => left.or(right),
    }
}

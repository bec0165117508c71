//! The life of one pod: address, volumes, containers, end.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use capstan_kubeapi::builtin::{NAMESPACES, PODS, SERVICES};
use capstan_kubeapi::meta;
use capstan_runtime::sleep;
use futures::future::join_all;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::agent::{Agent, Ending};
use super::container;
use super::environment::Downward;
use super::images::Runner;
use super::meters::Meter;
use super::status::{ContainerState, ContainerView, PodView};
use super::volumes::{self, Places};
use crate::controllers::node::NODE;
use crate::controllers::pods::int;
use crate::services::PortKey;

/// What cannot be set up is tried again after this long.
const RETRY: Duration = Duration::from_secs(1);
/// Requests in flight are waited for at most this long before a pod is asked to end.
const DRAIN: Duration = Duration::from_secs(5);

/// A pod that is being run.
pub(crate) struct Life<'a> {
    pub(crate) agent: &'a Arc<Agent>,
    pub(crate) pod: &'a Arc<Value>,
    pub(crate) address: IpAddr,
    pub(crate) downward: Downward,
    pub(crate) directory: PathBuf,
    pub(crate) account: PathBuf,
    pub(crate) volumes: HashMap<String, PathBuf>,
    view: Mutex<PodView>,
    changed: Notify,
    /// Raised when containers are to end; how fast, says `ending`.
    pub(crate) stop: capstan_runtime::Shutdown,
    pub(crate) ending: watch::Receiver<Ending>,
}

/// Which container of a pod.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) init: bool,
    pub(crate) index: usize,
}

impl Life<'_> {
    /// Changes a container's view and has the status written.
    pub(crate) fn update<T>(&self, slot: Slot, change: impl FnOnce(&mut ContainerView) -> T) -> T {
        let mut view = self.view.lock();
        let container = if slot.init {
            &mut view.init[slot.index]
        } else {
            &mut view.containers[slot.index]
        };
        let result = change(container);
        drop(view);
        self.changed.notify_one();
        result
    }

    /// Where a host name and port that mean a service lead on this machine.
    pub(crate) fn lookup(&self, host: &str, port: u16, certain: bool) -> Option<SocketAddr> {
        let objects = &self.agent.context.objects;
        let labels: Vec<&str> = host.split('.').collect();
        let valid = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && label.bytes().any(|b| b.is_ascii_lowercase())
        };
        let (service, namespace, sure) = match labels.as_slice() {
            [service] if *service != "localhost" && *service != meta::name(self.pod) => {
                (*service, meta::namespace(self.pod), certain)
            }
            [service, namespace] if objects.get(NAMESPACES, None, namespace).is_ok() => {
                (*service, *namespace, certain)
            }
            [service, namespace, "svc"] | [service, namespace, "svc", "cluster", "local"] => {
                (*service, *namespace, true)
            }
            // A pod behind a headless service, by its own name.
            [pod, _, namespace, "svc"] | [pod, _, namespace, "svc", "cluster", "local"] => {
                let pod = objects.get(PODS, Some(namespace), pod).ok()?;
                let address = pod.pointer("/status/podIP")?.as_str()?.parse().ok()?;
                return Some(SocketAddr::new(address, port));
            }
            _ => return None,
        };
        let exists = objects
            .get(SERVICES, Some(namespace), service)
            .is_ok_and(|found| {
                let ports = found.pointer("/spec/ports").and_then(Value::as_array);
                ports.is_some_and(|ports| {
                    ports
                        .iter()
                        .any(|p| p.get("port").and_then(Value::as_u64) == Some(u64::from(port)))
                })
            });
        let may_come = sure && valid(service);
        if !exists && !may_come {
            return None;
        }
        self.agent.services.reserve(&PortKey {
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            port,
        })
    }

    /// Polls containers while their news are written, until `work` is done. `false` when the pod is to end first.
    async fn attend(&self, work: impl Future<Output = ()>) -> bool {
        let mut ending = self.ending.clone();
        tokio::pin!(work);
        loop {
            tokio::select! {
                () = &mut work => {
                    self.write();
                    return true;
                }
                () = self.changed.notified() => self.write(),
                () = ended(&mut ending) => return false,
            }
        }
    }

    fn write(&self) {
        let view = self.view.lock().clone();
        self.agent.write_status(self.pod, &view);
    }
}

/// Completes when the pod is to end.
pub(crate) async fn ended(ending: &mut watch::Receiver<Ending>) {
    // An error means that the agent is gone, which is an end too.
    let _ = ending.wait_for(|ending| *ending != Ending::No).await;
}

/// Runs a pod to its end.
pub(crate) async fn run(agent: &Arc<Agent>, pod: &Arc<Value>, ending: watch::Receiver<Ending>) {
    let specs = |member: &str| {
        pod.pointer(&format!("/spec/{member}"))
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let (init, containers) = (specs("initContainers"), specs("containers"));
    let views = |specs: &[Value], member: &str| {
        specs
            .iter()
            .map(|spec| first_view(agent, pod, spec, member))
            .collect::<Vec<_>>()
    };
    let mut view = PodView {
        address: None,
        host: Agent::host(),
        started: agent.context.clock.now(),
        initialized: init.is_empty(),
        init: views(&init, "initContainerStatuses"),
        containers: views(&containers, "containerStatuses"),
        restart_policy: pod
            .pointer("/spec/restartPolicy")
            .and_then(Value::as_str)
            .unwrap_or("Always")
            .to_owned(),
        generation: meta::generation(pod),
    };
    let hollow = containers
        .iter()
        .all(|c| agent.runner(image(c)) == Some(Runner::Hollow));
    let ports: Vec<u16> = if hollow {
        Vec::new()
    } else {
        containers.iter().flat_map(container::ports).collect()
    };
    let Some(address) = address(agent, pod, &ports, &view, ending.clone()).await else {
        finish(agent, pod, *ending.borrow());
        return;
    };
    view.address = Some(address);
    agent.services.admit(address);
    if hollow {
        self::hollow(agent, pod, view, ending.clone()).await;
    } else {
        real(agent, pod, address, view, &init, &containers, ending.clone()).await;
    }
    finish(agent, pod, *ending.borrow());
    agent.settings.addresses.release(address);
}

/// Lets go of everything a pod had.
fn finish(agent: &Agent, pod: &Value, ending: Ending) {
    if matches!(ending, Ending::Within(_)) {
        agent.remove(pod);
    }
    agent.logs.forget(meta::uid(pod));
    let directory = agent.settings.pod_directory.join(volumes::safe(meta::uid(pod)));
    if let Err(error) = std::fs::remove_dir_all(&directory)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::debug!(%error, directory = %directory.display(), "cannot remove a pod's directory");
    }
}

fn image(container: &Value) -> &str {
    container.get("image").and_then(Value::as_str).unwrap_or("")
}

/// A container before its first start; restarts counted by an earlier life of the cluster stay counted.
fn first_view(agent: &Agent, pod: &Value, spec: &Value, member: &str) -> ContainerView {
    let name = spec.get("name").and_then(Value::as_str).unwrap_or("").to_owned();
    let before = pod
        .pointer(&format!("/status/{member}"))
        .and_then(Value::as_array)
        .and_then(|all| {
            all.iter()
                .find(|status| status.get("name").and_then(Value::as_str) == Some(&name))
                .cloned()
        });
    let restarts = before.map_or(0, |status| {
        let count = int(&status, "/restartCount", 0);
        let ran = status.get("containerID").is_some();
        u32::try_from(count + i64::from(ran)).unwrap_or(0)
    });
    let image = image(spec).to_owned();
    let runner = agent
        .runner(&image)
        .map_or_else(String::new, |runner| match runner {
            Runner::Process { command, .. } => format!("capstan://process/{}", command.join(" ")),
            Runner::Task(name) => format!("capstan://task/{name}"),
            Runner::Hollow => "capstan://hollow".to_owned(),
        });
    let state = ContainerState::waiting("ContainerCreating");
    ContainerView {
        name,
        image,
        state,
        last: None,
        ready: false,
        restarts,
        id: String::new(),
        runner,
    }
}

async fn address(
    agent: &Agent,
    pod: &Value,
    ports: &[u16],
    view: &PodView,
    mut ending: watch::Receiver<Ending>,
) -> Option<IpAddr> {
    let mut told = false;
    loop {
        match agent.settings.addresses.allocate(ports) {
            Ok(address) => return Some(address),
            Err(error) => {
                agent.event(pod, true, "FailedCreatePodSandBox", &error.to_string());
                if !told {
                    agent.write_status(pod, view);
                    told = true;
                }
            }
        }
        tokio::select! {
            () = ended(&mut ending) => return None,
            () = sleep(RETRY) => {}
        }
    }
}

/// A pod of which nothing runs: it becomes ready after a while.
async fn hollow(agent: &Agent, pod: &Value, mut view: PodView, mut ending: watch::Receiver<Ending>) {
    tokio::select! {
        () = ended(&mut ending) => return,
        () = sleep(agent.settings.hollow_delay) => {}
    }
    let since = agent.context.clock.now();
    view.initialized = true;
    for container in &mut view.init {
        let id = format!("capstan://{}/{}", meta::uid(pod), container.name);
        container.state = ContainerState::Terminated {
            code: 0,
            signal: None,
            reason: "Completed",
            started: since,
            finished: since,
            id,
        };
    }
    for container in &mut view.containers {
        container.id = format!(
            "capstan://{}/{}/{}",
            meta::uid(pod),
            container.name,
            container.restarts
        );
        container.state = ContainerState::Running { since };
        container.ready = true;
    }
    let _metered: Vec<_> = view
        .containers
        .iter()
        .map(|container| agent.meters.run(meta::uid(pod), &container.name, Meter::Modelled))
        .collect();
    if agent.write_status(pod, &view) {
        ended(&mut ending).await;
    }
}

async fn real(
    agent: &Arc<Agent>,
    pod: &Arc<Value>,
    address: IpAddr,
    view: PodView,
    init: &[Value],
    containers: &[Value],
    ending: watch::Receiver<Ending>,
) {
    let directory = agent.settings.pod_directory.join(volumes::safe(meta::uid(pod)));
    let mut life = Life {
        agent,
        pod,
        address,
        downward: Downward {
            pod_ip: address.to_string(),
            host_ip: view.host.to_string(),
            node: NODE.to_owned(),
        },
        account: directory.join("serviceaccount"),
        directory,
        volumes: HashMap::new(),
        view: Mutex::new(view),
        changed: Notify::new(),
        stop: capstan_runtime::Shutdown::new(),
        ending,
    };
    life.write();
    if !set_up(&mut life).await {
        return;
    }
    let life = &life;
    let work = async {
        for (index, spec) in init.iter().enumerate() {
            let code = container::run(life, Slot { init: true, index }, spec).await;
            // Only with restartPolicy Never does an init container end without success: the pod has failed.
            if code != 0 {
                return;
            }
        }
        life.view.lock().initialized = true;
        life.changed.notify_one();
        join_all(
            containers
                .iter()
                .enumerate()
                .map(|(index, spec)| container::run(life, Slot { init: false, index }, spec)),
        )
        .await;
    };
    tokio::pin!(work);
    if life.attend(work.as_mut()).await {
        // All containers ended and stay so; the object waits to be deleted.
        ended(&mut life.ending.clone()).await;
        return;
    }
    let how = *life.ending.borrow();
    let running: Vec<String> = {
        let view = life.view.lock();
        view.containers
            .iter()
            .filter(|c| !c.id.is_empty() && !c.state.is_terminated())
            .map(|c| c.name.clone())
            .collect()
    };
    if matches!(how, Ending::Within(_)) {
        for name in running {
            agent.event(pod, false, "Killing", &format!("Stopping container {name}"));
        }
        // Out of every rotation first, then what is in flight, then the end.
        let drained = async {
            tokio::select! {
                () = agent.services.retire(address) => {}
                () = sleep(DRAIN.min(how.grace())) => {}
                () = hastened(life.ending.clone(), how) => {}
            }
        };
        tokio::select! {
            () = drained => {}
            () = work.as_mut() => {
                life.write();
                return;
            }
        }
    }
    life.stop.raise();
    work.await;
    if matches!(how, Ending::Within(_)) {
        life.write();
    }
}

/// Completes when the end is wanted sooner than `before` said.
async fn hastened(mut ending: watch::Receiver<Ending>, before: Ending) {
    let _ = ending.wait_for(|now| *now != before).await;
}

/// Makes the pod's directories; waits for config maps and secrets that do not exist yet. `false` when the pod is to end.
async fn set_up(life: &mut Life<'_>) -> bool {
    let agent = life.agent;
    let mut ending = life.ending.clone();
    let places = Places {
        pod: life.directory.clone(),
        node: agent.settings.node_directory.clone(),
    };
    loop {
        let made = volumes::make(&agent.context.objects, life.pod, &places, &life.downward)
            .and_then(|made| credentials(life).map(|()| made));
        match made {
            Ok(made) => {
                life.volumes = made;
                return true;
            }
            Err(error) => agent.event(life.pod, true, "FailedMount", &error),
        }
        tokio::select! {
            () = ended(&mut ending) => return false,
            () = sleep(RETRY) => {}
        }
    }
}

/// Writes the pod's credentials: what Kubernetes mounts, and a kubeconfig that says the same.
fn credentials(life: &Life<'_>) -> Result<(), String> {
    let settings = &life.agent.settings;
    std::fs::create_dir_all(&life.directory)
        .map_err(|error| format!("{}: {error}", life.directory.display()))?;
    let namespace = meta::namespace(life.pod);
    let account = life
        .pod
        .pointer("/spec/serviceAccountName")
        .and_then(Value::as_str)
        .filter(|n| !n.is_empty());
    let token = (settings.token)(namespace, account.unwrap_or("default")).unwrap_or_default();
    volumes::write(&life.account, "namespace", namespace.as_bytes())?;
    volumes::write(&life.account, "ca.crt", settings.certificate_authority.as_bytes())?;
    volumes::write(&life.account, "token", token.as_bytes())?;
    let url = format!("https://{}", settings.api);
    let text = crate::kubeconfig::with_files(
        &url,
        &life.account.join("ca.crt"),
        &life.account.join("token"),
        namespace,
    );
    volumes::write(&life.account, "kubeconfig", text.as_bytes())
}

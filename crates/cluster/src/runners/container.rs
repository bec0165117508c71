//! The life of one container: start, probes, exit, restart with back-off.

use std::time::Duration;

use capstan_kubeapi::meta;
use capstan_runtime::{Shutdown, sleep};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::agent::Ending;
use super::environment::{self, Environment};
use super::images::Runner;
use super::logs::LogWriter;
use super::meters::Meter;
use super::pod::{Life, Slot};
use super::probe::{Commands, Probe};
use super::process::{Exit, Process, Spec};
use super::rewrite::rewrite;
use super::status::ContainerState;
use super::task::TaskContext;
use super::volumes;
use crate::controllers::pods::int;

/// The longest wait before a restart.
const MAX_BACK_OFF: Duration = Duration::from_mins(5);
/// A container that ran this long starts with a clean slate.
const RESET: Duration = Duration::from_mins(10);
/// A container that cannot be set up is tried again after this long.
const RETRY: Duration = Duration::from_secs(1);

/// The TCP ports a container says it listens on.
pub(crate) fn ports(container: &Value) -> impl Iterator<Item = u16> {
    let ports = container
        .get("ports")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    ports.into_iter().filter_map(|port| {
        let tcp = port
            .get("protocol")
            .and_then(Value::as_str)
            .is_none_or(|protocol| protocol == "TCP");
        port.get("containerPort")
            .and_then(Value::as_u64)
            .and_then(|n| u16::try_from(n).ok())
            .filter(|_| tcp)
    })
}

/// What stands in for a container while it runs.
enum Running {
    Process(Box<Process>),
    Task {
        handle: JoinHandle<()>,
        shutdown: Shutdown,
        log: LogWriter,
    },
    Hollow(Shutdown),
}

impl Running {
    fn meter(&self) -> Meter {
        match self {
            Self::Process(process) => process.group().map_or(Meter::Modelled, Meter::Group),
            Self::Task { .. } | Self::Hollow(_) => Meter::Modelled,
        }
    }

    async fn wait(&mut self) -> Exit {
        match self {
            Self::Process(process) => process.wait().await,
            Self::Task { handle, log, .. } => {
                let exit = match handle.await {
                    Ok(()) => Exit {
                        code: 0,
                        signal: None,
                    },
                    Err(error) if error.is_cancelled() => Exit {
                        code: 137,
                        signal: Some(9),
                    },
                    Err(_) => Exit {
                        code: 2,
                        signal: None,
                    },
                };
                log.close();
                exit
            }
            Self::Hollow(shutdown) => {
                shutdown.raised().await;
                Exit {
                    code: 0,
                    signal: None,
                }
            }
        }
    }

    fn terminate(&self) {
        match self {
            Self::Process(process) => process.terminate(),
            Self::Task { shutdown, .. } | Self::Hollow(shutdown) => shutdown.raise(),
        }
    }

    fn kill(&self) {
        match self {
            Self::Process(process) => process.kill(),
            Self::Task { handle, .. } => handle.abort(),
            Self::Hollow(shutdown) => shutdown.raise(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Task { handle, .. } = self {
            handle.abort();
        }
    }
}

/// Runs a container until it is not to be started again; returns its last exit code.
pub(crate) async fn run(life: &Life<'_>, slot: Slot, spec: &Value) -> i32 {
    let policy = life
        .pod
        .pointer("/spec/restartPolicy")
        .and_then(Value::as_str)
        .unwrap_or("Always")
        .to_owned();
    let clock = &life.agent.context.clock;
    let name = spec.get("name").and_then(Value::as_str).unwrap_or("");
    let mut back_off = Duration::ZERO;
    loop {
        let Some((runner, mut running, environment)) = started(life, slot, spec).await else {
            return 137;
        };
        let since = clock.now();
        let begun = clock.monotonic();
        let (uid, log_name) = (meta::uid(life.pod), name);
        let id = life.update(slot, |view| {
            view.id = format!("capstan://{uid}/{log_name}/{}", view.restarts);
            view.state = ContainerState::Running { since };
            view.id.clone()
        });
        let metered = life.agent.meters.run(uid, name, running.meter());
        let exit = tokio::select! {
            exit = running.wait() => exit,
            why = probe(life, slot, spec, &runner, &environment) => {
                let message = format!("Container {name} failed liveness probe, will be restarted");
                life.agent.event(life.pod, false, "Killing", &message);
                tracing::debug!(container = name, why, "liveness probe failed");
                let seconds = int(life.pod, "/spec/terminationGracePeriodSeconds", 30);
                end(life, &mut running, Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))).await
            }
            () = life.stop.raised() => end(life, &mut running, None).await,
        };
        drop(running);
        drop(metered);
        let finished = clock.now();
        let reason = if exit.code == 0 { "Completed" } else { "Error" };
        let ended = ContainerState::Terminated {
            code: exit.code,
            signal: exit.signal,
            reason,
            started: since,
            finished,
            id,
        };
        life.update(slot, |view| {
            view.ready = slot.init && exit.code == 0;
            view.state = ended.clone();
        });
        let again = match policy.as_str() {
            "Never" => false,
            "OnFailure" => exit.code != 0,
            // An init container that succeeded has done its work.
            _ => !slot.init || exit.code != 0,
        };
        if life.stop.is_raised() || !again {
            return exit.code;
        }
        if clock.monotonic().saturating_sub(begun) >= RESET {
            back_off = Duration::ZERO;
        }
        if !back_off.is_zero() {
            let message = format!(
                "back-off {}s restarting failed container={name} pod={}_{}({uid})",
                back_off.as_secs(),
                meta::name(life.pod),
                meta::namespace(life.pod)
            );
            let event = format!(
                "Back-off restarting failed container {name} in pod {}",
                meta::name(life.pod)
            );
            life.agent.event(life.pod, true, "BackOff", &event);
            life.update(slot, |view| {
                view.last = Some(ended.clone());
                view.state = ContainerState::Waiting {
                    reason: "CrashLoopBackOff",
                    message,
                };
            });
            tokio::select! {
                () = life.stop.raised() => return exit.code,
                () = sleep(back_off) => {}
            }
        }
        back_off = if back_off.is_zero() {
            life.agent.settings.back_off
        } else {
            (back_off * 2).min(MAX_BACK_OFF)
        };
        life.update(slot, |view| {
            view.last = Some(ended.clone());
            view.restarts += 1;
        });
    }
}

/// Ends a container: asks, waits as long as the pod's end allows, then insists.
async fn end(life: &Life<'_>, running: &mut Running, own_grace: Option<Duration>) -> Exit {
    running.terminate();
    let mut ending = life.ending.clone();
    loop {
        let how = *ending.borrow_and_update();
        let grace = match (how, own_grace) {
            (Ending::No, Some(grace)) => grace,
            (how, _) => how.grace(),
        };
        tokio::select! {
            biased;
            exit = running.wait() => return exit,
            () = sleep(grace.min(Duration::from_hours(24 * 365))) => {
                running.kill();
                return running.wait().await;
            }
            // A second, shorter delete.
            changed = ending.changed() => if changed.is_err() {
                running.kill();
                return running.wait().await;
            },
        }
    }
}

/// Starts a container, again and again until it works. `None` when the pod is to end first.
async fn started(life: &Life<'_>, slot: Slot, spec: &Value) -> Option<(Runner, Running, Environment)> {
    let text = |field: &str| spec.get(field).and_then(Value::as_str).unwrap_or("");
    let (name, image) = (text("name"), text("image"));
    let mut failures = 0_u32;
    loop {
        let waiting = match life.agent.runner(image) {
            None => {
                let message = format!(
                    "image \"{image}\" is mapped to nothing on this machine: give it a command (--image '{image}=COMMAND'), \
                     or let unknown images run hollow (--hollow)"
                );
                if failures == 0 {
                    life.agent
                        .event(life.pod, false, "Pulling", &format!("Pulling image \"{image}\""));
                    life.agent.event(
                        life.pod,
                        true,
                        "Failed",
                        &format!("Failed to pull image \"{image}\": {message}"),
                    );
                    life.agent.event(life.pod, true, "Failed", "Error: ErrImagePull");
                    ContainerState::Waiting {
                        reason: "ErrImagePull",
                        message,
                    }
                } else {
                    let message = format!("Back-off pulling image \"{image}\": ErrImagePull: {message}");
                    life.agent.event(
                        life.pod,
                        false,
                        "BackOff",
                        &format!("Back-off pulling image \"{image}\""),
                    );
                    ContainerState::Waiting {
                        reason: "ImagePullBackOff",
                        message,
                    }
                }
            }
            Some(runner) => match start(life, slot, spec, &runner).await {
                Ok((running, environment)) => {
                    for note in &environment.notes {
                        life.agent
                            .event(life.pod, false, "Rewritten", &format!("Container {name}: {note}"));
                    }
                    life.agent
                        .event(life.pod, false, "Started", &format!("Started container {name}"));
                    return Some((runner, running, environment));
                }
                Err((reason, message)) => {
                    life.agent
                        .event(life.pod, true, "Failed", &format!("Error: {message}"));
                    ContainerState::Waiting { reason, message }
                }
            },
        };
        life.update(slot, |view| view.state = waiting);
        failures += 1;
        let wait = if failures == 1 {
            RETRY
        } else {
            (RETRY * 2_u32.saturating_pow(failures.min(9))).min(MAX_BACK_OFF)
        };
        tokio::select! {
            () = life.stop.raised() => return None,
            () = sleep(wait) => {}
        }
    }
}

type Failed = (&'static str, String);

async fn start(
    life: &Life<'_>,
    slot: Slot,
    spec: &Value,
    runner: &Runner,
) -> Result<(Running, Environment), Failed> {
    let name = spec.get("name").and_then(Value::as_str).unwrap_or("");
    let image = spec.get("image").and_then(Value::as_str).unwrap_or("");
    let environment = variables(life, spec, runner).map_err(|error| ("CreateContainerConfigError", error))?;
    let (agent, uid) = (life.agent, meta::uid(life.pod));
    let first = life.update(slot, |view| view.restarts == 0);
    if first {
        let message = format!("Container image \"{image}\" already present on machine");
        agent.event(life.pod, false, "Pulled", &message);
    }
    let log = agent.logs.open(uid, name);
    let running = match runner {
        Runner::Hollow => Running::Hollow(Shutdown::new()),
        Runner::Task(task) => {
            let app = agent.settings.tasks.get(task).ok_or_else(|| {
                (
                    "CreateContainerError",
                    format!(
                        "image \"{image}\" is mapped to task \"{task}\", which this program does not have"
                    ),
                )
            })?;
            let shutdown = Shutdown::new();
            let context = TaskContext {
                pod: meta::name(life.pod).to_owned(),
                namespace: meta::namespace(life.pod).to_owned(),
                ip: life.address,
                env: environment.variables.iter().cloned().collect(),
                ports: ports(spec).collect(),
                log: log.clone(),
                shutdown: shutdown.clone(),
            };
            Running::Task {
                handle: app.start(context),
                shutdown,
                log,
            }
        }
        Runner::Process { command, .. } => {
            let command = words(life, spec, command, &environment);
            let spec = Spec {
                command,
                env: environment.variables.clone(),
                directory: directory(life, spec),
            };
            let process = agent
                .spawner
                .run(&spec, log)
                .await
                .map_err(|error| ("RunContainerError", error.to_string()))?;
            Running::Process(Box::new(process))
        }
    };
    agent.event(life.pod, false, "Created", &format!("Created container: {name}"));
    Ok((running, environment))
}

/// The container's variables: the cluster's, the pod's, then what the runner needs and nobody set.
fn variables(life: &Life<'_>, spec: &Value, runner: &Runner) -> Result<Environment, String> {
    let settings = &life.agent.settings;
    let mut base = Environment::default();
    base.set("HOSTNAME", hostname(life.pod).to_owned());
    let links = life
        .pod
        .pointer("/spec/enableServiceLinks")
        .and_then(Value::as_bool)
        != Some(false);
    if links {
        let namespace = meta::namespace(life.pod);
        for service in life
            .agent
            .context
            .objects
            .list(capstan_kubeapi::builtin::SERVICES, Some(namespace))
            .items
        {
            if let Some((_, address)) = life
                .agent
                .services
                .ports_of(namespace, meta::name(&service))
                .first()
            {
                let prefix = meta::name(&service).to_ascii_uppercase().replace(['-', '.'], "_");
                base.set(&format!("{prefix}_SERVICE_HOST"), address.ip().to_string());
                base.set(&format!("{prefix}_SERVICE_PORT"), address.port().to_string());
            }
        }
    }
    base.set("KUBERNETES_SERVICE_HOST", settings.api.ip().to_string());
    base.set("KUBERNETES_SERVICE_PORT", settings.api.port().to_string());
    base.set("KUBERNETES_SERVICE_PORT_HTTPS", settings.api.port().to_string());
    // Where the files are that Kubernetes mounts at a fixed path.
    base.set(
        "KUBERNETES_SERVICEACCOUNT_DIR",
        life.account.to_string_lossy().into_owned(),
    );
    base.set(
        "KUBECONFIG",
        life.account.join("kubeconfig").to_string_lossy().into_owned(),
    );
    base.set("POD_DIR", life.directory.to_string_lossy().into_owned());
    let mounts = volumes::mounts(spec, &life.volumes, &life.account);
    let lookup = |host: &str, port: u16, certain: bool| life.lookup(host, port, certain);
    let objects = &life.agent.context.objects;
    let mut environment =
        environment::build(objects, life.pod, spec, &life.downward, base, &mounts, &lookup)?;
    environment.set_default("POD_IP", || life.address.to_string());
    environment.set_default("HOST", || life.address.to_string());
    if let Some(port) = ports(spec).next() {
        environment.set_default("PORT", || port.to_string());
    }
    if let Runner::Process { env, .. } = runner {
        for (name, value) in env {
            let value = environment.expand(value);
            environment.set_default(name, || value);
        }
    }
    Ok(environment)
}

fn hostname(pod: &Value) -> &str {
    pod.pointer("/spec/hostname")
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| meta::name(pod))
}

/// The command line: the mapped entry point, or the pod's own where the map leaves it to the pod.
fn words(life: &Life<'_>, spec: &Value, mapped: &[String], environment: &Environment) -> Vec<String> {
    let mounts = volumes::mounts(spec, &life.volumes, &life.account);
    let lookup = |host: &str, port: u16, certain: bool| life.lookup(host, port, certain);
    let local = |word: &str| rewrite(&environment.expand(word), &mounts, &lookup).0;
    let list = |field: &str| {
        meta::strings(spec.get(field))
            .into_iter()
            .map(local)
            .collect::<Vec<_>>()
    };
    let mut words = if mapped.is_empty() {
        list("command")
    } else {
        mapped.iter().map(|word| environment.expand(word)).collect()
    };
    words.extend(list("args"));
    words
}

fn directory(life: &Life<'_>, spec: &Value) -> std::path::PathBuf {
    let wanted = spec.get("workingDir").and_then(Value::as_str).unwrap_or("");
    let mounts = volumes::mounts(spec, &life.volumes, &life.account);
    let (local, changes) = rewrite(wanted, &mounts, &|_, _, _| None);
    // A directory of the image does not exist here.
    if changes.is_empty() {
        life.directory.clone()
    } else {
        local.into()
    }
}

/// Keeps the container's readiness up to date; completes with the reason when its liveness probe gives up.
async fn probe(
    life: &Life<'_>,
    slot: Slot,
    spec: &Value,
    runner: &Runner,
    environment: &Environment,
) -> String {
    let commands = Commands {
        env: &environment.variables,
        directory: &life.directory,
    };
    if slot.init || *runner == Runner::Hollow {
        if !slot.init {
            life.update(slot, |view| view.ready = true);
        }
        return std::future::pending().await;
    }
    let own = Probe::of(life.pod, spec, "readinessProbe");
    let readiness = async {
        let (probe, once) = match (&own, runner, ports(spec).next()) {
            (Some(probe), ..) => (probe.clone(), false),
            (None, Runner::Task(_), Some(port)) => (Probe::listening(port), true),
            _ => {
                life.update(slot, |view| view.ready = true);
                return std::future::pending().await;
            }
        };
        sleep(probe.initial_delay).await;
        let (mut good, mut bad, mut ready) = (0_u32, 0_u32, false);
        loop {
            match probe.ask(life.address, &commands).await {
                Ok(()) => (good, bad) = (good.saturating_add(1), 0),
                Err(error) => {
                    (good, bad) = (0, bad.saturating_add(1));
                    if !once {
                        life.agent.event(
                            life.pod,
                            true,
                            "Unhealthy",
                            &format!("Readiness probe failed: {error}"),
                        );
                    }
                }
            }
            let now = if ready {
                bad < probe.failures
            } else {
                good >= probe.successes
            };
            if now != ready {
                ready = now;
                life.update(slot, |view| view.ready = now);
                if once {
                    return std::future::pending().await;
                }
            }
            sleep(probe.period).await;
        }
    };
    let liveness = async {
        let Some(probe) = Probe::of(life.pod, spec, "livenessProbe") else {
            return std::future::pending().await;
        };
        sleep(probe.initial_delay).await;
        let mut bad = 0;
        loop {
            match probe.ask(life.address, &commands).await {
                Ok(()) => bad = 0,
                Err(error) => {
                    bad += 1;
                    life.agent.event(
                        life.pod,
                        true,
                        "Unhealthy",
                        &format!("Liveness probe failed: {error}"),
                    );
                    if bad >= probe.failures {
                        return error;
                    }
                }
            }
            sleep(probe.period).await;
        }
    };
    tokio::select! {
        why = readiness => why,
        why = liveness => why,
    }
}

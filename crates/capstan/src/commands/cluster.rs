//! `capstan cluster`: the embedded Kubernetes.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use capstan_base::{SharedClock, SystemClock};
use capstan_cluster::runners::{ImageMap, Runner, TaskContext};
use capstan_cluster::{Cluster, LOCAL_PORTS, Options};
use capstan_demo::{App, AppOptions};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::wiring::autoscaler::{Autoscaler, Flags};
use crate::{home, signals};

/// Runs a Kubernetes API that real kubectl works with: controllers, and pods that are processes of this machine.
///
/// Images are not pulled: --image says what runs in their stead. The tutorial's two images are built in.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    command: Option<ClusterCommand>,
    /// Address of the API server; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:6443")]
    bind: SocketAddr,
    /// Certificates and the kubeconfig live here [default: ~/.capstan/cluster]
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// What to run instead of an image: IMAGE=COMMAND for a process, IMAGE=hollow for a pod that does nothing
    #[arg(long = "image", value_name = "IMAGE=COMMAND", value_parser = image)]
    images: Vec<(String, Runner)>,
    /// Run every image that is not mapped as a hollow pod
    #[arg(long)]
    hollow: bool,
    /// Loopback addresses that pods get
    #[arg(long, default_value = "127.20.0.0/16")]
    pod_cidr: String,
    /// Run the example app's pods inside this process instead of as processes of their own
    #[arg(long)]
    apps_in_process: bool,
    #[command(flatten)]
    autoscaler: Flags,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Prints the local URL of a service
    Url {
        /// Name of the service
        service: String,
        /// Its namespace
        #[arg(short, long, default_value = "default")]
        namespace: String,
        /// Which of its ports; the first one if not given
        #[arg(long)]
        port: Option<u16>,
        /// The kubeconfig that `capstan cluster` wrote [default: ~/.capstan/cluster/kubeconfig]
        #[arg(long, env = "KUBECONFIG")]
        kubeconfig: Option<PathBuf>,
    },
}

/// Runs the cluster until a signal arrives, or the subcommand.
pub(crate) async fn run(args: ClusterArgs) -> Result<ExitCode> {
    if let Some(ClusterCommand::Url {
        service,
        namespace,
        port,
        kubeconfig,
    }) = args.command
    {
        return url(&service, &namespace, port, kubeconfig).await;
    }
    let data_dir = args
        .data_dir
        .map_or_else(|| home::directory().map(|home| home.join("cluster")), Ok)?;
    let mut images = ImageMap::new();
    for (image, runner) in args.images {
        images.insert(image, runner);
    }
    if args.hollow {
        images.set_fallback(Some(Runner::Hollow));
    }
    let mut options = Options {
        bind: args.bind,
        images,
        gates: args.autoscaler.gates()?,
        ..Options::new(data_dir)
    };
    if args.apps_in_process {
        let clock = SystemClock::shared();
        let app = move |context: TaskContext| {
            let clock = Arc::clone(&clock);
            capstan_runtime::spawn("example app", async move { serve_app(context, clock).await })
        };
        options.task_apps.insert("app".to_owned(), Arc::new(app));
    }
    let data_dir = options.data_dir.clone();
    let cluster = Cluster::start(options).await?;
    let autoscaler = Autoscaler::embedded(&cluster, &args.autoscaler, &data_dir).await?;
    let kubeconfig = cluster.kubeconfig_path().display();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "Kubernetes API on {}\n\n  export KUBECONFIG={kubeconfig}\n  kubectl get nodes\n\n\
        Decisions about HorizontalPodAutoscalers on {}: capstan explain hpa/NAME{}\n",
        cluster.url(),
        autoscaler.url(),
        autoscaler.explain_flag()
    )?;
    out.flush()?;
    drop(out);
    signals::interrupted().await;
    // First: it must not scale what is going away.
    autoscaler.stop().await;
    cluster.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

async fn serve_app(context: TaskContext, clock: SharedClock) {
    let port = context.ports.first().copied().unwrap_or(8000);
    let mut env = context.env.clone();
    env.entry("HOSTNAME".to_owned())
        .or_insert_with(|| context.pod.clone());
    let options = AppOptions::from_env(SocketAddr::new(context.ip, port), &env);
    context.log.line(&format!(
        "host: {}, replicaset: {}, url: {}",
        options.host, options.replicaset, options.report_url
    ));
    match App::start(options, clock, context.shutdown.clone()).await {
        Ok(_app) => context.shutdown.raised().await,
        Err(error) => context
            .log
            .line(&format!("cannot listen on {}:{port}: {error}", context.ip)),
    }
}

async fn url(
    service: &str,
    namespace: &str,
    port: Option<u16>,
    kubeconfig: Option<PathBuf>,
) -> Result<ExitCode> {
    let path = kubeconfig.map_or_else(
        || home::directory().map(|home| home.join("cluster/kubeconfig")),
        Ok,
    )?;
    let options = capstan_kube::Options {
        credentials: capstan_kube::Credentials::Kubeconfig {
            path: Some(path),
            context: None,
        },
        ..capstan_kube::Options::default()
    };
    let cluster = capstan_kube::Cluster::connect(&options).await?;
    let object = cluster
        .read(&format!("/api/v1/namespaces/{namespace}/services/{service}"))
        .await?;
    let local = local_port(&object, port).with_context(|| match port {
        Some(port) => format!("service {service:?} has no local port for its port {port}"),
        None => format!("service {service:?} has no local port (yet)"),
    })?;
    writeln!(std::io::stdout().lock(), "http://127.0.0.1:{local}")?;
    Ok(ExitCode::SUCCESS)
}

/// The port of this machine that stands for a port of a service: the one asked for, or the first.
fn local_port(service: &Value, port: Option<u16>) -> Option<u64> {
    let ports = service["spec"]["ports"].as_array()?;
    let found = ports
        .iter()
        .find(|candidate| port.is_none_or(|port| candidate["port"] == port))?;
    // Services without node ports carry theirs in an annotation: "80=41234,443=41235".
    found["nodePort"].as_u64().or_else(|| {
        let local = service["metadata"]["annotations"][LOCAL_PORTS].as_str()?;
        let pairs = local.split(',').filter_map(|pair| pair.split_once('='));
        let wanted = found["port"].to_string();
        pairs
            .into_iter()
            .find(|(port, _)| *port == wanted)?
            .1
            .parse()
            .ok()
    })
}

fn image(text: &str) -> Result<(String, Runner), String> {
    // The command may hold further equals signs, an image name has none.
    match text.split_once('=') {
        Some((image, "hollow")) if !image.is_empty() => Ok((image.to_owned(), Runner::Hollow)),
        Some((image, command)) if !image.is_empty() && !command.trim().is_empty() => {
            Ok((image.to_owned(), Runner::process(["/bin/sh", "-c", command])))
        }
        _ => Err("expected IMAGE=COMMAND or IMAGE=hollow".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_services_local_port_is_its_node_port_or_the_annotated_one() {
        let node =
            json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}, {"port": 90, "nodePort": 30090}]}});
        assert_eq!(local_port(&node, None), Some(30080));
        assert_eq!(local_port(&node, Some(90)), Some(30090));
        assert_eq!(local_port(&node, Some(91)), None);
        let inner = json!({"metadata": {"annotations": {LOCAL_PORTS: "80=41234,90=41235"}},
            "spec": {"ports": [{"port": 80}, {"port": 90}]}});
        assert_eq!(local_port(&inner, Some(90)), Some(41235));
    }

    #[test]
    fn images_are_mapped_to_commands() {
        assert_eq!(
            image("web:1=sleep 5 # a=b").unwrap().1,
            Runner::process(["/bin/sh", "-c", "sleep 5 # a=b"])
        );
        assert_eq!(image("web=hollow").unwrap(), ("web".to_owned(), Runner::Hollow));
        assert!(image("web").is_err() && image("=x").is_err() && image("web= ").is_err());
    }
}

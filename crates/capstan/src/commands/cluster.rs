//! `capstan cluster`: the embedded Kubernetes.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use capstan_base::{SharedClock, SystemClock};
use capstan_cluster::runners::{ImageMap, Runner, TaskContext};
use capstan_cluster::{Cluster, Options};
use capstan_demo::{App, AppOptions};
use clap::{Args, Subcommand};

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
    /// Run the example app's pods inside this process instead of as processes of their own
    #[arg(long)]
    apps_in_process: bool,
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
    let cluster = Cluster::start(options).await?;
    let kubeconfig = cluster.kubeconfig_path().display();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "Kubernetes API on {}\n\n  export KUBECONFIG={kubeconfig}\n  kubectl get nodes\n",
        cluster.url()
    )?;
    out.flush()?;
    drop(out);
    signals::interrupted().await;
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
    let ports = object["spec"]["ports"]
        .as_array()
        .context("the service has no ports")?;
    let found = ports
        .iter()
        .find(|candidate| port.is_none_or(|port| candidate["port"] == port));
    let Some(found) = found else {
        bail!("service {service:?} has no such port")
    };
    let Some(local) = found["nodePort"].as_u64() else {
        bail!("service {service:?} has no local port yet")
    };
    writeln!(std::io::stdout().lock(), "http://127.0.0.1:{local}")?;
    Ok(ExitCode::SUCCESS)
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

//! Which cluster a command of our own talks to.

use std::path::PathBuf;

use anyhow::Result;
use capstan_kube::{Cluster, Credentials, Options};
use clap::Args;

/// A kubeconfig, or the pod's own account.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reach {
    /// The kubeconfig [default: the pod's own account in a cluster, else KUBECONFIG or ~/.kube/config]
    #[arg(long, alias = "lister-kubeconfig", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig
    #[arg(long)]
    context: Option<String>,
}

impl Reach {
    /// Reads the credentials; the API server need not be up.
    pub(crate) async fn connect(&self) -> Result<Cluster> {
        let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let named = self.kubeconfig.is_some() || self.context.is_some();
        let credentials = if in_pod && !named && std::env::var_os("KUBECONFIG").is_none() {
            Credentials::InCluster
        } else {
            Credentials::Kubeconfig {
                path: self.kubeconfig.clone(),
                context: self.context.clone(),
            }
        };
        let options = Options {
            credentials,
            ..Options::default()
        };
        Ok(Cluster::connect(&options).await?)
    }
}

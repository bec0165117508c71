//! A real Prometheus that scrapes what the embedded cluster tells it to.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use capstan_cluster::Handle;
use tokio::process::{Child, Command};

use super::super::stage::until;

/// The running process. It ends with this value.
#[derive(Debug)]
pub(super) struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts it with its data in this folder, and waits until it answers.
    pub(super) async fn start(program: &Path, folder: &Path, cluster: &Handle) -> Result<Self> {
        // It cannot be asked for any free port and tell which one it got.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let config = configuration(folder, cluster)?;
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log"))?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!(
                    "{} does not start; `apt-get install prometheus` installs it, --prometheus names another place",
                    program.display()
                )
            })?;
        let mut prometheus = Self { child, address };
        let answers = until("Prometheus does not answer", || {
            std::net::TcpStream::connect(address).is_ok()
        });
        if let Err(error) = answers.await {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            prometheus.stop().await;
            bail!("{error:#}:\n{log}");
        }
        Ok(prometheus)
    }

    /// Its base URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it.
    pub(super) async fn stop(&mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::debug!(%error, "Prometheus had ended already");
        }
    }
}

/// Writes the configuration and the credentials it names; gives its path.
fn configuration(folder: &Path, cluster: &Handle) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let (authority, token) = (folder.join("ca.crt"), folder.join("token"));
    std::fs::write(&authority, cluster.ca_pem())?;
    std::fs::write(&token, cluster.admin_token())?;
    let path = folder.join("prometheus.yaml");
    let text = format!(
        "global:\n  scrape_interval: 1s\n\
        scrape_configs:\n- job_name: pods\n  http_sd_configs:\n  - url: {}/prometheus/targets\n    \
        refresh_interval: 1s\n    tls_config:\n      ca_file: {}\n    authorization:\n      type: Bearer\n      credentials_file: {}\n",
        cluster.url(),
        authority.display(),
        token.display()
    );
    std::fs::write(&path, text)?;
    Ok(path)
}

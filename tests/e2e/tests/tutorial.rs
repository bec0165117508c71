//! The tutorial word for word: an embedded cluster, manifests of its shape, real kubectl, the client's session, load.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use capstan_e2e::{Running, capstan, free_address, http, kubectls, output, root, wait_for};

/// As tutorials of 2016 write it: the old group, no selector.
const REPLICA_SET: &str = "
apiVersion: extensions/v1beta1
kind: ReplicaSet
metadata:
  name: app
spec:
  template:
    metadata:
      labels:
        app: app
    spec:
      containers:
      - name: app
        image: quay.io/influxdb/k8s-kapacitor-autoscale:0.0.1
        imagePullPolicy: IfNotPresent
        ports:
        - containerPort: 8000
        env:
          - name: \"APP_REPLICASET\"
            value: \"app\"
";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata:
  name: app
spec:
  ports:
    - port: 8000
      targetPort: 8000
  selector:
    app: app
  type: NodePort
";

struct Tutorial {
    folder: tempfile::TempDir,
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    server_address: SocketAddr,
    // Dropped in this order: the server must not outlive the cluster it scales.
    server: Running,
    _cluster: Running,
}

impl Tutorial {
    fn start(kubectl: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("cluster");
        let cluster = Running::start(
            Command::new(capstan())
                .args(["cluster", "--bind", "127.0.0.1:0", "--data-dir"])
                .arg(&data),
        )?;
        cluster.line_with("KUBECONFIG")?;
        let kubeconfig = data.join("kubeconfig");
        let server_address = free_address();
        let server = Self::serve(folder.path(), &kubeconfig, server_address)?;
        symlink(capstan(), folder.path().join("kapacitor"))?;
        Ok(Self {
            folder,
            kubectl: kubectl.to_owned(),
            kubeconfig,
            server_address,
            server,
            _cluster: cluster,
        })
    }

    /// The server with the variables of the tutorial's manifest, as far as they make sense outside a pod.
    fn serve(folder: &Path, kubeconfig: &Path, address: SocketAddr) -> Result<Running> {
        let server = Running::start(
            Command::new(capstan())
                .arg("serve")
                .env("KAPACITOR_DATA_DIR", folder.join("server"))
                .env("KAPACITOR_HTTP_BIND_ADDRESS", address.to_string())
                .env("KAPACITOR_INFLUXDB_0_ENABLED", "false")
                .env("KAPACITOR_KUBERNETES_ENABLED", "true")
                .env("CAPSTAN_KUBERNETES_KUBECONFIG", kubeconfig),
        )?;
        wait_for("the server answers", || {
            Ok((http(address, "GET", "/kapacitor/v1/ping", b"")?.0 == 204).then_some(()))
        })?;
        Ok(server)
    }

    fn kubectl(&self, args: &[&str]) -> Result<String> {
        output(
            Command::new(&self.kubectl)
                .arg("--kubeconfig")
                .arg(&self.kubeconfig)
                .args(args)
                .env("HOME", self.folder.path()),
        )
    }

    fn kapacitor(&self, line: &str) -> Result<String> {
        output(
            Command::new(self.folder.path().join("kapacitor"))
                .args(line.split(' '))
                .current_dir(self.folder.path())
                .env("KAPACITOR_URL", format!("http://{}", self.server_address)),
        )
    }

    fn file(&self, name: &str, text: &str) -> Result<String> {
        let path = self.folder.path().join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    fn replicas(&self) -> Result<(i64, i64)> {
        let text = self.kubectl(&[
            "get",
            "rs",
            "app",
            "-o",
            "jsonpath={.spec.replicas} {.status.readyReplicas}",
        ])?;
        let mut numbers = text.split(' ').map(|number| number.parse().unwrap_or(0));
        Ok((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
    }

    /// Waits until this many replicas are wanted and ready.
    fn reach(&self, replicas: i64) -> Result<()> {
        wait_for(&format!("{replicas} replicas"), || {
            Ok((self.replicas()? == (replicas, replicas)).then_some(()))
        })
    }

    /// One second of what `hosts` report: each has served `total` requests by then.
    fn report(&self, second: u64, hosts: u64, total: u64) -> Result<()> {
        let mut lines = String::new();
        for host in 0..hosts {
            writeln!(
                lines,
                "requests,host=h{host},replicaset=app value={total}i {second}"
            )?;
        }
        let (status, body) = http(
            self.server_address,
            "POST",
            "/write?db=autoscale&rp=autogen&precision=s",
            lines.as_bytes(),
        )?;
        ensure!(status == 204, "{status} {body}");
        Ok(())
    }
}

fn tutorial(kubectl: &Path) -> Result<()> {
    let mut tutorial = Tutorial::start(kubectl)?;
    let (set, service) = (
        tutorial.file("app.yaml", REPLICA_SET)?,
        tutorial.file("service.yaml", SERVICE)?,
    );
    tutorial.kubectl(&["create", "-f", &set])?;
    tutorial.kubectl(&["create", "-f", &service])?;
    tutorial.reach(1)?;

    // curl $APP_URL
    let url = output(
        Command::new(capstan())
            .args(["cluster", "url", "app", "--kubeconfig"])
            .arg(&tutorial.kubeconfig),
    )?;
    let address: SocketAddr = url
        .trim()
        .trim_start_matches("http://")
        .parse()
        .context("the service's URL")?;
    let (status, body) = wait_for("the app answers", || Ok(http(address, "GET", "/", b"").ok()))?;
    ensure!(
        status == 200 && body.contains("Current request count 1"),
        "{status} {body}"
    );

    // The session, word for word.
    let stats = tutorial.kapacitor("stats general")?;
    for row in [
        "ClusterID:",
        "ServerID:",
        "Host:",
        "Tasks:",
        "Enabled Tasks:",
        "Subscriptions:",
        "Version:",
    ] {
        ensure!(stats.contains(row), "{row} is missing in\n{stats}");
    }
    fs::copy(
        root().join("demo/autoscale.tick"),
        tutorial.folder.path().join("autoscale.tick"),
    )?;
    let silent =
        tutorial.kapacitor("define autoscale -tick autoscale.tick -type stream -dbrp autoscale.autogen")?;
    ensure!(silent.is_empty(), "{silent}");
    ensure!(tutorial.kapacitor("enable autoscale")?.is_empty());
    let show = tutorial.kapacitor("show autoscale")?;
    let expected = "k8s_autoscale6 [avg_exec_time_ns=\"0s\" cooldown_drops=\"0\" decrease_events=\"0\" errors=\"0\" \
                    increase_events=\"0\"";
    ensure!(
        show.lines().rev().take(3).any(|line| line.starts_with(expected)),
        "{show}"
    );

    // Data time is ours, so the tutorial's own minute of averages and cooldowns passes at once: two minutes of 250
    // requests/s (two hosts of 125), then silence. Three replicas, and one again after the decrease cooldown.
    let start = 1_700_000_000;
    let mut total = 0;
    for second in 0..120 {
        tutorial.report(start + second, 2, total)?;
        total += 125;
    }
    tutorial.reach(3)?;
    for second in 120..420 {
        tutorial.report(start + second, 2, total)?;
    }
    tutorial.reach(1)?;
    let show = tutorial.kapacitor("show autoscale")?;
    ensure!(show.contains("increase_events=\"1\""), "{show}");
    ensure!(show.contains("errors=\"0\" increase_events"), "{show}");

    // The decision is explained, on the object too.
    let explained = output(
        Command::new(capstan())
            .args(["explain", "app", "--last", "10"])
            .env("KAPACITOR_URL", format!("http://{}", tutorial.server_address)),
    )?;
    ensure!(explained.contains("app"), "{explained}");
    wait_for("an event tells of the scaling", || {
        Ok(tutorial
            .kubectl(&["describe", "rs", "app"])?
            .contains("SuccessfulRescale")
            .then_some(()))
    })?;

    // kill -9: what was acknowledged is there again.
    tutorial.server.kill()?;
    tutorial.server = Tutorial::serve(
        tutorial.folder.path(),
        &tutorial.kubeconfig,
        tutorial.server_address,
    )?;
    let list = tutorial.kapacitor("list tasks")?;
    ensure!(
        list.contains("autoscale") && list.contains("enabled") && list.contains("true"),
        "{list}"
    );
    tutorial.kapacitor("delete tasks autoscale")?;
    tutorial.kubectl(&["delete", "rs", "app"])?;
    wait_for("no pods are left", || {
        Ok((!tutorial.kubectl(&["get", "pods", "-o", "name"])?.contains("pod/")).then_some(()))
    })?;
    ensure!(tutorial.server.terminate()?.success());
    Ok(())
}

#[test]
fn the_tutorial_works_word_for_word_with_every_kubectl() -> Result<()> {
    for kubectl in kubectls() {
        tutorial(&kubectl).with_context(|| kubectl.display().to_string())?;
    }
    Ok(())
}

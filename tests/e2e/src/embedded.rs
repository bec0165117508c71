//! `capstan cluster` with hollow pods, driven with kubectl.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Running, capstan, output};

/// A running embedded cluster with its controller of HPAs.
#[derive(Debug)]
pub struct Embedded {
    /// Where everything of it is.
    pub folder: tempfile::TempDir,
    /// The kubectl that is used.
    pub kubectl: PathBuf,
    /// Where decisions are asked for.
    pub url: String,
    /// The process.
    pub running: Running,
}

impl Embedded {
    /// Starts one whose pods have addresses of `pod_cidr`.
    pub fn start(kubectl: &Path, folder: tempfile::TempDir, pod_cidr: &str, flags: &[&str]) -> Result<Self> {
        let running = Running::start(
            Command::new(capstan())
                .args(["cluster", "--bind", "127.0.0.1:0"])
                .args(["--autoscaler-bind", "127.0.0.1:0"])
                .args(["--hollow", "--pod-cidr", pod_cidr])
                .args(flags)
                .arg("--data-dir")
                .arg(folder.path()),
        )?;
        let line = running.line_with("Decisions about")?;
        let url = line.split("on ").nth(1).and_then(|rest| rest.split(": ").next());
        let url = url.context("an address")?.to_owned();
        Ok(Self {
            folder,
            kubectl: kubectl.to_owned(),
            url,
            running,
        })
    }

    /// kubectl on this cluster, to be run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.env("KUBECONFIG", self.kubeconfig()).args(args);
        command
    }

    /// The output of kubectl.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        output(&mut self.command(args))
    }

    /// An object as JSON.
    pub fn object(&self, kind: &str, name: &str) -> Result<Value> {
        Ok(serde_json::from_str(
            &self.kubectl(&["get", kind, name, "-o", "json"])?,
        )?)
    }

    /// Creates an object.
    pub fn create(&self, object: &Value) -> Result<String> {
        let file = self.file("object.json", &object.to_string())?;
        self.kubectl(&["create", "--validate=false", "-f", &file])
    }

    /// The output of `capstan explain`.
    pub fn explain(&self, args: &[&str]) -> Result<String> {
        output(
            Command::new(capstan())
                .args(["explain", "--url", &self.url])
                .args(args),
        )
    }

    /// A file of this content.
    pub fn file(&self, name: &str, text: &str) -> Result<String> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }
}

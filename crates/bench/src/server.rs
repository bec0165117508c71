//! A server of our own, started for a measurement and ended with it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use capstan_base::SharedClock;

use crate::error::Error;
use crate::process::Process;
use crate::run::Target;

/// A running `capstan serve` with its own directory. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    url: String,
    ready: Duration,
    _directory: tempfile::TempDir,
}

impl Server {
    /// Starts `binary serve` on a free port. `config` is the text of its configuration file.
    pub fn start(binary: &Path, config: &str, clock: &SharedClock) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::Start(error.to_string());
        let directory = tempfile::tempdir().map_err(failed)?;
        let file = directory.path().join("capstan.toml");
        std::fs::write(&file, config).map_err(failed)?;
        let before = clock.monotonic();
        let mut child = Command::new(binary)
            .args(["serve", "--bind-address", "127.0.0.1:0", "--log-level", "INFO"])
            .args(["--log-file", "STDERR", "--data-dir"])
            .arg(directory.path())
            .arg("--config")
            .arg(&file)
            .env("HOME", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let Some(log) = child.stderr.take() else {
            return Err(Error::Start("no log".to_owned()));
        };
        let mut lines = BufReader::new(log).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let address = lines.by_ref().find_map(|line| {
            let address = line
                .contains("http api listens")
                .then(|| line.split_once("address="))
                .flatten()
                .and_then(|(_, rest)| rest.split_whitespace().next())
                .map(str::to_owned);
            said.push(line);
            address
        });
        let ready = clock.monotonic().saturating_sub(before);
        let Some(address) = address else {
            // It has ended: its log is closed.
            let _ = child.kill();
            let _ = child.wait();
            return Err(Error::Start(said.join("\n")));
        };
        // A full pipe would hold the server up.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self {
            child,
            url: format!("http://{address}"),
            ready,
            _directory: directory,
        })
    }

    /// Where its API is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From the start of the process until the API listened.
    pub fn ready(&self) -> Duration {
        self.ready
    }

    /// As what load is put on.
    pub fn target(&self) -> Target {
        Target {
            url: self.url.clone(),
            process: Some(self.process()),
        }
    }

    /// For its CPU time and memory.
    pub fn process(&self) -> Process {
        Process { pid: self.child.id() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

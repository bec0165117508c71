//! Drives the real binary with the real kubectl. What is needed of the binary: `target/<profile>/capstan`, which
//! `make test` builds first.
//!
//! Processes are ended when their guard is dropped. Waiting always has a deadline and looks again and again at what is
//! awaited; nothing is assumed to have happened after a time.

#![allow(clippy::print_stdout)] // what is skipped and why must be seen
#![allow(clippy::disallowed_methods)] // a test waits for other processes on the machine's clock

mod embedded;
pub mod standin;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

pub use embedded::Embedded;

/// How long anything may take on a busy machine with two cores.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The binary under test.
pub fn capstan() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("tests are built below target/<profile>/deps");
    let binary = profile.join("capstan");
    assert!(
        binary.exists(),
        "{} is not built: cargo build -p capstan",
        binary.display()
    );
    binary
}

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Every kubectl there is: the one on PATH, and those unpacked by `scripts/setup`. Prints why there is none.
pub fn kubectls() -> Vec<PathBuf> {
    let on_path = std::env::var_os("PATH").into_iter().flat_map(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join("kubectl"))
            .collect::<Vec<_>>()
    });
    let mut found: Vec<PathBuf> = on_path.filter(|path| path.exists()).take(1).collect();
    let tools = root().join("target/tools/kubectl-debian/usr/bin/kubectl");
    if tools.exists() {
        found.push(tools);
    }
    if found.is_empty() {
        println!("skipped: no kubectl (scripts/setup installs one)");
    }
    found
}

/// A real Prometheus: the one on PATH, or the one unpacked by `scripts/setup`. Prints why there is none.
pub fn prometheus() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").into_iter().flat_map(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join("prometheus"))
            .collect::<Vec<_>>()
    });
    let unpacked = root().join("target/tools/prometheus-debian/usr/bin/prometheus");
    let found = on_path.chain([unpacked]).find(|path| path.exists());
    if found.is_none() {
        println!("skipped: no prometheus (scripts/setup installs one)");
    }
    found
}

/// A process that ends with its guard.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Its standard output, line by line.
    lines: mpsc::Receiver<String>,
}

impl Running {
    /// Starts a command; its standard error goes to the test's.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start")?;
        let stdout = child.stdout.take().context("standard output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The first line of output that contains `text`.
    pub fn line_with(&self, text: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.contains(text) => return Ok(line),
                Ok(line) => seen.push(line),
                Err(_) => bail!("no line with {text:?} in:\n{}", seen.join("\n")),
            }
        }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status if it has ended.
    pub fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to end, waits, and returns its exit status.
    pub fn terminate(&mut self) -> Result<std::process::ExitStatus> {
        signal(self.child.id(), "TERM")?;
        wait_for("the process ends", || self.ended())
    }

    /// Ends it at once, as kill -9 does.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.terminate();
            let _ = self.child.kill();
        }
    }
}

/// Sends a signal by name.
pub fn signal(process: u32, name: &str) -> Result<()> {
    let status = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status()?;
    ensure!(status.success(), "kill -{name} {process}");
    Ok(())
}

/// Looks until there is something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut last = String::new();
    while Instant::now() < deadline {
        match look() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => last = format!(" ({error:#})"),
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    bail!("{what}: not within {}s{last}", PATIENCE.as_secs())
}

/// An address that nobody listens on just now.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound listener has an address")
}

/// The output of a command that succeeds.
pub fn output(command: &mut Command) -> Result<String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().context("start")?;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    ensure!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    Ok(stdout.into_owned())
}

/// A plain HTTP/1.1 request without anything clever: status and body.
pub fn http(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").context("an HTTP answer")?;
    let status = head.split(' ').nth(1).context("a status line")?.parse()?;
    Ok((status, body.to_owned()))
}

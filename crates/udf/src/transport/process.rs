//! Programs.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use super::{Caller, Connection, Peer};
use crate::error::Error;

/// A longer line of a program's standard error is logged in pieces.
const MAX_LINE: u64 = 4096;
/// How long the last lines of a program that is gone may take to come.
const LAST_LINES: Duration = Duration::from_millis(200);

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Its process group, as long as it was not waited for.
    group: Option<u32>,
    errors: Option<JoinHandle<()>>,
    last_line: Arc<Mutex<String>>,
    caller: Caller,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) success: bool,
    /// Its status, and the last line of its standard error.
    pub(crate) words: String,
}

/// Starts a program with our environment and `environment`. What it writes to its standard error is logged.
pub(super) fn start(
    program: &str,
    arguments: &[String],
    environment: &BTreeMap<String, String>,
    caller: Caller,
) -> Result<Connection, Error> {
    let failed = |error| Error::Start {
        program: program.to_owned(),
        error,
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // What it starts itself goes when it is killed; a key pressed at our terminal does not reach it before we end it.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    let (Some(input), Some(output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed(std::io::Error::other(
            "its input and output are not piped",
        )));
    };
    let last_line = Arc::default();
    let log = log(errors, caller.clone(), Arc::clone(&last_line));
    let group = child.id();
    let process = Process {
        child,
        group,
        errors: Some(capstan_runtime::spawn("udf stderr", log)),
        last_line,
        caller,
    };
    Ok(Connection {
        input: Box::new(input),
        output: Box::new(output),
        peer: Peer::Program(Box::new(process)),
    })
}

async fn log(errors: ChildStderr, caller: Caller, last_line: Arc<Mutex<String>>) {
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut errors).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            let Caller { function, task, node } = &caller;
            tracing::info!(udf = function, task, node, text, "UDF log");
            text.clone_into(&mut last_line.lock());
        }
    }
}

impl Process {
    /// How it ended; `None` when it did not within `patience`.
    pub(crate) async fn exit(&mut self, patience: Duration) -> Option<Exit> {
        let status = match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => {
                let words = format!("cannot wait for it: {error}");
                return Some(Exit {
                    success: false,
                    words,
                });
            }
            Err(_) => return None,
        };
        self.group = None;
        if let Some(errors) = &mut self.errors {
            // What it started may hold its standard error open.
            let _ = tokio::time::timeout(LAST_LINES, errors).await;
            self.errors = None;
        }
        let line = self.last_line.lock();
        let words = match (status.success(), line.is_empty()) {
            (false, false) => format!("{} ({line})", words(status)),
            _ => words(status),
        };
        Some(Exit {
            success: status.success(),
            words,
        })
    }

    /// Ends it and what it started.
    pub(crate) async fn kill(&mut self) {
        let Caller { function, task, node } = &self.caller;
        tracing::error!(udf = function, task, node, "process not responding, killing it");
        self.kill_group();
        // It may be gone already.
        let _ = self.child.kill().await;
    }

    fn kill_group(&mut self) {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process_group};
            let group = self.group.take().and_then(|id| i32::try_from(id).ok());
            if let Some(group) = group.and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// As Go words it.
fn words(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return format!("signal {signal}");
        }
    }
    format!("exit status {}", status.code().unwrap_or(-1))
}

//! Programs that get events.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use capstan_alert::{Event, HandlerSpec};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::queue::{Failure, Send1, Sending};

/// Output kept of a program.
const MAX_OUTPUT: usize = 64 << 10;

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub program: String,
    pub arguments: Vec<String>,
    /// Its standard input.
    pub input: String,
}

/// What a program left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended, in words, unless it was a success.
    pub failure: Option<String>,
    /// The beginning of what it wrote to both outputs.
    pub text: String,
}

/// The future of [`Commander::run`].
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Output, String>> + Send + 'a>>;

/// Runs programs.
pub trait Commander: Debug + Send + Sync {
    /// Runs a program to its end. An error means that it could not be started.
    fn run(&self, command: Command) -> Running<'_>;
}

/// Runs programs of this machine, no longer than `patience` each.
#[derive(Debug, Clone)]
pub struct SystemCommander {
    pub patience: Duration,
}

impl Default for SystemCommander {
    fn default() -> Self {
        Self {
            patience: Duration::from_mins(5),
        }
    }
}

impl Commander for SystemCommander {
    fn run(&self, command: Command) -> Running<'_> {
        Box::pin(async move {
            let Command {
                program,
                arguments,
                input,
            } = command;
            let mut child = tokio::process::Command::new(&program)
                .args(&arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .map_err(|error| format!("cannot run {program}: {error}"))?;
            let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let feed = async move {
                if let Some(mut stdin) = stdin {
                    // A program need not read what it is given.
                    let _ = stdin.write_all(input.as_bytes()).await;
                }
            };
            let all = async {
                let (status, (), out, err) =
                    tokio::join!(child.wait(), feed, beginning(stdout), beginning(stderr));
                (status, out + &err)
            };
            let Ok((status, text)) = tokio::time::timeout(self.patience, all).await else {
                return Ok(Output {
                    failure: Some(format!("killed: it ran longer than {:?}", self.patience)),
                    text: String::new(),
                });
            };
            let failure = match status {
                Ok(status) if status.success() => None,
                Ok(status) => Some(status.to_string()),
                Err(error) => Some(error.to_string()),
            };
            Ok(Output { failure, text })
        })
    }
}

/// Reads to the end and keeps the beginning.
async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let room = MAX_OUTPUT.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..read.min(room)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Runs one program per event, with the event on its standard input.
#[derive(Debug)]
pub(crate) struct Exec {
    program: String,
    arguments: Vec<String>,
    commander: Arc<dyn Commander>,
}

impl Exec {
    pub(crate) fn new(spec: &HandlerSpec, commander: Arc<dyn Commander>) -> Self {
        Self {
            program: spec.text("prog").to_owned(),
            arguments: spec.texts("args"),
            commander,
        }
    }
}

impl Send1 for Exec {
    fn send<'a>(&'a self, event: &'a Event) -> Sending<'a> {
        let command = Command {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            input: event.to_json() + "\n",
        };
        Box::pin(async move {
            let output = self.commander.run(command).await.map_err(Failure::lasting)?;
            match output.failure {
                None => Ok(()),
                Some(failure) => Err(Failure::lasting(format!(
                    "{} failed: {failure}; output: {}",
                    self.program,
                    output.text.trim_end()
                ))),
            }
        })
    }
}

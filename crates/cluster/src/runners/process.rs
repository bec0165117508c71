//! Local commands. Children lead process groups of their own, so that whole trees can be signalled, and die with us:
//! on Linux through `setpriv --pdeathsig` where util-linux has it, else by their standard input closing.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use capstan_runtime::{sleep, spawn};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::LogWriter;

/// Output that is still in the pipes when a process has ended is waited for this long.
const DRAIN: Duration = Duration::from_millis(300);
/// Variables of our own environment that a container gets too.
const INHERITED: [&str; 6] = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"];

/// A command to run.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) command: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: i32,
    pub(crate) signal: Option<i32>,
}

type Request = (Command, oneshot::Sender<io::Result<Child>>);

/// Starts children from one thread that lives as long as the agent: the kernel ends a child with the *thread* that made
/// it, and the threads of an async runtime come and go.
#[derive(Debug)]
pub(crate) struct Spawner {
    requests: std::sync::mpsc::SyncSender<Request>,
    setpriv: Option<PathBuf>,
}

impl Spawner {
    /// Must be called within a runtime.
    pub(crate) fn start() -> io::Result<Self> {
        let (requests, inbox) = std::sync::mpsc::sync_channel::<Request>(64);
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("pod processes".to_owned())
            .spawn(move || {
                let _runtime = runtime.enter();
                for (mut command, answer) in inbox {
                    // Nobody waits for the answer any more: the child is killed on drop.
                    let _ = answer.send(command.spawn());
                }
            })?;
        let setpriv = if cfg!(target_os = "linux") {
            find("setpriv")
        } else {
            None
        };
        Ok(Self { requests, setpriv })
    }

    /// Starts a command whose output goes to `log`.
    pub(crate) async fn run(&self, spec: &Spec, log: LogWriter) -> io::Result<Process> {
        let (name, arguments) = spec
            .command
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command"))?;
        let program = resolve(name, &spec.directory)?;
        let mut command = match &self.setpriv {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(arguments).current_dir(&spec.directory).env_clear();
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", &spec.directory)
            .envs(spec.env.iter().map(|(name, value)| (name, value)));
        // Without pdeathsig an open pipe that closes with us is the best we can give.
        let stdin = if self.setpriv.is_some() {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let (answer, child) = oneshot::channel();
        self.requests
            .try_send((command, answer))
            .map_err(|_| io::Error::other("too many processes are starting"))?;
        let mut child = child
            .await
            .map_err(|_| io::Error::other("the spawning thread has ended"))??;
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            readers.push(spawn("pod stdout", copy(stdout, log.clone())));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.push(spawn("pod stderr", copy(stderr, log.clone())));
        }
        let group = child.id();
        Ok(Process {
            _stdin: child.stdin.take(),
            child,
            group,
            readers,
            log,
        })
    }
}

/// A running command.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Option<u32>,
    readers: Vec<JoinHandle<()>>,
    log: LogWriter,
    _stdin: Option<ChildStdin>,
}

impl Process {
    /// Waits for its end. May be cancelled and called again.
    pub(crate) async fn wait(&mut self) -> Exit {
        let exit = match self.child.wait().await {
            Ok(status) => exit_of(status),
            Err(error) => {
                tracing::warn!(%error, "cannot wait for a pod's process");
                Exit {
                    code: 255,
                    signal: None,
                }
            }
        };
        // What it left behind in its group goes with it, as with a container.
        self.signal(Signal::Kill);
        self.group = None;
        let readers = std::mem::take(&mut self.readers);
        let aborts: Vec<_> = readers.iter().map(JoinHandle::abort_handle).collect();
        tokio::select! {
            _ = futures::future::join_all(readers) => {}
            () = sleep(DRAIN) => aborts.iter().for_each(tokio::task::AbortHandle::abort),
        }
        self.log.close();
        exit
    }

    /// The group that its processes are in, while they run.
    pub(crate) fn group(&self) -> Option<u32> {
        self.group
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::Terminate);
    }

    /// Ends it.
    pub(crate) fn kill(&self) {
        self.signal(Signal::Kill);
    }

    #[cfg(unix)]
    fn signal(&self, signal: Signal) {
        use rustix::process::{Pid, kill_process_group};
        let signal = match signal {
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        let pid = self
            .group
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may be gone already.
            let _ = kill_process_group(pid, signal);
        }
    }

    #[cfg(not(unix))]
    fn signal(&self, _: Signal) {}
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::Kill);
    }
}

#[derive(Debug, Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

fn exit_of(status: ExitStatus) -> Exit {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return Exit {
                code: 128 + signal,
                signal: Some(signal),
            };
        }
    }
    Exit {
        code: status.code().unwrap_or(255),
        signal: None,
    }
}

async fn copy(mut from: impl AsyncRead + Unpin + Send, log: LogWriter) {
    let mut buffer = vec![0; 8192];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => log.bytes(&buffer[..length]),
        }
    }
}

/// The program's file: looked up here rather than by the child, so that a missing one is told as such.
fn resolve(name: &str, directory: &Path) -> io::Result<OsString> {
    let missing = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("\"{name}\": executable file not found"),
        )
    };
    if name.contains('/') {
        let path = directory.join(name);
        return if path.is_file() {
            Ok(path.into_os_string())
        } else {
            Err(missing())
        };
    }
    find(name).map(PathBuf::into_os_string).ok_or_else(missing)
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

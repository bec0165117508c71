//! Kapacitor's command line client, verb for verb: same flags, same layout, same exit statuses (parity file, section 5).
//!
//! Reached as `capstan kapacitor …`, or by a link named `kapacitor` to this binary.

mod define;
mod delete;
mod enable;
pub(crate) mod flags;
mod help;
mod level;
mod list;
mod reload;
mod show;
mod stats;
mod vars;
mod version;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use capstan_client::Client;

pub(crate) use version::line as version_line;

use flags::{Flag, FlagError};

const DEFAULT_URL: &str = "http://localhost:9092";

/// How many tasks are asked for at once (H-10).
const PAGE: usize = 100;

const MAIN_FLAGS: &[Flag] = &[
    Flag::switch(
        "skipVerify",
        "Disable SSL verification (note, this is insecure). Defaults to the KAPACITOR_UNSAFE_SSL environment \
         variable or false if not set.",
    ),
    Flag::text(
        "url",
        "string",
        "The URL http(s)://host:port of the kapacitord server. Defaults to the KAPACITOR_URL environment variable \
         or http://localhost:9092 if not set.",
    ),
];

/// What the environment says; empty means unset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// `KAPACITOR_URL`.
    pub(crate) url: String,
    /// `KAPACITOR_UNSAFE_SSL`.
    pub(crate) unsafe_ssl: String,
}

impl Environment {
    fn of_process() -> Self {
        let get = |name: &str| std::env::var(name).unwrap_or_default();
        Self {
            url: get("KAPACITOR_URL"),
            unsafe_ssl: get("KAPACITOR_UNSAFE_SSL"),
        }
    }
}

/// Runs the client with the process's environment and streams. `args` come without the program's name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "Error: {error}");
            return ExitCode::from(3);
        }
    };
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let status = runtime.block_on(execute(&args, &Environment::of_process(), &mut out, &mut err));
    let _ = out.flush();
    ExitCode::from(status)
}

/// Runs one command line and returns its exit status (C-04).
pub(crate) async fn execute(
    args: &[String],
    environment: &Environment,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> u8 {
    let main = match flags::parse(args, MAIN_FLAGS, false) {
        Ok(main) => main,
        Err(FlagError::Help) => {
            let _ = write!(err, "Usage of main:\n{}", flags::defaults(MAIN_FLAGS));
            return 0;
        }
        Err(FlagError::Wrong(message)) => {
            let _ = write!(err, "{message}\nUsage of main:\n{}", flags::defaults(MAIN_FLAGS));
            return 2;
        }
    };
    let mut skip_verify = false;
    if !environment.unsafe_ssl.is_empty() {
        match capstan_gocompat::strconv::parse_bool(&environment.unsafe_ssl) {
            Ok(value) => skip_verify = value,
            Err(error) => {
                let _ = writeln!(err, "{error}");
                return 1;
            }
        }
    }
    skip_verify = main.is_set("skipVerify").unwrap_or(skip_verify);
    let url = [
        main.last("url").unwrap_or_default(),
        &environment.url,
        DEFAULT_URL,
    ];
    let url = url.into_iter().find(|url| !url.is_empty()).unwrap_or(DEFAULT_URL);
    let client = match Client::new(url, skip_verify) {
        Ok(client) => client,
        Err(error) => {
            let _ = writeln!(err, "{error}");
            return 4;
        }
    };

    let mut session = Session { client, out, err };
    let Some((command, args)) = main.rest.split_first() else {
        let _ = writeln!(session.err, "Error: Must pass a command.");
        help::overview(session.err);
        return 1;
    };
    match session.command(command, args).await {
        Ok(()) => 0,
        Err(Failure::UnknownCommand(command)) => {
            let _ = writeln!(session.err, "Unknown command {command}");
            help::overview(session.err);
            1
        }
        Err(Failure::Overview) => 1,
        Err(Failure::Usage { message, usage }) => {
            if !message.is_empty() {
                let _ = writeln!(session.err, "{message}");
            }
            let _ = write!(session.err, "{usage}");
            2
        }
        Err(Failure::Help(usage)) => {
            let _ = write!(session.err, "{usage}");
            0
        }
        Err(Failure::Failed(message)) => {
            let _ = writeln!(session.err, "Error: {message}");
            3
        }
    }
}

/// One run of the client.
struct Session<'a> {
    client: Client,
    out: &'a mut (dyn Write + Send),
    err: &'a mut (dyn Write + Send),
}

/// Why a verb did not do its work.
#[derive(Debug)]
enum Failure {
    /// No such verb: exit status 1.
    UnknownCommand(String),
    /// The overview was printed, which counts as a mistake: exit status 1.
    Overview,
    /// Wrong arguments: exit status 2.
    Usage { message: String, usage: String },
    /// `-h` was given: exit status 0.
    Help(String),
    /// The server or the machine said no: exit status 3.
    Failed(String),
}

impl Failure {
    fn usage(message: &str, usage: &str) -> Self {
        Self::Usage {
            message: message.to_owned(),
            usage: usage.to_owned(),
        }
    }

    /// As Go wraps an error: what was being done, then why it failed.
    fn during(what: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }
}

impl From<capstan_client::Error> for Failure {
    fn from(error: capstan_client::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Session<'_> {
    async fn command(&mut self, command: &str, args: &[String]) -> Result<(), Failure> {
        match command {
            "help" => help::run(self, args),
            "define" => define::run(self, args).await,
            "enable" => enable::run(self, args, enable::Verb::Enable).await,
            "disable" => enable::run(self, args, enable::Verb::Disable).await,
            "reload" => reload::run(self, args).await,
            "delete" => delete::run(self, args).await,
            "list" => list::run(self, args).await,
            "show" => show::run(self, args).await,
            "level" => level::run(self, args).await,
            "stats" => stats::run(self, args).await,
            "version" => version::run(self),
            "vars" => vars::run(self).await,
            other => Err(Failure::UnknownCommand(other.to_owned())),
        }
    }

    /// A pattern without a match is a success, but says so (C-09).
    fn warn_no_match(&mut self, pattern: &str) {
        let _ = writeln!(self.err, "Warning: no task matches {pattern:?}");
    }
}

/// The arguments of a verb that has flags, or how it wants to be called.
fn parse_flags(
    args: &[String],
    flags: &[Flag],
    anywhere: bool,
    usage: impl Fn() -> String,
) -> Result<flags::Flags, Failure> {
    flags::parse(args, flags, anywhere).map_err(|error| match error {
        FlagError::Help => Failure::Help(usage()),
        FlagError::Wrong(message) => Failure::Usage {
            message,
            usage: usage(),
        },
    })
}

//! Kapacitor's server command line (C-60 to C-62), for a link named `kapacitord` to this binary.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::commands::serve::{self, ServeArgs};
use crate::kapacitor::flags::{self, Flag, FlagError, Flags};
use crate::kapacitor::version_line;

const FLAGS: &[Flag] = &[
    Flag::text("config", "string", "Path to the configuration file."),
    Flag::text(
        "hostname",
        "string",
        "Override the hostname, as the 'hostname' configuration option.",
    ),
    Flag::text("pidfile", "string", "Write the process ID to a file."),
    Flag::text("log-file", "string", "Write logs to a file, STDERR or STDOUT."),
    Flag::text(
        "log-level",
        "string",
        "Sets the log level. One of debug,info,error.",
    ),
    Flag::text(
        "disable-handlers",
        "string",
        "Comma separated list of alert handlers to refuse.",
    ),
    Flag::text(
        "blacklist-cidrs",
        "string",
        "Refused: Capstan cannot keep its requests from networks.",
    ),
    Flag::text(
        "cpuprofile",
        "string",
        "Accepted and ignored: a profile of Go's runtime.",
    ),
    Flag::text(
        "memprofile",
        "string",
        "Accepted and ignored: a profile of Go's runtime.",
    ),
];

const USAGE: &str = "
Configure and start a Kapacitor server.

Usage: kapacitord [[command] [arguments]]

The commands are:

    config               display the default configuration
    run                  run the server (default)
    version              displays the Kapacitor version
    help                 displays this text

The arguments of run and config are:

";

/// Runs the server command line. `args` come without the program's name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let (command, rest) = match args.split_first() {
        Some((first, rest)) if !first.starts_with('-') => (first.as_str(), rest),
        _ => ("run", args.as_slice()),
    };
    let mut err = std::io::stderr();
    let outcome = match command {
        "run" | "config" => match flags::parse(rest, FLAGS, false) {
            Ok(flags) if command == "run" => start(&flags),
            Ok(flags) => config(&flags),
            Err(FlagError::Help) => {
                let _ = write!(err, "{}", usage());
                return ExitCode::SUCCESS;
            }
            Err(FlagError::Wrong(message)) => {
                let _ = write!(err, "{message}\n{}", usage());
                return ExitCode::from(2);
            }
        },
        "version" => writeln!(std::io::stdout(), "{}", version_line())
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
        "help" => write!(err, "{}", usage())
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
        other => {
            let _ = writeln!(err, "unknown command {other:?}\nRun 'kapacitord help' for usage");
            return ExitCode::FAILURE;
        }
    };
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(err, "run: {error:#}");
        ExitCode::FAILURE
    })
}

fn usage() -> String {
    format!("{USAGE}{}", flags::defaults(FLAGS))
}

fn args(flags: &Flags) -> ServeArgs {
    let given = |name: &str| {
        flags
            .last(name)
            .filter(|value| !value.is_empty())
            .map(ToOwned::to_owned)
    };
    ServeArgs {
        config: given("config").map(PathBuf::from),
        hostname: given("hostname"),
        log_file: given("log-file"),
        log_level: given("log-level"),
        disable_handlers: given("disable-handlers")
            .map(|kinds| kinds.split(',').map(ToOwned::to_owned).collect()),
        pidfile: given("pidfile").map(PathBuf::from),
        ..ServeArgs::default()
    }
}

fn start(flags: &Flags) -> Result<ExitCode> {
    // A limit that whoever sets it relies on must not be missing in silence (C-67).
    if flags
        .last("blacklist-cidrs")
        .is_some_and(|value| !value.is_empty())
    {
        anyhow::bail!(
            "-blacklist-cidrs: Capstan cannot keep its requests from networks; use a firewall or a network policy, and start without it"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve::run(args(flags)))
}

fn config(flags: &Flags) -> Result<ExitCode> {
    let loaded = args(flags).load()?;
    write!(
        std::io::stdout(),
        "{}",
        capstan_config::print_config(&loaded.settings)
    )?;
    Ok(ExitCode::SUCCESS)
}

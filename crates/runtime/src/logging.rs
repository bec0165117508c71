//! Logs in Kapacitor's form (S-22, S-23): logfmt lines `ts=… lvl=info msg="…" service=… task=…`, to standard error, standard
//! output or a file, at a level that can be changed while the process runs.
//!
//! A line carries the fields of the spans it is in, outermost first, and then its own. Messages of libraries are shown
//! from level WARN on, whatever the level.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use capstan_base::{Class, Classify, SharedClock, SystemClock};
use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, reload};

/// Our crates' names, and so their targets, begin with this.
const OURS: &str = "capstan";

/// From which level on messages are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

impl Level {
    /// Kapacitor's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    fn filter(self) -> Targets {
        let ours = match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warn => LevelFilter::WARN,
            Self::Error => LevelFilter::ERROR,
        };
        Targets::new()
            .with_target(OURS, ours)
            .with_default(ours.min(LevelFilter::WARN))
    }
}

impl FromStr for Level {
    type Err = Error;

    /// In any case: DEBUG, INFO, WARN, ERROR.
    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "DEBUG" => Self::Debug,
            "INFO" => Self::Info,
            "WARN" | "WARNING" => Self::Warn,
            "ERROR" => Self::Error,
            _ => return Err(Error::UnknownLevel(text.to_owned())),
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where lines go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Output {
    #[default]
    Stderr,
    Stdout,
    /// Appended to; made if missing.
    File(PathBuf),
}

impl Output {
    /// Reads `[logging] file`: `STDERR`, `STDOUT`, or a path. Empty is `STDERR`.
    pub fn parse(text: &str) -> Self {
        match text {
            "" | "STDERR" => Self::Stderr,
            "STDOUT" => Self::Stdout,
            path => Self::File(path.into()),
        }
    }
}

/// How to log.
#[derive(Debug, Clone)]
pub struct LogOptions {
    pub output: Output,
    pub level: Level,
    /// Tells the time of each line.
    pub clock: SharedClock,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            output: Output::default(),
            level: Level::default(),
            clock: SystemClock::shared(),
        }
    }
}

/// Why logging cannot be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log file cannot be written.
    #[error("cannot open log file {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not a level.
    #[error("unknown log level {0:?}, must be one of DEBUG, INFO, WARN, ERROR")]
    UnknownLevel(String),
    /// Logging was set up before in this process.
    #[error("logging is set up already")]
    AlreadySet,
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::File { .. } | Self::UnknownLevel(_) => Class::User,
            Self::AlreadySet => Class::Internal,
        }
    }
}

/// Changes the level of a log that runs. Clones change the same log.
#[derive(Debug, Clone)]
pub struct LogHandle {
    filter: reload::Handle<Targets, Registry>,
    level: Arc<Mutex<Level>>,
}

impl LogHandle {
    /// The level now.
    pub fn level(&self) -> Level {
        *self.level.lock()
    }

    /// Sets the level.
    pub fn set_level(&self, level: Level) {
        let mut current = self.level.lock();
        // Fails only when the log is gone, and then there is nothing to set.
        let _ = self.filter.reload(level.filter());
        *current = level;
    }
}

/// Makes this the log of the whole process.
pub fn init(options: LogOptions) -> Result<LogHandle, Error> {
    let (log, handle) = build(options)?;
    tracing::subscriber::set_global_default(log).map_err(|_| Error::AlreadySet)?;
    Ok(handle)
}

/// A log that is nobody's yet; see [`tracing::subscriber::with_default`].
pub fn build(options: LogOptions) -> Result<(impl Subscriber + Send + Sync, LogHandle), Error> {
    let writer = match &options.output {
        Output::Stderr => BoxMakeWriter::new(io::stderr),
        Output::Stdout => BoxMakeWriter::new(io::stdout),
        Output::File(path) => BoxMakeWriter::new(open(path)?),
    };
    Ok(with_writer(writer, options))
}

fn open(path: &PathBuf) -> Result<Arc<File>, Error> {
    let failed = |source| Error::File {
        path: path.clone(),
        source,
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map(Arc::new)
        .map_err(failed)
}

fn with_writer(writer: BoxMakeWriter, options: LogOptions) -> (impl Subscriber + Send + Sync, LogHandle) {
    let (filter, handle) = reload::Layer::new(options.level.filter());
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .fmt_fields(Pairs)
        .event_format(Logfmt { clock: options.clock })
        .with_writer(writer);
    let log = Registry::default().with(filter).with(lines);
    (
        log,
        LogHandle {
            filter: handle,
            level: Arc::new(Mutex::new(options.level)),
        },
    )
}

/// Formats a line.
#[derive(Debug)]
struct Logfmt {
    clock: SharedClock,
}

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            _ => "debug",
        };
        let mut line = Line::default();
        event.record(&mut line);
        write!(out, "ts={:.3} lvl={level} msg=", self.clock.now())?;
        write_value(&mut out, &line.message)?;
        if let Some(scope) = ctx.event_scope() {
            for span in scope.from_root() {
                let extensions = span.extensions();
                if let Some(fields) = extensions.get::<FormattedFields<N>>()
                    && !fields.is_empty()
                {
                    write!(out, " {fields}")?;
                }
            }
        }
        if !line.pairs.is_empty() {
            write!(out, " {}", line.pairs)?;
        }
        writeln!(out)
    }
}

/// Formats the fields of a span.
#[derive(Debug)]
struct Pairs;

impl<'w> FormatFields<'w> for Pairs {
    fn format_fields<R: tracing_subscriber::field::RecordFields>(
        &self,
        mut out: Writer<'w>,
        fields: R,
    ) -> fmt::Result {
        let mut line = Line::default();
        fields.record(&mut line);
        out.write_str(&line.pairs)
    }
}

/// The message and the `key=value` pairs of an event or a span.
#[derive(Debug, Default)]
struct Line {
    message: String,
    pairs: String,
}

impl Line {
    fn pair(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
            return;
        }
        // `error` is how our code calls it, `err` how Kapacitor prints it.
        let key = if field.name() == "error" {
            "err"
        } else {
            field.name()
        };
        if !self.pairs.is_empty() {
            self.pairs.push(' ');
        }
        self.pairs.push_str(key);
        self.pairs.push('=');
        // Writing into a string does not fail.
        let _ = write_value(&mut self.pairs, value);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.pair(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let part = error.to_string();
            // Many errors print their cause themselves.
            if !text.contains(&part) {
                text.push_str(": ");
                text.push_str(&part);
            }
            cause = error.source();
        }
        self.pair(field, &text);
    }
}

/// Writes a value, in quotes if it could be misread without.
fn write_value(out: &mut impl fmt::Write, value: &str) -> fmt::Result {
    let plain = !value.is_empty()
        && value
            .chars()
            .all(|c| c > ' ' && c != '"' && c != '=' && c != '\\' && c != '\u{7f}');
    if plain {
        return out.write_str(value);
    }
    out.write_char('"')?;
    for c in value.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use capstan_base::VirtualClock;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn lines(&self) -> Vec<String> {
            let bytes = std::mem::take(&mut *self.0.lock());
            String::from_utf8(bytes)
                .expect("text")
                .lines()
                .map(str::to_owned)
                .collect()
        }
    }

    #[test]
    fn lines_are_logfmt_with_the_spans_fields_before_their_own() {
        let sink = Sink::default();
        let writer = sink.clone();
        let clock: SharedClock = VirtualClock::at(1_615_399_910_063_000_000);
        let options = LogOptions {
            clock,
            level: Level::Debug,
            ..LogOptions::default()
        };
        let (log, handle) = with_writer(BoxMakeWriter::new(move || writer.clone()), options);
        tracing::subscriber::with_default(log, || {
            let span = tracing::error_span!("task", task = "cpu", node = "k8s autoscale");
            let _in = span.enter();
            let error = io::Error::other("no \"way\"");
            tracing::error!(
                error = &error as &dyn std::error::Error,
                code = 3,
                "cannot scale\nit"
            );
            tracing::debug!(empty = "", "shown");
            handle.set_level(Level::Info);
            tracing::debug!("hidden");
            tracing::info!(target: "hyper", "a library's chatter");
            tracing::warn!(target: "hyper", "a library's warning");
        });
        assert_eq!(handle.level(), Level::Info);
        assert_eq!(
            sink.lines(),
            [
                r#"ts=2021-03-10T18:11:50.063Z lvl=error msg="cannot scale\nit" task=cpu node="k8s autoscale" err="no \"way\"" code=3"#,
                r#"ts=2021-03-10T18:11:50.063Z lvl=debug msg=shown task=cpu node="k8s autoscale" empty="""#,
                r#"ts=2021-03-10T18:11:50.063Z lvl=warn msg="a library's warning" task=cpu node="k8s autoscale""#,
            ]
        );
    }

    #[test]
    fn levels_and_outputs_are_read_as_kapacitor_writes_them() {
        assert_eq!("info".parse::<Level>().expect("known"), Level::Info);
        assert!("loud".parse::<Level>().is_err());
        assert_eq!(Output::parse("STDOUT"), Output::Stdout);
        assert_eq!(Output::parse(""), Output::Stderr);
        assert_eq!(
            Output::parse("/var/log/x.log"),
            Output::File("/var/log/x.log".into())
        );
    }
}

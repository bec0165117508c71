//! `capstan tick run`.

use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use capstan_flow::{TaskKind, Vars};
use capstan_model::Precision;
use capstan_sim::data::{self, Data, Format, ReadOptions};
use capstan_sim::offline::{self, Job, OfflineError, Summary};
use capstan_sim::output::Form;
use capstan_sim::tasks::Dbrps;
use capstan_sim::{tree, vars};
use clap::{Args, ValueEnum};

/// Runs a script over recorded data, without a server and without effects
///
/// Prints what the task gives, in order: points of nodes without children and of httpOut, alerts, scale decisions with
/// their arithmetic, what would have been written to InfluxDB and posted, log lines and errors. The clock follows the
/// data, so that deadman, barrier and stats work; nothing is sent anywhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Formats of data, by the end of the file's name (.gz is fine) or by how it begins:
  .srpl        a stream recording of Kapacitor
  .brpl        a batch recording of Kapacitor; give one --data for each query node unless it is a zip archive
  .lp .line    line protocol; every point needs a time
  .csv         a table: columns time, name or measurement (or --measurement), tags given by --tag, fields;
               also what `influx -format csv` prints (name,tags,time,...)

Examples:
  capstan tick run cpu.tick --data /var/lib/kapacitor/replay/b8c5.srpl
  capstan tick run cpu.tick --data export.csv --measurement cpu --tag host --precision s
  influx_inspect export ... | capstan tick run cpu.tick --data - --format line --dbrp telegraf.autogen
  capstan tick run scale.tick --data requests.lp --replicas app=3 --output json | jq 'select(.kind == \"scale\")'")]
pub(super) struct RunArgs {
    /// The script
    script: PathBuf,
    /// What to run it over; `-` is standard input
    #[arg(long, required = true, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// The format of the data, if its name does not say
    #[arg(long, value_enum)]
    format: Option<FormatWord>,
    /// The type of the task, if the script does not say
    #[arg(long = "type", value_enum)]
    kind: Option<KindWord>,
    /// Database and retention policy that the task reads, and to which line protocol and CSV belong
    #[arg(long, value_name = "DB.RP")]
    dbrp: Vec<String>,
    /// Values of the script's variables, YAML or JSON
    #[arg(long, value_name = "FILE")]
    vars: Option<PathBuf>,
    /// The form of the results
    #[arg(long, value_enum, default_value = "table")]
    output: OutputWord,
    /// Print the points of this node instead
    #[arg(long, value_name = "NAME")]
    node: Vec<String>,
    /// Unit of times that are numbers: ns, u, ms, s
    #[arg(long, default_value = "ns")]
    precision: String,
    /// A column of a table that is a tag
    #[arg(long, value_name = "COLUMN")]
    tag: Vec<String>,
    /// The measurement of a table that has no column for it
    #[arg(long)]
    measurement: Option<String>,
    /// Replicas that an object has at the start; other objects have 1
    #[arg(long, value_name = "[KIND/]NAME=N")]
    replicas: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatWord {
    Srpl,
    Brpl,
    Line,
    Csv,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum KindWord {
    Stream,
    Batch,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutputWord {
    Json,
    Line,
    Table,
}

impl From<FormatWord> for Format {
    fn from(word: FormatWord) -> Self {
        match word {
            FormatWord::Srpl => Self::Srpl,
            FormatWord::Brpl => Self::Brpl,
            FormatWord::Line => Self::Line,
            FormatWord::Csv => Self::Csv,
        }
    }
}

impl From<OutputWord> for Form {
    fn from(word: OutputWord) -> Self {
        match word {
            OutputWord::Json => Self::Json,
            OutputWord::Line => Self::Line,
            OutputWord::Table => Self::Table,
        }
    }
}

/// Runs the script; false when it is wrong.
pub(super) fn run(args: &RunArgs) -> Result<bool> {
    let script = read_script(&args.script)?;
    let kind = task_kind(args.kind);
    let dbrps = args
        .dbrp
        .iter()
        .map(|text| dbrp(text))
        .collect::<Result<Dbrps>>()?;
    let declared = capstan_tick::parse(&script).map(|program| capstan_tick::dbrps(&program));
    let declared = declared.unwrap_or_default();
    let declared = declared
        .first()
        .map(|dbrp| (Arc::from(&*dbrp.database), Arc::from(&*dbrp.retention_policy)));
    let options = ReadOptions {
        format: args.format.map(Format::from),
        dbrp: dbrps
            .first()
            .cloned()
            .or(declared)
            .unwrap_or(ReadOptions::default().dbrp),
        precision: Precision::parse(&args.precision)
            .ok_or_else(|| anyhow!("{:?} is no precision: ns, u, ms, s, m or h", args.precision))?,
        tags: args.tag.clone(),
        measurement: args.measurement.clone(),
    };
    let data = read_data(&args.data, &options)?;
    let job = Job {
        id: task_id(&args.script),
        kind,
        dbrps,
        vars: read_vars(args.vars.as_deref(), &script, kind)?,
        nodes: args.node.clone(),
        replicas: args
            .replicas
            .iter()
            .map(|text| replicas(text))
            .collect::<Result<_>>()?,
        other_replicas: Some(1),
        script,
    };
    let form = Form::from(args.output);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let ended = offline::run(&job, &data, &mut |entries| {
        for entry in &entries {
            if written.is_ok() {
                written = form.entry(&mut out, entry);
            }
        }
    });
    match ended {
        Ok(summary) => {
            if written.is_ok() {
                written = form.summary(&mut out, &summary).and_then(|()| out.flush());
            }
            drop(out);
            // Whoever reads the results may have had enough of them.
            if let Err(error) = written
                && error.kind() != std::io::ErrorKind::BrokenPipe
            {
                return Err(error.into());
            }
            notes(&summary, &options)?;
            Ok(true)
        }
        Err(OfflineError::Script(error)) => {
            let text = error.render(&job.script, &args.script.display().to_string());
            write!(std::io::stderr(), "{text}")?;
            Ok(false)
        }
        Err(error) => {
            let _ = out.flush();
            Err(error.into())
        }
    }
}

/// What makes a run useless without being an error.
fn notes(summary: &Summary, options: &ReadOptions) -> Result<()> {
    let mut err = std::io::stderr().lock();
    if summary.taken == 0 {
        write!(err, "note: the task took none of the {} points", summary.points)?;
        match summary.pipeline.measurements() {
            Some(names) if !names.is_empty() => writeln!(
                err,
                "; it reads the measurements {}; look at --dbrp too",
                names.join(", ")
            )?,
            _ => writeln!(err, "; look at --dbrp")?,
        }
    }
    // Seconds taken for nanoseconds are the first seconds of 1970.
    if options.precision == Precision::Nanosecond && (1..10_000_000_000_000).contains(&summary.to) {
        writeln!(
            err,
            "note: the data ends within the first hours of 1970; is --precision right?"
        )?;
    }
    Ok(())
}

pub(super) fn read_script(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// The id of a task that is only known by its script's file.
pub(super) fn task_id(script: &Path) -> String {
    script
        .file_stem()
        .map_or_else(|| "task".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

pub(super) fn task_kind(word: Option<KindWord>) -> TaskKind {
    match word {
        None => TaskKind::Auto,
        Some(KindWord::Stream) => TaskKind::Stream,
        Some(KindWord::Batch) => TaskKind::Batch,
    }
}

pub(super) fn read_data(files: &[PathBuf], options: &ReadOptions) -> Result<Vec<Data>> {
    files.iter().map(|file| read_file(file, options)).collect()
}

fn read_file(file: &Path, options: &ReadOptions) -> Result<Data> {
    let name = file.display().to_string();
    let (name, bytes) = if name == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("standard input")?;
        ("<stdin>".to_owned(), bytes)
    } else {
        let bytes = std::fs::read(file).with_context(|| format!("{name} cannot be read"))?;
        (name, bytes)
    };
    Ok(data::read(&name, bytes, options)?)
}

/// `db.rp` or `"db"."rp"`; a retention policy that is not said is `autogen`.
fn dbrp(text: &str) -> Result<(Arc<str>, Arc<str>)> {
    let plain = |word: &str| Arc::<str>::from(word.trim_matches('"'));
    let (database, policy) = match text.split_once("\".\"") {
        Some((database, policy)) => (database, policy),
        None => text.split_once('.').unwrap_or((text, "autogen")),
    };
    if database.trim_matches('"').is_empty() || policy.trim_matches('"').is_empty() {
        bail!("{text:?} is no database with a retention policy: expected DB.RP");
    }
    Ok((plain(database), plain(policy)))
}

fn replicas(text: &str) -> Result<(String, i64)> {
    text.rsplit_once('=')
        .and_then(|(object, count)| Some((object.to_owned(), count.parse().ok()?)))
        .ok_or_else(|| anyhow!("{text:?} does not say replicas: expected NAME=N or KIND/NAME=N"))
}

/// Values of variables; what the script does not declare is only said, since files may serve several scripts.
pub(super) fn read_vars(file: Option<&Path>, script: &str, kind: TaskKind) -> Result<Vars> {
    let Some(file) = file else {
        return Ok(Vars::new());
    };
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    let problem = |problem: tree::Problem| anyhow!("{}", problem.render(&text, &name).trim_end().to_owned());
    let node = tree::parse(&text).map_err(problem)?;
    // A task file of `kapacitor define-template` has them under `vars`.
    let node = node.get("vars").unwrap_or(&node);
    let (vars, others) = vars::read(node, &vars::declared(script, kind)).map_err(problem)?;
    for other in others {
        writeln!(
            std::io::stderr(),
            "note: {name}:{}: {}",
            other.at.line,
            other.message
        )?;
    }
    Ok(vars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dbrp_may_be_quoted() {
        for text in ["db.rp", "\"db\".\"rp\"", "\"db\".rp"] {
            let (database, policy) = dbrp(text).unwrap();
            assert_eq!((&*database, &*policy), ("db", "rp"), "{text}");
        }
        assert_eq!(&*dbrp("db").unwrap().1, "autogen");
        assert!(dbrp(".rp").is_err());
    }

    #[test]
    fn replicas_are_said_of_objects() {
        assert_eq!(
            replicas("deployments/app=3").unwrap(),
            ("deployments/app".to_owned(), 3)
        );
        assert!(replicas("app").is_err());
        assert!(replicas("app=many").is_err());
    }
}

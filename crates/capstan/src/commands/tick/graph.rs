//! `capstan tick graph`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use capstan_flow::{LabelStyle, Mode, define, executing_dot};
use capstan_sim::data::ReadOptions;
use capstan_sim::graph;
use capstan_sim::offline::{self, Job, OfflineError};
use clap::{Args, ValueEnum};

use super::run::{KindWord, read_data, read_script, read_vars, task_id, task_kind};

/// Draws a script's pipeline
///
/// With data, the script runs over it as `capstan tick run` does, and the edges carry how many points or batches passed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  capstan tick graph cpu.tick | dot -Tpng > cpu.png
  capstan tick graph cpu.tick --format svg > cpu.svg
  capstan tick graph cpu.tick --format svg --data recording.srpl > cpu.svg")]
pub(super) struct GraphArgs {
    /// The script
    script: PathBuf,
    /// `dot` for Graphviz, or a drawing
    #[arg(long, value_enum, default_value = "dot")]
    format: FormatWord,
    /// Count the points of this data on the edges; formats as for `capstan tick run`
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// The type of the task, if the script does not say
    #[arg(long = "type", value_enum)]
    kind: Option<KindWord>,
    /// Values of the script's variables, YAML or JSON
    #[arg(long, value_name = "FILE")]
    vars: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatWord {
    Dot,
    Svg,
}

/// Draws; false when the script is wrong.
pub(super) fn run(args: &GraphArgs) -> Result<bool> {
    let script = read_script(&args.script)?;
    let kind = task_kind(args.kind);
    let vars = read_vars(args.vars.as_deref(), &script, kind)?;
    let id = task_id(&args.script);
    let drawn = if args.data.is_empty() {
        // Without data, variables need no values, as in a template.
        define(&script, kind, &vars, Mode::Template).map(|definition| match args.format {
            FormatWord::Dot => definition.pipeline.dot(&id) + "\n",
            FormatWord::Svg => graph::svg(&definition.pipeline, &id, None),
        })
    } else {
        let data = read_data(&args.data, &ReadOptions::default())?;
        let job = Job {
            id: id.clone(),
            script: script.clone(),
            kind,
            dbrps: Vec::new(),
            vars,
            nodes: Vec::new(),
            replicas: Vec::new(),
            other_replicas: Some(1),
        };
        match offline::run(&job, &data, &mut |_| {}) {
            Ok(summary) => Ok(match args.format {
                FormatWord::Dot => {
                    executing_dot(&summary.pipeline, &id, &summary.stats, LabelStyle::Attributes) + "\n"
                }
                FormatWord::Svg => graph::svg(&summary.pipeline, &id, Some(&summary.stats)),
            }),
            Err(OfflineError::Script(error)) => Err(error),
            Err(error) => return Err(error.into()),
        }
    };
    match drawn {
        Ok(text) => std::io::stdout().write_all(text.as_bytes())?,
        Err(error) => {
            let text = error.render(&script, &args.script.display().to_string());
            write!(std::io::stderr(), "{text}")?;
            return Ok(false);
        }
    }
    Ok(true)
}

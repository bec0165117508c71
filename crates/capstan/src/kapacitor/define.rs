//! `kapacitor define` (C-20 to C-23).

use std::path::Path;

use capstan_base::{Class, Classify};
use capstan_client::task_href;
use capstan_client::wire::{CreateTask, Dbrp, Task, TaskFile, TaskStatus, TaskType, UpdateTask, Vars};
use serde::Deserialize;

use super::flags::{Flag, defaults};
use super::{Failure, Session, parse_flags};

const FLAGS: &[Flag] = &[
    Flag::text("tick", "string", "Path to the TICKscript"),
    Flag::text("type", "string", "The task type (stream|batch)"),
    Flag::text("template", "string", "Optional template ID"),
    Flag::text("vars", "string", "Optional path to a JSON vars file"),
    Flag::text(
        "file",
        "string",
        "Optional path to a YAML or JSON template task file. If id is given in the task file, it must match the Task id \
         given on the command line.",
    ),
    Flag::switch("no-reload", "Do not reload the task even if it is enabled"),
    Flag::text(
        "dbrp",
        "value",
        "A database and retention policy pair of the form \"db\".\"rp\" the quotes are optional. The flag can be \
         specified multiple times.",
    ),
];

pub(super) fn usage() -> String {
    format!("{USAGE}{}", defaults(FLAGS))
}

const USAGE: &str = "Usage: kapacitor define <task ID> [options]

	Create a task, or change one.

	A task is a TICKscript and the databases it may read. What is not given stays as it is.

	A task that is enabled is reloaded, unless -no-reload is given.

For example:

	The first time, with everything:

		$ kapacitor define my_task -tick path/to/TICKscript -type stream -dbrp mydb.myrp

	Later, with what has changed:

		$ kapacitor define my_task -tick path/to/TICKscript

	or

		$ kapacitor define my_task -dbrp mydb.myrp -dbrp otherdb.default

	NOTE: -dbrp replaces all databases, so name every one.

Options:

";

pub(super) async fn run(session: &mut Session<'_>, args: &[String]) -> Result<(), Failure> {
    // The id may stand anywhere among the flags (C-21).
    let flags = parse_flags(args, FLAGS, true, usage)?;
    let id = match flags.rest.as_slice() {
        [id] => id.clone(),
        [] => return Err(Failure::usage("Must provide a task ID.", &usage())),
        _ => return Err(Failure::usage("Must provide one task ID.", &usage())),
    };
    let mut dbrps = Vec::new();
    for text in flags.all("dbrp") {
        let dbrp = parse_dbrp(text).map_err(|reason| {
            let text = capstan_gocompat::strconv::quote(text);
            Failure::usage(
                &format!("invalid value {text} for flag -dbrp: {reason}"),
                &usage(),
            )
        })?;
        dbrps.push(dbrp);
    }
    let given = |name: &str| flags.last(name).filter(|value| !value.is_empty());

    let definition = if let Some(path) = given("file") {
        if given("template").is_some() || given("vars").is_some() {
            return Err(Failure::Failed(
                "-file cannot be used together with -template or -vars".to_owned(),
            ));
        }
        let file = read_file(path)?;
        if !file.id.is_empty() && file.id != id {
            let message = format!("Task id given on command line does not match id in {path}");
            return Err(Failure::Failed(message));
        }
        CreateTask {
            id: id.clone(),
            ..file.into()
        }
    } else {
        let kind = match given("type") {
            Some("stream") => Some(TaskType::Stream),
            Some("batch") => Some(TaskType::Batch),
            _ => None,
        };
        CreateTask {
            id: id.clone(),
            template_id: given("template").unwrap_or_default().to_owned(),
            kind,
            dbrps,
            script: given("tick").map_or_else(|| Ok(String::new()), read)?,
            status: None,
            vars: given("vars").map_or_else(|| Ok(Vars::new()), read_vars)?,
        }
    };

    let href = task_href(&id);
    let existing = match session.client.task(&href, "").await {
        Ok(task) => Some(task),
        Err(error) if error.class() == Class::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let Some(existing) = existing else {
        let create = CreateTask {
            status: Some(TaskStatus::Disabled),
            ..definition
        };
        let created = session.client.create_task(&create).await?;
        return tell(session, &created);
    };
    let updated = session
        .client
        .update_task(
            &href,
            &UpdateTask {
                id: String::new(),
                ..definition
            },
        )
        .await?;
    tell(session, &updated)?;
    if existing.status == TaskStatus::Enabled && !flags.is_set("no-reload").unwrap_or(false) {
        for status in [TaskStatus::Disabled, TaskStatus::Enabled] {
            let update = UpdateTask {
                status: Some(status),
                ..UpdateTask::default()
            };
            session.client.update_task(&href, &update).await?;
        }
    }
    Ok(())
}

/// Prints the traps the server found in the script.
fn tell(session: &mut Session<'_>, task: &Task) -> Result<(), Failure> {
    for warning in &task.warnings {
        let (rule, line, char) = (&warning.rule, warning.line, warning.char);
        writeln!(
            session.err,
            "warning[{rule}]: line {line} char {char}: {}",
            warning.message
        )?;
        if let Some(hint) = &warning.hint {
            writeln!(session.err, "  = hint: {hint}")?;
        }
    }
    Ok(())
}

fn read(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::during(format_args!("open {path}"), reason(&error)))
}

/// The system's words without Rust's `(os error 2)`.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Variables, or a whole task file of which the variables are taken (C-23).
fn read_vars(path: &str) -> Result<Vars, Failure> {
    #[derive(Deserialize)]
    struct Whole {
        vars: Vars,
    }
    let text = read(path).map_err(|failure| match failure {
        Failure::Failed(reason) => Failure::during(format_args!("failed to open file {path}"), reason),
        other => other,
    })?;
    serde_json::from_str::<Vars>(&text)
        .or_else(|error| {
            serde_json::from_str::<Whole>(&text)
                .map(|whole| whole.vars)
                .map_err(|_| error)
        })
        .map_err(|error| Failure::during(format_args!("invalid JSON in file {path}"), error))
}

fn read_file(path: &str) -> Result<TaskFile, Failure> {
    let extension = Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str());
    let kind = match extension {
        Some("yaml" | "yml") => "yaml",
        Some("json") => "json",
        _ => {
            return Err(Failure::Failed(
                "bad file extension. Must be YAML or JSON".to_owned(),
            ));
        }
    };
    let text = read(path)?;
    let parsed = if kind == "json" {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else {
        serde_saphyr::from_str(&text).map_err(|error| error.to_string())
    };
    parsed.map_err(|error| {
        Failure::during(
            format_args!("failed to unmarshal {kind} task vars file \"{path}\""),
            error,
        )
    })
}

/// `"db"."rp"` with optional quotes, in which `\"` stands for a quote.
fn parse_dbrp(text: &str) -> Result<Dbrp, &'static str> {
    const NO_DOT: &str =
        "does not contain a '.', it must be in the form \"dbname\".\"rpname\" where the quotes are optional.";
    const NO_POLICY: &str = "dbrp must specify retention policy, do you have a missing or extra '.'?";
    if text.is_empty() {
        return Err("dbrp cannot be empty");
    }
    let (db, rest) = if text.starts_with('"') {
        unquoted(text)
    } else {
        let (db, rest) = text.split_at(text.find('.').ok_or(NO_DOT)?);
        (db.to_owned(), rest)
    };
    let rp = rest
        .strip_prefix('.')
        .filter(|rp| !rp.is_empty())
        .ok_or(NO_POLICY)?;
    let rp = if rp.starts_with('"') {
        unquoted(rp).0
    } else {
        rp.to_owned()
    };
    Ok(Dbrp { db, rp })
}

/// The text between quotes, and what follows them. A missing closing quote ends with the text.
fn unquoted(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(|&(_, next)| next == '"') => {
                out.push('"');
                chars.next();
            }
            '"' => return (out, &text[at + 1..]),
            c => out.push(c),
        }
    }
    (out, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_around_database_and_policy_are_optional() {
        for (text, db, rp) in [
            ("autoscale.autogen", "autoscale", "autogen"),
            (r#""autoscale"."autogen""#, "autoscale", "autogen"),
            (r#""a.b"."c""#, "a.b", "c"),
            (r#""a\"b".c"#, "a\"b", "c"),
            ("a.b.c", "a", "b.c"),
        ] {
            assert_eq!(
                parse_dbrp(text),
                Ok(Dbrp {
                    db: db.into(),
                    rp: rp.into()
                }),
                "{text}"
            );
        }
        for text in ["", "db", "db.", r#""db""#, r#""db"rp"#] {
            assert!(parse_dbrp(text).is_err(), "{text}");
        }
    }
}

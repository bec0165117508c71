//! `kapacitor list` (C-29).

use std::fmt::Write as _;

use capstan_client::wire::{Dbrp, Task};

use super::{Failure, PAGE, Session};

pub(super) const USAGE: &str = "Usage: kapacitor list tasks [ID or pattern]...

	List tasks and their state. Without an ID or a pattern all of them are listed.

";

pub(super) async fn run(session: &mut Session<'_>, args: &[String]) -> Result<(), Failure> {
    let Some((kind, patterns)) = args.split_first() else {
        return Err(Failure::usage("Must specify 'tasks'", USAGE));
    };
    if kind != "tasks" {
        return Err(Failure::Failed(format!(
            "cannot list '{kind}' did you mean 'tasks'?"
        )));
    }
    let everything = [String::new()];
    let patterns = if patterns.is_empty() {
        &everything
    } else {
        patterns
    };
    let mut tasks = Vec::new();
    for pattern in patterns {
        let mut offset = 0;
        loop {
            let fields = ["type", "status", "executing", "dbrps"];
            let page = session.client.list_tasks(pattern, &fields, offset, PAGE).await?;
            let full = page.len() == PAGE;
            offset += page.len();
            tasks.extend(page);
            if !full {
                break;
            }
        }
    }
    tasks.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(session.out.write_all(table(&tasks).as_bytes())?)
}

/// `["db"."rp" "db2"."rp2"]` (C-73).
pub(super) fn dbrps(dbrps: &[Dbrp]) -> String {
    let each: Vec<String> = dbrps.iter().map(ToString::to_string).collect();
    format!("[{}]", each.join(" "))
}

fn table(tasks: &[Task]) -> String {
    let width = tasks
        .iter()
        .map(|task| task.id.len())
        .fold("ID".len(), usize::max)
        + 1;
    let mut text = format!(
        "{:<width$}{:<10}{:<10}{:<10}{}\n",
        "ID", "Type", "Status", "Executing", "Databases and Retention Policies"
    );
    for task in tasks {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<width$}{:<10}{:<10}{:<10}{}",
            task.id,
            task.kind.as_str(),
            task.status.as_str(),
            task.executing.to_string(),
            dbrps(&task.dbrps)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_stand_in_columns() {
        let task: Task = serde_json::from_str(
            r#"{"id":"autoscale","type":"stream","status":"enabled","executing":true,"dbrps":[{"db":"autoscale","rp":"autogen"},{"db":"b","rp":"c"}]}"#,
        )
        .unwrap();
        assert_eq!(
            table(&[task]),
            "ID        Type      Status    Executing Databases and Retention Policies\n\
             autoscale stream    enabled   true      [\"autoscale\".\"autogen\" \"b\".\"c\"]\n"
        );
        assert_eq!(
            table(&[]),
            "ID Type      Status    Executing Databases and Retention Policies\n"
        );
    }
}

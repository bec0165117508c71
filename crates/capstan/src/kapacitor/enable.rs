//! `kapacitor enable` and `kapacitor disable` (C-26).

use capstan_client::wire::{TaskStatus, UpdateTask};

use super::{Failure, PAGE, Session};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Enable,
    Disable,
}

pub(super) const ENABLE_USAGE: &str = "Usage: kapacitor enable [task ID...]

	Start running tasks on the data that arrives.

For example:

	By the task's ID:

		$ kapacitor enable cpu_alert

	By a pattern:

		$ kapacitor enable '*_alert'

";

pub(super) const DISABLE_USAGE: &str = "Usage: kapacitor disable [task ID...]

	Stop running tasks.

For example:

	By the task's ID:

		$ kapacitor disable cpu_alert

	By a pattern:

		$ kapacitor disable '*_alert'

";

pub(super) async fn run(session: &mut Session<'_>, args: &[String], verb: Verb) -> Result<(), Failure> {
    if args.is_empty() {
        let usage = if verb == Verb::Enable {
            ENABLE_USAGE
        } else {
            DISABLE_USAGE
        };
        return Err(Failure::usage("Must pass at least one task ID", usage));
    }
    for pattern in args {
        if !set_status(session, pattern, verb).await? {
            session.warn_no_match(pattern);
        }
    }
    Ok(())
}

/// Changes the status of every task that matches; says whether there was one.
pub(super) async fn set_status(
    session: &mut Session<'_>,
    pattern: &str,
    verb: Verb,
) -> Result<bool, Failure> {
    let (doing, status) = match verb {
        Verb::Enable => ("enabling", TaskStatus::Enabled),
        Verb::Disable => ("disabling", TaskStatus::Disabled),
    };
    let update = UpdateTask {
        status: Some(status),
        ..UpdateTask::default()
    };
    let mut offset = 0;
    loop {
        let tasks = session.client.list_tasks(pattern, &["link"], offset, PAGE).await;
        let tasks = tasks.map_err(|error| Failure::during("listing tasks", error))?;
        for task in &tasks {
            let updated = session.client.update_task(&task.link.href, &update).await;
            updated.map_err(|error| Failure::during(format_args!("{doing} task {}", task.id), error))?;
        }
        offset += tasks.len();
        if tasks.len() != PAGE {
            return Ok(offset > 0);
        }
    }
}

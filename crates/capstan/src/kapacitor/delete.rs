//! `kapacitor delete` (C-28).

use super::{Failure, PAGE, Session};

pub(super) const USAGE: &str = "Usage: kapacitor delete tasks [ID or pattern]...

	Delete tasks. A task that runs is stopped first.

For example:

	By the task's ID:

		$ kapacitor delete tasks my_task

	By a pattern:

		$ kapacitor delete tasks '*_alert'

";

pub(super) async fn run(session: &mut Session<'_>, args: &[String]) -> Result<(), Failure> {
    let [kind, patterns @ ..] = args else {
        return Err(Failure::usage("Must pass at least one ID", USAGE));
    };
    if patterns.is_empty() {
        return Err(Failure::usage("Must pass at least one ID", USAGE));
    }
    if kind != "tasks" {
        return Err(Failure::Failed(format!(
            "cannot delete '{kind}' did you mean 'tasks'?"
        )));
    }
    for pattern in patterns {
        let mut found = false;
        loop {
            // Each page is gone when the next one is asked for.
            let tasks = session.client.list_tasks(pattern, &["link"], 0, PAGE).await?;
            for task in &tasks {
                session.client.delete_task(&task.link.href).await?;
            }
            found |= !tasks.is_empty();
            if tasks.len() != PAGE {
                break;
            }
        }
        if !found {
            session.warn_no_match(pattern);
        }
    }
    Ok(())
}

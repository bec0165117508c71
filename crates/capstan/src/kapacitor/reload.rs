//! `kapacitor reload`: disable, then enable (C-27).

use super::enable::{Verb, set_status};
use super::{Failure, Session};

pub(super) const USAGE: &str = "Usage: kapacitor reload [task ID...]

	Disable, then enable tasks, so that they run what is defined now.

For example:

	By the task's ID:

		$ kapacitor reload cpu_alert

	By a pattern:

		$ kapacitor reload '*_alert'

";

pub(super) async fn run(session: &mut Session<'_>, args: &[String]) -> Result<(), Failure> {
    if args.is_empty() {
        return Err(Failure::usage("Must pass at least one task ID", USAGE));
    }
    for verb in [Verb::Disable, Verb::Enable] {
        for pattern in args {
            if !set_status(session, pattern, verb).await? && verb == Verb::Disable {
                session.warn_no_match(pattern);
            }
        }
    }
    Ok(())
}

//! `kapacitor level` (C-47).

use super::{Failure, Session};

pub(super) const USAGE: &str = "Usage: kapacitor level (debug|info|error)

	Set the log level of the server.

";

pub(super) async fn run(session: &mut Session<'_>, args: &[String]) -> Result<(), Failure> {
    let Some(level) = args.first() else {
        return Err(Failure::usage("Must pass a log level", USAGE));
    };
    Ok(session.client.log_level(level).await?)
}

//! `kapacitor version` (C-51).

use super::{Failure, Session};

pub(super) const USAGE: &str = "Usage: kapacitor version

	Print the version of this client.

";

/// `Kapacitor OSS VERSION (git: BRANCH COMMIT)`; a build outside a repository knows neither branch nor commit.
pub(crate) fn line() -> String {
    let branch = option_env!("CAPSTAN_GIT_BRANCH").unwrap_or("unknown");
    let commit = option_env!("CAPSTAN_GIT_COMMIT").unwrap_or("unknown");
    format!(
        "Kapacitor OSS {} (git: {branch} {commit})",
        capstan_client::VERSION
    )
}

pub(super) fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    Ok(writeln!(session.out, "{}", line())?)
}

//! `kapacitor vars`: the server's counters as they come (C-50).

use super::{Failure, Session};

pub(super) const USAGE: &str = "Usage: kapacitor vars

	Print the server's counters as JSON.

";

pub(super) async fn run(session: &mut Session<'_>) -> Result<(), Failure> {
    let text = session.client.debug_vars_text().await?;
    Ok(session.out.write_all(&text)?)
}

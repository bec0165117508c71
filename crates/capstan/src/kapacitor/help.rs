//! `kapacitor help` (C-56). Usage goes to stderr, as everything about usage does (C-05).

use std::io::Write;

use super::flags::defaults;
use super::{
    Failure, MAIN_FLAGS, Session, define, delete, enable, level, list, reload, show, stats, vars, version,
};

const USAGE: &str = "Usage: kapacitor help [command]\n\n";

const OVERVIEW: &str = "
Usage: kapacitor [options] [command] [args]

Commands:

	define                Create/update a task.
	enable                Enable and start running a task with live data.
	disable               Stop running a task.
	reload                Reload a running task with an updated task definition.
	delete                Delete tasks.
	list                  List information about tasks.
	show                  Display detailed information about a task.
	level                 Sets the logging level on the kapacitord server.
	stats                 Display various stats about Kapacitor.
	version               Displays the Kapacitor version info.
	vars                  Print debug vars in JSON format.
	help                  Prints help for a command.

Options:

";

/// Prints what there is.
pub(super) fn overview(err: &mut (dyn Write + Send)) {
    let _ = write!(err, "{OVERVIEW}{}", defaults(MAIN_FLAGS));
}

pub(super) fn run(session: &mut Session<'_>, args: &[String]) -> Result<(), Failure> {
    let [command] = args else {
        let _ = write!(session.err, "{USAGE}");
        overview(session.err);
        return Err(Failure::Overview);
    };
    let text = match command.as_str() {
        "define" => define::usage(),
        "enable" => enable::ENABLE_USAGE.to_owned(),
        "disable" => enable::DISABLE_USAGE.to_owned(),
        "reload" => reload::USAGE.to_owned(),
        "delete" => delete::USAGE.to_owned(),
        "list" => list::USAGE.to_owned(),
        "show" => show::usage(),
        "level" => level::USAGE.to_owned(),
        "help" => USAGE.to_owned(),
        "stats" => stats::USAGE.to_owned(),
        "version" => version::USAGE.to_owned(),
        "vars" => vars::USAGE.to_owned(),
        other => return Err(Failure::UnknownCommand(other.to_owned())),
    };
    Ok(write!(session.err, "{text}")?)
}

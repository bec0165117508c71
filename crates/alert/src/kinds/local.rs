//! Handlers of this machine: files and programs.

use std::path::Path;

use serde_json::{Map, Value as Json};

use super::{anything, option, set, text};
use crate::spec::{Fill, HandlerKind, HandlerOption, Method, Sends, Type};

///
pub static LOG: HandlerKind = HandlerKind {
    kind: "log",
    method: "log",
    takes: Method::First("path"),
    options: &[
        HandlerOption {
            alias: "filePath",
            ..text("path", "path", "The file; absolute.")
        },
        set(
            "mode",
            "mode",
            Type::Int,
            "Mode of the file when it is made, octal in scripts (`0644`); its owner must be able to write. Default 0600.",
        ),
    ],
    sends: Sends::Yes,
    check: anything,
    check_start: log_settings,
    doc: "Appends events to a file, one JSON object per line.",
};

fn log_settings(options: &Map<String, Json>) -> Result<(), String> {
    let path = options.get("path").and_then(Json::as_str).unwrap_or_default();
    let mode = options.get("mode").and_then(Json::as_i64).unwrap_or(0);
    if mode != 0 && mode & 0o200 == 0 {
        return Err(format!(
            "failed to create log alert handler: invalid file mode {}, must be user writable",
            permissions(mode)
        ));
    }
    if Path::new(path).is_absolute() {
        Ok(())
    } else {
        Err(format!(
            "failed to create log alert handler: log path must be absolute: {path} is not absolute"
        ))
    }
}

/// As `ls` prints a plain file's mode.
fn permissions(mode: i64) -> String {
    let bit = |at: u32| {
        if mode >> (8 - at) & 1 == 1 {
            "rwx".as_bytes()[at as usize % 3] as char
        } else {
            '-'
        }
    };
    std::iter::once('-').chain((0..9).map(bit)).collect()
}

///
pub static EXEC: HandlerKind = HandlerKind {
    kind: "exec",
    method: "exec",
    takes: Method::FirstAndRest("prog", "args"),
    options: &[
        option("prog", "", Fill::Set(Type::Text), "The program."),
        option("args", "", Fill::List, "Its arguments."),
    ],
    sends: Sends::Yes,
    check: anything,
    check_start: anything,
    doc: "Runs a program with the event as JSON on its standard input; its output is logged when it fails.",
};

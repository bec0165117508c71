//! Events as lines of a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use capstan_alert::{Event, HandlerSpec};
use serde_json::Value as Json;

use crate::queue::{Failure, Send1, Sending};

/// Mode of a file that is made.
const MODE: u32 = 0o600;

/// Appends to one file. It is opened for each event, so that it can be rotated.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    mode: u32,
}

impl Log {
    pub(crate) fn new(spec: &HandlerSpec) -> Self {
        let mode = spec.options.get("mode").and_then(Json::as_i64).unwrap_or(0);
        Self {
            path: spec.text("path").into(),
            mode: u32::try_from(mode).ok().filter(|mode| *mode != 0).unwrap_or(MODE),
        }
    }
}

impl Send1 for Log {
    fn send<'a>(&'a self, event: &'a Event) -> Sending<'a> {
        let (path, mode) = (self.path.clone(), self.mode);
        let mut line = event.to_json();
        line.push('\n');
        Box::pin(async move {
            let write = move || {
                let mut file = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .mode(mode)
                    .open(&path)
                    .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
                // One write, so that lines of several writers do not mix.
                file.write_all(line.as_bytes())
                    .map_err(|error| format!("cannot write to {}: {error}", path.display()))
            };
            match capstan_runtime::spawn_blocking(write).await {
                Ok(result) => result.map_err(Failure::lasting),
                Err(error) => Err(Failure::lasting(error.to_string())),
            }
        })
    }
}

//! PEM files. A private key is readable only by its owner, from the moment the file exists.

use std::io::Write;
use std::path::Path;

use crate::Error;

/// No certificate or key we make or accept is larger.
const LIMIT: u64 = 1 << 20;

/// Reads a PEM file.
///
/// # Errors
/// When it cannot be read or is larger than 1 MiB.
pub fn read(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::File {
        action: "cannot read",
        path: path.to_owned(),
        source,
    };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > LIMIT {
        return Err(failed(std::io::Error::other("larger than 1 MiB")));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// Writes a public file, such as a certificate, replacing it in one step.
///
/// # Errors
/// When the directory or the file cannot be written.
pub fn write_public(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, 0o644)
}

/// Writes a secret file, such as a key or a kubeconfig, with mode 0600, replacing it in one step.
///
/// # Errors
/// When the directory or the file cannot be written.
pub fn write_secret(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, 0o600)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let failed = |source| Error::File {
        action: "cannot write",
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = Path::new(&temporary);
    // A left-over of a crashed process could have other rights.
    match std::fs::remove_file(temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(temporary).map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    std::fs::rename(temporary, path).map_err(failed)
}

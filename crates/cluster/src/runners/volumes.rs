//! A pod's volumes as directories below the data directory.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use capstan_kubeapi::builtin::{CONFIGMAPS, SECRETS};
use capstan_kubeapi::meta;
use serde_json::Value;

use super::environment::{Downward, entries, field};
use super::rewrite::Mount;
use crate::objects::Objects;

/// Where Kubernetes puts a pod's credentials.
pub(crate) const ACCOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Where volumes of each sort live.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The pod's own directory, removed with it.
    pub(crate) pod: PathBuf,
    /// What outlives pods: claims and host paths.
    pub(crate) node: PathBuf,
}

/// Makes the pod's volumes; returns each one's directory.
///
/// # Errors
/// The text for a `FailedMount` event.
pub(crate) fn make(
    objects: &Objects,
    pod: &Value,
    places: &Places,
    downward: &Downward,
) -> Result<HashMap<String, PathBuf>, String> {
    let mut made = HashMap::new();
    let volumes = pod
        .pointer("/spec/volumes")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for volume in volumes {
        let Some(name) = volume.get("name").and_then(Value::as_str) else {
            continue;
        };
        let failed = |error: String| format!("MountVolume.SetUp failed for volume \"{name}\" : {error}");
        let own = places.pod.join("volumes").join(safe(name));
        let directory = if let Some(claim) = volume
            .pointer("/persistentVolumeClaim/claimName")
            .and_then(Value::as_str)
        {
            places
                .node
                .join("claims")
                .join(safe(meta::namespace(pod)))
                .join(safe(claim))
        } else if let Some(path) = volume.pointer("/hostPath/path").and_then(Value::as_str) {
            // The node's disk is a directory of ours: a manifest must not write anywhere else on this machine.
            let relative: PathBuf = Path::new(path)
                .components()
                .filter(|c| matches!(c, Component::Normal(_)))
                .collect();
            places.node.join("host").join(relative)
        } else {
            own
        };
        create(&directory).map_err(failed)?;
        fill(objects, pod, volume, &directory, downward).map_err(failed)?;
        made.insert(name.to_owned(), directory);
    }
    Ok(made)
}

/// Where a container sees its volumes, and where they are.
pub(crate) fn mounts(container: &Value, volumes: &HashMap<String, PathBuf>, account: &Path) -> Vec<Mount> {
    let mut mounts = vec![Mount {
        path: ACCOUNT_PATH.to_owned(),
        local: account.to_owned(),
    }];
    let listed = container
        .get("volumeMounts")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for mount in listed {
        let text = |field: &str| mount.get(field).and_then(Value::as_str);
        let (Some(path), Some(directory)) =
            (text("mountPath"), text("name").and_then(|name| volumes.get(name)))
        else {
            continue;
        };
        let sub: PathBuf = Path::new(text("subPath").unwrap_or(""))
            .components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .collect();
        mounts.push(Mount {
            path: path.to_owned(),
            local: directory.join(sub),
        });
    }
    mounts
}

fn fill(
    objects: &Objects,
    pod: &Value,
    volume: &Value,
    directory: &Path,
    downward: &Downward,
) -> Result<(), String> {
    if let Some(source) = volume.get("configMap") {
        keyed(objects, CONFIGMAPS, pod, source, directory)
    } else if let Some(source) = volume.get("secret") {
        keyed(objects, SECRETS, pod, source, directory)
    } else if let Some(source) = volume.get("downwardAPI") {
        from_fields(pod, source, directory, downward)
    } else if let Some(sources) = volume.pointer("/projected/sources").and_then(Value::as_array) {
        for source in sources {
            if let Some(source) = source.get("configMap") {
                keyed(objects, CONFIGMAPS, pod, source, directory)?;
            } else if let Some(source) = source.get("secret") {
                keyed(objects, SECRETS, pod, source, directory)?;
            } else if let Some(source) = source.get("downwardAPI") {
                from_fields(pod, source, directory, downward)?;
            }
        }
        Ok(())
    } else {
        Ok(())
    }
}

fn keyed(
    objects: &Objects,
    resource: capstan_kubeapi::Resource,
    pod: &Value,
    source: &Value,
    directory: &Path,
) -> Result<(), String> {
    let all = entries(objects, resource, meta::namespace(pod), source)?;
    let Some(items) = source
        .get("items")
        .and_then(Value::as_array)
        .filter(|items| !items.is_empty())
    else {
        for (key, bytes) in &all {
            write(directory, key, bytes)?;
        }
        return Ok(());
    };
    for item in items {
        let text = |field: &str| item.get(field).and_then(Value::as_str).unwrap_or("");
        match all.get(text("key")) {
            Some(bytes) => write(directory, text("path"), bytes)?,
            None if source.get("optional").and_then(Value::as_bool) == Some(true) => {}
            None => {
                return Err(format!(
                    "references non-existent {} key: {}",
                    resource.singular,
                    text("key")
                ));
            }
        }
    }
    Ok(())
}

fn from_fields(pod: &Value, source: &Value, directory: &Path, downward: &Downward) -> Result<(), String> {
    for item in source
        .get("items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let path = item.get("path").and_then(Value::as_str).unwrap_or("");
        let from = item
            .pointer("/fieldRef/fieldPath")
            .and_then(Value::as_str)
            .unwrap_or("");
        let value =
            field(pod, from, downward).ok_or_else(|| format!("fieldPath \"{from}\" is not supported"))?;
        write(directory, path, value.as_bytes())?;
    }
    Ok(())
}

/// Writes a file that only we may read; the path never leaves the directory.
pub(crate) fn write(directory: &Path, path: &str, bytes: &[u8]) -> Result<(), String> {
    let relative: PathBuf = Path::new(path)
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    if relative.as_os_str().is_empty() {
        return Err(format!("\"{path}\" is no file name"));
    }
    let file = directory.join(relative);
    let wrote = || -> std::io::Result<()> {
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        std::io::Write::write_all(&mut options.open(&file)?, bytes)
    };
    wrote().map_err(|error| format!("{}: {error}", file.display()))
}

fn create(directory: &Path) -> Result<(), String> {
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))
}

/// A name as one path segment.
pub(crate) fn safe(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    if clean.trim_matches('.').is_empty() {
        "_".to_owned()
    } else {
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_in_their_directory_and_are_private() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "../../a/b", b"x").unwrap();
        assert_eq!(std::fs::read(dir.path().join("a/b")).unwrap(), b"x");
        assert!(write(dir.path(), "..", b"x").is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                std::fs::metadata(dir.path().join("a/b"))
                    .unwrap()
                    .permissions()
                    .mode()
                    & 0o777,
                0o600
            );
        }
        assert_eq!(safe(".."), "_");
    }
}

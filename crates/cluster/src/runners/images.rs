//! Which runner an image gets.

use std::collections::{BTreeMap, BTreeSet};

/// What stands in for a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runner {
    /// A local command.
    Process {
        /// The program and its first arguments: the image's entry point. The pod's own `args` follow; its `command` is
        /// ignored, since it names a file of the image. Empty means that the pod's own `command` runs as it is.
        command: Vec<String>,
        /// Variables it needs unless the pod sets them. `$(POD_IP)` and other variables are filled in.
        env: Vec<(String, String)>,
    },
    /// An app inside this process, registered under this name.
    Task(String),
    /// Nothing: the pod becomes ready after a while and stays so.
    Hollow,
}

impl Runner {
    /// A local command without variables of its own.
    pub fn process<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Self::Process {
            command: command.into_iter().map(Into::into).collect(),
            env: Vec::new(),
        }
    }
}

/// Images to runners. An entry is a whole reference (`app:1.2`), a repository for all its tags (`app`), or a prefix that
/// ends in `*`; the first of these that matches wins, and a user's entry wins over a built-in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageMap {
    entries: BTreeMap<String, Runner>,
    fallback: Option<Runner>,
}

/// The example app of the tutorial, wherever it was pushed.
const APP: &str = "influxdb/k8s-kapacitor-autoscale";
const KAPACITOR: &[&str] = &["kapacitor", "influxdb/kapacitor", "influxdata/kapacitor"];

impl ImageMap {
    /// A map without entries of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry.
    #[must_use]
    pub fn with(mut self, image: impl Into<String>, runner: Runner) -> Self {
        self.insert(image, runner);
        self
    }

    /// Adds an entry.
    pub fn insert(&mut self, image: impl Into<String>, runner: Runner) {
        self.entries.insert(image.into(), runner);
    }

    /// What images get that nothing else matches; without it their pods wait with `ErrImagePull`.
    pub fn set_fallback(&mut self, runner: Option<Runner>) {
        self.fallback = runner;
    }

    /// The runner of an image. `own` is this program's path, `tasks` the names of registered apps: both stand in for the
    /// tutorial's two images.
    pub(crate) fn find(&self, image: &str, own: Option<&str>, tasks: &BTreeSet<String>) -> Option<Runner> {
        let short = short_name(image);
        let repository = repository(short);
        let spelled = |key: &str| key == image || short_name(key) == short;
        let whole = self.entries.iter().find(|(key, _)| spelled(key));
        let any_tag = || self.entries.iter().find(|(key, _)| short_name(key) == repository);
        let prefix = || {
            let matching = self.entries.iter().filter(|(key, _)| {
                key.strip_suffix('*')
                    .is_some_and(|start| image.starts_with(start) || short.starts_with(start))
            });
            matching.max_by_key(|(key, _)| key.len())
        };
        if let Some((_, runner)) = whole.or_else(any_tag).or_else(prefix) {
            return Some(runner.clone());
        }
        built_in(repository, own, tasks).or_else(|| self.fallback.clone())
    }
}

fn built_in(repository: &str, own: Option<&str>, tasks: &BTreeSet<String>) -> Option<Runner> {
    // quay.io/influxdb/… and the like: the registry does not matter.
    let path = match repository.split_once('/') {
        Some((host, rest)) if host.contains('.') || host.contains(':') || host == "localhost" => rest,
        _ => repository,
    };
    let task = |name: &str| tasks.contains(name).then(|| Runner::Task(name.to_owned()));
    if path == APP {
        return task("app").or_else(|| Some(Runner::process([own?, "app"])));
    }
    if KAPACITOR.contains(&path) {
        if let Some(task) = task("kapacitor") {
            return Some(task);
        }
        let env = vec![
            (
                "KAPACITOR_HTTP_BIND_ADDRESS".to_owned(),
                "$(POD_IP):9092".to_owned(),
            ),
            ("KAPACITOR_HOSTNAME".to_owned(), "$(HOSTNAME)".to_owned()),
            ("KAPACITOR_DATA_DIR".to_owned(), "$(POD_DIR)/data".to_owned()),
        ];
        return Some(Runner::Process {
            command: vec![own?.to_owned(), "serve".to_owned()],
            env,
        });
    }
    None
}

/// The reference without what Docker adds by itself: `docker.io/` and `library/`.
fn short_name(image: &str) -> &str {
    let image = image
        .strip_prefix("index.docker.io/")
        .or_else(|| image.strip_prefix("docker.io/"))
        .unwrap_or(image);
    image.strip_prefix("library/").unwrap_or(image)
}

/// The reference without tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(before, _)| before);
    match image.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((before, tag)) if !tag.contains('/') => before,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_entry_wins_and_users_win_over_built_in() {
        let map = ImageMap::new()
            .with("web", Runner::process(["any"]))
            .with("web:2", Runner::process(["two"]))
            .with("registry:5000/team/*", Runner::Hollow)
            .with("kapacitor:1.7", Runner::Hollow);
        let none = BTreeSet::new();
        let find = |image: &str| map.find(image, Some("/bin/capstan"), &none);
        assert_eq!(find("web:1"), Some(Runner::process(["any"])));
        assert_eq!(find("docker.io/library/web:2"), Some(Runner::process(["two"])));
        assert_eq!(find("registry:5000/team/x@sha256:00"), Some(Runner::Hollow));
        assert_eq!(find("registry:5000/other"), None);
        assert_eq!(find("kapacitor:1.7"), Some(Runner::Hollow));
        assert!(
            matches!(find("kapacitor:1.1.0-rc2"), Some(Runner::Process { command, .. }) if command[1] == "serve")
        );
    }

    #[test]
    fn the_tutorials_app_is_a_task_where_one_is_registered() {
        let map = ImageMap::new();
        let image = "quay.io/influxdb/k8s-kapacitor-autoscale:0.0.1";
        assert_eq!(
            map.find(image, Some("/c"), &BTreeSet::new()),
            Some(Runner::process(["/c", "app"]))
        );
        let tasks = BTreeSet::from(["app".to_owned()]);
        assert_eq!(
            map.find(image, Some("/c"), &tasks),
            Some(Runner::Task("app".to_owned()))
        );
        assert_eq!(
            map.find(image, None, &tasks),
            Some(Runner::Task("app".to_owned()))
        );
        assert_eq!(map.find(image, None, &BTreeSet::new()), None);
    }
}

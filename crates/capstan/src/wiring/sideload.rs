//! Sources of `sideload` nodes: directories and web services, loaded when a task first needs them and again on demand
//! (N-95).

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result};
use capstan_config::Settings;
use capstan_flow::ports::sideload::{load_directory, parse_tables};
use capstan_flow::ports::{PostEndpoint, SideSource, SideTables, Sideload};
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;

use super::http_post;

/// How long a web service may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most of its answer that is read.
const MAX_BYTES: usize = 64 << 20;

/// Opens sources; those in use are shared.
#[derive(Debug)]
pub(crate) struct SideSources {
    endpoints: BTreeMap<String, PostEndpoint>,
    client: reqwest::Client,
    runtime: Handle,
    open: Mutex<HashMap<String, Weak<Source>>>,
}

#[derive(Debug)]
struct Source {
    place: Place,
    tables: RwLock<Arc<SideTables>>,
}

#[derive(Debug)]
enum Place {
    Directory(PathBuf),
    Web {
        url: String,
        basic_auth: Option<(String, String)>,
    },
}

impl SideSource for Source {
    fn tables(&self) -> Arc<SideTables> {
        Arc::clone(&self.tables.read())
    }
}

impl SideSources {
    /// # Errors
    /// An endpoint's template file cannot be read, or the system's certificates.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        capstan_tls::install_provider();
        Ok(Self {
            endpoints: http_post::endpoints(settings)?,
            client: reqwest::Client::builder()
                .timeout(PATIENCE)
                .build()
                .context("the HTTP client cannot be made")?,
            runtime: Handle::current(),
            open: Mutex::default(),
        })
    }

    /// Loads every source in use again; what fails is told and stays as it was. Blocks.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let sources: Vec<Arc<Source>> = {
            let mut open = self.open.lock();
            open.retain(|_, source| source.strong_count() > 0);
            open.values().filter_map(Weak::upgrade).collect()
        };
        let mut failed = Vec::new();
        for source in sources {
            match self.load(&source.place) {
                Ok(tables) => *source.tables.write() = Arc::new(tables),
                Err(error) => failed.push(error),
            }
        }
        if failed.is_empty() {
            Ok(())
        } else {
            Err(failed.join("; "))
        }
    }

    fn place(&self, source: &str) -> Result<Place, String> {
        if let Some(path) = source.strip_prefix("file://") {
            let path = Path::new(path);
            if !path.is_absolute() {
                return Err(format!(
                    "sideload source path must be absolute {:?}",
                    path.display().to_string()
                ));
            }
            return Ok(Place::Directory(clean(path)));
        }
        if source.starts_with("http://") || source.starts_with("https://") {
            return Ok(Place::Web {
                url: source.to_owned(),
                basic_auth: None,
            });
        }
        match self.endpoints.get(source) {
            Some(endpoint) => Ok(Place::Web {
                url: endpoint.url.clone(),
                basic_auth: endpoint.basic_auth.clone(),
            }),
            None => Err(format!(
                "unsupported source {source:?}, must be 'file', 'http', or 'https'"
            )),
        }
    }

    fn load(&self, place: &Place) -> Result<SideTables, String> {
        match place {
            Place::Directory(directory) => load_directory(directory),
            Place::Web { url, basic_auth } => {
                let body = self
                    .runtime
                    .block_on(fetch(&self.client, url, basic_auth.as_ref()));
                body.and_then(|body| parse_tables(&body))
                    .map_err(|error| format!("Error fetching sideload data from {url} :: {error}"))
            }
        }
    }
}

impl Sideload for SideSources {
    fn open(&self, source: &str) -> Result<Arc<dyn SideSource>, String> {
        if let Some(known) = self.open.lock().get(source).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let place = self.place(source)?;
        let loaded = Arc::new(Source {
            tables: RwLock::new(Arc::new(self.load(&place)?)),
            place,
        });
        self.open
            .lock()
            .insert(source.to_owned(), Arc::downgrade(&loaded));
        Ok(loaded)
    }
}

/// The path without `.`, `..` and doubled slashes.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

async fn fetch(
    client: &reqwest::Client,
    url: &str,
    basic_auth: Option<&(String, String)>,
) -> Result<String, String> {
    let mut request = client.get(url);
    if let Some((user, password)) = basic_auth {
        request = request.basic_auth(user, Some(password));
    }
    let mut response = request
        .send()
        .await
        .map_err(|error| error.without_url().to_string())?;
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| error.without_url().to_string())?
    {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(format!("the answer is longer than {MAX_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_directory_is_loaded_once_and_again_on_demand() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.yml");
        std::fs::write(&file, "x: 1").expect("a file");
        let sources = SideSources::new(&Settings::default()).expect("sources");
        let url = format!("file://{}/./", folder.path().display());
        let first = sources.open(&url).expect("a source");
        assert_eq!(first.tables()["a.yml"]["x"], 1);
        std::fs::write(&file, "x: 2").expect("a file");
        let second = sources.open(&url).expect("a source");
        assert_eq!(second.tables()["a.yml"]["x"], 1);
        sources.reload().expect("it loads");
        assert_eq!(first.tables()["a.yml"]["x"], 2);
        // What is broken leaves the last values standing.
        std::fs::write(&file, "- x").expect("a file");
        assert!(sources.reload().is_err());
        assert_eq!(first.tables()["a.yml"]["x"], 2);
        assert!(sources.open("file://relative").is_err());
        assert!(sources.open("unknown").is_err());
    }
}

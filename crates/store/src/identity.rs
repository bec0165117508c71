//! Who this server is (S-82): two UUIDs in files of the data directory, made once.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use uuid::Uuid;

use crate::error::Error;

/// The ids that Kapacitor reports and names its subscriptions by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// From `cluster.id`.
    pub cluster: Uuid,
    /// From `server.id`.
    pub server: Uuid,
}

impl Identity {
    /// Reads `cluster.id` and `server.id`, making the ones that are missing.
    pub fn load_or_create(data_dir: impl AsRef<Path>) -> Result<Self, Error> {
        let data_dir = data_dir.as_ref();
        fs::create_dir_all(data_dir).map_err(|source| Error::Io {
            action: "cannot create directory",
            path: data_dir.to_owned(),
            source,
        })?;
        Ok(Self {
            cluster: id(&data_dir.join("cluster.id"))?,
            server: id(&data_dir.join("server.id"))?,
        })
    }
}

fn id(path: &Path) -> Result<Uuid, Error> {
    let io = |action| {
        move |source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        }
    };
    match fs::read_to_string(path) {
        Ok(text) => Uuid::parse_str(text.trim()).map_err(|error| Error::Damaged {
            path: path.to_owned(),
            reason: format!("it should hold a UUID: {error}"),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = Uuid::new_v4();
            // Under another name first, so that a crash cannot leave half of it.
            let temporary = path.with_extension("id.new");
            let mut file = fs::File::create(&temporary).map_err(io("cannot write"))?;
            file.write_all(id.to_string().as_bytes())
                .map_err(io("cannot write"))?;
            file.sync_all().map_err(io("cannot write"))?;
            fs::rename(&temporary, path).map_err(io("cannot write"))?;
            Ok(id)
        }
        Err(error) => Err(io("cannot read")(error)),
    }
}

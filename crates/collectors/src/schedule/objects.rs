//! Schedules as the API server has them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use capstan_kube::Message;
use serde_json::Value;

use super::spec::Spec;
use crate::collector::CollectError;
use crate::context::Context;
use crate::fetch::excerpt;
use crate::share::Question;

/// The group of both kinds.
pub const GROUP: &str = "zalando.org";
/// Their version.
pub const API_VERSION: &str = "zalando.org/v1";

/// How old a list of schedules may be that collectors use. All of them share it.
const FRESH: Duration = Duration::from_secs(5);
/// Objects per page of a list.
const PAGE: usize = 500;
/// Pages that are read; more schedules are an error.
const MOST_PAGES: usize = 200;

/// The kinds of schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `ScalingSchedule`, in a namespace.
    Namespaced,
    /// `ClusterScalingSchedule`, in none.
    Cluster,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Namespaced, Self::Cluster];

    /// The kind of a described object.
    pub fn of(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.kind() == kind)
    }

    /// As in manifests.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Namespaced => "ScalingSchedule",
            Self::Cluster => "ClusterScalingSchedule",
        }
    }

    /// As in paths.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Namespaced => "scalingschedules",
            Self::Cluster => "clusterscalingschedules",
        }
    }
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Of which kind.
    pub kind: Kind,
    /// Empty for cluster-wide ones.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// For a write that must not undo another one.
    pub resource_version: String,
    /// `status.active`.
    pub active: bool,
    /// `spec`, or why it cannot be read.
    pub spec: Result<Spec, String>,
}

impl Object {
    /// Reads an object of the API.
    pub fn read(kind: Kind, object: &Value) -> Self {
        let metadata = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        Self {
            kind,
            namespace: metadata("namespace"),
            name: metadata("name"),
            resource_version: metadata("resourceVersion"),
            active: object["status"]["active"].as_bool().unwrap_or(false),
            spec: Spec::read(&object["spec"]),
        }
    }

    /// Its path.
    pub fn path(&self) -> String {
        let inside = match self.kind {
            Kind::Namespaced => format!("namespaces/{}/", self.namespace),
            Kind::Cluster => String::new(),
        };
        format!("/apis/{API_VERSION}/{inside}{}/{}", self.kind.plural(), self.name)
    }

    /// `namespace/name`, or the name of a cluster-wide one.
    pub fn identifier(&self) -> String {
        match self.kind {
            Kind::Namespaced => format!("{}/{}", self.namespace, self.name),
            Kind::Cluster => self.name.clone(),
        }
    }
}

/// All schedules of a kind, by namespace and name.
pub type Schedules = HashMap<(String, String), Object>;

/// All schedules of a kind, as they were a few seconds ago at most: one list for all who ask.
///
/// # Errors
/// As [`list`].
pub async fn recent(context: &Arc<Context>, kind: Kind) -> Result<Arc<Schedules>, CollectError> {
    let question = Question {
        server: "the API server".to_owned(),
        text: format!("all {}", kind.plural()),
        interval: FRESH,
    };
    let asked = Arc::clone(context);
    let request = async move {
        let all = list(&asked, kind).await?;
        let keyed = all
            .into_iter()
            .map(|object| ((object.namespace.clone(), object.name.clone()), object));
        Ok(keyed.collect::<Schedules>())
    };
    context.share.ask(question, request).await
}

/// All schedules of a kind as they are now.
///
/// # Errors
/// When the API server does not list them.
pub async fn list(context: &Context, kind: Kind) -> Result<Vec<Object>, CollectError> {
    let path = format!("/apis/{API_VERSION}/{}", kind.plural());
    let mut found = Vec::new();
    let mut next = String::new();
    for _ in 0..MOST_PAGES {
        let page = format!("{path}?limit={PAGE}{next}");
        let reply = context
            .cluster
            .send(&Message::get(&page))
            .await
            .map_err(|error| CollectError::new(format!("GET {path}: {error}")))?;
        if reply.code == 404 {
            return Err(CollectError::new(format!(
                "the cluster knows no {}; its CustomResourceDefinition has to be applied: GET {path}: 404",
                kind.kind()
            )));
        }
        if reply.code != 200 {
            return Err(CollectError::new(format!(
                "GET {path}: {} {}",
                reply.code,
                excerpt(reply.body.as_bytes())
            )));
        }
        let list: Value = serde_json::from_str(&reply.body)
            .map_err(|error| CollectError::new(format!("GET {path}: {error}")))?;
        let items = list["items"].as_array().into_iter().flatten();
        found.extend(items.map(|object| Object::read(kind, object)));
        let token = list["metadata"]["continue"].as_str().unwrap_or_default();
        if token.is_empty() {
            return Ok(found);
        }
        next = format!("&continue={}", escaped(token));
    }
    Err(CollectError::new(format!(
        "GET {path}: there are more than {} schedules",
        MOST_PAGES * PAGE
    )))
}

/// A text as the value of a query parameter.
pub fn escaped(text: &str) -> String {
    let mut url = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            url.push(char::from(byte));
        } else {
            // A String takes everything.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

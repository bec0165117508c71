//! All objects of a resource, as a stream of changes: one list, then a watch with bookmarks, and a new list when the
//! server has forgotten where we were.

use futures::{Stream, StreamExt};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use serde_json::{Map, Value};

use crate::connect::Cluster;
use crate::error::{Error, Reason};

/// A resource to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Followed {
    /// Empty for the core group.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// In the plural, `pods`.
    pub plural: &'static str,
    /// As in a manifest, `Pod`.
    pub kind: &'static str,
}

/// What is seen of a resource.
#[derive(Debug)]
pub enum Seen {
    /// A list begins. What is not named until [`Seen::Complete`] is gone.
    Begin,
    /// An object of the list.
    Listed(Value),
    /// The list is complete.
    Complete,
    /// An object is new, or changed.
    Changed(Value),
    /// An object is gone.
    Gone(Value),
}

impl Cluster {
    /// Follows all objects of a resource, in all namespaces. Objects are JSON without `managedFields`. The stream comes
    /// back by itself after disconnects and 410; an error is one that trying again soon will not change, such as a
    /// missing right, and the caller may drop the stream then or go on.
    pub fn follow(&self, resource: Followed) -> impl Stream<Item = Result<Seen, Error>> + Send + use<> {
        let api: Api<DynamicObject> = Api::all_with(self.client(), &described(resource));
        stream(api, watcher::Config::default(), resource.plural)
    }

    /// Follows one object of a resource, with rights to that object only. Else as [`Cluster::follow`].
    pub fn follow_one(
        &self,
        resource: Followed,
        namespace: &str,
        name: &str,
    ) -> impl Stream<Item = Result<Seen, Error>> + Send + use<> {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client(), namespace, &described(resource));
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        stream(api, config, resource.plural)
    }
}

fn described(resource: Followed) -> ApiResource {
    ApiResource {
        group: resource.group.to_owned(),
        version: resource.version.to_owned(),
        api_version: if resource.group.is_empty() {
            resource.version.to_owned()
        } else {
            format!("{}/{}", resource.group, resource.version)
        },
        kind: resource.kind.to_owned(),
        plural: resource.plural.to_owned(),
    }
}

fn stream(
    api: Api<DynamicObject>,
    config: watcher::Config,
    plural: &'static str,
) -> impl Stream<Item = Result<Seen, Error>> + Send + use<> {
    watcher::watcher(api, config)
        .default_backoff()
        .filter_map(move |event| async move {
            match event {
                Ok(event) => Some(Ok(seen(event))),
                Err(error) => {
                    if let Some((reason, message)) = refusal(&error) {
                        return Some(Err(Error::new(reason, message)));
                    }
                    // The watcher backs off and tries again.
                    tracing::debug!(plural, %error, "watch interrupted");
                    None
                }
            }
        })
}

fn seen(event: Event<DynamicObject>) -> Seen {
    match event {
        Event::Init => Seen::Begin,
        Event::InitApply(object) => Seen::Listed(json(object)),
        Event::InitDone => Seen::Complete,
        Event::Apply(object) => Seen::Changed(json(object)),
        Event::Delete(object) => Seen::Gone(json(object)),
    }
}

fn json(mut object: DynamicObject) -> Value {
    object.metadata.managed_fields = None;
    let mut all = Map::new();
    if let Some(types) = object.types {
        all.insert("apiVersion".to_owned(), types.api_version.into());
        all.insert("kind".to_owned(), types.kind.into());
    }
    // Metadata is plain data, which always has a JSON form.
    let metadata = serde_json::to_value(object.metadata).unwrap_or_default();
    all.insert("metadata".to_owned(), metadata);
    if let Value::Object(data) = object.data {
        all.extend(data);
    }
    Value::Object(all)
}

/// Why an answer will be the same next time.
pub(crate) fn refusal(error: &watcher::Error) -> Option<(Reason, String)> {
    let (watcher::Error::InitialListFailed(inner)
    | watcher::Error::WatchStartFailed(inner)
    | watcher::Error::WatchFailed(inner)) = error
    else {
        return None;
    };
    let kube::Error::Api(status) = inner else {
        return None;
    };
    let reason = match status.code {
        401 | 403 => Reason::Forbidden,
        404 | 405 => Reason::NotFound,
        _ => return None,
    };
    Some((reason, status.message.clone()))
}

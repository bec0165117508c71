//! The in-process API: the same admission, defaulting, validation and storage as over HTTP.

use std::sync::Arc;

use capstan_base::SharedClock;
use capstan_hpa::options::Gates;
use capstan_kubeapi::resource::storage_of;
use capstan_kubeapi::{PatchKind, Resource, Status, meta};
use serde_json::Value;

use crate::admission::{self, Admission};
use crate::custom::Kinds;
use crate::storage::{Storage, WriteError};
use crate::watch::Watch;
use crate::{patching, recorder::Recorder, scale, views};

pub use crate::storage::EventKind;

/// Attempts of a write that races with others before it gives up with 409.
const ATTEMPTS: usize = 64;

/// A handle to every object of the cluster. Cheap to clone; synchronous; in memory.
#[derive(Debug, Clone)]
pub struct Objects {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) storage: Arc<Storage>,
    pub(crate) clock: SharedClock,
    pub(crate) admission: Admission,
    pub(crate) kinds: Kinds,
    recorder: Recorder,
}

/// The objects of a list and the version at which they were read.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// By namespace, then name.
    pub items: Vec<Arc<Value>>,
    /// A watch from here misses nothing.
    pub resource_version: u64,
}

/// Which part of an object a write may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subresource {
    /// Everything but the status.
    #[default]
    None,
    /// The status and nothing else.
    Status,
    /// The replica count, through a `Scale` object.
    Scale,
    /// A namespace's own finalizers.
    Finalize,
}

/// What becomes of the objects that a deleted object owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted after it.
    Background,
    /// They are deleted before it; finalizer `foregroundDeletion`.
    Foreground,
    /// They stay; finalizer `orphan`.
    Orphan,
}

/// How to delete.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// `None` means background.
    pub propagation: Option<Propagation>,
    /// Seconds a pod gets to end; `None` means its own `terminationGracePeriodSeconds`, 0 removes it now.
    pub grace_seconds: Option<i64>,
    /// Only delete the object with this uid.
    pub uid: Option<String>,
    /// Only delete the object at this version.
    pub resource_version: Option<String>,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// How a write treats fields that the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// The object is trusted as it is: writes from inside the process.
    #[default]
    Trusted,
    /// Unknown fields are dropped.
    Ignore,
    /// Unknown fields are dropped and a warning says so.
    Warn,
    /// Unknown fields refuse the write.
    Strict,
}

/// How to write.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Who writes, for `managedFields`; empty leaves them alone.
    pub field_manager: String,
    /// Apply takes fields over from other managers.
    pub force: bool,
    /// Only say what would be stored.
    pub dry_run: bool,
    /// Treatment of unknown fields.
    pub field_validation: FieldValidation,
}

/// The outcome of a write that wants to know more than the object.
#[derive(Debug, Clone)]
pub struct Written {
    /// The object as stored, in the version it was asked for.
    pub object: Arc<Value>,
    /// Whether the write made it.
    pub created: bool,
    /// Warnings for the writer.
    pub warnings: Vec<String>,
}

/// The outcome of a delete.
#[derive(Debug, Clone)]
pub struct Deleted {
    /// The object's last, or for now terminating, state.
    pub object: Arc<Value>,
    /// Whether it is gone, as opposed to waiting for a finalizer or its grace period.
    pub removed: bool,
}

impl Objects {
    /// An empty cluster: only the namespaces `default`, `kube-system`, `kube-public` and `kube-node-lease` exist.
    pub fn new(clock: SharedClock) -> Self {
        Self::with_gates(clock, Gates::default())
    }

    /// The same with other feature gates than those of 1.36.
    pub fn with_gates(clock: SharedClock, gates: Gates) -> Self {
        let storage = Arc::new(Storage::new());
        let shared = Shared {
            storage,
            clock,
            admission: Admission::new(gates),
            kinds: Kinds::default(),
            recorder: Recorder::default(),
        };
        let objects = Self {
            shared: Arc::new(shared),
        };
        admission::bootstrap(&objects);
        objects
    }

    /// The clock that timestamps are taken from.
    pub fn clock(&self) -> &SharedClock {
        &self.shared.clock
    }

    /// The kinds that are served.
    pub(crate) fn kinds(&self) -> &Kinds {
        &self.shared.kinds
    }

    /// The version of the last write.
    pub fn resource_version(&self) -> u64 {
        self.shared.storage.version()
    }

    /// One object.
    pub fn get(&self, resource: Resource, namespace: Option<&str>, name: &str) -> Result<Arc<Value>, Status> {
        let stored = self.stored(resource, namespace, name)?;
        Ok(views::show(resource, &stored))
    }

    /// The `Scale` of an object.
    pub fn scale(&self, resource: Resource, namespace: Option<&str>, name: &str) -> Result<Value, Status> {
        let stored = self.stored(resource, namespace, name)?;
        scale::of(resource, &stored)
    }

    /// Every object of a kind; `None` means all namespaces.
    pub fn list(&self, resource: Resource, namespace: Option<&str>) -> Snapshot {
        let (items, resource_version) = self.shared.storage.list(storage_of(resource), namespace);
        let items = if resource.stored_as.is_some() {
            items.iter().map(|item| views::show(resource, item)).collect()
        } else {
            items
        };
        Snapshot {
            items,
            resource_version,
        }
    }

    /// The list as it was at an earlier version; `Err` holds the oldest version still known.
    pub(crate) fn list_at(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        version: u64,
    ) -> Result<Vec<Arc<Value>>, u64> {
        let items = self
            .shared
            .storage
            .list_at(storage_of(resource), namespace, version)?;
        Ok(items.iter().map(|item| views::show(resource, item)).collect())
    }

    /// Makes an object.
    pub fn create(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        object: Value,
    ) -> Result<Arc<Value>, Status> {
        self.create_with(resource, namespace, object, &WriteOptions::default())
            .map(|written| written.object)
    }

    /// Makes an object, with options.
    pub fn create_with(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        let stored_as = storage_of(resource);
        let mut warnings = Vec::new();
        let mut object = admission::decode(resource, object, options.field_validation, &mut warnings)?;
        let given_name = !meta::name(&object).is_empty();
        object = views::store(resource, object)?;
        admission::prepare_create(self, resource, stored_as, namespace, &mut object, &mut warnings)?;
        patching::track_create(
            tracked_as(resource, stored_as),
            &mut object,
            options,
            &self.shared.clock,
        );
        let namespace = if stored_as.namespaced {
            meta::namespace(&object).to_owned()
        } else {
            String::new()
        };
        let name = meta::name(&object).to_owned();
        if options.dry_run {
            if self.shared.storage.get(stored_as, &namespace, &name).is_some() {
                return Err(Status::already_exists(resource.0, &name));
            }
            let object = views::show(resource, &Arc::new(object));
            return Ok(Written {
                object,
                created: true,
                warnings,
            });
        }
        match self
            .shared
            .storage
            .insert(stored_as, &namespace, &name, object.clone())
        {
            Ok(stored) => Ok(Written {
                object: views::show(resource, &stored),
                created: true,
                warnings,
            }),
            Err(_) if given_name => {
                self.shared.admission.release(stored_as, &object, None);
                Err(Status::already_exists(resource.0, &name))
            }
            Err(_) => {
                // A generated name that is taken: five random characters met twice.
                self.shared.admission.release(stored_as, &object, None);
                meta::unset(&mut object, "name");
                self.create_with(
                    resource,
                    Some(&namespace).filter(|n| !n.is_empty()).map(String::as_str),
                    object,
                    options,
                )
            }
        }
    }

    /// Replaces an object, or a part of it. A `metadata.resourceVersion` in `object` must still be current, else 409;
    /// without one the write is unconditional.
    pub fn update(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        subresource: Subresource,
        object: Value,
    ) -> Result<Arc<Value>, Status> {
        let options = WriteOptions::default();
        self.update_with(resource, namespace, name, subresource, object, &options)
            .map(|written| written.object)
    }

    /// Replaces an object, with options.
    pub fn update_with(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        subresource: Subresource,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.write(resource, namespace, name, subresource, options, |_| {
            Ok(object.clone())
        })
    }

    /// Changes an object in part. Server-side apply makes it if it does not exist.
    #[allow(clippy::too_many_arguments)] // what a PATCH request consists of
    pub fn patch(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        subresource: Subresource,
        kind: PatchKind,
        patch: &Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        if kind == PatchKind::Apply {
            return patching::apply(self, resource, namespace, name, subresource, patch, options);
        }
        self.write(resource, namespace, name, subresource, options, |current| {
            patching::patched(resource, subresource, kind, current, patch)
        })
    }

    /// Reads, changes, writes; again if somebody wrote in between. Nothing is written if `change` changes nothing.
    pub fn modify(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        subresource: Subresource,
        mut change: impl FnMut(&mut Value),
    ) -> Result<Arc<Value>, Status> {
        let options = WriteOptions::default();
        let written = self.write(resource, namespace, name, subresource, &options, |current| {
            let mut object = current.clone();
            change(&mut object);
            meta::unset(&mut object, "resourceVersion");
            Ok(object)
        })?;
        Ok(written.object)
    }

    /// The read-modify-write loop under every update. `make` gets the current object (or `Scale`) in the version asked
    /// for and says what it should become.
    pub(crate) fn write(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        subresource: Subresource,
        options: &WriteOptions,
        mut make: impl FnMut(&Value) -> Result<Value, Status>,
    ) -> Result<Written, Status> {
        let stored_as = storage_of(resource);
        for _ in 0..ATTEMPTS {
            let current = self.stored(resource, namespace, name)?;
            let mut warnings = Vec::new();
            let (mut next, conditional) = if subresource == Subresource::Scale {
                let wanted = make(&scale::of(resource, &current)?)?;
                let conditional = !meta::resource_version(&wanted).is_empty();
                (scale::put(resource, &current, &wanted)?, conditional)
            } else {
                let wanted = make(&views::show(resource, &current))?;
                let wanted = admission::decode(resource, wanted, options.field_validation, &mut warnings)?;
                let conditional = !meta::resource_version(&wanted).is_empty();
                let mut wanted = views::store(resource, wanted)?;
                admission::check_identity(resource, namespace, &current, &wanted)?;
                admission::prepare_update(self, resource, subresource, &current, &mut wanted, &mut warnings)?;
                (wanted, conditional)
            };
            patching::track_update(
                tracked_as(resource, stored_as),
                subresource,
                &current,
                &mut next,
                options,
                &self.shared.clock,
            );
            let answer = |object: &Arc<Value>| -> Result<Arc<Value>, Status> {
                if subresource == Subresource::Scale {
                    scale::of(resource, object).map(Arc::new)
                } else {
                    Ok(views::show(resource, object))
                }
            };
            if next == *current {
                return Ok(Written {
                    object: answer(&current)?,
                    created: false,
                    warnings,
                });
            }
            if options.dry_run {
                return Ok(Written {
                    object: answer(&Arc::new(next))?,
                    created: false,
                    warnings,
                });
            }
            let result = if admission::is_finished(stored_as, &next) {
                self.shared.storage.remove(stored_as, &current, next.clone())
            } else {
                self.shared.storage.replace(stored_as, &current, next.clone())
            };
            match result {
                Ok(object) => {
                    self.shared.admission.release(stored_as, &current, Some(&next));
                    return Ok(Written {
                        object: answer(&object)?,
                        created: false,
                        warnings,
                    });
                }
                Err(WriteError::Changed) if conditional => return Err(Status::modified(stored_as.0, name)),
                Err(WriteError::Changed | WriteError::Exists) => {}
                Err(WriteError::Gone) => return Err(Status::not_found(resource.0, name)),
            }
        }
        Err(Status::modified(stored_as.0, name))
    }

    /// Deletes an object, or marks it as terminating while finalizers or a grace period hold it.
    pub fn delete(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Arc<Value>, Status> {
        self.delete_with(resource, namespace, name, options)
            .map(|deleted| deleted.object)
    }

    /// Deletes an object and says whether it is gone.
    pub fn delete_with(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        let stored_as = storage_of(resource);
        for _ in 0..ATTEMPTS {
            let current = self.stored(resource, namespace, name)?;
            admission::check_preconditions(stored_as, &current, options)?;
            let (next, gone) = admission::prepare_delete(stored_as, &current, options, &self.shared.clock);
            if options.dry_run {
                return Ok(Deleted {
                    object: views::show(resource, &Arc::new(next)),
                    removed: gone,
                });
            }
            if !gone && next == *current {
                return Ok(Deleted {
                    object: views::show(resource, &current),
                    removed: false,
                });
            }
            let result = if gone {
                self.shared.storage.remove(stored_as, &current, next)
            } else {
                self.shared.storage.replace(stored_as, &current, next)
            };
            match result {
                Ok(object) => {
                    if gone {
                        self.shared.admission.release(stored_as, &current, None);
                    }
                    return Ok(Deleted {
                        object: views::show(resource, &object),
                        removed: gone,
                    });
                }
                Err(WriteError::Gone) => return Err(Status::not_found(resource.0, name)),
                Err(WriteError::Changed | WriteError::Exists) => {}
            }
        }
        Err(Status::modified(stored_as.0, name))
    }

    /// Follows a kind. From `None`: everything that exists as `Added`, then what happens. From a version: what happened
    /// after it, or 410 if the log no longer reaches back so far.
    pub fn watch(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        from: Option<u64>,
    ) -> Result<Watch, Status> {
        let stored_as = storage_of(resource);
        let storage = &self.shared.storage;
        let (initial, position) = match from {
            None => {
                let snapshot = self.list(resource, namespace);
                (snapshot.items, snapshot.resource_version)
            }
            Some(version) => {
                if let crate::storage::LogRead::TooOld(oldest) = storage.read_log(stored_as, version, 0) {
                    return Err(Status::too_old(version, oldest));
                }
                (Vec::new(), version)
            }
        };
        Ok(Watch::new(
            Arc::clone(storage),
            resource,
            stored_as,
            namespace,
            position,
            initial,
        ))
    }

    /// Writes an Event about an object. The same event again raises its count instead.
    pub fn record_event(&self, regarding: &Value, type_: &str, reason: &str, message: &str, component: &str) {
        self.shared
            .recorder
            .record(self, regarding, type_, reason, message, component);
    }

    fn stored(&self, resource: Resource, namespace: Option<&str>, name: &str) -> Result<Arc<Value>, Status> {
        let namespace = if resource.namespaced {
            namespace.unwrap_or("default")
        } else {
            ""
        };
        self.shared
            .storage
            .get(storage_of(resource), namespace, name)
            .ok_or_else(|| Status::not_found(resource.0, name))
    }
}

/// The version whose fields a write owns: the stored one, but every version of a custom kind has the same.
fn tracked_as(resource: Resource, stored: Resource) -> Resource {
    if stored.custom.is_some() { resource } else { stored }
}

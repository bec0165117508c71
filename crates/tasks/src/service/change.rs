//! Creating, changing and deleting (H-40 to H-48).

use std::sync::Arc;

use capstan_store::TaskRecord as Stored;

use super::Tasks;
use crate::definition;
use crate::error::Error;
use crate::record::{NewTask, TaskPatch, TaskRecord, valid_id};
use crate::runner::Ending;

impl Tasks {
    /// Makes a task and, if it is enabled, starts it (H-40). When it cannot start, the error says so and the task stays stored
    /// and enabled (H-41).
    pub fn create(&self, new: NewTask) -> Result<Arc<TaskRecord>, Error> {
        self.create_as(new, false)
    }

    pub(crate) fn create_as(&self, new: NewTask, loaded: bool) -> Result<Arc<TaskRecord>, Error> {
        let id = if new.id.is_empty() {
            uuid::Uuid::new_v4().to_string()
        } else {
            new.id
        };
        if !valid_id(&id) {
            return Err(Error::InvalidId(id));
        }
        let _one_at_a_time = self.changes.lock();
        if self.records.read().contains_key(&id) {
            return Err(Error::Exists(id));
        }
        if !new.template.is_empty() {
            return Err(Error::UnknownTemplate(new.template));
        }
        if new.script.is_empty() {
            return Err(Error::NoScript);
        }
        let statements = definition::statements(&new.script)?;
        let now = self.clock.now_nanos();
        let mut record = TaskRecord::new(id, statements.kind.ok_or(Error::NoType)?, now);
        record.script = new.script;
        record.vars = new.vars;
        record.loaded = loaded;
        definition::pipeline(&record, &self.run.ports.functions())?;
        record.dbrps = match (statements.dbrps.is_empty(), new.dbrps.is_empty()) {
            (true, true) => return Err(Error::NoDbrp),
            (false, false) => return Err(Error::BothDbrps),
            (true, false) => new.dbrps,
            (false, true) => statements.dbrps,
        };
        if new.enabled {
            record.enabled = true;
            record.last_enabled = Some(now);
        }
        self.keep(record.clone(), None)?;
        if record.enabled {
            self.start(&record.id)?;
        }
        self.get(&record.id)
    }

    /// Changes a task (H-44). A running task goes on with its old definition (H-45) unless `reload` is asked for; a changed
    /// status starts or stops it (H-46); a new id restarts it under that id (H-47).
    pub fn update(&self, id: &str, patch: TaskPatch, reload: bool) -> Result<Arc<TaskRecord>, Error> {
        self.update_as(id, patch, reload, false)
    }

    /// With `loaded`, the task belongs to the load directory from now on.
    pub(crate) fn update_as(
        &self,
        id: &str,
        patch: TaskPatch,
        reload: bool,
        loaded: bool,
    ) -> Result<Arc<TaskRecord>, Error> {
        let _one_at_a_time = self.changes.lock();
        let original = self.get(id).map_err(|_| Error::NothingToUpdate)?;
        let mut updated = TaskRecord::clone(&original);
        updated.loaded |= loaded;
        if !patch.id.is_empty() {
            if !valid_id(&patch.id) {
                return Err(Error::InvalidId(patch.id));
            }
            updated.id = patch.id;
        }
        if !patch.template.is_empty() {
            return Err(Error::UnknownTemplate(patch.template));
        }
        if !patch.script.is_empty() {
            let before = definition::statements(&original.script)?;
            let after = definition::statements(&patch.script)?;
            if !before.dbrps.is_empty() && after.dbrps.is_empty() && patch.dbrps.is_empty() {
                return Err(Error::NoDbrp);
            }
            updated.script = patch.script;
        }
        let statements = definition::statements(&updated.script)?;
        match (statements.dbrps.is_empty(), patch.dbrps.is_empty()) {
            (false, false) => return Err(Error::BothDbrpsInUpdate),
            (false, true) => updated.dbrps = statements.dbrps,
            (true, false) => updated.dbrps = patch.dbrps,
            (true, true) => {}
        }
        // compat: an empty map cannot be told from none, so variables cannot be cleared (H-44).
        if !patch.vars.is_empty() {
            updated.vars = patch.vars;
        }
        updated.kind = statements.kind.ok_or(Error::NoType)?;
        definition::pipeline(&updated, &self.run.ports.functions())?;

        let now = self.clock.now_nanos();
        updated.modified = now;
        updated.enabled = patch.enabled.unwrap_or(original.enabled);
        let status_changed = updated.enabled != original.enabled;
        if status_changed && updated.enabled {
            updated.last_enabled = Some(now);
        }
        let renamed = updated.id != original.id;
        if renamed && self.records.read().contains_key(&updated.id) {
            return Err(Error::NewIdTaken);
        }

        let new_id = updated.id.clone();
        let enabled = updated.enabled;
        self.keep(updated, renamed.then_some(original.id.as_str()))?;
        let restart = enabled && !status_changed && (renamed || reload);
        if restart || (status_changed && !enabled) {
            self.stop(&original.id, Ending::Finish);
        }
        if renamed {
            self.move_snapshot(&original.id, &new_id);
        }
        if restart || (status_changed && enabled) {
            self.start(&new_id)?;
        }
        self.get(&new_id)
    }

    /// Deletes a task; that it does not exist is no error (H-48).
    pub fn delete(&self, id: &str) -> Result<(), Error> {
        let _one_at_a_time = self.changes.lock();
        if !self.records.read().contains_key(id) {
            return Ok(());
        }
        self.store.transaction(|transaction| {
            transaction.delete::<Stored>(id)?;
            transaction.delete_snapshot(id)
        })?;
        self.records.write().remove(id);
        self.stop(id, Ending::Discard);
        self.run.ports.alerts.forget(&format!("main:{id}:"));
        Ok(())
    }

    /// Puts a record into the store and then into memory; `instead_of` goes in the same transaction.
    pub(super) fn keep(&self, record: TaskRecord, instead_of: Option<&str>) -> Result<(), Error> {
        let stored = record.to_stored();
        self.store.transaction(|transaction| {
            if let Some(old) = instead_of {
                transaction.delete::<Stored>(old)?;
            }
            transaction.put(&stored)
        })?;
        let mut records = self.records.write();
        if let Some(old) = instead_of {
            records.remove(old);
        }
        records.insert(record.id.clone(), Arc::new(record));
        Ok(())
    }

    /// What a task remembers goes with it to its new id. Losing it costs a fresh start, not the rename.
    fn move_snapshot(&self, from: &str, to: &str) {
        let moved = self.store.snapshot(from).and_then(|snapshot| match snapshot {
            Some(snapshot) => {
                self.store.put_snapshot(to, &snapshot)?;
                self.store.delete_snapshot(from).map(drop)
            }
            None => Ok(()),
        });
        if let Err(error) = moved {
            tracing::warn!(task = to, %error, "what the task remembered was lost");
        }
    }
}

//! Namespaces: what each one contains from the start, and how it ends.

use std::time::Duration;

use capstan_kubeapi::builtin::{CONFIGMAPS, EVENTS, NAMESPACES, PODS, SERVICEACCOUNTS};
use capstan_kubeapi::{Resource, Status, meta};
use serde_json::{Value, json};

use super::Context;
use super::driver::{Controller, Key};
use crate::objects::{DeleteOptions, Subresource};
use crate::storage::EventKind;
use crate::watch::Event;

/// A namespace whose contents take their time is looked at again after this long.
const RECHECK: Duration = Duration::from_millis(500);

/// The controller of `namespaces`.
#[derive(Debug)]
pub(crate) struct Namespaces {
    /// PEM, for the config map by which pods know the API server.
    pub(crate) certificate_authority: String,
}

impl Controller for Namespaces {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn watches(&self) -> Vec<Resource> {
        vec![NAMESPACES, PODS, SERVICEACCOUNTS, CONFIGMAPS]
    }

    fn concerns(&self, _: &Context, resource: Resource, event: &Event) -> Vec<Key> {
        if resource == NAMESPACES {
            return vec![Key::of(&event.object)];
        }
        // The end of a pod may be the end of its namespace; a deleted default comes back.
        if event.kind == EventKind::Deleted {
            vec![Key::new("", meta::namespace(&event.object))]
        } else {
            Vec::new()
        }
    }

    fn reconcile(&self, context: &Context, key: &Key) -> Result<Option<Duration>, Status> {
        let namespace = match context.objects.get(NAMESPACES, None, &key.name) {
            Ok(namespace) => namespace,
            Err(status) if status.is_not_found() => return Ok(None),
            Err(status) => return Err(status),
        };
        if !meta::is_deleting(&namespace) {
            let account = json!({
                "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": key.name},
            });
            ensure(context, SERVICEACCOUNTS, &key.name, "default", account)?;
            let bundle = json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": "kube-root-ca.crt",
                    "namespace": key.name,
                    "annotations": {"kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."},
                },
                "data": {"ca.crt": self.certificate_authority},
            });
            ensure(context, CONFIGMAPS, &key.name, "kube-root-ca.crt", bundle)?;
            return Ok(None);
        }
        let mut left = 0;
        // Events last, as they tell how the rest went.
        let kinds = context
            .objects
            .kinds()
            .stored()
            .into_iter()
            .filter(|r| r.namespaced);
        let (events, others): (Vec<Resource>, Vec<Resource>) = kinds.partition(|r| *r == EVENTS);
        for resource in others.into_iter().chain(events) {
            for object in context.objects.list(resource, Some(&key.name)).items {
                if meta::is_deleting(&object) {
                    left += 1;
                    continue;
                }
                let options = DeleteOptions::default();
                match context
                    .objects
                    .delete_with(resource, Some(&key.name), meta::name(&object), &options)
                {
                    Ok(deleted) => left += usize::from(!deleted.removed),
                    Err(status) if status.is_not_found() => {}
                    Err(status) => return Err(status),
                }
            }
        }
        if left > 0 {
            return Ok(Some(RECHECK));
        }
        let finalized =
            context
                .objects
                .modify(NAMESPACES, None, &key.name, Subresource::Finalize, |namespace| {
                    if let Some(list) = namespace
                        .pointer_mut("/spec/finalizers")
                        .and_then(Value::as_array_mut)
                    {
                        list.retain(|finalizer| finalizer.as_str() != Some("kubernetes"));
                    }
                });
        match finalized {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(None),
        }
    }
}

fn ensure(
    context: &Context,
    resource: Resource,
    namespace: &str,
    name: &str,
    object: Value,
) -> Result<(), Status> {
    if context.objects.get(resource, Some(namespace), name).is_ok() {
        return Ok(());
    }
    match context.objects.create(resource, Some(namespace), object) {
        Err(status) if !status.is_already_exists() => Err(status),
        _ => Ok(()),
    }
}

//! Reading what an HPA scales.

use std::sync::Arc;

use capstan_kube::Message;
use serde_json::Value;

use crate::collector::{CollectError, Wanted};
use crate::context::Context;
use crate::fetch::excerpt;

/// The object that an HPA scales.
#[derive(Debug, Clone)]
pub struct Target {
    context: Arc<Context>,
    namespace: String,
    api_version: String,
    kind: String,
    name: String,
}

impl Target {
    /// Of a metric's HPA.
    pub fn of(wanted: &Wanted, context: &Arc<Context>) -> Self {
        Self {
            context: Arc::clone(context),
            namespace: wanted.namespace.clone(),
            api_version: wanted.target.api_version.clone(),
            kind: wanted.target.kind.clone(),
            name: wanted.target.name.clone(),
        }
    }

    /// Its replicas now, at least 1 (`status.replicas` of its scale).
    ///
    /// # Errors
    /// When it cannot be read, or has none: dividing by them has no meaning then.
    pub async fn replicas(&self) -> Result<i64, CollectError> {
        let path = self.path().await?;
        let found = match self.read(&format!("{path}/scale")).await {
            Ok(scale) => scale,
            // We may read the object but not its scale.
            Err(error) => self.read(&path).await.map_err(|_| error)?,
        };
        let replicas = found["status"]["replicas"].as_i64().unwrap_or(0);
        if replicas < 1 {
            // kube-metrics-adapter's words.
            return Err(CollectError::new(format!(
                "unable to get average value for {replicas} replicas of {} {}/{}",
                self.kind, self.namespace, self.name
            )));
        }
        Ok(replicas)
    }

    /// The label selector of its pods (`spec.selector`), as an object.
    ///
    /// # Errors
    /// When it cannot be read, or has none.
    pub async fn pod_selector(&self) -> Result<Value, CollectError> {
        let path = self.path().await?;
        let mut found = self.read(&path).await?;
        let selector = found["spec"]["selector"].take();
        let empty = selector.as_object().is_none_or(serde_json::Map::is_empty);
        if empty {
            return Err(CollectError::new(format!(
                "failed to get pod label selector: unable to get pod label selector for scale target ref '{}': {path} \
                 has no spec.selector",
                self.kind
            )));
        }
        // A ReplicationController's is the labels themselves.
        let labels = selector.get("matchLabels").is_none() && selector.get("matchExpressions").is_none();
        Ok(if labels {
            serde_json::json!({ "matchLabels": selector })
        } else {
            selector
        })
    }

    async fn path(&self) -> Result<String, CollectError> {
        // What an API server takes for a name; anything else would lead to another path.
        let odd = |c: char| matches!(c, '/' | '%' | '?' | '#');
        if self.name.is_empty() || matches!(self.name.as_str(), "." | "..") || self.name.contains(odd) {
            return Err(CollectError::new(format!(
                "scaleTargetRef of the HPA has the name {:?}, which no object can have",
                self.name
            )));
        }

        let kinds = &self.context.kinds;
        let kind = kinds
            .find(&self.context.cluster, &self.api_version, &self.kind)
            .await?;
        Ok(kind.path(&self.namespace, &self.name))
    }

    async fn read(&self, path: &str) -> Result<Value, CollectError> {
        read(&self.context, path).await
    }
}

/// The object or list at a path of the API.
///
/// # Errors
/// When the API server does not answer with one.
pub async fn read(context: &Context, path: &str) -> Result<Value, CollectError> {
    let reply = context
        .cluster
        .send(&Message::get(path))
        .await
        .map_err(|error| CollectError::new(format!("GET {path}: {error}")))?;
    let found: Option<Value> = serde_json::from_str(&reply.body).ok();
    match found {
        Some(found) if (200..300).contains(&reply.code) => Ok(found),
        found => {
            let said = found.and_then(|status| status["message"].as_str().map(str::to_owned));
            let said = said.unwrap_or_else(|| excerpt(reply.body.as_bytes()));
            Err(CollectError::new(format!("GET {path}: {} {said}", reply.code)))
        }
    }
}

//! A service as the API shows it.

use serde_json::Value as Json;

use crate::error::{Error, Reason};

/// A service with a number of replicas, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Swarm's own id.
    pub id: String,
    /// Changes with every change of the service; an update needs the one it was made from.
    pub version: u64,
    pub replicas: i64,
    spec: Json,
}

impl Service {
    /// Reads the answer to an inspection.
    pub(crate) fn parse(name: &str, service: &Json) -> Result<Self, Error> {
        let wrong = |what: &str| Error::new(Reason::Other, format!("service {name:?}: {what}"));
        let spec = &service["Spec"];
        let Some(replicated) = spec["Mode"].get("Replicated") else {
            let modes = spec["Mode"].as_object();
            let mode = modes.and_then(|modes| modes.keys().next());
            return Err(wrong(&format!(
                "its mode is {}, so that it has no number of replicas to set",
                mode.map_or("unknown", String::as_str)
            )));
        };
        let replicas = replicated["Replicas"].as_i64();
        Ok(Self {
            id: service["ID"]
                .as_str()
                .ok_or_else(|| wrong("it has no ID"))?
                .to_owned(),
            version: service["Version"]["Index"]
                .as_u64()
                .ok_or_else(|| wrong("it has no version"))?,
            replicas: replicas.ok_or_else(|| wrong("it does not say how many replicas it has"))?,
            spec: spec.clone(),
        })
    }

    /// The whole specification with another number of replicas.
    pub(crate) fn spec_with(&self, replicas: u64) -> Json {
        let mut spec = self.spec.clone();
        spec["Mode"]["Replicated"]["Replicas"] = replicas.into();
        spec
    }
}

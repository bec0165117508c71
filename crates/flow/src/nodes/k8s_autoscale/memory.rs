//! What survives a restart: cooldowns by resource and expressions by group. What a resource has is not remembered but
//! read anew before anything is decided, so that a restart changes no replicas.

use capstan_expr::State as Memory;
use capstan_hpa::cooldown::State;
use serde::{Deserialize, Serialize};

use super::exec::{GroupState, K8sAutoscale};
use crate::node::{Json, JsonText, RestoreGroups, SnapshotGroups};
use crate::states;

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    resources: Vec<StoredResource>,
    groups: Json,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredResource {
    kind: String,
    name: String,
    cooldown: State,
}

pub(super) fn snapshot(node: &K8sAutoscale, groups: &mut SnapshotGroups<'_>) -> Option<Json> {
    let scaled = node
        .resources
        .iter()
        .filter(|resource| resource.cooldown != State::default());
    let resources = scaled.map(|resource| StoredResource {
        kind: resource.target.kind.to_string(),
        name: resource.target.name.to_string(),
        cooldown: resource.cooldown,
    });
    let resources = resources.collect();
    let memories = node
        .groups
        .iter()
        .map(|(group, state)| (group, std::slice::from_ref(&state.expression)));
    let groups = states::snapshot(groups, memories)?;
    serde_json::value::to_raw_value(&Stored { resources, groups }).ok()
}

pub(super) fn restore(
    node: &mut K8sAutoscale,
    state: &JsonText,
    groups: &RestoreGroups<'_>,
) -> Result<(), serde_json::Error> {
    let stored: Stored = serde_json::from_str(state.get())?;
    let memories = states::restore(&stored.groups, groups, &[node.lambda.compiled()])?;
    for (group, mut memory) in memories {
        let expression: Memory = memory.pop().unwrap_or_default();
        node.groups.entry(group, || GroupState {
            expression,
            outstanding: 0,
            barrier: None,
        });
    }
    for StoredResource { kind, name, cooldown } in stored.resources {
        if let Some(at) = node.resource(&kind, &name) {
            node.resources[at as usize].cooldown = cooldown;
        }
    }
    Ok(())
}

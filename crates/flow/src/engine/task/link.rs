//! Making the nodes of a pipeline, and linking them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Running;
use super::error::StartError;
use crate::engine::build::Builder;
use crate::engine::errors::ErrorLog;
use crate::engine::mailbox::Inbox;
use crate::engine::timing::Timing;
use crate::pipeline::{EdgeType, NodeId, Pipeline};
use crate::ports::Ports;

fn carries(nodes: &[Option<Running>], at: NodeId) -> bool {
    matches!(nodes.get(at.index()), Some(Some(running)) if running.carries)
}

/// The nodes of a pipeline, in its order. `order` is a topological one.
pub(super) fn nodes(
    id: &Arc<str>,
    pipeline: &Pipeline,
    dbrps: &[(Arc<str>, Arc<str>)],
    ports: &Ports,
    inbox: &Arc<Inbox>,
    order: &[NodeId],
) -> Result<Vec<Running>, StartError> {
    let mut nodes: Vec<Option<Running>> = pipeline.nodes().iter().map(|_| None).collect();
    let mut watched = Vec::new();
    for &at in order {
        let config = pipeline.node(at);
        let name: Arc<str> = config.name().into();
        let refuse = |message| StartError {
            node: name.to_string(),
            message,
        };
        let mut builder = Builder {
            task: id,
            name: &name,
            dbrps,
            pipeline,
            ports,
            node: at,
            inbox,
            watched: &mut watched,
        };
        let node = (config.spec.build)(config, &mut builder).map_err(refuse)?;
        nodes[at.index()] = Some(Running {
            name: Arc::clone(&name),
            node,
            queue: VecDeque::new(),
            children: Vec::new(),
            processed: Vec::new(),
            collected: 0,
            errors: ErrorLog::default(),
            timing: Timing::default(),
            quiet: config.quiet(),
            watched: None,
            carries: config.watches.is_none()
                && (config.parents.is_empty()
                    || config.parents.iter().any(|parent| carries(&nodes, *parent))),
        });
        for (input, &parent) in config.parents.iter().enumerate() {
            let above = pipeline.node(parent);
            let problem = if above.provides != config.wants {
                "cannot add child mismatched edges"
            } else if above.provides == EdgeType::None {
                "cannot add child no edge expected"
            } else {
                if let Some(Some(above)) = nodes.get_mut(parent.index()) {
                    above.children.push((at, input));
                    above.processed.push(0);
                }
                continue;
            };
            return Err(refuse(format!(
                "{problem}: {}:{} -> {name}:{}",
                above.name(),
                above.provides.as_str(),
                config.wants.as_str()
            )));
        }
    }
    let mut nodes: Vec<Running> = nodes.into_iter().flatten().collect();
    // Children were linked in topological order; statistics list them as the pipeline does.
    for (running, config) in nodes.iter_mut().zip(pipeline.nodes()) {
        running
            .children
            .sort_by_key(|(child, _)| config.children.iter().position(|c| c == child));
    }
    for (node, counts) in watched {
        if let Some(running) = nodes.get_mut(node.index()) {
            running.watched = Some(counts);
        }
    }
    Ok(nodes)
}

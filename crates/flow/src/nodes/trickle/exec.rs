use std::sync::Arc;

use capstan_model::Block;

use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome};

/// Batches as points; all children get them, where Kapacitor serves the first alone.
#[derive(Debug)]
pub(super) struct Trickle;

impl Node for Trickle {
    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let rows = &batch.rows;
        let block = if rows.name == batch.name && rows.database.is_empty() && rows.retention_policy.is_empty()
        {
            Arc::clone(rows)
        } else {
            Arc::new(Block {
                database: Arc::from(""),
                retention_policy: Arc::from(""),
                name: Arc::clone(&batch.name),
                ..(**rows).clone()
            })
        };
        let groups = Arc::new(vec![batch.group; block.len()]);
        ctx.emit(Message::Points(Points { block, groups }));
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}

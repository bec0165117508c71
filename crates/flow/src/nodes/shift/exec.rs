use std::sync::Arc;

use capstan_model::Block;

use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome};

/// Moves times; barriers stay (N-55).
#[derive(Debug)]
pub(super) struct Shift {
    pub(super) by: i64,
}

impl Shift {
    fn block(&self, block: &Block) -> Arc<Block> {
        let time = block
            .time
            .iter()
            .map(|time| time.saturating_add(self.by))
            .collect();
        Arc::new(Block {
            time: Arc::new(time),
            ..block.clone()
        })
    }
}

impl Node for Shift {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        ctx.emit(Message::Points(Points {
            block: self.block(&points.block),
            groups: points.groups,
        }));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let shifted = PointBatch {
            tmax: batch.tmax.saturating_add(self.by),
            ..batch.with_rows(self.block(&batch.rows))
        };
        ctx.emit(Message::Batch(Arc::new(shifted)));
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}

use std::sync::Arc;

use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome};

/// Passes on.
#[derive(Debug)]
pub(super) struct Noop;

impl Node for Noop {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        ctx.emit(Message::Points(points));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        ctx.emit(Message::Batch(batch));
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}

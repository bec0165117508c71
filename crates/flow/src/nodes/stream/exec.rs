use crate::message::{Message, Points};
use crate::node::{Context, Node, Outcome};

/// Hands everything on.
#[derive(Debug)]
pub(super) struct Stream;

impl Node for Stream {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        ctx.emit(Message::Points(points));
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}

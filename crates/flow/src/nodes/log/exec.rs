use std::sync::Arc;

use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome};
use crate::pipeline::NodeConfig;
use crate::ports::{DataEvent, LogLevel};

/// Logs and passes on (N-60).
#[derive(Debug)]
pub(super) struct Log {
    level: LogLevel,
    prefix: Arc<str>,
}

impl Log {
    pub(super) fn new(config: &NodeConfig) -> Self {
        let level = config.string("level").unwrap_or_else(|| Arc::from("INFO"));
        Self {
            level: match &*level.to_uppercase() {
                "DEBUG" => LogLevel::Debug,
                "ERROR" => LogLevel::Error,
                _ => LogLevel::Info,
            },
            prefix: config.string("prefix").unwrap_or_else(|| Arc::from("")),
        }
    }

    fn log(&self, ctx: &Context<'_>, event: DataEvent<'_>) {
        ctx.ports()
            .log
            .data(ctx.task(), ctx.node(), self.level, &self.prefix, event);
    }
}

impl Node for Log {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        self.log(ctx, DataEvent::Points(&points));
        ctx.emit(Message::Points(points));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        self.log(ctx, DataEvent::Batch(&batch));
        ctx.emit(Message::Batch(batch));
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        true
    }
}

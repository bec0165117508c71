use std::sync::Arc;

use capstan_gocompat::strconv;
use capstan_model::{Block, GroupId, RowKey};

use crate::engine::build::Builder;
use crate::group_state::ByKey;
use crate::message::{Barrier, PointBatch, Points};
use crate::node::{Context, Node, Outcome};
use crate::pipeline::{NodeConfig, strings};
use crate::ports::Loopback;
use crate::rows::OwnKeys;

/// Writes points into the server's own write path.
#[derive(Debug)]
pub(super) struct KapacitorLoopback {
    loopback: Arc<dyn Loopback>,
    database: Arc<str>,
    retention_policy: Arc<str>,
    measurement: Option<Arc<str>>,
    tags: Vec<(Arc<str>, Arc<str>)>,
    keys: OwnKeys,
    /// By input key: the own key with the tags set.
    tagged: ByKey<RowKey>,
    written: i64,
}

impl KapacitorLoopback {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let text = |name| config.string(name).unwrap_or_else(|| Arc::from(""));
        let (database, retention_policy) = (text("database"), text("retentionPolicy"));
        if builder
            .dbrps
            .iter()
            .any(|(db, rp)| *db == database && *rp == retention_policy)
        {
            return Err(format!(
                "loop detected on dbrp: {}.{}",
                strconv::quote(&database),
                strconv::quote(&retention_policy)
            ));
        }
        let tag = |arguments| match &*strings(arguments) {
            [key, value] => Some((Arc::clone(key), Arc::clone(value))),
            _ => None,
        };
        Ok(Self {
            loopback: Arc::clone(&builder.ports.loopback),
            database,
            retention_policy,
            measurement: config.string("measurement").filter(|name| !name.is_empty()),
            tags: config.calls("tag").filter_map(tag).collect(),
            keys: OwnKeys::default(),
            tagged: ByKey::default(),
            written: 0,
        })
    }

    fn write(&mut self, ctx: &mut Context<'_>, rows: &Block, name: &Arc<str>) {
        if rows.is_empty() {
            return;
        }
        let mut block = Block {
            database: Arc::clone(&self.database),
            retention_policy: Arc::clone(&self.retention_policy),
            name: Arc::clone(self.measurement.as_ref().unwrap_or(name)),
            ..rows.clone()
        };
        if !self.tags.is_empty() {
            let (tags, keys) = (&self.tags, &self.keys);
            let mut tagged = self.tagged.table(&rows.keys);
            let with_tags = |&key: &RowKey| {
                tagged.get(key, || {
                    let set =
                        |all: capstan_model::Tags, (key, value): &(Arc<str>, Arc<str>)| all.with(key, value);
                    keys.of_tags(&tags.iter().fold(rows.keys.tags(key), set))
                })
            };
            block.key = Arc::new(rows.key.iter().map(with_tags).collect());
            block.keys = Arc::clone(keys.table());
        }
        match self.loopback.write(Arc::new(block)) {
            Ok(()) => self.written += i64::try_from(rows.len()).unwrap_or(i64::MAX),
            Err(error) => {
                for _ in 0..rows.len() {
                    ctx.error("failed to write point over loopback", &error);
                }
            }
        }
    }
}

impl Node for KapacitorLoopback {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        self.write(ctx, &points.block, &points.block.name);
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        self.write(ctx, &batch.rows, &batch.name);
        Ok(())
    }

    fn barrier(&mut self, _ctx: &mut Context<'_>, _barrier: Barrier) -> Outcome {
        Ok(())
    }

    fn delete_group(&mut self, _ctx: &mut Context<'_>, _group: GroupId) -> Outcome {
        Ok(())
    }

    fn stats(&self) -> Vec<i64> {
        vec![self.written]
    }

    fn forget_keys(&mut self) -> bool {
        self.tagged.clear();
        self.keys.renew();
        true
    }
}

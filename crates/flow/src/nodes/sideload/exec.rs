use std::sync::Arc;

use capstan_gocompat::Value as GoValue;
use capstan_gocompat::template::{Functions, Template};
use capstan_model::{Block, ColumnBuilder, GroupId, Tags, Value as Field};
use serde_json::Value as Json;

use super::convert::{convert, go_type};
use crate::engine::build::Builder;
use crate::message::{Message, PointBatch, Points};
use crate::node::{Context, Node, Outcome};
use crate::pipeline::NodeConfig;
use crate::ports::{SideSource, SideTables};
use crate::rows::OwnKeys;
use crate::script::Value;

/// Adds what files say about a point's tags (N-95).
#[derive(Debug)]
pub(super) struct Sideload {
    source: Arc<dyn SideSource>,
    order: Vec<(Arc<str>, Template)>,
    /// With their defaults.
    fields: Vec<(Arc<str>, Field)>,
    tags: Vec<(Arc<str>, Field)>,
    keys: OwnKeys,
}

/// The part of a URL before its first colon.
fn scheme(source: &str) -> &str {
    match source.split_once(':') {
        Some((scheme, _)) if scheme.starts_with(|c: char| c.is_ascii_alphabetic()) => scheme,
        _ => "",
    }
}

impl Sideload {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let source = config.string("source").unwrap_or_else(|| Arc::from(""));
        let is_endpoint = || {
            let port = builder.ports.http_post.as_ref();
            port.is_some_and(|port| port.endpoint(&source).is_some())
        };
        match scheme(&source) {
            "file" | "http" | "https" => {}
            _ if is_endpoint() => {}
            "" => return Err("unsupported source scheme \"\", must be 'file'".to_owned()),
            other => {
                return Err(format!(
                    "unsupported source scheme {other:?}, must be 'file', 'http', or 'https'"
                ));
            }
        }
        let Some(port) = &builder.ports.sideload else {
            return Err(format!("sideload source {source:?} cannot be opened here"));
        };
        let order = config.strings("order").into_iter().map(|path| {
            let template = Template::parse("order", &path, &Functions::new());
            template
                .map(|template| (path, template))
                .map_err(|error| error.to_string())
        });
        let order = order.collect::<Result<_, _>>()?;
        Ok(Self {
            source: port.open(&source)?,
            order,
            fields: defaults(config, "field"),
            tags: defaults(config, "tag"),
            keys: OwnKeys::default(),
        })
    }

    /// The files to look into for a point, best first.
    fn paths(&self, ctx: &mut Context<'_>, tags: &Tags) -> Option<Vec<String>> {
        let pairs = tags.iter().map(|(key, value)| (Arc::from(key), Arc::from(value)));
        let data = GoValue::string_map::<Arc<str>, Arc<str>>(pairs);
        let mut paths = Vec::with_capacity(self.order.len());
        for (raw, template) in &self.order {
            match template.execute(&data) {
                Ok(path) => paths.push(path),
                Err(error) => {
                    ctx.error(&format!("failed to evaluate order template {raw:?}"), error);
                    return None;
                }
            }
        }
        Some(paths)
    }

    /// The rows with what was loaded for each.
    fn load(&self, ctx: &mut Context<'_>, block: &Block) -> Block {
        let tables = self.source.tables();
        let mut columns: Vec<ColumnBuilder> = self
            .fields
            .iter()
            .map(|(name, _)| ColumnBuilder::new(Arc::clone(name)))
            .collect();
        let mut keys = Vec::with_capacity(block.len());
        // Neighbours often have the same tags.
        let mut last: Option<(Tags, Option<Found>)> = None;
        for row in 0..block.len() {
            let tags = block.tags(row);
            let found = match last.take() {
                Some((known, found)) if known == tags => found,
                _ => self.find(ctx, &tables, &tags),
            };
            for (at, (name, _)) in self.fields.iter().enumerate() {
                let value = match &found {
                    Some(found) => Some(found.fields[at].as_ref()),
                    None => block.field(name, row),
                };
                if let Some(value) = value {
                    columns[at].set(row, value);
                }
            }
            let own = found.as_ref().map_or(&tags, |found| &found.tags);
            keys.push(if self.tags.is_empty() {
                block.key[row]
            } else {
                self.keys.of_tags(own)
            });
            last = Some((tags, found));
        }
        let mut out = block.clone();
        for column in columns {
            if let Some(column) = column.finish(block.len()) {
                out = out.with_column(column);
            }
        }
        if !self.tags.is_empty() {
            out.keys = Arc::clone(self.keys.table());
            out.key = Arc::new(keys);
        }
        out
    }

    fn find(&self, ctx: &mut Context<'_>, tables: &SideTables, tags: &Tags) -> Option<Found> {
        let paths = self.paths(ctx, tags)?;
        let lookup = |key: &str| {
            let found = paths.iter().find_map(|path| tables.get(path)?.get(key));
            found.filter(|value| !value.is_null())
        };
        let mut value = |(name, default): &(Arc<str>, Field)| {
            let Some(loaded) = lookup(name) else {
                return default.clone();
            };
            convert(loaded, default).unwrap_or_else(|error| {
                ctx.error("failed to load key", describe(&error, name, default, loaded));
                default.clone()
            })
        };
        let fields = self.fields.iter().map(&mut value).collect();
        let added: Vec<(Arc<str>, Arc<str>)> = self
            .tags
            .iter()
            .filter_map(|tag| match value(tag) {
                Field::Str(text) => Some((Arc::clone(&tag.0), text)),
                _ => None,
            })
            .collect();
        let added = added.iter().map(|(key, value)| (&**key, &**value));
        Some(Found {
            fields,
            tags: Tags::from_pairs(tags.iter().chain(added)),
        })
    }

    /// A loaded tag that points are grouped by puts them into another group.
    fn regroup(&self, ctx: &mut Context<'_>, block: &Block, groups: &[GroupId]) -> Vec<GroupId> {
        let mut out = Vec::with_capacity(groups.len());
        for (row, &group) in groups.iter().enumerate() {
            let known = ctx.group(group).clone();
            let changed = self
                .tags
                .iter()
                .any(|(tag, _)| known.dimensions().tags.contains(tag));
            out.push(if changed {
                ctx.groups
                    .intern(known.dimensions(), known.name(), &block.tags(row))
            } else {
                group
            });
        }
        out
    }
}

/// What was loaded for a tag set.
struct Found {
    fields: Vec<Field>,
    tags: Tags,
}

fn describe(error: &str, name: &str, default: &Field, loaded: &Json) -> String {
    let (expected, got) = (default.as_ref().type_name(), go_type(loaded));
    format!("{error} key={name} expected={expected} got={got}")
}

/// Names and defaults of `field` or `tag`; the last call of a name counts.
fn defaults(config: &NodeConfig, property: &str) -> Vec<(Arc<str>, Field)> {
    let mut all: Vec<(Arc<str>, Field)> = Vec::new();
    for call in config.calls(property) {
        let [Value::String(name), value] = call else {
            continue;
        };
        let value = match value {
            Value::Float(v) => Field::Float(*v),
            Value::Int(v) => Field::Int(*v),
            Value::Bool(v) => Field::Bool(*v),
            Value::String(v) => Field::Str(Arc::clone(v)),
            Value::Duration(v) => Field::Duration(*v),
            _ => continue,
        };
        all.retain(|(known, _)| known != name);
        all.push((Arc::clone(name), value));
    }
    all
}

impl Node for Sideload {
    fn points(&mut self, ctx: &mut Context<'_>, points: Points) -> Outcome {
        let block = self.load(ctx, &points.block);
        let groups = if self.tags.is_empty() {
            points.groups
        } else {
            Arc::new(self.regroup(ctx, &block, &points.groups))
        };
        ctx.emit(Message::Points(Points {
            block: Arc::new(block),
            groups,
        }));
        Ok(())
    }

    fn batch(&mut self, ctx: &mut Context<'_>, batch: Arc<PointBatch>) -> Outcome {
        let rows = self.load(ctx, &batch.rows);
        ctx.emit(Message::Batch(Arc::new(batch.with_rows(Arc::new(rows)))));
        Ok(())
    }

    fn forget_keys(&mut self) -> bool {
        self.keys.renew();
        true
    }
}

use crate::nodes::query::exec::{Query, Text};
use crate::nodes::query::spec::{ALIGN, CLUSTER, CRON, EVERY, OFFSET};
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Property, Provides, Shape, Wants, arg, exactly, unchecked,
};

/// `|queryFlux('from(bucket: …) …')` (N-125).
pub(crate) static QUERY_FLUX: NodeSpec = NodeSpec {
    kind: "queryFlux",
    method: "queryFlux",
    parents: Parents::Only(&["batch"]),
    wants: Wants::Batch,
    provides: Provides::Batch,
    shape: Shape::Async,
    arguments: exactly(&[arg("query", K::String)]),
    properties: &[
        Property::value(
            "period",
            &[arg("period", K::Duration)],
            "0s",
            "Is accepted; a Flux query names its own range.",
        ),
        EVERY,
        CRON,
        ALIGN,
        OFFSET,
        CLUSTER,
        Property::value(
            "org",
            &[arg("name", K::String)],
            "the configured one",
            "Organisation to query in.",
        ),
        Property::value(
            "orgID",
            &[arg("id", K::String)],
            "none",
            "Organisation to query in, by id.",
        ),
    ],
    stats: &["batches_queried", "points_queried"],
    doc: "Runs a Flux query at set times and gives a batch per table; `now()` in it is the time of the query.",
    check: unchecked,
    build: |config, builder| {
        let word = |name| {
            config
                .string(name)
                .map(|text| text.to_string())
                .unwrap_or_default()
        };
        let text = Text::Flux {
            query: config.string_argument(0).to_string(),
            org: word("org"),
            org_id: word("orgID"),
        };
        Ok(Box::new(Query::new(config, builder, text)?))
    },
};

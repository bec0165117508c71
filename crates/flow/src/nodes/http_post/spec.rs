use std::sync::Arc;

use super::exec::HttpPost;
use crate::pipeline::{NodeConfig, strings};
use crate::registry::{
    ArgumentKind as K, NodeSpec, Parents, Property, Provides, Repeat, Shape, Wants, any, arg, exactly,
};

/// `|httpPost('http://…')`.
pub(crate) static HTTP_POST: NodeSpec = NodeSpec {
    kind: "http_post",
    method: "httpPost",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Async,
    arguments: any("url", K::String),
    properties: &[
        Property {
            name: "endpoint",
            arguments: exactly(&[arg("name", K::String)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "Posts to a configured endpoint instead of a URL.",
        },
        Property {
            name: "header",
            arguments: exactly(&[arg("key", K::String), arg("value", K::String)]),
            repeat: Repeat::Append,
            default: "none",
            doc: "Adds a header to each request.",
        },
        Property::value(
            "codeField",
            &[arg("field", K::String)],
            "none",
            "Field that gets the status of the answer, 0 when there was none; data then waits for its answers.",
        ),
        Property::flag("captureResponse", "Logs the body of answers that are no success."),
        Property::value(
            "timeout",
            &[arg("timeout", K::Duration)],
            "the server's",
            "How long a request may take.",
        ),
    ],
    stats: &[],
    doc: "Posts every point or batch as JSON, or as the endpoint's template says, and passes it on.",
    check,
    build: |config, builder| Ok(Box::new(HttpPost::new(config, builder)?)),
};

/// The names of endpoints.
pub(super) fn endpoints(config: &NodeConfig) -> Vec<Arc<str>> {
    config.calls("endpoint").flat_map(strings).collect()
}

fn check(config: &NodeConfig) -> Result<(), String> {
    let (urls, endpoints) = (config.arguments.len(), endpoints(config).len());
    if urls > 1 {
        return Err(format!("httpPost expects 0 or 1 arguments, got {urls}"));
    }
    if endpoints > 1 {
        return Err(format!("httpPost expects 0 or 1 endpoints, got {endpoints}"));
    }
    if urls == 0 && endpoints == 0 {
        return Err("must provide url or endpoint".to_owned());
    }
    if urls > 0 && endpoints > 0 {
        return Err("only one endpoint and url may be specified".to_owned());
    }
    let forbidden = |call| {
        strings(call)
            .first()
            .is_some_and(|key| key.eq_ignore_ascii_case("authenticate"))
    };
    if config.calls("header").any(forbidden) {
        return Err("cannot set 'authenticate' header".to_owned());
    }
    Ok(())
}

//! What expressions mean, by example; rows and columns agree by property.

mod agreement;
mod semantics;

use capstan_tick::ast::Node;

use crate::Compiled;

/// Parses what follows `lambda:`.
fn parse(text: &str) -> Node {
    capstan_tick::parse_lambda(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn compile(text: &str) -> Compiled {
    Compiled::new(&parse(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

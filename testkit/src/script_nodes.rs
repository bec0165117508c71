//! Which nodes a script uses, whether or not they are built.

use capstan_flow::REGISTRY;
use capstan_tick::ast::{ChainOperator, Kind};

/// The chaining methods a script calls, in order, each once; dynamic ones with their `@`. None when it does not parse.
pub fn used(script: &str) -> Vec<String> {
    let Ok(program) = capstan_tick::parse(script) else {
        return Vec::new();
    };
    let mut names: Vec<String> = Vec::new();
    capstan_tick::walk::walk(&program, &mut |node| {
        if let Kind::Chain { operator, right, .. } = &node.kind
            && let Kind::Call(call) = &right.kind
        {
            let name = match operator {
                ChainOperator::Pipe => call.name.clone(),
                ChainOperator::At => format!("@{}", call.name),
                ChainOperator::Dot => return,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    });
    names
}

/// Whether a chaining method of this name exists on any node. The first letter's case means nothing.
pub fn is_built(method: &str) -> bool {
    let mut chars = method.chars();
    let method: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_lowercase)
        .chain(chars)
        .collect();
    REGISTRY
        .iter()
        .any(|spec| !spec.method.is_empty() && spec.method == method)
}

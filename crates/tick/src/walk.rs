//! Visiting a tree.

use crate::ast::{ChainOperator, Kind, Node};

/// What a chain begins with, and its links, the last one first. Scripts are long chains, so that none should be walked by
/// recursion.
pub fn chain(node: &Node) -> (&Node, Vec<(ChainOperator, &Node)>) {
    let mut links = Vec::new();
    let mut root = node;
    while let Kind::Chain {
        operator,
        left,
        right,
    } = &root.kind
    {
        links.push((*operator, &**right));
        root = left;
    }
    (root, links)
}

/// The nodes directly below a node, in the order of the script.
pub fn children(node: &Node) -> Vec<&Node> {
    match &node.kind {
        Kind::Int { .. }
        | Kind::Float(_)
        | Kind::Duration { .. }
        | Kind::Bool(_)
        | Kind::String { .. }
        | Kind::Regex(_)
        | Kind::Star
        | Kind::Identifier(_)
        | Kind::Reference(_)
        | Kind::Comment(_) => Vec::new(),
        Kind::List(nodes) | Kind::Program(nodes) => nodes.iter().collect(),
        Kind::Unary { operand: inner, .. } | Kind::Lambda(inner) => vec![inner],
        Kind::Binary(binary) => vec![&binary.left, &binary.right],
        Kind::Call(call) => call.args.iter().collect(),
        Kind::Chain {
            left: first,
            right: second,
            ..
        }
        | Kind::Declaration {
            name: first,
            value: second,
        }
        | Kind::TypeDeclaration {
            name: first,
            type_name: second,
        }
        | Kind::Dbrp {
            database: first,
            retention_policy: second,
        } => vec![first, second],
    }
}

/// Calls `visit` on a node and on everything below it, parents first.
pub fn walk<'n>(node: &'n Node, visit: &mut impl FnMut(&'n Node)) {
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        visit(node);
        pending.extend(children(node).into_iter().rev());
    }
}

/// Names of the fields and tags that a tree refers to, sorted, each once.
pub fn references(node: &Node) -> Vec<&str> {
    names(node, |node| match &node.kind {
        Kind::Reference(name) => Some(name.as_str()),
        _ => None,
    })
}

/// Names of the functions that a tree calls, sorted, each once.
pub fn calls(node: &Node) -> Vec<&str> {
    names(node, |node| match &node.kind {
        Kind::Call(call) => Some(call.name.as_str()),
        _ => None,
    })
}

fn names<'n>(node: &'n Node, name: impl Fn(&'n Node) -> Option<&'n str>) -> Vec<&'n str> {
    let mut found = Vec::new();
    walk(node, &mut |node| found.extend(name(node)));
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether two trees mean the same: places, comments, parentheses and line breaks aside.
pub fn same_meaning(a: &Node, b: &Node) -> bool {
    let own = match (&a.kind, &b.kind) {
        (Kind::Int { value: a, .. }, Kind::Int { value: b, .. }) => a == b,
        (Kind::Float(a), Kind::Float(b)) => a == b,
        (Kind::Duration { nanos: a, .. }, Kind::Duration { nanos: b, .. }) => a == b,
        (Kind::Bool(a), Kind::Bool(b)) => a == b,
        (Kind::String { value: a, .. }, Kind::String { value: b, .. })
        | (Kind::Regex(a), Kind::Regex(b))
        | (Kind::Identifier(a), Kind::Identifier(b))
        | (Kind::Reference(a), Kind::Reference(b)) => a == b,
        (Kind::Unary { operator: a, .. }, Kind::Unary { operator: b, .. }) => a == b,
        (Kind::Binary(a), Kind::Binary(b)) => a.operator == b.operator,
        (Kind::Call(a), Kind::Call(b)) => a.name == b.name && a.kind == b.kind,
        (Kind::Chain { operator: a, .. }, Kind::Chain { operator: b, .. }) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    };
    let (a, b) = (children(a), children(b));
    own && a.len() == b.len() && a.into_iter().zip(b).all(|(a, b)| same_meaning(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn references_and_calls_are_found_everywhere() {
        let program = parse("var x = lambda: f(\"b\", -\"a\") > 1\nstream|eval(lambda: g([x], \"a\"))").err();
        assert!(program.is_some(), "a list is no operand");
        let program =
            parse("var x = lambda: f(\"b\", -\"a\") > 1\nstream|eval(lambda: g(x, \"a\"))").unwrap();
        assert_eq!(references(&program), ["a", "b"]);
        assert_eq!(calls(&program), ["eval", "f", "g"]);
    }

    #[test]
    fn meaning_ignores_spelling() {
        let same = |a, b| same_meaning(&parse(a).unwrap(), &parse(b).unwrap());
        assert!(same("// c\nvar x = (a+b)", "var x =\n a + b"));
        assert!(same("f(60s, 'a', 010)", "f(1m, '''a''', 8)"));
        assert!(!same("a + b + c", "a + (b + c)"));
        assert!(!same("a.f()", "a|f()"));
        assert!(!same("f(1)", "f(1, 2)"));
    }
}

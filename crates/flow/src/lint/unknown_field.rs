//! A field that no point has at this place.

use std::sync::Arc;

use capstan_tick::ast::{Kind, Node};
use capstan_tick::walk;

use crate::pipeline::{NodeConfig, NodeId};

use super::Rule;
use super::facts::{self, Facts};
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "unknown-field",
    rows: &["N-41", "N-130", "N-136", "N-80"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.nodes() {
        if config.parents.is_empty() || subject.is_open_anywhere(id) {
            continue;
        }
        let facts = subject.input(id);
        for field in arguments(config) {
            if !facts.fields.has(&field) {
                findings.warn(
                    subject.place(id),
                    format!("no point has the field `{field}` here"),
                    hint(facts),
                );
            }
        }
        if facts.fields.is_any() || facts.tags.is_any() {
            continue;
        }
        expressions(subject, id, config, findings);
    }
}

/// Fields that are named by arguments.
fn arguments(config: &NodeConfig) -> Vec<Arc<str>> {
    match config.spec.kind {
        "derivative" => vec![config.string_argument(0)],
        "changeDetect" => crate::pipeline::strings(&config.arguments),
        // `top` and `bottom` have the number first; other texts of theirs may be tags.
        _ if facts::function(config).is_some() => crate::pipeline::strings(&config.arguments)
            .into_iter()
            .take(1)
            .collect(),
        _ => Vec::new(),
    }
}

/// References of lambdas, which may be tags too.
fn expressions(subject: &Subject<'_>, id: NodeId, config: &NodeConfig, findings: &mut Findings) {
    let facts = subject.input(id);
    let results = match config.spec.kind {
        "eval" => config.strings("as"),
        _ => config.string("currentField").into_iter().collect(),
    };
    let arguments = config.arguments.iter().map(|value| (None, value));
    let properties = config
        .properties
        .iter()
        .flat_map(|(name, values)| values.iter().map(|value| (Some(*name), value)));
    let mut at = 0;
    for (property, value) in arguments.chain(properties) {
        let crate::script::Value::Lambda(body) = value else {
            continue;
        };
        // Results of earlier expressions are there for later ones.
        let earlier = if config.spec.kind == "eval" {
            at
        } else {
            results.len()
        };
        at += 1;
        let optional = optional(body);
        walk::walk(body, &mut |node| {
            let Kind::Reference(name) = &node.kind else { return };
            let known = name == "time"
                || facts.fields.has(name)
                || facts.tags.has(name)
                || optional.contains(&name.as_str())
                || results.iter().take(earlier).any(|result| **result == **name);
            if !known {
                let call = property.map_or_else(
                    || subject.place(id),
                    |property| subject.property_place(id, property),
                );
                findings.warn(
                    subject.text_span(node.position, &format!("\"{name}\""), call),
                    format!("no point has a field or tag `{name}` here"),
                    hint(facts),
                );
            }
        });
    }
}

/// Names that `isPresent` is asked about.
fn optional(body: &Node) -> Vec<&str> {
    let mut found = Vec::new();
    walk::walk(body, &mut |node| {
        if let Kind::Call(call) = &node.kind
            && call.name == "isPresent"
        {
            found.extend(call.args.iter().flat_map(walk::references));
        }
    });
    found
}

fn hint(facts: &Facts) -> String {
    let fields = facts.fields.listed();
    if facts.tags.is_any() {
        format!("fields here: {fields}")
    } else {
        format!("fields here: {fields}; tags: {}", facts.tags.listed())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "unknown-field",
            1,
            r#"stream|from().measurement('m').truncate(1s)|mean('usage')|alert().crit(lambda: "usage" > 80)"#,
        );
        warns(
            "unknown-field",
            1,
            r#"stream|from().measurement('m')|eval(lambda: "a" / "b").as('ratio')|derivative('a')|log()"#,
        );
        warns(
            "unknown-field",
            3,
            r#"var a = stream|from().measurement('a').truncate(1s)
var b = stream|from().measurement('b').truncate(1s)
a|join(b).as('a', 'b')|eval(lambda: "a.x" / "y").as('z')|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "unknown-field",
            r#"stream|from().measurement('m').groupBy('host').truncate(1s)|mean('usage').as('usage')|alert().crit(lambda: "usage" > 80 AND "host" != 'a')"#,
        );
        silent(
            "unknown-field",
            r#"stream|from().measurement('m')|eval(lambda: "a" / "b", lambda: "ratio" * 2.0).as('ratio', 'twice').keep()|derivative('a')|log()"#,
        );
        silent(
            "unknown-field",
            r#"stream|from().measurement('m').truncate(1s)|mean('x')|where(lambda: isPresent("y") AND "y" > 1 OR "mean" > 1)|eval(lambda: "mean" * 1.0, lambda: "a" + 1.0).as('a', 'b')|log()"#,
        );
        silent(
            "unknown-field",
            r#"stream|from().measurement('m').truncate(1s)|mean('x')|default().field('y', 1)|eval(lambda: "y").as('z')|log()"#,
        );
    }
}

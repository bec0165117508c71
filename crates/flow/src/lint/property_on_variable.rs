//! Properties change the node in place, even when it is reached through a variable.

use std::collections::BTreeMap;

use capstan_tick::ast::{ChainOperator, Kind, Node};
use capstan_tick::walk;

use crate::registry::Repeat;
use crate::script::places::PropertyPlace;

use super::Rule;
use super::subject::{Findings, Span, Subject};

pub(super) static RULE: Rule = Rule {
    name: "property-on-variable",
    rows: &["T-55"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let Kind::Program(statements) = &subject.program.kind else {
        return;
    };
    // Places of each name, its declaration first.
    let mut uses: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    walk::walk(subject.program, &mut |node| {
        if let Kind::Identifier(name) = &node.kind {
            uses.entry(name).or_default().push(node.position.byte);
        }
    });
    let places = subject.definition.places.properties.iter();
    let places: BTreeMap<usize, &PropertyPlace> = places.map(|place| (place.position.byte, place)).collect();
    for statement in statements {
        let (declares, value) = match &statement.kind {
            Kind::Declaration { value, .. } => (true, &**value),
            _ => (false, statement),
        };
        let Some(chain) = Chain::of(value) else { continue };
        let Some(property) = chain.properties.first() else {
            continue;
        };
        let set = |node: &Node| places.get(&node.position.byte).copied();
        if set(property).is_none() {
            continue;
        }
        // A handler is added to an alert; what hangs on the alert does not see it.
        let only_handlers = chain
            .properties
            .iter()
            .all(|node| set(node).is_none_or(|place| is_handler(subject, place)));
        let continues = declares || chain.goes_on;
        let all = uses.get(chain.variable).map_or(&[][..], Vec::as_slice);
        // A statement of its own says plainly that the node is changed; what hangs on it above is changed too.
        let elsewhere = all
            .iter()
            .skip(1)
            .any(|&at| at != chain.start && (continues || at < chain.start));
        if elsewhere && !only_handlers {
            let Kind::Call(call) = &property.kind else {
                continue;
            };
            findings.warn(
                Span {
                    position: property.position,
                    end: property.position.byte + call.name.len(),
                },
                format!(
                    "`.{}()` changes the node that `{}` names, for everything that hangs on it",
                    call.name, chain.variable
                ),
                if call.name == "where" || call.name == "groupBy" {
                    format!("write `|{}()` for a node of its own", call.name)
                } else {
                    "set the property where the node is made, or make a second node".to_owned()
                },
            );
        }
    }
}

/// `variable.property()…`.
struct Chain<'a> {
    variable: &'a str,
    /// Where the variable stands.
    start: usize,
    /// The properties that stand directly behind it.
    properties: Vec<&'a Node>,
    /// Whether nodes follow.
    goes_on: bool,
}

impl<'a> Chain<'a> {
    fn of(value: &'a Node) -> Option<Self> {
        let (root, links) = capstan_tick::walk::chain(value);
        let Kind::Identifier(variable) = &root.kind else {
            return None;
        };
        let properties: Vec<&Node> = links
            .iter()
            .rev()
            .take_while(|(operator, _)| *operator == ChainOperator::Dot)
            .map(|(_, right)| *right)
            .collect();
        Some(Self {
            variable,
            start: root.position.byte,
            goes_on: properties.len() < links.len(),
            properties,
        })
    }
}

/// Whether a call made an alert handler.
fn is_handler(subject: &Subject<'_>, place: &PropertyPlace) -> bool {
    let property = subject.pipeline.node(place.node).spec.property(place.name);
    property.is_some_and(|property| matches!(property.repeat, Repeat::Handler(_)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "property-on-variable",
            3,
            r#"var data = stream|from().measurement('m')
var all = data|count('x')
var some = data.where(lambda: "host" == 'a')|count('x')"#,
        );
        warns(
            "property-on-variable",
            3,
            r#"var data = stream|from().measurement('m')
data|httpOut('all')
data.where(lambda: "host" == 'a')
data|httpOut('a')"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "property-on-variable",
            r#"var data = stream|from().measurement('m')
data.where(lambda: "host" == 'a')
data|httpOut('a')
data|httpOut('b')"#,
        );
        silent(
            "property-on-variable",
            "var a = stream|from().measurement('m')|alert().crit(lambda: TRUE)\na|httpOut('a')\na.log('/tmp/x')",
        );
        silent(
            "property-on-variable",
            "var data = stream|from()\nvar m = data.measurement('m')|count('x')",
        );
        silent(
            "property-on-variable",
            r#"var data = stream|from().measurement('m')
var some = data|where(lambda: "host" == 'a')|count('x')
data|count('x')"#,
        );
    }
}

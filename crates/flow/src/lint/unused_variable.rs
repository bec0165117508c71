//! A variable that nothing reads.

use std::collections::{BTreeMap, BTreeSet};

use capstan_tick::ast::{Kind, Position};
use capstan_tick::walk;

use super::Rule;
use super::subject::{Findings, Span, Subject};

pub(super) static RULE: Rule = Rule {
    name: "unused-variable",
    rows: &["T-36"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let Kind::Program(statements) = &subject.program.kind else {
        return;
    };
    let mut declared: BTreeMap<&str, Position> = BTreeMap::new();
    let mut used = BTreeSet::new();
    for statement in statements {
        let (name, value) = match &statement.kind {
            Kind::Declaration { name, value } => (Some(name), Some(&**value)),
            Kind::TypeDeclaration { name, .. } => (Some(name), None),
            _ => (None, Some(statement)),
        };
        // A variable that names a node is not listed: it may be there for its name alone.
        if let Some(name) = name
            && let Kind::Identifier(word) = &name.kind
            && subject.definition.vars.contains_key(word)
        {
            declared.insert(word, name.position);
        }
        if let Some(value) = value {
            walk::walk(value, &mut |node| {
                if let Kind::Identifier(name) = &node.kind {
                    used.insert(name.as_str());
                }
            });
        }
    }
    for (name, position) in declared {
        if !used.contains(name) {
            findings.warn(
                Span {
                    position,
                    end: position.byte + name.len(),
                },
                format!("nothing uses the variable `{name}`"),
                "remove it, or use it",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "unused-variable",
            2,
            "var a = 1\nvar b = 2\nvar c int\nstream|from().measurement('m')|sample(a)|sample(c)",
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "unused-variable",
            "var a = 1\nvar b = a + 1\nvar data = stream|from().measurement('m')\nvar out = data|sample(b)",
        );
    }
}

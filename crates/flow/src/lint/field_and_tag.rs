//! A name that is both a field and a tag cannot be used in an expression.

use std::collections::BTreeSet;

use capstan_tick::walk;

use crate::pipeline::{NodeId, strings};
use crate::script::Value;

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "field-and-tag",
    rows: &["E-04", "N-41"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["eval"]) {
        let Some(kept) = config.property("keep") else {
            continue;
        };
        if subject.is_open_anywhere(id) {
            continue;
        }
        let kept = strings(kept);
        let both = config
            .strings("tags")
            .into_iter()
            .filter(|tag| kept.is_empty() || kept.contains(tag));
        for name in both {
            if reads(subject, id, &name) {
                findings.warn(
                    subject.property_place(id, "keep"),
                    format!(
                        "`{name}` becomes a tag and stays a field, so the expressions below that use \"{name}\" fail"
                    ),
                    "name the fields to keep, without it: `.keep('a', 'b')`",
                );
            }
        }
    }
}

/// Whether an expression right below uses the name, before anything can change it.
fn reads(subject: &Subject<'_>, id: NodeId, name: &str) -> bool {
    let mut pending = subject.pipeline.node(id).children.clone();
    let mut seen = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if !seen.insert(id) {
            continue;
        }
        let config = subject.pipeline.node(id);
        let settings = config.properties.iter().flat_map(|(_, values)| values);
        let uses = config
            .arguments
            .iter()
            .chain(settings)
            .any(|value| matches!(value, Value::Lambda(body) if walk::references(body).contains(&name)));
        if uses {
            return true;
        }
        if matches!(
            config.spec.kind,
            "where"
                | "log"
                | "noop"
                | "window"
                | "groupby"
                | "http_out"
                | "alert"
                | "sample"
                | "changeDetect"
        ) {
            pending.extend(config.children.iter().copied());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "field-and-tag",
            1,
            r#"stream|from().measurement('m')|eval(lambda: string("code")).as('class').tags('class').keep()|groupBy('class')|where(lambda: "class" == '5')|log()"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "field-and-tag",
            r#"stream|from().measurement('m')|eval(lambda: string("code")).as('class').tags('class').keep('code')|where(lambda: "class" == '5')|log()"#,
        );
        silent(
            "field-and-tag",
            r#"stream|from().measurement('m')|eval(lambda: string("code")).as('class').tags('class').keep()|groupBy('class')|log()"#,
        );
    }
}

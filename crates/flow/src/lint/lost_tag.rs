//! Aggregates and joins keep no tags but those of the group.

use super::Rule;
use super::facts::Names;
use super::subject::{Findings, Subject};
use crate::pipeline::strings;

pub(super) static RULE: Rule = Rule {
    name: "lost-tag",
    rows: &["N-87", "N-135"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.nodes() {
        let tags = &subject.input(id).tags;
        if tags.is_any() || subject.is_open_anywhere(id) {
            continue;
        }
        let mut tell = |span, name: &str, why: &str| {
            findings.warn(
                span,
                format!("no point has the tag `{name}` any more: {why}"),
                hint(tags, name),
            );
        };
        let why = "an aggregate or a join above keeps only the tags of the group";
        if config.spec.kind == "groupby" {
            for name in strings(&config.arguments).iter().filter(|name| !tags.has(name)) {
                tell(subject.place(id), name, why);
            }
        }
        for property in ["resourceNameTag", "serviceNameTag"] {
            if let Some(name) = config.string(property)
                && !name.is_empty()
                && !tags.has(&name)
            {
                tell(subject.property_place(id, property), &name, why);
            }
        }
    }
}

fn hint(tags: &Names, name: &str) -> String {
    format!("group by `{name}` above it; here the tags are: {}", tags.listed())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{silent, warns};

    #[test]
    fn it_is_told() {
        warns(
            "lost-tag",
            1,
            "stream|from().measurement('m').groupBy('host').truncate(1s)|sum('x')|groupBy('dc')|sum('sum')|log()",
        );
        warns(
            "lost-tag",
            1,
            r#"stream|from().measurement('m').groupBy('host').truncate(1s)|sum('x')|k8sAutoscale().resourceNameTag('app').increaseCooldown(1m).replicas(lambda: int("sum"))"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "lost-tag",
            "stream|from().measurement('m').groupBy('host', 'dc').truncate(1s)|sum('x')|groupBy('dc')|sum('sum')|log()",
        );
        silent(
            "lost-tag",
            "stream|from().measurement('m').groupBy(*).truncate(1s)|sum('x')|groupBy('dc')|sum('sum')|log()",
        );
        silent(
            "lost-tag",
            "stream|from().measurement('m').groupBy('a').truncate(1s)|sum('x')|eval(lambda: 'b').as('dc').tags('dc').keep()|groupBy('dc')|log()",
        );
        silent(
            "lost-tag",
            "stream|from().measurement('m').groupBy('a').truncate(1s)|max('x')|groupBy('dc')|log()",
        );
    }
}

//! Several groups that scale one resource overrule one another.

use super::Rule;
use super::subject::{Findings, Subject};

pub(super) static RULE: Rule = Rule {
    name: "autoscale-shared-resource",
    rows: &["N-191"],
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (id, config) in subject.of_kind(&["k8s_autoscale", "swarm_autoscale"]) {
        let fixed = ["resourceName", "serviceName"]
            .into_iter()
            .find(|property| config.string(property).is_some_and(|name| !name.is_empty()));
        let Some(property) = fixed else { continue };
        let Some(dimensions) = &subject.input(id).dimensions else {
            continue;
        };
        // A filter may have left one group only.
        let filtered = subject.above([id]).into_iter().any(|above| {
            let config = subject.pipeline.node(above);
            config.spec.kind == "where" || config.flag("where")
        });
        if !dimensions.is_empty() && !filtered {
            let names: Vec<&str> = dimensions.iter().map(|name| &**name).collect();
            findings.warn(
                subject.property_place(id, property),
                format!(
                    "every group of {} sets the replicas of the same resource, and they share its cooldown",
                    names.join(", ")
                ),
                "bring the groups together first, or name the resource by a tag of the group",
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
            "autoscale-shared-resource",
            1,
            r#"stream|from().measurement('m').groupBy('host')|k8sAutoscale().resourceName('a').replicas(lambda: "x")"#,
        );
    }

    #[test]
    fn other_scripts_are_fine() {
        silent(
            "autoscale-shared-resource",
            r#"stream|from().measurement('m').groupBy('host').truncate(1s)|groupBy()|sum('x')|k8sAutoscale().resourceName('a').replicas(lambda: "sum")"#,
        );
        silent(
            "autoscale-shared-resource",
            r#"stream|from().measurement('m').groupBy('app')|k8sAutoscale().resourceNameTag('app').replicas(lambda: "x")"#,
        );
        silent(
            "autoscale-shared-resource",
            r#"stream|from().measurement('m').where(lambda: "app" == 'a').groupBy('app')|k8sAutoscale().resourceName('a').replicas(lambda: "x")"#,
        );
    }
}

//! `|ec2Autoscale()`: what it says is read and checked; nothing here talks to AWS (N-222).

use super::properties::{
    CURRENT_FIELD, DECREASE_COOLDOWN, INCREASE_COOLDOWN, MAX, MIN, REPLICAS, STATS, check_name, check_scaling,
};
use crate::registry::{ArgumentKind as K, NONE, NodeSpec, Parents, Property, Provides, Shape, Wants, arg};

/// `|ec2Autoscale()`.
pub(crate) static EC2_AUTOSCALE: NodeSpec = NodeSpec {
    kind: "ec2_autoscale",
    method: "ec2Autoscale",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Stream,
    shape: Shape::Async,
    arguments: NONE,
    properties: &[
        Property::value(
            "cluster",
            &[arg("id", K::String)],
            "the first one configured",
            "The configured account and region to scale in, by its id.",
        ),
        Property::value(
            "groupName",
            &[arg("name", K::String)],
            "none",
            "The name of the Auto Scaling group. Exactly one of groupName and groupNameTag must be given.",
        ),
        Property::value(
            "groupNameTag",
            &[arg("tag", K::String)],
            "none",
            "The tag whose value is the name of the group.",
        ),
        Property::value(
            "outputGroupNameTag",
            &[arg("tag", K::String)],
            "groupNameTag",
            "The tag of an event that names the group.",
        ),
        CURRENT_FIELD,
        MIN,
        MAX,
        REPLICAS,
        INCREASE_COOLDOWN,
        DECREASE_COOLDOWN,
    ],
    stats: STATS,
    doc: "Scales an AWS Auto Scaling group to the number of instances an expression gives. Scripts that use it can be \
          read, checked and drawn; a task that uses it does not start, because Capstan has no client of AWS.",
    check: |config| {
        check_name(config, ["groupName", "groupNameTag"])?;
        check_scaling(config)
    },
    build: |_, _| {
        Err(
            "cannot use the ec2Autoscale node, could not create ec2 client: this build of Capstan does not talk to AWS"
                .to_owned(),
        )
    },
};

#[cfg(test)]
mod tests {
    use super::super::tests::refused;

    #[test]
    fn settings_are_refused_in_kapacitors_words_and_tasks_at_start() {
        let refused = |properties| refused(&format!("ec2Autoscale(){properties}"));
        let one = "must specify exactly one of GroupName or GroupNameTag";
        assert_eq!(refused(".replicas(lambda: 1)"), one);
        assert_eq!(
            refused(".groupName('a').groupNameTag('b').replicas(lambda: 1)"),
            one
        );
        assert_eq!(
            refused(".groupName('a')"),
            "must provide a replicas lambda expression"
        );
        assert_eq!(
            refused(".groupNameTag('a').min(-1).replicas(lambda: 1)"),
            "min must be >= 0, got -1"
        );
        let all = ".cluster('c').groupNameTag('a').outputGroupNameTag('b').currentField('n').min(0).max(2)\
                   .replicas(lambda: 1).increaseCooldown(1m).decreaseCooldown(2m)|log()";
        assert_eq!(
            refused(all),
            "cannot use the ec2Autoscale node, could not create ec2 client: this build of Capstan does not talk to AWS"
        );
    }
}

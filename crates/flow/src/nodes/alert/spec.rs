use capstan_alert::kind;

use super::exec::Alert;
use super::handlers::property as handler;
use super::settings;
use crate::engine::build::Builder;
use crate::node::Node;
use crate::pipeline::NodeConfig;
use crate::registry::{
    Argument, ArgumentKind as K, Arguments, NONE, NodeSpec, Parents, Property, Provides, Repeat, Shape,
    Wants, any, arg,
};

const TEXT: &[Argument] = &[arg("value", K::String)];
const LAMBDA: &[Argument] = &[arg("expression", K::Lambda)];

const fn text(name: &'static str, default: &'static str, doc: &'static str) -> Property {
    Property::value(name, TEXT, default, doc)
}

const fn condition(name: &'static str, doc: &'static str) -> Property {
    Property::value(name, LAMBDA, "none", doc)
}

static PROPERTIES: &[Property] = &[
    text("topic", "none", "A topic that the events go to as well."),
    text("category", "''", "What other alerts can inhibit."),
    text(
        "id",
        "'{{ .Name }}:{{ .Group }}'",
        "Id of the events; a template.",
    ),
    text("message", "'{{ .ID }} is {{ .Level }}'", "Message; a template."),
    text("details", "'{{ json . }}'", "Details; an HTML template."),
    condition("info", "When the level is INFO."),
    condition("warn", "When the level is WARNING."),
    condition("crit", "When the level is CRITICAL."),
    condition("infoReset", "When INFO may be left."),
    condition("warnReset", "When WARNING may be left."),
    condition("critReset", "When CRITICAL may be left."),
    Property::value(
        "flapping",
        &[arg("low", K::Float), arg("high", K::Float)],
        "off",
        "No events while the share of changes rose above `high` and did not fall below `low` since.",
    ),
    Property::value(
        "history",
        &[arg("states", K::Int)],
        "21",
        "States that flapping looks at.",
    ),
    text("levelTag", "none", "Tag for the level."),
    text("levelField", "none", "Field for the level."),
    text("messageField", "none", "Field for the message."),
    text(
        "durationField",
        "none",
        "Field for the time since the last OK, in nanoseconds.",
    ),
    text("idTag", "none", "Tag for the id."),
    text("idField", "none", "Field for the id."),
    Property::flag("all", "A batch has the level that all of its points have."),
    Property::flag("noRecoveries", "No events for OK."),
    Property {
        name: "stateChangesOnly",
        arguments: any("interval", K::Duration),
        repeat: Repeat::Replace,
        default: "off",
        doc: "Events only when the level changes, and if an interval is given, again after it.",
    },
    Property {
        name: "inhibit",
        arguments: Arguments {
            required: &[arg("category", K::String)],
            rest: Some(arg("tags", K::String)),
        },
        repeat: Repeat::Append,
        default: "none",
        doc: "Silences alerts of the category with equal values of the tags while this one is not OK.",
    },
    handler(&kind::LOG),
    handler(&kind::EXEC),
    handler(&kind::POST),
    handler(&kind::TCP),
    handler(&kind::EMAIL),
    handler(&kind::SLACK),
    handler(&kind::PAGER_DUTY2),
    handler(&kind::PAGER_DUTY),
    handler(&kind::OPS_GENIE2),
    handler(&kind::OPS_GENIE),
    handler(&kind::VICTOR_OPS),
    handler(&kind::TELEGRAM),
    handler(&kind::TEAMS),
    handler(&kind::DISCORD),
    handler(&kind::KAFKA),
    handler(&kind::MQTT),
    handler(&kind::ALERTA),
    handler(&kind::SENSU),
    handler(&kind::PUSHOVER),
    handler(&kind::SERVICE_NOW),
    handler(&kind::BIG_PANDA),
    handler(&kind::ZENOSS),
    handler(&kind::SNMP_TRAP),
    handler(&kind::HIP_CHAT),
    handler(&kind::TALK),
];

static STATS: &[&str] = &[
    "alerts_triggered",
    "alerts_inhibited",
    "oks_triggered",
    "infos_triggered",
    "warns_triggered",
    "crits_triggered",
];

fn build(config: &NodeConfig, builder: &mut Builder<'_>) -> Result<Box<dyn Node>, String> {
    Ok(Box::new(Alert::new(config, builder)?))
}

/// `|alert()`.
pub(crate) static ALERT: NodeSpec = NodeSpec {
    kind: "alert",
    method: "alert",
    parents: Parents::Any,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Whole,
    arguments: NONE,
    properties: PROPERTIES,
    stats: STATS,
    doc: "Gives points and batches a level and makes events, which handlers and topics get; passes on what made an event.",
    check: settings::check,
    build,
};

/// `|deadman(threshold, interval, lambda…)`: the last of the three nodes it makes (N-98).
pub(crate) static DEADMAN: NodeSpec = NodeSpec {
    kind: "alert",
    method: "deadman",
    parents: Parents::Watched,
    wants: Wants::Either,
    provides: Provides::Same,
    shape: Shape::Whole,
    arguments: Arguments {
        required: &[arg("threshold", K::Float), arg("interval", K::Duration)],
        rest: Some(arg("expressions", K::Lambda)),
    },
    properties: PROPERTIES,
    stats: STATS,
    doc: "Alerts when a node gives no more points per interval than the threshold, and all expressions are true.",
    check: settings::check,
    build,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_handler_of_scripts_is_a_property() {
        for kind in capstan_alert::HANDLERS
            .iter()
            .filter(|kind| !kind.method.is_empty())
        {
            let property = ALERT.property(kind.method).expect(kind.method);
            assert!(matches!(property.repeat, Repeat::Handler(made) if std::ptr::eq(made, *kind)));
        }
    }
}

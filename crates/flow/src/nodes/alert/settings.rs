//! The settings of an alert node.

use std::sync::Arc;

use capstan_alert::{Flapping, Global, HandlerSpec, Rules};
use capstan_gocompat::duration;
use capstan_tick::ast::{Binary, BinaryOperator, Kind, Node, Position, UnaryOperator};

use super::handlers;
use super::spec::DEADMAN;
use crate::engine::build::Builder;
use crate::pipeline::NodeConfig;
use crate::script::Value;

/// Kapacitor's defaults.
const ID: &str = "{{ .Name }}:{{ .Group }}";
const MESSAGE: &str = "{{ .ID }} is {{ .Level }}";
const DETAILS: &str = "{{ json . }}";
const HISTORY: i64 = 21;
/// The most states kept per group.
const MAX_HISTORY: i64 = 100_000;

/// Templates and names of one node.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) id: String,
    pub(super) message: String,
    pub(super) details: String,
    pub(super) rules: Rules,
    pub(super) all: bool,
    pub(super) category: Arc<str>,
    /// Category and tags.
    pub(super) inhibits: Vec<(Arc<str>, Vec<Arc<str>>)>,
    pub(super) topic: Option<Arc<str>>,
    pub(super) handlers: Vec<HandlerSpec>,
    pub(super) output: Output,
}

/// What is added to passed on points.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) level_tag: Option<Arc<str>>,
    pub(super) id_tag: Option<Arc<str>>,
    pub(super) level_field: Option<Arc<str>>,
    pub(super) message_field: Option<Arc<str>>,
    pub(super) duration_field: Option<Arc<str>>,
    pub(super) id_field: Option<Arc<str>>,
}

/// What handlers have to say when the script is read.
pub(super) fn check(config: &NodeConfig) -> Result<(), String> {
    config
        .handlers
        .iter()
        .try_for_each(|call| handlers::spec(call).map(drop).map_err(|error| error.to_string()))
}

impl Settings {
    pub(super) fn new(config: &NodeConfig, builder: &Builder<'_>) -> Result<Self, String> {
        let named = |name: &str| config.string(name).filter(|text| !text.is_empty());
        let text = |name: &str, default: String| config.string(name).map_or(default, |text| text.to_string());
        let (id, message) = defaults(config, builder);
        let specs = config.handlers.iter().map(handlers::spec);
        let mut handlers: Vec<HandlerSpec> = specs
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        let mut rules = rules(config)?;
        for Global {
            spec,
            state_changes_only,
        } in builder.ports.alerts.globals()
        {
            rules.state_changes_only |= state_changes_only;
            if !config
                .handlers
                .iter()
                .any(|call| std::ptr::eq(call.kind, spec.kind))
            {
                handlers.push(spec);
            }
        }
        let inhibits = config.calls("inhibit").map(|arguments| {
            let mut words = crate::pipeline::strings(arguments).into_iter();
            (words.next().unwrap_or_default(), words.collect())
        });
        Ok(Self {
            id: text("id", id),
            message: text("message", message),
            details: text("details", DETAILS.to_owned()),
            rules,
            all: config.flag("all"),
            category: config.string("category").unwrap_or_default(),
            inhibits: inhibits.collect(),
            topic: named("topic"),
            handlers,
            output: Output {
                level_tag: named("levelTag"),
                id_tag: named("idTag"),
                level_field: named("levelField"),
                message_field: named("messageField"),
                duration_field: named("durationField"),
                id_field: named("idField"),
            },
        })
    }
}

fn rules(config: &NodeConfig) -> Result<Rules, String> {
    let history = match config.property("history") {
        Some(_) => config.int("history").clamp(2, MAX_HISTORY),
        None => HISTORY,
    };
    let flapping = match config.property("flapping") {
        Some([Value::Float(low), Value::Float(high)]) => {
            if *low > 1.0 || *high > 1.0 {
                return Err("alert flap thresholds are percentages and should be between 0 and 1".to_owned());
            }
            Some(Flapping {
                low: *low,
                high: *high,
            })
        }
        _ => None,
    };
    // compat: an interval counts only when it is the only one.
    let repeat_after = match config.property("stateChangesOnly") {
        Some([Value::Duration(interval)]) => *interval,
        _ => 0,
    };
    Ok(Rules {
        history: usize::try_from(history).unwrap_or(2),
        flapping,
        state_changes_only: config.flag("stateChangesOnly"),
        repeat_after,
        no_recoveries: config.flag("noRecoveries"),
    })
}

/// Templates of the id and the message when the script gives none.
fn defaults(config: &NodeConfig, builder: &Builder<'_>) -> (String, String) {
    if !std::ptr::eq(config.spec, &raw const DEADMAN) {
        return (ID.to_owned(), MESSAGE.to_owned());
    }
    let templates = &builder.ports.deadman;
    let watched = ancestors(config, builder).find_map(|config| config.watches);
    let name = watched.map_or_else(String::new, |node| builder.pipeline.node(node).name());
    let interval = match config.arguments.get(1) {
        Some(Value::Duration(nanos)) => duration::format_go(*nanos),
        _ => String::new(),
    };
    (
        templates.id.replacen("NODE_NAME", &name, 1),
        templates.message.replacen("INTERVAL", &interval, 1),
    )
}

/// First parents, upwards.
fn ancestors<'a>(config: &'a NodeConfig, builder: &'a Builder<'_>) -> impl Iterator<Item = &'a NodeConfig> {
    std::iter::successors(Some(config), |config| {
        config
            .parents
            .first()
            .map(|&parent| builder.pipeline.node(parent))
    })
}

/// The condition of CRITICAL: the script's, else that of a dead man's switch.
pub(super) fn critical(config: &NodeConfig) -> Option<Arc<Node>> {
    if let Some(body) = config.lambda("crit") {
        return Some(body);
    }
    let Some(Value::Float(threshold)) = config.arguments.first() else {
        return None;
    };
    let node = |kind| Node::new(Position::default(), kind);
    let magnitude = node(Kind::Float(threshold.abs()));
    let threshold = if *threshold < 0.0 {
        node(Kind::Unary {
            operator: UnaryOperator::Minus,
            operand: Box::new(magnitude),
        })
    } else {
        magnitude
    };
    let binary = |operator, left, right| {
        node(Kind::Binary(Box::new(Binary {
            operator,
            operator_position: Position::default(),
            left,
            right,
            parens: false,
            multi_line: false,
        })))
    };
    let emitted = node(Kind::Reference("emitted".to_owned()));
    let low = binary(BinaryOperator::LessEqual, emitted, threshold);
    let all = config
        .lambda_arguments()
        .into_iter()
        .fold(low, |all, next| binary(BinaryOperator::And, all, (*next).clone()));
    Some(Arc::new(all))
}

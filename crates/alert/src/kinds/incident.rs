//! Incident management.

use super::{anything, option, set, text, url};
use crate::spec::{Fill, HandlerKind, HandlerOption, Method, Sends, Type};

///
pub static PAGER_DUTY2: HandlerKind = HandlerKind {
    kind: "pagerduty2",
    method: "pagerDuty2",
    takes: Method::Nothing,
    options: &[
        HandlerOption {
            alias: "serviceKey",
            ..text("routing-key", "routingKey", "The integration's key.")
        },
        option(
            "links",
            "link",
            Fill::Row {
                keys: &["href", "text"],
                required: 1,
            },
            "A link and its text; templates.",
        ),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Triggers and resolves incidents through PagerDuty's Events API v2.",
};

///
pub static PAGER_DUTY: HandlerKind = HandlerKind {
    kind: "pagerduty",
    method: "pagerDuty",
    takes: Method::Nothing,
    options: &[text("service-key", "serviceKey", "The service's key.")],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Triggers and resolves incidents through PagerDuty's Events API v1.",
};

///
pub static OPS_GENIE2: HandlerKind = HandlerKind {
    kind: "opsgenie2",
    method: "opsGenie2",
    takes: Method::Nothing,
    options: &[
        option("teams-list", "teams", Fill::List, "Teams."),
        option("recipients-list", "recipients", Fill::List, "People."),
        text(
            "recovery_action",
            "recoveryAction",
            "What OK does: notes or close.",
        ),
        option("", "details", Fill::Flag, "Adds the event's details."),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Makes and ends OpsGenie alerts, API v2.",
};

///
pub static OPS_GENIE: HandlerKind = HandlerKind {
    kind: "opsgenie",
    method: "opsGenie",
    takes: Method::Nothing,
    options: &[
        option("teams-list", "teams", Fill::List, "Teams."),
        option("recipients-list", "recipients", Fill::List, "People."),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Makes and ends OpsGenie alerts, API v1.",
};

///
pub static VICTOR_OPS: HandlerKind = HandlerKind {
    kind: "victorops",
    method: "victorOps",
    takes: Method::Nothing,
    options: &[text("routing-key", "routingKey", "Which team.")],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Posts to Splunk On-Call, formerly VictorOps.",
};

///
pub static ALERTA: HandlerKind = HandlerKind {
    kind: "alerta",
    method: "alerta",
    takes: Method::Nothing,
    options: &[
        text("token", "token", "The account."),
        text(
            "token-prefix",
            "",
            "Word in front of the token. Default `Bearer`.",
        ),
        text(
            "resource",
            "resource",
            "What is affected; a template. Default `{{ .Name }}`.",
        ),
        text(
            "event",
            "event",
            "What happened; a template. Default `{{ .ID }}`.",
        ),
        text("environment", "environment", "Environment; a template."),
        text(
            "group",
            "group",
            "Group of alerts; a template. Default `{{ .Group }}`.",
        ),
        text("value", "value", "The value; a template."),
        text("origin", "origin", "Who says so."),
        option("service", "services", Fill::List, "Affected services; templates."),
        option("correlate", "correlated", Fill::List, "Related events."),
        option(
            "attributes",
            "attribute",
            Fill::Entry(Type::Any),
            "A further attribute.",
        ),
        set(
            "timeout",
            "timeout",
            Type::Duration,
            "When Alerta closes the alert. Default 24h.",
        ),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Posts to Alerta.",
};

///
pub static SERVICE_NOW: HandlerKind = HandlerKind {
    kind: "servicenow",
    method: "serviceNow",
    takes: Method::Nothing,
    options: &[
        url("url", "uRL", "url", "The instance."),
        text("username", "username", "The account."),
        text("password", "password", "Its password."),
        text("source", "source", "The event's source."),
        text("node", "node", "The node; a template."),
        text("type", "type", "The type; a template."),
        text("resource", "resource", "The resource; a template."),
        text("metric_name", "metricName", "The metric; a template."),
        text("message_key", "messageKey", "Id of the event; a template."),
        option(
            "additional_info",
            "additionalInfo",
            Fill::Entry(Type::Any),
            "Further information; templates.",
        ),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Sends events to ServiceNow.",
};

///
pub static BIG_PANDA: HandlerKind = HandlerKind {
    kind: "bigpanda",
    method: "bigPanda",
    takes: Method::Nothing,
    options: &[
        text("app-key", "appKey", "The integration's key."),
        text("url", "", "The service."),
        text("host", "host", "The main object."),
        text(
            "primary-property",
            "primaryProperty",
            "Name of the main property.",
        ),
        text(
            "secondary-property",
            "secondaryProperty",
            "Name of the second property.",
        ),
        option(
            "attributes",
            "attribute",
            Fill::Entry(Type::Any),
            "A further attribute.",
        ),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Posts to BigPanda.",
};

///
pub static ZENOSS: HandlerKind = HandlerKind {
    kind: "zenoss",
    method: "zenoss",
    takes: Method::Nothing,
    options: &[
        text("action", "action", "Router. Default `EventsRouter`."),
        text("method", "method", "Router method. Default `add_event`."),
        text("type", "type", "Event type. Default `rpc`."),
        set("tid", "tid", Type::Int, "Transaction id."),
        text(
            "summary",
            "summary",
            "Summary; a template. Default the alert's message.",
        ),
        text("device", "device", "Device; a template."),
        text("component", "component", "Component; a template."),
        text(
            "evclasskey",
            "eventClassKey",
            "Key of the event class; a template.",
        ),
        text("evclass", "eventClass", "Event class; a template."),
        text("collector", "collector", "Collector; a template."),
        text("message", "message", "Message; a template."),
        option(
            "customField",
            "customField",
            Fill::Entry(Type::Any),
            "A further field; a template.",
        ),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Sends events to Zenoss.",
};

//! Ids, messages and details.

use std::sync::Arc;

use capstan_alert::Level;
use capstan_gocompat::template::{Error, Functions, Template, html};
use capstan_gocompat::value::{ContentKind, Function, Parameter, Struct};
use capstan_gocompat::{Value as GoValue, json};
use capstan_model::{Tags, Value};

use crate::ports::ServerInfo;

/// The templates of one node.
#[derive(Debug)]
pub(super) struct Templates {
    id: Template,
    message: Template,
    details: html::Template,
    server: GoValue,
    task: Arc<str>,
}

/// What an id says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) name: &'a Arc<str>,
    /// Empty when nothing groups.
    pub(super) group: &'a str,
    pub(super) tags: &'a Tags,
}

/// What a message says beside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Happened<'a> {
    pub(super) id: &'a Arc<str>,
    pub(super) fields: &'a [(Arc<str>, Value)],
    pub(super) level: Level,
    pub(super) time: i64,
    pub(super) duration: i64,
}

/// `json` and `jsonCompact`, which only details have. What JSON cannot say is nothing, as in Kapacitor.
fn functions() -> Functions {
    let encode = |end: &'static str| {
        Function::new(&[Parameter::Any], move |arguments| {
            let text = arguments
                .first()
                .and_then(|value| json::marshal(value).ok())
                .map(|text| text + end)
                .unwrap_or_default();
            Ok(GoValue::Content(ContentKind::Js, text.into()))
        })
    };
    Functions::new()
        .with("json", encode("\n"))
        .with("jsonCompact", encode(""))
}

impl Templates {
    pub(super) fn new(
        id: &str,
        message: &str,
        details: &str,
        server: &ServerInfo,
        task: &Arc<str>,
    ) -> Result<Self, Error> {
        let none = Functions::new();
        Ok(Self {
            id: Template::parse("id", id, &none)?,
            message: Template::parse("message", message, &none)?,
            details: html::Template::parse("details", details, &functions())?,
            server: Struct::new("kapacitor.serverInfo")
                .field("Hostname", Arc::clone(&server.hostname))
                .field("ClusterID", Arc::clone(&server.cluster_id))
                .field("ServerID", Arc::clone(&server.server_id))
                .into(),
            task: Arc::clone(task),
        })
    }

    pub(super) fn id(&self, subject: Subject<'_>) -> Result<Arc<str>, Error> {
        let data = self.subject("kapacitor.idInfo", subject);
        self.id.execute(&data.into()).map(Arc::from)
    }

    /// Message and details.
    pub(super) fn texts(
        &self,
        subject: Subject<'_>,
        happened: Happened<'_>,
    ) -> Result<(Arc<str>, Arc<str>), Error> {
        let Happened {
            id,
            fields,
            level,
            time,
            duration,
        } = happened;
        let fields = fields
            .iter()
            .map(|(name, value)| (Arc::clone(name), go_value(value)));
        let fields = GoValue::map(fields);
        let info = |kind| {
            self.subject(kind, subject)
                .field("ID", Arc::clone(id))
                .field("Fields", fields.clone())
                .field("Level", level.as_str())
                .field("Time", GoValue::Time(time))
                .field("Duration", GoValue::Duration(duration))
        };
        let message: Arc<str> = self
            .message
            .execute(&info("kapacitor.messageInfo").into())?
            .into();
        let data = info("kapacitor.detailsInfo").field("Message", Arc::clone(&message));
        let details = self.details.execute(&data.into())?;
        Ok((message, details.into()))
    }

    fn subject(&self, kind: &'static str, Subject { name, group, tags }: Subject<'_>) -> Struct {
        let group = if group.is_empty() {
            GoValue::from("nil")
        } else {
            group.into()
        };
        Struct::new(kind)
            .field("Name", Arc::clone(name))
            .field("TaskName", Arc::clone(&self.task))
            .field("Group", group)
            .field("Tags", GoValue::string_map(tags.iter()))
            .field("ServerInfo", self.server.clone())
    }
}

fn go_value(value: &Value) -> GoValue {
    match value {
        Value::Float(v) => GoValue::Float(*v),
        Value::Int(v) => GoValue::Int(*v),
        Value::Bool(v) => GoValue::Bool(*v),
        Value::Str(v) => GoValue::String(Arc::clone(v)),
        Value::Duration(v) => GoValue::Duration(*v),
        Value::Null => GoValue::Nil,
    }
}

//! Events as the templates of handlers see them.

use std::sync::Arc;

use capstan_alert::{Event, Series};
use capstan_gocompat::template::Functions;
use capstan_gocompat::value::{Element, Function, List, Parameter, Struct};
use capstan_gocompat::{Value as GoValue, json};
use capstan_model::{Tags, Value};

/// What URL and body templates of `post` get: the same as is posted as JSON.
pub fn alert(event: &Event) -> GoValue {
    let state = &event.state;
    Struct::new("alert.Data")
        .tagged("ID", Some("id"), Arc::clone(&state.id))
        .tagged("Message", Some("message"), Arc::clone(&state.message))
        .tagged("Details", Some("details"), Arc::clone(&state.details))
        .tagged("Time", Some("time"), GoValue::Time(state.time))
        .tagged("Duration", Some("duration"), GoValue::Duration(state.duration))
        .tagged("Level", Some("level"), state.level.as_str())
        .tagged("Data", Some("data"), result(&event.data.series))
        .tagged("PreviousLevel", Some("previousLevel"), event.previous.as_str())
        .tagged("Recoverable", Some("recoverable"), event.data.recoverable)
        .into()
}

/// What address templates of mails get.
pub fn event(event: &Event) -> GoValue {
    let data = &event.data;
    Struct::new("alert.EventData")
        .field("Name", Arc::clone(&data.name))
        .field("TaskName", Arc::clone(&data.task))
        .field("Category", Arc::clone(&data.category))
        .field("Group", Arc::clone(&data.group))
        .field("Tags", tags(&data.tags))
        .field("Fields", fields(&data.fields))
        .field("Recoverable", data.recoverable)
        .field("Result", result(&data.series))
        .into()
}

/// `json` and `jsonCompact` of configured templates.
pub fn functions() -> Functions {
    let encode = |end: &'static str| {
        Function::new(&[Parameter::Any], move |arguments| {
            let text = arguments
                .first()
                .and_then(|value| json::marshal(value).ok())
                .map(|text| text + end)
                .unwrap_or_default();
            Ok(GoValue::from(text))
        })
    };
    Functions::new()
        .with("json", encode("\n"))
        .with("jsonCompact", encode(""))
}

fn tags(tags: &Tags) -> GoValue {
    GoValue::string_map(tags.iter())
}

fn fields(fields: &[(Arc<str>, Value)]) -> GoValue {
    GoValue::map(
        fields
            .iter()
            .map(|(name, value)| (Arc::clone(name), field(value))),
    )
}

fn field(value: &Value) -> GoValue {
    match value {
        Value::Float(v) => GoValue::Float(*v),
        Value::Int(v) => GoValue::Int(*v),
        Value::Bool(v) => GoValue::Bool(*v),
        Value::Str(v) => GoValue::String(Arc::clone(v)),
        Value::Duration(v) => GoValue::Duration(*v),
        Value::Null => GoValue::Nil,
    }
}

fn result(series: &[Series]) -> GoValue {
    let rows = List {
        element: Element::Named("*models.Row".into()),
        items: series.iter().map(row).collect(),
    };
    Struct::new("models.Result")
        .tagged("Series", Some("series"), GoValue::List(Arc::new(rows)))
        .into()
}

fn row(series: &Series) -> GoValue {
    // What is empty is left out of JSON.
    let tag = |name: &'static str, empty: bool| (!empty).then_some(name);
    let columns = std::iter::once("time").chain(series.columns.iter().map(|column| &**column));
    let values = series.rows.iter().map(|(time, values)| {
        let values = values
            .iter()
            .map(|value| value.as_ref().map_or(GoValue::Nil, field));
        GoValue::list(std::iter::once(GoValue::Time(*time)).chain(values))
    });
    let none = series.rows.is_empty();
    Struct::new("models.Row")
        .tagged(
            "Name",
            tag("name", series.name.is_empty()),
            Arc::clone(&series.name),
        )
        .tagged("Tags", tag("tags", series.tags.is_empty()), tags(&series.tags))
        .tagged("Columns", tag("columns", none), GoValue::string_list(columns))
        .tagged("Values", tag("values", none), GoValue::list(values))
        .into()
}

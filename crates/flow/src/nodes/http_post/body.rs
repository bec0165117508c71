//! What is posted, and where to: templates over a row of data (N-163).

use std::sync::Arc;

use capstan_gocompat::template::{Functions, Template};
use capstan_gocompat::value::{Function, Parameter, Struct};
use capstan_gocompat::{Value, json};
use capstan_model::Value as Field;

use crate::nodes::http_out::render;
use crate::nodes::http_out::series::Series;
use crate::ports::PostEndpoint;

/// Templates of an endpoint.
#[derive(Debug)]
pub(super) struct Templates {
    url: Template,
    body: Option<Template>,
}

impl Templates {
    /// Of an endpoint of the configuration.
    pub(super) fn of_endpoint(name: &str, endpoint: &PostEndpoint) -> Result<Self, String> {
        let failed = |what: &str, error| format!("failed to get {what} for endpoint {name:?}: {error}");
        let body = endpoint.row_template.as_ref().map(|template| {
            let functions = if template.functions {
                functions()
            } else {
                Functions::new()
            };
            parse(&template.text, &functions).map_err(|error| failed("row-template", error))
        });
        Ok(Self {
            url: parse(&endpoint.url, &functions()).map_err(|error| failed("url", error))?,
            body: body.transpose()?,
        })
    }

    /// Of a URL in the script.
    pub(super) fn of_url(url: &str) -> Result<Self, String> {
        Ok(Self {
            url: parse(url, &functions()).map_err(|error| format!("error in url templating: {error}"))?,
            body: None,
        })
    }

    /// URL, body, and the body's type if it is known.
    pub(super) fn render(&self, row: &Series) -> Result<(String, String, Option<&'static str>), String> {
        let data = mapped(row);
        let (body, kind) = if let Some(template) = &self.body {
            let body = template.execute(&data);
            (
                body.map_err(|error| format!("failed to execute template: {error}"))?,
                None,
            )
        } else {
            let mut body = render::result(std::iter::once(row));
            body.push('\n');
            (body, Some("application/json"))
        };
        let url = self.url.execute(&data);
        let url = url.map_err(|error| format!("failed to execute url template: {error}"))?;
        Ok((url, body, kind))
    }
}

fn parse(text: &str, functions: &Functions) -> Result<Template, String> {
    Template::parse("body", text, functions).map_err(|error| format!("failed to parse template: {error}"))
}

/// `json`, which ends its text with a line break, and `jsonCompact`. What has no JSON is nothing.
fn functions() -> Functions {
    let marshal = |arguments: &[Value], end: &str| {
        let text = arguments.first().map(json::marshal);
        let text = text.and_then(Result::ok).map(|text| text + end);
        Ok(Value::from(text.unwrap_or_default().as_str()))
    };
    Functions::new()
        .with(
            "json",
            Function::new(&[Parameter::Any], move |arguments| marshal(arguments, "\n")),
        )
        .with(
            "jsonCompact",
            Function::new(&[Parameter::Any], move |arguments| marshal(arguments, "")),
        )
}

/// The row as templates see it.
fn mapped(row: &Series) -> Value {
    let tags = row
        .tags
        .iter()
        .map(|(key, value)| (Arc::from(key), Arc::from(value)));
    let tags = Value::string_map::<Arc<str>, Arc<str>>(tags);
    let values = row.rows.iter().map(|(time, values)| {
        let fields = row
            .columns
            .iter()
            .zip(values)
            .map(|(name, value)| (Arc::clone(name), field(value.as_ref())));
        Value::map(std::iter::once((Arc::from("time"), Value::Time(*time))).chain(fields))
    });
    let row = Struct::new("kapacitor.mappedRow")
        .field("Name", Value::String(Arc::clone(&row.name)))
        .field("Tags", tags)
        .field("Values", Value::list(values));
    Value::Struct(Arc::new(row))
}

fn field(value: Option<&Field>) -> Value {
    match value {
        Some(Field::Float(v)) => Value::Float(*v),
        Some(Field::Int(v)) => Value::Int(*v),
        Some(Field::Bool(v)) => Value::Bool(*v),
        Some(Field::Str(v)) => Value::String(Arc::clone(v)),
        Some(Field::Duration(v)) => Value::Duration(*v),
        Some(Field::Null) | None => Value::Nil,
    }
}

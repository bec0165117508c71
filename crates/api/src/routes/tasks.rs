//! Tasks (H-40 to H-49).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use capstan_base::Classify;
use capstan_client::task_href;
use capstan_client::wire::{CreateTask, Link, MAX_WARNINGS, ScriptWarning, WARNING_HEADER};
use capstan_gocompat::strconv::quote;
use capstan_tasks::{DotView, TaskRecord, TaskView};
use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use serde_json::Value;

use crate::app::App;
use crate::convert;
use crate::error::{Refusal, not_found, response, status};
use crate::json;
use crate::query::Query;

/// Fields of a list when none is asked for; `template-id` shows only when there is one.
const ALL_FIELDS: &[&str] = &[
    "link",
    "id",
    "type",
    "dbrps",
    "script",
    "dot",
    "status",
    "executing",
    "error",
    "stats",
    "created",
    "modified",
    "last-enabled",
    "vars",
    "template-id",
];

impl From<capstan_tasks::Error> for Refusal {
    fn from(error: capstan_tasks::Error) -> Self {
        Self {
            status: status(error.class()),
            message: error.to_string(),
        }
    }
}

/// Runs what waits for the disk or for a task on a thread that may wait.
async fn blocking(work: impl FnOnce() -> Result<Response, Refusal> + Send + 'static) -> Response {
    match capstan_runtime::spawn_blocking(work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(refusal)) => refusal.into_response(),
        Err(error) => {
            tracing::error!(%error, "a request was not carried out");
            response(
                StatusCode::INTERNAL_SERVER_ERROR,
                "a defect kept the request from being carried out",
            )
        }
    }
}

/// What a request asks to see of a task.
#[derive(Clone, Copy)]
struct Presentation {
    raw_script: bool,
    dot: DotView,
}

impl Presentation {
    fn of(query: &Query) -> Result<Self, Refusal> {
        let script = query.word("script-format", &["formatted", "raw"])?;
        let dot = query.word("dot-view", &["attributes", "labels"])?;
        Ok(Self {
            raw_script: script == "raw",
            dot: if dot == "labels" {
                DotView::Labels
            } else {
                DotView::Attributes
            },
        })
    }
}

const PLAIN: Presentation = Presentation {
    raw_script: false,
    dot: DotView::Attributes,
};

fn present(app: &App, record: &Arc<TaskRecord>, how: Presentation) -> Response {
    json::ok(&convert::task(&app.tasks.view(record, how.dot), how.raw_script))
}

/// The id in the path behind `/tasks/`. It may hold slashes, which no id has.
fn id_of(uri: &Uri) -> String {
    let prefix = task_href("");
    capstan_client::percent_decoded(uri.path().strip_prefix(prefix.as_str()).unwrap_or_default())
}

fn body(bytes: &Bytes) -> Result<CreateTask, Refusal> {
    // Go's decoder reads one value and does not look at what follows it.
    let first = serde_json::Deserializer::from_slice(bytes)
        .into_iter::<CreateTask>()
        .next();
    match first {
        Some(Ok(body)) => Ok(body),
        Some(Err(error)) => {
            let text = error.to_string();
            let text = if text.starts_with("invalid var ") {
                text
            } else {
                format!("invalid JSON: {text}")
            };
            Err(Refusal::bad_request(text))
        }
        None => Err(Refusal::bad_request("invalid JSON: the body is empty")),
    }
}

/// Says what traps are in a script that was just defined: in the log, and in headers, since bodies are Kapacitor's.
fn warn(app: &App, record: &TaskRecord, answer: &mut Response) {
    for (at, warning) in app.tasks.warnings(record).into_iter().enumerate() {
        let (rule, found) = (warning.name(), warning.diagnostic);
        tracing::warn!(
            task = %record.id,
            line = found.position.line,
            char = found.position.char,
            rule,
            hint = found.hint.as_deref().unwrap_or_default(),
            "{}",
            found.message
        );
        let header = ScriptWarning {
            rule: rule.to_owned(),
            line: found.position.line,
            char: found.position.char,
            message: found.message,
            hint: found.hint,
        };
        if at < MAX_WARNINGS
            && let Some(text) = header.to_header()
            && let Ok(value) = HeaderValue::from_str(&text)
        {
            answer
                .headers_mut()
                .append(HeaderName::from_static(WARNING_HEADER), value);
        }
    }
}

/// `POST /tasks` (H-40, H-41).
pub(crate) async fn create(State(app): State<Arc<App>>, bytes: Bytes) -> Response {
    blocking(move || {
        let new = convert::new_task(body(&bytes)?).map_err(Refusal::bad_request)?;
        let record = app.tasks.create(new)?;
        let mut answer = present(&app, &record, PLAIN);
        warn(&app, &record, &mut answer);
        Ok(answer)
    })
    .await
}

/// `PATCH /tasks/ID` (H-44 to H-47). `?reload=true` (ours) restarts a task that runs.
pub(crate) async fn update(State(app): State<Arc<App>>, uri: Uri, bytes: Bytes) -> Response {
    blocking(move || {
        let patch = convert::patch(body(&bytes)?).map_err(Refusal::bad_request)?;
        let reload = Query::of(uri.query()).get("reload") == "true";
        let redefined = !patch.script.is_empty() || !patch.vars.is_empty();
        let record = app.tasks.update(&id_of(&uri), patch, reload)?;
        let mut answer = present(&app, &record, PLAIN);
        if redefined {
            warn(&app, &record, &mut answer);
        }
        Ok(answer)
    })
    .await
}

/// `DELETE /tasks/ID` (H-48).
pub(crate) async fn delete(State(app): State<Arc<App>>, uri: Uri) -> Response {
    blocking(move || {
        app.tasks.delete(&id_of(&uri))?;
        Ok(json::no_content())
    })
    .await
}

/// `GET /tasks/ID` (H-42) and `GET /tasks/ID/ENDPOINT` (H-49).
pub(crate) async fn show(State(app): State<Arc<App>>, method: Method, uri: Uri) -> Response {
    if method != Method::GET {
        return not_found();
    }
    blocking(move || {
        let id = id_of(&uri);
        if let Some((task, endpoint)) = id.split_once('/')
            && let Some(result) = app.tasks.endpoint(task, endpoint)
        {
            return Ok(json::text_response(StatusCode::OK, result));
        }
        let record = app.tasks.get(&id)?;
        let query = Query::of(uri.query());
        let how = Presentation::of(&query)?;
        let replay = query.get("replay-id");
        if !replay.is_empty() && replay != "main" {
            return Err(Refusal::bad_request(format!(
                "no running replay with ID: {replay}"
            )));
        }
        Ok(present(&app, &record, how))
    })
    .await
}

/// `/tasks/` without an id.
pub(crate) async fn nameless() -> Response {
    Refusal::bad_request("must specify task id on path").into_response()
}

/// `GET /tasks` (H-43, H-09).
pub(crate) async fn list(State(app): State<Arc<App>>, method: Method, uri: Uri) -> Response {
    if method != Method::GET {
        return not_found();
    }
    blocking(move || {
        let query = Query::of(uri.query());
        let how = Presentation::of(&query)?;
        let mut fields: Vec<&str> = query.all("fields").collect();
        if fields.is_empty() {
            fields.extend(ALL_FIELDS);
        } else {
            fields.extend(["id", "link"]);
        }
        // compat: negative numbers slice nothing off upstream either.
        let offset = usize::try_from(query.number("offset", 0)?).unwrap_or(0);
        let limit = usize::try_from(query.number("limit", 100)?).unwrap_or(0);
        let records = app.tasks.list(query.get("pattern"), offset, limit)?;
        if let Some(unknown) = fields.iter().find(|field| !ALL_FIELDS.contains(field)) {
            return Err(Refusal::bad_request(format!(
                "unsupported field {}",
                quote(unknown)
            )));
        }
        let tasks: Vec<_> = records
            .iter()
            .map(|record| row(&app, record, &fields, how))
            .collect();
        Ok(json::ok(&serde_json::json!({"tasks": tasks})))
    })
    .await
}

/// The asked fields of one task, sorted by name.
fn row<'a>(
    app: &App,
    record: &Arc<TaskRecord>,
    fields: &[&'a str],
    how: Presentation,
) -> BTreeMap<&'a str, Value> {
    // The graph and the statistics cost a word with the task's thread; most lists do without.
    let view = fields
        .iter()
        .any(|field| matches!(*field, "script" | "dot" | "stats"))
        .then(|| app.tasks.view(record, how.dot));
    fields
        .iter()
        .filter_map(|&field| Some((field, field_value(app, record, view.as_ref(), field, how)?)))
        .collect()
}

fn field_value(
    app: &App,
    record: &TaskRecord,
    view: Option<&TaskView>,
    field: &str,
    how: Presentation,
) -> Option<Value> {
    let value = match field {
        "link" => serde_json::to_value(Link::to(task_href(&record.id))).ok()?,
        "id" => record.id.as_str().into(),
        "type" => record.kind.as_str().into(),
        "dbrps" => serde_json::to_value(convert::dbrps(&record.dbrps)).ok()?,
        "script" if how.raw_script => record.script.as_str().into(),
        "script" => view.map_or(Value::Null, |view| view.formatted.as_str().into()),
        "dot" => view
            .filter(|view| !view.dot.is_empty())
            .map_or(Value::Null, |view| view.dot.as_str().into()),
        "status" => convert::status(record.enabled).as_str().into(),
        "executing" => view
            .map_or_else(|| app.tasks.is_executing(&record.id), |view| view.executing)
            .into(),
        "error" => record.error.as_str().into(),
        "stats" => match view.and_then(|view| view.stats.as_deref()) {
            Some(stats) => serde_json::to_value(convert::stats(stats)).ok()?,
            None => Value::Null,
        },
        "created" => convert::time(record.created).into(),
        "modified" => convert::time(record.modified).into(),
        "last-enabled" => convert::last_enabled(record).into(),
        "vars" => serde_json::to_value(convert::vars(&record.vars)).ok()?,
        // No template: the field is left out.
        _ => return None,
    };
    Some(value)
}

//! The collector `influxdb`: results of Flux queries (kube-metrics-adapter, `influxdb_collector.go`), and of InfluxQL
//! where the key `db` names a database.
//!
//! The first row of a Flux result counts, of InfluxQL the newest one. The value is in the column `metricvalue`, or else
//! `_value`, or else in the only one there is.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use capstan_influx::Series as Table;
use capstan_kubeapi::Quantity;
use capstan_metrics::Series;
use capstan_model::Value;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Url;
use serde_json::json;

use crate::allow::{server_url, shown};
use crate::choose::Order;
use crate::collector::{CollectError, Collected, Collector, ConfigError};
use crate::context::Context;
use crate::fetch::{Request, Token};
use crate::share::Question;
use crate::single;
use crate::value::quantity;

const QUERY_NAME: &str = "query-name";
const QUERY: &str = "query";
/// kube-metrics-adapter's column, and Flux' own.
const COLUMNS: [&str; 2] = ["metricvalue", "_value"];

#[derive(Debug)]
struct InfluxDb {
    context: Arc<Context>,
    server: Server,
    query: String,
    language: Language,
    series: Series,
    interval: Duration,
}

/// Who is asked.
#[derive(Clone)]
struct Server {
    url: Url,
    guarded: bool,
    token: String,
    org: String,
    org_id: String,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown(&self.url))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Language {
    Flux,
    InfluxQl {
        database: String,
        /// Empty: the database's default.
        retention_policy: String,
    },
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flux => f.write_str("Flux"),
            Self::InfluxQl {
                database,
                retention_policy,
            } => write!(f, "InfluxQL of {database:?}.{retention_policy:?}"),
        }
    }
}

/// What of a result is used.
#[derive(Debug)]
struct Answered {
    value: Quantity,
    at: Timestamp,
    doubts: Vec<String>,
}

/// For External metrics.
pub(crate) fn external(order: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    let keys = order.keys;
    let server = server(order)?;
    let query = query(order)?.to_owned();
    let database = keys.get("database").or_else(|| keys.get("db"));
    if database.is_some() && !only_reads(&query) {
        return Err(ConfigError(format!(
            "an InfluxQL query has to be one SELECT without INTO, or one SHOW, and not {query:?}"
        )));
    }
    let language = match database {
        Some(database) => Language::InfluxQl {
            database: database.to_owned(),
            retention_policy: keys.get("rp").unwrap_or_default().to_owned(),
        },
        None => Language::Flux,
    };
    Ok(Box::new(InfluxDb {
        context: Arc::clone(order.context),
        server,
        query,
        language,
        series: single::external(order.wanted),
        interval: order.interval,
    }))
}

/// For Object metrics, of which there are none.
pub(crate) fn object(_: &Order<'_>) -> Result<Box<dyn Collector>, ConfigError> {
    Err(ConfigError::new(
        "InfluxDB does not support object, but only external custom metrics",
    ))
}

/// The query that `query-name` names, or the one under `query`.
fn query<'a>(order: &Order<'a>) -> Result<&'a str, ConfigError> {
    let keys = order.keys;
    let metric = order.wanted.name();
    let (name, only) = (keys.get(QUERY_NAME), keys.get(QUERY));
    let Some(name) = name else {
        let query = only.ok_or_else(|| {
            ConfigError(format!(
                "selector for Flux query is not specified, please add metricSelector.matchLabels.{QUERY_NAME}: <...> to \
                 .yml description, or an annotation metric-config.external.{metric}.influxdb/{QUERY}"
            ))
        })?;
        order.remark(format!(
            "the metric has no {QUERY_NAME}, so that the key {QUERY} is taken; kube-metrics-adapter would refuse it"
        ));
        return Ok(query);
    };
    // The other keys may be queries of other metrics with the same name.
    keys.with_prefix("");
    keys.get(name).ok_or_else(|| {
        ConfigError(format!(
            "no Flux query defined for metric \"{metric}\": {QUERY_NAME} is {name:?}, and no annotation \
             metric-config.external.{metric}.influxdb/{name} holds the query"
        ))
    })
}

/// Whether a statement of InfluxQL changes nothing. `InfluxDB` 1.x runs any by GET, `DROP DATABASE` too, and our token may
/// have the right to it. Doubtful ones, such as with INTO or a semicolon in a text, count as changing something: what hides
/// in quotes or comments is not for us to judge.
fn only_reads(query: &str) -> bool {
    let words: Vec<String> = query
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let text = query.trim();
    let statement = text.strip_suffix(';').unwrap_or(text);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && matches!(words.first().map(String::as_str), Some("select" | "show"));
    begins && !statement.contains(';') && !words.iter().any(|word| word == "into")
}

/// As configured, or as annotations say. Our token goes to the configured server only.
fn server(order: &Order<'_>) -> Result<Server, ConfigError> {
    let keys = order.keys;
    let configured = order.context.options.influxdb.as_ref();
    let configured = configured.ok_or_else(|| ConfigError::new("--influxdb-address is not set"))?;
    let home = server_url(&configured.address, "--influxdb-address")?;
    let (url, guarded) = match keys.get("address") {
        None => (home.clone(), false),
        Some(address) => {
            let allowed = order.context.allow.check(address, "address")?;
            (allowed.url, allowed.guarded)
        }
    };
    let token = match keys.get("token") {
        Some(token) => token,
        None if url.origin() == home.origin() => &configured.token,
        None => "",
    };
    let (org, org_id) = (keys.get("org"), keys.get("org-id"));
    // An organisation by its id needs no name.
    let default_org = if org_id.is_some() { "" } else { &configured.org };
    Ok(Server {
        url,
        guarded,
        token: token.to_owned(),
        org: org.unwrap_or(default_org).to_owned(),
        org_id: org_id.unwrap_or_default().to_owned(),
    })
}

impl Server {
    fn request(&self, query: &str, language: &Language, timeout: Duration) -> Request {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        let mut parameters = Vec::new();
        let body = match language {
            Language::Flux => {
                url.set_path(&format!("{base}/api/v2/query"));
                parameters.extend([("org", self.org.as_str()), ("orgID", self.org_id.as_str())]);
                let dialect = json!({"annotations": ["datatype", "default", "group"], "delimiter": ",", "header": true});
                Some(json!({"type": "flux", "query": query, "dialect": dialect}).to_string())
            }
            Language::InfluxQl {
                database,
                retention_policy,
            } => {
                url.set_path(&format!("{base}/query"));
                parameters.extend([("db", database.as_str()), ("rp", retention_policy), ("q", query)]);
                // Some servers let a GET read only.
                None
            }
        };
        for (name, value) in parameters {
            if !value.is_empty() {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let mut request = Request::get(url, timeout);
        request.guarded = self.guarded;
        if !self.token.is_empty() {
            let header = format!("Token {}", self.token);
            request = request.with_token(Token::Header(header.into()));
        }
        match body {
            Some(body) => request
                .with_header("Accept", "application/csv")
                .post("application/json", body.into_bytes()),
            None => request.with_header("Accept", "application/json"),
        }
    }
}

impl Collector for InfluxDb {
    fn question(&self) -> String {
        format!("{:?} {} {}", self.server, self.language, self.query)
    }

    fn collect(&self) -> BoxFuture<'_, Result<Collected, CollectError>> {
        self.run().boxed()
    }
}

impl InfluxDb {
    async fn run(&self) -> Result<Collected, CollectError> {
        let server = &self.server;
        // With the token: who may not read must not get the answer of who may.
        let identity = [server.url.as_str(), &server.token, &server.org, &server.org_id];
        let question = Question {
            server: identity.join("\n"),
            text: format!("{} {}", self.language, self.query),
            interval: self.interval,
        };
        let context = Arc::clone(&self.context);
        let (server, language, query) = (server.clone(), self.language.clone(), self.query.clone());
        let asked = async move {
            let request = server.request(&query, &language, context.options.timeout);
            let answer = context.fetcher.fetch(&request).await?;
            if !answer.is_success() {
                return Err(answer.refused());
            }
            let now = context.clock.now();
            answered(&answer.body, &language, now)
                .map_err(|why| CollectError::new(format!("{}: {why}: query {query:?}", answer.request)))
        };
        let answered = self.context.share.ask(question, asked).await?;
        Ok(single::collected(
            &self.series,
            answered.value.clone(),
            answered.at,
            &answered.doubts,
        ))
    }
}

/// The value in an answer.
fn answered(body: &[u8], language: &Language, now: Timestamp) -> Result<Answered, String> {
    let flux = *language == Language::Flux;
    let tables = if flux {
        capstan_influx::read_flux(&String::from_utf8_lossy(body))
    } else {
        capstan_influx::read_influxql(body)
    };
    // kube-metrics-adapter's words.
    let tables = tables.map_err(|error| format!("error in query result: {error}"))?;
    let mut filled = tables.iter().filter(|table| !table.rows.is_empty());
    let table = filled.next().ok_or("empty result returned")?;
    let column = column(table)?;
    let mut doubts = Vec::new();
    let others = filled.count();
    if others > 0 {
        doubts.push(format!(
            "the result has {} tables and the first is taken; group() brings them together",
            others + 1
        ));
    }
    let rows = table.rows.len();
    if rows > 1 {
        let which = if flux { "first" } else { "last" };
        doubts.push(format!("the result has {rows} rows and the {which} is taken"));
    }
    let row = if flux {
        table.rows.first()
    } else {
        table.rows.last()
    };
    let (time, values) = row.ok_or("empty result returned")?;
    let name = &table.columns[column];
    let number = match values.get(column).and_then(Option::as_ref) {
        Some(Value::Float(number)) => *number,
        Some(Value::Int(number)) => *number as f64,
        None | Some(Value::Null) => return Err(format!("the column {name} of the row that counts is empty")),
        Some(_) => return Err(format!("the column {name} holds no number")),
    };
    let value = quantity(number).ok_or_else(|| format!("the column {name} is {number}"))?;
    // The time of an InfluxQL row is often the begin of what it sums up, and tells nothing of its age.
    let own = time.filter(|_| flux);
    let at = own.and_then(|nanos| Timestamp::from_nanosecond(i128::from(nanos)).ok());
    Ok(Answered {
        value,
        at: at.unwrap_or(now),
        doubts,
    })
}

fn column(table: &Table) -> Result<usize, String> {
    for wanted in COLUMNS {
        if let Some(at) = table.columns.iter().position(|name| name == wanted) {
            return Ok(at);
        }
    }
    if table.columns.len() == 1 {
        return Ok(0);
    }
    Err(format!(
        "the result has no column {}, it has {}",
        COLUMNS.join(" or "),
        table.columns.join(", ")
    ))
}

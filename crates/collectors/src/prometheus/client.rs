//! Instant queries of Prometheus' HTTP API.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::allow::shown;
use crate::collector::CollectError;
use crate::fetch::{Answer, Fetcher, Request, Token, excerpt};

/// The largest answer that is read: some ten thousand series with many labels.
const LIMIT: usize = 16 << 20;
/// Longer queries are sent in a body.
const LONG: usize = 4000;
/// How many of its warnings are told.
const MOST_WARNINGS: usize = 5;

/// A Prometheus, and how we say who we are.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its address, to which `/api/v1/query` is added.
    pub base: Url,
    /// See [`crate::allow::Allowed`].
    pub guarded: bool,
    /// Our token.
    pub token: Token,
}

impl Endpoint {
    /// Tells apart servers and who asks them.
    pub fn identity(&self) -> String {
        format!("{} {:?}", self.base, self.token)
    }

    fn query_url(&self) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.base))
    }
}

/// A value and when it was true.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The time of the evaluation, by the answer.
    pub at: Timestamp,
    /// The value; may be NaN or infinite.
    pub value: f64,
}

/// An element of a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Its labels, with `__name__` if it has a name.
    pub labels: BTreeMap<String, String>,
    /// Its value; `None` for a native histogram.
    pub point: Option<Point>,
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// An instant vector, in the server's order.
    Vector(Vec<VectorSample>),
    /// A scalar.
    Scalar(Point),
    /// A range vector; its values are left out.
    Matrix,
    /// A string.
    Text,
}

/// A result, with what Prometheus says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Queried {
    /// The result.
    pub outcome: Outcome,
    /// How many elements a vector has, also those that were not asked for.
    pub elements: usize,
    /// What Prometheus warns of.
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(default)]
    status: String,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    result_type: String,
    #[serde(borrow)]
    result: &'a RawValue,
}

#[derive(Deserialize)]
struct Element {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    value: Option<(f64, String)>,
    #[serde(default)]
    histogram: Option<IgnoredAny>,
}

/// The result of a query at a moment.
///
/// # Errors
/// When Prometheus does not answer, or not with a result; with the query, and with Prometheus' own words if it has any.
pub async fn instant(
    fetcher: &Fetcher,
    endpoint: &Endpoint,
    query: &str,
    at: Timestamp,
    timeout: Duration,
) -> Result<Queried, CollectError> {
    first(fetcher, endpoint, query, at, timeout, usize::MAX).await
}

/// As [`instant`], of a vector with so many elements only.
///
/// # Errors
/// As [`instant`].
pub async fn first(
    fetcher: &Fetcher,
    endpoint: &Endpoint,
    query: &str,
    at: Timestamp,
    timeout: Duration,
    most: usize,
) -> Result<Queried, CollectError> {
    let millis = at.as_millisecond();
    let time = format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000));
    let send_form = query.len() > LONG;
    let mut answer = fetcher
        .fetch(&request(endpoint, query, &time, timeout, send_form))
        .await?;
    // Some servers and proxies know one of the methods only.
    if matches!(answer.status, 405 | 501) {
        answer = fetcher
            .fetch(&request(endpoint, query, &time, timeout, !send_form))
            .await?;
    }
    decode(&answer, most).map_err(|message| CollectError {
        message: format!("{endpoint}: {message}: query '{}'", excerpt(query.as_bytes())),
        retry_after: answer.retry_after,
    })
}

fn request(endpoint: &Endpoint, query: &str, time: &str, timeout: Duration, send_form: bool) -> Request {
    let mut url = endpoint.query_url();
    let pairs = [("query", query), ("time", time)];
    let body = send_form.then(|| {
        let mut form = Url::parse("http://form/").unwrap_or_else(|_| url.clone());
        form.query_pairs_mut().clear().extend_pairs(pairs);
        form.query().unwrap_or_default().to_owned()
    });
    if body.is_none() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    let mut request = Request::get(url, timeout).with_token(endpoint.token.clone());
    request.guarded = endpoint.guarded;
    request.limit = LIMIT;
    match body {
        Some(body) => request.post("application/x-www-form-urlencoded", body.into_bytes()),
        None => request,
    }
}

/// Reads an answer, whatever its status: errors have a body of the same form.
fn decode(answer: &Answer, most: usize) -> Result<Queried, String> {
    let envelope: Envelope<'_> = match serde_json::from_slice(&answer.body) {
        Ok(envelope) => envelope,
        Err(_) if !answer.is_success() => return Err(answer.refused().message),
        Err(error) => {
            return Err(format!(
                "the answer is not Prometheus': {error}: {}",
                answer.excerpt()
            ));
        }
    };
    if envelope.status != "success" || !answer.is_success() {
        if envelope.error.is_empty() {
            return Err(answer.refused().message);
        }
        return Err(format!(
            "{}: {}",
            envelope.error_type,
            excerpt(envelope.error.as_bytes())
        ));
    }
    let data = envelope.data.ok_or("the answer has no data")?;
    let (outcome, elements) =
        outcome(&data, most).map_err(|error| format!("the result cannot be read: {error}"))?;
    let warnings = envelope.warnings.iter().take(MOST_WARNINGS);
    Ok(Queried {
        outcome,
        elements,
        warnings: warnings
            .map(|warning| format!("Prometheus warns: {}", excerpt(warning.as_bytes())))
            .collect(),
    })
}

fn outcome(data: &Data<'_>, most: usize) -> Result<(Outcome, usize), String> {
    let raw = data.result.get();
    let text = |error: serde_json::Error| error.to_string();
    match data.result_type.as_str() {
        "vector" => {
            let elements: Vec<&RawValue> = serde_json::from_str(raw).map_err(text)?;
            let total = elements.len();
            let samples = elements.into_iter().take(most).map(|element| {
                let element: Element = serde_json::from_str(element.get()).map_err(text)?;
                let point = match (element.value, element.histogram) {
                    (Some(value), _) => Some(point(&value)?),
                    (None, Some(_)) => None,
                    (None, None) => return Err("an element has no value".to_owned()),
                };
                Ok(VectorSample {
                    labels: element.metric,
                    point,
                })
            });
            Ok((Outcome::Vector(samples.collect::<Result<_, _>>()?), total))
        }
        "scalar" => Ok((
            Outcome::Scalar(point(&serde_json::from_str(raw).map_err(text)?)?),
            1,
        )),
        "matrix" => Ok((Outcome::Matrix, 0)),
        "string" => Ok((Outcome::Text, 0)),
        other => Err(format!("unknown type {other:?}")),
    }
}

fn point((seconds, value): &(f64, String)) -> Result<Point, String> {
    let at = Timestamp::from_millisecond((seconds * 1000.0).round() as i64)
        .map_err(|_| format!("{seconds} is no time"))?;
    let value = capstan_gocompat::strconv::parse_float(value).map_err(|error| error.to_string())?;
    Ok(Point { at, value })
}

//! `oracle/selectors.jsonl` and `oracle/selector_parse.jsonl`.

use capstan_hpa::autoscaling::LabelSelector;
use capstan_hpa::go;
use capstan_kubeapi::Selector;
use serde_json::Value as Json;

use super::text;
use super::{Case, equal};

pub(super) fn object(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    let selector: Option<LabelSelector> =
        serde_json::from_value(case["labelSelector"].clone()).map_err(|error| error.to_string())?;
    equal(
        "goFormat",
        &text(case, "goFormat"),
        &LabelSelector::go_format(selector.as_ref()).as_str(),
    )?;
    let found = selector.map_or_else(|| Ok(Selector::nothing()), |selector| selector.selector());
    if let Ok(found) = &found {
        let query = format!("labelSelector={}", go::escape_query(&found.to_string()));
        equal("query", &text(case, "query"), &query.as_str())?;
    }
    outcome(case, found)
}

pub(super) fn query_text(Case { case, .. }: &Case<'_>) -> Result<(), String> {
    outcome(case, Selector::parse(text(case, "in")))
}

fn outcome(case: &Json, found: Result<Selector, String>) -> Result<(), String> {
    match found {
        Ok(selector) => equal(
            "string",
            &case["string"].as_str(),
            &Some(selector.to_string().as_str()),
        ),
        Err(error) => equal("error", &case["error"].as_str(), &Some(error.as_str())),
    }
}

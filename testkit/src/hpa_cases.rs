//! Runs the cases of `hpa`: upstream's tests of the `HorizontalPodAutoscaler`, recorded as data.
//!
//! | module | file |
//! |---|---|
//! | [`conversion`] | `conversion.json` |
//! | [`validation`] | `validation.json` |

pub mod conversion;
pub mod validation;

use serde_json::Value as Json;

use crate::report::CaseResult;

/// The list at `key`, empty if there is none.
fn list<'a>(file: &'a Json, key: &str) -> &'a [Json] {
    file.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn field<'a>(case: &'a Json, key: &str) -> &'a Json {
    case.get(key).unwrap_or(&Json::Null)
}

fn text<'a>(case: &'a Json, key: &str) -> &'a str {
    field(case, key).as_str().unwrap_or("")
}

/// Runs every case of a section. A case that has no name is called by its number.
fn section(
    stem: &str,
    name: &str,
    cases: &[Json],
    run: impl Fn(&Json) -> Result<(), String>,
) -> Vec<CaseResult> {
    cases
        .iter()
        .enumerate()
        .map(|(index, case)| {
            let case_name = ["name", "test"]
                .into_iter()
                .map(|key| text(case, key))
                .find(|name| !name.is_empty());
            let number = index.to_string();
            let id = format!("{stem}#{name}/{}", case_name.unwrap_or(&number));
            CaseResult::of(id, format!("hpa:{name}"), run(case))
        })
        .collect()
}

/// Says how two values differ.
fn same(what: &str, got: &Json, wanted: &Json) -> Result<(), String> {
    if got == wanted {
        Ok(())
    } else {
        Err(format!("{what}: got {got}, wanted {wanted}"))
    }
}

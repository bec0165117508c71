//! Runs the cases of `hpa`: Kubernetes' own tests of the HorizontalPodAutoscaler and random cases computed by its code.
//!
//! One module per data file, and more for what many of them share. Where a case has `observed`, which is what the real code returned, all of it is compared;
//! `expect` is what upstream's test asserts and says less. A case's id is `<file>#<section>/<name>`.

pub mod conversion;
mod failures;
mod horizontal;
mod input;
mod oracle;
mod quantities;
mod reconcile;
mod replica_calculator;
mod scale_to_zero;
mod scenarios;
mod selectors;
mod simulated;
mod trajectories;
pub mod validation;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value as Json;

use crate::report::{CaseResult, Status};
use crate::shared::CaseFile;

/// One case as a file has it.
type Run = fn(&Case<'_>) -> Result<(), String>;

/// One case and what its file says about all of them.
struct Case<'a> {
    file: &'a Json,
    case: &'a Json,
}

/// Runs every case of every known file in a folder.
pub fn run_folder(root: &Path) -> Result<Vec<CaseResult>> {
    let mut cases = Vec::new();
    for (name, run) in [
        (
            "replica_calculator.json",
            replica_calculator::run_file as fn(&Path) -> Result<Vec<CaseResult>>,
        ),
        ("horizontal.json", horizontal::run_file),
        ("validation.json", validation::run_file),
        ("conversion.json", conversion::run_file),
        ("golden/scenarios.json", scenarios::run_file),
        ("golden/scale-to-zero.json", scale_to_zero::run_file),
        ("golden/failures/hpa-status.json", failures::run_file),
        ("golden/scale-target-versions.json", failures::run_targets),
    ] {
        let path = root.join(name);
        if path.is_file() {
            cases.extend(run(&path)?);
        }
    }
    for (name, run) in [
        ("replica_calc.jsonl", oracle::replica_calc as Run),
        ("trajectories.jsonl", trajectories::trajectory),
        ("quantities.jsonl", quantities::parse),
        ("milli_quantities.jsonl", quantities::milli),
        ("selectors.jsonl", selectors::object),
        ("selector_parse.jsonl", selectors::query_text),
    ] {
        let path = root.join("oracle").join(name);
        if path.is_file() {
            cases.extend(lines(&path, run)?);
        }
    }
    if cases.is_empty() {
        bail!(
            "{} has no cases: expected replica_calculator.json, horizontal.json, … or oracle/ in it",
            root.display()
        );
    }
    Ok(cases)
}

/// The sections of a file: every list of objects in it.
fn sections(path: &Path, run: impl Fn(&str) -> Option<Run>) -> Result<Vec<CaseResult>> {
    let CaseFile { stem, content } = CaseFile::read(path)?;
    let mut results = Vec::new();
    for (section, list) in content.as_object().into_iter().flatten() {
        let run = run(section);
        for (index, case) in list.as_array().into_iter().flatten().enumerate() {
            let id = format!("{stem}#{section}/{}", name(case, index));
            let kind = format!("hpa:{section}");
            results.push(match run {
                Some(run) => CaseResult::of(id, kind, run(&Case { file: &content, case })),
                None => CaseResult {
                    id,
                    kind,
                    status: Status::Skip,
                    nodes: Vec::new(),
                    detail: case["why"].as_str().unwrap_or("unknown kind of case").to_owned(),
                },
            });
        }
    }
    Ok(results)
}

/// One case per line.
fn lines(path: &Path, run: Run) -> Result<Vec<CaseResult>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut results = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let case: Json = serde_json::from_str(line).with_context(|| format!("{stem}, line {}", index + 1))?;
        let id = format!("{stem}#{}", name(&case, index));
        let outcome = run(&Case {
            file: &Json::Null,
            case: &case,
        });
        results.push(CaseResult::of(id, format!("hpa:{stem}"), outcome));
    }
    Ok(results)
}

fn name(case: &Json, index: usize) -> String {
    for key in ["name", "test", "in"] {
        if let Some(name) = case[key].as_str() {
            return format!("{index} {name}");
        }
    }
    index.to_string()
}

/// Compares two values, and says which.
fn equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, actual: &T) -> Result<(), String> {
    if expected == actual {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, got {actual:?}"))
    }
}

/// The list at `key`, empty if there is none.
fn list<'a>(file: &'a Json, key: &str) -> &'a [Json] {
    file.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// The members of the object at `key`.
fn items_of<'a>(file: &'a Json, key: &str) -> impl Iterator<Item = (&'a str, &'a Json)> {
    let members = file.get(key).and_then(Json::as_object).into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value))
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

//! Runs the cases of `conformance/tick` that need the language only: kinds `lex`, `parse`, `format` and `canonical`.
//!
//! The other kinds (`compile`, `vars`, `pipelineJSON`) evaluate scripts and belong to another runner.

mod upstream_tree;

use std::path::Path;

use capstan_tick::SyntaxError;
use capstan_tick::ast::Kind;
use serde_json::{Value as Json, json};

use crate::report::CaseResult;
use crate::shared::{self, CaseFile};

/// Runs every case of every file in a folder, by file name; files of other kinds are left out.
pub fn run_folder(folder: &Path) -> anyhow::Result<Vec<CaseResult>> {
    shared::each_file(folder, run_file)
}

/// Runs every case of a file; none if the file's kind is not one of ours. A case's id is `<file>#<id>`.
pub fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let CaseFile { stem, content } = CaseFile::read(file)?;
    let kind = content["kind"].as_str().unwrap_or_default();
    let run: fn(&Json) -> Result<(), String> = match kind {
        "lex" => lex,
        "parse" => parse,
        "format" => format,
        "canonical" => canonical,
        _ => return Ok(Vec::new()),
    };
    let cases = content["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let result = |case: &Json| {
        let id = format!("{stem}#{}", case["id"].as_str().unwrap_or_default());
        CaseResult::of(id, format!("tick:{kind}"), run(case))
    };
    Ok(cases.iter().map(result).collect())
}

fn lex(case: &Json) -> Result<(), String> {
    let tokens: Vec<Json> = capstan_tick::lex(text(case, "input")?)
        .iter()
        .map(|token| json!([token.kind.name(), token.start, token.text]))
        .collect();
    equal("tokens", &case["tokens"], &Json::Array(tokens))
}

fn parse(case: &Json) -> Result<(), String> {
    let parsed = capstan_tick::parse(text(case, "script")?);
    let Some(program) = outcome(case, parsed)? else {
        return Ok(());
    };
    if let Some(expected) = case["string_literal"].as_str() {
        let mut strings = Vec::new();
        capstan_tick::walk::walk(&program, &mut |node| {
            if let Kind::String { value, .. } = &node.kind {
                strings.push(value.as_str());
            }
        });
        if strings != [expected] {
            return Err(format!("strings: expected only {expected:?}, got {strings:?}"));
        }
    }
    match case.get("ast") {
        Some(expected) => upstream_tree::compare(expected, &upstream_tree::of(&program)),
        None => Ok(()),
    }
}

fn format(case: &Json) -> Result<(), String> {
    let formatted = capstan_tick::format(text(case, "input")?);
    let Some(formatted) = outcome(case, formatted)? else {
        return Ok(());
    };
    equal("output", &case["output"], &Json::from(formatted.as_str()))?;
    if case["idempotent"].as_bool().unwrap_or(true) {
        fixed_point(&formatted)
    } else {
        Ok(())
    }
}

fn canonical(case: &Json) -> Result<(), String> {
    // `ok` and `error` of these cases are about compiling; all of them parse.
    let script = text(case, "script")?;
    capstan_tick::parse(script).map_err(|error| error.to_string())?;
    if case["format_idempotent"].as_bool() == Some(true) {
        fixed_point(script)
    } else {
        Ok(())
    }
}

fn fixed_point(script: &str) -> Result<(), String> {
    let formatted = capstan_tick::format(script).map_err(|error| error.to_string())?;
    equal("formatted again", &Json::from(script), &Json::from(formatted))
}

/// The value if the case expects one, nothing if it expects this error; positions and texts are compared.
fn outcome<T>(case: &Json, result: Result<T, SyntaxError>) -> Result<Option<T>, String> {
    let expects_error = case["error"].is_string() || case["ok"].as_bool() == Some(false);
    match (result, expects_error) {
        (Ok(value), false) => Ok(Some(value)),
        (Ok(_), true) => Err(format!("expected the error {}", case["error"])),
        (Err(error), false) => Err(error.to_string()),
        (Err(error), true) => match case["error"].as_str() {
            Some(expected) if expected != error.to_string() => {
                Err(format!("expected {expected:?}, got {error}"))
            }
            _ => Ok(None),
        },
    }
}

fn text<'c>(case: &'c Json, key: &str) -> Result<&'c str, String> {
    case[key]
        .as_str()
        .ok_or_else(|| format!("the case has no {key:?}"))
}

fn equal(what: &str, expected: &Json, actual: &Json) -> Result<(), String> {
    if expected == actual {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected}, got {actual}"))
    }
}

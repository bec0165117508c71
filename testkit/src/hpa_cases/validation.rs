//! `validation.json`: findings, options, what is dropped, defaults.

use std::path::Path;

use capstan_hpa::conversion::{self, Version};
use capstan_hpa::strategy::{self, Gates};
use capstan_hpa::validation::{self, Options, ReferenceOptions, Rules};
use capstan_hpa::{defaults, wire};
use serde_json::{Value as Json, json};

use super::{field, list, same, section, text};
use crate::report::CaseResult;
use crate::shared::CaseFile;

/// Runs every case of a file.
pub fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let CaseFile { stem, content } = CaseFile::read(file)?;
    let all =
        |name: &str, run: fn(&Json) -> Result<(), String>| section(&stem, name, list(&content, name), run);
    let mut results = Vec::new();
    results.extend(all("validateCreate", |case| {
        let errors = validation::create(
            &object(case)?,
            &options(field(case, "options")),
            Rules::Handwritten,
        );
        findings(case, &errors)
    }));
    results.extend(all("validateUpdate", |case| {
        let errors = validation::update(
            &object(case)?,
            &options(field(case, "options")),
            Rules::Handwritten,
        );
        findings(case, &errors)
    }));
    results.extend(all("validateScale", |case| {
        findings(case, &validation::scale(field(case, "object")))
    }));
    results.extend(all("strategyCreate", strategy_case));
    results.extend(all("strategyUpdate", strategy_case));
    results.extend(all("validationOptions", |case| {
        let gates = Gates {
            scale_to_zero: field(case, "hpaScaleToZero") == true,
            ..Gates::default()
        };
        let got = strategy::validation_options(field(case, "object"), old(case), gates);
        let observed = field(case, "observed");
        same("options", &options_json(&got), observed)?;
        same("options", &options_json(&got), field(case, "expect"))
    }));
    results.extend(all("strategyPrepare", prepare));
    let defaulting = field(&content, "defaulting");
    let each = |name: &str, run: fn(&Json) -> Result<(), String>| {
        section(&stem, &format!("defaulting/{name}"), list(defaulting, name), run)
    };
    results.extend(each("defaultScaleUp", |case| {
        let got =
            wire::read(wire::RULES, &defaults::scale_up(field(case, "in"))).map_err(|e| e.to_string())?;
        same("rules", &got, field(case, "observed"))
    }));
    results.extend(each("defaultScaleDown", |case| {
        let got =
            wire::read(wire::RULES, &defaults::scale_down(field(case, "in"))).map_err(|e| e.to_string())?;
        same("rules", &got, field(case, "observed"))
    }));
    results.extend(each("defaultBehavior", |case| {
        let mut object = json!({"spec": {"behavior": field(case, "in")}});
        defaults::apply(Version::V2, &mut object);
        let got = object.pointer("/spec/behavior").unwrap_or(&Json::Null);
        same("behavior", got, field(case, "observed"))
    }));
    results.extend(each("defaultV1", |case| {
        let mut given = field(case, "in").clone();
        defaults::apply(Version::V1, &mut given);
        let back =
            conversion::to_v2(Version::V1, &given).and_then(|v2| conversion::from_v2(Version::V1, &v2));
        same(
            "object",
            &back.map_err(|e| e.to_string())?,
            field(case, "observed"),
        )
    }));
    Ok(results)
}

fn object(case: &Json) -> Result<Json, String> {
    wire::read(wire::V2, field(case, "object")).map_err(|error| error.to_string())
}

fn old(case: &Json) -> Option<&Json> {
    case.get("old").filter(|old| !old.is_null())
}

fn options(json: &Json) -> Options {
    let reference = |name: &str| ReferenceOptions {
        allow_empty_group: field(field(json, name), "allowEmptyAPIGroup") == true,
        allow_invalid_version: field(field(json, name), "allowInvalidAPIVersion") == true,
    };
    Options {
        min_replicas_lower_bound: field(json, "minReplicasLowerBound").as_i64().unwrap_or(1),
        scale_target_ref: reference("scaleTargetRef"),
        object_metrics: reference("objectMetrics"),
    }
}

fn options_json(options: &Options) -> Json {
    let reference = |options: ReferenceOptions| json!({"allowEmptyAPIGroup": options.allow_empty_group, "allowInvalidAPIVersion": options.allow_invalid_version});
    json!({
        "minReplicasLowerBound": options.min_replicas_lower_bound,
        "objectMetrics": reference(options.object_metrics),
        "scaleTargetRef": reference(options.scale_target_ref),
    })
}

/// Compares findings: field, type and text, in upstream's order unless that is random.
fn findings(case: &Json, errors: &[capstan_kubeapi::FieldError]) -> Result<(), String> {
    let mut got: Vec<Json> = errors
        .iter()
        .map(|error| json!({"field": error.field, "type": error.reason, "message": error.to_string()}))
        .collect();
    let mut wanted: Vec<Json> = list(case, "errors")
        .iter()
        .map(|e| json!({"field": text(e, "field"), "type": text(e, "type"), "message": text(e, "message")}))
        .collect();
    if case.get("unorderedErrors").is_some_and(|u| u != false) {
        got.sort_by_key(Json::to_string);
        wanted.sort_by_key(Json::to_string);
    }
    same("errors", &json!(got), &json!(wanted))?;
    same("valid", &json!(errors.is_empty()), field(case, "valid"))
}

/// Upstream runs these twice, with the rules written by hand and with those generated from the types
/// (`DeclarativeValidationTakeover`). Where the answers differ, the file has the case twice, and a number tells them apart.
fn strategy_case(case: &Json) -> Result<(), String> {
    let gates = Gates {
        scale_to_zero: field(case, "hpaScaleToZero") == true,
        ..Gates::default()
    };
    let mut object = object(case)?;
    let old = old(case);
    match old {
        Some(old) => strategy::prepare_update(&mut object, old, gates),
        None => strategy::prepare_create(&mut object, gates),
    }
    let options = strategy::validation_options(&object, old, gates);
    let name = text(case, "name");
    for (rules, mark) in [(Rules::Handwritten, "#1"), (Rules::Declarative, "#2")] {
        if !name.contains('#') || name.ends_with(mark) {
            findings(case, &validation::create(&object, &options, rules))
                .map_err(|error| format!("{rules:?}: {error}"))?;
        }
    }
    Ok(())
}

fn prepare(case: &Json) -> Result<(), String> {
    let gates = Gates {
        configurable_tolerance: field(case, "configurableTolerance") == true,
        ..Gates::default()
    };
    let mut object = field(case, "object").clone();
    match (text(case, "operation"), old(case)) {
        ("create", _) => strategy::prepare_create(&mut object, gates),
        (_, Some(old)) => strategy::prepare_update(&mut object, old, gates),
        (operation, None) => return Err(format!("nothing to {operation}")),
    }
    same("result", &object, field(case, "result"))
}

//! `conversion.json`: objects through other versions and back.

use std::path::Path;

use capstan_hpa::conversion::{self, Version};
use capstan_hpa::defaults;
use serde_json::{Map, Value as Json, json};

use super::{field, list, same, section, text};
use crate::report::CaseResult;
use crate::shared::CaseFile;

/// Runs every case of a file.
pub fn run_file(file: &Path) -> anyhow::Result<Vec<CaseResult>> {
    let CaseFile { stem, content } = CaseFile::read(file)?;
    let all =
        |name: &str, run: fn(&Json) -> Result<(), String>| section(&stem, name, list(&content, name), run);
    let mut results = all("specToV1", |case| {
        let got = conversion::spec_to_v1(field(case, "in"), case.get("outBefore"));
        same("spec", &got, field(case, "observed"))
    });
    results.extend(all("annotationRoundTrip", |case| {
        let version = version(case)?;
        let back = conversion::from_v2(version, &read(version, field(case, "in"))?);
        same(
            "object",
            &back.map_err(|e| e.to_string())?,
            field(case, "observed"),
        )
    }));
    results.extend(all("corpus", corpus));
    Ok(results)
}

fn version(object: &Json) -> Result<Version, String> {
    let name = text(object, "apiVersion");
    name.strip_prefix("autoscaling/")
        .and_then(Version::parse)
        .ok_or_else(|| format!("no version {name}"))
}

/// As a server reads an object: completed, then as v2.
fn read(version: Version, object: &Json) -> Result<Json, String> {
    let mut object = object.clone();
    defaults::apply(version, &mut object);
    conversion::to_v2(version, &object).map_err(|error| error.to_string())
}

fn shown(version: Version, v2: &Json) -> Result<Json, String> {
    conversion::from_v2(version, v2).map_err(|error| error.to_string())
}

/// Every step reads what the step before wrote, as another server would.
fn corpus(case: &Json) -> Result<(), String> {
    let input = field(case, "input");
    let v2 = shown(Version::V2, &read(version(input)?, input)?)?;
    same("v2", &v2, field(case, "v2"))?;
    let v1 = shown(Version::V1, &read(Version::V2, &v2)?)?;
    same("v1", &v1, field(case, "v1"))?;
    if let Some(wanted) = case.get("v2FromV1") {
        same("v2FromV1", &read(Version::V1, &v1)?, wanted)?;
    }
    if let Some(wanted) = case.get("v1AnnotationsDecoded") {
        let annotations = v1.pointer("/metadata/annotations").and_then(Json::as_object);
        let decoded: Map<String, Json> = annotations
            .into_iter()
            .flatten()
            .filter(|(key, _)| key.starts_with("autoscaling.alpha.kubernetes.io/"))
            .map(|(key, value)| {
                let value = serde_json::from_str(value.as_str().unwrap_or("")).unwrap_or(Json::Null);
                (key.clone(), value)
            })
            .collect();
        same("annotations", &json!(decoded), wanted)?;
    }
    older(&v2)
}

/// The versions that are gone have no recorded answers; an object must at least come back from them as it was.
fn older(v2: &Json) -> Result<(), String> {
    for version in [Version::V2Beta1, Version::V2Beta2] {
        let old = shown(version, v2)?;
        let back = conversion::to_v2(version, &old).map_err(|error| error.to_string())?;
        let spec = back.get("spec").unwrap_or(&Json::Null);
        same(version.name(), spec, field(v2, "spec"))?;
    }
    Ok(())
}

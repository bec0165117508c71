//! Compares the edges between crates with `layering.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    layers: BTreeMap<String, Vec<String>>,
    edges: BTreeMap<String, Vec<String>>,
    forbidden: BTreeMap<String, Vec<String>>,
    pure: Pure,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pure {
    layers: Vec<u32>,
    banned: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `None` for a normal dependency; tests may use what they like.
    kind: Option<String>,
}

/// Fails with every edge that the table does not allow.
pub(crate) fn check() -> Result<()> {
    let table: Table = toml::from_str(include_str!("../layering.toml")).context("xtask/layering.toml")?;
    let problems = problems(&table, &metadata()?);
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

fn metadata() -> Result<Metadata> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .output()
        .context("cargo metadata could not be started")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout).context("the answer of cargo metadata")
}

/// `capstan-flow` and the binary `capstan` are `flow` and `capstan` in the table.
fn short(name: &str) -> &str {
    name.strip_prefix("capstan-").unwrap_or(name)
}

fn problems(table: &Table, metadata: &Metadata) -> Vec<String> {
    let layer_of: BTreeMap<&str, u32> = table
        .layers
        .iter()
        .flat_map(|(layer, crates)| {
            let layer = layer.parse().unwrap_or(u32::MAX);
            crates.iter().map(move |name| (name.as_str(), layer))
        })
        .collect();
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.manifest_path.contains("/crates/"))
    {
        let from = short(&package.name);
        seen.insert(from);
        let Some(&layer) = layer_of.get(from) else {
            problems.push(format!("{from} is in no layer of xtask/layering.toml"));
            continue;
        };
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind.is_none())
        {
            let name = dependency.name.as_str();
            if table.pure.layers.contains(&layer) && table.pure.banned.iter().any(|banned| banned == name) {
                problems.push(format!("{from} is pure and must not use {name}"));
            }
            if !name.starts_with("capstan") {
                continue;
            }
            let to = short(name);
            let listed = |edges: &BTreeMap<String, Vec<String>>| {
                edges
                    .get(from)
                    .is_some_and(|edges| edges.iter().any(|edge| edge == to))
            };
            if listed(&table.forbidden) {
                problems.push(format!("{from} must never use {to}"));
            }
            match layer_of.get(to) {
                Some(&lower) if lower < layer => {}
                Some(&same) if same == layer && listed(&table.edges) => {}
                Some(_) => problems.push(format!(
                    "{from} must not use {to}: list the edge or turn it round"
                )),
                None => problems.push(format!("{from} uses {to}, which is in no layer")),
            }
        }
    }
    for name in layer_of.keys().filter(|name| !seen.contains(*name)) {
        problems.push(format!("xtask/layering.toml lists {name}, which is not a crate"));
    }
    problems.extend(cycles(table).map(|name| format!("the edges of {name} lead back to it")));
    problems
}

/// Crates that reach themselves along listed edges.
fn cycles(table: &Table) -> impl Iterator<Item = &str> {
    table.edges.keys().map(String::as_str).filter(|start| {
        let mut reached = BTreeSet::new();
        let mut open = vec![*start];
        while let Some(at) = open.pop() {
            for next in table.edges.get(at).into_iter().flatten() {
                if reached.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        reached.contains(start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_keep_to_the_table() {
        check().unwrap();
    }

    #[test]
    fn a_wrong_edge_is_found() {
        let table: Table = toml::from_str(include_str!("../layering.toml")).unwrap();
        let package = |name: &str, uses: &[&str]| Package {
            name: name.to_owned(),
            manifest_path: format!("/x/crates/{name}/Cargo.toml"),
            dependencies: uses
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                    kind: None,
                })
                .collect(),
        };
        let metadata = Metadata {
            packages: vec![
                package("capstan-tick", &["capstan-flow", "tokio"]),
                package("capstan-cluster", &["capstan-kube"]),
            ],
        };
        let found = problems(&table, &metadata).join("\n");
        for expected in [
            "tick must not use flow",
            "tick is pure and must not use tokio",
            "cluster must never use kube",
        ] {
            assert!(found.contains(expected), "{expected} is missing in\n{found}");
        }
    }
}

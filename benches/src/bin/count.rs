//! Instructions per point of the hottest pieces of work, counted by valgrind's callgrind, which a busy machine does not
//! disturb.
//!
//! `count` compares with `instructions.txt` and fails if a figure moved by more than 3 %; `count --bless` writes the file.

#![allow(clippy::print_stdout)] // this is a command-line program

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use capstan_benches::kernels::{KERNELS, Kernel, POINTS};

/// How far a figure may move before it must be looked at.
const TOLERANCE: f64 = 0.03;

/// Rounds that are counted.
const ROUNDS: usize = 10;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // What valgrind runs.
        [name, rounds] => {
            let kernel = KERNELS.iter().find(|kernel| kernel.name == name);
            (kernel.context("no such kernel")?.run)(rounds.parse()?);
            Ok(ExitCode::SUCCESS)
        }
        ["--bless"] => bless(),
        [] => compare(),
        _ => bail!("usage: count [--bless]"),
    }
}

fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt"))
}

fn bless() -> Result<ExitCode> {
    let mut text =
        String::from("# Instructions per point, by `make bench-count`; `count --bless` writes this file.\n");
    for kernel in &KERNELS {
        let figure = measure(kernel)?;
        println!("{:<16} {figure:.1}", kernel.name);
        writeln!(text, "{} {figure:.1}", kernel.name)?;
    }
    std::fs::write(file(), text)?;
    Ok(ExitCode::SUCCESS)
}

fn compare() -> Result<ExitCode> {
    let text = std::fs::read_to_string(file()).context("instructions.txt")?;
    let committed: BTreeMap<&str, f64> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, figure) = line.split_once(' ')?;
            Some((name, figure.trim().parse().ok()?))
        })
        .collect();
    let mut status = ExitCode::SUCCESS;
    for kernel in &KERNELS {
        let before = *committed
            .get(kernel.name)
            .with_context(|| format!("instructions.txt does not name {}", kernel.name))?;
        let now = measure(kernel)?;
        let change = now / before - 1.0;
        let verdict = if change.abs() <= TOLERANCE {
            ""
        } else {
            "  moved by more than 3 %"
        };
        println!(
            "{:<16} {now:>8.1} per point, committed {before:.1}, {:+.1} %{verdict}",
            kernel.name,
            change * 100.0
        );
        if !verdict.is_empty() {
            status = ExitCode::FAILURE;
        }
    }
    Ok(status)
}

/// Instructions of ten rounds more, per point: what getting ready takes drops out.
fn measure(kernel: &Kernel) -> Result<f64> {
    let (short, long) = (count(kernel.name, 2)?, count(kernel.name, 2 + ROUNDS)?);
    Ok(long.saturating_sub(short) as f64 / (ROUNDS * POINTS) as f64)
}

fn count(name: &str, rounds: usize) -> Result<u64> {
    let own = std::env::current_exe()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(own)
        .args([name, &rounds.to_string()])
        .output()
        .context("valgrind could not be started (Debian: apt install valgrind)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    let line = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, counted) = line.with_context(|| format!("callgrind did not count: {said}"))?;
    Ok(counted.trim().parse()?)
}

//! What became of each case, in one shape for every runner.

use std::collections::BTreeMap;

use serde::Serialize;

/// One case, one result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// The case's name for stream and batch, else `<file>#<id>`.
    pub id: String,
    /// `stream`, `batch`, `lambda`, or `tick:<file kind>`.
    pub kind: String,
    /// What became of it.
    pub status: Status,
    /// Kinds of nodes the case uses.
    pub nodes: Vec<String>,
    /// Why it failed or was skipped.
    pub detail: String,
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Status {
    #[serde(rename = "passed")]
    Pass,
    #[serde(rename = "failed")]
    Fail,
    /// It needs something that is not built.
    #[serde(rename = "skipped")]
    Skip,
}

impl CaseResult {
    /// A case that passed if `outcome` says so; its error is the detail.
    pub fn of(id: String, kind: String, outcome: Result<(), String>) -> Self {
        let (status, detail) = match outcome {
            Ok(()) => (Status::Pass, String::new()),
            Err(detail) => (Status::Fail, detail),
        };
        Self {
            id,
            kind,
            status,
            nodes: Vec::new(),
            detail,
        }
    }
}

/// How many cases of some sort ended in which way.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    fn add(&mut self, status: Status) {
        match status {
            Status::Pass => self.passed += 1,
            Status::Fail => self.failed += 1,
            Status::Skip => self.skipped += 1,
        }
    }

    fn line(self, of: &str) -> String {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        let total = passed + failed + skipped;
        format!("{of:<20} {passed:>5} of {total:>5} passed, {failed} failed, {skipped} skipped\n")
    }
}

/// The results of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub cases: Vec<CaseResult>,
}

impl Report {
    /// `{"cases": [{"id", "kind", "status": "passed|failed|skipped", "nodes": […], "detail"}]}`.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// Two tables: a line per kind of case with the sum, and a line per kind of node with the cases that use it.
    pub fn summary(&self) -> String {
        let mut kinds: BTreeMap<&str, Counts> = BTreeMap::new();
        let mut nodes: BTreeMap<&str, Counts> = BTreeMap::new();
        let mut sum = Counts::default();
        for case in &self.cases {
            kinds.entry(&case.kind).or_default().add(case.status);
            sum.add(case.status);
            for node in &case.nodes {
                nodes.entry(node).or_default().add(case.status);
            }
        }
        let mut out = String::new();
        for (kind, counts) in kinds.into_iter().chain([("all", sum)]) {
            out.push_str(&counts.line(kind));
        }
        if !nodes.is_empty() {
            out.push_str("\ncases by node\n");
        }
        for (node, counts) in nodes {
            out.push_str(&counts.line(node));
        }
        out
    }

    /// The cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CaseResult> {
        self.cases.iter().filter(|case| case.status == Status::Fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_by_kind_and_prints_as_json() {
        let mut report = Report::default();
        report
            .cases
            .push(CaseResult::of("f#1".to_owned(), "tick:lex".to_owned(), Ok(())));
        report.cases.push(CaseResult::of(
            "f#2".to_owned(),
            "tick:lex".to_owned(),
            Err("why".to_owned()),
        ));
        report.cases[0].nodes = vec!["from".to_owned(), "window".to_owned()];
        report.cases[1].nodes = vec!["from".to_owned()];
        assert_eq!(
            report.summary(),
            "tick:lex                 1 of     2 passed, 1 failed, 0 skipped\n\
             all                      1 of     2 passed, 1 failed, 0 skipped\n\
             \n\
             cases by node\n\
             from                     1 of     2 passed, 1 failed, 0 skipped\n\
             window                   1 of     1 passed, 0 failed, 0 skipped\n"
        );
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(
            json["cases"][1],
            serde_json::json!({"id": "f#2", "kind": "tick:lex", "status": "failed", "nodes": ["from"], "detail": "why"})
        );
        assert_eq!(report.failed().count(), 1);
    }
}

//! Outcomes as text for people, as JSON, and as JUnit's XML for build servers.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::{Case, Failure, Line, Mark, Outcome};

/// The cases of one file with their outcomes.
#[derive(Debug)]
pub struct Tested {
    pub file: String,
    pub cases: Vec<(Case, Outcome)>,
}

impl Tested {
    /// How many cases passed, and how many did not.
    pub fn counts(&self) -> (usize, usize) {
        let passed = self.cases.iter().filter(|(_, outcome)| outcome.passed()).count();
        (passed, self.cases.len() - passed)
    }
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    fn odd(self, text: &str) -> String {
        self.with("33", text)
    }

    fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    fn line(self, line: &Line) -> String {
        match line.mark {
            Mark::Same => self.faint(&format!("  {}", line.text)),
            Mark::Missing => self.bad(&format!("- {}", line.text)),
            Mark::Extra => self.good(&format!("+ {}", line.text)),
            Mark::Changed => self.odd(&format!("~ {}", line.text)),
            Mark::Note => format!("    {}", line.text),
        }
    }
}

/// A file's cases, the failed ones with what was expected and what happened.
pub fn text(tested: &Tested, paint: Paint) -> String {
    let mut out = format!("{}\n", tested.file);
    for (case, outcome) in &tested.cases {
        // Writing to a String cannot fail, here and below.
        if outcome.passed() {
            let _ = writeln!(out, "  {} {}", paint.good("ok  "), case.name);
            continue;
        }
        let place = paint.faint(&format!("({}:{})", tested.file, case.at.line));
        let _ = writeln!(out, "  {} {} {place}", paint.bad("FAIL"), case.name);
        if let Some(error) = &outcome.error {
            for line in error.trim_end().lines() {
                let _ = writeln!(out, "      {line}");
            }
        }
        for failure in &outcome.failures {
            write_failure(&mut out, failure, &tested.file, paint);
        }
        if outcome.failures.iter().any(has_diff) {
            let legend = "- expected, did not happen   + happened, not expected   ~ happened differently";
            let _ = writeln!(out, "      {}", paint.faint(legend));
        }
    }
    out
}

fn has_diff(failure: &Failure) -> bool {
    let is_diff = |line: &Line| matches!(line.mark, Mark::Missing | Mark::Extra | Mark::Changed);
    failure.lines.iter().any(is_diff)
}

fn write_failure(out: &mut String, failure: &Failure, file: &str, paint: Paint) {
    let place = match failure.at {
        Some(at) => paint.faint(&format!("  ({file}:{})", at.line)),
        None => String::new(),
    };
    let _ = writeln!(out, "      {}{place}", failure.what);
    for line in &failure.lines {
        let _ = writeln!(out, "        {}", paint.line(line));
    }
}

/// The last line: how many passed and failed.
pub fn total(all: &[Tested], paint: Paint) -> String {
    let (mut passed, mut failed) = (0, 0);
    for (good, bad) in all.iter().map(Tested::counts) {
        passed += good;
        failed += bad;
    }
    let good = format!("{passed} passed");
    let bad = format!("{failed} failed");
    match (passed, failed) {
        (_, 0) => paint.good(&good),
        _ => format!("{good}, {}", paint.bad(&bad)),
    }
}

/// What of an outcome is wrong, without colours.
fn detail(outcome: &Outcome, file: &str) -> String {
    let mut out = outcome.error.clone().unwrap_or_default();
    for failure in &outcome.failures {
        write_failure(&mut out, failure, file, Paint(false));
    }
    out
}

/// Everything as one JSON value.
pub fn json(all: &[Tested]) -> Json {
    let line = |line: &Line| {
        let mark = match line.mark {
            Mark::Same => "same",
            Mark::Missing => "missing",
            Mark::Extra => "extra",
            Mark::Changed => "changed",
            Mark::Note => "note",
        };
        json!({"mark": mark, "text": line.text})
    };
    let failure = |failure: &Failure| {
        json!({
            "what": failure.what,
            "line": failure.at.map(|at| at.line),
            "diff": failure.lines.iter().map(line).collect::<Vec<_>>(),
        })
    };
    let case = |(case, outcome): &(Case, Outcome)| {
        json!({
            "name": case.name,
            "line": case.at.line,
            "status": if outcome.passed() { "passed" } else { "failed" },
            "error": outcome.error,
            "failures": outcome.failures.iter().map(failure).collect::<Vec<_>>(),
        })
    };
    let file = |tested: &Tested| json!({"file": tested.file, "cases": tested.cases.iter().map(case).collect::<Vec<_>>()});
    let counts = all.iter().map(Tested::counts);
    let (passed, failed) = counts.fold((0, 0), |(a, b), (good, bad)| (a + good, b + bad));
    json!({"passed": passed, "failed": failed, "files": all.iter().map(file).collect::<Vec<_>>()})
}

/// Everything as JUnit's XML: a suite per file.
pub fn junit(all: &[Tested]) -> String {
    let (mut passed, mut failed) = (0, 0);
    for (good, bad) in all.iter().map(Tested::counts) {
        passed += good;
        failed += bad;
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"capstan tick test\" tests=\"{}\" failures=\"{failed}\">",
        passed + failed
    );
    for tested in all {
        let (good, bad) = tested.counts();
        let file = escaped(&tested.file);
        let _ = writeln!(
            out,
            "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{bad}\">",
            good + bad
        );
        for (case, outcome) in &tested.cases {
            let name = escaped(&case.name);
            let head = format!(
                "    <testcase name=\"{name}\" classname=\"{file}\" file=\"{file}\" line=\"{}\"",
                case.at.line
            );
            if outcome.passed() {
                let _ = writeln!(out, "{head}/>");
                continue;
            }
            let first = outcome.failures.first().map(|failure| failure.what.as_str());
            let first = first.or_else(|| outcome.error.as_deref()?.lines().next());
            let _ = writeln!(
                out,
                "{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                escaped(first.unwrap_or_default()),
                escaped(&detail(outcome, &tested.file))
            );
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Text as XML may hold it; characters that no XML may hold are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

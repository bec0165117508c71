//! Every recorded case of validation and conversion of `HorizontalPodAutoscaler`.

use capstan_testkit::hpa_cases::{conversion, validation};
use capstan_testkit::report::Report;
use capstan_testkit::shared;

#[test]
fn every_case_gives_upstreams_answer() {
    let Some(folder) = shared::folder("hpa") else {
        return;
    };
    let mut report = Report::default();
    report
        .cases
        .extend(validation::run_file(&folder.join("validation.json")).expect("a file of cases"));
    report
        .cases
        .extend(conversion::run_file(&folder.join("conversion.json")).expect("a file of cases"));
    println!("{}", report.summary());
    let failed: Vec<String> = report
        .failed()
        .map(|c| format!("{}: {}", c.id, c.detail))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(report.cases.len() > 200, "{} cases", report.cases.len());
}

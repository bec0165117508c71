//! Every case of `hpa`: upstream's HPA tests and random cases computed by its code.

use capstan_testkit::hpa_cases;
use capstan_testkit::report::{Report, Status};
use capstan_testkit::shared;

#[test]
fn every_case_gives_upstreams_answer() {
    let Some(folder) = shared::folder("hpa") else {
        return;
    };
    let report = Report {
        cases: hpa_cases::run_folder(&folder).expect("a folder of cases"),
    };
    println!("{}", report.summary());
    let failed: Vec<String> = report
        .failed()
        .map(|case| format!("{}: {}", case.id, case.detail))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let passed = report
        .cases
        .iter()
        .filter(|case| case.status == Status::Pass)
        .count();
    assert!(passed > 4000, "{passed} cases");
}

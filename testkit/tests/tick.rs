//! Every case of the language, through the code that tasks and tools run.

use capstan_testkit::report::Report;
use capstan_testkit::{shared, tick_cases};

#[test]
fn tick_cases_pass() {
    let Some(folder) = shared::folder("conformance/tick") else {
        return;
    };
    let report = Report {
        cases: tick_cases::run_folder(&folder).expect("the cases can be read"),
    };
    for case in report.failed() {
        println!("{} {}: {}", case.kind, case.id, case.detail);
    }
    print!("{}", report.summary());
    assert!(!report.cases.is_empty());
    assert_eq!(report.failed().count(), 0);
}

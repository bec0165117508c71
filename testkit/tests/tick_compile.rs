//! Every case that evaluates a script whose nodes are built.

use capstan_testkit::report::Report;
use capstan_testkit::{shared, tick_compile_cases};

#[test]
fn scripts_mean_what_they_should() {
    let Some(folder) = shared::folder("conformance/tick") else {
        return;
    };
    let report = Report {
        cases: tick_compile_cases::run_folder(&folder).expect("the cases can be read"),
    };
    for case in report.failed() {
        println!("{} {}: {}", case.kind, case.id, case.detail);
    }
    print!("{}", report.summary());
    assert!(!report.cases.is_empty());
    assert_eq!(report.failed().count(), 0);
}

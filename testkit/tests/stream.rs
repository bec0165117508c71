//! Every stream and batch case whose nodes are built, through the code that tasks run.

use capstan_testkit::report::Report;
use capstan_testkit::{shared, stream_cases};

#[test]
fn stream_and_batch_cases_pass() {
    let (Some(stream), Some(batch)) = (
        shared::folder("conformance/stream"),
        shared::folder("conformance/batch"),
    ) else {
        return;
    };
    let mut report = Report::default();
    for folder in [stream, batch] {
        report
            .cases
            .extend(stream_cases::run_folder(&folder).expect("the cases can be read"));
    }
    for case in report.failed() {
        println!("{}: {}", case.id, case.detail);
    }
    print!("{}", report.summary());
    assert!(!report.cases.is_empty());
    assert_eq!(report.failed().count(), 0);
}

#[test]
fn a_restart_in_the_middle_of_a_case_changes_nothing() {
    let mut report = Report::default();
    for folder in ["conformance/stream", "conformance/batch"] {
        let Some(folder) = shared::folder(folder) else {
            return;
        };
        report
            .cases
            .extend(stream_cases::restart_folder(&folder).expect("the cases can be read"));
    }
    for case in report.failed() {
        println!("{}: {}", case.id, case.detail);
    }
    print!("{}", report.summary());
    assert!(!report.cases.is_empty());
    assert_eq!(report.failed().count(), 0);
}

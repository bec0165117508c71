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

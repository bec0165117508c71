//! Every lambda case, through the code that tasks run.

use capstan_testkit::{lambda_cases, report::Status, shared};

#[test]
fn lambda_cases_pass() {
    let Some(folder) = shared::folder("conformance/lambda") else {
        return;
    };
    let results = lambda_cases::run_folder(&folder).expect("the cases can be read");
    let failed: Vec<_> = results
        .iter()
        .filter(|result| result.status == Status::Fail)
        .collect();
    for result in &failed {
        println!("{}: {}", result.id, result.detail);
    }
    println!(
        "lambda: {} of {} cases pass",
        results.len() - failed.len(),
        results.len()
    );
    assert!(!results.is_empty());
    assert!(
        failed.len() * 100 <= results.len(),
        "{} of {} lambda cases fail",
        failed.len(),
        results.len()
    );
}

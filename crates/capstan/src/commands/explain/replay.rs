//! Computing recorded decisions again.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use capstan_hpa::reconcile;
use capstan_hpa::record::{Input, Record, Source};

/// Computes each decision again and says what came of it. Exit status 1 when an answer is another one, or when nothing
/// could be computed.
pub(super) fn all(out: &mut impl Write, records: &[&Record], quiet: bool) -> Result<ExitCode> {
    let (mut computed, mut differing) = (0, 0);
    for record in records {
        match again(record) {
            Again::NoInputs => writeln!(
                out,
                "\nreplay: {} was recorded without what it was made from",
                record.time
            )?,
            Again::OutOfStep => {
                differing += 1;
                writeln!(
                    out,
                    "\nreplay: {} cannot be computed again: it now asks for something that it was not given then",
                    record.time
                )?;
            }
            Again::Same => {
                computed += 1;
                if !quiet {
                    writeln!(
                        out,
                        "\nreplay: {} computed again, the same answer: {}",
                        record.time, record.final_desired_replicas
                    )?;
                }
            }
            Again::Differs(other) => {
                differing += 1;
                writeln!(
                    out,
                    "\nreplay: {} computed again, another answer: {} then, {} now\n\nthen\n{}\n\nnow\n{}",
                    record.time,
                    record.final_desired_replicas,
                    other.final_desired_replicas,
                    record.explain(),
                    other.explain()
                )?;
            }
        }
    }
    Ok(if differing == 0 && computed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[derive(Debug)]
enum Again {
    NoInputs,
    OutOfStep,
    Same,
    Differs(Box<Record>),
}

fn again(record: &Record) -> Again {
    let Some(inputs) = record.replay.as_deref() else {
        return Again::NoInputs;
    };
    let Some(outcome) = reconcile::replay(inputs) else {
        return Again::OutOfStep;
    };
    // How often it was decided and what was known before are not part of the decision.
    let plain = |record: &Record| Record {
        inputs: record
            .inputs
            .iter()
            .map(|input| Input {
                last_good: None,
                ..input.clone()
            })
            .collect(),
        count: 1,
        last_time: None,
        replay: None,
        // Computed as an HPA, whatever it is.
        source: Source::hpa(""),
        ..record.clone()
    };
    if plain(&outcome.record) == plain(record) {
        Again::Same
    } else {
        Again::Differs(Box::new(outcome.record))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use capstan_hpa::api_error::ApiError;
    use capstan_hpa::reconcile::{Answer, Request, Start, run};
    use serde_json::json;

    use super::*;

    fn decided() -> Record {
        let hpa = json!({"metadata": {"namespace": "n", "name": "web"},
            "spec": {"minReplicas": 3, "maxReplicas": 9,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
        let start = Start {
            hpa: Arc::new(serde_json::from_value(hpa).unwrap()),
            memory: capstan_hpa::memory::Memory::default(),
            options: Arc::default(),
            keep_inputs: true,
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let outcome = run(start, now, |request| {
            let answer = match request {
                Request::MapKind { .. } => Answer::Mappings(vec![reconcile::Mapping {
                    group: "apps".into(),
                    version: "v1".into(),
                    resource: "deployments".into(),
                }]),
                Request::GetScale { .. } => Answer::Object(json!({"spec": {"replicas": 1}})),
                Request::PutScale { .. } | Request::PutStatus { .. } | Request::Event(_) => Answer::Done,
                other => Answer::Failed(ApiError::text(format!("not expected: {other:?}"))),
            };
            (answer, now)
        });
        // As it comes from the API.
        serde_json::from_value(serde_json::to_value(outcome.record).unwrap()).unwrap()
    }

    #[test]
    fn a_decision_that_was_tampered_with_is_found_out() {
        let record = decided();
        assert_eq!(record.final_desired_replicas, 3);
        assert!(matches!(again(&record), Again::Same), "{:?}", again(&record));
        let mut out = Vec::new();
        assert_eq!(all(&mut out, &[&record], false).unwrap(), ExitCode::SUCCESS);
        let mut other = record.clone();
        other.final_desired_replicas = 4;
        assert_eq!(all(&mut out, &[&other], false).unwrap(), ExitCode::FAILURE);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("another answer: 4 then, 3 now"), "{text}");
        let mut short = record.clone();
        short.replay.as_mut().unwrap().answers.pop();
        assert!(matches!(again(&short), Again::OutOfStep));
        short.replay = None;
        assert!(matches!(again(&short), Again::NoInputs));
    }
}

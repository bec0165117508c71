//! What collectors of one value have in common.

use capstan_kubeapi::Quantity;
use capstan_metrics::{Sample, Series};
use jiff::Timestamp;

use crate::collector::{Collected, Wanted};
use crate::prometheus::labels;

/// The series of an External metric: the HPA's namespace, the labels that its selector asks for.
pub(crate) fn external(wanted: &Wanted) -> Series {
    Series::External {
        metric: wanted.name().to_owned(),
        namespace: wanted.namespace.clone(),
        labels: labels(wanted),
    }
}

/// One value, true at a moment, and what is doubtful about it.
pub(crate) fn collected(series: &Series, value: Quantity, at: Timestamp, doubts: &[String]) -> Collected {
    let sample = Sample {
        value,
        at,
        window: None,
    };
    Collected {
        samples: vec![(series.clone(), sample)],
        missing: (!doubts.is_empty()).then(|| doubts.join("; ")),
    }
}

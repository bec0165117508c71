//! Metric values with their ages: filled by collectors, read by the metrics APIs.
//!
//! A value belongs to the collector that published it and is believed until it is older than that collector said. What
//! is too old, or never came, is an error and not a zero: a reader can only get a value that is fresh, or be told why
//! there is none.
//!
//! | module | what |
//! |---|---|
//! | [`series`] | which metric of which object; which external metric |
//! | [`store`] | values, their ages, and what went wrong |

pub mod series;
pub mod store;

pub use series::{GroupResource, Labels, Series};
pub use store::{Absence, Expected, Names, ObjectMetric, Owner, Reading, Refusal, Sample, State, Store};

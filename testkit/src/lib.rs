//! Runs the reference cases against the product, through the code that users run.
//!
//! | module | what |
//! |---|---|
//! | [`report`] | one result per case |
//! | [`shared`] | where the reference data lives |
//! | [`lambda_cases`] | `conformance/lambda` |
//! | [`tick_cases`] | `conformance/tick`: lex, parse, format, canonical |

#![allow(clippy::print_stdout)] // what is skipped and why must be seen

pub mod lambda_cases;
pub mod report;
pub mod shared;
pub mod tick_cases;

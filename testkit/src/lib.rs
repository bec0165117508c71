//! Runs the reference cases against the product, through the code that users run.
//!
//! | module | what |
//! |---|---|
//! | [`report`] | one result per case |
//! | [`runner`] | the command line of the runners |
//! | [`shared`] | where the reference data lives |
//! | [`fake_udf`] | the function of the user's of cases with `env.udf` |
//! | [`hpa_cases`] | `hpa`: upstream's HPA tests and random cases from its code |
//! | [`lambda_cases`] | `conformance/lambda` |
//! | [`stream_cases`] | `conformance/stream` and `conformance/batch` |
//! | [`tick_compile_cases`] | `conformance/tick`: compile, vars, pipelineJSON |
//! | [`tick_cases`] | `conformance/tick`: lex, parse, format, canonical |

#![allow(clippy::print_stdout)] // what is skipped and why must be seen

pub mod fake_udf;
pub mod hpa_cases;
pub mod lambda_cases;
pub mod outside;
pub mod report;
pub mod runner;
pub mod script_nodes;
pub mod shared;
pub mod stream_cases;
pub mod tick_cases;
pub mod tick_compile_cases;

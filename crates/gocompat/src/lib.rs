//! Go behaviour that scripts, templates and clients depend on, so that what was written for a Go program means the same here.
//!
//! Everything is a pure function of its arguments. This crate knows nothing of TICKscript, points, Kubernetes, files or clocks.
//! Errors print in Go's words, because users search for them.
//!
//! ```
//! use capstan_gocompat::{duration, strconv, Regexp};
//!
//! assert_eq!(duration::format_go(90_000_000_000), "1m30s");
//! assert_eq!(duration::format_influx(90_000_000_000), "90s");
//! assert_eq!(strconv::format_float_g(1_000_000.0), "1e+06");
//! assert!(Regexp::new(r"^\Qa.b\E$").unwrap().is_match("a.b"));
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`duration`] | `time.ParseDuration`, `Duration.String`, and InfluxQL's durations |
//! | [`strconv`] | numbers, booleans and quoted strings |
//! | [`regexp`] | RE2 syntax and `$1` expansion on the `regex` crate |
//! | [`path_match`](mod@path_match) | `path.Match` |
//! | [`time_layout`] | `Time.Format` |
//! | [`unicode`] | character classes |
//! | [`value`] | what templates and verbs are given: values that stand for Go types |
//! | [`fmt`](mod@fmt) | `Sprintf`, `Sprint`, `Sprintln` and their verbs |
//! | [`json`] | `json.Marshal` of those values |
//! | [`template`] | `text/template` and, in [`template::html`], `html/template` |

pub mod duration;
pub mod fmt;
pub mod json;
pub mod path_match;
pub mod regexp;
pub mod strconv;
pub mod template;
pub mod time_layout;
pub mod unicode;
pub mod value;

pub use duration::DurationError;
pub use path_match::{BadPattern, path_match};
pub use regexp::{Regexp, RegexpError};
pub use value::Value;

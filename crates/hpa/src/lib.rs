//! Scale decisions: how many replicas, why, and what held a change back.
//!
//! Values in, values out. No client, no clock, no files: the caller says what time it is, what the object has now and
//! what was asked for, and writes the outcome itself. What this crate adds is arithmetic that can explain itself.
//!
//! ```
//! use capstan_hpa::cooldown::{Limits, State, decide};
//! use capstan_hpa::{Direction, Source, Target};
//!
//! let limits = Limits { min: 1, max: 4, increase_cooldown: 60_000_000_000, decrease_cooldown: 0 };
//! let mut state = State::default();
//! let decision = decide(&state, &limits, 0, 1, 7);
//! assert_eq!((decision.desired, decision.direction), (4, Direction::ScaleUp));
//! state.applied(decision.direction, 0); // once the write has succeeded
//!
//! let target = Target::new("apps/v1", "Deployment", "demo", "app");
//! let record = decision.record(target, Source::task("autoscale", "k8s_autoscale6"));
//! assert_eq!(record.summary(), "Deployment demo/app: 1 -> 4 (asked for 7, limited by max)");
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`autoscaling`] | the `HorizontalPodAutoscaler` object, as upstream writes it |
//! | [`wire`] | the object as JSON in every version: fields, their order, what is left out |
//! | [`conversion`] | v1, v2beta1, v2beta2 to and from v2 |
//! | [`defaults`], [`strategy`], [`validation`] | what an API server does to an object and asks of it |
//! | [`reconcile`] | one sync of an HPA: requests out, answers in, a decision at the end |
//! | [`replica_calculator`] | what one metric asks for |
//! | [`stabilize`], [`behavior`], [`limits`] | what earlier recommendations, policies and bounds leave of it |
//! | [`memory`], [`options`] | what is remembered between syncs, and the settings with feature gates |
//! | [`metrics`], [`pod`], [`conditions`], [`api_error`], [`go`] | what it reads and writes |
//! | [`record`] | the decision record, its JSON, its text, why nothing happened, and a bounded log of records |
//! | [`cooldown`] | `k8sAutoscale`'s arithmetic: limits, cooldowns, directions |

pub mod api_error;
pub mod autoscaling;
pub mod behavior;
pub mod conditions;
pub mod conversion;
pub mod cooldown;
pub mod defaults;
mod gates;
pub mod go;
pub mod limits;
pub mod memory;
pub mod metrics;
pub mod options;
pub mod pod;
pub mod reconcile;
pub mod record;
pub mod replica_calculator;
pub mod stabilize;
pub mod strategy;
pub mod validation;
pub mod wire;

pub use cooldown::{Decision, Hold, Limits, LimitsError, State, decide};
pub use record::{Age, Direction, Input, Pushed, Record, Ring, Source, Step, Target, Write, WriteStatus};

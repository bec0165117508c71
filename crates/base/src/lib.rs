//! Vocabulary that every Capstan crate shares: time, error classes, and the string interner.
//!
//! Deliberately absent: async, I/O, HTTP, Kubernetes. Everything here can be used on a virtual clock.
//!
//! | module | what |
//! |---|---|
//! | [`clock`] | the only source of time; system and virtual |
//! | [`error`] | what an error means to the caller, independent of its text |
//! | [`symbol`] | strings interned to a `u32` |

pub mod clock;
pub mod error;
pub mod symbol;

pub use clock::{Clock, SharedClock, SystemClock, VirtualClock};
pub use error::{Class, Classify, Retry};
pub use symbol::{Symbol, Symbols};

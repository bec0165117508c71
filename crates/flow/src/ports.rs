//! The outside world as nodes see it. The binary wires real implementations in; tests and offline runs wire fakes.

pub mod scaler;

pub use scaler::{ScaleAnswer, ScaleError, ScaleReason, ScaleRequest, ScaleSink, ScaleState, ScaleTarget, Scaler};

//! The value of schedules at a moment.

use jiff::Timestamp;

use super::Rules;
use super::spec::Spec;
use super::when::{ScheduleError, Span, spans};

const MINUTE: i128 = 60_000_000_000;

/// A value, and what is doubtful about the schedules it is from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Valued {
    /// The value.
    pub value: i64,
    /// Time zones that are not known.
    pub remarks: Vec<String>,
}

/// The highest value of all schedules: theirs while they are, a part of it in the window before and after, else 0.
///
/// # Errors
/// When a schedule cannot be read. One is enough, for nobody knows whether its value would have been the highest.
pub fn value(spec: &Spec, now: Timestamp, rules: &Rules) -> Result<Valued, ScheduleError> {
    let window = window(spec, rules)?;
    let mut found = Valued::default();
    for (at, schedule) in spec.schedules.iter().enumerate() {
        let spans = spans(schedule, now, window, rules)?;
        for span in spans.all {
            let value = in_span(
                span,
                now.as_nanosecond(),
                window,
                rules.ramp_steps,
                schedule.value,
            );
            found.value = found.value.max(value);
        }
        found
            .remarks
            .extend(spans.remark.map(|remark| format!("schedules[{at}]: {remark}")));
    }
    Ok(found)
}

/// The highest value of the schedules that are, or whose window is; `None` if none is.
///
/// # Errors
/// As [`value`].
pub fn highest_active(spec: &Spec, now: Timestamp, rules: &Rules) -> Result<Option<i64>, ScheduleError> {
    let window = window(spec, rules)?;
    let now_nanos = now.as_nanosecond();
    let mut highest = None;
    for schedule in &spec.schedules {
        let active = spans(schedule, now, window, rules)?
            .all
            .into_iter()
            .any(|span| (span.start - window..span.end + window).contains(&now_nanos));
        if active {
            highest = highest.max(Some(schedule.value.max(0)));
        }
    }
    Ok(highest)
}

fn window(spec: &Spec, rules: &Rules) -> Result<i128, ScheduleError> {
    let nanos = match spec.window_minutes {
        Some(minutes) => i128::from(minutes) * MINUTE,
        None => i128::try_from(rules.window.as_nanos()).unwrap_or(i128::from(i64::MAX)),
    };
    if nanos < 0 {
        return Err(ScheduleError::NegativeWindow);
    }
    Ok(nanos)
}

fn in_span(span: Span, now: i128, window: i128, steps: u32, value: i64) -> i64 {
    let Span { start, end } = span;
    if (start..end).contains(&now) {
        value
    } else if (start - window..start).contains(&now) {
        ramp(now - (start - window), window, steps, value)
    } else if (end..end + window).contains(&now) {
        ramp(end + window - now, window, steps, value)
    } else {
        0
    }
}

/// Steps and not a slope, for an HPA ignores changes within its tolerance.
fn ramp(into: i128, window: i128, steps: u32, value: i64) -> i64 {
    let steps = f64::from(steps.max(1));
    let part = into as f64 / window as f64;
    ((part * steps).floor() * (value as f64 / steps)) as i64
}

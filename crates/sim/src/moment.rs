//! Times relative to a start, and durations, as people write them.

use capstan_gocompat::{duration, time_layout};

/// A time as it is written: relative to a start or as an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nanoseconds after the start.
    After(i64),
    /// Nanoseconds since the Unix epoch.
    At(i64),
}

impl Moment {
    /// Reads `+2m`, `-10s`, `0s` or an RFC 3339 time.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('+') {
            return parse_duration(rest).filter(|nanos| *nanos >= 0).map(Self::After);
        }
        parse_duration(text)
            .map(Self::After)
            .or_else(|| time_layout::parse_rfc3339(text).map(Self::At))
    }

    /// The instant, when the run starts at `start`.
    pub fn instant(self, start: i64) -> i64 {
        match self {
            Self::After(nanos) => start.saturating_add(nanos),
            Self::At(nanos) => nanos,
        }
    }
}

/// Reads a duration in TICKscript's units, `90s`, `1h30m`, `500ms`; `None` when it is none.
pub fn parse_duration(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    duration::parse_influx(text).ok()
}

/// A duration in few words: `2m10s`, `1h`, `0s`.
pub fn duration_text(nanos: i64) -> String {
    let text = duration::format_go(nanos);
    let text = match text.strip_suffix("m0s") {
        Some(rest) => format!("{rest}m"),
        None => text,
    };
    match text.strip_suffix("h0m") {
        Some(rest) => format!("{rest}h"),
        None => text,
    }
}

/// How long after the start: `+2m10s`, `-10s`.
pub fn offset_text(nanos: i64) -> String {
    let text = duration_text(nanos);
    if nanos < 0 { text } else { format!("+{text}") }
}

/// An instant in RFC 3339 with as many digits as it needs.
pub fn rfc3339(nanos: i64) -> String {
    time_layout::format_rfc3339_nano(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn moments_are_read_and_printed() {
        assert_eq!(Moment::parse("+1h30m"), Some(Moment::After(5_400 * SECOND)));
        assert_eq!(Moment::parse("-10s"), Some(Moment::After(-10 * SECOND)));
        assert_eq!(Moment::parse("0"), Some(Moment::After(0)));
        assert_eq!(
            Moment::parse("1970-01-01T00:00:05Z"),
            Some(Moment::At(5 * SECOND))
        );
        assert_eq!(Moment::parse("+-5s"), None);
        assert_eq!(Moment::parse("soon"), None);
        for (nanos, text) in [
            (0, "+0s"),
            (120 * SECOND, "+2m"),
            (130 * SECOND, "+2m10s"),
            (3_600 * SECOND, "+1h"),
            (3_660 * SECOND, "+1h1m"),
            (-10 * SECOND, "-10s"),
            (1_500_000_000, "+1.5s"),
            (10 * 60 * SECOND, "+10m"),
        ] {
            assert_eq!(offset_text(nanos), text);
        }
    }
}

//! Durations on the command line: `90s`, `1m30s`, or plain seconds.

use std::time::Duration;

/// Reads a duration above zero.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let nanos = match text.parse::<u32>() {
        Ok(seconds) => i64::from(seconds) * 1_000_000_000,
        Err(_) => capstan_gocompat::duration::parse_go(text).map_err(|error| error.to_string())?,
    };
    match u64::try_from(nanos) {
        Ok(nanos) if nanos > 0 => Ok(Duration::from_nanos(nanos)),
        _ => Err(format!("{text:?} is not above zero")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_need_no_unit() {
        assert_eq!(parse("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("1m30s"), Ok(Duration::from_secs(90)));
        assert!(parse("0").is_err());
        assert!(parse("-5s").is_err());
        assert!(parse("soon").is_err());
    }
}

//! What a schedule says.

use serde::Deserialize;
use serde_json::Value;

/// `spec` of a `ScalingSchedule` or `ClusterScalingSchedule`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spec {
    /// `scalingWindowDurationMinutes`: for how long values rise before a schedule and fall after it.
    pub window_minutes: Option<i64>,
    /// The highest of their values counts.
    pub schedules: Vec<Schedule>,
}

/// One time at which a value is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Once or every week.
    #[serde(rename = "type")]
    pub kind: ScheduleType,
    /// Begin of a `OneTime` schedule, RFC 3339.
    #[serde(default)]
    pub date: Option<String>,
    /// End of a `OneTime` schedule, RFC 3339.
    #[serde(default)]
    pub end_date: Option<String>,
    /// When a `Repeating` schedule is.
    #[serde(default)]
    pub period: Option<Period>,
    /// For how long; the later of this and the given end counts.
    #[serde(default)]
    pub duration_minutes: i64,
    /// The value.
    pub value: i64,
}

/// How often a schedule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ScheduleType {
    /// At a date.
    OneTime,
    /// On days of the week.
    Repeating,
}

/// When a `Repeating` schedule is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Period {
    /// `HH:MM`.
    pub start_time: String,
    /// `HH:MM`; on the next day if it is before the start.
    #[serde(default)]
    pub end_time: Option<String>,
    /// The days it starts on.
    pub days: Vec<Day>,
    /// IANA name, such as `Europe/Berlin`; empty for the default.
    #[serde(default)]
    pub timezone: Option<String>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum Day {
    Sun,
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
}

impl Day {
    /// As civil time knows it.
    pub fn weekday(self) -> jiff::civil::Weekday {
        use jiff::civil::Weekday;
        match self {
            Self::Sun => Weekday::Sunday,
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
        }
    }
}

impl Spec {
    /// Reads `spec` of an object.
    ///
    /// # Errors
    /// A text that names the field.
    pub fn read(spec: &Value) -> Result<Self, String> {
        if !spec.is_object() {
            return Err("it has no spec".to_owned());
        }
        let window = &spec["scalingWindowDurationMinutes"];
        let window_minutes = match window {
            Value::Null => None,
            window => Some(window.as_i64().ok_or_else(|| {
                format!("spec.scalingWindowDurationMinutes is {window}, which is no whole number")
            })?),
        };
        let schedules = match &spec["schedules"] {
            Value::Null => Vec::new(),
            Value::Array(all) => {
                let read = |(at, one): (usize, &Value)| {
                    Schedule::deserialize(one).map_err(|error| format!("spec.schedules[{at}]: {error}"))
                };
                all.iter().enumerate().map(read).collect::<Result<_, _>>()?
            }
            _ => return Err("spec.schedules is no list".to_owned()),
        };
        Ok(Self {
            window_minutes,
            schedules,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn specs_are_read_and_mistakes_are_named() {
        let spec = Spec::read(&json!({"scalingWindowDurationMinutes": 5, "schedules": [
            {"type": "OneTime", "date": "2026-01-01T00:00:00Z", "durationMinutes": 15, "value": 7},
            {"type": "Repeating", "value": 3, "period": {"startTime": "08:00", "days": ["Mon"], "timezone": "UTC"}},
        ]}))
        .unwrap();
        assert_eq!(spec.window_minutes, Some(5));
        assert_eq!(
            (spec.schedules[0].value, spec.schedules[0].duration_minutes),
            (7, 15)
        );
        assert_eq!(spec.schedules[1].period.as_ref().unwrap().days, [Day::Mon]);

        let wrong = |schedule: Value| Spec::read(&json!({"schedules": [schedule]})).unwrap_err();
        assert!(
            wrong(json!({"type": "Weekly", "value": 1})).contains("schedules[0]: unknown variant `Weekly`")
        );
        assert!(wrong(json!({"type": "OneTime"})).contains("missing field `value`"));
        let days = json!({"startTime": "08:00", "days": ["Monday"]});
        assert!(wrong(json!({"type": "Repeating", "value": 1, "period": days})).contains("`Monday`"));
        assert!(Spec::read(&json!(null)).is_err());
        assert!(Spec::read(&json!({"scalingWindowDurationMinutes": "5"})).is_err());
    }
}

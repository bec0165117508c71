//! `holtWinters` and `holtWintersWithFit` (N-157, N-158): the damped Holt–Winters forecast, its parameters found by
//! least squares, step for step as InfluxDB 1.x computes it.

use serde::{Deserialize, Serialize};

use super::nelder_mead;
use crate::codec;
use crate::error::Error;
use crate::function::{Function, Output, Shape, parameters};
use crate::value::{Emitted, FieldType, Value};

/// Most intervals between the first and the last point plus the forecast. Kapacitor has no such bound: two points a
/// year apart with an interval of a nanosecond end it.
pub const MAX_INTERVALS: usize = 50_000;

/// Longest season. The search keeps as many points as there are parameters, so memory grows with the square.
pub(crate) const MAX_SEASON: i64 = 2_000;

pub(crate) static HOLT_WINTERS: Function = Function {
    parameters: parameters!("field": Field, "h": Int, "m": Int, "interval": Duration),
    output: Output::Float,
    point_times: true,
    ..Function::row(
        "holtWinters",
        Shape::MultiRow,
        "Forecast of the next h points, m points to a season (0 or 1: none), one point per interval.",
    )
};

pub(crate) static HOLT_WINTERS_WITH_FIT: Function = Function {
    default_as: "holtWinters",
    parameters: parameters!("field": Field, "h": Int, "m": Int, "interval": Duration),
    output: Output::Float,
    point_times: true,
    ..Function::row(
        "holtWintersWithFit",
        Shape::MultiRow,
        "Like holtWinters, preceded by the values the model gives for the points seen.",
    )
};

/// What the script says about a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Forecast {
    /// Points to forecast.
    pub(crate) horizon: i64,
    /// Points to a season; below 2: no seasons.
    pub(crate) season: i64,
    /// Nanoseconds between points, above 0.
    pub(crate) interval: i64,
    /// Whether the fitted values come first.
    pub(crate) with_fit: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HoltWinters {
    pub(crate) input: FieldType,
    forecast: Forecast,
    times: Vec<i64>,
    #[serde(with = "codec::list")]
    values: Vec<f64>,
}

impl HoltWinters {
    pub(crate) fn new(input: FieldType, forecast: Forecast) -> Self {
        Self {
            input,
            forecast,
            times: Vec::new(),
            values: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
    }

    pub(crate) fn push(&mut self, time: i64, value: f64) {
        self.times.push(time);
        self.values.push(value);
    }

    pub(crate) fn emit(&self, out: &mut Vec<Emitted>) -> Result<(), Error> {
        let Forecast {
            horizon,
            season,
            interval,
            with_fit,
        } = self.forecast;
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return Ok(());
        };
        let season = usize::try_from(season).ok().filter(|m| *m >= 2);
        let Some(horizon) = usize::try_from(horizon).ok().filter(|h| *h > 0) else {
            return Ok(());
        };
        if self.times.len() < season.unwrap_or(2) {
            return Ok(());
        }
        let series = self.series(horizon)?;
        // Points of one interval count once, so fewer may be left than there were.
        if series.len() < season.unwrap_or(2) {
            return Ok(());
        }
        let mut model = Model {
            season,
            series,
            forecasted: Vec::new(),
        };
        let mut best = model.fit();
        model.run(horizon, &mut best);
        let (skip, start) = if with_fit {
            (0, *first)
        } else {
            (model.series.len(), last.saturating_add(interval))
        };
        let times = (0_i64..).map(|index| start.saturating_add(interval.saturating_mul(index)));
        out.extend(
            model.forecasted[skip..]
                .iter()
                .zip(times)
                .filter(|(value, _)| !value.is_nan())
                .map(|(value, time)| Emitted {
                    value: Value::Float(*value),
                    time: Some(time),
                    row: None,
                }),
        );
        Ok(())
    }

    /// The values at equal distances, NaN where there was none; empty when the points do not span an interval.
    fn series(&self, horizon: usize) -> Result<Vec<f64>, Error> {
        let function = if self.forecast.with_fit {
            HOLT_WINTERS_WITH_FIT.name
        } else {
            HOLT_WINTERS.name
        };
        let too_many = || Error::TooManyIntervals {
            function,
            limit: MAX_INTERVALS,
        };
        let limit = MAX_INTERVALS.checked_sub(horizon).ok_or_else(too_many)?;
        // In units of the interval, which cannot overflow.
        let buckets = || self.times.iter().map(|time| self.bucket(*time));
        let (Some(mut at), Some(stop)) = (buckets().next(), buckets().next_back()) else {
            return Ok(Vec::new());
        };
        if stop <= at {
            return Ok(Vec::new());
        }
        let mut series = vec![self.values[0]];
        for (bucket, value) in buckets().zip(&self.values).skip(1) {
            if bucket <= at {
                continue;
            }
            let missing = bucket.abs_diff(at) - 1;
            if missing.saturating_add(series.len() as u64 + 1) > limit as u64 {
                return Err(too_many());
            }
            series.resize(series.len() + missing as usize, f64::NAN);
            series.push(*value);
            at = bucket;
        }
        Ok(series)
    }

    /// The time rounded to the interval, half down, as a count of intervals; towards zero for times before 1970.
    fn bucket(&self, time: i64) -> i64 {
        let interval = self.forecast.interval.max(1);
        time / interval + i64::from(time % interval > interval / 2)
    }
}

/// Weight of the first values in the first guesses without seasons.
const WEIGHT: f64 = 0.5;
/// Spread of errors at which the search ends.
const EPSILON: f64 = 1.0e-4;
/// The search starts from each corner of this grid for the four smoothing parameters.
const GUESSES: [f64; 2] = [0.3, 0.3 + 0.4];

struct Model {
    season: Option<usize>,
    series: Vec<f64>,
    /// What the last run gave.
    forecasted: Vec<f64>,
}

impl Model {
    /// The best parameters: alpha, beta, gamma, phi, level, trend, then a factor for each point of a season.
    fn fit(&mut self) -> Vec<f64> {
        let (level, trend, seasonals) = self.first_guesses();
        let mut start = vec![0.0, 0.0, 0.0, 0.0, level, trend];
        start.extend(seasonals);
        let mut best: Option<(f64, Vec<f64>)> = None;
        for alpha in GUESSES {
            for beta in GUESSES {
                for gamma in GUESSES {
                    for phi in GUESSES {
                        start[..4].copy_from_slice(&[alpha, beta, gamma, phi]);
                        let found = nelder_mead::minimise(|x| self.squared_error(x), &start, EPSILON, 1.0);
                        if best.as_ref().is_none_or(|best| found.0 < best.0) {
                            best = Some(found);
                        }
                    }
                }
            }
        }
        best.map_or(start, |(_, parameters)| parameters)
    }

    /// Guesses may skip missing values.
    fn first_guesses(&self) -> (f64, f64, Vec<f64>) {
        let y = &self.series;
        let Some(m) = self.season else {
            let trend = if y[1].is_nan() {
                0.0
            } else {
                WEIGHT * (y[1] - y[0])
            };
            return (WEIGHT * y[0], trend, Vec::new());
        };
        let known = |i: usize| y.get(i).copied().filter(|v| !v.is_nan());
        let size = m as f64;
        let (mut level, mut trend) = (0.0, 0.0);
        for i in 0..m {
            if let Some(value) = known(i) {
                level += (1.0 / size) * value;
            }
        }
        for i in 0..m {
            if let (Some(value), Some(next)) = (known(i), known(m + i)) {
                trend += 1.0 / (size * size) * (next - value);
            }
        }
        let seasonals = (0..m)
            .map(|i| known(i).map_or(0.0, |value| value / level))
            .collect();
        (level, trend, seasonals)
    }

    /// Sum of squared errors over the known values; infinite where the model gives no number.
    fn squared_error(&mut self, parameters: &mut [f64]) -> f64 {
        self.run(0, parameters);
        let mut sum = 0.0;
        for (forecasted, known) in self.forecasted.iter().zip(&self.series) {
            if known.is_nan() {
                continue;
            }
            if forecasted.is_nan() {
                return f64::INFINITY;
            }
            let off = forecasted - known;
            sum += off * off;
        }
        sum
    }

    /// Runs the model over the series and `horizon` points beyond, into `forecasted`. The smoothing parameters are
    /// moved into [0, 1], and the seasonal factors end as the run leaves them, in the caller's parameters: the search
    /// goes on from there, and upstream's results depend on it.
    fn run(&mut self, horizon: usize, parameters: &mut [f64]) {
        for parameter in parameters.iter_mut().take(4) {
            *parameter = parameter.clamp(0.0, 1.0);
        }
        let [alpha, beta, gamma, phi, level, trend, seasonals @ ..] = parameters else {
            return;
        };
        let (alpha, beta, gamma, phi) = (*alpha, *beta, *gamma, *phi);
        let (mut level, mut trend) = (*level, *trend);
        let mut damping = phi;
        let mut value = self.series[0];
        let total = self.series.len() + horizon;
        self.forecasted.clear();
        self.forecasted.push(value);
        let m = seasonals.len();
        let mut offset = m.wrapping_sub(1);
        let (mut season, mut season_ahead) = (1.0, 1.0);
        for t in 1..total {
            if m > 0 {
                // offset grows with t, so that t + offset >= m.
                season = seasonals[(t + offset - m) % m];
                season_ahead = seasonals[(t + offset - m + t % m) % m];
            }
            let previous_level = level;
            let damped = previous_level + phi * trend;
            level = alpha * (value / season) + (1.0 - alpha) * damped;
            let new_trend = beta * (level - previous_level) + (1.0 - beta) * phi * trend;
            let new_season = gamma * (value / damped) + (1.0 - gamma) * season;
            trend = new_trend;
            value = (level + damping * trend) * season_ahead;
            damping += power(phi, t);
            if m > 0 {
                seasonals[(t + offset) % m] = new_season;
                offset += 1;
            }
            self.forecasted.push(value);
        }
    }
}

/// `base` to the power of `exponent` by squaring: the multiplications that Go's `math.Pow` does for whole exponents.
fn power(base: f64, mut exponent: usize) -> f64 {
    let mut result = 1.0;
    let mut square = base;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

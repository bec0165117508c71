//! Figures as text and JSON.

use serde::Serialize;

/// What one measurement gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub points: u64,
    /// From the first byte sent until the last node had collected everything.
    pub seconds: f64,
    /// Of these, until the last body was answered.
    pub write_seconds: f64,
    pub points_per_second: f64,
    /// CPU time of the server's process, all threads, in microseconds.
    pub cpu_micros_per_point: Option<f64>,
    /// Resident at the end.
    pub memory_bytes: Option<u64>,
    /// The most that was resident.
    pub peak_memory_bytes: Option<u64>,
    /// What the server's memory grew by, per series, when everything was worked off: the index, and all tasks together.
    /// Left out with few series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_series: Option<f64>,
    /// Left out unless the server counts: a build with feature `count-allocations`, or Kapacitor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocations_per_point: Option<f64>,
    /// Whether the results were compared with what they must be. A difference is an error, never a figure.
    pub output_checked: bool,
}

impl Figures {
    /// One line for people.
    pub fn line(&self) -> String {
        let cpu = self
            .cpu_micros_per_point
            .map_or_else(String::new, |cpu| format!("  {cpu:.3} µs CPU/point"));
        let memory = self
            .memory_bytes
            .zip(self.peak_memory_bytes)
            .map_or_else(String::new, |(now, peak)| {
                format!("  {:.1} MB now, {:.1} MB peak", megabytes(now), megabytes(peak))
            });
        let series = self
            .bytes_per_series
            .map_or_else(String::new, |bytes| format!("  {bytes:.0} bytes/series"));
        let allocations = self
            .allocations_per_point
            .map_or_else(String::new, |count| format!("  {count:.4} allocations/point"));
        format!(
            "{:>7.2} M points/s  ({} points in {:.3} s, written in {:.3} s){cpu}{memory}{series}{allocations}",
            self.points_per_second / 1e6,
            self.points,
            self.seconds,
            self.write_seconds,
        )
    }
}

/// Bytes in units of 10⁶.
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_shown() {
        let figures = Figures {
            points: 2_000_000,
            seconds: 0.5,
            write_seconds: 0.25,
            points_per_second: 4e6,
            cpu_micros_per_point: None,
            memory_bytes: Some(10_000_000),
            peak_memory_bytes: Some(12_500_000),
            bytes_per_series: None,
            allocations_per_point: None,
            output_checked: true,
        };
        assert_eq!(
            figures.line(),
            "   4.00 M points/s  (2000000 points in 0.500 s, written in 0.250 s)  10.0 MB now, 12.5 MB peak"
        );
    }
}

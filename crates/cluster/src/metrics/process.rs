//! CPU time and memory of process groups and of the machine, from Linux' `/proc`. Elsewhere there is none, and nothing
//! is measured.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// One look at a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reading {
    /// CPU time spent so far.
    pub(super) cpu: Duration,
    /// Resident memory now.
    pub(super) bytes: u64,
}

/// Clock ticks per second in `/proc`: fixed by the kernel's interface, whatever its timer does.
const TICKS: u64 = 100;

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count.saturating_mul(1000 / TICKS))
}

/// The sums over all processes of these groups.
pub(super) fn groups(wanted: &HashSet<u32>) -> HashMap<u32, Reading> {
    let mut found: HashMap<u32, Reading> = HashMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return found;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_process = path
            .file_name()
            .and_then(|n| n.to_str())
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        if !is_process {
            continue;
        }
        // A process can end between the listing and the reading.
        let Ok(stat) = std::fs::read_to_string(path.join("stat")) else {
            continue;
        };
        let Some((group, cpu)) = parse_stat(&stat).filter(|(group, _)| wanted.contains(group)) else {
            continue;
        };
        let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
        let reading = found.entry(group).or_default();
        reading.cpu += cpu;
        reading.bytes = reading
            .bytes
            .saturating_add(kilobytes(&status, "VmRSS:").unwrap_or(0) * 1024);
    }
    found
}

/// Group and CPU time of a process: its own, and that of children it has waited for.
fn parse_stat(stat: &str) -> Option<(u32, Duration)> {
    // The program's name is in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index).and_then(|f| f.parse::<u64>().ok());
    let group = u32::try_from(number(2)?).ok()?;
    let spent = number(11)?
        .saturating_add(number(12)?)
        .saturating_add(number(13)?)
        .saturating_add(number(14)?);
    Some((group, ticks(spent)))
}

/// The machine: time that all its processors were busy, and memory that is not available.
pub(super) fn machine() -> Option<Reading> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let memory = std::fs::read_to_string("/proc/meminfo").ok()?;
    let bytes = kilobytes(&memory, "MemTotal:")?.saturating_sub(kilobytes(&memory, "MemAvailable:")?) * 1024;
    Some(Reading {
        cpu: parse_machine(&stat)?,
        bytes,
    })
}

fn parse_machine(stat: &str) -> Option<Duration> {
    let times: Vec<u64> = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_ascii_whitespace()
        .map_while(|f| f.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal
    let busy = times
        .iter()
        .take(8)
        .enumerate()
        .filter(|(index, _)| !matches!(index, 3 | 4));
    Some(ticks(busy.map(|(_, time)| *time).sum()))
}

fn kilobytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "42 (a) b) c) S 1 40 40 0 -1 4194560 100 0 0 0 150 50 7 3 20 0 1 0 12345 1000 250 18446744073709551615";
        assert_eq!(parse_stat(stat), Some((40, Duration::from_millis(2100))));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn the_machine_is_busy_when_it_is_not_idle() {
        let stat = "cpu  100 10 50 9000 500 5 5 30 0 0\ncpu0 1 2 3\n";
        assert_eq!(parse_machine(stat), Some(Duration::from_secs(2)));
        assert_eq!(kilobytes("MemTotal:       1024 kB\n", "MemTotal:"), Some(1024));
    }
}

//! What the system says a process used.

use std::time::Duration;

use crate::error::Error;

/// Clock ticks per second of `/proc`, fixed by the Linux ABI for user space.
const TICKS: u64 = 100;

/// A process of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was resident at once.
    pub peak: u64,
}

impl Process {
    /// CPU time of all its threads, user and system, to 10 ms.
    pub fn cpu(self) -> Result<Duration, Error> {
        let text = self.read("stat")?;
        // The name in parentheses may hold anything; what follows it is plain.
        let fields: Vec<&str> = text
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Ok(Duration::from_millis((user + system) * 1_000 / TICKS)),
            _ => Err(self.error("/proc stat is not as expected")),
        }
    }

    /// Its memory.
    pub fn memory(self) -> Result<Memory, Error> {
        let text = self.read("status")?;
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes = line.trim_start_matches(':').trim().trim_end_matches("kB").trim();
            Some(kibibytes.parse::<u64>().ok()? * 1_024)
        };
        match (bytes("VmRSS"), bytes("VmHWM")) {
            (Some(resident), Some(peak)) => Ok(Memory { resident, peak }),
            _ => Err(self.error("/proc status is not as expected")),
        }
    }

    fn read(self, file: &str) -> Result<String, Error> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.pid))
            .map_err(|error| self.error(&error.to_string()))
    }

    fn error(self, reason: &str) -> Error {
        Error::Process {
            pid: self.pid,
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        let this = Process {
            pid: std::process::id(),
        };
        let memory = this.memory().unwrap();
        assert!(memory.resident > 0 && memory.peak >= memory.resident);
        assert!(this.cpu().is_ok());
        assert!(Process { pid: u32::MAX }.cpu().is_err());
    }
}

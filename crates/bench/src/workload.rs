//! Which points there are, and the bodies that carry them.

use std::io::Write as _;

use bytes::Bytes;

/// The first point's time in seconds since the Unix epoch; ten digits, as today's times have.
const START: u64 = 1_700_000_000;

/// One point per host and second, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// Hosts, each with a counter of its own.
    pub hosts: u64,
    /// Replica sets; host `n` belongs to number `n % replicasets`.
    pub replicasets: u64,
    /// Seconds of data.
    pub seconds: u64,
    /// Lines of a body.
    pub lines: u64,
}

impl Workload {
    /// How many points that is.
    pub fn points(&self) -> u64 {
        self.hosts * self.seconds
    }

    /// Requests per second of a host. Hosts differ, and some do nothing.
    pub fn rate(host: u64) -> u64 {
        host % 50
    }

    /// Requests per second of all hosts of a replica set.
    pub fn total_rate(&self, replicaset: u64) -> u64 {
        (replicaset..self.hosts)
            .step_by(self.replicasets.max(1) as usize)
            .map(Self::rate)
            .sum()
    }

    /// The time of a second of the data, in seconds since the Unix epoch.
    pub fn time(second: u64) -> u64 {
        START + second
    }

    /// The tag value of a replica set.
    pub fn replicaset_name(number: u64) -> String {
        format!("rs{number:05}")
    }

    /// All bodies, in order. Times are in nanoseconds, as most senders write them.
    pub fn bodies(&self) -> Vec<Bytes> {
        let prefixes: Vec<String> = (0..self.hosts)
            .map(|host| {
                let set = Self::replicaset_name(host % self.replicasets.max(1));
                format!("requests,host=host{host:06},replicaset={set} value=")
            })
            .collect();
        let lines = self.lines.max(1);
        let mut bodies = Vec::with_capacity(self.points().div_ceil(lines) as usize);
        let mut body = Vec::new();
        let mut left = lines;
        for second in 0..self.seconds {
            let end = format!("i {}000000000\n", Self::time(second));
            for (host, prefix) in (0..self.hosts).zip(&prefixes) {
                body.extend_from_slice(prefix.as_bytes());
                // Writing to a Vec cannot fail.
                let _ = write!(body, "{}", second * Self::rate(host));
                body.extend_from_slice(end.as_bytes());
                left -= 1;
                if left == 0 {
                    left = lines;
                    let next = Vec::with_capacity(body.len() + body.len() / 16);
                    bodies.push(Bytes::from(std::mem::replace(&mut body, next)));
                }
            }
        }
        if !body.is_empty() {
            bodies.push(Bytes::from(body));
        }
        bodies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_hold_every_host_of_every_second_in_order() {
        let workload = Workload {
            hosts: 3,
            replicasets: 2,
            seconds: 3,
            lines: 4,
        };
        let bodies = workload.bodies();
        assert_eq!(bodies.len(), 3);
        let text: Vec<u8> = bodies.concat();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len() as u64, workload.points());
        assert_eq!(
            lines[5],
            "requests,host=host000002,replicaset=rs00000 value=2i 1700000001000000000"
        );
        assert_eq!(workload.total_rate(0), 2);
        assert_eq!(workload.total_rate(1), 1);
    }
}

//! Pod addresses: one loopback address per pod, in turn, never one in use.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use parking_lot::Mutex;

/// Addresses that are tried when something on the machine holds a port.
const TRIES: u32 = 64;

/// A range of addresses, such as `127.20.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    base: u32,
    bits: u8,
}

impl std::str::FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!("\"{text}\" is not a range of loopback addresses such as 127.20.0.0/16 (prefix 8 to 30)")
        };
        let (address, bits) = text.split_once('/').ok_or_else(bad)?;
        let address: Ipv4Addr = address.parse().map_err(|_| bad())?;
        let bits: u8 = bits.parse().map_err(|_| bad())?;
        if !address.is_loopback() || !(8..=30).contains(&bits) {
            return Err(bad());
        }
        let base = u32::from(address) & (u32::MAX << (32 - bits));
        Ok(Self { base, bits })
    }
}

/// Why a pod got no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAddress {
    /// All are in use.
    Exhausted,
    /// This port is held on every address tried, most likely by a program that listens on all of them.
    PortTaken(u16),
}

impl std::fmt::Display for NoAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exhausted => formatter.write_str("no pod address is left; choose a larger --pod-cidr"),
            Self::PortTaken(port) => write!(
                formatter,
                "port {port} is taken by a program that listens on all addresses of this machine; stop it or change the pod's containerPort"
            ),
        }
    }
}

/// Hands out the addresses of a range.
#[derive(Debug)]
pub(crate) struct Addresses {
    range: Range,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u32,
    used: HashSet<u32>,
}

impl Addresses {
    pub(crate) fn new(range: Range) -> Self {
        Self {
            range,
            inner: Mutex::default(),
        }
    }

    /// The next free address on which these TCP ports can be listened on. Addresses just given back come last, so that
    /// nobody mistakes a new pod for an old one.
    pub(crate) fn allocate(&self, ports: &[u16]) -> Result<IpAddr, NoAddress> {
        let size = 1_u32 << (32 - self.range.bits);
        let mut inner = self.inner.lock();
        let (mut looked, mut tried, mut taken) = (0, 0, None);
        while looked < size && tried < TRIES {
            looked += 1;
            inner.next = (inner.next + 1) % size;
            let number = self.range.base + inner.next;
            // As in real networks, .0 and .255 are nobody's; 127.0.0.1 is everybody's.
            if matches!(number & 0xff, 0 | 0xff)
                || number == u32::from(Ipv4Addr::LOCALHOST)
                || inner.used.contains(&number)
            {
                continue;
            }
            let address = Ipv4Addr::from(number);
            tried += 1;
            taken = ports.iter().copied().find(|port| !is_free(address, *port));
            if taken.is_none() {
                inner.used.insert(number);
                return Ok(IpAddr::V4(address));
            }
        }
        Err(taken.map_or(NoAddress::Exhausted, NoAddress::PortTaken))
    }

    /// Gives an address back.
    pub(crate) fn release(&self, address: IpAddr) {
        if let IpAddr::V4(address) = address {
            self.inner.lock().used.remove(&u32::from(address));
        }
    }
}

fn is_free(address: Ipv4Addr, port: u16) -> bool {
    match TcpListener::bind(SocketAddr::from((address, port))) {
        Ok(_) => true,
        // Any other reason, such as a privileged port, is for the container to run into.
        Err(error) => error.kind() != std::io::ErrorKind::AddrInUse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_given_in_turn_and_not_at_once_again() {
        let addresses = Addresses::new("127.77.0.0/29".parse().unwrap());
        let all: Vec<String> = (0..7)
            .map(|_| addresses.allocate(&[]).unwrap().to_string())
            .collect();
        assert_eq!(all[0], "127.77.0.1");
        assert_eq!(all[6], "127.77.0.7");
        assert_eq!(addresses.allocate(&[]), Err(NoAddress::Exhausted));
        addresses.release("127.77.0.3".parse().unwrap());
        assert_eq!(addresses.allocate(&[]).unwrap().to_string(), "127.77.0.3");
    }

    #[test]
    fn an_address_with_a_taken_port_is_passed_over() {
        let taken = TcpListener::bind("127.78.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let addresses = Addresses::new("127.78.0.0/16".parse().unwrap());
        assert_eq!(addresses.allocate(&[port]).unwrap().to_string(), "127.78.0.2");
    }

    #[test]
    fn only_loopback_ranges_are_accepted() {
        for bad in ["10.0.0.0/8", "127.0.0.0", "127.0.0.0/4", "127.0.0.0/31", "x/8"] {
            assert!(bad.parse::<Range>().is_err(), "{bad}");
        }
    }
}

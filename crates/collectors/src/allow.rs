//! Which addresses annotations may point to.
//!
//! Whoever may write an HPA could otherwise make us ask any address we can reach, and read in an error what it said.
//! Addresses of configured servers are allowed, and what the entries of `--allow-url` name; nothing else is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::collector::ConfigError;
use crate::options::Options;

/// An address that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Where.
    pub url: Url,
    /// Only `*` allows it, so that its host must not turn out to be a link-local, loopback, unspecified or multicast
    /// address.
    pub guarded: bool,
}

/// The addresses that annotations may point to.
#[derive(Debug, Clone, Default)]
pub struct AllowList {
    entries: Vec<Url>,
    /// Whether `*` is among them.
    any: bool,
}

impl AllowList {
    /// All configured servers, and `--allow-url`.
    ///
    /// # Errors
    /// When one of them is no URL.
    pub fn of(options: &Options) -> Result<Self, ConfigError> {
        let servers = [
            &options.prometheus,
            &options.zmon,
            &options.nakadi,
            &options.capstan,
        ];
        let mut urls: Vec<&str> = servers
            .into_iter()
            .flatten()
            .chain(options.additional_prometheus.values())
            .map(|server| server.url.as_str())
            .collect();
        urls.extend(options.influxdb.iter().map(|influx| influx.address.as_str()));
        let mut list = Self::default();
        for text in urls {
            list.entries.push(parse(text, "a configured server")?);
        }
        for text in &options.allowed_urls {
            if text == "*" {
                list.any = true;
            } else {
                list.entries.push(parse(text, "--allow-url")?);
            }
        }
        Ok(list)
    }

    /// The address that `key` has as its value, if it is allowed.
    ///
    /// # Errors
    /// When it is no URL, or not allowed; the text says how to allow it.
    pub fn check(&self, text: &str, key: &str) -> Result<Allowed, ConfigError> {
        let url = parse(text, key)?;
        if self.entries.iter().any(|entry| below(entry, &url)) {
            return Ok(Allowed { url, guarded: false });
        }
        if !self.any {
            return Err(ConfigError(format!(
                "{key} is {}, which is none of the configured servers nor below one; whoever runs the adapter can allow \
                 it by --allow-url {}",
                shown(&url),
                url.origin().ascii_serialization(),
            )));
        }
        let host = url.host_str().unwrap_or_default();
        let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        match address.filter(|address| forbidden(*address)) {
            Some(address) => Err(ConfigError(format!(
                "{key} is {}: {}",
                shown(&url),
                refusal(address)
            ))),
            None => Ok(Allowed { url, guarded: true }),
        }
    }
}

/// A URL over HTTP.
fn parse(text: &str, whose: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text.trim()).map_err(|error| {
        ConfigError(format!(
            "{whose}: {text:?} is no URL: {error}; write http://host:port/path"
        ))
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ConfigError(format!(
            "{whose}: {text:?} has to begin with http:// or https://"
        )));
    }
    Ok(url)
}

/// The address of a configured server.
///
/// # Errors
/// When it is no URL; `flag` says which.
pub fn server_url(text: &str, flag: &str) -> Result<Url, ConfigError> {
    parse(text, flag)
}

/// Whether an address is that of an entry or below it. Whole segments of the path count: `/a` is not above `/ab`.
fn below(entry: &Url, url: &Url) -> bool {
    if entry.scheme() != url.scheme()
        || entry.host_str() != url.host_str()
        || entry.port_or_known_default() != url.port_or_known_default()
    {
        return false;
    }
    let prefix = entry.path().trim_end_matches('/');
    if prefix.is_empty() {
        return true;
    }
    // Some servers read an escaped slash as a slash, and `..` behind it would leave the prefix.
    let lower = url.path().to_ascii_lowercase();
    if lower.contains("%2f") || lower.contains("%5c") {
        return false;
    }
    url.path()
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A URL for people: without user, password and query.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// Addresses at which clouds tell machines their secrets, beside the link-local ones.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether `*` leaves an address out.
fn forbidden(address: IpAddr) -> bool {
    if METADATA.contains(&address) {
        return true;
    }
    match address {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0
                || METADATA.contains(&IpAddr::V4(v4))
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || embedded(v6).is_some_and(|v4| forbidden(IpAddr::V4(v4)))
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 or 6to4.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = v6.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

fn refusal(address: IpAddr) -> String {
    format!(
        "{address} is a link-local, loopback, unspecified, multicast or metadata address, which --allow-url * leaves out; \
         name the server in --allow-url if it is meant"
    )
}

/// Resolves names and leaves forbidden addresses out. A connection goes to what this answered, so that a name cannot
/// mean one address when it is checked and another when it is used.
#[derive(Debug)]
pub(crate) struct GuardedResolver;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let refused = found
                .iter()
                .map(std::net::SocketAddr::ip)
                .find(|ip| forbidden(*ip));
            let usable: Vec<_> = found.into_iter().filter(|at| !forbidden(at.ip())).collect();
            match refused {
                Some(address) if usable.is_empty() => Err(refusal(address).into()),
                _ => Ok(Box::new(usable.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Server;

    fn list(allowed: &[&str]) -> AllowList {
        AllowList::of(&Options {
            prometheus: Some(Server {
                url: "http://prometheus.monitoring:9090/tenant".to_owned(),
                token_file: None,
            }),
            allowed_urls: allowed.iter().map(|text| (*text).to_owned()).collect(),
            ..Options::default()
        })
        .unwrap()
    }

    #[test]
    fn a_configured_server_and_what_is_below_it_are_allowed() {
        let list = list(&["https://api.example.org"]);
        for good in [
            "http://prometheus.monitoring:9090/tenant",
            "http://PROMETHEUS.monitoring:9090/tenant/a",
            "https://api.example.org:443/any/path?query=1",
        ] {
            assert_eq!(
                list.check(good, "endpoint").map(|allowed| allowed.guarded),
                Ok(false),
                "{good}"
            );
        }
        for bad in [
            "http://prometheus.monitoring:9090/tenants",
            "http://prometheus.monitoring:9090/tenant/../other",
            "http://prometheus.monitoring:9090/tenant/%2e%2e/other",
            "http://prometheus.monitoring:9090/tenant/..%2fother",
            "http://prometheus.monitoring:9091/tenant",
            "https://prometheus.monitoring:9090/tenant",
            "http://prometheus.monitoring.evil.org:9090/tenant",
            "http://prometheus.monitoring:9090@evil.org/tenant",
            "http://api.example.org/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            let error = list.check(bad, "endpoint").unwrap_err().to_string();
            assert!(error.contains("--allow-url"), "{bad}: {error}");
        }
        assert!(list.check("file:///etc/passwd", "endpoint").is_err());
        assert!(list.check("prometheus:9090", "endpoint").is_err());
    }

    #[test]
    fn any_address_leaves_dangerous_ones_out_however_they_are_written() {
        let list = list(&["*", "http://127.0.0.1:8080"]);
        assert!(list.check("http://10.1.2.3/metrics", "endpoint").unwrap().guarded);
        assert!(list.check("http://example.org/", "endpoint").unwrap().guarded);
        let named = list.check("http://127.0.0.1:8080/a", "endpoint").unwrap();
        assert!(!named.guarded, "an entry of its own allows it");
        for bad in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0.0.0.0/",
            "http://169.254.169.254/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[ff02::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[fd00:ec2::254]/",
            "http://224.0.0.1/",
        ] {
            let error = list.check(bad, "endpoint").unwrap_err().to_string();
            assert!(error.contains("link-local"), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn names_that_mean_forbidden_addresses_are_not_resolved() {
        let name: Name = "localhost".parse().unwrap();
        let error = GuardedResolver.resolve(name).await.err().unwrap();
        assert!(error.to_string().contains("loopback"), "{error}");
    }
}

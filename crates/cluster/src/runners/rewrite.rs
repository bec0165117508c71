//! Service names and mounted paths in a container's variables and arguments, made local: there is no cluster DNS and no
//! mount namespace here.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a volume is mounted, and where it really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) path: String,
    pub(crate) local: PathBuf,
}

/// Answers whether a host name and port mean a service. `certain` says that nothing else could be meant, as in a URL.
pub(crate) type Lookup<'a> = dyn Fn(&str, u16, bool) -> Option<SocketAddr> + 'a;

/// The value with everything made local, and what was changed as (before, after).
pub(crate) fn rewrite(value: &str, mounts: &[Mount], lookup: &Lookup<'_>) -> (String, Vec<(String, String)>) {
    let mut changes = Vec::new();
    let value = services(value, lookup, &mut changes);
    let value = paths(&value, mounts, &mut changes);
    (value, changes)
}

/// Replaces `host:port`, and `scheme://host` with the scheme's port, where it names a service.
fn services(value: &str, lookup: &Lookup<'_>, changes: &mut Vec<(String, String)>) -> String {
    let bytes = value.as_bytes();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let mut out = String::with_capacity(value.len());
    let mut at = 0;
    while at < bytes.len() {
        if !is_host(bytes[at]) {
            let next = value[at..].chars().next().map_or(1, char::len_utf8);
            out.push_str(&value[at..at + next]);
            at += next;
            continue;
        }
        let start = at;
        while at < bytes.len() && is_host(bytes[at]) {
            at += 1;
        }
        let host = &value[start..at];
        let before = &value[..start];
        let scheme = before
            .strip_suffix("//")
            .and_then(scheme_of)
            .or_else(|| after_credentials(before));
        // A name in the middle of a word, a path or a query is no host.
        let free = before.is_empty()
            || scheme.is_some()
            || before.ends_with(['=', ',', ';', ' ', '"', '\'', '@', '(', '[']);
        let digits = bytes[at..]
            .strip_prefix(b":")
            .map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count());
        let port: Option<u16> = if digits > 0 {
            value[at + 1..=at + digits].parse().ok()
        } else {
            None
        };
        let end = if digits > 0 { at + 1 + digits } else { at };
        let ends = bytes.get(end).is_none_or(|byte| b"/?#,; \"')]".contains(byte));
        let wanted = port.or_else(|| scheme.and_then(default_port).filter(|_| digits == 0));
        let found = match wanted {
            Some(port) if free && ends && host.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
                lookup(host.trim_end_matches('.'), port, scheme.is_some())
            }
            _ => None,
        };
        match found {
            Some(address) => {
                let text = address.to_string();
                changes.push((value[start..end].to_owned(), text.clone()));
                out.push_str(&text);
                at = end;
            }
            None => out.push_str(host),
        }
    }
    out
}

/// The scheme right before `//`.
fn scheme_of(before: &str) -> Option<&str> {
    let before = before.strip_suffix(':')?;
    let start = before
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '+' || c == '-'))
        .map_or(0, |i| i + 1);
    Some(&before[start..]).filter(|scheme| !scheme.is_empty())
}

/// The scheme of `scheme://user:password@`.
fn after_credentials(before: &str) -> Option<&str> {
    let rest = before.strip_suffix('@')?;
    let slashes = rest.rfind("//")?;
    if rest[slashes + 2..].contains(['/', ' ', ',']) {
        return None;
    }
    scheme_of(&rest[..slashes])
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// Replaces paths under a mount, the longest mount first.
fn paths(value: &str, mounts: &[Mount], changes: &mut Vec<(String, String)>) -> String {
    let mut sorted: Vec<&Mount> = mounts
        .iter()
        .filter(|mount| mount.path.trim_end_matches('/').len() > 1)
        .collect();
    sorted.sort_by_key(|mount| std::cmp::Reverse(mount.path.len()));
    let mut out = String::with_capacity(value.len());
    let mut at = 0;
    'next: while at < value.len() {
        let before = &value[..at];
        let free = at == 0
            || before.ends_with("file://")
            || before.ends_with(['=', ',', ';', ' ', '"', '\'', ':', '(', '[']);
        if free && value[at..].starts_with('/') {
            for mount in &sorted {
                let path = mount.path.trim_end_matches('/');
                let rest = value[at..].strip_prefix(path);
                if let Some(rest) = rest
                    && rest.chars().next().is_none_or(|c| "/,;: \"')]".contains(c))
                {
                    let local = mount.local.to_string_lossy().into_owned();
                    out.push_str(&local);
                    changes.push((path.to_owned(), local));
                    at += path.len();
                    continue 'next;
                }
            }
        }
        let next = value[at..].chars().next().map_or(1, char::len_utf8);
        out.push_str(&value[at..at + next]);
        at += next;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(host: &str, port: u16, certain: bool) -> Option<SocketAddr> {
        match (host, port) {
            ("kapacitor" | "kapacitor.default" | "kapacitor.default.svc.cluster.local", 9092) => {
                "127.0.0.1:4000".parse().ok()
            }
            ("web", 80) => "127.0.0.1:4001".parse().ok(),
            ("later", 1) if certain => "127.0.0.1:4002".parse().ok(),
            _ => None,
        }
    }

    fn local(value: &str) -> String {
        let mounts = [
            Mount {
                path: "/kapacitor".into(),
                local: "/tmp/v".into(),
            },
            Mount {
                path: "/kapacitor/etc/".into(),
                local: "/tmp/e".into(),
            },
        ];
        rewrite(value, &mounts, &lookup).0
    }

    #[test]
    fn services_are_found_wherever_a_host_can_stand() {
        let url = "http://kapacitor.default:9092/write?db=autoscale&rp=autogen&precision=s";
        assert_eq!(
            local(url),
            "http://127.0.0.1:4000/write?db=autoscale&rp=autogen&precision=s"
        );
        assert_eq!(
            local("http://kapacitor.default.svc.cluster.local.:9092"),
            "http://127.0.0.1:4000"
        );
        assert_eq!(
            local("http://user:pw@kapacitor:9092/"),
            "http://user:pw@127.0.0.1:4000/"
        );
        assert_eq!(local("kapacitor:9092"), "127.0.0.1:4000");
        assert_eq!(
            local("http://web/x,http://web"),
            "http://127.0.0.1:4001/x,http://127.0.0.1:4001"
        );
        assert_eq!(local("http://later:1 later:1"), "http://127.0.0.1:4002 later:1");
        for same in [
            "web",
            "http://example.com:9092/",
            "xkapacitor:9092",
            "kapacitor:90921",
            "a/kapacitor:9092",
            "1.2.3.4:80",
            "käse",
        ] {
            assert_eq!(local(same), same);
        }
    }

    #[test]
    fn paths_under_mounts_become_local_and_others_do_not() {
        assert_eq!(local("/kapacitor"), "/tmp/v");
        assert_eq!(local("/kapacitor/kapacitor.db"), "/tmp/v/kapacitor.db");
        assert_eq!(local("/kapacitor/etc/x:/kapacitor/y"), "/tmp/e/x:/tmp/v/y");
        assert_eq!(local("--dir=/kapacitor"), "--dir=/tmp/v");
        assert_eq!(local("file:///kapacitor/a"), "file:///tmp/v/a");
        for same in ["/kapacitors", "/data/kapacitor", "http://x/kapacitor"] {
            assert_eq!(local(same), same);
        }
    }
}

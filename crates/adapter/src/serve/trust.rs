//! Whose certificates are believed: the front proxy's authority and the authority of users, from the config map
//! `kube-system/extension-apiserver-authentication`, followed as it changes, or given.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use capstan_kube::{Cluster, Followed, Seen};
use capstan_tls::Peers;
use futures::StreamExt;
use http::HeaderName;
use parking_lot::RwLock;
use serde_json::Value;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "extension-apiserver-authentication";
const CONFIG_MAPS: Followed = Followed {
    group: "",
    version: "v1",
    plural: "configmaps",
    kind: "ConfigMap",
};

/// How the front proxy shows itself, and whom it speaks for (`--requestheader-…`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// The authority of its certificate, in PEM (`--requestheader-client-ca-file`).
    pub authority: String,
    /// The common names it may have; empty for any (`--requestheader-allowed-names`).
    pub allowed_names: Vec<String>,
    /// Headers with the user's name (`--requestheader-username-headers`).
    pub username_headers: Vec<String>,
    /// Headers with the user's uid (`--requestheader-uid-headers`).
    pub uid_headers: Vec<String>,
    /// Headers with the user's groups (`--requestheader-group-headers`).
    pub group_headers: Vec<String>,
    /// What headers with more about the user begin with (`--requestheader-extra-headers-prefix`).
    pub extra_prefixes: Vec<String>,
}

impl Default for RequestHeader {
    fn default() -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            authority: String::new(),
            allowed_names: Vec::new(),
            username_headers: one("X-Remote-User"),
            uid_headers: one("X-Remote-Uid"),
            group_headers: one("X-Remote-Group"),
            extra_prefixes: one("X-Remote-Extra-"),
        }
    }
}

/// Authorities that are given by flags.
#[derive(Debug, Clone, Default)]
pub struct Fixed {
    /// The authority of users' certificates, in PEM (`--client-ca-file`).
    pub client_authority: Option<String>,
    /// The front proxy.
    pub request_header: Option<RequestHeader>,
}

/// The front proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) peers: Peers,
    allowed: Vec<String>,
    pub(super) user_headers: Vec<HeaderName>,
    pub(super) uid_headers: Vec<HeaderName>,
    pub(super) group_headers: Vec<HeaderName>,
    /// In lower case, as header names are.
    pub(super) extra_prefixes: Vec<String>,
}

impl Proxy {
    pub(super) fn new(from: &RequestHeader) -> Result<Self, capstan_tls::Error> {
        let names = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
                .collect()
        };
        Ok(Self {
            peers: Peers::of(&from.authority)?,
            allowed: from.allowed_names.clone(),
            user_headers: names(&from.username_headers),
            uid_headers: names(&from.uid_headers),
            group_headers: names(&from.group_headers),
            extra_prefixes: from.extra_prefixes.iter().map(|p| p.to_lowercase()).collect(),
        })
    }

    /// Whether a certificate of its authority may speak for others.
    pub(super) fn allows(&self, common_name: &str) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|name| name == common_name)
    }
}

/// Whom to believe.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// Changes whenever this does.
    pub(super) generation: u64,
    pub(super) proxy: Option<Proxy>,
    pub(super) clients: Option<Peers>,
}

/// Whom to believe now.
#[derive(Debug)]
pub(super) struct Trusts {
    fixed: Fixed,
    current: RwLock<Arc<Trust>>,
    settled: AtomicBool,
}

impl Trusts {
    /// Begins with what is given.
    pub(super) fn new(fixed: Fixed, lookup: bool) -> Result<Self, capstan_tls::Error> {
        let trust = Trust {
            generation: 0,
            proxy: fixed.request_header.as_ref().map(Proxy::new).transpose()?,
            clients: fixed.client_authority.as_deref().map(Peers::of).transpose()?,
        };
        Ok(Self {
            fixed,
            current: RwLock::new(Arc::new(trust)),
            settled: AtomicBool::new(!lookup),
        })
    }

    pub(super) fn current(&self) -> Arc<Trust> {
        Arc::clone(&self.current.read())
    }

    /// Whether the config map has been read, or is not needed.
    pub(super) fn settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Follows the config map. What it says holds until it says something else, also while the API server is away.
    pub(super) async fn follow(&self, cluster: &Cluster) {
        let mut stream = pin!(cluster.follow_one(CONFIG_MAPS, NAMESPACE, NAME));
        let mut told = false;
        while let Some(seen) = stream.next().await {
            match seen {
                Ok(Seen::Listed(object) | Seen::Changed(object)) => {
                    told = false;
                    self.take(object.get("data"));
                }
                Ok(Seen::Begin | Seen::Complete | Seen::Gone(_)) => {}
                Err(error) => {
                    // Once until it works again: the stream keeps trying.
                    if !told {
                        tracing::warn!(
                            %error,
                            "cannot read config map {NAMESPACE}/{NAME}; bind the role extension-apiserver-authentication-reader"
                        );
                    }
                    told = true;
                }
            }
        }
    }

    /// Takes over what the config map says. A part that cannot be read leaves what was known.
    fn take(&self, data: Option<&Value>) {
        let text = |key: &str| data.and_then(|data| data.get(key)).and_then(Value::as_str);
        let list = |key: &str| -> Option<Vec<String>> { serde_json::from_str(text(key)?).ok() };
        let proxy = match (&self.fixed.request_header, text("requestheader-client-ca-file")) {
            (Some(given), _) => Some(Proxy::new(given)),
            (None, None) => None,
            (None, Some(authority)) => Some(Proxy::new(&RequestHeader {
                authority: authority.to_owned(),
                allowed_names: list("requestheader-allowed-names").unwrap_or_default(),
                username_headers: list("requestheader-username-headers").unwrap_or_default(),
                uid_headers: list("requestheader-uid-headers").unwrap_or_default(),
                group_headers: list("requestheader-group-headers").unwrap_or_default(),
                extra_prefixes: list("requestheader-extra-headers-prefix").unwrap_or_default(),
            })),
        };
        let clients = match (&self.fixed.client_authority, text("client-ca-file")) {
            (Some(given), _) => Some(Peers::of(given)),
            (None, Some(authority)) => Some(Peers::of(authority)),
            (None, None) => None,
        };
        let (proxy, clients) = match (proxy.transpose(), clients.transpose()) {
            (Ok(proxy), Ok(clients)) => (proxy, clients),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(%error, "config map {NAMESPACE}/{NAME} is not usable; what it said before holds");
                return;
            }
        };
        if proxy.is_none() {
            tracing::warn!(
                "config map {NAMESPACE}/{NAME} names no front proxy (requestheader-client-ca-file): \
                 requests through the aggregation layer will be refused"
            );
        }
        let mut current = self.current.write();
        *current = Arc::new(Trust {
            generation: current.generation + 1,
            proxy,
            clients,
        });
        drop(current);
        self.settled.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use capstan_base::VirtualClock;
    use capstan_tls::Authority;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_leaves_what_was_known() {
        let clock = VirtualClock::at(1_700_000_000_000_000_000);
        let authority = Authority::generate("proxy", 10, clock.as_ref()).unwrap();
        let trusts = Trusts::new(Fixed::default(), true).unwrap();
        assert!(!trusts.settled());
        trusts.take(Some(&json!({
            "client-ca-file": authority.certificate_pem(),
            "requestheader-client-ca-file": authority.certificate_pem(),
            "requestheader-allowed-names": "[\"front-proxy-client\"]",
            "requestheader-username-headers": "[\"X-Remote-User\"]",
            "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
        })));
        assert!(trusts.settled());
        let first = trusts.current();
        let proxy = first.proxy.as_ref().unwrap();
        assert!(proxy.allows("front-proxy-client") && !proxy.allows("kubelet"));
        assert_eq!(proxy.extra_prefixes, ["x-remote-extra-"]);
        trusts.take(Some(&json!({"requestheader-client-ca-file": "nonsense"})));
        assert_eq!(trusts.current().generation, first.generation);
        trusts.take(Some(&json!({"client-ca-file": authority.certificate_pem()})));
        assert!(
            trusts.current().proxy.is_none(),
            "the front proxy is no longer named"
        );
    }
}

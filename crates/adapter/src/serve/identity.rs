//! Who asks: the front proxy on somebody's behalf, a client certificate, a bearer token, or nobody (upstream
//! `apiserver/pkg/authentication`, in its order).

use capstan_kubeapi::Status;
use capstan_kubeapi::query::percent_decode;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;

use super::Shared;
use super::trust::{Proxy, Trust};

pub(super) const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct User {
    pub(crate) name: String,
    /// Empty for none.
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
    pub(crate) extra: Vec<(String, Vec<String>)>,
}

impl User {
    fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec![UNAUTHENTICATED.to_owned()],
            ..Self::default()
        }
    }

    /// With the group that everybody known is in.
    pub(super) fn known(mut self) -> Self {
        let told = |group: &String| group == AUTHENTICATED || group == UNAUTHENTICATED;
        if !self.groups.iter().any(told) {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }
}

/// The certificate that a connection's client showed, and what the authorities said of it.
#[derive(Debug)]
pub(crate) struct Peer {
    chain: Vec<CertificateDer<'static>>,
    verdict: Mutex<Option<Verdict>>,
}

#[derive(Debug, Clone)]
struct Verdict {
    /// Of the authorities that were asked.
    generation: u64,
    /// When they were asked, in seconds since 1970: certificates expire under long connections.
    at: i64,
    /// It is the front proxy's.
    proxy: bool,
    /// It is a user's.
    user: Option<User>,
}

/// A verdict is asked for again after so many seconds.
const VERDICT_SECONDS: i64 = 30;

impl Peer {
    pub(super) fn new(chain: &[CertificateDer<'_>]) -> Self {
        Self {
            chain: chain.iter().map(|c| c.clone().into_owned()).collect(),
            verdict: Mutex::default(),
        }
    }

    fn judged(&self, trust: &Trust, now: jiff::Timestamp) -> Verdict {
        let mut kept = self.verdict.lock();
        if let Some(verdict) = &*kept
            && verdict.generation == trust.generation
            && (0..VERDICT_SECONDS).contains(&(now.as_second() - verdict.at))
        {
            return verdict.clone();
        }
        let verdict = Verdict {
            generation: trust.generation,
            at: now.as_second(),
            proxy: trust.proxy.as_ref().is_some_and(|proxy| {
                let facts = proxy.peers.verify(&self.chain, now);
                facts.is_ok_and(|facts| proxy.allows(&facts.common_name))
            }),
            user: trust.clients.as_ref().and_then(|clients| {
                let facts = clients.verify(&self.chain, now).ok()?;
                let user = User {
                    name: facts.common_name,
                    groups: facts.organizations,
                    ..User::default()
                };
                (!user.name.is_empty()).then(|| user.known())
            }),
        };
        *kept = Some(verdict.clone());
        verdict
    }
}

impl Shared {
    /// Who sent a request. Headers that claim a user count only with the front proxy's certificate.
    pub(super) async fn identify(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<User, Status> {
        let mut refused = false;
        if let Some(peer) = peer {
            let trust = self.trust.current();
            let verdict = peer.judged(&trust, self.clock.now());
            if verdict.proxy
                && let Some(proxy) = &trust.proxy
                && let Some(user) = claimed(headers, proxy)
            {
                return Ok(user);
            }
            if let Some(user) = verdict.user {
                return Ok(user);
            }
            if !self.trust.settled() {
                let why = "the authorities of clients are not known yet: config map kube-system/extension-apiserver-authentication has not been read";
                return Err(Status::unavailable(why));
            }
            refused = true;
        }
        if let Some(token) = bearer(headers) {
            match self.access.whose(token).await {
                Some(user) => return Ok(user),
                None => refused = true,
            }
        }
        if refused {
            return Err(Status::unauthorized());
        }
        Ok(User::anonymous())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whom the front proxy speaks for.
fn claimed(headers: &HeaderMap, proxy: &Proxy) -> Option<User> {
    let first = |names: &[http::HeaderName]| {
        names
            .iter()
            .filter_map(|name| headers.get(name)?.to_str().ok())
            .find(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let mut user = User {
        name: first(&proxy.user_headers)?,
        uid: first(&proxy.uid_headers).unwrap_or_default(),
        ..User::default()
    };
    for name in &proxy.group_headers {
        for value in headers.get_all(name) {
            user.groups.extend(value.to_str().ok().map(str::to_owned));
        }
    }
    for (name, value) in headers {
        let key = proxy
            .extra_prefixes
            .iter()
            .find_map(|prefix| name.as_str().strip_prefix(prefix.as_str()));
        let (Some(key), Ok(value)) = (key, value.to_str()) else {
            continue;
        };
        let key = percent_decode(key).to_lowercase();
        match user.extra.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value.to_owned()),
            None => user.extra.push((key, vec![value.to_owned()])),
        }
    }
    Some(user.known())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::trust::RequestHeader;
    use super::*;

    #[test]
    fn the_front_proxys_headers_name_user_groups_and_more() {
        let clock = capstan_base::VirtualClock::at(1_700_000_000_000_000_000);
        let authority = capstan_tls::Authority::generate("proxy", 10, clock.as_ref()).unwrap();
        let proxy = Proxy::new(&RequestHeader {
            authority: authority.certificate_pem().to_owned(),
            ..RequestHeader::default()
        })
        .unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(claimed(&headers, &proxy), None, "nobody is claimed");
        for (name, value) in [
            (
                "x-remote-user",
                "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
            ),
            ("x-remote-group", "system:serviceaccounts"),
            ("x-remote-group", "system:authenticated"),
            (
                "x-remote-extra-authentication.kubernetes.io%2fcredential-id",
                "JTI=1",
            ),
            ("x-remote-uid", "u"),
        ] {
            headers.append(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_static(value),
            );
        }
        let user = claimed(&headers, &proxy).unwrap();
        assert_eq!(user.groups, ["system:serviceaccounts", "system:authenticated"]);
        assert_eq!(user.uid, "u");
        assert_eq!(
            user.extra,
            [(
                "authentication.kubernetes.io/credential-id".to_owned(),
                vec!["JTI=1".to_owned()]
            )]
        );
    }
}

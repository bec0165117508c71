//! The certificate of the metrics APIs, and the authority that `APIService` objects name for it.
//!
//! An own certificate is made at the start and replaced long before it expires, while the server runs; its authority goes
//! into the `caBundle` of the `APIService`s that point to our service, so that nobody has to skip verification. Several
//! replicas, each with its own authority, stand in the bundle side by side.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use capstan_base::{Clock, SharedClock};
use capstan_kube::{Cluster, Message};
use capstan_kubeapi::base64;
use capstan_runtime::Shutdown;
use capstan_tls::{Authority, Error, Identity, Serving};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The name of own authorities: by it they are found in bundles.
const AUTHORITY: &str = "capstan-adapter-ca";
const AUTHORITY_DAYS: u32 = 3650;
const DAYS: u32 = 90;
/// How often certificates and `APIService`s are looked at.
const PERIOD: Duration = Duration::from_secs(5);
/// Writes that somebody else came before are tried so often.
const ATTEMPTS: usize = 4;
/// Own authorities in a bundle at most, for as many replicas, or restarts without a directory.
const MOST_AUTHORITIES: usize = 8;

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is made, by an authority that is made too, or kept in a directory.
    Own {
        /// Where the authority and its key are kept; without one, every start makes another.
        directory: Option<PathBuf>,
    },
    /// It is given (`--tls-cert-file`, `--tls-private-key-file`), and read again when the files change. The `caBundle` is
    /// then for whoever gave it.
    Files {
        /// The certificate, and any intermediates after it, in PEM.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

impl Default for Source {
    fn default() -> Self {
        Self::Own { directory: None }
    }
}

/// The service in front of the metrics APIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Default for Service {
    /// As kube-metrics-adapter's manifests name it.
    fn default() -> Self {
        Self {
            namespace: "kube-system".to_owned(),
            name: "kube-metrics-adapter".to_owned(),
        }
    }
}

/// The certificate as it is now.
#[derive(Debug)]
pub(crate) struct Certificate {
    identity: Identity,
    own: Option<Own>,
    source: Source,
}

#[derive(Debug)]
struct Own {
    authority: Authority,
    service: Service,
}

impl Own {
    fn open(directory: Option<&PathBuf>, service: &Service, clock: &dyn Clock) -> Result<Self, Error> {
        let authority = match directory {
            Some(directory) => Authority::load_or_generate(
                &directory.join("ca.crt"),
                &directory.join("ca.key"),
                AUTHORITY,
                AUTHORITY_DAYS,
                clock,
            )?,
            None => Authority::generate(AUTHORITY, AUTHORITY_DAYS, clock)?,
        };
        Ok(Self {
            authority,
            service: service.clone(),
        })
    }

    fn issue(&self, clock: &dyn Clock) -> Result<Identity, Error> {
        let Service { namespace, name } = &self.service;
        let names = [
            format!("{name}.{namespace}.svc"),
            format!("{name}.{namespace}.svc.cluster.local"),
            format!("{name}.{namespace}"),
            "localhost".to_owned(),
        ];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let loopback = [[127, 0, 0, 1].into()];
        self.authority
            .issue_server(names[0], &names, &loopback, DAYS, clock)
    }
}

impl Certificate {
    pub(crate) fn open(source: &Source, service: &Service, clock: &dyn Clock) -> Result<Self, Error> {
        let (identity, own) = match source {
            Source::Files { certificate, key } => (Identity::load(certificate, key)?, None),
            Source::Own { directory } => {
                let own = Own::open(directory.as_ref(), service, clock)?;
                (own.issue(clock)?, Some(own))
            }
        };
        Ok(Self {
            identity,
            own,
            source: source.clone(),
        })
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The authority (PEM) that signed it; `None` for one that was given.
    pub(crate) fn authority(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.authority.certificate_pem())
    }

    /// Makes it anew if it is due, or reads it again; whether it is another one now.
    fn renew(&mut self, clock: &dyn Clock) -> Result<bool, Error> {
        let renewed = match (&self.source, &mut self.own) {
            (Source::Files { certificate, key }, _) => Identity::load(certificate, key)?,
            (Source::Own { directory }, Some(own)) => {
                if !self.identity.facts()?.due(clock.now()) {
                    return Ok(false);
                }
                if own.authority.facts().due(clock.now()) {
                    *own = Own::open(directory.as_ref(), &own.service, clock)?;
                }
                own.issue(clock)?
            }
            (Source::Own { .. }, None) => return Ok(false),
        };
        if renewed == self.identity {
            return Ok(false);
        }
        self.identity = renewed;
        Ok(true)
    }
}

/// Looks after the certificate and what the cluster knows of it.
#[derive(Debug)]
pub(crate) struct Keeping {
    pub(crate) certificate: Certificate,
    pub(crate) serving: Arc<Serving>,
    pub(crate) service: Service,
    /// Names of `APIService`s.
    pub(crate) services: Vec<String>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) clock: SharedClock,
}

impl Keeping {
    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let mut trouble = String::new();
        loop {
            let renewed = self.certificate.renew(self.clock.as_ref()).unwrap_or_else(|error| {
                tracing::warn!(%error, "the certificate of the metrics APIs is not renewed; the old one is kept");
                false
            });
            // Who verifies learns of a new authority before it is used.
            let told = self.register().await;
            if let Err(why) = told {
                if why != trouble {
                    tracing::warn!("caBundle: {why}");
                }
                trouble = why;
            } else {
                trouble.clear();
            }
            if renewed {
                match self.serving.replace(self.certificate.identity()) {
                    Ok(()) => tracing::info!("the certificate of the metrics APIs is renewed"),
                    Err(error) => {
                        tracing::warn!(%error, "the new certificate of the metrics APIs cannot be used; the old one is kept");
                    }
                }
            }
            tokio::select! {
                () = shutdown.raised() => return,
                () = capstan_runtime::sleep(PERIOD) => {}
            }
        }
    }

    async fn register(&self) -> Result<(), String> {
        let Some(authority) = self.certificate.authority() else {
            return Ok(());
        };
        let mut result = Ok(());
        for name in &self.services {
            let done = self.ensure(name, authority).await;
            result = result.and(done);
        }
        result
    }

    /// Writes our authority into one `APIService`, if it is there, points to us, and does not have it.
    async fn ensure(&self, name: &str, authority: &str) -> Result<(), String> {
        let path = format!("/apis/apiregistration.k8s.io/v1/apiservices/{name}");
        let failed = |what: &str, why: String| format!("cannot {what} APIService {name}: {why}");
        for _ in 0..ATTEMPTS {
            let reply = self.cluster.send(&Message::get(&path)).await;
            let reply = reply.map_err(|error| failed("read", error.to_string()))?;
            if reply.code == 404 {
                tracing::debug!(name, "no such APIService: nothing to tell it");
                return Ok(());
            }
            if reply.code != 200 {
                return Err(failed("read", said(&reply.body, reply.code)));
            }
            let object: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            let spec = &object["spec"];
            let Service { namespace, name: own } = &self.service;
            if spec["service"]["namespace"] != namespace.as_str() || spec["service"]["name"] != own.as_str() {
                tracing::debug!(name, "the APIService points to another service");
                return Ok(());
            }
            let current = spec["caBundle"].as_str().and_then(base64::decode);
            let current = current
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .unwrap_or_default();
            let wanted = bundle(&current, authority, self.clock.now());
            if wanted == current && spec["insecureSkipTLSVerify"] != true {
                return Ok(());
            }
            let patch = json!({
                "metadata": {"resourceVersion": object["metadata"]["resourceVersion"]},
                "spec": {"caBundle": base64::encode(wanted.as_bytes()), "insecureSkipTLSVerify": null},
            });
            let message = Message {
                content_type: "application/merge-patch+json",
                ..Message::json("PATCH", &path, patch.to_string().into_bytes())
            };
            let reply = self.cluster.send(&message).await;
            let reply = reply.map_err(|error| failed("patch", error.to_string()))?;
            match reply.code {
                200..=299 => {
                    tracing::info!(name, "the APIService trusts our authority now");
                    return Ok(());
                }
                // Somebody else wrote: look again.
                409 => {}
                code => return Err(failed("patch", said(&reply.body, code))),
            }
        }
        Err(failed("patch", "others keep writing it".to_owned()))
    }
}

fn said(body: &str, code: u16) -> String {
    let status: Value = serde_json::from_str(body).unwrap_or_default();
    match status["message"].as_str() {
        Some(message) => format!("{code}: {message}"),
        None => code.to_string(),
    }
}

/// The bundle with our authority in it. Other own ones stay while they are valid, since replicas may use them; the
/// newest, if they are many. What is not ours could not verify us, and goes.
fn bundle(current: &str, authority: &str, now: Timestamp) -> String {
    const END: &str = "-----END CERTIFICATE-----";
    let mut known: Vec<(Timestamp, String)> = Vec::new();
    let mut rest = current;
    while let Some(at) = rest.find(END) {
        let (text, after) = rest.split_at(at + END.len());
        rest = after;
        let one = Identity {
            certificate_pem: format!("{}\n", text.trim()),
            key_pem: String::new(),
        };
        let Ok(facts) = one.facts() else { continue };
        if facts.common_name == AUTHORITY && now < facts.not_after {
            known.push((facts.not_before, one.certificate_pem));
        }
    }
    let ours = format!("{}\n", authority.trim());
    if !known.iter().any(|(_, pem)| *pem == ours) {
        while known.len() >= MOST_AUTHORITIES {
            let oldest = known
                .iter()
                .enumerate()
                .min_by_key(|(_, (since, _))| *since)
                .map_or(0, |(index, _)| index);
            known.remove(oldest);
        }
        known.push((now, ours));
    }
    known.into_iter().map(|(_, pem)| pem).collect()
}

#[cfg(test)]
mod tests {
    use capstan_base::VirtualClock;

    use super::*;

    /// 2026-01-01T00:00:00Z.
    const NEW_YEAR: i64 = 1_767_225_600_000_000_000;

    #[test]
    fn a_bundle_keeps_other_replicas_and_drops_strangers_and_the_expired() {
        let clock = VirtualClock::at(NEW_YEAR);
        let make = |name: &str, days: u32| {
            let authority = Authority::generate(name, days, clock.as_ref()).unwrap();
            authority.certificate_pem().to_owned()
        };
        let (ours, other) = (make(AUTHORITY, 100), make(AUTHORITY, 10));
        let stranger = make("stranger", 100);
        let now = clock.now();
        let alone = bundle("", &ours, now);
        assert_eq!(alone.trim(), ours.trim());
        assert_eq!(
            bundle(&alone, &ours, now),
            alone,
            "nothing changes the second time"
        );
        let both = bundle(&format!("{stranger}{other}"), &ours, now);
        assert!(both.contains(other.trim()) && both.contains(ours.trim()) && !both.contains(stranger.trim()));
        assert_eq!(
            bundle(&both, &other, now),
            both,
            "the other replica is content too"
        );
        clock.advance(Duration::from_hours(11 * 24));
        assert_eq!(bundle(&both, &ours, clock.now()), alone);
        let mut many = String::new();
        for _ in 0..20 {
            many = bundle(&many, &make(AUTHORITY, 10), clock.now());
        }
        assert_eq!(many.matches("BEGIN CERTIFICATE").count(), MOST_AUTHORITIES);
        assert_eq!(bundle("no certificate", &ours, now), alone);
    }

    #[test]
    fn an_own_certificate_is_renewed_when_it_is_due_and_its_authority_stays() {
        let clock = VirtualClock::at(NEW_YEAR);
        let dir = tempfile::tempdir().unwrap();
        let source = Source::Own {
            directory: Some(dir.path().to_owned()),
        };
        let service = Service::default();
        let mut certificate = Certificate::open(&source, &service, clock.as_ref()).unwrap();
        let authority = certificate.authority().unwrap().to_owned();
        assert!(!certificate.renew(clock.as_ref()).unwrap());
        clock.advance(Duration::from_hours(24 * 61));
        let before = certificate.identity().clone();
        assert!(certificate.renew(clock.as_ref()).unwrap());
        assert_ne!(before, *certificate.identity());
        assert_eq!(certificate.authority().unwrap(), authority);
        assert!(certificate.identity().facts().unwrap().not_after > before.facts().unwrap().not_after);
        let again = Certificate::open(&source, &service, clock.as_ref()).unwrap();
        assert_eq!(again.authority().unwrap(), authority, "the directory keeps it");
        // Long after, the authority itself is due, and with it the certificate.
        clock.advance(Duration::from_hours(24 * 3000));
        assert!(certificate.renew(clock.as_ref()).unwrap());
        assert_ne!(certificate.authority().unwrap(), authority);
    }

    #[test]
    fn given_files_are_read_again_when_they_change() {
        let clock = VirtualClock::at(NEW_YEAR);
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        let authority = Authority::generate("theirs", 100, clock.as_ref()).unwrap();
        let issue = || {
            authority
                .issue_server("x", &["x"], &[], 10, clock.as_ref())
                .unwrap()
        };
        issue().save(&cert, &key).unwrap();
        let source = Source::Files {
            certificate: cert.clone(),
            key: key.clone(),
        };
        let mut certificate = Certificate::open(&source, &Service::default(), clock.as_ref()).unwrap();
        assert_eq!(certificate.authority(), None);
        assert!(!certificate.renew(clock.as_ref()).unwrap());
        issue().save(&cert, &key).unwrap();
        assert!(certificate.renew(clock.as_ref()).unwrap());
    }
}

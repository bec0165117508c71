//! Listeners of aggregated API servers: the own certificate is replaced while they run, and clients may belong to one of
//! several authorities that mean different things (a front proxy, or a user). So the handshake takes any certificate
//! whose key the client holds, as Go's `tls.RequestClientCert` does, and whoever authenticates asks each authority
//! whether it stands behind it. A certificate that nobody has asked about proves nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::RwLock;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

use crate::settings::{certificates, private_key, roots};
use crate::{CertificateFacts, Error, Identity};

/// A listener's own certificate, which can be replaced. Handshakes that begin later see the new one.
#[derive(Debug)]
pub struct Serving {
    current: RwLock<Arc<CertifiedKey>>,
}

impl Serving {
    /// Begins with this certificate.
    ///
    /// # Errors
    /// When a PEM text is malformed or the key does not fit.
    pub fn new(identity: &Identity) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            current: RwLock::new(certified(identity)?),
        }))
    }

    /// Replaces the certificate.
    ///
    /// # Errors
    /// When a PEM text is malformed or the key does not fit; the old one stays.
    pub fn replace(&self, identity: &Identity) -> Result<(), Error> {
        let made = certified(identity)?;
        let mut current = self.current.write();
        *current = made;
        Ok(())
    }
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read();
        Some(Arc::clone(&current))
    }
}

fn certified(identity: &Identity) -> Result<Arc<CertifiedKey>, Error> {
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(
        certificates(&identity.certificate_pem)?,
        private_key(&identity.key_pem)?,
        &provider,
    )
    .map(Arc::new)
    .map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => Error::Mismatch,
        error => Error::Settings(error.to_string()),
    })
}

/// Settings of a listener that asks for a certificate and takes any, or none: see [`Peers`].
///
/// # Errors
/// When the TLS library refuses the settings.
pub fn asking_server_config(serving: Arc<Serving>) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Settings(error.to_string()))?
        .with_client_cert_verifier(Arc::new(Asking(provider)))
        .with_cert_resolver(serving);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Takes every certificate whose key the client holds.
#[derive(Debug)]
struct Asking(Arc<CryptoProvider>);

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // None: clients then send what they have.
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The clients of some authorities.
#[derive(Clone)]
pub struct Peers {
    verifier: Arc<dyn ClientCertVerifier>,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}

impl Peers {
    /// Those with a certificate that one of these authorities (PEM) signed.
    ///
    /// # Errors
    /// When the text is malformed or holds no certificate.
    pub fn of(authorities: &str) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authorities)?), provider)
            .build()
            .map_err(|error| Error::Settings(error.to_string()))?;
        Ok(Self { verifier })
    }

    /// Whether the certificate, followed by its intermediates, is one of theirs now; then what it says.
    ///
    /// # Errors
    /// When there is none, it is signed by somebody else, has expired, or is no client's.
    pub fn verify(
        &self,
        chain: &[CertificateDer<'static>],
        now: Timestamp,
    ) -> Result<CertificateFacts, Error> {
        let (leaf, intermediates) = chain
            .split_first()
            .ok_or(Error::Certificate("the client showed none"))?;
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.verifier
            .verify_client_cert(leaf, intermediates, now)
            .map_err(|error| Error::Untrusted(error.to_string()))?;
        CertificateFacts::from_der(leaf)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration as Span;

    use capstan_base::{Clock, VirtualClock};
    use rustls::pki_types::pem::PemObject;

    use super::*;
    use crate::Authority;

    fn chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap()]
    }

    #[test]
    fn each_authority_stands_behind_its_own_clients_only_and_only_for_a_while() {
        let clock = VirtualClock::at(1_767_225_600_000_000_000);
        // The same name: a name proves nothing.
        let proxy = Authority::generate("ca", 100, clock.as_ref()).unwrap();
        let other = Authority::generate("ca", 100, clock.as_ref()).unwrap();
        let client = proxy
            .issue_client("front-proxy-client", None, 10, clock.as_ref())
            .unwrap();
        let server = proxy.issue_server("x", &["x"], &[], 10, clock.as_ref()).unwrap();
        let peers = Peers::of(proxy.certificate_pem()).unwrap();
        let facts = peers.verify(&chain(&client), clock.now()).unwrap();
        assert_eq!(facts.common_name, "front-proxy-client");
        let strangers = Peers::of(other.certificate_pem()).unwrap();
        assert!(strangers.verify(&chain(&client), clock.now()).is_err());
        assert!(
            peers.verify(&chain(&server), clock.now()).is_err(),
            "a server's is no client's"
        );
        assert!(peers.verify(&[], clock.now()).is_err());
        let both = format!("{}{}", other.certificate_pem(), proxy.certificate_pem());
        assert!(
            Peers::of(&both)
                .unwrap()
                .verify(&chain(&client), clock.now())
                .is_ok()
        );
        clock.advance(Span::from_hours(24 * 11));
        assert!(
            peers.verify(&chain(&client), clock.now()).is_err(),
            "it has expired"
        );
        assert!(Peers::of("").is_err());
    }

    #[test]
    fn a_certificate_is_replaced_only_by_a_good_one() {
        let clock = VirtualClock::at(1_767_225_600_000_000_000);
        let authority = Authority::generate("ca", 100, clock.as_ref()).unwrap();
        let one = authority
            .issue_server("a", &["a"], &[], 10, clock.as_ref())
            .unwrap();
        let two = authority
            .issue_server("b", &["b"], &[], 10, clock.as_ref())
            .unwrap();
        let serving = Serving::new(&one).unwrap();
        let shown = |serving: &Serving| serving.current.read().cert[0].clone();
        let mixed = Identity {
            certificate_pem: two.certificate_pem.clone(),
            key_pem: one.key_pem.clone(),
        };
        assert!(serving.replace(&mixed).is_err());
        assert_eq!(shown(&serving), chain(&one)[0]);
        serving.replace(&two).unwrap();
        assert_eq!(shown(&serving), chain(&two)[0]);
    }
}
